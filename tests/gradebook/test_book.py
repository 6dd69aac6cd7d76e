"""The gradebook on real SQLite files."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from grader.gradebook import Basis, Gradebook, GradebookError, Run
from grader.messages import render
from grader.model.budget import Level
from grader.model.outcome import State
from grader.model.result import ExerciseGrade, Grade, Status
from grader.model.submission import Student, Submission
from grader.model.text import Message

from .samples import ASSIGNMENT, BASIS, grade, outcome, scored, submission

ID = ASSIGNMENT.id


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out" / "gradebook.sqlite"


@pytest.fixture
def book(path: Path) -> Iterator[Gradebook]:
    with Gradebook.open(path) as opened:
        yield opened


@pytest.fixture
def run(book: Gradebook) -> Iterator[Run]:
    with book.run("grade", by="marta") as held:
        yield held


def test_a_grading_comes_back_as_it_was(book: Gradebook, run: Run, path: Path) -> None:
    """After closing and opening again, every value of submission, grade and outcome is equal."""
    given = outcome()
    run.record_submission(given.submission, ID)
    run.finish(given, BASIS)
    with Gradebook.open(path) as again:
        stored = again.load("ana", ID)
    assert stored.submission == given.submission
    assert (stored.assignment, stored.basis, stored.state) == (ID, BASIS, State.GRADED)
    assert stored.outcome(ASSIGNMENT, None) == replace(given, reused=True)
    assert stored.grade == given.grade
    assert stored.grade is not None
    assert str(stored.grade.of("1a.shape").points) == "0.30"


def test_checks_are_there_as_soon_as_they_are_reached(book: Gradebook, run: Run, path: Path) -> None:
    """Each check is committed before the next one is judged; another process sees it."""
    run.record_submission(submission(), ID)
    seen = []

    def judging() -> Iterator[object]:
        for check in ("1a.shape", "1a.scale", "1a.more"):
            yield scored(check)
            with sqlite3.connect(path) as other:
                seen.append(other.execute("SELECT count(*) FROM result").fetchone()[0])
            other.close()

    run.journal("ana", ID, BASIS, "1a", judging())  # type: ignore[arg-type]
    assert seen == [1, 2, 3]
    stored = book.load("ana", ID)
    assert not stored.complete
    assert stored.grade is not None
    assert [s.result.check for s in stored.grade.exercises[0].scored] == ["1a.shape", "1a.scale", "1a.more"]
    with pytest.raises(ValueError, match="not finished"):
        stored.outcome(ASSIGNMENT, None)


def test_a_check_that_raises_keeps_those_before_it(book: Gradebook, run: Run) -> None:
    """What was reached is earned, whatever comes after."""
    run.record_submission(submission(), ID)

    def judging() -> Iterator[object]:
        yield scored("1a.shape")
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError):
        run.journal("ana", ID, BASIS, "1a", judging())  # type: ignore[arg-type]
    stored = book.load("ana", ID)
    assert stored.grade == Grade((ExerciseGrade("1a", (scored("1a.shape"),)),))


def test_journalling_again_replaces_and_never_doubles(book: Gradebook, run: Run) -> None:
    """A resumed run writes the same checks; a verdict after a retraining replaces the one before."""
    run.record_submission(submission(), ID)
    run.journal("ana", ID, BASIS, "1a", [scored("1a.shape", Status.FAILED), scored("1a.scale")])
    run.journal("ana", ID, BASIS, "1a", [scored("1a.shape")])
    stored = book.load("ana", ID)
    assert stored.grade == Grade((ExerciseGrade("1a", (scored("1a.shape"), scored("1a.scale"))),))


def test_journalling_on_another_basis_starts_afresh(book: Gradebook, run: Run) -> None:
    """What a stopped run judged by another rubric does not mix with this one's."""
    run.record_submission(submission(), ID)
    run.journal("ana", ID, BASIS, "1a", [scored("1a.old")])
    run.journal("ana", ID, replace(BASIS, rubric="r2"), "1a", [scored("1a.shape")])
    stored = book.load("ana", ID)
    assert stored.grade == Grade((ExerciseGrade("1a", (scored("1a.shape"),)),))


def test_finishing_drops_what_is_not_in_the_grade(book: Gradebook, run: Run) -> None:
    """The grade that is finished is the one that is loaded, in its order."""
    run.record_submission(submission(), ID)
    run.journal("ana", ID, BASIS, "1b", [scored("1b.layers"), scored("1b.gone")])
    run.finish(outcome(), BASIS)
    assert book.load("ana", ID).grade == grade()


@pytest.mark.parametrize(
    "other",
    [{"digest": "x"}, {"evidence": "x"}, {"rubric": "x"}, {"level": Level.FULL}],
)
def test_done_means_done_on_the_same_basis(book: Gradebook, run: Run, other: dict[str, object]) -> None:
    """Another hand-in, other evidence, another rubric or level: there is work to do."""
    assert not book.is_done("ana", ID, BASIS)
    run.record_submission(submission(), ID)
    assert not book.is_done("ana", ID, BASIS)
    run.journal("ana", ID, BASIS, "1a", [scored("1a.shape")])
    assert not book.is_done("ana", ID, BASIS)
    run.finish(outcome(), BASIS)
    assert book.is_done("ana", ID, BASIS)
    assert not book.is_done("ana", ID, replace(BASIS, **other))  # type: ignore[arg-type]
    assert not book.is_done("ana", "other", BASIS)


def test_a_rubric_changed_and_changed_back_is_graded_again(book: Gradebook, run: Run) -> None:
    """Only the grading that counts is looked at: an older one on the same basis is not shown for it."""
    run.record_submission(submission(), ID)
    run.finish(outcome(), BASIS)
    run.finish(outcome(graded=grade(Status.FAILED)), replace(BASIS, rubric="r2"))
    assert not book.is_done("ana", ID, BASIS)
    assert book.load("ana", ID).grade == grade(Status.FAILED)


def test_a_newer_hand_in_is_not_shown_the_older_ones_grade(book: Gradebook, run: Run) -> None:
    """Until it is graded itself there is nothing, and the older document is gone."""
    run.record_submission(submission(), ID)
    run.finish(outcome(), BASIS)
    newer = submission(digest="f" * 64)
    run.record_submission(newer, ID)
    stored = book.load("ana", ID)
    assert (stored.submission, stored.state, stored.grade) == (newer, None, None)
    assert not book.is_done("ana", ID, BASIS)
    run.finish(outcome(newer), replace(BASIS, digest="f" * 64))
    assert book.load("ana", ID).state is State.GRADED


def test_handing_in_the_older_file_again_brings_no_stale_grade(book: Gradebook, run: Run) -> None:
    """One that was never superseded by a finished grading still counts for the very same bytes."""
    run.record_submission(submission(), ID)
    run.finish(outcome(), BASIS)
    run.record_submission(submission(digest="f" * 64), ID)
    run.record_submission(submission(), ID)
    assert book.is_done("ana", ID, BASIS)


@pytest.mark.parametrize("state", [State.FAILED, State.ABSENT])
def test_without_a_grade_there_is_none(book: Gradebook, run: Run, state: State) -> None:
    """A failure of ours and an absent student have no grade, not one of zero."""
    absent = replace(submission(), document=None, digest="")
    run.record_submission(absent, ID)
    basis = Basis("", "", "r1", Level.QUICK)
    run.finish(outcome(absent, state=state), basis)
    stored = book.load("ana", ID)
    assert (stored.state, stored.grade) == (state, None)
    assert book.is_done("ana", ID, basis) == (state is State.ABSENT)


def test_a_grade_without_checks_is_not_no_grade(book: Gradebook, run: Run) -> None:
    """`Grade(())` comes back as itself."""
    run.record_submission(submission(), ID)
    run.finish(outcome(graded=Grade(())), BASIS)
    assert book.load("ana", ID).grade == Grade(())


def test_two_results_of_one_check_are_refused(book: Gradebook, run: Run) -> None:
    """They would be one row, and the total another."""
    run.record_submission(submission(), ID)
    twins = Grade((ExerciseGrade("1a", (scored("1a.x"), scored("1a.x"))),))
    with pytest.raises(ValueError, match=r"1a\.x"):
        run.finish(outcome(graded=twins), BASIS)


def test_once_recognised_the_unrecognised_entry_goes(book: Gradebook, run: Run) -> None:
    """A student does not appear twice because the first look did not tell the assignment."""
    run.record_submission(submission())
    run.record_submission(submission("beto"))
    run.record_submission(submission(), ID)
    run.finish(outcome(), BASIS)
    lines = [(e.student, e.name, e.assignment, e.state) for e in book.entries()]
    assert lines == [("ana", "Ana Núñez", ID, State.GRADED), ("beto", "Ana Núñez", "", None)]
    assert [e.student for e in book.entries(ID)] == ["ana"]


def test_an_unknown_student_is_named(book: Gradebook, run: Run) -> None:
    """The error says who, for what, and where it looked."""
    with pytest.raises(GradebookError) as error:
        book.load("zoe", ID)
    assert "zoe" in render(error.value.message, "es")
    with pytest.raises(GradebookError):
        run.journal("zoe", ID, BASIS, "1a", [scored("1a.x")])


class TestHandMarks:
    """Marks that a person gave."""

    def test_they_survive_regrades_and_resubmissions(self, book: Gradebook, run: Run) -> None:
        """A regrade leaves them; a newer hand-in leaves them and tells that they are on an older one."""
        run.record_submission(submission(), ID)
        run.finish(outcome(), BASIS)
        given = book.mark("ana", ID, "1b.layers", Decimal("0.25"), by="marta", comment="bien visto")
        run.finish(outcome(graded=grade(Status.FAILED)), replace(BASIS, rubric="r2"))
        stored = book.load("ana", ID)
        assert stored.marks == (given,)
        assert stored.stale_marks == ()
        assert (given.points, given.by, given.comment) == (Decimal("0.25"), "marta", "bien visto")
        run.record_submission(submission(digest="f" * 64), ID)
        assert book.load("ana", ID).stale_marks == (given,)

    def test_marking_again_replaces(self, book: Gradebook, run: Run) -> None:
        """One mark for each part; the audit log has them all."""
        run.record_submission(submission(), ID)
        book.mark("ana", ID, "1b", Decimal("0.25"), by="marta")
        book.mark("ana", ID, "1b", Decimal("0.50"), by="luis", comment="revisión")
        assert [(m.part, m.points, m.by) for m in book.load("ana", ID).marks] == [
            ("1b", Decimal("0.50"), "luis")
        ]
        assert book.unmark("ana", ID, "1b", by="marta")
        assert not book.unmark("ana", ID, "1b", by="marta")
        log = [(c.by, c.part, c.old, c.new) for c in book.changes("ana") if c.what == "hand_mark"]
        assert log == [
            ("marta", "1b", "", "0.25 (marta)"),
            ("luis", "1b", "0.25 (marta)", "0.50 (luis) revisión"),
            ("marta", "1b", "0.50 (luis) revisión", ""),
        ]

    @pytest.mark.parametrize("points", ["-0.1", "NaN", "Infinity"])
    def test_what_is_no_mark_is_refused(self, book: Gradebook, run: Run, points: str) -> None:
        """Negative or not a number."""
        run.record_submission(submission(), ID)
        with pytest.raises(GradebookError):
            book.mark("ana", ID, "1b", Decimal(points), by="marta")
        assert book.load("ana", ID).marks == ()

    def test_only_for_students_there_are(self, book: Gradebook) -> None:
        """A typing error does not give points to nobody."""
        with pytest.raises(GradebookError):
            book.mark("anna", ID, "1b", Decimal(1), by="marta")


class TestAudit:
    """The log of what changed."""

    def test_a_regrade_logs_each_check_that_changed(self, book: Gradebook, run: Run) -> None:
        """Old and new, by whom; a regrade that changes nothing adds nothing."""
        run.record_submission(submission(), ID)
        run.finish(outcome(), BASIS)
        before = len(book.changes())
        run.finish(outcome(), replace(BASIS, rubric="r2"))
        assert len(book.changes()) == before
        run.finish(outcome(graded=grade(Status.PARTIAL, "0.75")), replace(BASIS, rubric="r3"))
        log = [(c.what, c.part, c.old, c.new, c.by) for c in book.changes()][before:]
        assert log == [
            ("grade", "", "graded 1.80/2.00", "graded 1.05/2.00", "marta"),
            ("check", "1b.layers", "passed 1.5/1.5", "partial 0.75/1.5", "marta"),
        ]

    @pytest.mark.parametrize("statement", ["UPDATE audit SET new = ''", "DELETE FROM audit"])
    def test_it_only_grows(self, book: Gradebook, run: Run, path: Path, statement: str) -> None:
        """The database itself refuses to change or remove a line."""
        run.record_submission(submission(), ID)
        other = sqlite3.connect(path)
        with pytest.raises(sqlite3.IntegrityError, match="only grows"):
            other.execute(statement)
        other.close()
        assert [c.what for c in book.changes("ana")] == ["submission"]


def test_runs_are_on_record(book: Gradebook) -> None:
    """Who ran what and when; one that was broken off has no end."""
    with book.run("grade", by="marta"):
        pass
    with pytest.raises(RuntimeError), book.run("regrade", by="luis"):
        raise RuntimeError("stopped")
    assert [(r.command, r.by, r.ended is None) for r in book.runs()] == [
        ("grade", "marta", False),
        ("regrade", "luis", True),
    ]


def test_text_that_databases_refuse_is_stored_all_the_same(book: Gradebook, run: Run) -> None:
    """NUL, half surrogate pairs (file names that are not UTF-8) and braces do not stop a class."""
    hostile = "a\0b\udce9{x}'; DROP TABLE result; --"
    sent = replace(
        submission(),
        student=Student("ana", hostile, hostile, hostile),
        origin=hostile,
        other_files=(hostile,),
    )
    run.record_submission(sent, ID)
    result = scored("1a.shape", message=Message("check.found", {"observed": hostile}))
    run.finish(outcome(sent, Grade((ExerciseGrade("1a", (result,)),))), BASIS)
    book.mark("ana", ID, "1a", Decimal(1), by=hostile, comment=hostile)
    stored = book.load("ana", ID)
    assert stored.submission.student.name == "a\ufffdb\ufffd{x}'; DROP TABLE result; --"
    assert stored.grade is not None
    message = stored.grade.of("1a.shape").result.message
    assert message.args["observed"] == "a\0b\ufffd{x}'; DROP TABLE result; --"


def test_many_threads_journal_at_once(book: Gradebook, run: Run) -> None:
    """Eight threads, each its own student, with readers between: nothing lost, nothing doubled."""
    students = [f"s{i}" for i in range(8)]
    errors: list[BaseException] = []

    def work(key: str) -> None:
        try:
            run.record_submission(submission(key), ID)
            for number in range(5):
                run.journal(key, ID, BASIS, "1a", [scored(f"1a.{number}")])
                book.load(key, ID)
            run.finish(outcome(submission(key)), BASIS)
            book.mark(key, ID, "1b", Decimal(1), by="marta")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(key,)) for key in students]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [e.student for e in book.entries() if e.state is State.GRADED] == students
    assert all(book.load(key, ID).grade == grade() for key in students)


class TestOpening:
    """What is opened, and what is refused."""

    def test_the_file_is_private(self, book: Gradebook, run: Run, path: Path) -> None:
        """It holds names and marks: only its owner reads it, and its log files likewise."""
        run.record_submission(submission(), ID)
        files = list(path.parent.iterdir())
        assert {file.name for file in files} >= {path.name, f"{path.name}-wal"}
        if os.name == "posix":
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}

    def test_it_is_durable(self, book: Gradebook) -> None:
        """WAL, full synchronisation, foreign keys and overwriting of what is deleted are on."""
        with book._database.write() as session:
            settings = {
                name: session.connection().exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
            }
        assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}

    def test_a_url_works_like_a_path(self, path: Path) -> None:
        """The same file by both names."""
        with Gradebook.open(f"sqlite:///{path}") as by_url, by_url.run("grade") as run:
            run.record_submission(submission(), ID)
        with Gradebook.open(str(path)) as by_path:
            assert [e.student for e in by_path.entries()] == ["ana"]

    def test_another_programs_database_is_left_alone(self, path: Path) -> None:
        """Nothing is written into it."""
        path.parent.mkdir()
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE moz_places (url)")
        other.commit()
        other.close()
        with pytest.raises(GradebookError) as error:
            Gradebook.open(path)
        assert error.value.message.key == "gradebook.not_ours"
        other = sqlite3.connect(path)
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("moz_places",)]
        other.close()

    def test_another_version_is_refused(self, path: Path) -> None:
        """By number, both told."""
        Gradebook.open(path).close()
        other = sqlite3.connect(path)
        other.execute("UPDATE grader_meta SET value = '7'")
        other.commit()
        other.close()
        with pytest.raises(GradebookError) as error:
            Gradebook.open(path)
        assert error.value.message.args == {"where": f"sqlite:///{path}", "found": "7", "known": 1}

    @pytest.mark.parametrize(
        ("where", "key"),
        [
            ("sqlite://", "gradebook.in_memory"),
            ("nosuchdatabase://host/x", "gradebook.no_driver"),
            ("://", "gradebook.bad_url"),
        ],
    )
    def test_addresses_that_cannot_be(self, where: str, key: str) -> None:
        """Each with its own sentence."""
        with pytest.raises(GradebookError) as error:
            Gradebook.open(where)
        assert error.value.message.key == key
        assert render(error.value.message, "en")

    def test_a_file_that_is_no_database(self, path: Path) -> None:
        """The database's own words, and the file's name."""
        path.parent.mkdir()
        path.write_bytes(b"not a database at all, but longer than a header is: " * 50)
        with pytest.raises(GradebookError) as error:
            Gradebook.open(path)
        assert "not a database" in str(error.value.message.args["why"])

    def test_errors_do_not_repeat_personal_data(self, book: Gradebook, run: Run, path: Path) -> None:
        """What the database complains about does not carry a student's name into a log."""
        other = sqlite3.connect(path)
        other.execute("DROP TABLE submission")
        other.commit()
        other.close()
        with pytest.raises(GradebookError) as error:
            run.record_submission(submission(name="Secreta Persona"), ID)
        assert "Secreta" not in f"{error.value} {error.value.__cause__}"

    def test_many_open_a_new_one_at_once(self, path: Path) -> None:
        """The tables are made once, and everyone gets in."""
        books: list[Gradebook] = []
        errors: list[BaseException] = []
        ready = threading.Barrier(8)

        def open_it() -> None:
            ready.wait()
            try:
                books.append(Gradebook.open(path))
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=open_it) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for book in books:
            book.close()
        assert errors == []
        assert len(books) == 8


def test_documents_of_every_size_are_kept(book: Gradebook, run: Run) -> None:
    """A hand-in with 5 MB of saved output comes back whole."""
    large: Submission = submission()
    assert large.document is not None
    cells = (replace(large.document.cells[1], source="x" * 5_000_000),)
    large = replace(large, document=replace(large.document, cells=cells))
    run.record_submission(large, ID)
    assert book.load("ana", ID).submission == large

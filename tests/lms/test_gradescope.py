"""results.json as Gradescope documents it, and never a score that we do not stand behind."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.lms.errors import LmsError
from grader.lms.gradescope import Pending, read_metadata, results, write
from grader.model.outcome import State
from grader.model.result import Grade, Status

from .samples import HIDDEN, LATER, grade, outcome, render, without_pending

TOP_KEYS = {
    *("score", "execution_time", "output", "output_format", "test_output_format", "test_name_format"),
    *("visibility", "stdout_visibility", "extra_data", "tests", "leaderboard"),
}
TEST_KEYS = {
    *("score", "max_score", "status", "name", "name_format", "number", "output", "output_format", "tags"),
    *("visibility", "extra_data"),
}
VISIBILITIES = {"visible", "hidden", "after_due_date", "after_published"}


def read(data: bytes) -> dict[str, Any]:
    """As a platform reads it: strict JSON, no NaN."""

    def refuse(name: str) -> None:
        raise AssertionError(name)

    document: dict[str, Any] = json.loads(data, parse_constant=refuse)
    assert document.keys() <= TOP_KEYS
    assert document["visibility"] in VISIBILITIES
    assert document["stdout_visibility"] == "hidden"
    assert isinstance(document["execution_time"], int)
    for test in document["tests"]:
        assert test.keys() <= TEST_KEYS
        assert test["visibility"] in VISIBILITIES
        assert test.get("status", "passed") in {"passed", "failed"}
        assert 0 <= test["score"] <= test["max_score"]
    assert "score" in document or document["tests"]
    return document


def by_check(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {test["extra_data"]["check"]: test for test in document["tests"]}


def test_every_check_is_a_test() -> None:
    """In the rubric's order, numbered within its exercise, with points as they were earned."""
    document = read(results(outcome(), "es", render=render))
    rows = [
        (t["number"], t["score"], t["max_score"], t.get("status"), t["visibility"]) for t in document["tests"]
    ]
    assert rows == [
        ("1a.1", 0.3, 0.3, "passed", "visible"),
        ("1a.2", 0.1, 0.2, "failed", "visible"),
        ("1a.3", 0.0, 0.5, "failed", "visible"),
        ("1b.1", 0.0, 1.0, "failed", "visible"),
        ("1b.2", 0.0, 0.75, None, "visible"),
        ("1b.3", 0.0, 0.25, "failed", "hidden"),
        ("1b.4", 0.4, 0.4, "passed", "after_due_date"),
        ("1b.5", 0.0, 0.0, "passed", "visible"),
    ]
    assert "score" not in document
    assert document["execution_time"] == 12
    assert document["extra_data"]["earned"] == "0.8"
    assert document["extra_data"]["pending"] == "0.75"


def test_outputs_teach() -> None:
    """What was found, what differs and how well it is known, and the hint."""
    test = by_check(read(results(outcome(), "es", render=render)))["1a.split"]
    assert test["output"].splitlines() == [
        "found Ana Núñez",
        "- Ana Núñez: se esperaba (28, 28) y hay Ana Núñez (verificado)",
        "Pista: hint Ana Núñez",
    ]


def test_provisional_pending_marks_count_nothing_and_say_so() -> None:
    """The student sees a total, and that it can only rise."""
    document = read(results(outcome(), "es", pending=Pending.PROVISIONAL, render=render))
    test = by_check(document)["1b.why"]
    assert (test["score"], test["visibility"], "status" in test) == (0.0, "visible", False)
    assert "solo puede subir" in test["output"]
    assert "0,75" in document["output"]
    assert "provisional" in document["output"]
    assert not any(t["visibility"] == "after_published" for t in document["tests"])


def test_held_pending_marks_keep_the_total_back() -> None:
    """One test that is hidden until publication: the platform then shows no total."""
    document = read(results(outcome(), "en", pending=Pending.HOLD, render=render))
    withheld = [c for c, t in by_check(document).items() if t["visibility"] == "after_published"]
    assert withheld == ["1b.why"]
    assert "There is no total until that is done" in document["output"]
    done = read(results(without_pending(outcome()), "en", pending=Pending.HOLD, render=render))
    assert not any(t["visibility"] == "after_published" for t in done["tests"])
    assert "person" not in done["output"]


@pytest.mark.parametrize("pending", Pending)
def test_what_we_could_not_grade_keeps_the_total_back_and_is_owned(pending: Pending) -> None:
    """Our failure on one check is not shown as the student's zero."""
    given = outcome(graded=grade(x1a_split=Status.UNGRADED))
    document = read(results(given, "es", pending=pending, render=render))
    test = by_check(document)["1a.split"]
    assert test["visibility"] == "after_published"
    assert "status" not in test
    assert "problema nuestro" in test["output"]
    assert "problema nuestro" in document["output"]


def test_what_only_staff_may_see_stays_hidden_whatever_happened_to_it() -> None:
    """A staff check that waits for a person is not shown when grades are published."""
    given = outcome(graded=grade(x1b_band=Status.REVIEW))
    assert (
        by_check(read(results(given, "es", pending=Pending.HOLD, render=render)))["1b.band"]["visibility"]
        == "hidden"
    )


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("pending", Pending)
def test_visible_texts_hold_nothing_hidden(language: str, pending: Pending) -> None:
    """Values of staff checks and of those for later stand only in tests with that visibility."""
    document = read(results(outcome(), language, pending=pending, render=render))  # type: ignore[arg-type]
    for test in document["tests"]:
        told = json.dumps(test)
        assert (HIDDEN in told) == (test["visibility"] == "hidden")
        assert (LATER in told) == (test["visibility"] == "after_due_date")
    rest = json.dumps({k: v for k, v in document.items() if k != "tests"})
    assert HIDDEN not in rest
    assert LATER not in rest


def test_an_unreadable_hand_in_scores_nothing_and_is_told_why() -> None:
    """That is the student's; there need not even be an assignment."""
    given = replace(outcome(state=State.UNREADABLE), grade=None, assignment=None)
    document = read(results(given, "es", render=render))
    assert document["score"] == 0.0
    assert document["tests"] == []
    assert "renamed Ana Núñez" in document["output"]


def test_a_grade_without_checks_has_a_score_at_the_top() -> None:
    """The platform refuses a file with neither."""
    assert read(results(replace(outcome(), grade=Grade(())), "es", render=render))["score"] == 0.0


@pytest.mark.parametrize("state", [State.FAILED, State.ABSENT])
def test_no_score_without_a_grade(state: State) -> None:
    """A failure of ours raises instead of writing a zero."""
    with pytest.raises(LmsError):
        results(outcome(state=state), "es", render=render)


@settings(deadline=None)
@given(st.text())
def test_any_text_gives_a_file_that_can_be_read(text: str) -> None:
    """Control characters, terminal commands, half surrogate pairs; none survives in the strings."""
    document = read(results(outcome(text), "es", render=render))
    told = json.dumps(document["tests"], ensure_ascii=False)
    assert "\x1b" not in told
    assert "\u202e" not in told
    told.encode()


class TestWriting:
    """The file in the container."""

    def test_it_lies_where_the_platform_looks(self, tmp_path: Path) -> None:
        """results/results.json, whole, with no temporary file left."""
        path = write([outcome()], "es", root=tmp_path, render=render)
        assert path == tmp_path / "results" / "results.json"
        assert read(path.read_bytes())["tests"]
        assert [p.name for p in path.parent.iterdir()] == ["results.json"]

    def test_a_file_that_was_there_is_never_taken_for_ours(self, tmp_path: Path) -> None:
        """When we fail, a results.json that student code had written is gone."""
        planted = tmp_path / "results" / "results.json"
        planted.parent.mkdir()
        planted.write_text('{"score": 100}')
        with pytest.raises(LmsError):
            write([outcome(state=State.FAILED)], "es", root=tmp_path, render=render)
        assert not planted.exists()

    def test_of_several_documents_the_best_counts_and_that_is_said(self, tmp_path: Path) -> None:
        """A helper module beside the notebook does not cost the notebook's points."""
        helper = outcome(state=State.UNREADABLE, key="utils", origin="utils.py")
        poor = outcome(graded=grade(x1a_shape=Status.FAILED), key="draft", origin="draft.ipynb")
        path = write([helper, outcome(), poor], "es", root=tmp_path, render=render)
        document = read(path.read_bytes())
        assert by_check(document)["1a.shape"]["score"] == 0.3
        assert "El que cuenta es p1.ipynb" in document["output"]
        assert "utils.py, draft.ipynb" in document["output"]

    def test_a_failure_among_several_documents_sends_nothing(self, tmp_path: Path) -> None:
        """The one we could not grade may have been the one that counts."""
        with pytest.raises(LmsError):
            write([outcome(), outcome(state=State.FAILED)], "es", root=tmp_path, render=render)
        with pytest.raises(LmsError):
            write([], "es", root=tmp_path, render=render)
        assert list((tmp_path / "results").iterdir()) == [] if (tmp_path / "results").exists() else True


class TestMetadata:
    """submission_metadata.json."""

    DOCUMENTED: dict[str, Any] = {  # noqa: RUF012
        "id": 123456,
        "created_at": "2018-07-01T14:22:32.365935-07:00",
        "assignment": {
            "due_date": "2018-07-31T23:00:00.000000-07:00",
            "group_size": 4,
            "group_submission": True,
            "id": 25828,
            "course_id": 1234,
            "late_due_date": None,
            "release_date": "2018-07-02T00:00:00.000000-07:00",
            "title": "Programming Assignment 1",
            "total_points": "20.0",
        },
        "submission_method": "upload",
        "users": [
            {"email": "student@example.com", "id": 1234, "name": "Student User"},
            {"email": "other@example.com", "id": 1235, "name": "Other\u202e User"},
        ],
        "previous_submissions": [
            {"submission_time": "2017-04-06T14:24:48.087023-07:00", "score": 0.0, "results": {}}
        ],
    }

    def test_the_documented_example(self, tmp_path: Path) -> None:
        """Who it belongs to and when it was handed in; a group is one student for us."""
        (tmp_path / "submission_metadata.json").write_text(json.dumps(self.DOCUMENTED))
        metadata = read_metadata(tmp_path)
        assert metadata is not None
        assert metadata.created_at is not None
        assert metadata.created_at.astimezone(UTC).replace(microsecond=0) == datetime(
            2018, 7, 1, 21, 22, 32, tzinfo=UTC
        )
        student = metadata.student
        assert student is not None
        assert (student.key, student.name) == ("gradescope-1234", "Student User, Other User")
        assert (student.lms_id, student.email) == ("1234", "student@example.com")

    def test_a_key_is_a_safe_file_name(self, tmp_path: Path) -> None:
        """Whatever an id may hold."""
        document = self.DOCUMENTED | {"users": [{"id": "../../x", "name": ""}]}
        (tmp_path / "submission_metadata.json").write_text(json.dumps(document))
        metadata = read_metadata(tmp_path)
        assert metadata is not None
        assert metadata.student is not None
        assert metadata.student.key == "gradescope-x"

    def test_without_users_nobody_is_named(self, tmp_path: Path) -> None:
        """Nor is there metadata in a run by hand."""
        assert read_metadata(tmp_path) is None
        (tmp_path / "submission_metadata.json").write_text('{"id": 1}')
        metadata = read_metadata(tmp_path)
        assert metadata is not None
        assert metadata.student is None

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"id": null}', '{"id": 1, "users": 3}', "\udcff"])
    def test_anything_else_is_named(self, tmp_path: Path, text: str) -> None:
        """The path and what is wrong with it."""
        path = tmp_path / "submission_metadata.json"
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(LmsError) as error:
            read_metadata(tmp_path)
        assert error.value.message.args["path"] == str(path)


def test_scores_add_up_to_what_was_earned() -> None:
    """The platform sums the tests."""
    document = read(results(outcome(), "es", render=render))
    assert sum(Decimal(str(t["score"])) for t in document["tests"]) == grade().earned

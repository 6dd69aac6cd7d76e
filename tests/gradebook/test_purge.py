"""After a purge nothing personal is left, and nothing else is gone."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from grader.evidence.store import EvidenceStore
from grader.gradebook import Gradebook, GradebookBusy, GradebookError, Purged
from grader.model.budget import Level
from grader.model.evidence import Ended, Evidence, ServedData
from grader.model.result import Status

from .samples import ASSIGNMENT, BASIS, grade, outcome, submission

NAME = "Aitana Zubizarreta"
EVIDENCE = Evidence(
    ASSIGNMENT.id, Level.QUICK, 1, ServedData("fashion_mnist", "f", "stand-in"), Ended.COMPLETED
)


def a_class(folder: Path) -> tuple[Gradebook, EvidenceStore, list[Path]]:
    """A gradebook with one of everything, evidence, and reports."""
    book = Gradebook.open(folder / "gradebook.sqlite")
    with book.run("grade", by=NAME) as run:
        for key in ("ana", "beto"):
            run.record_submission(submission(key, name=NAME), ASSIGNMENT.id)
            run.finish(outcome(submission(key, name=NAME)), BASIS)
        run.finish(outcome(submission("ana", name=NAME), grade(Status.FAILED)), BASIS)
    book.mark("ana", ASSIGNMENT.id, "1b", Decimal(1), by=NAME, comment=NAME)
    store = EvidenceStore(folder / "evidence")
    store.put("a" * 64, EVIDENCE)
    reports = folder / "reports"
    (reports / "deep").mkdir(parents=True)
    (reports / "ana.html").write_text(NAME)
    (reports / "deep" / "beto.html").write_text(NAME)
    (folder / "grades.csv").write_text(NAME)
    return book, store, [reports, folder / "grades.csv", folder / "never-written"]


def test_nothing_personal_is_left(tmp_path: Path) -> None:
    """Not a row, not a file, not a byte of the name in the database's free pages or its log."""
    book, store, written = a_class(tmp_path)
    purged = book.purge(store, written)
    assert purged.students == 2
    assert (purged.evidence, purged.files) == (1, 3)
    assert purged.rows >= 12
    assert (book.entries(), book.changes(), book.runs()) == ((), (), ())
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name.partition("-")[0] for path in left} == {"gradebook.sqlite"}
    assert all(b"Zubizarreta" not in path.read_bytes() for path in left)
    book.close()


def test_the_gradebook_can_be_used_again(tmp_path: Path) -> None:
    """It is empty, whole, and its audit log is guarded again."""
    book, store, written = a_class(tmp_path)
    book.purge(store, written)
    with book.run("grade") as run:
        run.record_submission(submission(), ASSIGNMENT.id)
        run.finish(outcome(), BASIS)
    assert book.load("ana", ASSIGNMENT.id).grade == grade()
    book.close()
    database = sqlite3.connect(tmp_path / "gradebook.sqlite")
    with pytest.raises(sqlite3.IntegrityError):
        database.execute("DELETE FROM audit")
    database.close()


def test_an_empty_gradebook_can_be_purged(tmp_path: Path) -> None:
    """There is nothing to remove, and that is no error."""
    with Gradebook.open(tmp_path / "gradebook.sqlite") as book:
        assert book.purge() == Purged(students=0, rows=0, evidence=0, files=0)


def test_not_while_a_run_is_working(tmp_path: Path) -> None:
    """Nothing is removed under a run's feet."""
    book, store, written = a_class(tmp_path)
    with book.run("grade"), pytest.raises(GradebookBusy):
        book.purge(store, written)
    assert len(book.entries()) == 2
    assert (tmp_path / "reports" / "ana.html").exists()
    book.close()


def test_precious_folders_are_refused_before_anything_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of the gradebook, the current one, the home folder, and any that holds them."""
    book, store, written = a_class(tmp_path)
    here, home = tmp_path / "here", tmp_path / "home"
    here.mkdir()
    home.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    for precious in (tmp_path, here, home, Path("."), Path("/")):
        with pytest.raises(GradebookError) as error:
            book.purge(store, [*written, precious])
        assert error.value.message.key == "gradebook.purge_refused"
    assert len(book.entries()) == 2
    assert store.get("a" * 64) == EVIDENCE
    assert (tmp_path / "reports" / "ana.html").exists()
    book.close()


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A link in a folder of reports goes, what it points to stays."""
    book, store, written = a_class(tmp_path / "out")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_bytes(b"cat")
    (tmp_path / "out" / "reports" / "link").symlink_to(tmp_path / "photos")
    (tmp_path / "out" / "linked").symlink_to(tmp_path / "photos")
    purged = book.purge(store, [*written, tmp_path / "out" / "linked"])
    assert purged.files == 5
    assert (tmp_path / "photos" / "cat.png").read_bytes() == b"cat"
    assert not (tmp_path / "out" / "linked").is_symlink()
    book.close()

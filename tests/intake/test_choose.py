"""Which of a student's files is graded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from grader.intake import IntakeLimits, collect
from grader.model.submission import Document, Submission

from .build import keys, notebook, one, source, write

LONG = notebook("a_long_notebook = 1")
SHORT = notebook("short = 1")
R = notebook("x", metadata={"kernelspec": {"name": "ir", "language": "R"}})


def hand_in(tmp_path: Path, scratch: Path, files: dict[str, bytes]) -> Submission:
    root = write(
        tmp_path / "c", {f"Ana_8_assignsubmission_file/{name}": data for name, data in files.items()}
    )
    return one(root, scratch)


@pytest.mark.parametrize(
    ("files", "graded", "said"),
    [
        ({"p.ipynb": SHORT}, "short = 1", []),
        ({"p.ipynb": SHORT, "m.py": b"x = 1" * 99, "informe.pdf": b"%PDF"}, "short = 1", []),
        ({"m.py": b"x = 1"}, "x = 1", []),
        ({"p.ipynb": SHORT, "sub/q.ipynb": LONG}, "a_long_notebook = 1", ["intake.several_documents"]),
        ({"a.py": b"x = 1", "b.py": b"xx = 11"}, "xx = 11", ["intake.several_documents"]),
        ({"p.ipynb": SHORT, "p (1).ipynb": SHORT}, "short = 1", []),
        ({"p.ipynb": SHORT, "vacio.ipynb": b""}, "short = 1", ["intake.empty_file"]),
        ({"p.ipynb": LONG[:-20], "m.py": b"x = 1"}, "x = 1", ["intake.truncated"]),
        ({"p.ipynb": R, "q.ipynb": SHORT}, "short = 1", ["intake.other_language"]),
        ({"p.json": SHORT}, "short = 1", ["intake.renamed"]),
        ({"practica": SHORT}, "short = 1", ["intake.renamed"]),
        ({"p.ipynb.txt": SHORT, "datos.json": b'{"a": 1}'}, "short = 1", []),
        ({"todo.rar": b"Rar!", "p.ipynb": SHORT}, "short = 1", ["intake.foreign_archive"]),
    ],
)
def test_one_is_graded(
    tmp_path: Path, scratch: Path, files: dict[str, bytes], graded: str, said: list[str]
) -> None:
    """The notebook, else the module; what cannot be read beside it is a warning, and no file is forgotten."""
    submission = hand_in(tmp_path, scratch, files)
    assert source(submission) == graded
    assert keys(submission.problems) == said
    assert submission.fatal is None
    assert submission.document is not None
    assert {submission.document.path, *submission.other_files} == set(files)
    data = files[submission.document.path]
    assert submission.digest == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"informe.pdf": b"%PDF", "datos.json": b'{"a": 1}'}, ["intake.no_document"]),
        ({"p.ipynb": b""}, ["intake.empty_file"]),
        ({"p.ipynb": LONG[:-20]}, ["intake.truncated"]),
        ({"p.ipynb": b"\x89PNG\r\n"}, ["intake.is_image"]),
        ({"p.ipynb": R}, ["intake.other_language"]),
        ({"p.ipynb": notebook("")}, ["intake.empty_notebook"]),
        ({"p.rar": b"Rar!"}, ["intake.foreign_archive"]),
        ({"p.ipynb": b"", "m.py": b"\x00"}, ["intake.empty_file", "intake.empty_file"]),
    ],
)
def test_nothing_to_grade(tmp_path: Path, scratch: Path, files: dict[str, bytes], said: list[str]) -> None:
    """No document, one fatal sentence for each file that might have been one, and a digest all the same."""
    submission = hand_in(tmp_path, scratch, files)
    assert submission.document is None
    assert keys(submission.problems) == said
    assert submission.fatal is not None
    assert set(submission.other_files) == set(files)
    assert len(submission.digest) == 64


def test_the_warning_names_both(tmp_path: Path, scratch: Path) -> None:
    """An instructor must see which of two was graded."""
    (problem,) = hand_in(tmp_path, scratch, {"p.ipynb": SHORT, "q.ipynb": LONG}).problems
    assert problem.message.args == {"chosen": "q.ipynb", "others": "p.ipynb"}


@pytest.mark.parametrize(("wanted", "graded"), [("short", "short = 1"), ("neither", "a_long_notebook = 1")])
def test_the_score_decides_before_size(tmp_path: Path, scratch: Path, wanted: str, graded: str) -> None:
    """The notebook that fits the assignment; of two that fit alike, the one with more code."""

    def score(document: Document) -> float:
        return float(document.cells[0].source.startswith(wanted))

    root = write(tmp_path, {"ana/p.ipynb": SHORT, "ana/q.ipynb": LONG})
    (submission,) = collect(root, scratch=scratch, score=score)
    assert source(submission) == graded


def test_a_copy_is_not_a_second_document(tmp_path: Path, scratch: Path) -> None:
    """Browsers add `(1)`; of two equal files the plain name is graded, and nothing is said."""
    submission = hand_in(tmp_path, scratch, {"p (1).ipynb": SHORT, "p.ipynb": SHORT})
    assert submission.document is not None
    assert (submission.document.path, submission.problems) == ("p.ipynb", ())


def test_the_digest_changes_with_the_hand_in(tmp_path: Path, scratch: Path) -> None:
    """Also when nothing in it can be graded: a repaired hand-in must not look unchanged."""
    one_byte = hand_in(tmp_path / "a", scratch, {"informe.pdf": b"%PDF-1"}).digest
    assert one_byte == hand_in(tmp_path / "b", scratch, {"informe.pdf": b"%PDF-1"}).digest
    assert one_byte != hand_in(tmp_path / "c", scratch, {"informe.pdf": b"%PDF-2"}).digest


def test_a_flood_of_notebooks(tmp_path: Path, scratch: Path) -> None:
    """Only the first of very many are looked into, and that is told."""
    files = {f"Ana_8_assignsubmission_file/{i}.ipynb": notebook(f"x = {i}") for i in range(9)}
    submission = one(write(tmp_path, files), scratch, IntakeLimits(candidates=3))
    assert "intake.too_many_documents" in keys(submission.problems)
    assert submission.document is not None


def test_a_file_too_large(tmp_path: Path, scratch: Path) -> None:
    """Named with its size; the rest of the hand-in is graded."""
    files = {
        "Ana_8_assignsubmission_file/p.ipynb": SHORT,
        "Ana_8_assignsubmission_file/q.ipynb": b" " * 3 * 2**20,
    }
    submission = one(write(tmp_path, files), scratch, IntakeLimits(document_bytes=2**20))
    assert source(submission) == "short = 1"
    assert submission.problems[0].message.args == {"file": "q.ipynb", "size": 3, "limit": 1}

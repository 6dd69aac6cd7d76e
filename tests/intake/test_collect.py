"""Intake as a whole: nothing stays behind, nothing stops the class, every sentence renders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from grader.intake import collect, collect_one
from grader.messages import render
from grader.model.errors import IntakeError
from grader.model.submission import Document, Problem, Student
from grader.model.text import LANGUAGES

from .build import keys, notebook, write, zip_bytes, zipped

OUTSIDE = notebook("x")


def messy_class(tmp_path: Path) -> Path:
    """Sound and broken hand-ins side by side, as in a bad year."""
    nested = zip_bytes(tmp_path, {"../out.ipynb": OUTSIDE, "p.ipynb": notebook("nested = 1")})
    members = {
        "Ana_1_assignsubmission_file/p.ipynb": notebook("ana = 1"),
        "Bo_2_assignsubmission_file/p.ipynb": notebook("bo = 1")[:-5],
        "Cho_3_assignsubmission_file/p.ipynb": b"",
        "Dan_4_assignsubmission_file/p.ipynb": b"\x89PNG",
        "Eva_5_assignsubmission_file/e.zip": nested,
        "Fay_6_assignsubmission_file/f.zip": b"PK broken",
        "Gus_7_assignsubmission_file/a.ipynb": notebook("a = 1"),
        "Gus_7_assignsubmission_file/b.ipynb": notebook("bb = 1"),
        "Hal_8_assignsubmission_onlinetext/onlinetext.html": b"<p>",
        "Ivy_9_assignsubmission_file/p.ipynb": notebook("x", metadata={"language_info": {"name": "R"}}),
        "/abs.ipynb": OUTSIDE,
    }
    return zipped(tmp_path / "clase.zip", members)


def test_one_bad_hand_in_never_stops_the_class(tmp_path: Path, scratch: Path) -> None:
    """Each gets a submission, with a document or with the reason why not; scratch is left empty."""
    told: list[Problem] = []
    roster = [Student("zoe", "Zoe", "99")]
    found = collect(messy_class(tmp_path), roster=roster, scratch=scratch, on_problem=told.append)
    assert {s.student.name: s.document is not None for s in found} == {
        "Ana": True,
        "Bo": False,
        "Cho": False,
        "Dan": False,
        "Eva": True,
        "Fay": False,
        "Gus": True,
        "Hal": False,
        "Ivy": False,
        "Zoe": False,
    }
    assert all((s.document is None) == (s.fatal is not None) for s in found)
    assert keys(tuple(told)) == ["intake.member_outside"]
    assert list(scratch.iterdir()) == []


def test_every_problem_is_a_sentence(tmp_path: Path, scratch: Path) -> None:
    """All of them render in both languages with all their values."""
    told: list[Problem] = []
    found = collect(messy_class(tmp_path), scratch=scratch, on_problem=told.append)
    problems = told + [problem for s in found for problem in s.problems]
    assert len(problems) >= 9
    for language in LANGUAGES:
        sentences = [render(problem.message, language) for problem in problems]
        assert all(sentence.endswith((".", ")")) and "{" not in sentence for sentence in sentences)


def test_scratch_holds_one_student_at_a_time(tmp_path: Path, scratch: Path) -> None:
    """Archives of a whole class never lie unpacked on the disk together."""
    seen: list[int] = []

    def score(_document: Document) -> float:
        seen.append(len(list(scratch.rglob("*.zip"))))
        return 0.0

    inner = zip_bytes(tmp_path, {"p.ipynb": notebook("x = 1")})
    root = write(tmp_path / "c", {f"{name}.zip": inner for name in ("ana", "bo", "cho")})
    collect(root, scratch=scratch, score=score)
    assert seen == [1, 1, 1]


def test_the_same_input_gives_the_same_submissions(tmp_path: Path, scratch: Path) -> None:
    """Keys, digests, choices and order do not change from run to run."""
    path = messy_class(tmp_path)
    assert collect(path, scratch=scratch) == collect(path, scratch=scratch)


def test_a_packed_class_equals_the_unpacked_one(tmp_path: Path, scratch: Path) -> None:
    """The same files in a folder and in a zip give the same documents and digests."""
    files = {"ana/p.ipynb": notebook("a = 1"), "luis/q.ipynb": notebook("b = 1"), "eva.py": b"# %%\nx = 1"}
    folder = collect(write(tmp_path / "c", files), scratch=scratch)
    packed = collect(zipped(tmp_path / "c.zip", files), scratch=scratch)
    assert [(s.student, s.document, s.digest) for s in folder] == [
        (s.student, s.document, s.digest) for s in packed
    ]


def test_intake_needs_no_unix_and_no_framework(tmp_path: Path) -> None:
    """A student's self-check on Windows reads its notebook through here."""
    notebook_file = tmp_path / "p.ipynb"
    notebook_file.write_bytes(notebook("x = 1"))
    program = (
        "import sys, os, pathlib\n"
        "for name in ('fcntl', 'resource', 'pwd', 'grp', 'termios', 'tensorflow', 'keras', 'numpy'):\n"
        "    sys.modules[name] = None\n"
        "for flag in ('O_NOFOLLOW', 'O_NONBLOCK', 'O_CLOEXEC'):\n"
        "    delattr(os, flag)\n"
        "from grader.intake import collect\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "(s,) = collect(folder / 'p.ipynb', scratch=folder / 'scratch')\n"
        "print(s.document.cells[0].source)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )
    assert (run.stdout.strip(), run.stderr) == ("x = 1", "")


def test_a_platforms_folder_is_one_students(tmp_path: Path, scratch: Path) -> None:
    """A notebook beside its own module, and names that would be a class's: one hand-in."""
    files = {
        "practica.ipynb": notebook("import ayuda"),
        "ayuda.py": b"def f():\n    return 1\n",
        "Bob_9_assignsubmission_file/notas.txt": b"-",
    }
    folder = write(tmp_path / "submission", files)
    ana = Student("gradescope-7", "Ana", "7")
    found = collect_one(folder, ana, scratch=scratch)
    assert found.student == ana
    assert found.document is not None
    assert found.document.path == "practica.ipynb"


def test_an_empty_folder_of_a_platform_is_said(tmp_path: Path, scratch: Path) -> None:
    (tmp_path / "submission").mkdir()
    with pytest.raises(IntakeError, match="nothing_found"):
        collect_one(tmp_path / "submission", Student("x", "x"), scratch=scratch)

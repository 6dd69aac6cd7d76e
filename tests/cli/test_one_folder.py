"""What lies in --out: several practicals, late hand-ins, wrong folders, hand marks. Level static: seconds."""

from __future__ import annotations

import getpass
import json
import re
import shutil
from pathlib import Path

import pytest

from grader.cli.exits import Exit
from tests.cli.test_commands import typed

ROOT = Path(__file__).parents[2]
PRACTICALS = ("fashion-dense", "fashion-convnet")
FAST = ("--level", "static", "--data", "stand-in")


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """The real practicals with a roster of three."""
    made = tmp_path / "course"
    for folder in ("assignments", "reference"):
        shutil.copytree(ROOT / folder, made / folder)
    people = "".join(
        f'[[roster]]\nname = "{n}"\nid = "{i}"\n' for i, n in enumerate(("Ana Gil", "Ángel Paz", "Zoe Pi"), 1)
    )
    (made / "course.toml").write_text(f'language = "es"\n{people}', encoding="utf-8")
    return made


def hand_in(folder: Path, practical: str, *people: tuple[str, int]) -> Path:
    for name, number in people:
        target = folder / f"{name}_{number}_assignsubmission_file"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "reference" / practical / "solution.ipynb", target / "practica.ipynb")
    return folder


def state(out: Path, key: str) -> str:
    return str(json.loads((out / "json" / f"{key}.json").read_text(encoding="utf-8"))["state"])


ANA, ANGEL = ("Ana Gil", 1), ("Ángel Paz", 2)


def graded(course: Path, tmp_path: Path) -> Path:
    folder = hand_in(tmp_path / "dense", "fashion-dense", ANA, ANGEL)
    assert typed("run", folder, "--course", course, "--out", tmp_path / "out", *FAST) == Exit.GRADED
    return tmp_path / "out"


def test_a_wrong_folder_does_not_take_grades_away(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused in one sentence; a late hand-in leaves the others' grades; --replace does what it says."""
    out = graded(course, tmp_path)
    place = ("--course", course, "--out", out, *FAST)
    before = (out / "grades.csv").read_bytes()
    (tmp_path / "empty").mkdir()
    capsys.readouterr()
    assert typed("run", tmp_path / "empty", *place) == Exit.USAGE
    told = capsys.readouterr().err
    assert "ninguno de los 2 estudiantes" in " ".join(told.split())
    assert "--replace" in told
    assert (out / "grades.csv").read_bytes() == before

    late = hand_in(tmp_path / "late", "fashion-dense", ANA)
    assert typed("run", late, *place) == Exit.GRADED
    assert "Ángel Paz" in capsys.readouterr().err
    assert [state(out, key) for key in ("ana-gil", "angel-paz", "zoe-pi")] == ["graded", "graded", "absent"]

    assert typed("run", late, *place, "--replace") == Exit.GRADED
    assert state(out, "angel-paz") == "absent"


def test_two_practicals_share_a_folder(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both have their reports and CSV; what is about one of them says which, or asks."""
    out = graded(course, tmp_path)
    second = hand_in(tmp_path / "convnet", "fashion-convnet", ANA)
    place = ("--course", course, "--out", out)
    assert typed("run", second, *place, *FAST) == Exit.GRADED
    for practical in PRACTICALS:
        assert state(out / practical, "ana-gil") == "graded"
        assert (out / practical / "grades.csv").read_text("utf-8-sig").count("\n") == 4
    assert state(out / "fashion-dense", "angel-paz") == "graded"
    assert state(out / "fashion-convnet", "angel-paz") == "absent"
    assert not (out / "grades.csv").exists()

    capsys.readouterr()
    assert typed("explain", "ana-gil", "1", *place) == Exit.USAGE
    assert "--assignment" in capsys.readouterr().err
    assert typed("explain", "ana gil", "1", *place, "--assignment", "fashion-dense") == Exit.GRADED
    assert typed("mark", "ana-gil", "1.written", "0,25", *place) == Exit.USAGE
    assert typed("mark", "ana-gil", "1.written", "0,25", *place, "-a", "fashion-dense") == Exit.GRADED
    capsys.readouterr()
    assert typed("regrade", *place, "--data", "stand-in") == Exit.GRADED
    assert "fashion-convnet, fashion-dense" in capsys.readouterr().err

    assert typed("purge", "--out", out, "--yes", "--course", course) == Exit.GRADED
    assert [p for p in out.rglob("*") if p.is_file()] == []


def test_a_mark_counts_at_once(course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the JSON, the CSV and the student's page, with no login; what cannot be is told apart."""
    out = graded(course, tmp_path)
    place = ("--course", course, "--out", out)
    capsys.readouterr()
    assert typed("mark", "Ángel", "1.written", "0,25", *place, "--comment", "Muy bien.") == Exit.GRADED
    told = capsys.readouterr().err
    assert "0,25" in told
    grade = json.loads((out / "json" / "angel-paz.json").read_text(encoding="utf-8"))["grade"]
    assert grade["earned"] == "0.25"
    page = (out / "reports" / "angel-paz.html").read_text(encoding="utf-8")
    assert "Comentario: Muy bien." in page
    assert getpass.getuser() not in re.sub(r"(?s)<style>.*?</style>", "", page)

    for check, points, said in (
        ("1.writen", "0", "¿Querías decir 1.written"),
        ("1.written", "7", "el máximo de «1.written», que es 0,5"),
        ("1.written", "nan", "no es un número de puntos"),
    ):
        assert typed("mark", "angel-paz", check, points, *place) == Exit.USAGE
        assert said in " ".join(capsys.readouterr().err.split())
    assert typed("mark", "angel-pax", "1.written", "0", *place) == Exit.USAGE
    assert "¿Querías decir angel-paz" in " ".join(capsys.readouterr().err.split())


def test_usage_errors_come_before_grading(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An --out that is a file, data that are not there, a practical or a command that was mistyped."""
    folder = hand_in(tmp_path / "dense", "fashion-dense", ANA)
    file = tmp_path / "notes.txt"
    file.write_text("x")
    place = ("--course", course, "--level", "static")
    for words, said in (
        (("run", folder, *place, "--out", file), "no es una carpeta"),
        (("run", folder, *place, "--out", tmp_path / "o", "--data", "/nonexist"), "/nonexist"),
        (("run", folder, *place, "--out", tmp_path / "o", "-a", "fashion-dens"), "fashion-dense"),
        (("regade", "--course", course), "regrade"),
    ):
        capsys.readouterr()
        assert typed(*words) == Exit.USAGE, words
        assert said in " ".join(capsys.readouterr().err.split())


def test_purge_leaves_what_it_did_not_write(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = graded(course, tmp_path)
    (out / "reports" / "mine.txt").write_text("x")
    assert typed("purge", "--out", out, "--yes", "--course", course) == Exit.GRADED
    assert [p for p in out.rglob("*") if p.is_file()] == [out / "reports" / "mine.txt"]
    assert "reports/mine.txt" in " ".join(capsys.readouterr().err.split())


def test_purge_without_a_list_of_what_was_written(course: Path, tmp_path: Path) -> None:
    """A folder from before there was one: the students' files go all the same."""
    out = graded(course, tmp_path)
    (out / ".written").unlink()
    assert typed("purge", "--out", out, "--yes", "--course", course) == Exit.GRADED
    assert [p for p in out.rglob("*") if p.is_file()] == []

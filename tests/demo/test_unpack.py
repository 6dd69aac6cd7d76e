"""The demo is a whole course, as it comes out of the package."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import nbformat
import pytest

from grader.calibration.sources import mutants, solution, starter, variants
from grader.course import Course, find_course
from grader.demo import unpack
from grader.intake.collect import collect
from grader.messages import render
from grader.model.errors import UsageError
from grader.model.result import Status
from grader.model.submission import Submission
from grader.model.text import LANGUAGES

ID = "digits-dense"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(tmp_path_factory.mktemp("anywhere") / "demo")


@pytest.fixture(scope="module")
def course(folder: Path) -> Course:
    return find_course(folder)


@pytest.fixture(scope="module")
def handed_in(
    folder: Path, course: Course, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Submission]:
    scratch = tmp_path_factory.mktemp("scratch")
    found = collect(folder / "submissions", roster=course.roster, scratch=scratch)
    return {submission.student.name: submission for submission in found}


def test_it_is_a_course_of_ten_points(course: Course) -> None:
    """One practical of three exercises, with its texts in both languages."""
    loaded = course.load(ID)
    assert course.ids() == (ID,)
    assert loaded.assignment.points == Decimal(10)
    assert [exercise.id for exercise in loaded.assignment.exercises] == ["1", "2", "3"]
    assert all((loaded.folder / f"statement.{language}.md").is_file() for language in LANGUAGES)


def test_references_can_be_read(course: Course) -> None:
    """A solution, a starter, two variants, five mutants whose edits match."""
    loaded = course.load(ID)
    assert solution(loaded).document.cells
    assert starter(loaded) is not None
    assert len(variants(loaded)) == 2
    found = mutants(loaded)
    assert len(found) == 5
    known = {check.id for check in loaded.assignment.checks}
    assert all(set(mutant.checks) <= known for mutant in found)
    assert all(Status.PASSED not in mutant.checks.values() for mutant in found)


def test_notebooks_are_valid(folder: Path) -> None:
    """All but the two that are broken on purpose."""
    bad = []
    for path in sorted(folder.rglob("*.ipynb")):
        try:
            nbformat.validate(json.loads(path.read_text(encoding="utf-8")))
        except json.JSONDecodeError:
            bad.append(path.parent.name.split("_")[0])
    assert bad == ["Diego Pons Abad", "Elena Mas Soler"]


def test_the_class_is_the_roster(course: Course, handed_in: dict[str, Submission]) -> None:
    """Everyone on the roster is there: three graded, two unreadable, one who handed in nothing."""
    assert set(handed_in) == {student.name for student in course.roster}
    fatal = {name: s.fatal.message.key for name, s in handed_in.items() if s.fatal}
    assert fatal == {
        "Diego Pons Abad": "intake.truncated",
        "Elena Mas Soler": "intake.empty_file",
        "Íñigo Ibáñez Núñez": "intake.absent",
    }


def test_a_second_time_keeps_what_was_changed(folder: Path) -> None:
    """Whoever edits a notebook of the demo and runs it again grades the edited one."""
    path = folder / "assignments" / ID / "statement.en.md"
    before = path.read_bytes()
    path.write_bytes(before + b"\nMine.\n")
    try:
        unpack(folder)
        assert path.read_bytes().endswith(b"Mine.\n")
    finally:
        path.write_bytes(before)


def test_nothing_but_the_course_is_written(folder: Path) -> None:
    """No unfinished files, no byte code."""
    names = {p.name for p in folder.iterdir()}
    assert names == {"course.toml", "assignments", "reference", "submissions"}
    assert not [p for p in folder.rglob("*") if p.suffix in {".part", ".pyc"}]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_in_the_way_is_named(tmp_path: Path, language: str) -> None:
    """The sentence names the folder and says what to do."""
    path = tmp_path / "demo"
    path.write_text("a file")
    with pytest.raises(UsageError) as caught:
        unpack(path)
    assert str(path) in render(caught.value.message, "es" if language == "es" else "en")

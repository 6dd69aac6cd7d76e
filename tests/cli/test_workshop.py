"""What the parts of a command are made with."""

from __future__ import annotations

from pathlib import Path

from grader.cli.workshop import Workshop
from grader.course import Course


def test_limits_are_the_usual_the_courses_and_the_typed() -> None:
    """Each over the one before, in the units that people type."""
    course = Course(Path(), limits={"memory_bytes": 2.0, "output_bytes": 5.0, "processes": 9.0})
    limits = Workshop(course, Path("out"), workers=1).limits
    assert (limits.memory_bytes, limits.output_bytes, limits.processes) == (2 * 2**30, 5 * 2**20, 9)
    assert Workshop(course, Path("out"), memory=1.5).limits.memory_bytes == 3 * 2**29
    assert Workshop(Course(Path()), Path("out")).limits.processes == 64

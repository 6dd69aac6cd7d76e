"""Marks given by hand, laid over the machine's grade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from grader.model.result import ExerciseGrade, Grade, Scored, Status
from grader.model.text import Message


class Mark(Protocol):
    """Points a person gave to one check."""

    @property
    def points(self) -> Decimal: ...
    @property
    def comment(self) -> str: ...


def with_marks(grade: Grade, marks: Mapping[str, Mark]) -> Grade:
    """The grade in which every check that a person marked has that person's points.

    A mark outside a check's points is cut to them; marks of checks that are gone are left out.
    """
    if not marks:
        return grade
    return Grade(
        tuple(
            ExerciseGrade(e.exercise, tuple(_marked(s, marks.get(s.result.check)) for s in e.scored))
            for e in grade.exercises
        )
    )


def _marked(scored: Scored, mark: Mark | None) -> Scored:
    if mark is None:
        return scored
    earned = max(Decimal(0), min(mark.points, scored.points))
    fraction = Fraction(earned) / Fraction(scored.points) if scored.points else Fraction(1)
    status = Status.PASSED if fraction == 1 else Status.PARTIAL if fraction else Status.FAILED
    # Who gave it is in the gradebook's audit log: a login is nothing for a student's report.
    comment = mark.comment.strip()
    message = Message("check.marked.comment", {"comment": comment}) if comment else Message("check.marked")
    result = replace(scored.result, status=status, fraction=fraction, message=message)
    return replace(scored, result=result, earned=earned)

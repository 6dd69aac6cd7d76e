"""Marks given by hand stand above the machine's verdict."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import pytest

from grader.model.result import CheckResult, ExerciseGrade, Grade, Scored, Status
from grader.model.text import Message
from grader.scoring.marks import with_marks


@dataclass(frozen=True, slots=True)
class Given:
    points: Decimal
    by: str = "Ana"
    comment: str = ""


def scored(check: str, status: Status, points: str) -> Scored:
    return Scored(CheckResult(check, status), Decimal(points), Decimal(0))


GRADE = Grade((ExerciseGrade("1", (scored("1.a", Status.REVIEW, "2"), scored("1.b", Status.UNGRADED, "1"))),))


@pytest.mark.parametrize(
    ("points", "status", "earned"),
    [
        ("2", Status.PASSED, "2"),
        ("5", Status.PASSED, "2"),
        ("0.5", Status.PARTIAL, "0.5"),
        ("0", Status.FAILED, "0"),
    ],
)
def test_a_mark_decides_the_check(points: str, status: Status, earned: str) -> None:
    """Cut to the check's points, and no longer pending."""
    found = with_marks(GRADE, {"1.a": Given(Decimal(points))})
    one = found.of("1.a")
    assert (one.result.status, one.earned, found.pending) == (status, Decimal(earned), 0)
    assert one.result.fraction == Fraction(Decimal(earned)) / 2
    assert one.result.message == Message("check.marked")


def test_a_mark_also_settles_what_we_could_not_grade() -> None:
    """It then is in the gradable maximum."""
    assert with_marks(GRADE, {"1.b": Given(Decimal(1))}).gradable == 3
    assert GRADE.gradable == 2


def test_other_checks_and_grades_without_marks_stay_as_they_are() -> None:
    """A mark of a check that is gone is left out."""
    assert with_marks(GRADE, {}) is GRADE
    assert with_marks(GRADE, {"9.z": Given(Decimal(1))}) == GRADE


def test_a_check_without_points_can_be_marked() -> None:
    """Nothing is divided by nothing."""
    free = Grade((ExerciseGrade("1", (scored("1.a", Status.REVIEW, "0"),)),))
    assert with_marks(free, {"1.a": Given(Decimal(0))}).of("1.a").result.status is Status.PASSED


def test_a_comment_is_shown_and_a_login_is_not() -> None:
    found = with_marks(GRADE, {"1.a": Given(Decimal(1), by="root", comment=" Bien. ")})
    assert found.of("1.a").result.message == Message("check.marked.comment", {"comment": "Bien."})

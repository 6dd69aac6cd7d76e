"""Points from verdicts: what depends is skipped, what crashes is ours, shares are rounded to the cent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest

from grader.checks.base import Rule
from grader.model.assignment import Assignment, Exercise
from grader.model.budget import Level
from grader.model.evidence import Ended, Evidence, ServedData
from grader.model.expected import Expected
from grader.model.result import CheckResult, Grade, Status
from grader.model.text import Message, Text
from grader.scoring.score import grade, judge, judge_again, nothing, settled

T = Text("t", "t")
EVIDENCE = Evidence("demo", Level.QUICK, 1, ServedData("d", "fp", "folder"), Ended.COMPLETED)
EXPECTED = Expected("demo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed(Rule):
    """A check that always ends the same way."""

    ends: Callable[[Rule], CheckResult]

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        return self.ends(self)


def crash(rule: Rule) -> CheckResult:
    raise ZeroDivisionError("a fault of ours")


def share(fraction: Fraction) -> Callable[[Rule], CheckResult]:
    return lambda rule: rule.earned(fraction, ("p", "q", "f"))


PASS, FAIL = share(Fraction(1)), share(Fraction(0))


def end(status: Status) -> Callable[[Rule], CheckResult]:
    return lambda rule: rule.end(status, "k")


def wants(rule: Rule) -> CheckResult:
    return rule.end(Status.FAILED, "accuracy.missed", wants_retraining=4)


def check(id: str, ends: Callable[[Rule], CheckResult], points: str = "1", *needs: str) -> Fixed:
    return Fixed(id=id, title=T, points=Decimal(points), needs=needs, ends=ends)


def assignment(*checks: Fixed) -> Assignment:
    """One exercise per first character of the ids."""
    exercises: dict[str, list[Fixed]] = {}
    for one in checks:
        exercises.setdefault(one.exercise, []).append(one)
    return Assignment("demo", T, "d", tuple(Exercise(e, T, tuple(c)) for e, c in exercises.items()))


def graded(*checks: Fixed) -> Grade:
    rubric = assignment(*checks)
    return grade(rubric, judge(rubric, EVIDENCE, EXPECTED))


def statuses(*checks: Fixed) -> list[Status]:
    return [result.status for result in judge(assignment(*checks), EVIDENCE, EXPECTED)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (PASS, Status.PASSED),
        (FAIL, Status.SKIPPED),
        (share(Fraction(1, 3)), Status.PASSED),
        (end(Status.REVIEW), Status.PASSED),
        (end(Status.UNGRADED), Status.PASSED),
        (crash, Status.PASSED),
    ],
)
def test_what_depends_on_a_failed_check_is_skipped(
    first: Callable[[Rule], CheckResult], second: Status
) -> None:
    """Only an outright failure skips: what is pending or ours does not."""
    assert statuses(check("1.a", first), check("1.b", PASS, "1", "1.a"))[1] is second


def test_a_skipped_check_does_not_skip_those_after_it() -> None:
    """It did not fail; each says for itself what it needs."""
    found = judge(
        assignment(check("1.a", FAIL), check("1.b", PASS, "1", "1.a"), check("1.c", PASS, "1", "1.b")),
        EVIDENCE,
        EXPECTED,
    )
    assert [r.status for r in found] == [Status.FAILED, Status.SKIPPED, Status.PASSED]
    assert found[1].message.args == {"needs": "1.a"}
    assert found[1].fraction == 0


def test_a_need_that_is_judged_later_does_not_skip() -> None:
    """Checks are judged in the rubric's order."""
    assert statuses(check("1.a", PASS, "1", "1.b"), check("1.b", FAIL)) == [Status.PASSED, Status.FAILED]


def test_a_crash_is_ours_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Ungraded, logged for staff, and the others are judged all the same."""
    with caplog.at_level(logging.ERROR):
        found = graded(check("1.a", crash, "2"), check("1.b", PASS, "3"))
    assert found.of("1.a").result.status is Status.UNGRADED
    assert found.of("1.a").result.message.key == "check.crashed"
    assert (found.earned, found.gradable, found.maximum) == (Decimal(3), Decimal(3), Decimal(5))
    assert "1.a" in caplog.text
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("points", "fraction", "earned"),
    [
        ("0.75", Fraction(2, 3), "0.50"),
        ("0.75", Fraction(1, 3), "0.25"),
        ("1", Fraction(1, 3), "0.33"),
        ("1", Fraction(2, 3), "0.67"),
        ("0.25", Fraction(1, 3), "0.08"),
        ("0.25", Fraction(1, 2), "0.13"),
        ("0.05", Fraction(1, 2), "0.03"),
        ("0", Fraction(1, 2), "0.00"),
        ("1.0", Fraction(5, 8), "0.63"),
        ("2.5", Fraction(1), "2.50"),
    ],
)
def test_shares_are_rounded_to_the_cent_with_halves_up(points: str, fraction: Fraction, earned: str) -> None:
    """Exact until the last step: three thirds are one."""
    found = graded(check("1.a", share(fraction), points))
    assert str(found.of("1.a").earned) == earned


def test_earned_pending_and_gradable_stay_apart() -> None:
    """What a person still has to mark, and what we could not judge."""
    found = graded(
        check("1.a", PASS, "1"),
        check("1.b", end(Status.REVIEW), "2"),
        check("2.a", end(Status.UNGRADED), "4"),
        check("2.b", FAIL, "8"),
    )
    assert (found.maximum, found.earned, found.pending, found.gradable) == (15, 1, 2, 11)
    assert [e.exercise for e in found.exercises] == ["1", "2"]


def test_results_of_checks_that_are_gone_are_left_out() -> None:
    """And a check without a result is not in the grade."""
    rubric = assignment(check("1.a", PASS), check("1.b", PASS))
    found = grade(
        rubric,
        (CheckResult("1.a", Status.PASSED, Fraction(1)), CheckResult("9.z", Status.PASSED, Fraction(1))),
    )
    assert [s.result.check for e in found.exercises for s in e.scored] == ["1.a"]
    with pytest.raises(KeyError):
        found.of("9.z")


def test_nothing_fails_every_check_for_one_reason() -> None:
    """An empty hand-in: everything gradable, nothing earned."""
    rubric = assignment(check("1.a", PASS, "1"), check("2.a", PASS, "2"))
    found = nothing(rubric, Message("intake.empty"))
    assert (found.earned, found.gradable, found.pending) == (0, 3, 0)
    assert {s.result.message.key for e in found.exercises for s in e.scored} == {"intake.empty"}
    assert found.of("1.a").result.status is Status.FAILED


def test_only_what_asked_for_a_retraining_is_judged_again() -> None:
    """The others keep their result to the letter."""
    before = judge(assignment(check("1.a", wants), check("1.b", FAIL)), EVIDENCE, EXPECTED)
    after = judge_again(before, assignment(check("1.a", PASS), check("1.b", PASS)), EVIDENCE, EXPECTED)
    assert [r.status for r in after] == [Status.PASSED, Status.FAILED]
    assert after[1] is before[1]


def test_a_miss_that_cannot_be_retrained_is_a_person_s() -> None:
    """It must not cost points untested."""
    found = settled(judge(assignment(check("1.a", wants), check("1.b", FAIL)), EVIDENCE, EXPECTED))
    assert [(r.status, r.wants_retraining) for r in found] == [(Status.REVIEW, None), (Status.FAILED, None)]
    assert found[0].message.key == "accuracy.not_retrained"


@pytest.mark.parametrize(
    ("level", "key", "status"),
    [
        (Level.STATIC, "level.not_run", Status.UNDECIDED),
        (Level.STRUCTURE, "accuracy.level", Status.UNDECIDED),
        (Level.QUICK, "level.not_run", Status.UNGRADED),
        (Level.STRUCTURE, "structure.no_reference", Status.UNGRADED),
    ],
)
def test_what_a_level_leaves_open_is_no_failure_of_ours(level: Level, key: str, status: Status) -> None:
    """The same words where the level should have decided it are."""
    rubric = assignment(check("1a", lambda rule: rule.end(Status.UNGRADED, key)))
    seen = msgspec.structs.replace(EVIDENCE, level=level)
    (result,) = judge(rubric, seen, EXPECTED)
    found = grade(rubric, [result])
    assert result.status is status
    assert (found.gradable, found.maximum) == (0, 1)

"""Runs an assignment's checks over evidence and gives each its points. No state, no I/O."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from grader.model.assignment import Assignment, Check
from grader.model.budget import Level
from grader.model.evidence import Evidence
from grader.model.expected import Expected
from grader.model.result import CheckResult, ExerciseGrade, Grade, Scored, Status
from grader.model.text import Message

log = logging.getLogger(__name__)

CENT = Decimal("0.01")
_LEFT_OUT = {
    Level.STATIC: frozenset({"level.not_run"}),
    Level.STRUCTURE: frozenset({"accuracy.level"}),
}
"""Why a check abstains at a level that does not decide it. The same reason at another level is a fault of
ours: at `quick`, code that did not run should have."""


def judge(assignment: Assignment, evidence: Evidence, expected: Expected) -> tuple[CheckResult, ...]:
    """Every check's result, in the rubric's order."""
    results: dict[str, CheckResult] = {}
    for check in assignment.checks:
        results[check.id] = _judge_one(check, evidence, expected, results)
    return tuple(results.values())


def _judge_one(
    check: Check, evidence: Evidence, expected: Expected, earlier: dict[str, CheckResult]
) -> CheckResult:
    missing = [n for n in check.needs if n in earlier and earlier[n].status is Status.FAILED]
    if missing:
        return CheckResult(check.id, Status.SKIPPED, message=Message("check.skipped", {"needs": missing[0]}))
    try:
        return _by_level(check(evidence, expected), evidence.level)
    except Exception:
        # A fault in a check is ours: it must neither cost the student points nor stop the class.
        log.exception("check %s failed", check.id)
        return CheckResult(check.id, Status.UNGRADED, message=Message("check.crashed"))


def _by_level(result: CheckResult, level: Level) -> CheckResult:
    """A check that abstains because of the level was not failed by us."""
    if result.status is Status.UNGRADED and result.message.key in _LEFT_OUT.get(level, ()):
        return replace(result, status=Status.UNDECIDED)
    return result


def grade(assignment: Assignment, results: Iterable[CheckResult]) -> Grade:
    """Points for results: each check's share of its points, to the cent, halves up."""
    by_check = {result.check: result for result in results}
    return Grade(
        tuple(
            ExerciseGrade(
                exercise.id,
                tuple(
                    _scored(check, by_check[check.id]) for check in exercise.checks if check.id in by_check
                ),
            )
            for exercise in assignment.exercises
        )
    )


def _scored(check: Check, result: CheckResult) -> Scored:
    exact = check.points * result.fraction.numerator / result.fraction.denominator
    return Scored(result, check.points, exact.quantize(CENT, ROUND_HALF_UP))


def nothing(assignment: Assignment, reason: Message) -> Grade:
    """The grade of a hand-in in which nothing can be graded: every check failed for one reason."""
    failed = (CheckResult(check.id, Status.FAILED, message=reason) for check in assignment.checks)
    return grade(assignment, failed)


def judge_again(
    results: tuple[CheckResult, ...], assignment: Assignment, evidence: Evidence, expected: Expected
) -> tuple[CheckResult, ...]:
    """Judge anew the checks that asked for a retraining, now that its result is evidence."""
    return tuple(
        _judge_one(assignment.check(r.check), evidence, expected, {}) if r.wants_retraining is not None else r
        for r in results
    )


def settled(results: tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
    """Results when no further retraining can be had: a miss that could not be retrained is a person's."""
    return tuple(
        replace(r, status=Status.REVIEW, message=Message("accuracy.not_retrained"), wants_retraining=None)
        if r.wants_retraining is not None
        else r
        for r in results
    )

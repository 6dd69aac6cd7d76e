"""Exit statuses of every `grade` command."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from grader.model.outcome import Outcome, State


class Exit(IntEnum):
    """0 graded (marks a person still has to give included), 2 usage, 3 something was not graded."""

    GRADED = 0
    UNSOUND = 1
    """`grade validate` found an assignment unsound, or a self-check found something to mend."""
    USAGE = 2
    UNGRADED = 3


def status_of(outcomes: Iterable[Outcome]) -> Exit:
    """UNGRADED when anything failed on our side: a submission, or a check of one."""
    for outcome in outcomes:
        if outcome.state is State.FAILED:
            return Exit.UNGRADED
        if outcome.grade is not None and outcome.grade.gradable < outcome.grade.maximum:
            return Exit.UNGRADED
    return Exit.GRADED

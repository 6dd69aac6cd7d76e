"""Who reads, and what of each check they may see."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Literal

from grader.model.assignment import Assignment, Check, Visibility
from grader.model.result import ExerciseGrade, Grade, Scored
from grader.model.submission import Problem

Audience = Literal["self-check", "student", "staff"]
"""self-check: a student before handing in; student: the graded report handed back; staff: everything."""


class Shown(Enum):
    """How much of one check a reader sees."""

    ALL = "all"
    POINTS = "points"
    """That there is such a check, and what it earned: the total must add up."""
    NOTHING = "nothing"
    """Not even how it ended: a student who may try again could feel a hidden check out by that."""


_SHOWN: dict[Audience, dict[Visibility, Shown]] = {
    "self-check": {
        Visibility.STUDENT: Shown.ALL,
        Visibility.AFTER_DEADLINE: Shown.NOTHING,
        Visibility.STAFF: Shown.NOTHING,
    },
    "student": {
        Visibility.STUDENT: Shown.ALL,
        Visibility.AFTER_DEADLINE: Shown.ALL,
        Visibility.STAFF: Shown.POINTS,
    },
    "staff": dict.fromkeys(Visibility, Shown.ALL),
}


_FOR_STAFF = frozenset({"intake.not_in_roster", "intake.not_in_roster_number", "intake.roster_conflict"})
"""Problems of a hand-in that only an instructor can mend."""


def told(problems: Iterable[Problem], audience: Audience) -> tuple[Problem, ...]:
    """The problems that concern `audience`."""
    return tuple(p for p in problems if audience == "staff" or p.message.key not in _FOR_STAFF)


def find_check(assignment: Assignment | None, id: str) -> Check | None:
    """The check of that id; None when the assignment no longer has it."""
    found = assignment.checks if assignment else iter(())
    return next((check for check in found if check.id == id), None)


def shown(check: Check | None, audience: Audience) -> Shown:
    """What `audience` sees of a check. One that is not known any more is treated as the staff's."""
    return _SHOWN[audience][check.visibility if check else Visibility.STAFF]


def visible_grade(assignment: Assignment | None, grade: Grade, audience: Audience) -> Grade:
    """The grade without the checks of which this audience sees nothing, so that its totals add up."""

    def seen(scored: Scored) -> bool:
        return shown(find_check(assignment, scored.result.check), audience) is not Shown.NOTHING

    kept = (ExerciseGrade(e.exercise, tuple(s for s in e.scored if seen(s))) for e in grade.exercises)
    return Grade(tuple(e for e in kept if e.scored))

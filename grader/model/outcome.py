"""What grading one submission came to: the value that reports, gradebook and LMS writers read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from grader.model.assignment import Assignment
from grader.model.budget import Level
from grader.model.evidence import Evidence
from grader.model.result import Grade
from grader.model.submission import Problem, Submission


class State(StrEnum):
    """How grading a submission ended."""

    GRADED = "graded"
    UNREADABLE = "unreadable"
    """Nothing in it could be graded (empty, not a notebook, ...): no points, and a person is told."""
    ABSENT = "absent"
    """On the roster, handed in nothing."""
    UNFINISHED = "unfinished"
    """Recorded, but the run was stopped before its grading was finished."""
    FAILED = "failed"
    """Ours. Never yields a score."""


@dataclass(frozen=True, slots=True)
class Outcome:
    submission: Submission
    assignment: Assignment | None
    state: State
    level: Level
    grade: Grade | None = None
    """None when `state` is UNFINISHED, FAILED or ABSENT."""
    evidence: Evidence | None = None
    problems: tuple[Problem, ...] = ()
    """Those of the submission, then those met while it ran."""
    reused: bool = False
    """Nothing ran: evidence and verdicts were those of an earlier run."""
    seconds: float = 0.0

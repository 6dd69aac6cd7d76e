"""What goes into a gradebook and comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from grader.model.assignment import Assignment
from grader.model.budget import Level
from grader.model.evidence import Evidence
from grader.model.outcome import Outcome, State
from grader.model.result import Grade
from grader.model.submission import Problem, Submission


@dataclass(frozen=True, slots=True)
class Basis:
    """What a grade rests on: while it is the same, there is nothing to do again."""

    digest: str
    """Of the hand-in."""
    evidence: str
    """Key in the evidence store, "" when nothing was collected."""
    rubric: str
    """Digest of the assignment, its checks and expected values."""
    level: Level


@dataclass(frozen=True, slots=True)
class HandMark:
    """Points a person gave to one check or exercise."""

    part: str
    """Id of a check, or of an exercise."""
    points: Decimal
    by: str
    given: datetime
    comment: str = ""
    digest: str = ""
    """Of the hand-in that was marked."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the gradebook: who, and for which assignment ("" when it was not recognised)."""

    student: str
    name: str
    assignment: str
    state: State | None
    """None while its grading has not been finished."""


@dataclass(frozen=True, slots=True)
class Stored:
    """All the gradebook knows of one student's work for one assignment.

    `grade` is the machine's; the marks given by hand stand beside it. While `state` is None no grading
    of this hand-in was finished, and `grade` holds the checks reached before the run was stopped.
    """

    submission: Submission
    assignment: str
    basis: Basis | None
    state: State | None
    grade: Grade | None
    problems: tuple[Problem, ...]
    seconds: float
    marks: tuple[HandMark, ...]

    @property
    def complete(self) -> bool:
        return self.state is not None

    @property
    def stale_marks(self) -> tuple[HandMark, ...]:
        """Marks given on an earlier hand-in: a person should look again."""
        return tuple(m for m in self.marks if m.digest != self.submission.digest)

    def outcome(self, assignment: Assignment | None, evidence: Evidence | None) -> Outcome:
        """The outcome as it was when it was recorded.

        Raises:
            ValueError: no grading of it was finished.
        """
        if self.state is None or self.basis is None:
            raise ValueError(f"grading {self.submission.student.key} was not finished")
        return Outcome(
            submission=self.submission,
            assignment=assignment,
            state=self.state,
            level=self.basis.level,
            grade=self.grade,
            evidence=evidence,
            problems=self.problems,
            reused=True,
            seconds=self.seconds,
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the audit log."""

    at: datetime
    by: str
    student: str
    assignment: str
    what: str
    """submission, grade, check, hand_mark or lock."""
    part: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One `grade` command. `ended` is None while it runs, and when it was stopped before its end."""

    command: str
    by: str
    host: str
    version: str
    began: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Purged:
    """What was removed, in numbers only."""

    students: int
    rows: int
    evidence: int
    files: int

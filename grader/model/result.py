"""Verdicts as data."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from grader.model.evidence import Provenance
from grader.model.text import Message


class Status(StrEnum):
    """How a check ended. Only FAILED and PARTIAL cost marks."""

    PASSED = "passed"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Something it depends on did not pass; it earns nothing, and says what to mend first."""
    REVIEW = "review"
    """A person decides."""
    UNGRADED = "ungraded"
    """Ours: it could not be judged. Not the student's fault, and not in the gradable maximum."""
    UNDECIDED = "undecided"
    """Not decided at the level that was asked for: nobody's fault, and not in the gradable maximum."""


UNMARKED = frozenset({Status.REVIEW, Status.UNGRADED, Status.UNDECIDED})
"""Without a mark (yet): nothing earned there is no zero."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing side by side, as words: what, expected, observed, and how well it is known."""

    what: Message
    expected: str
    observed: str
    provenance: Provenance
    agrees: bool


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found. `fraction` of its points is earned (1 when passed, 0 when failed)."""

    check: str
    status: Status
    fraction: Fraction = Fraction(0)
    message: Message = Message("")
    comparisons: tuple[Comparison, ...] = ()
    hint: Message | None = None
    episode: int | None = None
    """The training it judged, for the learning curve in the report."""
    wants_retraining: int | None = None
    """Episode that must be retrained before this miss may cost anything."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A check's result with its points."""

    result: CheckResult
    points: Decimal
    earned: Decimal


@dataclass(frozen=True, slots=True)
class ExerciseGrade:
    exercise: str
    scored: tuple[Scored, ...]

    @property
    def points(self) -> Decimal:
        return sum((s.points for s in self.scored), Decimal(0))

    @property
    def earned(self) -> Decimal:
        return sum((s.earned for s in self.scored), Decimal(0))

    def _in(self, status: Status) -> Decimal:
        return sum((s.points for s in self.scored if s.result.status is status), Decimal(0))

    @property
    def pending(self) -> Decimal:
        """Points a person still has to decide."""
        return self._in(Status.REVIEW)

    @property
    def ungraded(self) -> Decimal:
        """Points that could not be judged because of us."""
        return self._in(Status.UNGRADED)

    @property
    def undecided(self) -> Decimal:
        """Points that the level does not decide."""
        return self._in(Status.UNDECIDED)


@dataclass(frozen=True, slots=True)
class Grade:
    """A submission's grade: earned, pending and gradable maximum stay apart."""

    exercises: tuple[ExerciseGrade, ...]

    @property
    def maximum(self) -> Decimal:
        return sum((e.points for e in self.exercises), Decimal(0))

    @property
    def earned(self) -> Decimal:
        return sum((e.earned for e in self.exercises), Decimal(0))

    @property
    def pending(self) -> Decimal:
        return sum((e.pending for e in self.exercises), Decimal(0))

    @property
    def ungraded(self) -> Decimal:
        return sum((e.ungraded for e in self.exercises), Decimal(0))

    @property
    def undecided(self) -> Decimal:
        return sum((e.undecided for e in self.exercises), Decimal(0))

    @property
    def gradable(self) -> Decimal:
        return self.maximum - self.ungraded - self.undecided

    def of(self, check: str) -> Scored:
        """The scored result of one check; KeyError when there is no such check."""
        for exercise in self.exercises:
            for scored in exercise.scored:
                if scored.result.check == check:
                    return scored
        raise KeyError(check)

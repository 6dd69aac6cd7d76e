"""An assignment is a value: exercises, their checks and points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, runtime_checkable

from grader.model.evidence import Evidence
from grader.model.expected import Expected
from grader.model.result import CheckResult
from grader.model.text import Text


class Visibility(StrEnum):
    """Who may see a check and its result, and from when."""

    STUDENT = "student"
    AFTER_DEADLINE = "after_deadline"
    STAFF = "staff"


@runtime_checkable
class Check(Protocol):
    """A pure function of the evidence, with its place in the rubric.

    `id` is "<exercise>.<name>"; `needs` are ids of checks that must not have failed.
    """

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> Text: ...
    @property
    def points(self) -> Decimal: ...
    @property
    def visibility(self) -> Visibility: ...
    @property
    def needs(self) -> tuple[str, ...]: ...

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult: ...


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise: how it is marked in a notebook, and its checks.

    `contract` are the starter's variable names, used last when an episode is looked for.
    """

    id: str
    title: Text
    checks: tuple[Check, ...]
    contract: tuple[str, ...] = ()

    @property
    def points(self) -> Decimal:
        return sum((check.points for check in self.checks), Decimal(0))


@dataclass(frozen=True, slots=True)
class Assignment:
    id: str
    title: Text
    data: str
    """Name of the dataset that is served, e.g. "fashion_mnist"."""
    exercises: tuple[Exercise, ...]
    recognise: tuple[str, ...] = field(default=())
    """Words (lower case) that tell a notebook of this assignment from one of another."""

    @property
    def checks(self) -> Iterator[Check]:
        return (check for exercise in self.exercises for check in exercise.checks)

    @property
    def points(self) -> Decimal:
        return sum((exercise.points for exercise in self.exercises), Decimal(0))

    def check(self, id: str) -> Check:
        """The check of that id; KeyError when there is none."""
        for check in self.checks:
            if check.id == id:
                return check
        raise KeyError(id)

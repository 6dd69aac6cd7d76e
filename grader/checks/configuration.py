"""Checks of how a network was trained, as the student declared it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from grader.checks.base import Rule, code_runs, compare
from grader.checks.select import MANY_ROWS, Where, learned, same_network
from grader.checks.size import Trainings, by_size, images
from grader.model.evidence import Compilation, Episode, Evidence, Provenance
from grader.model.expected import Expected
from grader.model.result import CheckResult, Status

OBSERVED = Provenance.OBSERVED
OWN = "custom"
"""Kind of an optimizer or a loss that is no class of the library."""
SAME_RATE = 0.05
"""Relative difference up to which two learning rates are one: nobody can see it in what is learned."""
TENTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSplit(Rule):
    """Some training of the exercise held back this share of the training data."""

    where: Where
    share: float

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        return by_size(self, self.where.trainings(evidence), self._judge)

    def _judge(self, trainings: Trainings) -> CheckResult:
        found = next((e for e in trainings if abs(e.validation_split - self.share) < 1e-6), None)
        shown = found or trainings[0]
        row = compare(
            "config.validation_split",
            self.share,
            shown.validation_split or shown.validation,
            OBSERVED,
            agrees=found is not None,
        )
        if found:
            return self.passed("split.passed", comparisons=(row,), episode=found.number, share=self.share)
        return self.failed("split.failed", comparisons=(row,), episode=shown.number, share=self.share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiments(Rule):
    """The network was trained again with another optimizer, loss, or their parameters."""

    where: Where

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        first = self.where.training(evidence, expected)
        if first is None:
            return self.failed("training.absent")
        # A comparison needs as much as the first training, or enough in itself.
        enough = min(MANY_ROWS, images(first) / TENTH)
        return by_size(self, self._alike(evidence, first), self._judge, enough)

    def _judge(self, trainings: Trainings) -> CheckResult:
        compilations = [e.compilation for e in trainings if e.compilation]
        tried = [_recipe(c) for c in _distinct(c for c in compilations if not _own(c))]
        if len(tried) > 1:
            return self.passed("experiment.passed", tried="; ".join(sorted(tried)))
        if len(_distinct(compilations)) > 1:
            # An optimizer or a loss of one's own may be another one, or the old one by another name.
            return self.review("experiment.own", episode=trainings[0].number)
        return self.failed("experiment.failed", tried="; ".join(sorted(tried)) or "—")

    def _alike(self, evidence: Evidence, first: Episode) -> tuple[Episode, ...]:
        # The output's activation follows the loss that is tried, so signatures, which leave it out.
        return tuple(e for e in learned(evidence) if e.completed and same_network(e.graph, first.graph))


def _distinct(compilations: Iterable[Compilation]) -> list[Compilation]:
    """Those that differ from all before them."""
    found: list[Compilation] = []
    for one in compilations:
        if not any(_same_recipe(one, other) for other in found):
            found.append(one)
    return found


def _same_recipe(one: Compilation, other: Compilation) -> bool:
    left, right = one.optimizer, other.optimizer
    a, b = left.learning_rate, right.learning_rate
    rates = a == b if a is None or b is None else abs(a - b) <= SAME_RATE * max(abs(a), abs(b))
    momenta = (left.config.get("momentum") or 0) == (right.config.get("momentum") or 0)
    return left.kind == right.kind and one.loss.kind == other.loss.kind and rates and momenta


def _recipe(compilation: Compilation) -> str:
    rate = compilation.optimizer.learning_rate
    momentum = compilation.optimizer.config.get("momentum")
    tuned = f"({rate:g}" + (f", momentum={momentum:g})" if isinstance(momentum, float) and momentum else ")")
    return f"{compilation.optimizer.kind}{tuned if rate is not None else ''} + {compilation.loss.kind}"


def _own(compilation: Compilation) -> bool:
    """Whether the optimizer or the loss is a class that the notebook made, whatever its name."""
    return OWN in {compilation.optimizer.kind, compilation.loss.kind}

"""The check that a network was measured, and on which data."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from grader.checks.base import Rule, code_runs
from grader.checks.select import Where
from grader.checks.structure import another
from grader.model.evidence import Episode, Evidence, Trace
from grader.model.expected import Expected
from grader.model.result import CheckResult, Status

HANDFUL = 100
"""Fewest images that measure an accuracy: on so many its standard error is still 0.04."""
TEST_IMAGES = 10_000
"""Test images of each dataset served: of two arrays with more between them some are the same."""
OVERLAP = 0.5
"""Share of validation images that were in the fit: with more it measures what was learned by heart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated(Rule):
    """The net was measured on data it was not trained on."""

    where: Where
    base: Where | None = None

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        episode = (
            another(self.where, self.base, evidence, expected)
            if self.base
            else self.where.training(evidence, expected)
        )
        if episode is None:
            return self.failed("training.absent")
        how = held_out(evidence, episode)
        if how:
            return self.passed(how, episode=episode.number)
        untold = _untold(evidence, episode)
        if untold:
            return self.review(untold, episode=episode.number)
        return self.failed("evaluated.failed", episode=episode.number)


def held_out(evidence: Evidence, episode: Episode) -> str | None:
    """Message key of how the net was measured on other data than it was trained on; None if it was not."""
    if _validated(evidence, episode):
        return "evaluated.validation"
    if episode.x.test > HANDFUL:
        return None  # the network knows test images: whether it was measured on those is another question
    evaluated, predicted = _measurements(evidence, episode)
    if any(_measures(x, episode) for x in evaluated):
        return "evaluated.evaluate"
    if any(_measures(x, episode) for x in predicted):
        return "evaluated.predict"
    return None


def _measurements(evidence: Evidence, episode: Episode) -> tuple[list[Trace], list[Trace]]:
    """What the trained net was evaluated on, and what it made predictions for."""
    evaluated = [c.x for c in evidence.evaluations if c.model == episode.model and c.trained]
    return evaluated, [p.x for p in evidence.predictions if p.model == episode.model and p.trained]


def _untold(evidence: Evidence, episode: Episode) -> str | None:
    """Message key of why a program cannot tell whether the net was measured on other data."""
    if episode.validation == "data" and episode.completed and _unseen(episode.validation_x):
        return "evaluated.untold"
    if _split(episode):
        return "evaluated.unknown"
    evaluated, predicted = _measurements(evidence, episode)
    known = episode.x.test > HANDFUL
    if known and any(_measures(x, episode) and _disjoint(x, episode.x) for x in evaluated + predicted):
        return "evaluated.mixed"
    return None


def _disjoint(x: Trace, fitted: Trace) -> bool:
    """Whether so many test images can be others than those of the fit."""
    return x.seen_whole and fitted.seen_whole and x.test + fitted.test <= TEST_IMAGES


def _validated(evidence: Evidence, episode: Episode) -> bool:
    x = episode.validation_x
    if episode.validation == "split":
        return _split(episode) and not _unlike_served(evidence, episode.x)
    if not episode.completed or episode.validation_overlap > OVERLAP:
        return False
    if episode.validation != "data" or x is None:
        return False
    # Training images that were held back by hand do as well as test images.
    return _enough(x) and (x.train + x.test > x.unknown or of_test(x, episode))


def _split(episode: Episode) -> bool:
    """Whether a fit held rows back to measure on that it did not learn by heart as well."""
    enough = episode.x.rows * episode.validation_split >= HANDFUL
    sound = episode.completed and episode.validation_overlap <= OVERLAP
    return episode.validation == "split" and enough and sound


def _unlike_served(evidence: Evidence, x: Trace) -> bool:
    """Whether an array, not resized, is not of the served images: made otherwise from them, or made up."""
    sizes = {prod(shape[1:]) for load in evidence.loads for shape in load.shapes if len(shape) > 1}
    return _untraced(x) and prod(x.shape[1:]) in sizes


def _measures(x: Trace, episode: Episode) -> bool:
    return not x.train and _enough(x) and of_test(x, episode)


def _enough(x: Trace) -> bool:
    """Whether an array has rows for an accuracy; of a stream the start says nothing of how many follow."""
    return x.rows >= HANDFUL or (not x.seen_whole and x.rows > 0)


def _unseen(x: Trace | None) -> bool:
    return x is None or not x.rows


def of_test(x: Trace, episode: Episode) -> bool:
    """Whether an array is of test images, as far as can be told, for the net of this training.

    Resized images cannot be traced, and noise looks the same: they count where the training's cannot either.
    """
    return x.test > x.unknown or (_untraced(x) and _untraced(episode.x))


def _untraced(x: Trace) -> bool:
    return x.unknown > x.train + x.test

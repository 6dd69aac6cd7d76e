"""How much of a training there must be for what it declares to answer an exercise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grader.checks.base import Rule
from grader.checks.evaluated import HANDFUL
from grader.checks.select import MANY_ROWS
from grader.model.evidence import Episode
from grader.model.result import CheckResult, Status

Trainings = Sequence[Episode]


def by_size(
    rule: Rule,
    trainings: Trainings,
    judge: Callable[[Trainings], CheckResult],
    enough: float = MANY_ROWS,
) -> CheckResult:
    """Judge the trainings that are large enough; what only smaller ones would earn goes to a person.

    Ten rows of zeros take a `validation_split` and a hundred epochs as well as the images do, and show
    nothing of either.
    """
    if not trainings:
        return rule.failed("training.absent")
    large = [e for e in trainings if _classifies(e) and images(e) >= enough]
    result = judge(large) if large else rule.failed("training.few", n=_most(trainings))
    if result.status is Status.PASSED:
        return result
    doubtful = [e for e in trainings if _classifies(e) and e.x.rows >= min(HANDFUL, enough)]
    if len(doubtful) == len(large):
        return result
    perhaps = judge(doubtful)
    if perhaps.status is Status.PASSED:
        return rule.review("training.small", n=_most(trainings))
    return perhaps if perhaps.status is Status.REVIEW else result


def images(episode: Episode) -> float:
    """Images that a training may have been given to learn from: those of a stream can be any number.

    Resized or standardised ones cannot be traced, and count; test images are there to be kept from it.
    """
    x = episode.x
    if x.test > x.train:
        return 0
    if not x.seen_whole or x.unknown > x.train:
        return max(x.rows, 0 if x.seen_whole else MANY_ROWS)
    return x.train


def _most(trainings: Trainings) -> int:
    return int(max(images(e) for e in trainings))


def _classifies(episode: Episode) -> bool:
    """Whether a network gives out more than one number; where its shape is not known it may."""
    shape = episode.graph.layers[-1].output_shape if episode.graph.layers else ()
    return not shape or shape[-1] is None or shape[-1] > 1

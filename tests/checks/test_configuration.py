"""How a network was trained, as the student declared it."""

from __future__ import annotations

import pytest

from grader.checks.configuration import Experiments, ValidationSplit
from grader.model.evidence import Episode
from grader.model.result import Status

from .factory import (
    DENSE_NET,
    KNOWN,
    PLACE,
    WHERE,
    compiled,
    episode,
    evidence,
)

SPLIT = ValidationSplit(**PLACE, where=WHERE, share=0.2)
TRY = Experiments(**PLACE, where=WHERE)
ALL = [SPLIT, TRY]


@pytest.mark.parametrize(
    ("trainings", "status", "observed"),
    [
        ((episode(validation="split", validation_split=0.2),), Status.PASSED, "0.2"),
        ((episode(0), episode(1, validation="split", validation_split=0.2)), Status.PASSED, "0.2"),
        ((episode(validation="split", validation_split=0.1),), Status.FAILED, "0.1"),
        ((episode(validation="data"),), Status.FAILED, "data"),
        ((episode(),), Status.FAILED, "none"),
    ],
)
def test_validation_split(trainings: tuple[Episode, ...], status: Status, observed: str) -> None:
    """Some training held back the share that was asked for."""
    found = SPLIT(evidence(episodes=trainings), KNOWN)
    assert (found.status, found.comparisons[0].observed) == (status, observed)


@pytest.mark.parametrize(
    ("recipes", "status"),
    [
        ((compiled(),), Status.FAILED),
        ((compiled(), compiled()), Status.FAILED),
        ((compiled(), compiled(optimizer="SGD")), Status.PASSED),
        ((compiled(), compiled(rate=0.01)), Status.PASSED),
        ((compiled(), compiled(rate=0.0010001)), Status.FAILED),
        ((compiled(), compiled(rate=0.002)), Status.PASSED),
        ((compiled(optimizer="SGD"), compiled(optimizer="SGD", momentum=0.9)), Status.PASSED),
        ((compiled(), compiled("MeanSquaredError")), Status.PASSED),
        ((compiled(), compiled(optimizer="custom")), Status.REVIEW),
        ((compiled(), compiled("custom")), Status.REVIEW),
        ((compiled(optimizer="custom"), compiled(optimizer="custom")), Status.FAILED),
        ((compiled(), compiled("custom"), compiled(optimizer="SGD")), Status.PASSED),
    ],
)
def test_experiments_differ_in_optimizer_loss_or_their_parameters(
    recipes: tuple[object, ...], status: Status
) -> None:
    """Training the same recipe twice is no experiment."""
    ran = evidence(episodes=tuple(episode(i, compilation=c) for i, c in enumerate(recipes)))
    assert TRY(ran, KNOWN).status is status


def test_an_experiment_on_another_network_is_none_of_this_exercise() -> None:
    """The network stays, the recipe changes."""
    ran = evidence(episodes=(episode(), episode(1, DENSE_NET, compilation=compiled(optimizer="SGD"))))
    assert TRY(ran, KNOWN).status is Status.FAILED


def test_an_experiment_that_moves_no_weight_is_none() -> None:
    """`SGD(learning_rate=0)` compares nothing."""
    idle = episode(1, compilation=compiled(optimizer="SGD", rate=0.0), initial_digest="w", final_digest="w")
    assert TRY(evidence(episodes=(episode(), idle)), KNOWN).status is Status.FAILED

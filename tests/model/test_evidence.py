"""Evidence: what its values say of themselves."""

from __future__ import annotations

import msgspec
import pytest

from grader.model.evidence import Episode
from grader.model.graph import Graph

from ..checks.factory import TUTORIAL, compiled, episode, graph, layer

FROZEN = graph(*(msgspec.structs.replace(one, trainable=0) for one in TUTORIAL.layers))
NORMALISED = graph(
    *TUTORIAL.layers, msgspec.structs.replace(layer("BatchNormalization", (10,), 40), trainable=20)
)
UNSEEN = msgspec.structs.replace(FROZEN, exact=False)
NO_RATE = {"compilation": compiled(rate=0.0)}
STILL = {"initial_digest": "w", "final_digest": "w"}


def training(net: Graph = TUTORIAL, **fields: object) -> Episode:
    return episode(0, net, **fields)


@pytest.mark.parametrize(
    ("why", "given", "idle"),
    [
        ("weights moved", training(), False),
        ("rate 0", training(**NO_RATE, **STILL), True),
        ("rate 0, statistics moved", training(NORMALISED, **NO_RATE), True),
        ("rate 0, set by a callback", training(NORMALISED, **NO_RATE, callbacks=("custom",)), False),
        ("rate 0, set in an own loop", training(NORMALISED, **NO_RATE, loop="tape"), False),
        ("rate 0, and weights moved after all", training(**NO_RATE), False),
        ("nothing trainable", training(FROZEN, rows_trained=96, **STILL), True),
        ("weights out of sight", training(UNSEEN, **STILL), False),
        ("a step that does nothing", training(**STILL), True),
        ("one small step", training(rows_trained=8, **STILL), False),
        ("broken off at once", training(FROZEN, rows_trained=0, completed=False, **STILL), False),
        ("weights too many to look at", training(initial_digest="", final_digest=""), False),
        ("weights that are no numbers", training(diverged=True, **STILL), False),
        ("never compiled", training(compilation=None), False),
    ],
)
def test_a_training_that_taught_nothing(why: str, given: Episode, idle: bool) -> None:
    """Only where that is certain: weights may stand still for a few steps."""
    assert given.idle is idle, why

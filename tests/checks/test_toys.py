"""A network too slight to look into does not stand for an earlier exercise's."""

from __future__ import annotations

from decimal import Decimal

import pytest

from grader.checks.figures import MapsShown
from grader.checks.select import Where
from grader.checks.structure import EveryLayerExposed, SeveralInputs
from grader.checks.toys import toys
from grader.model.evidence import Episode
from grader.model.expected import Expected
from grader.model.graph import Graph
from grader.model.result import Status

from .factory import (
    FLATTEN,
    INPUT,
    TITLE,
    TUTORIAL,
    alexnet,
    conv,
    dense,
    episode,
    evidence,
    expected,
    figure,
    graph,
    model,
    notebook,
    pool,
    prediction,
    seen,
    wanted,
)

IDS = ("1", "2", "3")
FIRST = Where("1", IDS, like="1.net")
THIRD = Where("3", IDS, like="3.net", scaled=True)
SECOND = Where("2", IDS, rivals=(FIRST, THIRD))
KNOWN: Expected = expected(wanted("1.net", TUTORIAL), wanted("3.net", alexnet()))
CELLS = notebook("## Ejercicio 1", "> x", "## Ejercicio 2", "> x", "## Ejercicio 3", "> x")
MINI: Graph = graph(INPUT, conv(1, size=26), FLATTEN, dense(10, None))
SMALLER = graph(INPUT, conv(8), pool(), conv(8), pool(), FLATTEN, dense(10, None))
EXPOSED = EveryLayerExposed(id="2.model", title=TITLE, points=Decimal(1), where=SECOND)
IMAGES = SeveralInputs(id="2.images", title=TITLE, points=Decimal(1), where=SECOND)
MAPS = MapsShown(id="2.figures", title=TITLE, points=Decimal(1), where=SECOND)


@pytest.mark.parametrize(
    ("why", "trained", "slight"),
    [
        ("exercise 1's own", (), False),
        ("a network of one convolution", (episode(1, MINI, cell=3),), True),
        ("the same network on one image", (episode(1, cell=3, x=seen(train=1)),), True),
        ("the same network, made again", (episode(1, cell=3),), False),
        ("another of its kind", (episode(1, SMALLER, cell=3),), False),
        ("AlexNet", (episode(1, alexnet(8), cell=5),), False),
    ],
)
def test_a_toy_is_neither_the_answer_nor_like_it(
    why: str, trained: tuple[Episode, ...], slight: bool
) -> None:
    """Exercise 2 opens exercise 1's network, or one that is as good."""
    found = evidence(cells=CELLS, episodes=(episode(0, cell=1), *trained))
    assert toys(SECOND, found, KNOWN) == (frozenset({1}) if slight else frozenset()), why


def test_an_earlier_exercise_s_own_answer_is_no_toy_however_wrong() -> None:
    """What is wrong with it has cost its points there."""
    wrong = evidence(cells=CELLS, episodes=(episode(0, MINI, cell=1, x=seen(train=10)),))
    assert toys(SECOND, wrong, KNOWN) == frozenset()
    none_yet = evidence(cells=CELLS, episodes=(episode(0, MINI, cell=3),))
    assert toys(SECOND, none_yet, KNOWN) == frozenset()
    assert toys(FIRST, wrong, KNOWN) == frozenset()


def test_a_toy_s_layers_earn_nothing() -> None:
    """Not its outputs, its images or its maps; those of the real network do, beside it."""
    every = tuple((1, at) for at in range(1, 4))
    own = tuple((0, at) for at in range(1, 9))
    trained = (episode(0, cell=1), episode(1, MINI, cell=3, x=seen(train=1)))
    shown = prediction(2, exposes=every, x_distinct=3)
    found = evidence(
        cells=CELLS, episodes=trained, models=(model(2, exposes=every, cell=3),), predictions=(shown,)
    )
    assert EXPOSED(found, KNOWN).message.key == "exposed.toy"
    assert IMAGES(found, KNOWN).status is Status.FAILED
    assert MAPS(found, KNOWN).status is Status.FAILED
    both = evidence(
        cells=CELLS,
        episodes=trained,
        models=(model(2, exposes=every + own, cell=3),),
        predictions=(prediction(2, exposes=every + own, x_distinct=3),),
        figures=(figure(*((n, n) for n in (26, 13, 11, 5, 3)), cell=3),),
    )
    for check in (EXPOSED, IMAGES, MAPS):
        assert check(both, KNOWN).status is Status.PASSED

"""Feature maps and filters drawn as images."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from grader.checks.figures import MapsShown, SomeLayerShown
from grader.checks.select import Where
from grader.model.expected import Expected
from grader.model.result import Status

from .factory import (
    DENSE_NET,
    TITLE,
    TUTORIAL,
    episode,
    evidence,
    expected,
    figure,
    notebook,
    prediction,
    wanted,
)

ACTIVATIONS = Where("2", ("1", "2"))
NET = Where("1", ("1", "2"), like="1.net")
MAPS = MapsShown(id="2.figures", title=TITLE, points=Decimal(1), where=ACTIVATIONS)
LAYER = SomeLayerShown(id="1.figure", title=TITLE, points=Decimal(1), where=NET)
KNOWN: Expected = expected(wanted("1.net", TUTORIAL))
MADE = (prediction(1, exposes=((0, 1),)),)
"""Activations were computed."""
EACH = [(n, n) for n in (26, 13, 11, 5, 3)]


def shown(*images: tuple[int, ...]) -> Fraction:
    return MAPS(evidence(episodes=(episode(),), figures=(figure(*images),), predictions=MADE), KNOWN).fraction


@pytest.mark.parametrize(
    ("why", "images", "fraction"),
    [
        ("one map per layer", EACH, Fraction(1)),
        ("maps with an axis for the channel", [(*size, 1) for size in EACH], Fraction(1)),
        ("convolutions only", [(26, 26), (11, 11), (3, 3)], Fraction(3, 5)),
        ("one layer", [(26, 26)], Fraction(1, 5)),
        ("the input image only", [(28, 28)], Fraction(0)),
        ("mosaics without lines", [(n * 4, n * 8) for n, _ in EACH], Fraction(1)),
        ("mosaics with lines between", [((n + 1) * 4 - 1, (n + 1) * 8 - 1) for n, _ in EACH], Fraction(1)),
        ("a dense layer as a strip", [(1, 64)], Fraction(0)),
        ("a confusion matrix", [(10, 10)], Fraction(0)),
    ],
)
def test_the_share_of_layers_shown_is_earned(
    why: str, images: list[tuple[int, ...]], fraction: Fraction
) -> None:
    """By the size of the images, since titles are the student's words."""
    assert shown(*images) == fraction, why


def test_maps_of_the_exercise_s_region_come_first() -> None:
    """Maps drawn elsewhere count only where the exercise drew none."""
    cells = notebook("## Ejercicio 1", "> x", "## Ejercicio 2", "> x")
    drawn = (figure(*EACH, cell=1), figure((26, 26), cell=3))
    inside = evidence(cells=cells, episodes=(episode(cell=1),), figures=drawn, predictions=MADE)
    outside = evidence(cells=cells, episodes=(episode(cell=1),), figures=drawn[:1], predictions=MADE)
    assert MAPS(inside, KNOWN).fraction == Fraction(1, 5)
    assert MAPS(outside, KNOWN).fraction == 1


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"figures": ()}, "figures.none"),
        ({"episodes": ()}, "figures.none"),
        ({"figures": (figure((10, 10)),)}, "figures.failed"),
    ],
)
def test_nothing_drawn_or_nothing_trained(fields: dict[str, object], key: str) -> None:
    """Images without a trained net are no feature maps."""
    given = {"episodes": (episode(),), "figures": (figure(*EACH),), **fields}
    found = MAPS(evidence(**given), KNOWN)
    assert (found.status, found.message.key) == (Status.FAILED, key)
    assert found.hint is not None


def test_images_that_no_activation_was_computed_for_are_a_person_s() -> None:
    """Noise of the right size looks the same to a program."""
    ran = evidence(episodes=(episode(),), figures=(figure(*EACH),), predictions=(prediction(),))
    found = MAPS(ran, KNOWN)
    assert (found.status, found.message.key) == (Status.REVIEW, "figures.untold")


def test_a_net_without_convolutions_has_no_maps() -> None:
    """Nothing to show is nothing shown."""
    ran = evidence(episodes=(episode(0, DENSE_NET),), figures=(figure((10, 10)),))
    assert MAPS(ran, KNOWN).status is Status.FAILED


@pytest.mark.parametrize(
    ("image", "cell", "status"),
    [
        ((26, 26), 3, Status.PASSED),
        ((3, 3), 3, Status.PASSED),
        ((28, 28), 3, Status.FAILED),
        ((26, 26), 0, Status.FAILED),
    ],
)
def test_some_layer_is_shown(image: tuple[int, int], cell: int, status: Status) -> None:
    """A map or a filter, drawn after the training: earlier maps are another net's."""
    ran = evidence(episodes=(episode(cell=1),), figures=(figure(image, cell=cell),))
    assert LAYER(ran, KNOWN).status is status


def test_some_layer_in_its_region() -> None:
    """Where the exercise is marked, only what stands under its heading."""
    cells = notebook("## Ejercicio 1", "> x", "## Ejercicio 2", "> x")
    for cell, status in ((1, Status.PASSED), (3, Status.FAILED)):
        ran = evidence(cells=cells, episodes=(episode(cell=1),), figures=(figure((26, 26), cell=cell),))
        assert LAYER(ran, KNOWN).status is status


def test_nothing_run_or_trained() -> None:
    """Ungraded, and absent."""
    for check in (MAPS, LAYER):
        assert check(evidence(cells=notebook("x")), KNOWN).status is Status.UNGRADED
    assert LAYER(evidence(), KNOWN).message.key == "training.absent"

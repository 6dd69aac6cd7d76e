"""What a training must have been made with for what it declares to count."""

from __future__ import annotations

import pytest

from grader.checks.configuration import Experiments, ValidationSplit
from grader.checks.epochs import SomeEpochs, VariesEpochs
from grader.checks.select import MANY_ROWS
from grader.checks.size import images
from grader.model.evidence import Episode, Trace
from grader.model.result import Status

from .factory import (
    ALL_TEST,
    ALL_TRAIN,
    KNOWN,
    PLACE,
    WHERE,
    compiled,
    dense,
    episode,
    evidence,
    graph,
    seen,
)

HERE = PLACE | {"where": WHERE}
SPLIT = ValidationSplit(**HERE, share=0.2)
SOME = SomeEpochs(**HERE, epochs=100)
VARY = VariesEpochs(**HERE)
TRY = Experiments(**HERE)
TOY = graph(dense(1, None))


@pytest.mark.parametrize(
    ("why", "x", "n"),
    [
        ("all", ALL_TRAIN, 60_000),
        ("test images", ALL_TEST, 0),
        ("all 70,000", seen(60_000, 10_000), 60_000),
        ("resized", seen(unknown=20_000), 20_000),
        ("and their mirror images", seen(500, unknown=500), 500),
        ("a handful", seen(train=5), 5),
        ("a stream", seen(train=32, seen_whole=False), MANY_ROWS),
        ("never seen", Trace(0, seen_whole=False), MANY_ROWS),
    ],
)
def test_images_to_learn_from(why: str, x: Trace, n: int) -> None:
    """Of a stream as many as are needed, of test images none."""
    assert images(episode(x=x)) == n, why


def split(x: Trace, epochs: int, number: int = 0, **fields: object) -> Episode:
    return episode(number, x=x, epochs=epochs, validation="split", validation_split=0.2, **fields)


@pytest.mark.parametrize(
    ("why", "x", "fields", "status"),
    [
        ("on a thousand", seen(train=1000), {}, Status.PASSED),
        ("on some hundreds", seen(train=500), {}, Status.REVIEW),
        ("on five", seen(train=5), {}, Status.FAILED),
        ("on ten rows of zeros", seen(unknown=10), {}, Status.FAILED),
        ("on test", ALL_TEST, {}, Status.REVIEW),
        ("of one number", ALL_TRAIN, {"graph": TOY}, Status.FAILED),
        ("on resized images", seen(unknown=60_000), {}, Status.PASSED),
    ],
)
def test_what_is_declared_on_next_to_nothing_answers_nothing(
    why: str, x: Trace, fields: dict[str, object], status: Status
) -> None:
    """A toy takes any setting."""
    ran = evidence(episodes=(split(x, 100, **fields), split(x, 25, 1, **fields)))
    found = [check(ran, KNOWN).status for check in (SPLIT, SOME, VARY)]
    assert found == [status] * 3, why


def test_a_toy_beside_the_training_takes_nothing_from_it() -> None:
    """And adds nothing to it."""
    toy = split(seen(train=5), 25, 1)
    ran = evidence(episodes=(toy, split(ALL_TRAIN, 100)))
    assert [c(ran, KNOWN).status for c in (SPLIT, SOME, VARY)] == [
        Status.PASSED,
        Status.PASSED,
        Status.FAILED,
    ]


def test_split_and_epochs_may_be_of_two_trainings() -> None:
    """Ten epochs with a split, then a hundred without."""
    ran = evidence(episodes=(split(ALL_TRAIN, 10), episode(1, epochs=100)))
    assert [check(ran, KNOWN).status for check in (SPLIT, SOME, VARY)] == [Status.PASSED] * 3


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (ALL_TRAIN, ALL_TRAIN, Status.PASSED),
        (ALL_TRAIN, seen(train=1000), Status.PASSED),
        (ALL_TRAIN, seen(train=300), Status.REVIEW),
        (ALL_TRAIN, seen(train=1), Status.FAILED),
        (seen(train=500), seen(train=500), Status.PASSED),
        (seen(train=500), seen(train=20), Status.FAILED),
        (ALL_TEST, ALL_TEST, Status.PASSED),
    ],
)
def test_an_experiment_takes_a_part_of_the_images(first: Trace, second: Trace, status: Status) -> None:
    """A thousand, or a tenth of those of the training it is compared with."""
    other = episode(1, x=second, compilation=compiled(optimizer="SGD"))
    assert TRY(evidence(episodes=(episode(x=first), other)), KNOWN).status is status

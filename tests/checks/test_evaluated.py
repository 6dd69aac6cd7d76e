"""Whether a network was measured, and on data it was not trained on."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from grader.checks.evaluated import Evaluated, held_out
from grader.checks.select import Where
from grader.model.evidence import DataLoad, Trace
from grader.model.expected import Expected
from grader.model.result import Status

from .factory import (
    ALL_TEST,
    ALL_TRAIN,
    DENSE_NET,
    TITLE,
    TUTORIAL,
    episode,
    evaluation,
    evidence,
    expected,
    notebook,
    prediction,
    seen,
    wanted,
)

WHERE = Where("1", ("1", "3"), like="1.net")
KNOWN: Expected = expected(wanted("1.net", TUTORIAL))
SPLIT = {"validation": "split", "validation_split": 0.2}
EVALUATED = "evaluated.evaluate"
ON_TEST = {"evaluations": (evaluation(),)}
NOISE = seen(unknown=500)
LOADS = (DataLoad(0, "fashion_mnist", ((60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,))),)
AS_SERVED = seen(unknown=60_000, shape=(60_000, 28, 28, 1))
RESIZED = seen(unknown=60_000, shape=(60_000, 64, 64, 1))
MIRRORED = seen(60_000, unknown=60_000, shape=(120_000, 28, 28, 1))


@pytest.mark.parametrize(
    ("why", "fields", "more", "key"),
    [
        ("validation_split", SPLIT, {}, "evaluated.validation"),
        ("validation on one image", SPLIT | {"validation_split": 1 / 60_000}, {}, None),
        ("validation of a fit that broke off", SPLIT | {"completed": False}, {}, None),
        ("evaluate on test", {}, ON_TEST, "evaluated.evaluate"),
        ("evaluate on train", {}, {"evaluations": (evaluation(x=ALL_TRAIN),)}, None),
        ("evaluate of another model", {}, {"evaluations": (evaluation(4),)}, None),
        (
            "evaluate before training",
            {},
            {"evaluations": (msgspec.structs.replace(evaluation(), trained=False),)},
            None,
        ),
        ("predictions on test", {}, {"predictions": (prediction(),)}, "evaluated.predict"),
        ("a prediction for ten images", {}, {"predictions": (prediction(x=seen(test=10)),)}, None),
        ("evaluate on eight", {}, {"evaluations": (evaluation(x=seen(test=8)),)}, None),
        ("evaluate on noise", {}, {"evaluations": (evaluation(x=NOISE),)}, None),
        ("resized for both", {"x": NOISE}, {"evaluations": (evaluation(x=NOISE),)}, "evaluated.evaluate"),
        (
            "the start of a stream",
            {},
            {"evaluations": (evaluation(x=seen(test=32, seen_whole=False)),)},
            "evaluated.evaluate",
        ),
        ("validation on the rows of the fit", SPLIT | {"validation_overlap": 0.99}, {}, None),
        ("validation on test", {"validation": "data", "validation_x": ALL_TEST}, {}, "evaluated.validation"),
        (
            "validation on rows held back by hand",
            {"validation": "data", "validation_x": seen(train=10_000), "validation_overlap": 0.01},
            {},
            "evaluated.validation",
        ),
        (
            "validation on the rows of the fit by hand",
            {"validation": "data", "validation_x": seen(train=500), "validation_overlap": 1.0},
            {},
            None,
        ),
        ("validation on noise", {"validation": "data", "validation_x": NOISE}, {}, None),
        ("validation on a handful", {"validation": "data", "validation_x": seen(test=8)}, {}, None),
        ("validation never seen", {"validation": "data"}, {}, None),
        ("predictions on train", {}, {"predictions": (prediction(x=ALL_TRAIN),)}, None),
        ("nothing", {}, {}, None),
        ("fitted on test", {"x": ALL_TEST}, ON_TEST, None),
        ("fitted on test, predicted it", {"x": ALL_TEST}, {"predictions": (prediction(),)}, None),
        ("fitted on all", {"x": seen(60_000, 10_000)}, ON_TEST, None),
        ("fitted on all but a split", SPLIT | {"x": seen(60_000, 10_000)}, {}, "evaluated.validation"),
        (
            "a test image or two in the fit",
            {"x": seen(60_000, 2)},
            ON_TEST,
            EVALUATED,
        ),
        ("a split of noise", SPLIT | {"x": AS_SERVED}, {}, None),
        (
            "a split of noise, evaluated on test",
            SPLIT | {"x": AS_SERVED},
            ON_TEST,
            EVALUATED,
        ),
        ("a split of resized images", SPLIT | {"x": RESIZED}, {}, "evaluated.validation"),
        ("a split of images and their mirror images", SPLIT | {"x": MIRRORED}, {}, "evaluated.validation"),
    ],
)
def test_measured_on_data_it_was_not_trained_on(
    why: str, fields: dict[str, object], more: dict[str, object], key: str | None
) -> None:
    """Validation, evaluate or predictions all do, of the trained net."""
    assert held_out(evidence(loads=LOADS, **more), episode(**fields)) == key, why


@pytest.mark.parametrize(
    ("why", "fields", "more", "key"),
    [
        ("a split of noise", SPLIT | {"x": AS_SERVED}, {}, "evaluated.unknown"),
        ("a split of a handful", SPLIT | {"x": seen(unknown=20, shape=(20, 28, 28))}, {}, "evaluated.failed"),
        ("fitted on test", {"x": ALL_TEST}, ON_TEST, "evaluated.failed"),
        ("fitted on all", {"x": seen(60_000, 10_000)}, ON_TEST, "evaluated.failed"),
        (
            "fitted on one half of test, measured on another",
            {"x": seen(60_000, 5_000)},
            {"evaluations": (evaluation(x=seen(test=5_000)),)},
            "evaluated.mixed",
        ),
    ],
)
def test_what_was_seen_in_the_fit_measures_nothing(
    why: str, fields: dict[str, object], more: dict[str, object], key: str
) -> None:
    """A person looks where it may have been other images, or ours in another shape."""
    check = Evaluated(id="1.evaluated", title=TITLE, points=Decimal(1), where=WHERE)
    ran = evidence(loads=LOADS, episodes=(episode(**fields),), **more)
    assert check(ran, KNOWN).message.key == key, why


def test_validation_that_was_never_seen_is_a_person_s() -> None:
    """A generator of validation data: nobody looked at what it gives."""
    check = Evaluated(id="1.evaluated", title=TITLE, points=Decimal(1), where=WHERE)
    for unseen in (None, Trace(0, seen_whole=False)):
        own = episode(validation="data", validation_x=unseen)
        assert check(evidence(episodes=(own,)), KNOWN).message.key == "evaluated.untold"
        measured_too = evidence(episodes=(own,), evaluations=(evaluation(),))
        assert check(measured_too, KNOWN).status is Status.PASSED


def test_evaluated_looks_at_its_own_exercise_s_network() -> None:
    """With `base` it is the network that differs from it."""
    first = Evaluated(id="1.evaluated", title=TITLE, points=Decimal(1), where=WHERE)
    third = Evaluated(
        id="3.evaluated",
        title=TITLE,
        points=Decimal(1),
        where=Where("3", ("1", "3"), rivals=(WHERE,)),
        base=WHERE,
    )
    ran = evidence(episodes=(episode(), episode(1, DENSE_NET)), evaluations=(evaluation(1),))
    assert first(ran, KNOWN).status is Status.FAILED
    assert (third(ran, KNOWN).status, third(ran, KNOWN).episode) == (Status.PASSED, 1)
    assert third(evidence(episodes=(episode(),)), KNOWN).message.key == "training.absent"
    assert first(evidence(cells=notebook("x")), KNOWN).status is Status.UNGRADED

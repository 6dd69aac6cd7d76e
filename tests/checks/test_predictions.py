"""Predictions by a trained net, and the class name that a cell shows for one image."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from grader.checks.predictions import NamedClass, Predicted, class_names
from grader.checks.select import Where
from grader.model.evidence import Cell, Prediction
from grader.model.result import Status

from .factory import (
    ALL_TEST,
    ALL_TRAIN,
    TITLE,
    code,
    episode,
    evidence,
    expected,
    notebook,
    prediction,
    seen,
    verified,
)

WHERE = Where("5", ("5", "6"))
PREDICTED = Predicted(id="5.predict", title=TITLE, points=Decimal(1), where=WHERE)
NAMED = NamedClass(id="6.argmax", title=TITLE, points=Decimal(1), where=WHERE, row=10)
NAMES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]
LISTED = f"class_names = {NAMES}"
SPANISH = [
    "camiseta",
    "pantalón",
    "jersey",
    "vestido",
    "abrigo",
    "sandalia",
    "camisa",
    "deportiva",
    "bolso",
    "botín",
]
COAT = episode(verified=verified(top=(0,) * 10 + (4,) * 10))


@pytest.mark.parametrize(
    ("calls", "key"),
    [
        ((prediction(),), "predict.passed"),
        ((prediction(x=seen(unknown=5)),), "predict.passed"),
        ((prediction(x=ALL_TRAIN),), "predict.not_test"),
        ((msgspec.structs.replace(prediction(), trained=False),), "predict.untrained"),
        ((msgspec.structs.replace(prediction(), trained=False), prediction(1)), "predict.passed"),
        ((), "predict.absent"),
    ],
)
def test_a_trained_net_predicts_test_images(calls: tuple[Prediction, ...], key: str) -> None:
    """Images that cannot be traced (resized ones) are given the benefit of the doubt."""
    assert PREDICTED(evidence(predictions=calls), expected()).message.key == key
    assert ALL_TEST.test


def shown(*cells: tuple[str, str]) -> tuple[Cell, ...]:
    return (code(0, LISTED), *(code(i + 1, source, output) for i, (source, output) in enumerate(cells)))


@pytest.mark.parametrize(
    ("why", "cells", "key"),
    [
        ("as the tutorial", (("class_names[np.argmax(p[10])]", "'Coat'"),), "named.passed"),
        ("a method", (("int(p[10].argmax())\nprint(class_names[4])", "Coat"),), "named.passed"),
        ("in two cells", (("i = np.argmax(p[10])", "4"), ("class_names[i]", "'Coat'")), "named.passed"),
        (
            "argmax of all first",
            (("l = np.argmax(p, axis=1)", ""), ("class_names[l[10]]", "'Coat'")),
            "named.passed",
        ),
        (
            "a function",
            (("def f(i):\n  return class_names[p[i].argmax()]", ""), ("f(10)", "'Coat'")),
            "named.passed",
        ),
        (
            "with the true label beside it",
            (("print(class_names[np.argmax(p[10])], y[10])", "Coat Pullover"),),
            "named.passed",
        ),
        ("in lower case", (("print(class_names[np.argmax(p[10])].lower())", "coat"),), "named.passed"),
        ("another image", (("class_names[np.argmax(p[0])]", "'Coat'"),), "named.absent"),
        ("image 100", (("class_names[np.argmax(p[100])]", "'Coat'"),), "named.absent"),
        ("no argmax", (("print('Coat', 10)", "Coat 10"),), "named.absent"),
        ("only the number", (("np.argmax(p[10])", "4"),), "named.absent"),
        ("what the net does not say", (("class_names[np.argmax(p[10])]", "'Bag'"),), "named.other"),
        ("the whole list", (("np.argmax(p[10]); print(class_names)", str(NAMES)),), "named.many"),
        (
            "a magic in the cell",
            (("%time i = np.argmax(p[10])\nprint(class_names[i])", "Coat"),),
            "named.passed",
        ),
        (
            "a cell that does not parse before",
            (("x ===", ""), ("class_names[np.argmax(p[10])]", "'Coat'")),
            "named.passed",
        ),
    ],
)
def test_the_name_of_the_predicted_class(why: str, cells: tuple[tuple[str, str], ...], key: str) -> None:
    """Shown by code that takes the argmax of that row, and the same as the rebuilt net says."""
    found = NAMED(evidence(cells=shown(*cells), episodes=(COAT,)), expected())
    assert found.message.key == key, why


def test_a_name_within_another_name_is_not_said() -> None:
    """ "Shirt" is not in "T-shirt/top"."""
    cells = shown(("class_names[np.argmax(p[10])]", "'T-shirt/top'"))
    shirt = episode(verified=verified(top=(6,) * 20))
    assert NAMED(evidence(cells=cells, episodes=(shirt,)), expected()).message.key == "named.other"
    tshirt = episode(verified=verified(top=(0,) * 20))
    assert NAMED(evidence(cells=cells, episodes=(tshirt,)), expected()).message.args["name"] == "T-shirt/top"


def test_translated_names_are_names_too() -> None:
    """Two lists may stand in one notebook; either may be used."""
    cells = (code(0, LISTED), code(1, f"prendas = {SPANISH}"), code(2, "prendas[p[10].argmax()]", "'abrigo'"))
    found = NAMED(evidence(cells=cells, episodes=(COAT,)), expected())
    assert (found.status, found.message.args["name"]) == (Status.PASSED, "abrigo")
    assert class_names(evidence(cells=cells)) == (tuple(NAMES), tuple(SPANISH))


def test_any_of_the_student_s_nets_may_have_said_it() -> None:
    """Which net predicted is not asked here."""
    bag = episode(1, verified=verified(top=(8,) * 20))
    cells = shown(("class_names[np.argmax(p[10])]", "'Bag'"))
    assert NAMED(evidence(cells=cells, episodes=(COAT, bag)), expected()).status is Status.PASSED


@pytest.mark.parametrize("tops", [(), (4,) * 5, (99,) * 20])
@pytest.mark.parametrize(
    ("made", "key"), [((), "predict.absent"), ((prediction(),), "named.unverified")], ids=["no", "yes"]
)
def test_a_name_that_cannot_be_verified_is_a_person_s(
    tops: tuple[int, ...], made: tuple[Prediction, ...], key: str
) -> None:
    """And without any prediction by a trained net it is nobody's."""
    cells = shown(("class_names[np.argmax(p[10])]", "'Bag'"))
    episodes = (episode(verified=verified(top=tops)), episode(1, verified=None))
    ran = evidence(cells=cells, episodes=episodes, predictions=made)
    assert NAMED(ran, expected()).message.key == key


def test_a_comment_computes_nothing() -> None:
    """The number and the argmax must stand in code."""
    cells = shown(("print('Coat')  # class_names[np.argmax(p[10])]", "Coat"))
    assert NAMED(evidence(cells=cells, episodes=(COAT,)), expected()).message.key == "named.absent"


@pytest.mark.parametrize(
    "source",
    [
        str(NAMES),
        f"nombres = {tuple(NAMES)}",
        f"nombres = {dict(enumerate(NAMES))}",
        f"def f():\n    return {NAMES}",
        f"%matplotlib inline\nnombres = {NAMES}",
        rf"x = '\d'; nombres = {NAMES}",
    ],
)
def test_ten_names_are_found_however_they_are_written(source: str) -> None:
    """A list, a tuple or a dictionary."""
    assert class_names(evidence(cells=(code(0, source),))) == (tuple(NAMES),)


@pytest.mark.parametrize("source", ["x = ['a', 'b']", "x = [1] * 10", "x ===", "(" * 5000, "", f"# {NAMES}"])
def test_what_is_no_list_of_ten_names(source: str) -> None:
    """Nothing is taken from code that does not parse, and nothing raises."""
    assert class_names(evidence(cells=(code(0, source),))) == ()
    assert NAMED(evidence(cells=(code(0, source),)), expected()).message.key == "named.absent"


def test_nothing_run_is_ungraded() -> None:
    """Level static."""
    for check in (PREDICTED, NAMED):
        assert check(evidence(cells=notebook("x")), expected()).status is Status.UNGRADED

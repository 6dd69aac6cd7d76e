"""Predictions by a trained net, and the class name that a cell shows for one image."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from grader.checks.predictions import NamedClass, Predicted, class_names
from grader.checks.select import Where
from grader.model.evidence import Axes, Cell, Episode, Figure, Prediction
from grader.model.result import CheckResult, Status

from .factory import (
    ALL_TEST,
    ALL_TRAIN,
    TITLE,
    code,
    episode,
    evidence,
    expected,
    model,
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
ASKED = (prediction(),)
COAT = episode(verified=verified(top=(0,) * 10 + (4,) * 10))


@pytest.mark.parametrize(
    ("calls", "key"),
    [
        ((prediction(),), "predict.passed"),
        ((prediction(x=seen(unknown=5)),), "predict.untold"),
        ((prediction(7, x=seen(unknown=5)),), "predict.passed"),
        ((prediction(8, x=seen(unknown=5)),), "predict.passed"),
        ((prediction(x=seen(test=1, unknown=99)),), "predict.untold"),
        ((prediction(x=ALL_TRAIN),), "predict.not_test"),
        ((msgspec.structs.replace(prediction(), trained=False),), "predict.untrained"),
        ((msgspec.structs.replace(prediction(), trained=False), prediction(1)), "predict.passed"),
        ((), "predict.absent"),
    ],
)
def test_a_trained_net_predicts_test_images(calls: tuple[Prediction, ...], key: str) -> None:
    """Images that cannot be traced count for a net that was trained on such (7; 8 is a softmax on top)."""
    resized = episode(model=7, x=seen(unknown=60_000))
    top = model(8, shares=(7,))
    ran = evidence(episodes=(episode(), resized), models=(top,), predictions=calls)
    assert PREDICTED(ran, expected()).message.key == key
    assert ALL_TEST.test


def shown(*cells: tuple[str, str]) -> tuple[Cell, ...]:
    return (code(0, LISTED), *(code(i + 1, source, output) for i, (source, output) in enumerate(cells)))


def named(cells: tuple[Cell, ...], *nets: Episode) -> CheckResult:
    """The verdict on these cells, of nets that each predicted the test images."""
    asked = tuple(prediction(net.model) for net in nets or (COAT,))
    return NAMED(evidence(cells=cells, episodes=nets or (COAT,), predictions=asked), expected())


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
        ("a number with a name", (("i = 10", ""), ("class_names[p[i].argmax()]", "'Coat'")), "named.passed"),
        ("typed beside an argmax", (("i = np.argmax(p[10])\nprint('Coat')", "Coat"),), "named.unverified"),
        ("never run", (("if False:\n  np.argmax(p[10])\nprint('Co' + 'at')", "Coat"),), "named.absent"),
        ("in a text", (("'''np.argmax(p[10])'''\nprint('Co' + 'at')", "Coat"),), "named.absent"),
        ("never called", (("def f():\n  np.argmax(p[10])\nprint('Co' + 'at')", "Coat"),), "named.absent"),
        (
            "after a return",
            (("def f(i):\n  return 'Co' + 'at'\n  np.argmax(p[i])\nprint(f(10))", "Coat"),),
            "named.absent",
        ),
        ("perhaps run", (("if x:\n  np.argmax(p[10])\nprint('Co' + 'at')", "Coat"),), "named.unverified"),
        ("another image", (("class_names[np.argmax(p[0])]", "'Coat'"),), "named.absent"),
        ("image 100", (("class_names[np.argmax(p[100])]", "'Coat'"),), "named.absent"),
        ("no argmax", (("print('Coat', 10)", "Coat 10"),), "named.absent"),
        ("only the number", (("np.argmax(p[10])", "4"),), "named.absent"),
        ("what the net does not say", (("class_names[np.argmax(p[10])]", "'Bag'"),), "named.other"),
        (
            "by way of the number",
            (("i = np.argmax(p[10])\nprint(i, class_names[4])", "4 Coat"),),
            "named.passed",
        ),
        (
            "beside the true one",
            (("print(class_names[np.argmax(p[10])], class_names[test_labels[10]])", "Coat Shirt"),),
            "named.passed",
        ),
        (
            "beside the true one, from a cell before",
            (("n = class_names[np.argmax(p[10])]", ""), ("print(n, class_names[y[10]])", "Coat Shirt")),
            "named.passed",
        ),
        (
            "picked by hand",
            (
                (
                    "np.argmax(p[10])\nprint(class_names[2], class_names[4], class_names[6])",
                    "Pullover Coat Shirt",
                ),
            ),
            "named.many",
        ),
        (
            "picked in a loop",
            (("np.argmax(p[10])\nfor i in (2, 4): print(class_names[i])", "Pullover\nCoat"),),
            "named.many",
        ),
        (
            "for each of many images",
            (("for i in range(20):\n    print(i, class_names[np.argmax(p[i])])", "0 Bag\n10 Coat"),),
            "named.many",
        ),
        (
            "for each of many, this one not among them",
            (("for i in range(5):\n    print(i, class_names[np.argmax(p[i])])", "0 Bag\n1 Shirt"),),
            "named.absent",
        ),
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
    assert named(shown(*cells)).message.key == key, why


@pytest.mark.parametrize("written", [{"title": "Coat"}, {"xlabel": "Coat 97% (Shirt)"}])
def test_a_name_may_be_written_on_a_figure(written: dict[str, str]) -> None:
    """The tutorial writes it below the image."""
    source = "plt.imshow(test_images[10])\nplt.title(class_names[np.argmax(p[10])])"
    cells = shown((source, ""))
    for cell, key in ((1, "named.passed"), (0, "named.absent")):
        drawn = (Figure(cell, (Axes(**written),)),)  # type: ignore[arg-type]
        ran = evidence(cells=cells, episodes=(COAT,), predictions=ASKED, figures=drawn)
        assert NAMED(ran, expected()).message.key == key
    typed = shown(("np.argmax(p[10])\nplt.title('Coat')", ""))
    ran = evidence(cells=typed, episodes=(COAT,), predictions=ASKED, figures=(Figure(1, (Axes("Coat"),)),))
    assert NAMED(ran, expected()).status is not Status.PASSED


def test_figures_are_read_where_nothing_was_printed() -> None:
    """The tutorial's samples, with their names below, may stand in the same cell."""
    cells = shown(
        ("for i in range(10): plt.xlabel(class_names[y[i]])\nprint(class_names[p[10].argmax()])", "Coat")
    )
    samples = (Figure(1, tuple(Axes(xlabel=name) for name in NAMES)),)
    ran = evidence(cells=cells, episodes=(COAT,), predictions=ASKED, figures=samples)
    assert NAMED(ran, expected()).message.key == "named.passed"
    titled = shown(("plt.title(f'{class_names[p[10].argmax()]} ({class_names[y[10]]})')", ""))
    ran = evidence(
        cells=titled, episodes=(COAT,), predictions=ASKED, figures=(Figure(1, (Axes("Coat (Shirt)"),)),)
    )
    assert NAMED(ran, expected()).message.key == "named.passed"


def test_a_name_within_another_name_is_not_said() -> None:
    """ "Shirt" is not in "T-shirt/top"."""
    cells = shown(("class_names[np.argmax(p[10])]", "'T-shirt/top'"))
    shirt = episode(verified=verified(top=(6,) * 20))
    assert named(cells, shirt).message.key == "named.other"
    tshirt = episode(verified=verified(top=(0,) * 20))
    assert named(cells, tshirt).message.args["name"] == "T-shirt/top"


def test_translated_names_are_names_too() -> None:
    """Two lists may stand in one notebook; either may be used."""
    cells = (code(0, LISTED), code(1, f"prendas = {SPANISH}"), code(2, "prendas[p[10].argmax()]", "'abrigo'"))
    found = named(cells)
    assert (found.status, found.message.args["name"]) == (Status.PASSED, "abrigo")
    assert class_names(evidence(cells=cells)) == (tuple(NAMES), tuple(SPANISH))


def test_any_of_the_student_s_nets_may_have_said_it() -> None:
    """Of those that were asked for predictions; one that never was says nothing."""
    bag = episode(1, verified=verified(top=(8,) * 20))
    cells = shown(("class_names[np.argmax(p[10])]", "'Bag'"))
    assert named(cells, COAT, bag).status is Status.PASSED
    only_coat = evidence(cells=cells, episodes=(COAT, bag), predictions=ASKED)
    assert NAMED(only_coat, expected()).message.key == "named.other"
    on_top = evidence(
        cells=cells, episodes=(COAT, bag), models=(model(5, shares=(1,)),), predictions=(prediction(5),)
    )
    assert NAMED(on_top, expected()).status is Status.PASSED


@pytest.mark.parametrize(
    "lists",
    [
        (NAMES, NAMES[::-1]),
        (NAMES, [name.lower() for name in NAMES[::-1]]),
        (NAMES, ["Coat", *"abcdefghi"]),
    ],
    ids=["turned round", "in lower case", "among other names"],
)
def test_a_name_of_two_classes_is_a_person_s(lists: tuple[list[str], ...]) -> None:
    """With the names in every order any answer would be right."""
    cells = (
        *(code(i, f"n{i} = {listed}") for i, listed in enumerate(lists)),
        code(2, "n0[p[10].argmax()]", "'Coat'"),
    )
    assert named(cells).message.key == "named.unverified"


def test_a_list_in_a_function_may_not_have_been_made() -> None:
    """It may hold the names all the same: a person looks."""
    cells = (code(0, f"def f(i):\n    return {NAMES}[i]"), code(1, "f(p[10].argmax())", "'Coat'"))
    assert named(cells).message.key == "named.unverified"


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
    assert named(cells).message.key == "named.absent"


@pytest.mark.parametrize(
    "source",
    [
        str(NAMES),
        f"nombres = {tuple(NAMES)}",
        f"nombres = {dict(enumerate(NAMES))}",
        f"%matplotlib inline\nnombres = {NAMES}",
        rf"x = '\d'; nombres = {NAMES}",
        f"nombres = '{','.join(NAMES)}'.split(',')",
        f"nombres = np.array('{', '.join(NAMES)}'.split(','))",
    ],
)
def test_ten_names_are_found_however_they_are_written(source: str) -> None:
    """A list, a tuple or a dictionary."""
    assert class_names(evidence(cells=(code(0, source),))) == (tuple(NAMES),)


@pytest.mark.parametrize(
    "source",
    [
        "x = ['a', 'b']",
        "x = ['a'] * 10",
        f"x = {['Bag'] * 10}",
        f"if False:\n    {NAMES}",
        "x = [1] * 10",
        "x ===",
        "(" * 5000,
        "",
        f"# {NAMES}",
    ],
)
def test_what_is_no_list_of_ten_names(source: str) -> None:
    """Nothing is taken from code that does not parse, and nothing raises."""
    assert class_names(evidence(cells=(code(0, source),))) == ()
    assert NAMED(evidence(cells=(code(0, source),)), expected()).message.key == "named.absent"


def test_nothing_run_is_ungraded() -> None:
    """Level static."""
    for check in (PREDICTED, NAMED):
        assert check(evidence(cells=notebook("x")), expected()).status is Status.UNGRADED

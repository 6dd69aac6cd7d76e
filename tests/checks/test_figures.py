"""Feature maps and filters drawn as images."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest

from grader.checks.drawing import Drawn
from grader.checks.figures import MapsShown, SomeLayerShown
from grader.checks.select import Where
from grader.model.evidence import Axes, Evidence, Figure
from grader.model.expected import Expected
from grader.model.result import Status

from .factory import (
    DENSE_NET,
    TITLE,
    TUTORIAL,
    code,
    episode,
    evidence,
    expected,
    figure,
    model,
    notebook,
    prediction,
    verified,
    wanted,
)

ACTIVATIONS = Where("2", ("1", "2"))
NET = Where("1", ("1", "2"), like="1.net")
MAPS = MapsShown(id="2.figures", title=TITLE, points=Decimal(1), where=ACTIVATIONS)
LAYER = SomeLayerShown(id="1.figure", title=TITLE, points=Decimal(1), where=NET)
KNOWN: Expected = expected(wanted("1.net", TUTORIAL))
MADE = (prediction(1, exposes=tuple((0, i) for i in range(1, 9))),)
"""The activations of every layer were computed."""
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


FIRST = (prediction(1, exposes=((0, 1),)),)
"""Those of the first convolution (26×26) alone."""


@pytest.mark.parametrize(
    ("why", "images", "status", "fraction"),
    [
        ("its own map", [(26, 26)], Status.PARTIAL, Fraction(1, 5)),
        ("maps of the others besides", EACH, Status.REVIEW, Fraction(0)),
        ("a mosaic, which pools' maps would tile as well", [(104, 208)], Status.PARTIAL, Fraction(1, 5)),
        ("only another's map", [(11, 11)], Status.REVIEW, Fraction(0)),
    ],
)
def test_a_layer_counts_whose_output_was_computed(
    why: str, images: list[tuple[int, ...]], status: Status, fraction: Fraction
) -> None:
    """One model of one layer does not stand for five; zeros of the right size look the same."""
    ran = evidence(episodes=(episode(),), figures=(figure(*images),), predictions=FIRST)
    found = MAPS(ran, KNOWN)
    assert (found.status, found.fraction) == (status, fraction), why


def test_another_net_s_activations_do_not_stand_for_these() -> None:
    """They are those of the model that was asked."""
    other = (prediction(2, exposes=tuple((1, i) for i in range(1, 9))),)
    ran = evidence(episodes=(episode(), episode(1, DENSE_NET)), figures=(figure(*EACH),), predictions=other)
    assert MAPS(ran, KNOWN).status is Status.REVIEW


def test_blank_images_show_nothing() -> None:
    """One value everywhere is no map."""
    blank = Figure(3, tuple(Axes(images=(size,), blank=(True,)) for size in EACH))
    ran = evidence(episodes=(episode(),), figures=(blank,), predictions=MADE)
    assert MAPS(ran, KNOWN).message.key == "figures.none"
    assert LAYER(ran, KNOWN).status is Status.FAILED


@pytest.mark.parametrize(("accuracy", "status"), [(0.1, Status.PASSED), (0.16, Status.FAILED)])
def test_a_net_at_chance_may_have_blank_maps(accuracy: float, status: Status) -> None:
    """Units that died show nothing; the training's own check has said so already."""
    blank = Figure(3, tuple(Axes(images=(size,), blank=(True,)) for size in EACH))
    dead = episode(verified=verified(accuracy))
    ran = evidence(episodes=(dead,), figures=(blank,), predictions=MADE)
    assert MAPS(ran, KNOWN).status is status
    assert LAYER(ran, KNOWN).status is status


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
    ran = evidence(episodes=(episode(cell=1),), figures=(figure(image, cell=cell),), predictions=MADE)
    assert LAYER(ran, KNOWN).status is status


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("plt.imshow(np.random.rand(3, 3))", Status.REVIEW),
        ("exp.red.evaluate(x, y)\nplt.imshow(np.zeros((3, 3)))", Status.REVIEW),
        ("if False:\n    plt.imshow(exp.red.layers[0].get_weights()[0][..., 0, 0])", Status.REVIEW),
        ("x = '''plt.imshow(exp.red.layers[0].kernel)'''", Status.REVIEW),
        ("plt.imshow(exp.red.layers[0].get_weights()[0][:, :, 0, 0])", Status.PASSED),
        ("w = exp.red.conv(x)\nfor i in range(8):\n    plt.imshow(w[i])", Status.PASSED),
        ("def f(m):\n    plt.imshow(m)\nf(exp.red.layers[0].kernel)", Status.PASSED),
        ("def g():\n    return exp.red.weights\nfor k in g():\n  ax.imshow(k)", Status.PASSED),
        (
            "for c in exp.red.layers:\n  if 'conv' in c.name:\n    ax.imshow(c.get_weights()[0])",
            Status.PASSED,
        ),
    ],
)
@pytest.mark.parametrize("image", [(3, 3), (26, 26)], ids=["kernel", "map"])
def test_what_is_drawn_must_come_from_the_network(
    source: str, status: Status, image: tuple[int, int]
) -> None:
    """Filters, and maps of a layer called by itself, leave no trace but the code that ran."""
    cells = (*notebook("> x", "> x"), code(2, source))
    net = episode(names=("exp.red",), cell=1)
    assert (
        LAYER(evidence(cells=cells, episodes=(net,), figures=(figure(image, cell=2),)), KNOWN).status
        is status
    )


IMPORTS = """
import keras
import numpy as np
import matplotlib.pyplot as plt
(x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
x_test = x_test.reshape(-1, 28, 28, 1) / 255
act = red_act.predict(x_test[:3])
def f(m):
    plt.imshow(m)
"""


def drew(source: str, *images: tuple[int, ...]) -> Evidence:
    """A notebook that computed all activations, and what its last cell drew."""
    cells = (code(0, IMPORTS), code(1, "red.fit(x_train, y_train)"), code(2, source))
    return evidence(
        cells=cells,
        episodes=(episode(names=("red",), cell=1),),
        models=(model(1, names=("red_act",), exposes=MADE[0].exposes),),
        figures=(figure(*images, cell=2),) if images else (),
        predictions=MADE,
    )


NOISE = [
    "for n in (26, 13, 11, 5, 3):\n    plt.imshow(np.random.rand(n, n))",
    "x = np.random.randint(0, 255, (9, 9)).astype('uint8')\nplt.imshow(x)",
    "fig, ejes = plt.subplots(2)\nfor i, eje in enumerate(ejes.flat):\n    eje.imshow(x_test[i, :, :, 0])",
    "imagenes = x_test[:9].squeeze()\nplt.imshow(imagenes[0], alpha=min(1, red.count_params()))",
]
NOT_TOLD = [
    "plt.imshow(mapas(x_test[0]))",
    "mapas = {}\nrellena(mapas)\nplt.imshow(mapas[0])",
    "x = x_test\nx = g(x)\nplt.imshow(x[0])",
    "plt.imshow(act[0])\nplt.imshow(x_test[0])",
    "for a in act:\n    plt.imshow(a[0])",
    "f(act[0])\nf(x_test[0])",
    "muestra(red_act)\nplt.imshow(x_test[0])",
    "x = x_test\nfor capa in red.layers:\n    x = capa(x)\n    plt.imshow(x[0])",
    "lista = []\nfor a in act:\n    lista.append(a[0])\nplt.imshow(lista[0])",
    "red.summary()",
    "",
]


@pytest.mark.parametrize(
    ("source", "status"), [(s, Status.FAILED) for s in NOISE] + [(s, Status.PASSED) for s in NOT_TOLD]
)
def test_noise_and_input_images_are_no_maps(source: str, status: Status) -> None:
    """Where the code draws nothing else; what it leaves open is read by its size."""
    ran = drew(source, *EACH)
    assert MAPS(ran, KNOWN).status is status
    assert LAYER(ran, KNOWN).status is status


ALL = "for a in act:\n    plt.imshow(pega(a))"


@pytest.mark.parametrize(
    ("why", "source", "images", "key"),
    [
        (
            "frames of two pixels",
            ALL,
            [(4 * (n + 2) + 2, 8 * (n + 2) + 2) for n, _ in EACH],
            "figures.passed",
        ),
        ("enlarged", ALL, [(10 * n, 10 * n) for n, _ in EACH], "figures.passed"),
        ("all to one size", ALL, [(100, 100)] * 5, "figures.unread"),
        ("all in one image", "plt.imshow(np.vstack([pega(a) for a in act]))", [(520, 832)], "figures.unread"),
        (
            "all as large as the first",
            "plt.imshow(cv2.resize(act[0], (26, 26)))",
            [(26, 26)],
            "figures.unread",
        ),
        ("to files", "for a in act:\n    plt.imsave('a.png', a[0])", [], "figures.unread"),
        ("two layers", "plt.imshow(act[0])\nplt.imshow(act[1])", [(26, 26), (13, 13)], "figures.partial"),
        ("two layers and a dense one", ALL, [(26, 26), (13, 13), (3, 64), (8, 8)], "figures.partial"),
        ("in a size of nothing", "plt.imshow(x)", [(22, 61)], "figures.failed"),
        ("one image for all layers", "plt.imshow(x)", [(4290, 4290)], "figures.partial"),
        ("nothing", "red.summary()", [], "figures.none"),
    ],
)
def test_maps_in_other_sizes(why: str, source: str, images: list[tuple[int, ...]], key: str) -> None:
    """What comes from the layers is read as well as can be, and left to a person where it cannot."""
    assert MAPS(drew(source, *images), KNOWN).message.key == key, why


@pytest.mark.parametrize(
    ("why", "source", "images", "key"),
    [
        (
            "kernels in a row, padded",
            "w = red.layers[0].kernel\nplt.imshow(fila(w))",
            [(5, 80)],
            "layer_shown.passed",
        ),
        ("to a file", "plt.imsave('mapa.png', act[0])", [], "layer_shown.unread"),
        ("in an unknown size", "plt.imshow(enlarge(act[0]))", [(22, 61)], "layer_shown.unread"),
        ("scores", "p = red.predict(x_test)\nsns.heatmap(p[:22])", [(22, 10)], "layer_shown.failed"),
        ("classes", "p = red.predict(x_test)\nsns.heatmap(matriz(p))", [(10, 10)], "layer_shown.failed"),
        ("something else", "plt.imshow(z, alpha=red.count_params())", [(22, 61)], "layer_shown.failed"),
        ("to a file, something else", "plt.imsave('x.png', z)", [], "layer_shown.failed"),
    ],
)
def test_a_layer_in_other_sizes(why: str, source: str, images: list[tuple[int, ...]], key: str) -> None:
    """Filters and maps as people put them together; what is not drawn of the net is none of its."""
    assert LAYER(drew(source, *images), KNOWN).message.key == key, why


def test_transparency_is_not_what_is_drawn() -> None:
    """A number of the network in another argument is no image of it."""
    ran = drew("plt.imshow(z, alpha=min(1, red.count_params()))", (3, 3))
    assert LAYER(msgspec.structs.replace(ran, predictions=()), KNOWN).status is Status.REVIEW


@pytest.mark.parametrize(
    ("source", "by_layers"),
    [
        ("x = x_test\nfor capa in red.layers:\n    x = capa(x)\n    plt.imshow(x[0])", True),
        ("plt.imshow(red.layers[0](x_test[:3])[0])", True),
        ("def dibuja(i):\n    a = red.get_layer('c')(x_test[i])\n    plt.imshow(a)\ndibuja(3)", True),
        (
            "class Red:\n  def __init__(self):\n    self.c1 = Conv2D(3)\nplt.imshow(Red().c1(x_test)[0])",
            True,
        ),
        ("plt.imshow(red.layers[0].get_weights()[0])", False),
        ("for capa in red.layers:\n    print(capa.name)\nplt.imshow(x_test[0])", False),
        ("y = red.layers[0](x_test)\nplt.imshow(x_test[0])", False),
        ("plt.imshow(red.predict(x_test))", False),
    ],
)
def test_layers_called_by_themselves_are_seen_in_the_code(source: str, by_layers: bool) -> None:
    """They leave no other trace."""
    assert Drawn(drew(source), frozenset({2})).by_layers is by_layers


def test_some_layer_in_its_region() -> None:
    """Where the exercise is marked, only what stands under its heading."""
    cells = notebook("## Ejercicio 1", "> x", "## Ejercicio 2", "> x")
    for cell, status in ((1, Status.PASSED), (3, Status.FAILED)):
        drawn = (figure((26, 26), cell=cell),)
        ran = evidence(cells=cells, episodes=(episode(cell=1),), figures=drawn, predictions=MADE)
        assert LAYER(ran, KNOWN).status is status


def test_nothing_run_or_trained() -> None:
    """Ungraded, and absent."""
    for check in (MAPS, LAYER):
        assert check(evidence(cells=notebook("x")), KNOWN).status is Status.UNGRADED
    assert LAYER(evidence(), KNOWN).message.key == "training.absent"

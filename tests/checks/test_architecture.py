"""Networks are compared by what they compute, and a difference names its layer."""

from __future__ import annotations

from fractions import Fraction

import pytest

from grader.checks.architecture import core, credit, differences, signature
from grader.model.graph import Graph

from .factory import DENSE_NET, FLATTEN, INPUT, TUTORIAL, alexnet, conv, dense, graph, layer, pool


def net(first: Graph | None = None, **changes: object) -> Graph:
    """The tutorial's network with layers replaced by position (or removed with None)."""
    layers = list((first or TUTORIAL).layers)
    for position, change in changes.items():
        at = int(position.removeprefix("at"))
        layers[at] = change  # type: ignore[call-overload]
    return graph(*(one for one in layers if one is not None))


RELU = layer("Activation", (), activation="relu")
DROPOUT = layer("Dropout", (), rate=0.5)
BATCH_NORM = layer("BatchNormalization", ())
FUNCTIONAL = graph(*TUTORIAL.layers, style="functional")


@pytest.mark.parametrize(
    ("why", "own"),
    [
        ("the functional style is another way to write it", FUNCTIONAL),
        ("an activation may be a layer of its own", net(at1=conv(32, activation=None), at2=RELU)),
        ("a ReLU layer is an activation too", net(at1=conv(32, activation="linear"), at2=layer("ReLU"))),
        ("padding is the student's choice", net(at1=conv(32, padding="same"))),
        ("a softmax at the end is the loss's business", net(at8=dense(10, "softmax"))),
    ],
)
def test_what_computes_the_same_has_no_difference(why: str, own: Graph) -> None:
    """Style, padding and where an activation is written do not count."""
    if why.startswith(("an activation", "a ReLU")):
        own = graph(*own.layers[:3], pool(13, 32), *own.layers[3:])
    assert differences(TUTORIAL, own) == ()


@pytest.mark.parametrize(
    "free", [DROPOUT, BATCH_NORM, layer("Rescaling", scale=1 / 255), layer("GaussianNoise")]
)
@pytest.mark.parametrize("at", range(1, 9))
def test_free_layers_may_stand_anywhere(free: object, at: int) -> None:
    """Dropout, normalisation, scaling and noise may be added before any layer."""
    own = graph(*TUTORIAL.layers[:at], free, *TUTORIAL.layers[at:])  # type: ignore[arg-type]
    assert differences(TUTORIAL, own) == ()


def test_an_activation_after_batch_normalisation_belongs_to_the_convolution() -> None:
    """Conv, BatchNormalization, ReLU is what Conv with relu is asked for."""
    own = graph(INPUT, conv(32, activation=None), BATCH_NORM, RELU, *TUTORIAL.layers[2:])
    assert differences(TUTORIAL, own) == ()


@pytest.mark.parametrize(
    ("own", "expected", "observed"),
    [
        (net(at1=conv(32, activation=None)), "Conv2D(32, 3×3, relu)", "Conv2D(32, 3×3)"),
        (net(at3=conv(128)), "Conv2D(64, 3×3, relu)", "Conv2D(128, 3×3, relu)"),
        (net(at3=conv(64, kernel=5)), "Conv2D(64, 3×3, relu)", "Conv2D(64, 5×5, relu)"),
        (net(at7=dense(128)), "Dense(64, relu)", "Dense(128, relu)"),
        (net(at7=dense(64, "tanh")), "Dense(64, relu)", "Dense(64, tanh)"),
        (net(at4=None), "MaxPooling2D(2×2)", "None"),
        (net(at6=layer("GlobalAveragePooling2D", (64,))), "Flatten()", "GlobalAveragePooling2D()"),
        (graph(*TUTORIAL.layers[:7], dense(64), *TUTORIAL.layers[7:]), "None", "Dense(64, relu)"),
    ],
    ids=[
        "no relu",
        "filters",
        "kernel",
        "units",
        "other activation",
        "missing",
        "global pooling",
        "additional",
    ],
)
def test_one_deviation_is_one_difference_that_names_the_layer(
    own: Graph, expected: str, observed: str
) -> None:
    """Each edit says what was expected and what is there."""
    (found,) = differences(TUTORIAL, own)
    assert (str(found.expected), str(found.observed)) == (expected, observed)


def test_each_deviating_layer_costs_a_third_and_never_more_than_all() -> None:
    """Three deviations or more leave nothing."""
    assert [credit(n) for n in range(5)] == [1, Fraction(2, 3), Fraction(1, 3), 0, 0]


def test_the_number_of_differences_is_the_same_in_both_directions() -> None:
    """A layer missing here is a layer added there."""
    assert len(differences(TUTORIAL, DENSE_NET)) == len(differences(DENSE_NET, TUTORIAL)) > 3


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_a_scaled_alexnet_keeps_its_sequence(scale: int) -> None:
    """Fewer filters and units are no deviation where the size is the student's."""
    assert differences(alexnet(), alexnet(scale), scaled=True) == ()
    assert differences(alexnet(), alexnet(scale)) != ()


def test_a_scaled_network_still_needs_its_nonlinearities_and_its_outputs() -> None:
    """Linear hidden layers and another number of classes do count."""
    assert len(differences(alexnet(), alexnet(2, activation=None), scaled=True)) == 7
    other = graph(*alexnet(2).layers[:-1], dense(5, None))
    (found,) = differences(alexnet(), other, scaled=True)
    assert str(found.observed) == "Dense(5)"
    assert differences(alexnet(), alexnet(2, activation="tanh"), scaled=True) == ()


def test_reshapes_before_the_first_layer_are_plumbing_and_a_flattening_one_is_a_flatten() -> None:
    """Adding a channel axis is no layer; Reshape((576,)) is a Flatten."""
    reshaped = graph(INPUT, layer("Reshape", (28, 28, 1)), *TUTORIAL.layers[1:])
    assert differences(TUTORIAL, reshaped) == ()
    assert differences(TUTORIAL, net(at6=layer("Reshape", (576,)))) == ()
    padded = graph(INPUT, layer("ZeroPadding2D", (32, 32, 1)), *TUTORIAL.layers[1:])
    assert differences(TUTORIAL, padded) == ()


def test_an_activation_before_any_layer_is_dropped() -> None:
    """There is nothing it could belong to."""
    assert core(graph(INPUT, RELU, FLATTEN)) == core(graph(INPUT, FLATTEN))


def test_a_linear_activation_layer_changes_nothing() -> None:
    """Activation("linear") after a relu layer does not undo it."""
    own = graph(*TUTORIAL.layers[:2], layer("Activation", activation="linear"), *TUTORIAL.layers[2:])
    assert differences(TUTORIAL, own) == ()


SAME_BAND = [
    graph(*TUTORIAL.layers[:-1], dense(10, "softmax")),
    graph(*TUTORIAL.layers, layer("Softmax")),
    graph(*TUTORIAL.layers, layer("Activation", activation="linear")),
    graph(INPUT, layer("Rescaling"), *TUTORIAL.layers[1:]),
    FUNCTIONAL,
]
OTHER_BAND = [
    net(at1=conv(32, padding="same")),
    net(at1=conv(32, strides=(2, 2))),
    graph(*TUTORIAL.layers[:2], BATCH_NORM, *TUTORIAL.layers[2:]),
    graph(*TUTORIAL.layers[:2], DROPOUT, *TUTORIAL.layers[2:]),
    net(at1=conv(32, activation="tanh")),
    alexnet(),
]


@pytest.mark.parametrize("own", SAME_BAND)
def test_a_band_holds_for_networks_that_learn_alike(own: Graph) -> None:
    """Softmax or logits, input scaling and style do not move the accuracy."""
    assert signature(own) == signature(TUTORIAL)


@pytest.mark.parametrize("own", OTHER_BAND)
def test_a_band_does_not_hold_for_networks_that_learn_otherwise(own: Graph) -> None:
    """Padding, strides, normalisation, dropout and activations do."""
    assert signature(own) != signature(TUTORIAL)


def test_a_graph_with_odd_values_is_still_compared() -> None:
    """Configurations come from a student's process: nothing in them may raise."""
    odd = graph(
        layer("Conv2D", (), filters=None, kernel_size=(), strides=(), activation=3),
        layer("Dense", (), units="ten"),
        layer("Dropout", (), rate=True),
    )
    assert differences(TUTORIAL, odd)
    assert signature(odd)
    assert signature(graph()) == ""

"""Networks are compared by what they compute, and a difference names its layer."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest

from grader.checks.architecture import core, credit, differences, same_input, signature, sure
from grader.model.graph import Graph, Layer

from .factory import (
    DENSE_NET,
    FLATTEN,
    INPUT,
    SMALL_NET,
    TUTORIAL,
    alexnet,
    conv,
    dense,
    graph,
    layer,
    pool,
    subclassed,
)


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
CLOSE_POOL = layer("MaxPooling2D", (12, 12, 32), pool_size=(2, 2), strides=(1, 1))
LAMBDA = layer("Lambda", (28, 28, 1))
FUNCTIONAL = graph(*TUTORIAL.layers, style="functional")


@pytest.mark.parametrize(
    ("why", "own"),
    [
        ("the functional style is another way to write it", FUNCTIONAL),
        ("an activation may be a layer of its own", net(at1=conv(32, activation=None), at2=RELU)),
        ("a ReLU layer is an activation too", net(at1=conv(32, activation="linear"), at2=layer("ReLU"))),
        ("padding is the student's choice", net(at1=conv(32, padding="same"))),
        ("a softmax at the end is the loss's business", net(at8=dense(10, "softmax"))),
        (
            "a pooling's strides are its size where nothing else is said",
            net(at2=layer("MaxPooling2D", (13, 13, 32), pool_size=(2, 2), strides=(2, 2))),
        ),
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
        (net(at1=conv(32, strides=(2, 2))), "Conv2D(32, 3×3, relu)", "Conv2D(32, 3×3, relu, strides=2)"),
        (net(at3=conv(64, groups=32)), "Conv2D(64, 3×3, relu)", "Conv2D(64, 3×3, relu, groups=32)"),
        (
            net(at3=conv(64, dilation_rate=(2, 1))),
            "Conv2D(64, 3×3, relu)",
            "Conv2D(64, 3×3, relu, dilation_rate=2×1)",
        ),
        (net(at1=conv(32, use_bias=False)), "Conv2D(32, 3×3, relu)", "Conv2D(32, 3×3, relu, use_bias=False)"),
        (net(at2=CLOSE_POOL), "MaxPooling2D(2×2)", "MaxPooling2D(2×2, strides=1)"),
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
        "strides",
        "groups",
        "dilation",
        "no bias",
        "strides of a pooling",
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


def test_a_network_scaled_to_nothing_is_not_to_scale() -> None:
    """One filter, a kernel of one pixel, poolings of one pixel: the words of AlexNet without its sense."""
    large = graph(
        INPUT, conv(96, 11), pool(), conv(256, 5), pool(), conv(384), FLATTEN, dense(4096), dense(10)
    )

    def own(filters: int = 8, kernel: int = 3, shrink: int = 2, units: int = 32) -> Graph:
        few = layer("MaxPooling2D", (), pool_size=(shrink, shrink), strides=(shrink, shrink))
        first, second, third = conv(filters, kernel), conv(filters, kernel), conv(filters, 1)
        return graph(INPUT, first, few, second, few, third, FLATTEN, dense(units), dense(10))

    assert differences(large, own(), scaled=True) == ()
    assert len(differences(large, own(filters=1), scaled=True)) == 3
    assert len(differences(large, own(kernel=1), scaled=True)) == 2
    assert len(differences(large, own(shrink=1), scaled=True)) == 2
    assert len(differences(large, own(units=1), scaled=True)) == 1
    once = [*own(shrink=1).layers]
    once[2] = pool()
    assert differences(large, graph(*once), scaled=True) == ()


def test_reshapes_before_the_first_layer_are_plumbing_and_a_flattening_one_is_a_flatten() -> None:
    """Adding a channel axis is no layer; Reshape((576,)) is a Flatten."""
    reshaped = graph(INPUT, layer("Reshape", (28, 28, 1)), *TUTORIAL.layers[1:])
    assert differences(TUTORIAL, reshaped) == ()
    assert differences(TUTORIAL, net(at6=layer("Reshape", (576,)))) == ()
    padded = graph(INPUT, layer("ZeroPadding2D", (32, 32, 1)), *TUTORIAL.layers[1:])
    assert differences(TUTORIAL, padded) == ()


def test_a_reshape_to_one_axis_is_a_flatten_wherever_it_stands() -> None:
    """First of all as well; what is flat already, be it by the student's own hands, stays flat."""
    reshaped = graph(INPUT, layer("Reshape", (784,)), *DENSE_NET.layers[2:])
    assert differences(DENSE_NET, reshaped) == ()
    assert differences(reshaped, DENSE_NET) == ()
    assert differences(DENSE_NET, graph(INPUT, layer("Reshape", (784,)), *DENSE_NET.layers[1:])) == ()
    flat = graph(layer("InputLayer", (784,)), *DENSE_NET.layers[2:])
    assert differences(DENSE_NET, flat) == ()


def test_batch_normalisation_makes_up_for_a_missing_bias() -> None:
    """Without one before it is how the two are usually written."""
    own = graph(INPUT, conv(32, activation=None, use_bias=False), BATCH_NORM, RELU, *TUTORIAL.layers[2:])
    assert differences(TUTORIAL, own) == ()


def inexact(*layers: Layer) -> Graph:
    return msgspec.structs.replace(graph(*layers), exact=False)


def test_a_function_before_the_first_weights_prepares_the_input() -> None:
    """Lambda(x / 255), an operation that adds an axis."""
    for own in (LAMBDA, layer("ExpandDims", (28, 28, 1)), layer("custom", (28, 28, 1))):
        assert differences(TUTORIAL, inexact(INPUT, own, *TUTORIAL.layers[1:])) == ()
        assert differences(DENSE_NET, inexact(INPUT, DENSE_NET.layers[1], own, *DENSE_NET.layers[2:])) == ()


def test_a_function_in_place_of_an_activation_is_not_surely_a_difference() -> None:
    """Lambda(tf.nn.relu) after a linear layer; after one with its activation it is one too many."""
    own = inexact(INPUT, conv(32, activation=None), LAMBDA, *TUTORIAL.layers[2:])
    assert [edit.sure for edit in differences(TUTORIAL, own)] == [False, False]
    own = inexact(*TUTORIAL.layers[:2], LAMBDA, *TUTORIAL.layers[2:])
    assert [str(edit.observed) for edit in sure(differences(TUTORIAL, own))] == ["Lambda()"]
    own = inexact(*TUTORIAL.layers[:6], LAMBDA, *TUTORIAL.layers[7:])
    assert [edit.sure for edit in differences(TUTORIAL, own)] == [False]
    # All that a Sequential does is in its layers.
    own = inexact(INPUT, LAMBDA, conv(32, activation=None), *TUTORIAL.layers[2:])
    assert [edit.sure for edit in differences(TUTORIAL, own)] == [True]


def test_what_may_happen_between_the_layers_is_not_surely_missing() -> None:
    """Where `call` is the student's own: activations and what has no weights; the rest counts as ever."""
    bare = [conv(n, activation=None, size=s) for n, s in ((32, 26), (64, 11), (64, 3))]
    own = subclassed(INPUT, *bare, dense(64, None), dense(10, None))
    found = differences(TUTORIAL, own)
    assert len(found) == 7
    assert sure(found) == ()
    other = subclassed(INPUT, conv(16, activation=None), *bare[1:], dense(64, None), dense(10, None))
    assert [str(edit.observed) for edit in sure(differences(TUTORIAL, other))] == ["Conv2D(16, 3×3)"]
    fewer = subclassed(INPUT, *bare[:2], dense(64, None), dense(10, None))
    assert len(sure(differences(TUTORIAL, fewer))) == 1
    wrong = subclassed(INPUT, conv(32, activation="tanh"), *bare[1:], dense(64, None), dense(10, None))
    assert len(sure(differences(TUTORIAL, wrong))) == 1


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
    *(
        graph(*TUTORIAL.layers[:2], nothing, *TUTORIAL.layers[2:])
        for nothing in (
            layer("Activation", activation="linear"),
            layer("Dropout", rate=0.0),
            layer("GaussianNoise", stddev=0.0),
            layer("Identity"),
            layer("MaxPooling2D", pool_size=(1, 1), strides=(1, 1)),
        )
    ),
]
OTHER_BAND = [
    net(at1=conv(32, padding="same")),
    net(at1=conv(32, strides=(2, 2))),
    net(at2=CLOSE_POOL),
    net(at1=conv(32, groups=2)),
    net(at1=conv(32, use_bias=False)),
    graph(*TUTORIAL.layers[:2], BATCH_NORM, *TUTORIAL.layers[2:]),
    graph(*TUTORIAL.layers[:2], DROPOUT, *TUTORIAL.layers[2:]),
    net(at1=conv(32, activation="tanh")),
    alexnet(),
]


@pytest.mark.parametrize("own", SAME_BAND)
def test_a_band_holds_for_networks_that_learn_alike(own: Graph) -> None:
    """Softmax or logits, input scaling, style and layers that do nothing do not move the accuracy."""
    assert signature(own) == signature(TUTORIAL)


@pytest.mark.parametrize("own", OTHER_BAND)
def test_a_band_does_not_hold_for_networks_that_learn_otherwise(own: Graph) -> None:
    """Padding, strides, groups, biases, normalisation, dropout and activations do."""
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


@pytest.mark.parametrize(
    ("shape", "same"),
    [
        ((5, 5), True),
        ((5, 5, 1), True),
        ((25,), True),
        ((None, 5), True),
        ((1, 25), False),
        ((28, 28), False),
        ((25, 25), False),
    ],
)
def test_an_input_has_the_axes_asked_for_or_is_flat(shape: tuple[int | None, ...], same: bool) -> None:
    """An axis of length one more is nothing, and neither is an axis that is not known."""
    own = graph(layer("InputLayer", shape), *SMALL_NET.layers[1:])
    asked = graph(layer("InputLayer", (5, 5)), *SMALL_NET.layers[1:])
    assert same_input(asked, own) is same
    assert same_input(asked, graph(*SMALL_NET.layers[1:]))

"""The network asked for, another one, one output per layer."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest

from grader.checks.select import Where
from grader.checks.structure import Architecture, Different, EveryLayerExposed, SeveralInputs
from grader.model.evidence import Evidence, Provenance
from grader.model.expected import Expected
from grader.model.graph import Graph
from grader.model.result import Status

from .factory import (
    DENSE_NET,
    FLATTEN,
    INPUT,
    SMALL_NET,
    TITLE,
    TUTORIAL,
    alexnet,
    code,
    compiled,
    conv,
    dense,
    episode,
    evidence,
    expected,
    graph,
    layer,
    model,
    notebook,
    pool,
    prediction,
    seen,
    subclassed,
    verified,
    wanted,
)

IDS = ("1", "2", "3")
FIRST = Where("1", IDS, like="1.net")
FOURTH = Where("3", IDS, like="3.net", scaled=True)
IMPROVED = Where("2", IDS, rivals=(FIRST, FOURTH))
ARCHITECTURE = Architecture(id="1.net", title=TITLE, points=Decimal(1), where=FIRST)
BUILT = Architecture(id="1.net", title=TITLE, points=Decimal(1), where=FIRST, trained=False)
DIFFERENT = Different(id="2.net", title=TITLE, points=Decimal(1), where=IMPROVED, base=FIRST)
EXPOSED = EveryLayerExposed(id="2.model", title=TITLE, points=Decimal(1), where=IMPROVED)
INPUTS = SeveralInputs(id="2.images", title=TITLE, points=Decimal(1), where=IMPROVED)
KNOWN: Expected = expected(wanted("1.net", TUTORIAL), wanted("3.net", alexnet()))
NOT_RUN = evidence(cells=notebook("texto"))
BIGGER = graph(TUTORIAL.layers[0], conv(64), *TUTORIAL.layers[1:])


@pytest.mark.parametrize("check", [ARCHITECTURE, BUILT, DIFFERENT, EXPOSED, INPUTS])
def test_what_was_not_run_is_not_judged(check: Architecture) -> None:
    """At level static a check of behaviour ends ungraded, never failed."""
    assert check(NOT_RUN, KNOWN).status is Status.UNGRADED


def test_the_network_asked_for_passes_with_verified_parameters() -> None:
    """The parameters shown are those of the clean rebuild where there is one."""
    found = ARCHITECTURE(evidence(episodes=(episode(),)), KNOWN)
    assert (found.status, found.fraction, found.episode) == (Status.PASSED, 1, 0)
    assert found.comparisons[-1].provenance is Provenance.VERIFIED
    assert found.hint is None


@pytest.mark.parametrize(("edits", "fraction"), [(1, Fraction(2, 3)), (2, Fraction(1, 3)), (3, 0), (5, 0)])
def test_each_deviating_layer_costs_a_third(edits: int, fraction: Fraction) -> None:
    """Here: dense layers too many, under the exercise's own heading."""
    net = graph(*TUTORIAL.layers[:-1], *[dense(32)] * edits, TUTORIAL.layers[-1])
    found = ARCHITECTURE(
        evidence(cells=notebook("## Ejercicio 1", "> x"), episodes=(episode(0, net, cell=1),)), KNOWN
    )
    assert found.fraction == fraction
    assert found.message.args["n"] == edits
    assert sum(not row.agrees for row in found.comparisons) == edits + 1
    assert found.hint is not None
    assert found.hint.key == "structure.hint.extra"


@pytest.mark.parametrize(
    ("layers", "hint"),
    [
        ((conv(32, activation=None),), "structure.hint.activation"),
        ((conv(16),), "structure.hint.replace"),
        ((), "structure.hint.missing"),
    ],
)
def test_the_hint_says_what_to_do_with_the_first_difference(layers: tuple[object, ...], hint: str) -> None:
    """Activation forgotten, layer replaced, layer missing."""
    net = graph(TUTORIAL.layers[0], *layers, *TUTORIAL.layers[2:])  # type: ignore[arg-type]
    found = ARCHITECTURE(evidence(episodes=(episode(0, net),)), KNOWN)
    assert found.status is Status.PARTIAL
    assert found.hint is not None
    assert found.hint.key == hint


def test_free_layers_add_parameters_without_disagreement() -> None:
    """BatchNormalization's own parameters are no deviation."""
    net = graph(*TUTORIAL.layers[:2], layer("BatchNormalization", (), 128), *TUTORIAL.layers[2:])
    found = ARCHITECTURE(evidence(episodes=(episode(0, net),)), KNOWN)
    assert found.status is Status.PASSED
    assert all(row.agrees for row in found.comparisons)


def test_a_layer_has_the_size_of_what_it_gives_out() -> None:
    """Its own `get_config` may say anything."""
    lying = msgspec.structs.replace(dense(3), output_shape=(7,), params=7)
    net = graph(*SMALL_NET.layers[:2], lying, SMALL_NET.layers[-1])
    known = expected(wanted("1.net", SMALL_NET))
    found = BUILT(evidence(models=(model(0, net),)), known)
    assert (found.status, found.fraction) == (Status.PARTIAL, Fraction(2, 3))


def test_where_the_layers_settle_the_size_it_must_agree() -> None:
    """The same layers on 6×6 images are another network."""
    bigger = msgspec.structs.replace(dense(3), params=4)
    net = graph(*SMALL_NET.layers[:2], bigger, SMALL_NET.layers[-1])
    found = BUILT(evidence(models=(model(0, net),)), expected(wanted("1.net", SMALL_NET)))
    assert (found.status, found.message.key) == (Status.REVIEW, "structure.size")
    assert not found.comparisons[-1].agrees


def sized(side: int, channels: int = 1, *, shared: bool = False) -> Graph:
    """One convolution and one dense layer on images of a size, with the parameters they have."""
    first = layer("Conv2D", (side, side, 4), 4 * (9 * channels + 1), filters=4, kernel_size=(3, 3))
    flat = side * side * 4
    last = layer("Dense", (10,), 0 if shared else 10 * (flat + 1), units=10)
    return graph(layer("InputLayer", (side, side, channels)), first, layer("Flatten", (flat,)), last)


def test_convolutions_may_have_maps_of_another_size() -> None:
    """Padded, or on larger or coloured images: the row then says what these layers have on such maps."""
    known = expected(wanted("1.net", sized(26)))
    for own in (sized(28), sized(30, 3)):
        found = BUILT(evidence(models=(model(0, own),)), known)
        assert found.status is Status.PASSED
        assert [(row.agrees, row.expected) for row in found.comparisons] == [(True, f"{own.params:,}")]
    found = BUILT(evidence(models=(model(0, sized(26, shared=True)),)), known)
    assert (found.status, found.message.key) == (Status.REVIEW, "structure.size")


def test_activations_that_are_not_seen_are_no_fault() -> None:
    """A person looks, and reads of no layer that lacks one."""
    bare = [conv(n, activation=None) for n in (32, 64, 64)]
    hidden = subclassed(
        INPUT, bare[0], pool(), bare[1], pool(), bare[2], FLATTEN, dense(64, None), dense(10, None)
    )
    found = ARCHITECTURE(evidence(episodes=(episode(0, hidden),)), KNOWN)
    assert (found.status, found.message.key, found.hint) == (Status.REVIEW, "structure.unseen", None)
    assert [row.what.key for row in found.comparisons] == ["structure.params"]
    wrong = subclassed(INPUT, conv(16, activation=None), *hidden.layers[2:])
    found = ARCHITECTURE(evidence(episodes=(episode(0, wrong),)), KNOWN)
    assert (found.status, found.message.args["n"]) == (Status.PARTIAL, 1)


def test_a_flatten_that_is_not_seen_shows_in_the_sizes() -> None:
    """`tf.reshape` before a dense layer: its weights say how many numbers come in."""
    own = subclassed(SMALL_NET.layers[0], *SMALL_NET.layers[2:])
    found = BUILT(evidence(models=(model(0, own),)), expected(wanted("1.net", SMALL_NET)))
    assert found.status is Status.PASSED


def test_a_layer_of_one_s_own_may_hold_several() -> None:
    """As many weights as asked for inside what cannot be opened: a person looks."""
    block = layer("custom", (64,), sum(one.params for one in TUTORIAL.layers[1:8]))
    own = subclassed(INPUT, block, TUTORIAL.layers[8])
    under = notebook("## Ejercicio 1", "> x")
    found = ARCHITECTURE(evidence(cells=under, episodes=(episode(0, own, cell=1),)), KNOWN)
    assert (found.status, found.message.key) == (Status.REVIEW, "structure.unseen")
    own = subclassed(INPUT, msgspec.structs.replace(block, params=5), TUTORIAL.layers[8])
    found = ARCHITECTURE(evidence(cells=under, episodes=(episode(0, own, cell=1),)), KNOWN)
    assert found.status is Status.FAILED


def test_another_input_with_as_many_numbers_goes_to_a_person() -> None:
    """`Input((1, 25))` is not the 5×5 image that was asked for."""
    asked = graph(layer("InputLayer", (5, 5)), *SMALL_NET.layers[1:])
    own = graph(layer("InputLayer", (1, 25)), *SMALL_NET.layers[1:])
    found = BUILT(evidence(models=(model(0, own),)), expected(wanted("1.net", asked)))
    assert (found.status, found.message.key) == (Status.REVIEW, "structure.input")
    assert found.message.args == {"asked": "(5, 5)", "given": "(1, 25)"}


def two_outputs(*outputs: int) -> Graph:
    """The tutorial's network with its last layer beside the hidden dense one, not behind it."""
    layers = list(TUTORIAL.layers)
    inputs = [(i - 1,) if i else () for i in range(len(layers))]
    inputs[-1] = (6,)
    joined = zip(layers, inputs, strict=True)
    return Graph(tuple(msgspec.structs.replace(one, inputs=fed) for one, fed in joined), outputs)


@pytest.mark.parametrize(
    ("loss", "status", "key"),
    [
        ("none + SparseCategoricalCrossentropy", Status.PARTIAL, "structure.differs"),
        ("SparseCategoricalCrossentropy", Status.REVIEW, "structure.outputs"),
        ("none + none", Status.REVIEW, "structure.outputs"),
    ],
)
def test_of_several_outputs_the_way_to_the_one_with_a_loss_is_judged(
    loss: str, status: Status, key: str
) -> None:
    """A layer that hangs on an output that nothing is asked of does not belong to it."""
    trained = episode(0, two_outputs(7, 8), compilation=compiled(loss), cell=1)
    found = ARCHITECTURE(evidence(cells=notebook("## Ejercicio 1", "> x"), episodes=(trained,)), KNOWN)
    assert (found.status, found.message.key) == (status, key)


def test_outputs_on_one_way_are_one_network() -> None:
    """All layers of a chain as outputs, as for its activations."""
    every = msgspec.structs.replace(TUTORIAL, outputs=(*range(1, 9), 8))
    assert BUILT(evidence(models=(model(0, every),)), KNOWN).status is Status.PASSED


def test_the_nearest_accepted_variant_is_the_measure() -> None:
    """An assignment may accept several networks."""
    known = expected(wanted("1.net", alexnet()), wanted("1.net", TUTORIAL))
    assert ARCHITECTURE(evidence(episodes=(episode(),)), known).status is Status.PASSED


def test_a_network_that_was_only_built_counts_only_where_building_is_asked() -> None:
    """`trained` decides."""
    found = evidence(models=(model(),))
    assert BUILT(found, KNOWN).status is Status.PASSED
    assert ARCHITECTURE(found, KNOWN).status is Status.FAILED


def test_without_a_reference_nothing_is_judged() -> None:
    """A missing reference is ours."""
    assert ARCHITECTURE(evidence(episodes=(episode(),)), expected()).status is Status.UNGRADED


def test_a_scaled_network_shows_no_parameter_row() -> None:
    """Its number of parameters is the student's choice."""
    check = Architecture(id="3.net", title=TITLE, points=Decimal(1), where=FOURTH, scaled=True)
    found = check(evidence(episodes=(episode(0, alexnet(4)),)), KNOWN)
    assert (found.status, found.comparisons) == (Status.PASSED, ())


TWO = msgspec.structs.replace(graph(*TUTORIAL.layers, dense(3)), outputs=(8, 9))
DANGLING = episode(1, TWO, cell=3, compilation=compiled("SparseCategoricalCrossentropy + none"))
IDLE = graph(*TUTORIAL.layers[:3], layer("Activation"), layer("Dropout", rate=0.0), *TUTORIAL.layers[3:])
RELU = layer("Activation", activation="relu")
APART = graph(INPUT, conv(32, activation=None, size=26), RELU, *TUTORIAL.layers[2:])
LABEL = "**{}.a.** La red recibe una imagen de veintiocho por veintiocho y devuelve diez números."
MARKED = notebook("## Ejercicio 1", "> x", "## Ejercicio 2", "> x", "> x", "## Ejercicio 3", "> x")


@pytest.mark.parametrize(
    ("why", "ran", "key"),
    [
        (
            "another network under its heading",
            evidence(cells=MARKED, episodes=(episode(0, cell=1), episode(1, BIGGER, cell=3))),
            "different.passed",
        ),
        (
            "the first one repeated beside the new one",
            evidence(
                cells=MARKED, episodes=(episode(0, cell=1), episode(1, cell=3), episode(2, BIGGER, cell=4))
            ),
            "different.passed",
        ),
        (
            "the same network trained for longer",
            evidence(cells=MARKED, episodes=(episode(0, cell=1), episode(1, epochs=10, cell=3))),
            "different.same",
        ),
        (
            "the same network with an output that nothing is asked of",
            evidence(cells=MARKED, episodes=(episode(0, cell=1), DANGLING)),
            "different.same",
        ),
        (
            "the same network and layers that do nothing",
            evidence(cells=MARKED, episodes=(episode(0, cell=1), episode(1, IDLE, cell=3))),
            "different.same",
        ),
        (
            "the same network with its activation in a layer of its own",
            evidence(cells=MARKED, episodes=(episode(0, cell=1), episode(1, APART, cell=3))),
            "different.same",
        ),
        (
            "nothing else was trained",
            evidence(cells=MARKED, episodes=(episode(0, cell=1),)),
            "different.absent",
        ),
        (
            "only AlexNet besides, under its own heading",
            evidence(cells=MARKED, episodes=(episode(0, cell=1), episode(1, alexnet(2), cell=6))),
            "different.absent",
        ),
        (
            "AlexNet under its heading, and none under AlexNet's",
            evidence(cells=MARKED, episodes=(episode(0, cell=1), episode(1, alexnet(2), cell=3))),
            "different.absent",
        ),
        (
            "headings moved: it stands above, AlexNet in its place",
            evidence(
                cells=MARKED,
                episodes=(episode(0), episode(1, BIGGER, cell=1), episode(2, alexnet(2), cell=3)),
            ),
            "different.passed",
        ),
        (
            "the same, on a handful of rows",
            evidence(
                cells=MARKED,
                episodes=(
                    episode(0),
                    episode(1, BIGGER, cell=1, x=seen(train=10)),
                    episode(2, alexnet(2), cell=3),
                ),
            ),
            "different.absent",
        ),
        (
            "AlexNet in both places, each trained",
            evidence(
                cells=MARKED,
                episodes=(episode(0, cell=1), episode(1, alexnet(2), cell=3), episode(2, alexnet(4), cell=6)),
            ),
            "different.passed",
        ),
        (
            "labels below the code tell nothing of it",
            evidence(
                cells=notebook("> x", LABEL.format(1), "> x", LABEL.format(2), "> x", LABEL.format(3)),
                episodes=(episode(0, cell=0), episode(1, BIGGER, cell=2), episode(2, alexnet(2), cell=4)),
            ),
            "different.passed",
        ),
        (
            "its heading stands above text alone, and nobody else's above its code",
            evidence(
                cells=notebook("> x", "> x", "## Ejercicio 1", "> x", "## Ejercicio 2", "texto"),
                episodes=(episode(0, cell=3), episode(1, BIGGER, cell=1)),
            ),
            "different.passed",
        ),
        (
            "its heading stands above text alone, and the other training is another exercise's",
            evidence(
                cells=notebook("## Ejercicio 1", "> x", "> x", "## Ejercicio 2", "texto"),
                episodes=(episode(0, cell=1), episode(1, BIGGER, cell=2)),
            ),
            "different.absent",
        ),
        (
            "no headings: neither the first nor AlexNet",
            evidence(episodes=(episode(0), episode(1, alexnet(2)), episode(2, DENSE_NET))),
            "different.passed",
        ),
        (
            "no headings, only the first and AlexNet",
            evidence(episodes=(episode(0), episode(1, alexnet(2)))),
            "different.absent",
        ),
        (
            "no first network to compare with",
            evidence(cells=MARKED, episodes=(episode(0, DENSE_NET, cell=3),)),
            "different.passed",
        ),
        (
            "the new one broke off",
            evidence(
                cells=MARKED, episodes=(episode(0, cell=1), episode(1, BIGGER, cell=3, completed=False))
            ),
            "different.absent",
        ),
    ],
)
def test_another_architecture(why: str, ran: Evidence, key: str) -> None:
    """The open exercise wants a trained network that is not the earlier one."""
    assert DIFFERENT(ran, KNOWN).message.key == key, why


ALL = tuple((0, i) for i in range(1, 9))


@pytest.mark.parametrize(
    ("exposes", "fraction"),
    [
        (ALL, Fraction(1)),
        (ALL[:5], Fraction(5, 8)),
        ((), Fraction(0)),
        (((7, 1),), Fraction(0)),
        (((0, 0),), Fraction(0)),
    ],
)
def test_the_share_of_layers_returned_is_earned(
    exposes: tuple[tuple[int, int], ...], fraction: Fraction
) -> None:
    """Outputs of another model, or the input alone, are no layer's output."""
    ran = evidence(episodes=(episode(),), models=(model(), model(1, exposes=exposes)))
    assert EXPOSED(ran, KNOWN).fraction == fraction


def test_outputs_may_come_from_several_models_and_calls() -> None:
    """One model per layer is as good as one for all; the network itself returns its last layer."""
    single = tuple(model(i, exposes=((0, i),)) for i in range(1, 8))
    ran = evidence(episodes=(episode(),), models=(model(), *single), predictions=(prediction(0),))
    assert EXPOSED(ran, KNOWN).status is Status.PASSED
    called = evidence(
        episodes=(episode(),), predictions=tuple(prediction(9, exposes=(pair,)) for pair in ALL)
    )
    assert EXPOSED(called, KNOWN).status is Status.PASSED


def test_an_untrained_network_s_outputs_do_not_count() -> None:
    """Activations of random weights show nothing."""
    ran = evidence(models=(model(), model(1, exposes=ALL)))
    assert EXPOSED(ran, KNOWN).status is Status.FAILED


def test_missing_layers_are_named() -> None:
    """The student reads which layers are still to come."""
    ran = evidence(episodes=(episode(),), models=(model(1, exposes=ALL[:6]),))
    assert EXPOSED(ran, KNOWN).message.args["missing"] == "Dense, Dense"


@pytest.mark.parametrize(
    ("calls", "status"),
    [
        ((), Status.FAILED),
        (((("x"), 1),), Status.FAILED),
        ((("x", 1), ("x", 1)), Status.FAILED),
        ((("x", 1), ("y", 1)), Status.PASSED),
        ((("x", 3),), Status.PASSED),
    ],
)
def test_activations_of_two_different_images_are_several(
    calls: tuple[tuple[str, int], ...], status: Status
) -> None:
    """The same image twice is one."""
    made = tuple(prediction(1, x_id=x, x_distinct=n, exposes=((0, 1),)) for x, n in calls)
    assert INPUTS(evidence(predictions=made), KNOWN).status is status


def test_plain_predictions_are_no_activations() -> None:
    """Predicting the whole test set shows no layer's output."""
    assert INPUTS(evidence(predictions=(prediction(0, x_distinct=10_000),)), KNOWN).status is Status.FAILED


def test_layers_called_one_by_one_leave_the_number_of_images_to_a_person() -> None:
    """No prediction tells of how many they were computed."""
    by_hand = code(1, "x = x_test[:3]\nfor capa in red.layers:\n    x = capa(x)\n    plt.imshow(x[0])")
    assert INPUTS(evidence(cells=(by_hand,)), KNOWN).message.key == "inputs.untold"
    assert INPUTS(evidence(cells=(code(1, "plt.imshow(x_test[0])"),)), KNOWN).status is Status.FAILED


def test_observed_parameters_where_nothing_was_rebuilt() -> None:
    """The row says how well the number is known."""
    ran = evidence(episodes=(episode(verified=None),))
    assert ARCHITECTURE(ran, KNOWN).comparisons[-1].provenance is Provenance.OBSERVED
    assert verified().params == 100

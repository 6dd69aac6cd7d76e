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
from grader.model.result import Status

from .factory import (
    DENSE_NET,
    SMALL_NET,
    TITLE,
    TUTORIAL,
    alexnet,
    conv,
    dense,
    episode,
    evidence,
    expected,
    graph,
    layer,
    model,
    notebook,
    prediction,
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
    """The same layers on 6×6 images are another network; convolutions may be padded."""
    bigger = msgspec.structs.replace(dense(3), params=4)
    net = graph(*SMALL_NET.layers[:2], bigger, SMALL_NET.layers[-1])
    found = BUILT(evidence(models=(model(0, net),)), expected(wanted("1.net", SMALL_NET)))
    assert (found.status, found.message.key) == (Status.REVIEW, "structure.size")
    assert not found.comparisons[-1].agrees
    padded = graph(*TUTORIAL.layers[:-2], msgspec.structs.replace(dense(64), params=99), TUTORIAL.layers[-1])
    found = BUILT(evidence(models=(model(0, padded),)), KNOWN)
    assert (found.status, found.comparisons[-1].agrees) == (Status.PASSED, False)


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


def test_observed_parameters_where_nothing_was_rebuilt() -> None:
    """The row says how well the number is known."""
    ran = evidence(episodes=(episode(verified=None),))
    assert ARCHITECTURE(ran, KNOWN).comparisons[-1].provenance is Provenance.OBSERVED
    assert verified().params == 100

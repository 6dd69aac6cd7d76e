"""A loss suits the output and the labels."""

from __future__ import annotations

import msgspec
import pytest

from grader.checks.loss import LossFits, ends_in_softmax, loss_fault
from grader.checks.select import Where
from grader.model.evidence import Episode
from grader.model.graph import Graph
from grader.model.result import Status

from .factory import (
    ALL_TRAIN,
    DENSE_NET,
    KNOWN,
    PLACE,
    TUTORIAL,
    WHERE,
    compiled,
    dense,
    episode,
    evidence,
    graph,
    layer,
    seen,
)

OPEN = Where("2", ("1", "2"), rivals=(WHERE,))
LOSS = LossFits(**PLACE, where=WHERE)
OTHER_LOSS = LossFits(**PLACE, where=OPEN, base=WHERE)
ALL = [LOSS, OTHER_LOSS]


LOGITS, PROBABILITIES = TUTORIAL, graph(*TUTORIAL.layers[:-1], dense(10, "softmax"))
SPARSE, ONE_HOT = "SparseCategoricalCrossentropy", "CategoricalCrossentropy"


@pytest.mark.parametrize("kind", [SPARSE, ONE_HOT])
@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("from_logits", [False, True, None])
@pytest.mark.parametrize("net", [LOGITS, PROBABILITIES], ids=["logits", "softmax"])
def test_every_pairing_of_loss_labels_and_output(
    kind: str, one_hot: bool, from_logits: bool | None, net: Graph
) -> None:
    """Labels decide between the two crossentropies, the output decides `from_logits`."""
    found = loss_fault(net, compiled(kind, from_logits=from_logits), one_hot=one_hot)
    if (kind == ONE_HOT) != one_hot:
        assert found == "loss.labels"
    elif bool(from_logits) == (net is LOGITS):
        assert found is None
    else:
        assert found == ("loss.softmax_logits" if from_logits else "loss.no_softmax")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (SPARSE, Status.PASSED),
        ("MeanSquaredError", Status.FAILED),
        ("BinaryCrossentropy", Status.FAILED),
        ("CategoricalFocalCrossentropy", Status.REVIEW),
        ("custom", Status.REVIEW),
    ],
)
def test_losses_by_kind(kind: str, status: Status) -> None:
    """What is unsuited fails; what a program does not know a person looks at."""
    assert LOSS(evidence(episodes=(episode(compilation=compiled(kind)),)), KNOWN).status is status


@pytest.mark.parametrize(
    ("tail", "softmax"),
    [
        ((dense(10, "softmax"),), True),
        ((dense(10, None), layer("Softmax")), True),
        ((dense(10, None), layer("Activation", activation="softmax")), True),
        ((dense(10, "softmax"), layer("Reshape", (10,))), True),
        ((dense(10, "softmax"), layer("Rescaling", (10,), scale=1.0, offset=0.0)), True),
        ((dense(10, "softmax"), layer("Dropout", (10,), rate=0.1)), True),
        ((dense(10, "softmax"), layer("Activation", activation="linear")), True),
        ((dense(10, "softmax"), layer("ReLU")), True),
        ((dense(10, "softmax"), layer("Activation", activation="relu"), layer("Identity")), True),
        ((dense(10, None), layer("Rescaling", (10,), scale=1.0)), False),
        ((dense(10, "relu"), layer("Dropout", (10,))), False),
        ((dense(10, "log_softmax"), layer("Identity")), False),
        ((dense(10, "softmax"), layer("BatchNormalization", (10,))), False),
        ((dense(10, None),), False),
        ((dense(10, "sigmoid"),), False),
        ((dense(10, "softmax"), dense(10, None)), False),
        ((dense(10, None), layer("Activation", activation="linear")), False),
        ((layer("Flatten"),), False),
        ((), False),
    ],
)
def test_where_a_network_ends_in_softmax(tail: tuple[object, ...], softmax: bool) -> None:
    """As an argument or a layer, and only when nothing undoes it."""
    assert ends_in_softmax(graph(*tail)) is softmax


def test_the_loss_of_an_open_exercise_is_that_of_its_own_network() -> None:
    """The first exercise's sound loss does not stand for another's."""
    wrong = episode(1, DENSE_NET, compilation=compiled(from_logits=True))
    found = OTHER_LOSS(evidence(episodes=(episode(), wrong)), KNOWN)
    assert (found.status, found.episode) == (Status.FAILED, 1)
    assert found.hint is not None


def test_one_hot_labels_are_read_from_what_reached_fit() -> None:
    """Not from the loss's name."""
    hot = seen(train=60_000, one_hot=True)
    assert LOSS(evidence(episodes=(episode(x=hot),)), KNOWN).message.key == "loss.labels"
    fitting = episode(x=hot, compilation=compiled(ONE_HOT))
    assert LOSS(evidence(episodes=(fitting,)), KNOWN).status is Status.PASSED
    assert ALL_TRAIN.one_hot is False


def test_a_network_that_was_never_compiled_has_no_loss_to_judge() -> None:
    """The message is that of a missing training."""
    assert LOSS(evidence(episodes=(episode(compilation=None),)), KNOWN).message.key == "training.absent"


def test_a_mended_loss_counts() -> None:
    """The same network compiled wrongly first and rightly then: people mend and train again."""
    wrong = episode(number=0, compilation=compiled("MeanSquaredError"))
    right = episode(number=1, cell=4)
    assert LOSS(evidence(episodes=(wrong, right)), KNOWN).status is Status.PASSED
    assert LOSS(evidence(episodes=(wrong,)), KNOWN).status is Status.FAILED


def in_call(losses: tuple[float | None, ...], number: int = 0, **fields: object) -> Episode:
    """A subclass whose `call` does more than its layers show, with a loss that expects probabilities."""
    net = msgspec.structs.replace(LOGITS, exact=False, style="subclassed")
    fields = {"compilation": compiled(from_logits=False), "history": {"loss": losses}, **fields}
    return episode(number, net, epochs=len(losses), **fields)


@pytest.mark.parametrize(
    ("why", "training", "status"),
    [
        ("it learned", in_call((1.3, 0.9, 0.7)), Status.PASSED),
        ("it was about to begin", in_call((2.32, 2.3), rows_trained=700), Status.PASSED),
        ("it stands at a blind guess", in_call((2.4, 2.3, 2.3)), Status.REVIEW),
        ("it began badly", in_call((4.5, 5.7, 3.5), rows_trained=600), Status.REVIEW),
        ("rows were weighted", in_call((0.3, 0.2), sample_weighted=True), Status.REVIEW),
        ("nothing is known of its loss", in_call((None,)), Status.REVIEW),
        ("all of it is seen", in_call((1.3, 0.9), graph=LOGITS), Status.FAILED),
        ("the labels are wrong", in_call((1.3,), x=seen(train=60_000, one_hot=True)), Status.FAILED),
        ("it expects logits", in_call((1.3,), compilation=compiled(from_logits=True)), Status.PASSED),
    ],
)
def test_a_softmax_that_a_graph_cannot_show(why: str, training: Episode, status: Status) -> None:
    """`tf.nn.softmax` in a `call`: a loss that came down proves it, else a person looks."""
    assert LOSS(evidence(episodes=(training,)), KNOWN).status is status, why


def test_of_several_tries_the_one_that_cannot_be_told_goes_before_the_wrong_one() -> None:
    """A sound one goes before both."""
    wrong = episode(0, compilation=compiled("MeanSquaredError"))
    untold, sound = in_call((2.4,), 1), episode(2)
    assert LOSS(evidence(episodes=(wrong, untold)), KNOWN).status is Status.REVIEW
    assert LOSS(evidence(episodes=(wrong, untold, sound)), KNOWN).episode == 2

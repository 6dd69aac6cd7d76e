"""For how many epochs a network was trained."""

from __future__ import annotations

import msgspec
import pytest

from grader.checks.epochs import Epochs, SomeEpochs, VariesEpochs
from grader.model.evidence import CELL_TIMED_OUT, Ended, Episode
from grader.model.result import Status

from .factory import (
    DENSE_NET,
    KNOWN,
    PLACE,
    WHERE,
    code,
    episode,
    evidence,
    seen,
)

EPOCHS = Epochs(**PLACE, where=WHERE, epochs=3)
SOME = SomeEpochs(**PLACE, where=WHERE, epochs=100)
VARY = VariesEpochs(**PLACE, where=WHERE)
ALL = [EPOCHS, SOME, VARY]


def went_on(*epochs: int) -> tuple[Episode, ...]:
    """Fits that each start from the weights the one before ended with."""
    return tuple(
        episode(i, model=0, epochs=n, initial_digest=f"w{i}", final_digest=f"w{i + 1}")
        for i, n in enumerate(epochs)
    )


@pytest.mark.parametrize(
    ("why", "trainings", "status", "yours"),
    [
        ("three", (episode(epochs=3),), Status.PASSED, "3"),
        ("five", (episode(epochs=5),), Status.FAILED, "5"),
        ("one by one", went_on(1, 1, 1), Status.PASSED, "1 + 1 + 1"),
        ("one by one, and a fourth", went_on(1, 1, 1, 1), Status.FAILED, "1"),
        ("two and then three more", went_on(2, 3), Status.FAILED, "2"),
        ("three, and the cell run again", went_on(3, 3), Status.PASSED, "3"),
        ("ten, then anew with three", (episode(0, epochs=10), episode(1, epochs=3)), Status.PASSED, "3"),
    ],
)
def test_epochs(why: str, trainings: tuple[Episode, ...], status: Status, yours: str) -> None:
    """Going on with a trained network adds up; starting anew does not."""
    found = EPOCHS(evidence(episodes=trainings), KNOWN)
    assert (found.status, found.comparisons[0].observed) == (status, yours), why


def test_epochs_of_the_same_object_reset_to_new_weights_do_not_add_up() -> None:
    """One variable for all nets: the digests tell, not the name."""
    trainings = (episode(0, model=0, epochs=3), episode(1, DENSE_NET, model=0, epochs=7))
    assert EPOCHS(evidence(episodes=trainings), KNOWN).status is Status.PASSED


@pytest.mark.parametrize(
    ("epochs", "some", "vary"),
    [
        ((100,), Status.PASSED, Status.FAILED),
        ((20, 40), Status.FAILED, Status.PASSED),
        ((100, 25), Status.PASSED, Status.PASSED),
        ((20, 20), Status.FAILED, Status.FAILED),
    ],
)
def test_epoch_counts_tried(epochs: tuple[int, ...], some: Status, vary: Status) -> None:
    """A hundred was asked for, and another number besides."""
    ran = evidence(episodes=tuple(episode(i, epochs=n) for i, n in enumerate(epochs)))
    assert (SOME(ran, KNOWN).status, VARY(ran, KNOWN).status) == (some, vary)


def loop(epochs: int, cell: int, model: int = 0, start: int = 0) -> tuple[Episode, ...]:
    """`for epoch in range(epochs): fit(epochs=1)` in one cell, from the weights that `start` epochs gave."""
    return tuple(
        episode(
            100 * cell + i,
            cell=cell,
            model=model,
            epochs=1,
            initial_digest=f"w{model}.{start + i}",
            final_digest=f"w{model}.{start + i + 1}",
        )
        for i in range(epochs)
    )


@pytest.mark.parametrize(
    ("why", "trainings", "some", "vary"),
    [
        ("one loop", loop(100, 0), Status.PASSED, Status.FAILED),
        ("two loops", loop(100, 0) + loop(20, 1, model=1), Status.PASSED, Status.PASSED),
        ("two loops in one cell", loop(100, 0) + loop(20, 0, model=1), Status.PASSED, Status.PASSED),
        ("of the same length", loop(20, 0) + loop(20, 1, model=1), Status.FAILED, Status.FAILED),
        ("going on in another cell", loop(60, 0) + loop(40, 1, start=60), Status.PASSED, Status.PASSED),
        ("past it in one cell", loop(150, 0), Status.FAILED, Status.FAILED),
        ("a loop and a fit", (*loop(100, 0), episode(900, epochs=25)), Status.PASSED, Status.PASSED),
    ],
)
def test_fits_of_one_epoch_in_a_loop_add_up(
    why: str, trainings: tuple[Episode, ...], some: Status, vary: Status
) -> None:
    """Who draws the curve while the network learns trains it one epoch at a time."""
    numbered = (msgspec.structs.replace(e, number=i) for i, e in enumerate(trainings))
    ran = evidence(cells=tuple(code(i) for i in range(4)), episodes=tuple(numbered))
    assert (SOME(ran, KNOWN).status, VARY(ran, KNOWN).status) == (some, vary), why
    if why == "of the same length":
        assert SOME(ran, KNOWN).comparisons[0].observed == "20"


def test_one_network_trained_on_with_other_epochs_was_tried_with_both() -> None:
    """`for n in (10, 50): fit(epochs=n)`."""
    first, second = went_on(10, 50)
    ran = evidence(episodes=(first, msgspec.structs.replace(second, cell=first.cell)))
    assert VARY(ran, KNOWN).status is Status.PASSED


def test_a_fit_that_never_took_a_step_declares_nothing() -> None:
    """`epochs=100` on data of the wrong shape is no training of 100 epochs."""
    ran = evidence(episodes=(episode(epochs=100, completed=False, rows_trained=0),))
    assert SOME(ran, KNOWN).status is Status.FAILED


BETTER = {"loss": (0.5, 0.4), "accuracy": (0.7, 0.8), "val_loss": (0.5, 0.4), "val_accuracy": (0.7, 0.8)}
"""EarlyStopping(min_delta=10) ends here: nothing ever gets better by 10."""


def stopped(after: int, number: int = 0, **fields: object) -> Episode:
    """A training of 100 declared epochs that went through fewer."""
    return episode(number, **{"epochs": 100, "history": {"loss": (0.5,) * after}, **fields})


@pytest.mark.parametrize(
    ("why", "training", "status"),
    [
        ("by a callback of the student's", stopped(1, callbacks=("Para",)), Status.REVIEW),
        ("by the same, as written", stopped(1, callbacks=("Para",), capped=False), Status.FAILED),
        ("by an error that was caught", stopped(1, completed=False, capped=False), Status.FAILED),
        ("by the library's own", stopped(30, callbacks=("EarlyStopping",)), Status.PASSED),
        (
            "by it while all got better",
            stopped(2, callbacks=("EarlyStopping",), history=BETTER),
            Status.REVIEW,
        ),
        (
            "by it while all got better, as written",
            stopped(2, callbacks=("EarlyStopping",), history=BETTER, capped=False),
            Status.REVIEW,
        ),
        (
            "by it on what got worse",
            stopped(2, callbacks=("EarlyStopping",), history=BETTER | {"val_loss": (0.5, 0.6)}),
            Status.PASSED,
        ),
        ("in its first epoch", stopped(1, callbacks=("EarlyStopping",)), Status.REVIEW),
        ("beside it in its first epoch", stopped(1, callbacks=("EarlyStopping", "custom")), Status.REVIEW),
        (
            "by it on what got worse, or by another beside it",
            stopped(2, callbacks=("EarlyStopping", "custom"), history=BETTER | {"val_loss": (0.5, 0.6)}),
            Status.REVIEW,
        ),
        ("beside it at the end", stopped(100, callbacks=("EarlyStopping", "custom")), Status.PASSED),
        ("by a subclass of it", stopped(1, callbacks=("custom",)), Status.REVIEW),
        ("at the end", stopped(100, callbacks=("Para",)), Status.PASSED),
        ("after 100 of more", stopped(100, epochs=1000, callbacks=("Para",), capped=False), Status.PASSED),
        ("after 100 of more, shortened", stopped(100, epochs=1000, callbacks=("Para",)), Status.REVIEW),
    ],
)
def test_a_training_that_stopped_has_the_epochs_it_went_through(
    why: str, training: Episode, status: Status
) -> None:
    """Under our budget a callback sees shorter epochs than the student's: then a person looks."""
    assert SOME(evidence(episodes=(training,)), KNOWN).status is status, why


def test_epochs_of_a_loop_of_one_s_own_are_right_or_go_to_a_person() -> None:
    """Its source may say them in a way that cannot be read."""
    right = evidence(episodes=(episode(0, epochs=EPOCHS.epochs, loop="batches", history={"loss": (0.5,)}),))
    assert EPOCHS(right, KNOWN).status is Status.PASSED
    unread = EPOCHS(evidence(episodes=(episode(0, epochs=1, loop="batches"),)), KNOWN)
    assert (unread.status, unread.message.key) == (Status.REVIEW, "epochs.own_loop")


def test_our_clock_is_no_stopping() -> None:
    """A cell that it broke off declares what it declares."""
    cut = stopped(40, completed=False)
    assert SOME(evidence(episodes=(cut,), ended=Ended.WALL_CLOCK), KNOWN).status is Status.PASSED
    cells = (code(0, "fit", ok=False, error=CELL_TIMED_OUT),)
    assert SOME(evidence(cells=cells, episodes=(cut,)), KNOWN).status is Status.PASSED


def test_epochs_that_were_not_gone_through_do_not_vary() -> None:
    """Two trainings that stop at once are no experiment with epochs, and neither are three of three."""
    ran = evidence(episodes=(stopped(1, 0, capped=False), stopped(1, 1, epochs=25, capped=False)))
    assert VARY(ran, KNOWN).status is Status.FAILED
    unclear = evidence(episodes=(stopped(1, 0), stopped(1, 1, epochs=25)))
    assert VARY(unclear, KNOWN).message.key == "epochs.stopped"
    beside = evidence(episodes=(stopped(1, 0), episode(1, epochs=25), episode(2, epochs=50)))
    assert VARY(beside, KNOWN).status is Status.PASSED
    assert EPOCHS(evidence(episodes=(stopped(1, epochs=3),)), KNOWN).message.key == "epochs.stopped"
    assert EPOCHS(evidence(episodes=(stopped(1, epochs=3, capped=False),)), KNOWN).status is Status.FAILED


@pytest.mark.parametrize(
    ("why", "epoch_rows", "epochs", "status"),
    [
        ("not known", 0, 3, Status.PASSED),
        ("the data", 60_000, 3, Status.PASSED),
        ("a last batch that is not full", 60_032, 3, Status.PASSED),
        ("augmented to twice the data", 120_000, 3, Status.PASSED),
        ("ten times the data", 600_000, 3, Status.REVIEW),
        ("three times the data in one epoch", 180_000, 1, Status.REVIEW),
        ("ten times the data, in too many epochs", 600_000, 50, Status.FAILED),
    ],
)
def test_an_epoch_is_one_pass_over_the_data(why: str, epoch_rows: int, epochs: int, status: Status) -> None:
    """`ds.repeat(10)` makes ten of one."""
    ran = evidence(episodes=(episode(epochs=epochs, epoch_rows=epoch_rows),))
    assert EPOCHS(ran, KNOWN).status is status, why


def test_an_epoch_of_a_stream_of_unknown_length_may_be_any() -> None:
    """Only of what was seen whole it is known how often an epoch goes through it."""
    stream = episode(epochs=3, epoch_rows=600_000, x=seen(train=4_096, seen_whole=False))
    assert EPOCHS(evidence(episodes=(stream,)), KNOWN).status is Status.PASSED
    told = EPOCHS(evidence(episodes=(episode(epochs=3, epoch_rows=600_000),)), KNOWN)
    assert (told.message.key, told.message.args["rounds"]) == ("epochs.rounds", 10)

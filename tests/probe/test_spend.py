"""How many rows a call may use."""

from __future__ import annotations

import os

import pytest

from grader.probe import spend
from grader.probe.channel import Channel
from grader.probe.state import Job, Probe

QUICK = {"level": "quick", "fit_rows": 12_000, "fit_macs": 1.2e10, "validation_rows": 256,
         "evaluate_rows": 2_000, "predict_macs": 2e11, "total_macs": 4e12}  # fmt: skip


def probe(spent: float = 0.0, **budget) -> Probe:
    made = Probe(Job.read({"budget": {**QUICK, **budget}}), Channel(os.open(os.devnull, os.O_WRONLY)))
    made.macs = spent
    return made


@pytest.mark.parametrize(
    ("macs", "epochs", "rows"),
    [
        (1e5, 1, 12_000),  # a dense net: the rows decide
        (1e5, 10, 1_200),
        (2.8e6, 3, 1_428),  # the tutorial net: the multiply-adds decide
        (1.1e9, 2, 32),  # AlexNet: the minimum of 64 rows in all
        (1.1e9, 1000, 1),  # never less than one row an epoch
    ],
)
def test_rows_of_an_epoch(macs, epochs, rows):
    """The rows of all epochs together do not depend on their number."""
    assert spend.epoch_rows(probe(), macs, epochs) == (rows, False)


def test_full_caps_nothing():
    """At level full every count is as written."""
    full = probe(level="full", fit_rows=None, evaluate_rows=None, predict_macs=None, total_macs=None)
    assert spend.epoch_rows(full, 1e9, 100) is None
    assert spend.forward_rows(full, 1e9, full.job.evaluate_rows) is None
    assert spend.predict_rows(full, 1e9) is None


def test_when_the_total_is_spent_the_minimum_is_left():
    """A later training gets 64 rows, and says that the total decided."""
    assert spend.epoch_rows(probe(spent=4e12), 1e5, 1) == (64, True)
    assert spend.predict_rows(probe(spent=4e12), 1e9) == 64
    assert spend.forward_rows(probe(spent=4e12), 1e9, 2_000) == 64


def test_structure_takes_one_small_step_an_epoch():
    """Eight rows in each epoch, however many epochs; one when rows are dear."""
    structure = probe(level="structure", fit_rows=8, fit_macs=1e9)
    assert spend.epoch_rows(structure, 1e5, 50) == (8, False)
    assert spend.epoch_rows(structure, 1.1e9, 50) == (1, False)
    assert spend.split_into_steps(8, 4, structure=True) == (8, 1)


@pytest.mark.parametrize(
    ("rows", "batch", "expected"),
    [(20, 32, (20, 1)), (128, 32, (32, 4)), (1426, 32, (32, 44)), (63, 32, (31, 2)), (120, 32, (30, 4))],
)
def test_batches_of_the_declared_size_where_they_lose_little(rows, batch, expected):
    """The declared batch stays while whole batches keep nine tenths of the rows."""
    got = spend.split_into_steps(rows, batch)
    assert got == expected
    assert 0.9 * rows <= got[0] * got[1] <= rows

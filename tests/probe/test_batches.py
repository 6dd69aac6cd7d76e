"""Loops over `train_on_batch` and its neighbours under a budget, in a real kernel on real Keras models."""

from __future__ import annotations

import ast

import pytest
from driver import NO_CAPS, QUICK, Run, run_cells

from grader.evidence import wire

SETUP = """
import numpy as np, keras
from keras import layers
(x, y), (xt, yt) = keras.datasets.fashion_mnist.load_data()
x, xt = (x / 255).astype("float32"), (xt / 255).astype("float32")
def net():
    model = keras.Sequential([layers.Input((28, 28)), layers.Flatten(), layers.Dense(10, "softmax")])
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
"""
CELLS = {
    "setup": SETUP,
    "loop": """
model = net()
EPOCHS = 3
answers, iterations = [], 0
for epoch in range(EPOCHS):
    for start in range(0, 600, 20):
        answers.append(model.train_on_batch(x[start:start + 20], y[start:start + 20]))
print((len(answers), [len(a) for a in answers[:2]], int(model.optimizer.iterations),
    all(a == answers[11] for a in answers[12:])))
""",
    "as dict": """
other = net()
rows = [other.train_on_batch(x[:100], y[:100], return_dict=True) for _ in range(5)]
rows[0]["loss"] = -1
print((sorted(rows[-1]), int(other.optimizer.iterations), rows[3] == rows[4]))
""",
    "too large": """
third = net()
third.train_on_batch(x, y); third.train_on_batch(x, y)
print(int(third.optimizer.iterations))
""",
    "two nets": """
a, b = net(), net()
for i in range(4):
    a.train_on_batch(x[:50], y[:50]); b.train_on_batch(x[:10], y[:10])
""",
    "then fit": """
c = net()
c.train_on_batch(x[:50], y[:50])
c.fit(x, y, verbose=0)
""",
    "test": """
got = [model.test_on_batch(xt[i:i + 20], yt[i:i + 20]) for i in range(0, 200, 20)]
print((len(got), got[1] == got[9], got[0] == got[1]))
""",
    "predict": """
big = keras.Sequential([layers.Input((28, 28, 1)), layers.Conv2D(512, 5, padding="same"),
    layers.Conv2D(512, 5, padding="same"), layers.GlobalAveragePooling2D(), layers.Dense(10)])
out = [big.predict_on_batch(x[i:i + 32, ..., None]) for i in range(0, 128, 32)]
nan = [np.isnan(o) for o in out]
print(([o.shape for o in out], [bool(n.any()) for n in nan], [bool(n.all()) for n in nan]))
""",
}  # fmt: skip


@pytest.fixture(scope="module")
def run() -> Run:
    return run_cells(list(CELLS.values()), QUICK)


def printed(run: Run, name: str):
    cell = run.cells[list(CELLS).index(name)]
    assert cell.ok, cell.error
    return ast.literal_eval(cell.text.strip())


def fits(run: Run, name: str) -> list[wire.Fit]:
    index = list(CELLS).index(name)
    assert run.cells[index].ok, run.cells[index].error
    return [fit for fit in run.all(wire.Fit) if fit.cell == index]


def test_the_probe_itself_had_no_trouble(run):
    """No fault of ours was swallowed on the way."""
    assert run.trouble == ""
    assert [cell.error for cell in run.cells] == [""] * len(CELLS)


def test_the_loop_runs_on_and_the_training_stops(run):
    """Ninety calls are answered, twelve of them by a step: 240 rows."""
    assert printed(run, "loop") == (90, [2, 2], 12, True)
    [fit] = fits(run, "loop")
    assert (fit.loop, fit.rows_trained, fit.calls, fit.capped, fit.completed) == (
        "batches", 240, 90, True, True,
    )  # fmt: skip
    assert (fit.epochs, fit.batch_size, len(fit.history["loss"])) == (3, 20, 12)
    assert fit.initial_digest != fit.final_digest != ""


def test_its_rows_are_told_by_content(run):
    """All that went by, those that were not trained on included, and once each."""
    [fit] = fits(run, "loop")
    [data] = [e for e in run.all(wire.Data) if e.id == fit.x]
    assert (data.rows, data.whole, data.shape) == (600, True, (600, 28, 28))
    labels = {f.event.id: f.arrays["classes"] for f in run.frames if isinstance(f.event, wire.Labels)}
    assert labels[fit.y].tolist() == [i % 10 for i in range(600)]


def test_the_answer_has_the_form_that_is_asked_for(run):
    """A dict stays one, and belongs to the caller."""
    assert printed(run, "as dict") == (["accuracy", "loss"], 2, True)
    assert [f.rows_trained for f in fits(run, "as dict")] == [200]


def test_one_batch_larger_than_the_budget_is_cut(run):
    """The first call always trains."""
    assert printed(run, "too large") == 1
    assert [(f.rows_trained, f.capped) for f in fits(run, "too large")] == [(240, True)]


def test_two_nets_that_alternate_are_two_trainings(run):
    """As those of a GAN; each has its own budget."""
    assert [(f.calls, f.rows_trained, f.capped) for f in fits(run, "two nets")] == [
        (4, 200, False),
        (4, 40, False),
    ]


def test_a_fit_ends_the_loop_before_it(run):
    """What the one ended with is what the other begins with."""
    loop, fit = fits(run, "then fit")
    assert (loop.loop, fit.loop) == ("batches", "")
    assert loop.final_digest == fit.initial_digest


def test_testing_by_batches_is_an_evaluation(run):
    """Fifty rows are tested; the rest is answered by what the last real call said."""
    assert printed(run, "test") == (10, True, False)
    [told] = [e for e in run.all(wire.Evaluate) if e.cell == list(CELLS).index("test")]
    assert (told.rows_used, told.capped) == (40, True)
    assert set(told.results) == {"loss", "accuracy"}


def test_predictions_that_cannot_be_afforded_are_nan(run):
    """The shape of every batch holds; no row is made up."""
    shapes, some, all_of = printed(run, "predict")
    assert shapes == [(32, 10)] * 4
    assert some == all_of == [False, False, True, True]
    [told] = [e for e in run.all(wire.Predict) if e.cell == list(CELLS).index("predict")]
    assert (told.rows_used, told.capped, told.x_distinct) == (64, True, 128)


def test_structure_takes_one_small_step_a_round():
    """Eight rows for each of the three rounds that the source declares."""
    budget = {**QUICK, "level": "structure", "fit_rows": 8, "fit_macs": 1e9, "evaluate_rows": 64}
    run = run_cells(
        [SETUP, CELLS["loop"].replace("20", "8").replace("12:", "3:").replace("11]", "2]")], budget
    )
    assert run.trouble == ""
    [fit] = run.all(wire.Fit)
    assert (fit.rows_trained, fit.calls, fit.capped) == (24, 225, True)


def test_full_runs_every_step():
    """Nothing is left out, and the training is told all the same."""
    run = run_cells([SETUP, CELLS["loop"]], NO_CAPS)
    assert run.trouble == ""
    [fit] = run.all(wire.Fit)
    assert (fit.rows_trained, fit.calls, fit.capped) == (1800, 90, False)

"""Loops with a gradient tape under a budget, in a real kernel on real Keras models."""

from __future__ import annotations

import ast

import pytest
from driver import NO_CAPS, QUICK, Run, run_cells

from grader.evidence import wire

SETUP = """
import numpy as np, keras, tensorflow as tf
from keras import layers
(x, y), (xt, yt) = keras.datasets.fashion_mnist.load_data()
x, xt = (x / 255).astype("float32"), (xt / 255).astype("float32")
train_ds = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(600).batch(20)
test_ds = tf.data.Dataset.from_tensor_slices((xt, yt)).batch(10)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

def net():
    return keras.Sequential([layers.Input((28, 28)), layers.Flatten(), layers.Dense(10)])

def step(model, optimizer, a, b):
    with tf.GradientTape() as tape:
        loss = loss_fn(b, model(a, training=True))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss
"""
CELLS = {
    "setup": SETUP,
    "untouched": "print((sum(len(a) for a, b in train_ds), len(next(iter(train_ds))[0]), len(train_ds)))",
    "eager": """
model, optimizer = net(), keras.optimizers.SGD(0.01)
trained, tested = [], []
for epoch in range(4):
    rows = 0
    for a, b in train_ds:
        step(model, optimizer, a, b)
        rows += len(a)
    trained.append(rows)
    rows = 0
    for a, b in test_ds:
        loss_fn(b, model(a, training=False)); rows += len(a)
    tested.append(rows)
print((trained, tested, int(optimizer.iterations)))
""",
    "traced": """
second, adam = net(), keras.optimizers.Adam()
@tf.function
def fast(a, b):
    return step(second, adam, a, b)
@tf.function
def forward(a):
    return second(a, training=False)
trained, tested = [], []
for epoch in range(4):
    rows = 0
    for i, (a, b) in enumerate(train_ds):
        fast(a, b); rows += len(a)
    trained.append(rows)
    rows = 0
    for a, b in test_ds:
        forward(a); rows += len(a)
    tested.append(rows)
print((trained, tested, int(adam.iterations)))
""",
    "arrays": """
third, sgd = net(), keras.optimizers.SGD(0.1)
for epoch in range(2):
    for start in range(0, 600, 100):
        step(third, sgd, x[start:start + 100], y[start:start + 100])
""",
    "own loss": """
fitted = net(); fitted.compile("adam", loss_fn); fitted.fit(x, y, verbose=0)
own, plain = net(), keras.optimizers.SGD(0.01)
for epoch in range(2):
    for a, b in train_ds:
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(tf.square(own(a, training=True) - tf.one_hot(tf.cast(b, "int32"), 10)))
        grads = tape.gradient(value, own.trainable_variables)
        plain.apply_gradients(zip(grads, own.trainable_variables))
""",
    "by batches": """
for a, b in test_ds:
    model(a, training=False)
""",
    "by traced batches": """
@tf.function
def again(a):
    return second(a, training=False)
for a, b in test_ds:
    again(a)
""",
    "by slices": """
guess = np.concatenate([np.argmax(second(xt[i:i + 20]), axis=1) for i in range(0, 200, 20)])
with tf.GradientTape() as tape:
    for i in range(0, 600, 100):
        second(x[i:i + 100])
""",
    "by predict": """
for i in range(0, 200, 20): second.predict(xt[i:i + 20], verbose=0)
for i in range(0, 200, 40): fitted.evaluate(xt[i:i + 40], yt[i:i + 40], verbose=0)
""",
    "before and after": """
last = net(); last.compile("adam", loss_fn)
for i in range(2): last(xt[i:i + 1])
last.fit(x, y, verbose=0)
for i in range(3): last(xt[i:i + 1])
""",
    "one of many": """
for i, (a, b) in enumerate(test_ds):
    if i == 0: second(a[:1])
""",
    "counting": """
total = 0
for a, b in train_ds:
    total += len(a)
print(total)
""",
}


@pytest.fixture(scope="module")
def run() -> Run:
    return run_cells(list(CELLS.values()), QUICK)


def printed(run: Run, name: str):
    cell = run.cells[list(CELLS).index(name)]
    assert cell.ok, cell.error
    return ast.literal_eval(cell.text.strip().splitlines()[-1])


def fit_of(run: Run, name: str) -> wire.Fit:
    index = list(CELLS).index(name)
    assert run.cells[index].ok, run.cells[index].error
    [fit] = [fit for fit in run.all(wire.Fit) if fit.cell == index]
    return fit


def test_the_probe_itself_had_no_trouble(run):
    """No fault of ours was swallowed on the way."""
    assert run.trouble == ""
    assert [cell.error for cell in run.cells] == [""] * len(CELLS)
    assert not run.all(wire.Tamper)


def test_a_loop_that_feeds_no_net_goes_to_its_end(run):
    """Counting sees every row."""
    assert printed(run, "untouched") == (600, 20, 30)
    assert printed(run, "counting") == 600


@pytest.mark.parametrize("name", ["eager", "traced"])
def test_every_epoch_gets_an_equal_part(run, name):
    """240 rows in four epochs, also where a step is a traced function; validation gets 30 each."""
    trained, tested, steps = printed(run, name)
    assert (trained, tested, steps) == ([60] * 4, [30] * 4, 12)
    fit = fit_of(run, name)
    assert (fit.loop, fit.epochs, fit.batch_size, fit.rows_trained, fit.calls) == ("tape", 4, 20, 240, 12)
    assert (fit.capped, fit.completed, fit.validation) == (True, True, "data")
    assert fit.initial_digest != fit.final_digest


def test_losses_are_told_where_they_can_be_seen(run):
    """One value a round; a traced function shows none."""
    eager = fit_of(run, "eager").history
    assert (len(eager["loss"]), len(eager["val_loss"])) == (4, 4)
    assert None not in eager["loss"]
    assert fit_of(run, "traced").history["loss"] == (None,) * 4


def test_a_loss_of_ones_own_is_told_as_such(run):
    """Also after a fit, for which the library asked its own loss."""
    serial = next(fit.serial for fit in run.all(wire.Fit) if fit.loop and _cell(fit) == "own loss")
    found = next(m.compilation for m in run.all(wire.Model) if m.serial == serial and m.compilation)
    assert found.loss.kind == "custom"


def _cell(fit: wire.Fit) -> str:
    return list(CELLS)[fit.cell]


def test_how_it_is_trained_is_told(run):
    """Optimizer and loss of a model that was never compiled."""
    for name, kind in (("eager", "SGD"), ("traced", "Adam")):
        serial = fit_of(run, name).serial
        found = next(m.compilation for m in run.all(wire.Model) if m.serial == serial and m.compilation)
        assert (found.optimizer.kind, found.loss.kind, found.loss.from_logits) == (
            kind, "SparseCategoricalCrossentropy", True,
        )  # fmt: skip


def test_rows_are_told_by_content(run):
    """The arrays behind the data set, whole."""
    described = {e.id: e for e in run.all(wire.Data)}
    fit = fit_of(run, "eager")
    assert (described[fit.x].rows, described[fit.x].whole) == (600, True)
    assert described[fit.validation_x].rows == 200


def test_a_loop_over_arrays_is_recorded_and_runs_in_full(run):
    """Nothing in it can be left out honestly."""
    fit = fit_of(run, "arrays")
    assert (fit.loop, fit.rows_trained, fit.calls, fit.capped) == ("tape", 1200, 12, False)


def rows_of(run: Run, name: str, kind=wire.Predict) -> list[tuple[int, int]]:
    """(rows of the input, rows computed) of each call that a cell's frames tell."""
    described = {e.id: e for e in run.all(wire.Data)}
    told = [call for call in run.all(kind) if call.cell == list(CELLS).index(name)]
    return [(described[call.x].rows, call.rows_used) for call in told]


@pytest.mark.parametrize("name", ["by batches", "by traced batches"])
def test_a_pass_through_a_data_set_is_told_as_a_whole(run, name):
    """The array behind it, also where no batch of it is seen to be computed; 50 rows may be."""
    assert (200, 50) in rows_of(run, name)


def test_calls_on_slices_are_told_together(run):
    """Those that a tape listens to are a training's."""
    *first, together = rows_of(run, "by slices")
    assert together == (200, 200)
    assert all(rows <= 100 for rows, _ in first)


def test_predictions_and_evaluations_by_slices_are_told_together(run):
    """An evaluation's values are the means."""
    assert rows_of(run, "by predict")[-1] == (200, 200)
    assert rows_of(run, "by predict", wire.Evaluate)[-1] == (200, 200)
    *each, all_of = [e for e in run.all(wire.Evaluate) if e.cell == list(CELLS).index("by predict")]
    assert all_of.results["loss"] == pytest.approx(sum(e.results["loss"] for e in each) / 5)


def test_what_came_before_a_training_is_not_told_with_what_came_after(run):
    """Two rows of an untrained net, three of a trained one."""
    told = [e for e in run.all(wire.Predict) if e.cell == list(CELLS).index("before and after")]
    sums = [(e.rows_used, any(e.weights_of[0])) for e in told if e.rows_used > 1]
    assert sums == [(2, False), (3, True)]


def test_a_pass_in_which_a_net_saw_one_image_is_no_prediction_of_all(run):
    """Only the call is told."""
    assert rows_of(run, "one of many") == [(1, 1)]


def test_full_runs_everything():
    """Nothing is cut, and what was trained is told all the same."""
    run = run_cells([SETUP, CELLS["eager"]], NO_CAPS)
    assert run.trouble == ""
    [fit] = run.all(wire.Fit)
    assert (fit.rows_trained, fit.capped) == (2400, False)

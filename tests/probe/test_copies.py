"""Copies of a trained net are that net, and trained layers under a fresh head are not: one real kernel."""

from __future__ import annotations

import numpy as np
import pytest
from driver import NO_CAPS, Run, run_cells

from grader.evidence.assemble import assemble
from grader.evidence.trace import ServedRows
from grader.model.budget import Level
from grader.model.evidence import Ended, Evaluation, Evidence, Prediction, ServedData

SETUP = """
import numpy as np, keras, tensorflow as tf, tempfile
from keras import layers
(x, y), (xt, yt) = keras.datasets.fashion_mnist.load_data()
x, xt = (x / 255).astype("float32")[..., None], (xt / 255).astype("float32")[..., None]
folder = tempfile.mkdtemp()
logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

def made():
    return keras.Sequential([layers.Input((28, 28, 1)), layers.Conv2D(2, 3, activation="relu"),
        layers.MaxPooling2D(9), layers.Flatten(), layers.Dropout(0.2), layers.Dense(10)])
def compiled(net, optimizer="adam"):
    net.compile(optimizer, logits, metrics=["accuracy"])
    return net
"""

CELLS = {
    "setup": SETUP,
    "train": """
before = made()
net = compiled(made())
net.fit(x, y, epochs=1, verbose=0)
""",
    "load": """
net.save(f"{folder}/net.keras")
loaded = keras.models.load_model(f"{folder}/net.keras")
loaded.evaluate(xt, yt, verbose=0)
loaded.predict(xt, verbose=0)
""",
    "clone": """
copy = keras.models.clone_model(net); copy.set_weights(net.get_weights())
copy.predict(xt, verbose=0)
""",
    "clone before": "before.predict(xt, verbose=0); before.set_weights(net.get_weights()); before(xt)",
    "json": """
net.save_weights(f"{folder}/net.weights.h5")
other = keras.models.model_from_json(net.to_json()); other.load_weights(f"{folder}/net.weights.h5")
compiled(other).evaluate(xt, yt, verbose=0)
""",
    "activations": """
def activations():
    again = keras.models.load_model(f"{folder}/net.keras", compile=False)
    return keras.Model(again.inputs, [layer.output for layer in again.layers])
activations().predict(xt[:3], verbose=0)
""",
    "one layer": "keras.Model(loaded.inputs, loaded.layers[0].output).predict(xt[:3], verbose=0)",
    "softmax": "keras.Sequential([loaded, layers.Softmax()]).predict(xt, verbose=0)",
    "fresh head": """
body = keras.Model(net.inputs, net.layers[-2].output)
body.predict(xt, verbose=0)
headed = keras.Sequential([body, layers.Dense(10)])
headed.predict(xt, verbose=0)
""",
    "frozen": """
base = keras.Sequential([layers.Input((28, 28, 1)), layers.Flatten(), layers.Dense(3)])
base.trainable = False
features = base.predict(x, verbose=0)
head = compiled(keras.Sequential([layers.Input((3,)), layers.Dense(10)]))
head.fit(features, y, verbose=0)
keras.Sequential([base, head]).predict(xt, verbose=0)
""",
    "encoder": """
i = keras.Input((28, 28, 1)); h = layers.Dense(4)(layers.Flatten()(i))
encoder = keras.Model(i, h)
encoder.predict(xt, verbose=0)
whole = compiled(keras.Model(i, layers.Dense(10)(h))); whole.fit(x, y, verbose=0)
encoder.predict(xt, verbose=0)
""",
    "checkpoint": """
best = compiled(made(), keras.optimizers.SGD(0.01))
keep = keras.callbacks.ModelCheckpoint(f"{folder}/best-{{epoch}}.keras")
best.fit(x, y, epochs=2, verbose=0, callbacks=[keep])
keras.models.load_model(f"{folder}/best-1.keras").evaluate(xt, yt, verbose=0)
""",
    "going on": "loaded.fit(x, y, epochs=1, verbose=0); loaded.predict(xt, verbose=0)",
    "loop": """
own, step = made(), keras.optimizers.Adam()
own.predict(xt, verbose=0)
for epoch in range(1):
    for a, b in tf.data.Dataset.from_tensor_slices((x, y)).batch(100):
        with tf.GradientTape() as tape:
            loss = logits(b, own(a, training=True))
        step.apply_gradients(zip(tape.gradient(loss, own.trainable_variables), own.trainable_variables))
own.predict(xt, verbose=0)
twin = keras.models.clone_model(own); twin.set_weights(own.get_weights())
twin.predict(xt, verbose=0)
""",
    "random": "compiled(made()).predict(xt, verbose=0)",
}
PLACES = {name: number for number, name in enumerate(CELLS)}


@pytest.fixture(scope="module")
def run() -> Run:
    return run_cells(list(CELLS.values()), NO_CAPS)


@pytest.fixture(scope="module")
def evidence(run: Run) -> Evidence:
    base = Evidence("a", Level.FULL, 1, ServedData("fashion_mnist", "f", "folder"), Ended.COMPLETED)
    none = np.empty((0, 28, 28), np.uint8), np.empty(0, np.int64)
    return assemble(base, run.frames, ServedRows(*none, *none), tuple(range(len(CELLS))))[0]


def calls(evidence: Evidence, cell: str) -> list[Prediction | Evaluation]:
    both = (*evidence.predictions, *evidence.evaluations)
    return [call for call in both if call.cell == PLACES[cell]]


def trained(evidence: Evidence, cell: str) -> int:
    """The net that was trained in a cell."""
    return next(e.model for e in evidence.episodes if e.cell == PLACES[cell])


def test_nothing_fails(run):
    """Neither the student's code nor ours."""
    assert [cell.error for cell in run.cells if not cell.ok] == []
    assert run.trouble == ""


@pytest.mark.parametrize("cell", ["load", "clone", "json"])
def test_a_copy_is_the_trained_net(run, evidence, cell):
    """Loaded, cloned or made from a description, with its weights put in."""
    assert calls(evidence, cell)
    for call in calls(evidence, cell):
        assert (call.trained, call.model) == (True, trained(evidence, "train"))


def test_a_loaded_net_is_evaluated(evidence):
    """As it was compiled."""
    [call] = [call for call in calls(evidence, "load") if isinstance(call, Evaluation)]
    assert {"loss", "accuracy"} <= set(call.results)


def test_a_net_is_a_copy_from_when_it_is_given_the_weights(evidence):
    """Not before."""
    first, second = calls(evidence, "clone before")
    net = trained(evidence, "train")
    assert [first.trained, second.trained] == [False, True]
    assert (first.model == net, second.model == net) == (False, True)


def test_activations_of_a_copy_are_the_trained_nets(evidence):
    """Each layer by its place in the net that was trained, also where the copy itself is gone."""
    [call] = calls(evidence, "activations")
    net = trained(evidence, "train")
    assert call.trained
    assert {at for serial, at in call.exposes if serial == net} == {1, 2, 3, 4, 5}
    [first] = calls(evidence, "one layer")
    assert first.trained
    assert (net, 1) in first.exposes


def test_a_softmax_on_top_of_a_copy_stands_on_the_trained_net(evidence):
    """So that checks find the training behind it."""
    [call] = calls(evidence, "softmax")
    [model] = [m for m in evidence.models if m.serial == call.model]
    assert call.trained
    assert trained(evidence, "train") in model.shares


def test_trained_layers_under_a_fresh_head_are_not_trained(evidence):
    """What stands on them alone is; a head trained on a frozen base is as well."""
    assert [call.trained for call in calls(evidence, "fresh head")] == [True, False]
    assert [call.trained for call in calls(evidence, "frozen")] == [False, True]


def test_a_part_that_was_made_first_is_trained_with_the_whole(evidence):
    """Layers are shared, whichever net was made before the other."""
    assert [call.trained for call in calls(evidence, "encoder")] == [False, True]


def test_a_state_saved_on_the_way_is_trained(evidence):
    """The best epoch need not be the last."""
    [call] = calls(evidence, "checkpoint")
    assert (call.trained, call.model) == (True, trained(evidence, "checkpoint"))


def test_a_copy_that_was_trained_on_is_a_net_of_its_own(evidence):
    """Its predictions are those of its own training."""
    [call] = calls(evidence, "going on")
    assert call.trained
    assert call.model == trained(evidence, "going on") != trained(evidence, "train")


def test_after_a_loop_of_ones_own_a_net_is_trained(evidence):
    """In the same cell, and its copy with it."""
    before, after, copy = calls(evidence, "loop")
    assert [before.trained, after.trained, copy.trained] == [False, True, True]
    assert copy.model == after.model == trained(evidence, "loop")


def test_a_fresh_net_is_not_trained(evidence):
    """However many others were."""
    [call] = calls(evidence, "random")
    assert not call.trained

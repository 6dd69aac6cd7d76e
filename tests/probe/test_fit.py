"""Training under a budget, in a real kernel on real Keras models: one kernel for the whole file."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from driver import QUICK, Run, run_cells

from grader.evidence import wire
from grader.probe.rows import row_hashes

SETUP = """
import numpy as np, keras, tensorflow as tf, pandas as pd
from keras import layers
(x, y), (xt, yt) = keras.datasets.fashion_mnist.load_data()
x, xt = (x / 255).astype("float32"), (xt / 255).astype("float32")
hot, hot_test = keras.utils.to_categorical(y), keras.utils.to_categorical(yt)
ids = np.arange(600, dtype="float32")[:, None] * [[1, 0]]
half = np.arange(600) % 2
seen = []

def net(loss="sparse_categorical_crossentropy"):
    model = keras.Sequential([layers.Input((28, 28)), layers.Flatten(), layers.Dense(4)])
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("sgd", loss, metrics=["accuracy"])
    return model

class Spy(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)
    def call(self, inputs):
        return self.dense(inputs)
    def train_step(self, data):
        seen.append([int(v) for v in data[0][:, 0]])
        if len(data) == 3:
            weights.append([float(v) for v in data[2]])
        return super().train_step(data)
    def test_step(self, data):
        tested.append([int(v) for v in data[0][:, 0]])
        return super().test_step(data)

def spied(**arguments):
    global seen, tested, weights
    seen, tested, weights = [], [], []
    model = Spy()
    model.compile("sgd", "mse", run_eagerly=True)
    history = model.fit(ids, half, verbose=0, **arguments)
    return seen, tested, weights, len(history.epoch)
"""

CELLS = {
    "setup": SETUP,
    "fresh": "print(spied(epochs=4, batch_size=20))",
    "again": "print(spied(epochs=4, batch_size=20))",
    "ordered": "print(spied(epochs=3, shuffle=False))",
    "split": "print(spied(epochs=2, validation_split=0.25))",
    "many": "print(spied(epochs=100)[3])",
    "on and on": """
model = net()
for _ in range(10):
    model.fit(x, y, epochs=1, batch_size=20, verbose=0)
net().fit(x, y, epochs=1, batch_size=20, verbose=0)
""",
    "later": "history = model.fit(x, y, epochs=1, batch_size=20, verbose=0)",
    "weighted": "print(spied(epochs=2, class_weight={0: 1.0, 1: 5.0}))",
    "sampled": "print(spied(epochs=2, sample_weight=np.arange(600.0)))",
    "small": "print(spied(epochs=2, steps_per_epoch=2, batch_size=10)[0])",
    "one hot": """
a = net("categorical_crossentropy")
h = a.fit(x, hot, epochs=2, verbose=0, validation_data=(xt, hot_test))
print((sorted(h.history), len(h.epoch)))
""",
    "tensors": """
b = net(); b.fit(tf.constant(x), tf.constant(y), epochs=2, verbose=0)
b.fit(x, y, epochs=1, verbose=0)
""",
    "pandas": """
c = keras.Sequential([layers.Input((784,)), layers.Dense(10)])
c.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
c.fit(pd.DataFrame(x.reshape(600, -1)), pd.Series(y), epochs=2, verbose=0, validation_split=0.5)
""",
    "two inputs": """
p, q = keras.Input((28, 28), name="p"), keras.Input((28, 28), name="q")
d = keras.Model([p, q], layers.Dense(10)(layers.Flatten()(layers.Add()([p, q]))))
d.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
d.fit([x, x], y, epochs=2, verbose=0)
d.fit({"p": x, "q": x}, y, epochs=2, verbose=0)
""",
    "tf.data": """
ds = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(600).batch(32).prefetch(1)
vs = tf.data.Dataset.from_tensor_slices((xt, yt)).batch(32)
e = net(); e.fit(ds, epochs=5, validation_data=vs, verbose=0)
e.fit(ds.map(lambda a, b: (tf.image.flip_left_right(a[..., None])[..., 0], b)), epochs=5, verbose=0)
""",
    "repeated": "e.fit(ds.repeat(3), epochs=2, verbose=0)",
    "generator": """
drawn = []
def generate():
    i = 0
    while True:
        drawn.append(i); i += 1
        rows = np.arange(i * 20, i * 20 + 20) % 600
        yield x[rows], y[rows]
f = net(); f.fit(generate(), steps_per_epoch=30, epochs=3, verbose=0)
class Batches(keras.utils.PyDataset):
    def __len__(self): return 10
    def __getitem__(self, i): return x[i * 60:i * 60 + 60], y[i * 60:i * 60 + 60]
f.fit(Batches(), epochs=3, verbose=0)
""",
    "callbacks": """
class Liar(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["accuracy"] = 0.99
g = net()
early = keras.callbacks.EarlyStopping("loss", min_delta=100, patience=1)
h = g.fit(x, y, epochs=50, verbose=0, callbacks=[Liar(), early])
print(len(h.epoch))
""",
    "deferred": """
w = keras.Sequential([layers.Flatten(), layers.Dense(3), layers.Dense(10)])
w.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
w.fit(x, y, epochs=1, verbose=0)
""",
    "diverging": """
z = net(); z.compile(keras.optimizers.SGD(1e30), "sparse_categorical_crossentropy")
z.fit(x * 1e30, y, epochs=2, verbose=0)
""",
    "broken": """
class Stop(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1: raise RuntimeError("stop")
v = net(); v.fit(x, y, epochs=3, verbose=0, callbacks=Stop())
""",
    "unused": "net().fit(x, y, epoch=3)",
    "no epoch": """
n = net(); n.fit(x, y, epochs=0, verbose=0)
n.fit(x, y, epochs=7, initial_epoch=7, verbose=0)
""",
    "going on": "n = net(); n.fit(x, y, epochs=5, initial_epoch=3, verbose=0)",
    "weights": """
n = net()
ones = np.ones(600)
n.fit(x, y, verbose=0, sample_weight=ones, class_weight=None)
n.fit(x, y, verbose=0, sample_weight=np.zeros(600))
n.fit(x, y, verbose=0, class_weight={i: 0.0 for i in range(10)})
n.fit(tf.data.Dataset.from_tensor_slices((x, y, ones * 0)).batch(32), verbose=0)
n.fit(tf.data.Dataset.from_tensor_slices((x, y, ones)).batch(32), verbose=0)
""",
    "put in": """
class Late(keras.callbacks.Callback):
    def on_train_end(self, logs=None):
        self.model.set_weights([w * 0 for w in self.model.get_weights()])
class Early(keras.callbacks.Callback):
    def on_batch_begin(self, batch, logs=None):
        self.model.set_weights([w * 0 for w in self.model.get_weights()])
class EarlyStopping(Late): pass
def rate(epoch, old):
    n.set_weights([w + 1 for w in n.get_weights()])
    return old
schedule = keras.callbacks.LearningRateScheduler(rate)
for callback in (Late(), Early(), EarlyStopping(), schedule):
    n = net(); n.fit(x, y, epochs=2, verbose=0, callbacks=[callback])
""",
    "left alone": """
class Printer(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None): logs["printed"] = epoch
    def on_train_batch_end(self, batch, logs=None): pass
stop = keras.callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True, min_delta=9)
n = net(); n.fit(x, y, epochs=5, verbose=0, callbacks=[Printer(), stop])
heard = keras.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: None)
n.fit(x, y, epochs=2, verbose=0, callbacks=[keras.callbacks.LearningRateScheduler(lambda e, r: r),
    keras.callbacks.ReduceLROnPlateau("loss"), heard])
""",
    "streams": """
def mapped(a, b): return tf.data.Dataset.from_tensor_slices((a, b)).map(lambda p, q: (p, q))
n = net()
n.fit(mapped(x[:500], y[:500]).batch(32), verbose=0)
n.fit(mapped(x[:500], y[:500]).repeat().batch(32), steps_per_epoch=4, verbose=0)
noise = np.random.default_rng(0).random((4096, 28, 28), "float32")
both = mapped(noise, np.tile(y, 7)[:4096]).concatenate(mapped(xt, yt))
n.fit(x, y, verbose=0, validation_data=both.batch(64))
def generate():
    while True: yield xt[:50], yt[:50]
n.fit(x, y, verbose=0, validation_data=generate(), validation_steps=2)
def noisy():
    while True: yield np.random.rand(50, 28, 28), yt[:50]
n.fit(noisy(), steps_per_epoch=2, verbose=0)
""",
    "ahead": """
made = []
class Look(keras.callbacks.Callback):
    def on_train_begin(self, logs=None): made.append(bool(self.model.optimizer.built))
def own(value): return keras.ops.relu(value)
def with_own():
    model = keras.Sequential([layers.Input((28, 28)), layers.Flatten(), layers.Dense(10, activation=own)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
    spread = net()
for model in (net(), with_own(), spread):
    model.fit(x, y, verbose=0, callbacks=[Look()])
print(made)
""",
    "custom loop": """
opt = keras.optimizers.Adam(); u = net()
for i in range(20):
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y[:32], u(x[:32], training=True)))
    opt.apply_gradients(zip(tape.gradient(value, u.trainable_weights), u.trainable_weights))
u.train_on_batch(x[:32], y[:32])
""",
}


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


def flat(batches: list[list[int]]) -> list[int]:
    return [row for batch in batches for row in batch]


def test_nothing_of_the_probe_is_said_to_the_student(run):
    """TensorFlow warns of functions that it cannot convert, by name."""
    assert [cell.text for cell in run.cells if "AutoGraph" in cell.text or "_probe" in cell.text] == []


def test_the_probe_itself_had_no_trouble(run):
    """No fault of ours was swallowed on the way."""
    assert run.trouble == ""
    failed = {name: cell.error for name, cell in zip(CELLS, run.cells, strict=True) if not cell.ok}
    assert set(failed) == {"broken", "unused"}


def test_every_epoch_sees_fresh_rows_of_the_declared_batch_size(run):
    """240 rows in all: 60 in each of four epochs, no row twice."""
    batches, _, _, epochs = printed(run, "fresh")
    assert epochs == 4
    assert [len(batch) for batch in batches] == [20] * 12
    assert len(set(flat(batches))) == 240


def test_another_training_draws_other_rows_and_another_run_the_same(run):
    """Rows depend on the seed and on which training it is."""
    assert printed(run, "fresh")[0] != printed(run, "again")[0]
    # The same draw, made here: seed 1, first training of the run.
    order = np.random.default_rng([1, 1]).permutation(600)[:240]
    assert flat(printed(run, "fresh")[0]) == order.tolist()


def test_without_shuffling_rows_come_in_order(run):
    """shuffle=False goes through the data from the start."""
    batches, *_ = printed(run, "ordered")
    assert flat(batches) == list(range(240))[: len(flat(batches))]


def test_the_validation_split_is_the_last_part_before_shuffling(run):
    """As Keras does it; validation rows are capped too, and the same in each epoch."""
    batches, tested, _, _ = printed(run, "split")
    assert max(flat(batches)) < 450 <= min(flat(tested))
    first, second = flat(tested)[:32], flat(tested)[32:]
    assert first == second
    [fit] = fits(run, "split")
    assert (fit.validation, fit.validation_split) == ("split", 0.25)
    assert {"loss", "val_loss"} <= set(fit.history)


def test_epochs_stay_as_declared(run):
    """A hundred epochs on 240 rows are a hundred epochs of two rows."""
    assert printed(run, "many") == 100
    [fit] = fits(run, "many")
    assert (fit.epochs, fit.rows_trained, len(fit.history["loss"])) == (100, 200, 100)


def test_fits_of_one_net_in_a_loop_share_what_it_may_use(run):
    """After the first few each has less; another net, or another cell, starts anew."""
    rows = [fit.rows_trained for fit in fits(run, "on and on")]
    assert rows == [240] * 5 + [120, 80, 60, 48, 40] + [240]
    assert [fit.rows_trained for fit in fits(run, "later")] == [240]


def test_weights_follow_their_rows(run):
    """Class and sample weights reach the rows they belong to."""
    batches, _, weights, _ = printed(run, "weighted")
    assert flat(weights) == [5.0 if row % 2 else 1.0 for row in flat(batches)]
    batches, _, weights, _ = printed(run, "sampled")
    assert flat(weights) == [float(row) for row in flat(batches)]


def test_a_small_training_runs_as_written(run):
    """What the budget allows is not touched."""
    assert [len(batch) for batch in printed(run, "small")] == [10] * 4
    [fit] = fits(run, "small")
    assert (fit.capped, fit.rows_trained) == (False, 40)


def test_one_hot_labels_are_told_as_classes(run):
    """Labels arrive as classes, with a note that they were one-hot; the history keeps its keys."""
    [fit] = fits(run, "one hot")
    labels = {f.event.id: (f.event, f.arrays) for f in run.frames if isinstance(f.event, wire.Labels)}
    event, arrays = labels[fit.y]
    assert event.one_hot
    assert arrays["classes"].tolist() == [i % 10 for i in range(600)]
    assert printed(run, "one hot") == (["accuracy", "loss", "val_accuracy", "val_loss"], 2)
    assert fit.validation == "data"
    assert fit.validation_x != fit.x


def test_arrays_are_told_whole_and_once(run):
    """One description for a NumPy array, a tensor and a data set of the same rows."""
    x = fits(run, "one hot")[0].x
    described = [e for e in run.all(wire.Data) if e.id == x]
    assert len(described) == 1
    assert (described[0].rows, described[0].whole) == (600, True)
    assert {fit.x for fit in fits(run, "tensors")} == {x}
    assert fits(run, "tf.data")[0].x == x
    arrays = next(f.arrays for f in run.frames if isinstance(f.event, wire.Data) and f.event.id == x)
    assert len(arrays["hashes"]) == 600
    assert np.array_equal(row_hashes(arrays["samples"]), arrays["hashes"][arrays["sample_index"]])


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("fresh", [600]),
        ("split", [450]),
        ("small", [20]),
        ("tf.data", [608, 608]),
        ("repeated", [3 * 608]),
        ("generator", [600, 600]),
    ],
)
def test_the_rows_of_an_epoch_are_those_written(run: Run, name: str, rows: list[int]) -> None:
    """Whatever the budget left of them; a last batch that is not full counts as one."""
    assert [fit.epoch_rows for fit in fits(run, name)] == rows


@pytest.mark.parametrize("name", ["tensors", "pandas", "two inputs", "tf.data", "generator"])
def test_every_kind_of_input_is_capped(run, name):
    """Tensors, tables, several inputs, data sets and generators alike get about 240 rows."""
    for fit in fits(run, name):
        assert fit.capped
        assert 200 <= fit.rows_trained <= 240
        assert len(fit.history["loss"]) == fit.epochs


def test_streams_say_whether_they_were_seen_whole(run):
    """A generator without an end is known by its first rows only."""
    whole = {event.id: event.whole for event in run.all(wire.Data)}
    assert [whole[fit.x] for fit in fits(run, "tf.data")] == [True, True]
    assert not whole[fits(run, "streams")[-1].x]


def test_going_on_with_trained_weights_is_visible(run):
    """The second training starts from the weights that the first ended with."""
    first, second = fits(run, "tensors")
    assert second.initial_digest == first.final_digest != first.initial_digest


def test_the_history_is_the_librarys(run):
    """Logs are read before a student's callback can change them; early stopping still stops."""
    [fit] = fits(run, "callbacks")
    assert printed(run, "callbacks") == len(fit.history["loss"]) == 2
    assert fit.epochs == 50
    assert fit.callbacks == ("custom", "EarlyStopping")
    assert all(value < 0.9 for value in fit.history["accuracy"])


def test_weights_come_in_the_order_of_the_graph(run):
    """Before and after, shaped as the graph's layers say, also of a model that fit builds."""
    frame = next(
        f
        for f in run.frames
        if isinstance(f.event, wire.Fit) and f.event.cell == list(CELLS).index("deferred")
    )
    graph = next(m.graph for m in reversed(run.all(wire.Model)) if m.serial == frame.event.serial)
    declared = [shape for layer in graph.layers for shape in layer.weights]
    for part in ("initial", "final"):
        assert [frame.arrays[f"{part}/{i}"].shape for i in range(4)] == declared
    assert not np.array_equal(frame.arrays["initial/0"], frame.arrays["final/0"])
    assert frame.event.initial_digest != frame.event.final_digest


def test_a_diverging_training_is_told(run):
    """Losses that are not finite become null; the frame still passes the gate."""
    [fit] = fits(run, "diverging")
    assert None in fit.history["loss"]


def test_a_training_that_breaks_off_is_told(run):
    """completed is false, with the epochs that were reached."""
    [fit] = [f for f in run.all(wire.Fit) if f.cell == list(CELLS).index("broken")]
    assert (fit.completed, len(fit.history["loss"])) == (False, 1)


def test_the_librarys_complaints_stay_its_own(run):
    """A misspelt argument gives Keras's message, and no training is told."""
    cell = run.cells[list(CELLS).index("unused")]
    assert "got an unexpected keyword argument 'epoch'" in cell.error
    assert not [f for f in run.all(wire.Fit) if f.cell == list(CELLS).index("unused")]


def test_structure_takes_one_small_step_an_epoch():
    """Eight rows in each declared epoch; evaluate and validation shrink with it."""
    budget = {"level": "structure", "fit_rows": 8, "fit_macs": 1e9, "validation_rows": 8, "evaluate_rows": 64,
              "predict_macs": 2e10, "total_macs": 1e12}  # fmt: skip
    cell = "a = net(); a.fit(x, y, epochs=5, validation_split=0.2, verbose=0); a.evaluate(xt, yt, verbose=0)"
    run = run_cells([SETUP, cell], budget, by_file=True)  # the way of platforms without inherited fds
    assert run.trouble == ""
    [fit] = run.all(wire.Fit)
    assert (fit.epochs, fit.rows_trained, fit.capped, len(fit.history["val_loss"])) == (5, 40, True, 5)
    [evaluation] = run.all(wire.Evaluate)
    assert (evaluation.rows_used, evaluation.capped) == (64, True)


def test_own_training_loops_work_and_their_model_appears(run):
    """GradientTape and train_on_batch are left alone."""
    assert run.model("u").graph.params == 784 * 4 + 4 + 50


def test_epochs_that_are_not_run_are_not_told(run):
    """`epochs` is the number of the last epoch: what `initial_epoch` skips is taken off."""
    assert [fit.epochs for fit in fits(run, "no epoch")] == [0, 0]
    assert [(fit.epochs, len(fit.history["loss"])) for fit in fits(run, "going on")] == [(2, 2)]


def test_weights_of_rows_and_classes_are_told(run):
    """Weights of one say nothing; zeros, which train nothing, do."""
    assert [fit.sample_weighted for fit in fits(run, "weights")] == [False, True, True, True, False]
    assert not any(fit.sample_weighted for fit in fits(run, "one hot") + fits(run, "tf.data"))


def test_weights_that_a_callback_puts_in_are_told(run):
    """At the end, in every batch, under the name of a library's callback, or in a function it calls."""
    assert [fit.weights_replaced for fit in fits(run, "put in")] == [True] * 4


def test_callbacks_that_leave_weights_alone_or_are_the_librarys_are_not(run):
    """Early stopping restores the best weights, and printing changes none."""
    stopped, _ = fits(run, "left alone")
    assert len(stopped.history["loss"]) == 2
    assert [fit.weights_replaced for fit in fits(run, "left alone")] == [False, False]
    assert not any(fit.weights_replaced for fit in fits(run, "callbacks"))


def test_a_stream_that_ends_or_comes_round_was_seen_whole(run):
    """However it was mapped; so are the last rows of a long one."""
    described = {event.id: event for event in run.all(wire.Data)}
    ended, repeated, long, endless, _ = fits(run, "streams")
    assert [(described[i].rows, described[i].whole) for i in (ended.x, repeated.x)] == [(500, True)] * 2
    assert (described[long.validation_x].rows, described[long.validation_x].whole) == (4296, True)
    # A generator's first rows are looked at, and then used.
    assert (described[endless.validation_x].rows, described[endless.validation_x].whole) == (50, True)
    assert len(endless.history["val_loss"]) == 1


def test_variables_are_made_ahead_where_nobody_sees_it(run):
    """Not where a student's function would be called once more, nor under a strategy, which makes its own."""
    assert printed(run, "ahead")[:2] == [True, False]

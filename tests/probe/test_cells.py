"""What else a notebook does: data, evaluate, predict, figures, scikit-learn, and tricks. One kernel."""

from __future__ import annotations

import pytest
from driver import QUICK, Run, run_cells

from grader.evidence import wire

CELLS = {
    "setup": """
import numpy as np, tensorflow as tf
import matplotlib.pyplot as plt
from tensorflow import keras
from tensorflow.keras import layers
(x, y), (xt, yt) = keras.datasets.fashion_mnist.load_data()
model = keras.Sequential([layers.Input((28, 28)), layers.Flatten(), layers.Dense(10, activation="softmax")])
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
print(x.dtype, y.dtype, x.shape, y.shape)
""",
    "cifar": """
from keras.datasets import cifar10
(a, b), _ = cifar10.load_data()
(m, _), _ = tf.keras.datasets.mnist.load_data(path="mnist.npz")
print(a.dtype, a.shape, b.shape, m.shape)
""",
    "imdb": "keras.datasets.imdb.load_data()",
    "nested": "get_ipython().run_cell('1 + 1')",
    "evaluate": """
print(model.evaluate(xt, yt, verbose=0))
print(model.evaluate(xt, yt, verbose=0, return_dict=True)["accuracy"])
""",
    "predict": """
before = model.predict(xt, verbose=0)
ds = tf.data.Dataset.from_tensor_slices(xt).batch(32)
print(before.shape, model.predict(ds, verbose=0).shape, np.asarray(model(xt[:2] / 1)).shape)
for i in range(20): model(xt[:1] / 1)
""",
    "figure": """
plt.figure(figsize=(10, 4))
for i in range(10):
    plt.subplot(2, 5, i + 1); plt.imshow(x[i], cmap="gray"); plt.title(f"clase {i}")
plt.show()
plt.plot([1, 2, 3], label="loss"); plt.plot([3, 2, 1, 0], label="val_loss"); plt.xlabel("epoch"); plt.legend()
""",
    "bars": """
fig, (left, right) = plt.subplots(1, 2)
left.bar(range(4), [1, 2, 3, 4]); left.set_ylabel("n"); right.imshow(a[0])
""",
    "blank": """
for image in (np.zeros((3, 3)), np.full((3, 3, 3), 0.5), np.full((3, 3), np.nan), np.eye(3)):
    plt.figure(); plt.imshow(image)
""",
    "silent": "f = plt.figure(); f.add_subplot().plot([1, 2]); f.savefig('x.png'); plt.close(f)",
    "without pyplot": """
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from IPython.display import display
for side in (3, 3, 4):
    bare = Figure(); bare.subplots().imshow(np.eye(side))
    display(bare)
bare.savefig("x.png"); bare.savefig("x.svg")
drawn = Figure(); drawn.subplots().imshow(np.eye(5)); canvas = FigureCanvasAgg(drawn); canvas.draw()
never = Figure(); never.subplots().imshow(np.eye(6))
""",
    "sklearn": """
from sklearn.svm import SVC
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.metrics import confusion_matrix, classification_report
svm = SVC(kernel="linear", C=0.5).fit(x[:50].reshape(50, -1), y[:50])
guess = svm.predict(xt[:30].reshape(30, -1))
confusion_matrix(yt[:30], guess)
make_pipeline(StandardScaler(), SVC()).fit(x[:50].reshape(50, -1), y[:50])
""",
    "patched class": """
true = model.evaluate(xt, yt, verbose=0)
keras.Model.evaluate = lambda self, *a, **k: [0.0, 0.99]
keras.metrics.SparseCategoricalAccuracy.result = lambda self: tf.constant(0.99)
print(model.evaluate(xt, yt, verbose=0) == true)
""",
    "patched object": """
model.count_params = lambda: 93322
model.predict = lambda *a, **k: np.eye(10)
print(model.count_params(), model.predict(xt[:1], verbose=0).shape)
""",
    "patched numpy": """
np.mean = lambda *a, **k: 1.0
print(np.mean([3.0, 5.0]))
""",
    "honest": """
old = np.load
np.load = lambda *a, **k: old(*a, **{**k, "allow_pickle": True})
class Mine(keras.Model):
    def train_step(self, data):
        return super().train_step(data)
keras.datasets.mnist.load_data()[0][0].shape
""",
    "afterwards": "print(model.evaluate(xt, yt, verbose=0) == true, keras.Model.evaluate.__name__)",
}


@pytest.fixture(scope="module")
def run() -> Run:
    # A predict of the small net may compute 130 rows: 784 * 10 multiply-adds and a few outputs each.
    return run_cells(list(CELLS.values()), {**QUICK, "predict_macs": 130 * (7840 + 784 + 10 + 784 + 10)})


def at(run: Run, name: str, kind):
    return [event for event in run.all(kind) if event.cell == list(CELLS).index(name)]


def text(run: Run, name: str) -> str:
    cell = run.cells[list(CELLS).index(name)]
    assert cell.ok, cell.error
    return cell.text.strip()


def test_the_probe_itself_had_no_trouble(run):
    """No fault of ours was swallowed; only the data set that is not served fails."""
    assert run.trouble == ""
    assert [n for n, cell in zip(CELLS, run.cells, strict=True) if not cell.ok] == ["imdb"]


def test_the_first_frame_names_versions(run):
    """Hello comes first, without the libraries having been imported."""
    hello = run.frames[0].event
    assert isinstance(hello, wire.Hello)
    assert {"python", "keras", "numpy", "tensorflow"} <= set(hello.versions)


def test_served_data_have_the_official_types(run):
    """uint8 images; labels flat, but a column for CIFAR-10; through tf.keras and keras alike."""
    assert text(run, "setup").splitlines()[-1] == "uint8 uint8 (600, 28, 28) (600,)"
    assert text(run, "cifar") == "uint8 (600, 32, 32, 3) (600, 1) (600, 28, 28)"
    assert [load.dataset for load in at(run, "cifar", wire.Load)] == ["cifar10", "mnist"]
    assert at(run, "setup", wire.Load)[0].shapes == ((600, 28, 28), (600,), (200, 28, 28), (200,))


def test_a_data_set_that_is_not_served_is_named(run):
    """The error says which one it is and which one the practical uses."""
    error = run.cells[list(CELLS).index("imdb")].error
    assert "'imdb'" in error
    assert "'fashion_mnist'" in error


def test_cells_are_counted_as_executed(run):
    """A cell run from within a cell does not count."""
    assert at(run, "evaluate", wire.Evaluate)


def test_evaluate_is_capped_on_the_same_rows_each_time(run):
    """50 of 200 rows; results by name, in either form."""
    first, second = at(run, "evaluate", wire.Evaluate)
    assert (first.rows_used, first.capped) == (50, True)
    assert first.results == second.results
    assert set(first.results) == {"loss", "accuracy"}
    shown = text(run, "evaluate").splitlines()
    assert shown[0] == str([first.results["loss"], first.results["accuracy"]])


def test_predict_gives_as_many_rows_as_asked(run):
    """Rows beyond the budget are NaN, never made up; calls of the model count, a loop of them once or so."""
    assert text(run, "predict") == "(200, 10) (200, 10) (2, 10)"
    events = at(run, "predict", wire.Predict)
    assert (events[0].rows_used, events[0].capped) == (130, True)
    assert (events[1].rows_used, events[1].capped) == (128, True)
    assert (events[2].rows_used, events[2].capped, events[2].x_distinct) == (2, False, 2)
    assert len(events) <= 6


def test_figures_as_they_were_shown(run):
    """The grid, titles and images; then the curves that the cell's end shows."""
    grid, curves = at(run, "figure", wire.Figure)
    assert [axes.position for axes in grid.axes] == [(2, 5, i) for i in range(10)]
    assert grid.axes[3].title == "clase 3"
    assert all(axes.images == ((28, 28),) for axes in grid.axes)
    [axes] = curves.axes
    assert (axes.lines, axes.labels, axes.xlabel) == ((3, 4), ("loss", "val_loss"), "epoch")


def test_bars_and_colour_images(run):
    """Bars are counted, images keep their shape."""
    [figure] = at(run, "bars", wire.Figure)
    assert [(axes.bars, axes.images) for axes in figure.axes] == [(4, ()), (0, ((32, 32, 3),))]


def test_images_that_show_nothing_are_told(run):
    """One value everywhere, or none."""
    shown = [axes for figure in at(run, "blank", wire.Figure) for axes in figure.axes]
    assert [axes.blank for axes in shown] == [(True,), (True,), (True,), (False,)]
    assert [axes.pictures for axes in shown] == [(), (), (), ((3, 3),)]


def test_a_figure_that_was_only_saved_is_told(run):
    """Saved and closed without being shown."""
    assert len(at(run, "silent", wire.Figure)) == 1


def test_figures_made_without_pyplot_are_told(run):
    """Each once, when it is displayed, saved or drawn; one that nobody sees is none."""
    shown = [axes.images for figure in at(run, "without pyplot", wire.Figure) for axes in figure.axes]
    assert shown == [((3, 3),), ((3, 3),), ((4, 4),), ((5, 5),)]


def test_sklearn_calls_of_the_student(run):
    """Estimators with their settings; what a pipeline calls inside is not the student's call."""
    calls = [(e.estimator, e.method) for e in at(run, "sklearn", wire.Sklearn)]
    assert calls == [("SVC", "fit"), ("SVC", "predict"), ("confusion_matrix", "call"), ("Pipeline", "fit")]
    fit = at(run, "sklearn", wire.Sklearn)[0]
    assert (fit.params["kernel"], fit.params["C"]) == ("linear", 0.5)
    assert fit.shapes == ((50, 784), (50,))


def test_replaced_functions_are_reported_and_put_back(run):
    """The trick is told, and what follows says what it would have said without it."""
    assert text(run, "patched class") == "True"
    assert {e.what for e in at(run, "patched class", wire.Tamper)} == {
        "Model.evaluate was replaced",
        "SparseCategoricalAccuracy.result was replaced",
    }
    assert text(run, "patched object") == "7850 (1, 10)"
    assert len(at(run, "patched object", wire.Tamper)) == 2
    assert text(run, "patched numpy") == "4.0"
    assert text(run, "afterwards") == "True evaluate"


def test_honest_changes_are_left_alone(run):
    """Allowing pickles in np.load and overriding train_step are no tricks, and data are still served."""
    assert at(run, "honest", wire.Tamper) == []
    assert at(run, "honest", wire.Load)

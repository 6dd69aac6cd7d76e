"""Transfer on features that the budget computes for a part of the images, and results that are too large."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from driver import QUICK, Run, run_cells

from grader.evidence import wire
from grader.probe import blanks

SETUP = """
import numpy as np, keras, tensorflow as tf
from keras import layers
from sklearn.svm import SVC
from sklearn.preprocessing import StandardScaler
from sklearn.metrics import confusion_matrix, accuracy_score
(x, y), (xt, yt) = keras.datasets.mnist.load_data()
x, xt = (x[..., None] / 255).astype("float32"), (xt[..., None] / 255).astype("float32")
big = keras.Sequential([layers.Input((28, 28, 1)), layers.Conv2D(512, 5, padding="same"),
    layers.Conv2D(512, 5, padding="same"), layers.GlobalAveragePooling2D(), layers.Dense(10)])
"""
CELLS = {
    "setup": SETUP,
    "features": """
features, tested = big.predict(x[:150], verbose=0), big.predict(xt[:100], verbose=0)
print((features.shape, int(np.isfinite(features[:, 0]).sum()), int(np.isfinite(tested[:, 0]).sum())))
""",
    "svm": """
scaler = StandardScaler().fit(features)
svm = SVC(kernel="linear").fit(scaler.transform(features), y[:150])
guess = svm.predict(scaler.transform(tested))
print((svm.shape_fit_[0], guess.shape, int(np.isfinite(guess).sum()),
    int(confusion_matrix(yt[:100], guess).sum()), 0 <= svm.score(scaler.transform(tested), yt[:100]) <= 1,
    0 <= accuracy_score(yt[:100], guess) <= 1))
""",
    "head": """
head = keras.Sequential([layers.Input((10,)), layers.Dense(10, "softmax")])
head.compile("adam", "sparse_categorical_crossentropy")
print(bool(np.isfinite(head.fit(features, y[:150], epochs=2, verbose=0).history["loss"]).all()))
""",
    "too large": "tf.image.resize(x, (3000, 3000))",
    "padded": "tf.image.resize_with_pad(x, 3000, target_width=3000)",
    "not too large": """
few = tf.image.resize(x[:10], (96, 96)); one = tf.image.resize(x[0], size=(3000, 3000))
lazy = tf.data.Dataset.from_tensor_slices(x).map(lambda a: tf.image.resize(a, (227, 227))).batch(8)
print((tuple(few.shape), tuple(next(iter(lazy)).shape)))
""",
}


@pytest.fixture(scope="module")
def run() -> Run:
    return run_cells(list(CELLS.values()), {**QUICK, "resize_bytes": 2e9})


def printed(run: Run, name: str):
    cell = run.cells[list(CELLS).index(name)]
    assert cell.ok, cell.error
    return ast.literal_eval(cell.text.strip())


def test_the_probe_itself_had_no_trouble(run):
    """No fault of ours was swallowed on the way."""
    assert run.trouble == ""


def test_features_that_cannot_be_afforded_are_nan(run):
    """The number of rows holds."""
    assert printed(run, "features") == ((150, 10), 64, 64)


def test_what_is_fitted_on_them_sees_the_rows_that_are_there(run):
    """With their labels; what it says of the others is NaN, and no metric counts those."""
    rows, shape, said, counted, score, accuracy = printed(run, "svm")
    assert (rows, shape, said, counted) == (64, (100,), 64, 64)
    assert score
    assert accuracy
    [svm] = [c for c in run.all(wire.Sklearn) if c.estimator == "SVC" and c.method == "fit"]
    assert (svm.rows_used, svm.shapes[0]) == (64, (150, 10))


def test_a_net_trained_on_them_sees_the_rows_that_are_there(run):
    """Its loss is a number, and it says that it was capped."""
    assert printed(run, "head") is True
    [fit] = run.all(wire.Fit)
    assert (fit.capped, fit.rows_trained) == (True, 128)


@pytest.mark.parametrize("name", ["too large", "padded"])
def test_a_result_that_would_fill_the_memory_is_refused_in_words(run, name):
    """The kernel lives on."""
    cell = run.cells[list(CELLS).index(name)]
    assert cell.error.startswith("ResultTooLarge: 600 images of this size take 21.6 GB at once")


def test_single_images_and_pipelines_are_resized(run):
    """Only what is held all at once is limited."""
    assert printed(run, "not too large") == ((10, 96, 96, 1), (8, 227, 227, 1))


def test_texts_that_were_not_predicted_are_none():
    """Classes by name cannot be NaN."""
    there = np.array([True, False, True])
    whole = blanks.with_blanks(there, "predict", np.array(["a", "b"]))
    assert whole.tolist() == ["a", None, "b"]
    assert blanks.known(whole).tolist() == there.tolist()
    assert blanks.known(np.array([1, 2])) is None

"""With nothing to cap, a program computes with the probe what it computes without it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from driver import NO_CAPS, UNPRIVILEGED, run_cells, served

SEEDED = "import keras; keras.utils.set_random_seed(1)"
PROGRAM = """
import hashlib, tempfile, numpy as np, keras, tensorflow as tf
from keras import layers
x = np.random.default_rng(0).random((200, 12)).astype("float32"); y = (x.sum(1) > 6).astype(int)
def digest(model):
    parts = [np.ascontiguousarray(w).tobytes() for w in model.get_weights()]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]
class Net(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.b, self.d, self.a = layers.Dense(2), layers.Dropout(0.5), layers.Dense(8, activation="relu")
    def call(self, inputs, training=False):
        return self.b(self.d(self.a(inputs), training=training))
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
models = [
    keras.Sequential([layers.Input((12,)), layers.Dense(8), layers.Dropout(0.3),
        layers.Dense(2)]),
    keras.Sequential([layers.Dense(8), layers.BatchNormalization(), layers.Dense(2)]),
    Net(),
]
lines, folder = [], tempfile.mkdtemp()
for model in models:
    model.compile("adam", loss, metrics=["accuracy"])
    history = model.fit(x, y, epochs=2, verbose=0, validation_split=0.2)
    lines += [digest(model), str(history.history), str(model.evaluate(x, y, verbose=0))]
    lines += [str(model.predict(x, verbose=0).sum())]
    lines += [str([v.path for v in (*model.variables, *model.metrics_variables, *model.optimizer.variables)])]
    model.save(f"{folder}/net.keras")
    again = keras.models.load_model(f"{folder}/net.keras", custom_objects={"Net": Net})
    lines += [str(again.compiled), digest(again), str(again.evaluate(x, y, verbose=0))]
    lines += [str(again.predict(x, verbose=0).sum())]
    lines += [str(again.fit(x, y, epochs=1, verbose=0).history), digest(again)]
methods = ("compile", "fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch")
bases = [cls for cls in keras.Model.__mro__ if cls.__name__.endswith("Trainer")]
lines += [f"{m} {c.__name__} {getattr(keras.Model, m) is getattr(c, m)}" for m in methods for c in bases]
ds = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
model.fit(ds, epochs=1, verbose=0)
lines += [digest(model), layers.Dense(1).name, str(np.random.rand())]
print("\\n".join(lines))
"""


def alone(folder: Path) -> str:
    """The program's output in a plain interpreter."""
    (folder / "program.py").write_text(
        f"import random; random.seed(1)\nimport numpy; numpy.random.seed(1)\n{SEEDED}\n"
        f"import tensorflow as tf; tf.config.threading.set_intra_op_parallelism_threads(1)\n{PROGRAM}"
    )
    folder.chmod(0o755)
    found = subprocess.run(
        [sys.executable, "-I", "program.py"],
        cwd=folder,
        env={"HOME": "/nonexistent", "PATH": os.environ["PATH"], "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        check=True,
        **({"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []} if os.getuid() == 0 else {}),
    )
    return found.stdout.strip()


def test_weights_histories_predictions_and_names_are_the_same():
    """Eager, deferred, subclassed and loaded models, arrays and data sets: digit for digit."""
    run = run_cells([PROGRAM], NO_CAPS, seed=1)
    assert run.trouble == ""
    assert run.cells[0].ok, run.cells[0].error
    with tempfile.TemporaryDirectory() as folder:
        expected = alone(Path(folder)).splitlines()
    # In an interactive session TensorFlow logs to standard output.
    got = [
        line for line in run.cells[0].text.strip().splitlines() if not line.startswith("WARNING:tensorflow")
    ]
    assert got == expected


def test_served_data_are_the_drivers_own(tmp_path):
    """The helper's data have official shapes."""
    assert np.load(served(tmp_path / "d") / "cifar10" / "x_test.npy").shape == (200, 32, 32, 3)

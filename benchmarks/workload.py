"""The workload of the benchmarks: notebooks that import TensorFlow and fit a small convolutional net.

Each is a little different, so that no tool can keep what one gave for the next. The data come with
scikit-learn: every tool can run them, without a network or a cache of its own.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

TITLE = "# Una red convolucional pequeña\n\n## Ejercicio 1. La red"
IMPORTS = """import numpy as np
import tensorflow as tf
import keras
from sklearn.datasets import load_digits
import matplotlib.pyplot as plt"""
DATA = """x, y = load_digits(return_X_y=True)
x = x.reshape(-1, 8, 8, 1) / 16
print(x.shape)"""
NET = """# {number}
modelo = keras.Sequential([
    keras.layers.Input((8, 8, 1)),
    keras.layers.Conv2D(8, 3, activation="relu"),
    keras.layers.MaxPooling2D(2),
    keras.layers.Flatten(),
    keras.layers.Dense(10, activation="softmax"),
])
modelo.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
historia = modelo.fit(x[:1500], y[:1500], epochs=3, batch_size=64, verbose=2)"""
FIGURE = """plt.plot(historia.history["loss"])
plt.title("Pérdida {number}")
plt.show()"""
PREDICTION = """predicciones = modelo.predict(x[1500:], verbose=0)
print(predicciones.shape, (predicciones.argmax(1) == y[1500:]).mean())"""
CELLS = (IMPORTS, DATA, NET, FIGURE, PREDICTION)
PARAMS = 8 * (3 * 3 + 1) + 10 * (3 * 3 * 8 + 1)


def notebook(number: int) -> nbformat.NotebookNode:
    """The n-th of them."""
    cells = [new_code_cell(source.replace("{number}", str(number))) for source in CELLS]
    made = new_notebook(cells=[new_markdown_cell(TITLE), *cells])
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made


def write(folder: Path, count: int) -> None:
    """`count` hand-ins, each in the folder of its student."""
    for number in range(count):
        place = folder / f"student-{number:03}"
        place.mkdir(parents=True)
        nbformat.write(notebook(number), place / "practica.ipynb")

"""What a training needs besides its net, made before its first step is traced.

Keras makes the variables of metrics and optimizers ahead of the first step, except on TensorFlow without a
distribution strategy: there they are made while the step is traced, which TensorFlow then traces again
without them. Of a small training that second time is a sixth.
"""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np

from . import compile, draw, library, names

_FUNCTIONS = frozenset({"Lambda", "TorchModuleWrapper", "TFSMLayer"})
"""Layers that call what they were given."""


def make_variables(keras: Any, model: Any, parts: tuple[Any, Any, Any]) -> None:
    """For a training on `parts`: x, y and sample weights; where no code of a student's would be called."""
    if keras.backend.backend() != "tensorflow" or getattr(model, "_distribute_strategy", None) is not None:
        return
    arrays = [array for part in parts for array in draw.leaves(part)]
    if not all(isinstance(array, np.ndarray) for array in arrays) or not _all_librarys(keras, model):
        return
    batch = tuple(draw.each(part, lambda array: _symbol(keras, array)) for part in parts)
    # What does not fit together is said by Keras, in its own words, when it trains.
    with names.tensor_names_kept(), contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
        model._symbolic_build(data_batch=batch)


def _all_librarys(keras: Any, model: Any) -> bool:
    """Whether all that is built and called is the library's: only then does nobody see that it was."""
    held = model._flatten_layers(include_self=False)
    if library.base_of(model) is None or not model.built or any(not layer.built for layer in held):
        return False
    if any(library.runs_foreign_code(x) or library.name_of(x) in _FUNCTIONS or x._metrics for x in held):
        return False
    compiled = compile.describe(keras, model)
    if model._metrics or compiled is None or len(compiled["metrics"]) == compile.MOST_METRICS:
        return False
    named = (compiled["optimizer"]["kind"], compiled["loss"]["kind"], *compiled["metrics"])
    return not any(library.CUSTOM in name for name in named)


def _symbol(keras: Any, array: Any) -> Any:
    """Any number of rows like those of an array, as Keras will feed them."""
    dtype = keras.config.floatx() if array.dtype.kind == "f" else array.dtype.name
    return keras.KerasTensor(shape=(None, *array.shape[1:]), dtype=dtype)

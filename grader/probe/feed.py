"""Rows as a `tf.data` set.

Keras builds a new pipeline in every epoch for arrays that are given with `steps_per_epoch`; a data set's
iterator goes on. For `epochs=100` of a small net that is the difference between 32 s and 2 s.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from . import draw


def dataset(keras: Any, parts: tuple[Any, ...], batch: int) -> Any:
    """Batches of (x, y, sample weights), in order; None where the arrays have to be given as they are.

    Trailing None parts are left out. Floats become Keras's float type, as they would for arrays.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or keras.backend.backend() != "tensorflow":
        return None
    while parts and parts[-1] is None:
        parts = parts[:-1]
    if any(part is None for part in parts):
        return None
    floats = keras.config.floatx()
    try:
        plain = tuple(_tuples(draw.each(part, lambda value: _array(value, floats))) for part in parts)
        return tensorflow.data.Dataset.from_tensor_slices(plain).batch(batch)
    except (TypeError, ValueError):
        return None


def unconverted(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of ours for `tf.data` that AutoGraph leaves alone: else students read of it in a warning."""
    plain: Callable[..., Any] = sys.modules["tensorflow"].autograph.experimental.do_not_convert(function)
    return plain


def _array(value: Any, floats: str) -> Any:
    if hasattr(value, "tocsr"):
        raise TypeError("a sparse matrix")
    array = np.asarray(value)
    if array.dtype == object:
        raise TypeError("an array of objects")
    return array.astype(floats) if array.dtype.kind == "f" else array


def _tuples(structure: Any) -> Any:
    """Lists as tuples: tf.data would stack a list into one tensor."""
    if isinstance(structure, (list, tuple)):
        return tuple(_tuples(part) for part in structure)
    if isinstance(structure, dict):
        return {name: _tuples(part) for name, part in structure.items()}
    return structure

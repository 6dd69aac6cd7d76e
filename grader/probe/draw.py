"""Rows of in-memory inputs: counting them, cutting them, drawing them.

An input is one array-like or a dict, list or tuple of them: NumPy, pandas, tensors, scipy.sparse.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np


class CannotDraw(Exception):
    """The input has no rows that can be picked."""


def plain(number: Any) -> Any:
    """A number as it really is: a subclass of int or float may say otherwise when it is asked."""
    if isinstance(number, int):
        return int.__add__(number, 0)
    return float.__add__(number, 0.0) if isinstance(number, float) else number


def each(structure: Any, change: Callable[[Any], Any]) -> Any:
    """The same structure with every array-like changed; None stays None."""
    if structure is None:
        return None
    if isinstance(structure, dict):
        return {key: each(value, change) for key, value in structure.items()}
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(each(value, change) for value in structure))
    if isinstance(structure, (list, tuple)):
        return type(structure)(each(value, change) for value in structure)
    return change(structure)


def leaves(structure: Any) -> list[Any]:
    """The array-likes of a structure, in order."""
    found: list[Any] = []
    each(structure, found.append)
    return found


def is_array(value: Any) -> bool:
    """Whether one value is an array-like with rows (not a data set or a generator)."""
    shape = getattr(value, "shape", None)
    try:
        rank = len(shape) if shape is not None else 0
    except (TypeError, ValueError):  # a tensor of unknown rank
        return False
    return rank > 0 and (hasattr(value, "__array__") or hasattr(value, "iloc") or hasattr(value, "tocsr"))


def in_memory(structure: Any) -> bool:
    """Whether everything in it is an array-like."""
    found = leaves(structure)
    return bool(found) and all(is_array(value) for value in found)


def rows(structure: Any) -> int:
    """Rows of the first array-like."""
    return int(leaves(structure)[0].shape[0])


def row_bytes(structure: Any) -> int:
    """Bytes of one row of everything together, about."""
    return sum(8 * math.prod(int(d) for d in value.shape[1:]) for value in leaves(structure))


def take(structure: Any, index: Any) -> Any:
    """The rows with these positions (an int array), in this order."""
    return each(structure, lambda value: _take(value, index))


def cut(structure: Any, start: int, stop: int) -> Any:
    """Rows start to stop."""

    def part(value: Any) -> Any:
        if hasattr(value, "iloc"):
            return value.iloc[start:stop]
        return value[start:stop]

    return each(structure, part)


def _take(value: Any, index: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value[index]
    if hasattr(value, "iloc"):
        return value.iloc[index]
    if hasattr(value, "tocsr"):
        return value.tocsr()[index]
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and (tensorflow.is_tensor(value) or isinstance(value, tensorflow.Variable)):
        if isinstance(value, tensorflow.SparseTensor):
            raise CannotDraw("a sparse tensor")
        return tensorflow.gather(value, index)
    return np.asarray(value)[index]


def order(total: int, available: int, generator: Any, *, shuffle: bool) -> Any:
    """Positions of `total` rows out of `available`: without replacement while they last, then anew."""
    if not shuffle:
        return np.arange(total) % available
    rounds = -(-total // available)
    return np.concatenate([generator.permutation(available) for _ in range(rounds)])[:total]


def subset(count: int, available: int, seed: list[int]) -> Any:
    """`count` different positions in ascending order, the same for the same seed."""
    chosen = np.random.default_rng(seed).permutation(available)[:count]
    chosen.sort()
    return chosen

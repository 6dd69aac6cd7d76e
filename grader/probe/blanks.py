"""Rows without a value: what `predict` could not afford is NaN, and what follows goes without it.

A net's features of 50,000 images are computed for as many as the budget allows. An estimator that is fitted
on them is fitted on the rows that are there, with their labels; what it says of the others is NaN again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .state import Probe

WITH_ROWS = ("X", "y", "sample_weight")
RESULTS = frozenset({"predict", "transform", "fit_transform", "fit_predict"})
"""Methods that give a row for each row."""
Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def present(probe: Probe, x: Any) -> Any:
    """Which rows have a value; None where all have, or none was ever handed out without."""
    if not probe.blank_rows or not isinstance(x, np.ndarray) or x.dtype.kind != "f" or x.ndim < 2:
        return None
    flat = x.reshape(len(x), -1)
    # The first value of a row tells most of those that have one.
    there = ~np.isnan(flat[:, 0])
    there[~there] = ~np.isnan(flat[~there]).all(axis=1)
    return None if there.all() or not there.any() else there


def without(there: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """The same arguments with only the rows that have a value."""

    def cut(value: Any) -> Any:
        if hasattr(value, "iloc"):
            return value.iloc[np.flatnonzero(there)]
        whole = value is not None and np.ndim(value) > 0 and len(value) == len(there)
        return np.asarray(value)[there] if whole else value

    named = {name: cut(value) if name in WITH_ROWS else value for name, value in kwargs.items()}
    return tuple(cut(value) for value in args), named


def with_blanks(there: Any, method: str, result: Any) -> Any:
    """A result with a row for every row again: NaN, or None among texts, where there was none."""
    if method not in RESULTS or not isinstance(result, np.ndarray) or len(result) != there.sum():
        return result
    text = result.dtype.kind in "USO"
    kind = object if text else np.result_type(result.dtype, np.float16)
    whole = np.full((len(there), *result.shape[1:]), None if text else np.nan, kind)
    whole[there] = result
    return whole


def known(values: Any) -> Any:
    """Which labels are none of those blanks; None where all are."""
    array = np.asarray(values)
    if array.dtype.kind == "f":
        there = ~np.isnan(array)
    elif array.dtype == object:
        there = np.array([value is not None for value in array])
    else:
        return None
    return None if there.ndim != 1 or there.all() or not there.any() else there

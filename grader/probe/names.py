"""Keeps the counters that Keras names layers and tensors by: what the probe does must use up none."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def names_kept() -> Iterator[None]:
    """Keep the counters that name layers and tensors: the student's next `dense_3` stays `dense_3`."""
    before = dict(_counters())
    try:
        yield
    finally:
        counters = _counters()
        counters.clear()
        counters.update(before)


@contextlib.contextmanager
def tensor_names_kept() -> Iterator[None]:
    """Keep the counter of symbolic tensors alone: for a build, which may make layers that stay."""
    before = _counters().get("keras_tensor")
    try:
        yield
    finally:
        if before is None:
            _counters().pop("keras_tensor", None)
        else:
            _counters()["keras_tensor"] = before


def _counters() -> Any:
    from keras.src.backend.common import global_state

    counters = global_state.get_global_attribute("object_name_uids")
    return {} if counters is None else counters


@contextlib.contextmanager
def silently() -> Iterator[None]:
    """Do something symbolic without printing or using up names."""
    with names_kept(), contextlib.redirect_stdout(io.StringIO()):
        yield

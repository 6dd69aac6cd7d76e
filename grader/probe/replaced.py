"""Whether a callback changed a model's weights: what a training taught is told from what was put in.

The library's own callbacks may do that (`EarlyStopping(restore_best_weights=True)`), and are known by
identity; so weights are compared only right before and right after each of the others.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from . import library
from .doors import shut

if TYPE_CHECKING:
    from .models import Models

HOOKS = tuple(
    f"on_{what}_{when}"
    for what in ("train", "epoch", "train_batch", "test", "test_batch", "predict", "predict_batch")
    for when in ("begin", "end")
)


def around(models: Models, model: Any, header: dict[str, Any], callback: Any) -> list[Any]:
    """The callback, between two of ours when it is not the library's; they note in the header."""
    hooks = _used(models.keras.callbacks.Callback, callback)
    if not hooks or not library.runs_foreign_code(callback):
        return [callback]
    before: list[bytes] = []

    @shut
    def remember(*args: Any, **kwargs: Any) -> None:
        before[:] = [models.probe.quietly(_fingerprint, models, model) or b""]

    @shut
    def compare(*args: Any, **kwargs: Any) -> None:
        if before and models.probe.quietly(_fingerprint, models, model) != before[0]:
            header["weights_replaced"] = True

    return [_listener(models, hooks, remember), callback, _listener(models, hooks, compare)]


def _used(base: type, callback: Any) -> list[str]:
    """Hooks at which this callback does something."""
    names = {hook: (hook, hook.replace("_train_batch_", "_batch_")) for hook in HOOKS}
    return [hook for hook, either in names.items() if any(_defines(base, callback, name) for name in either)]


def _defines(base: type, callback: Any, name: str) -> bool:
    own = getattr(type(callback), name, None)
    return own is not getattr(base, name, None) or name in vars(callback)


def _listener(models: Models, hooks: list[str], hear: Any) -> Any:
    return type("Watch", (models.keras.callbacks.Callback,), dict.fromkeys(hooks, hear))()


def _fingerprint(models: Models, model: Any) -> bytes:
    state = hashlib.sha256()
    # By way of the library's class: a student's model may say otherwise.
    for weight in models.keras.layers.Layer.weights.fget(model):
        state.update(np.ascontiguousarray(np.asarray(weight)).tobytes())
    return state.digest()

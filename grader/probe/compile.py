"""What `compile` was told, by meaning: 'mse' and MeanSquaredError() are the same loss.

Returns plain dicts in the shape of `grader.model.evidence.Compilation`.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from . import library

ODD_CLASSES = {
    "kl_divergence": "KLDivergence",
    "ctc": "CTC",
    "msle": "MeanSquaredLogarithmicError",
    "crossentropy": "Crossentropy",
    "ce": "Crossentropy",
}
MOST_METRICS = 64
"""That are described."""
_LEFT_OUT = frozenset(
    "name jit_compile is_legacy_optimizer loss_scale_factor gradient_accumulation_steps ema_momentum".split()
)


def describe(keras: Any, model: Any) -> dict[str, Any] | None:
    """The compilation of a model; None when it was not compiled."""
    if not getattr(model, "compiled", False):
        return None
    return {
        "optimizer": optimizer(getattr(model, "optimizer", None)),
        "loss": loss(keras, getattr(model, "loss", None)),
        "metrics": [name[:200] for name in _metrics(keras, model)][:MOST_METRICS],
    }


def optimizer(given: Any) -> dict[str, Any]:
    """Class and settings; a learning-rate schedule becomes a text."""
    if given is None:
        return {"kind": "none", "config": {}}
    value: Any = getattr(given, "inner_optimizer", None) or given  # mixed precision wraps the one given
    base = library.base_of(value)
    if base is None:
        return {"kind": library.CUSTOM, "config": {}}
    config = {}
    for name, setting in base.get_config(value).items():
        if name in _LEFT_OUT or setting is None or (name == "use_ema" and not setting):
            continue
        if name == "learning_rate":
            config[name] = _learning_rate(value, setting)
        elif isinstance(setting, (bool, int, float, str)):
            config[name] = _short(setting)
    return {"kind": library.name_of(value), "config": config}


def _learning_rate(value: Any, setting: Any) -> Any:
    schedule = getattr(value, "_learning_rate", None)
    if schedule is not None and hasattr(schedule, "get_config"):
        setting = {"class_name": type(schedule).__name__, "config": schedule.get_config()}
    if isinstance(setting, dict):
        inside = setting.get("config") or {}
        parts = ", ".join(f"{key}={_text(item)}" for key, item in inside.items() if key != "name")
        return f"{setting.get('class_name', 'schedule')}({parts})"[:400]
    return _short(float(setting))


def _text(value: Any) -> str:
    return f"{_short(value)}" if isinstance(value, (int, float)) else str(value)


def _short(value: Any) -> Any:
    """A float32 setting as it was written: 0.001, not 0.0010000000474974513."""
    if isinstance(value, float):
        import numpy as np

        near = float(str(np.float32(value)))
        return near if abs(near - value) <= 1e-6 * abs(value) else value
    return value


def loss(keras: Any, value: Any) -> dict[str, Any]:
    """Kind and from_logits of a loss given as a name, function, object, or several of them."""
    if value is None:
        return {"kind": "none", "from_logits": None}
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        each = [loss(keras, item) for item in value]
        if len(each) == 1:
            return each[0]
        known = {item["from_logits"] for item in each}
        return {
            "kind": " + ".join(item["kind"] for item in each)[:400] or "none",
            "from_logits": known.pop() if len(known) == 1 else None,
        }
    return _one_loss(keras, value)


def _one_loss(keras: Any, value: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if isinstance(value, str):
        if value.lower() in {"crossentropy", "ce"}:
            return {"kind": "Crossentropy", "from_logits": False}
        value = keras.losses.get(value)
    while isinstance(value, functools.partial):
        settings = {**value.keywords, **settings}
        value = value.func
    if isinstance(value, type):
        value = value()
    if isinstance(value, keras.losses.Loss):
        name = library.name_of(value)
        if name != library.CUSTOM and hasattr(value, "fn"):
            # What computes is a function that the object holds, with the arguments it holds for it.
            value, settings = value.fn, dict(value._fn_kwargs)
            name = _class_of("losses", value)
    else:
        name = _class_of("losses", value)
    logits = settings.get("from_logits")
    if logits is None and re.search("Crossentropy", name):
        logits = False
    return {"kind": name, "from_logits": bool(logits) if logits is not None else None}


def _class_of(part: str, function: Any) -> str:
    """The class that does what this function does, by the function's identity."""
    name = library.function_name(part, function)
    return class_name(name) if name else library.CUSTOM


def class_name(function: str) -> str:
    """The class that does what a Keras function of this name does: mean_squared_error -> MeanSquaredError."""
    if function in ODD_CLASSES:
        return ODD_CLASSES[function]
    if not re.fullmatch("[a-z0-9_]+", function):
        return function
    return "".join(part.capitalize() for part in function.split("_"))


def _metrics(keras: Any, model: Any) -> list[str]:
    compiled = getattr(model, "_compile_metrics", None)
    wanted = [getattr(compiled, "_user_metrics", None), getattr(compiled, "_user_weighted_metrics", None)]
    return [_metric(keras, item) for given in wanted for item in _flat(given)]


def _flat(given: Any) -> list[Any]:
    if given is None:
        return []
    if isinstance(given, dict):
        given = list(given.values())
    if isinstance(given, (list, tuple)):
        return [item for inner in given for item in _flat(inner)]
    return [given]


def _metric(keras: Any, value: Any) -> str:
    if isinstance(value, str):
        if value.lower() in {"accuracy", "acc"}:
            return "accuracy"
        if value.lower() in {"crossentropy", "ce"}:
            return "Crossentropy"
        value = keras.metrics.get(value)
    if isinstance(value, type):
        value = value()
    if isinstance(value, keras.metrics.Metric):
        name = library.name_of(value)
        return "accuracy" if name == "Accuracy" else name
    return _class_of("metrics", value)

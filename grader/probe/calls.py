"""`evaluate`, `predict`, and calling a model on data: recorded, and run under the budget."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import draw, spend
from .arrays import Seen, as_numpy, unpack
from .doors import door
from .sums import Used

if TYPE_CHECKING:
    from .models import Models

MAX_CALLS = 4
"""Direct calls of one model in one cell that are recorded each; of a loop over batches the sum is told."""


def evaluate(models: Models, original: Callable[..., Any]) -> Callable[..., Any]:
    """`evaluate` on at most the budget's rows, the same ones each time."""
    signature = inspect.signature(original)

    @door
    @functools.wraps(original)
    def evaluate(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        probe = models.probe
        # The library's own call at an epoch's end; a student's callback calls without it.
        if "_use_cached_eval_dataset" in kwargs:
            return original(self, *args, **kwargs)
        ready = probe.quietly(_ready, models, signature, self, args, kwargs)
        if ready is None:
            return original(self, *args, **kwargs)
        asked, seen, macs = ready
        capped = probe.quietly(_fewer_rows, models, asked, seen, macs)
        given, used, cut = capped or (asked, 0, False)
        probe.enter()
        try:
            result = original(self, **given)
        finally:
            probe.leave()
        probe.quietly(send_evaluation, models, self, seen, result, Used(used, cut))
        probe.quietly(_add_evaluation, models, self, asked, result)
        probe.macs += macs * used
        return result

    return evaluate


def _ready(
    models: Models, signature: inspect.Signature, model: Any, args: Any, kwargs: Any
) -> tuple[dict[str, Any], Seen, float] | None:
    try:
        bound = signature.bind(model, *args, **kwargs)
    except TypeError:
        return None  # the library words its own complaint
    bound.apply_defaults()
    given = dict(list(bound.arguments.items())[1:])
    given.update(given.pop("kwargs", {}))
    seen = models.probe.quietly(models.arrays.see, given["x"], given.get("y")) or Seen()
    if seen.stream is not None:
        given["x"] = seen.stream
    models.probe.quietly(models.used_with, model, seen.example)
    models.probe.quietly(models.send, model)
    described = models.probe.quietly(models.describe, model)
    return given, seen, max(1.0, described.macs if described else 1.0)


def _fewer_rows(
    models: Models, given: dict[str, Any], seen: Seen, macs: float
) -> tuple[dict[str, Any], int, bool]:
    """(arguments, rows used, whether that is fewer than asked for)."""
    probe = models.probe
    allowed = spend.forward_rows(probe, macs, probe.job.evaluate_rows)
    if draw.in_memory(given["x"]):
        available = draw.rows(given["x"])
        if given.get("steps") and given.get("batch_size"):
            available = min(available, int(given["steps"]) * int(given["batch_size"]))
        if allowed is None or available <= allowed:
            return given, available, False
        index = draw.subset(allowed, available, [probe.job.seed, 2])
        parts = {name: draw.take(given[name], index) for name in ("x", "y", "sample_weight")}
        return {**given, **parts, "steps": None}, allowed, True
    batch = seen.batch or 32
    declared = given.get("steps") or _batches(given["x"])
    if allowed is None:
        return given, batch * int(declared or 0), False
    steps = max(1, allowed // batch)
    if declared and declared <= steps:
        return given, batch * int(declared), False
    return {**given, "steps": steps}, batch * steps, True


def _batches(stream: Any) -> int | None:
    try:
        return max(0, len(stream)) or None
    except TypeError:  # a generator, or a tf.data set of unknown or endless length
        return None


def send_evaluation(
    models: Models,
    model: Any,
    seen: Seen,
    result: Any,
    used: Used,
) -> None:
    header = _used(models, model, seen, used) | {"y": seen.y, "results": _results(model, result)}
    models.probe.send("evaluate", header)


def _used(models: Models, model: Any, seen: Seen, used: Used) -> dict[str, Any]:
    """What is said of evaluations and predictions alike."""
    return {
        "serial": models.send(model).serial,
        "x": seen.x,
        "rows_used": used.rows,
        "capped": used.cut,
        "weights_of": used.weights_of or models.probe.quietly(models.taught.groups, model),
    }


def _add_evaluation(models: Models, model: Any, given: dict[str, Any], result: Any) -> None:
    models.sums.evaluated(model, given["x"], given.get("y"), _results(model, result))


def tell_evaluations(models: Models, model: Any, seen: Seen, totals: dict[str, float], used: Used) -> None:
    """Several evaluations as one: each value is the mean over all rows."""
    means = {name: value / used.rows for name, value in totals.items()}
    send_evaluation(models, model, seen, means, used)


def _results(model: Any, result: Any) -> dict[str, float | None]:
    """Name -> value, from a dict, a list in the order of the metrics, or the loss alone."""
    if not isinstance(result, dict):
        values = list(result) if isinstance(result, (list, tuple)) else [result]
        # `get_metrics_result` names them in the order in which evaluate lists them, the loss first.
        names = list(model.get_metrics_result())
        names = ["loss", *(name for name in names if name != "loss")]
        result = dict(zip(names, values, strict=False))
    found = {}
    for name, value in list(result.items())[:64]:
        number = float(value)
        found[str(name)] = number if math.isfinite(number) else None
    return found


# -- predict --------------------------------------------------------------------------------------


def predict(models: Models, original: Callable[..., Any]) -> Callable[..., Any]:
    """`predict`: rows that cannot be afforded come back as NaN, never made up."""
    signature = inspect.signature(original)

    @door
    @functools.wraps(original)
    def predict(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        probe = models.probe
        ready = probe.quietly(_ready, models, signature, self, args, kwargs)
        if ready is None:
            return original(self, *args, **kwargs)
        asked, seen, macs = ready
        short = probe.quietly(_first_rows, models, asked, seen, macs)
        given, used, missing = short or (asked, 0, 0)
        probe.enter()
        try:
            result = original(self, **given)
        finally:
            probe.leave()
        if missing:
            result = probe.quietly(_padded, result, missing)
            probe.blank_rows = True
        probe.quietly(send_prediction, models, self, seen, result, Used(used, missing > 0))
        probe.quietly(models.sums.predicted, self, asked["x"], result)
        probe.macs += macs * used
        return result

    return predict


def _first_rows(
    models: Models, given: dict[str, Any], seen: Seen, macs: float
) -> tuple[dict[str, Any], int, int]:
    """(arguments, rows computed, rows left out)."""
    allowed = spend.predict_rows(models.probe, macs)
    if not draw.in_memory(given["x"]):
        return _first_batches(given, seen.batch or 32, allowed)
    available = draw.rows(given["x"])
    if allowed is None or available <= allowed or given.get("steps"):
        return given, available, 0
    return {**given, "x": draw.cut(given["x"], 0, allowed)}, allowed, available - allowed


def _first_batches(given: dict[str, Any], batch: int, allowed: int | None) -> tuple[dict[str, Any], int, int]:
    """The same for a tf.data set; the rows left out are counted without the model."""
    stream = given["x"]
    batches = _batches(stream)
    if allowed is None or not batches or given.get("steps") or batch * batches <= allowed:
        return given, 0, 0
    if not hasattr(stream, "take") or not hasattr(stream, "skip"):
        return given, 0, 0
    steps = max(1, allowed // batch)
    missing = sum(draw.rows(unpack(rest)[0]) for rest in stream.skip(steps))
    return {**given, "x": stream.take(steps)}, steps * batch, missing


def _padded(result: Any, missing: int) -> Any:
    def pad(array: Any) -> Any:
        blank = np.full((missing, *array.shape[1:]), np.nan, np.result_type(array.dtype, np.float16))
        return np.concatenate([array, blank])

    return draw.each(result, pad)


def send_prediction(
    models: Models,
    model: Any,
    seen: Seen,
    result: Any,
    used: Used,
) -> None:
    shapes = [[int(d) for d in output.shape[1:]][:8] for output in draw.leaves(result)][:2000]
    header = _used(models, model, seen, used) | {"x_distinct": seen.distinct, "output_shapes": shapes}
    header["rows_used"] = used.rows or (len(draw.leaves(result)[0]) if shapes else 0)
    models.probe.send("predict", header)


# -- model(x) -------------------------------------------------------------------------------------


def call(models: Models, original: Callable[..., Any]) -> Callable[..., Any]:
    """Calling a model on concrete data counts as predicting; symbolic and inner calls pass untouched."""
    counted: dict[tuple[int, int], int] = {}

    @door
    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        probe = models.probe
        if probe.inside:
            return original(self, *args, **kwargs)
        probe.enter()
        try:
            result = original(self, *args, **kwargs)
        finally:
            probe.leave()
        for hear in models.at_call if args else ():
            probe.quietly(hear, self, args[0])
        if args and not kwargs.get("training") and _concrete(args[0]):
            key = (id(self), probe.cell)
            counted[key] = counted.get(key, 0) + 1
            if counted[key] <= MAX_CALLS:
                probe.quietly(_send_call, models, self, args[0], result)
            probe.quietly(models.sums.predicted, self, args[0], result)
        elif args and _concrete(args[0]):
            probe.quietly(models.used_with, self, args[0])
        return result

    return __call__


def _concrete(x: Any) -> bool:
    if not draw.in_memory(x):
        return False
    value = draw.leaves(x)[0]
    return isinstance(value, np.ndarray) or hasattr(value, "numpy")


def _send_call(models: Models, model: Any, x: Any, result: Any) -> None:
    models.used_with(model, x)
    seen = models.arrays.see(draw.each(x, as_numpy))
    send_prediction(models, model, seen, result, Used(draw.rows(x)))

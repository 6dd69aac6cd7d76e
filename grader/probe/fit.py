"""`Model.fit`: recorded as declared, run under the budget.

`epochs` stays as written, so that histories, callbacks and schedules work; every epoch is shorter. From
in-memory arrays the rows of all epochs are drawn at once, without replacement, and handed over in order:
each epoch sees fresh rows. Streams are cut by `steps_per_epoch`.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from . import ahead, blanks, draw, feed, graph, library, names, replaced, spend
from .arrays import Seen, all_ones, batch_of
from .doors import door, shut

if TYPE_CHECKING:
    from .models import Models
    from .state import Probe

POOL_BYTES = 256 * 2**20
"""Drawn rows are copied; where all epochs' rows take more than this, epochs come round again."""
WHOLE = 4
"""Fits of one net in one cell that each may use all that a training may."""


def wrapped(models: Models, original: Callable[..., Any]) -> Callable[..., Any]:
    """`fit` with the probe around it."""
    signature = inspect.signature(original)

    @door
    @functools.wraps(original)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        probe = models.probe
        call = probe.quietly(_prepare, models, signature, self, args, kwargs)
        if call is None:
            return original(self, *args, **kwargs)
        probe.enter()
        completed = False
        try:
            result = original(self, **call.arguments)
            completed = True
            return result
        finally:
            probe.leave()
            probe.quietly(_finish, models, self, call, completed)

    return fit


@dataclass
class Call:
    """One training: what it was told, and what it is given."""

    declared: dict[str, Any]
    arguments: dict[str, Any]
    header: dict[str, Any] = field(default_factory=dict)
    initial: list[Any] | None = None
    rows_per_epoch: int = 0
    validation_rows: int = 0
    macs: float = 1.0
    share: int = 1
    """It may use one part in so many of what a training may: a hundred fits of one epoch are one training."""
    epochs_run: int = 0
    history: dict[str, list[float | None]] = field(default_factory=dict)
    started: float = 0.0


def _prepare(models: Models, signature: inspect.Signature, model: Any, args: Any, kwargs: Any) -> Call | None:
    try:
        bound = signature.bind(model, *args, **kwargs)
    except TypeError:
        return None  # the library words its own complaint
    bound.apply_defaults()
    declared = dict(list(bound.arguments.items())[1:])
    probe = models.probe
    probe.fits += 1
    probe.quietly(models.loops.close, model)
    models.sums.end(model)
    call = Call(declared, dict(declared))
    seen = probe.quietly(models.arrays.see, declared["x"], declared["y"]) or Seen()
    if seen.stream is not None:
        call.arguments["x"] = seen.stream
    blank = probe.quietly(_without_blanks, probe, call)
    probe.aside(_make_ready, models, model, seen)
    probe.quietly(models.send, model)
    call.header = _header(models, model, call, seen)
    known = models.known(model)
    known.fits += 1
    call.share = max(1, known.fits - WHOLE)
    call.macs = max(1.0, (probe.quietly(models.describe, model) or graph.Described({"layers": []}, [])).macs)
    capped = probe.quietly(_capped, models, call, seen)
    if capped is not None:
        call.arguments = capped
    if blank:
        call.header["capped"] = True
    digest, call.initial = probe.quietly(models.weights, model) or ("", None)
    call.header["initial_digest"] = digest
    parts = (declared["x"], declared["y"], declared["sample_weight"])
    probe.aside(ahead.make_variables, models.keras, model, parts)
    call.arguments["callbacks"] = _with_ours(models, model, call, call.arguments.get("callbacks"))
    call.started = time.monotonic()
    return call


def _without_blanks(probe: Probe, call: Call) -> bool:
    """Leave out rows that `predict` gave no value to."""
    given = call.arguments
    there = blanks.present(probe, draw.leaves(given["x"])[0]) if draw.in_memory(given["x"]) else None
    if there is None:
        return False
    parts = [name for name in ("x", "y", "sample_weight") if given[name] is not None]
    given |= {name: draw.take(given[name], np.flatnonzero(there)) for name in parts}
    return True


def _header(models: Models, model: Any, call: Call, seen: Seen) -> dict[str, Any]:
    declared = call.declared
    split = draw.plain(declared.get("validation_split") or 0.0)
    validation = declared.get("validation_data")
    kind = "data" if validation is not None else "split" if split else "none"
    header = {
        "serial": models.known(model).serial,
        "epochs": max(0, _epochs(declared)),
        "batch_size": int(draw.plain(declared.get("batch_size") or seen.batch or 32)),
        "x": seen.x,
        "y": seen.y,
        "validation": kind,
        "validation_split": min(1.0, max(0.0, split)),
        "epoch_rows": max(0, models.probe.quietly(_declared_rows, declared, seen) or 0),
        "shuffle": bool(declared.get("shuffle", True)),
        "callbacks": _callback_names(declared.get("callbacks")),
        "sample_weighted": models.probe.quietly(_weighted, declared, seen) is not False,
    }
    if kind == "data":
        given = models.probe.quietly(_see_validation, models, validation)
        if given is not None:
            header |= {"validation_x": given.x, "validation_y": given.y}
            if given.stream is not None:
                call.arguments["validation_data"] = given.stream
    return header


def _epochs(declared: dict[str, Any]) -> int:
    """Epochs that will be run: `epochs` is the number of the last one, `initial_epoch` of the first."""
    return int(draw.plain(declared["epochs"])) - int(draw.plain(declared.get("initial_epoch") or 0))


def _weighted(declared: dict[str, Any], seen: Seen) -> bool:
    given = (declared.get("sample_weight"), declared.get("class_weight"))
    return seen.weighted or not all(all_ones(weights) for weights in given)


def _see_validation(models: Models, validation: Any) -> Seen:
    if isinstance(validation, (list, tuple)) and len(validation) >= 2:
        return models.arrays.see(validation[0], validation[1])
    return models.arrays.see(validation)


def _callback_names(callbacks: Any) -> list[str]:
    if callbacks is None:
        return []
    inner = getattr(callbacks, "callbacks", None)
    given = inner if inner is not None else draw.leaves(callbacks)
    return [library.name_of(item)[:200] for item in given][:64]


def _make_ready(models: Models, model: Any, seen: Seen) -> None:
    """Build a model that has no weights yet, so that those it starts from can be kept.

    The library would do the same in the first step; initial values depend on the layers' own seeds, not
    on when they are made.
    """
    if seen.example is None:
        return
    models.used_with(model, seen.example)
    if model.built and all(layer.built for layer in model._flatten_layers()):
        return
    specs = graph.Spec.of(seen.example)
    keras = models.keras
    with names.tensor_names_kept(), contextlib.redirect_stdout(io.StringIO()):
        tensors = draw.each(specs, lambda spec: keras.KerasTensor(shape=spec.shape, dtype=spec.dtype))
        if graph.style(model) == "sequential":
            model.build(tensors.shape)
        else:
            from keras.src import backend

            backend.compute_output_spec(model, tensors, training=False)


# -- the cap ------------------------------------------------------------------------------------


def _capped(models: Models, call: Call, seen: Seen) -> dict[str, Any]:
    """The arguments to run with; notes in the header and the call what was capped."""
    probe = models.probe
    given = dict(call.arguments)
    epochs = max(1, _epochs(given))
    allowed = spend.epoch_rows(probe, call.macs, epochs * call.share)
    if allowed is None:
        call.rows_per_epoch = _declared_rows(given, seen)
        return given
    rows, by_total = allowed
    arrays = draw.in_memory(given["x"])
    if arrays:
        given = _split_off(given)
    given = _cap_validation(models, call, given, epochs)
    declared_rows = _declared_rows(given, seen)
    if declared_rows and rows >= declared_rows:
        call.rows_per_epoch = declared_rows
        return given
    call.header["capped"] = True
    call.header["capped_by_total"] = by_total
    structure = probe.job.level == "structure"
    if arrays:
        return _drawn(models, call, given, rows, epochs, structure=structure)
    return _fewer_steps(call, given, seen, rows, structure=structure)


def _declared_rows(given: dict[str, Any], seen: Seen) -> int:
    """Rows of one epoch as written; 0 when nobody can say."""
    steps = given.get("steps_per_epoch")
    if draw.in_memory(given["x"]):
        available = draw.rows(given["x"])
        if given.get("validation_split") and given.get("validation_data") is None:
            available = math.floor(available * (1 - given["validation_split"]))
        batch = given.get("batch_size")
        return min(available, int(steps) * int(batch)) if steps and batch else available
    if steps is None:
        steps = _length(given["x"])
    return int(steps) * (seen.batch or 1) if steps else 0


def _length(stream: Any) -> int | None:
    """Batches of a stream, when it knows."""
    try:
        length = len(stream)
    except TypeError:  # a generator, or a tf.data set of unknown or endless length
        return None
    return length if length > 0 else None


def _split_off(given: dict[str, Any]) -> dict[str, Any]:
    """`validation_split` done as the library does it: the last part of the arrays, before shuffling."""
    split = given.get("validation_split")
    if not split or given.get("validation_data") is not None:
        return given
    available = draw.rows(given["x"])
    at = math.floor(available * (1 - split))
    if at in (0, available):
        return given  # the library complains in its own words
    parts = [given["x"], given["y"], given["sample_weight"]]
    head = [draw.cut(part, 0, at) for part in parts]
    tail = tuple(draw.cut(part, at, available) for part in parts)
    changed = {"x": head[0], "y": head[1], "sample_weight": head[2], "validation_split": 0.0}
    return {**given, **changed, "validation_data": tail if tail[2] is not None else tail[:2]}


def _cap_validation(models: Models, call: Call, given: dict[str, Any], epochs: int) -> dict[str, Any]:
    validation = given.get("validation_data")
    probe = models.probe
    allowed = spend.forward_rows(probe, call.macs, probe.job.validation_rows, repeats=epochs)
    if validation is None or allowed is None:
        return given
    if isinstance(validation, (list, tuple)) and len(validation) >= 2 and draw.in_memory(validation[0]):
        available = draw.rows(validation[0])
        call.validation_rows = min(available, allowed)
        if available <= allowed:
            return given
        index = draw.subset(allowed, available, [probe.job.seed, 1])
        few = tuple(draw.take(part, index) for part in validation)
        stream = feed.dataset(models.keras, few, allowed)
        return {**given, "validation_data": few if stream is None else stream, "validation_steps": None}
    stream = validation[0] if isinstance(validation, (list, tuple)) else validation
    batch = batch_of(stream) or 32
    steps = max(1, allowed // batch)
    declared = given.get("validation_steps") or _length(stream)
    call.validation_rows = batch * min(steps, declared or steps)
    return {**given, "validation_steps": min(steps, declared) if declared else steps}


def _drawn(
    models: Models, call: Call, given: dict[str, Any], rows: int, epochs: int, *, structure: bool
) -> dict[str, Any]:
    """Rows for all epochs, drawn at once and handed over in order."""
    available = draw.rows(given["x"])
    steps = given.get("steps_per_epoch")
    declared_batch = given.get("batch_size") or (math.ceil(available / steps) if steps else 32)
    batch, steps = spend.split_into_steps(rows, int(declared_batch), structure=structure)
    call.rows_per_epoch = batch * steps
    parts = (given["x"], given["y"], given["sample_weight"])
    per_row = sum(draw.row_bytes(part) for part in parts if part is not None)
    fresh = max(1, min(epochs, POOL_BYTES // max(1, per_row * batch * steps)))
    generator = np.random.default_rng([models.probe.job.seed, models.probe.fits])
    index = draw.order(fresh * batch * steps, available, generator, shuffle=bool(given.get("shuffle", True)))
    drawn = tuple(draw.take(part, index) for part in parts)
    stream = None if given.get("class_weight") else feed.dataset(models.keras, drawn, batch)
    if stream is not None:
        # shuffle=False: the rows are shuffled already, and Keras would warn that it does not.
        changed = {"x": stream.repeat(), "y": None, "sample_weight": None, "batch_size": None}
        return {**given, **changed, "steps_per_epoch": steps, "shuffle": False}
    x, y, weight = drawn
    changed = {"x": x, "y": y, "sample_weight": weight, "batch_size": batch, "steps_per_epoch": steps}
    return {**given, **changed, "shuffle": False}


def _fewer_steps(
    call: Call, given: dict[str, Any], seen: Seen, rows: int, *, structure: bool
) -> dict[str, Any]:
    """A stream for fewer batches in each epoch; single batches that are too large are cut."""
    stream = given["x"]
    declared = seen.batch or 32
    batch, steps = spend.split_into_steps(rows, declared, structure=structure)
    if given.get("steps_per_epoch"):
        steps = min(steps, int(given["steps_per_epoch"]))
    if hasattr(stream, "__getitem__") or hasattr(stream, "__next__"):
        # A generator of our own: Keras would stop an epoch short where a data set comes round.
        stream = _endless(stream, batch, shuffle=bool(given.get("shuffle", True)))
    elif hasattr(stream, "repeat") and hasattr(stream, "element_spec"):
        if not given.get("steps_per_epoch"):
            stream = stream.repeat()  # epochs go on where the last one stopped
        if batch < declared:
            stream = stream.map(feed.unconverted(lambda *parts: _heads(parts, batch)))
    else:
        batch = declared
    call.rows_per_epoch = steps * batch
    return {**given, "x": stream, "steps_per_epoch": steps}


def _endless(stream: Any, rows: int, *, shuffle: bool) -> Iterator[Any]:
    """Batches of a generator, or of an indexed data set over and over, each cut to `rows` rows."""
    if hasattr(stream, "__next__"):
        for batch in stream:
            yield _shortened(batch, rows)
        return
    while True:
        order = np.random.default_rng(len(stream)).permutation(len(stream)) if shuffle else range(len(stream))
        for i in order:
            yield _shortened(stream[int(i)], rows)
        if hasattr(stream, "on_epoch_end"):
            stream.on_epoch_end()


def _shortened(batch: Any, rows: int) -> Any:
    return draw.each(batch, lambda part: part[:rows] if draw.is_array(part) else part)


def _heads(parts: tuple[Any, ...], rows: int) -> Any:
    cut = tuple(draw.each(part, lambda tensor: tensor[:rows]) for part in parts)
    return cut if len(cut) > 1 else cut[0]


# -- the history --------------------------------------------------------------------------------


def _with_ours(models: Models, model: Any, call: Call, callbacks: Any) -> Any:
    """The student's callbacks with ours among them.

    The first sees logs before theirs can change them; around each of theirs two more compare weights.
    """
    callback = models.keras.callbacks.Callback

    class Watch(callback):  # type: ignore[misc, valid-type]
        @shut
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            models.probe.quietly(_note, call, dict(logs or {}))
            if call.epochs_run == 1:
                models.probe.quietly(models.taught.stepped, model)

    given = getattr(callbacks, "callbacks", None)
    held = given is not None  # a CallbackList: the student made it and keeps it
    if given is None:
        given = draw.leaves(callbacks)
    watched = [Watch()]
    for item in given:
        watched += replaced.around(models, model, call.header, item)
    if not held:
        return watched
    callbacks.callbacks[:] = watched
    return callbacks


def _note(call: Call, logs: dict[str, Any]) -> None:
    call.epochs_run += 1
    for name, value in list(logs.items())[:64]:
        series = call.history.setdefault(str(name), [None] * (call.epochs_run - 1))
        if len(series) < 20000:
            series.append(_number(value))


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _finish(models: Models, model: Any, call: Call, completed: bool) -> None:
    probe = models.probe
    seconds = time.monotonic() - call.started
    rows = call.rows_per_epoch * call.epochs_run
    forward = call.validation_rows * call.epochs_run
    probe.macs += call.macs * (spend.TRAIN_COST * rows + forward)
    probe.quietly(models.send, model)
    digest, final = models.weights(model, learned=call.epochs_run > 0)
    header = {
        **call.header,
        "history": call.history,
        "rows_trained": rows,
        "completed": completed,
        "final_digest": digest,
        "seconds": seconds,
    }
    arrays: dict[str, Any] = {}
    for name, values in (("final", final), ("initial", call.initial)):
        named = {f"{name}/{i}": value for i, value in enumerate(values or ())}
        if probe.channel.room_for(sum(array.nbytes for array in (*arrays.values(), *named.values()))):
            arrays |= named
    probe.send("fit", header, arrays)

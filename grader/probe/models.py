"""Knows the student's models, and sends each when it was made or changed."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import batches, calls, compile, fit, graph, library, loops, sums, tamper, tape, taught
from .arrays import Arrays
from .channel import clean
from .doors import door
from .state import Probe

MAX_WEIGHT_BYTES = 32 * 2**20
MAX_NAMES = 64


@dataclass
class Known:
    """One model object and what was last sent of it."""

    reference: Any
    serial: int
    inputs: Any = None
    """Shapes it was last used with (`graph.Spec`)."""
    state: Any = None
    """Cheap summary of what the last description was made from."""
    described: graph.Described | None = None
    sent: str = ""
    trained_by: dict[str, Any] | None = None
    """Optimizer and loss of a student's own loop, for a model that was not compiled."""
    fits: int = 0
    """Of this cell so far."""


class Models:
    """The registry, and the services that the wrapped calls share."""

    def __init__(self, probe: Probe, keras: Any) -> None:
        self.probe = probe
        self.keras = keras
        self.arrays = Arrays(probe)
        self.loops = loops.Loops(probe, self.arrays)
        self.taught = taught.Taught(probe, keras, lambda model: self.known(model).serial)
        self.loops.at_first_step.append(self.taught.stepped)
        self.loops.at_end.append(self.taught.ended)
        told = (calls.send_prediction, calls.tell_evaluations)
        self.sums = sums.Sums(self.loops, self.taught, *(functools.partial(tell, self) for tell in told))
        self.at_call: list[Callable[[Any, Any], None]] = []
        """Told of a model that student code called, and of what with; in a traced function too."""
        self._known: dict[int, Known] = {}

    # -- which models there are -------------------------------------------------------------------

    def known(self, model: Any) -> Known:
        found = self._known.get(id(model))
        if found is None or found.reference() is not model:
            found = Known(weakref.ref(model), next(self.probe.serials))
            self._known[id(model)] = found
        return found

    def alive(self) -> list[tuple[Any, Known]]:
        """Models that still exist, in the order in which they became known."""
        pairs = [(known.reference(), known) for known in self._known.values()]
        return sorted(((m, k) for m, k in pairs if m is not None), key=lambda pair: pair[1].serial)

    def named(self) -> dict[int, tuple[Any, list[str]]]:
        """id -> (model, names of the variables, list items and attributes that hold it)."""
        found: dict[int, tuple[Any, list[str]]] = {}
        for name, value in list(self.probe.namespace().items()):
            if name.startswith("_") or name in {"In", "Out", "exit", "quit", "get_ipython"}:
                continue
            for path, model in self._held(name, value):
                names = found.setdefault(id(model), (model, []))[1]
                if len(names) < MAX_NAMES:
                    names.append(clean(path, 200))
        return found

    def _held(self, name: str, value: Any, depth: int = 0) -> list[tuple[str, Any]]:
        kind = type(value)
        if issubclass(kind, self.keras.Model):
            return [(name, value)]
        if depth >= 2:
            return []
        if issubclass(kind, dict):
            inner = [(f"{name}[{key!r}]", item) for key, item in list(value.items())[:200]]
        elif issubclass(kind, (list, tuple)):
            inner = [(f"{name}[{i}]", item) for i, item in enumerate(value[:200])]
        elif getattr(kind, "__module__", "") == "__main__":
            attributes = list(getattr(value, "__dict__", {}).items())[:200]
            inner = [(f"{name}.{key}", item) for key, item in attributes]
        else:
            return []
        return [pair for path, item in inner for pair in self._held(path, item, depth + 1)]

    # -- describing them --------------------------------------------------------------------------

    def describe(self, model: Any) -> graph.Described:
        """The model's graph as it is now; made anew only when something changed."""
        known = self.known(model)
        state = self._state(model, known)
        if known.described is None or known.state != state:
            known.described = graph.describe(self.keras, model, known.inputs)
            known.state = state
        return known.described

    def _state(self, model: Any, known: Known) -> Any:
        held = model._flatten_layers()
        return (
            model.built,
            known.inputs,
            tuple((id(layer), layer.built, layer.trainable, len(layer.weights)) for layer in held),
            tuple(getattr(layer, "rate", None) for layer in model._flatten_layers()),
            repr([getattr(layer, "activation", None) for layer in model._flatten_layers()]),
        )

    def used_with(self, model: Any, example: Any) -> None:
        """Note the shapes of a concrete input."""
        if example is not None and graph.style(model) == "subclassed":
            self.known(model).inputs = graph.Spec.of(example)

    def send(self, model: Any) -> Known:
        """Send the model if it changed since it was last sent."""
        known = self.known(model)
        described = self.describe(model)
        header = {
            "serial": known.serial,
            "graph": described.graph,
            "compilation": compile.describe(self.keras, model) or known.trained_by,
            "exposes": self._exposes(model, described),
            "shares": self._shares(model, described),
        }
        mark = hashlib.blake2b(json.dumps(header, default=str).encode(), digest_size=16).hexdigest()
        if mark != known.sent and described.graph["layers"] and self.probe.send("model", header):
            known.sent = mark
        return known

    def _exposes(self, model: Any, described: graph.Described) -> list[tuple[int, int]]:
        """Outputs that are outputs of layers of an earlier model: (its serial, position in its graph)."""
        if graph.inner(model) is None:
            return []
        found = []
        mine = self.known(model).serial
        for at in described.graph["outputs"][:MAX_EXPOSED]:
            layer = described.objects[at]
            for _, known in self.alive():
                if known.serial >= mine or known.described is None or layer is None:
                    continue
                position = known.described.position(layer)
                if position is not None:
                    found.append((known.serial, position))
                    break
        return found

    def _shares(self, model: Any, described: graph.Described) -> list[int]:
        """Earlier models that hold one of this one's weighted layers."""
        mine = {id(layer) for layer in described.objects if layer is not None and layer.weights}
        serial = self.known(model).serial
        return [
            known.serial
            for _, known in self.alive()
            if known.serial < serial
            and known.described is not None
            and mine.intersection(id(layer) for layer in known.described.objects)
        ][:200]

    # -- weights ----------------------------------------------------------------------------------

    def weights(self, model: Any, *, learned: bool = False) -> tuple[str, list[Any] | None]:
        """(digest, float32 arrays in the order of the graph) as they are now; no arrays when too large.

        Args:
            learned: whether a training has led to them.
        """
        if not model.built:
            return "", None
        described = self.describe(model)
        variables = described.arrays() if described.graph["exact"] else model.weights
        digests = [taught.digest_of(variable) for variable in variables]
        if learned:
            self.taught.stepped(model)
            self.taught.holds(model, digests)
        digest = hashlib.sha256(b"".join(digests)).hexdigest()
        if sum(4 * math.prod(variable.shape) for variable in variables) > MAX_WEIGHT_BYTES:
            return digest, None
        values = [np.asarray(v.numpy() if hasattr(v, "numpy") else v) for v in variables]
        return digest, [value.astype(np.float32) for value in values]

    # -- at a cell's end --------------------------------------------------------------------------

    def end_of_cell(self) -> None:
        """Send what the student's variables hold now, and under which names."""
        named = self.named()
        for _, known in self.alive():
            known.fits = 0
        for model, _ in named.values():
            self.known(model)
        for model, _ in named.values():
            # First all graphs, so that models may refer to each other, whichever came first.
            self.probe.quietly(self.describe, model)
        for model, _ in named.values():
            self.probe.quietly(self.send, model)
        names = {str(self.known(model).serial): paths for model, paths in named.values()}
        if names:
            self.probe.send("names", {"names": dict(list(names.items())[:400])})


MAX_EXPOSED = 2000


def install(probe: Probe, keras: Any) -> None:
    """Wrap what students call on a model, for all classes: own subclasses and `super()` go through it."""
    library.note(keras)
    models = Models(probe, keras)
    model = keras.Model
    guard = tamper.Guard(probe, keras, models)
    guard.wrap(model, "compile", functools.partial(_then_send, models))
    guard.wrap(model, "summary", functools.partial(_then_send, models))
    guard.wrap(model, "fit", functools.partial(fit.wrapped, models))
    guard.wrap(model, "evaluate", functools.partial(calls.evaluate, models))
    guard.wrap(model, "predict", functools.partial(calls.predict, models))
    guard.cover(model, "__call__", functools.partial(calls.call, models))  # every layer has this one
    by_batch = batches.Batches(models)
    guard.wrap(model, "save", models.taught.saved)
    guard.wrap(model, "save_weights", models.taught.saved)
    guard.cover(model, "get_weights", functools.partial(models.taught.saved, by_library=False))
    guard.wrap(model, "train_on_batch", by_batch.train)
    guard.wrap(model, "test_on_batch", by_batch.test)
    guard.wrap(model, "predict_on_batch", by_batch.predict)
    tape.watch(models, guard)
    guard.remember_originals()
    probe.at_statement.append(guard.check)
    probe.at_cell_end.append(guard.check)
    probe.at_cell_end.append(models.end_of_cell)


def _then_send(models: Models, original: Callable[..., Any]) -> Callable[..., Any]:
    @door
    @functools.wraps(original)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        result = original(self, *args, **kwargs)
        if not models.probe.inside:
            models.probe.quietly(models.send, self)
        return result

    return wrapper

"""Trainings by `tf.GradientTape` and an optimizer's `apply_gradients`: recorded, and run under the budget.

What ends early is a `for` loop over a `tf.data` set (`passes`). Steps are counted by the optimizer's own
counter, for a step inside a `tf.function` runs no Python. A loop that cuts its own batches out of arrays is
recorded and not shortened: nothing in it could be left out honestly.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import calls, compile, draw, repeats
from .arrays import as_numpy, behind, unpack
from .doors import door
from .loops import Loop
from .passes import Pass, Passes
from .sums import Used
from .tamper import Guard
from .watch import trusted

if TYPE_CHECKING:
    from .models import Models

_PROGRESS = ("/tqdm/",)
"""Libraries that go through what they are given for the student's loop."""
_getframe = sys._getframe
"""Bound before any student code runs."""


@dataclass
class Stepping:
    """An optimizer, the net it trains, and how far its counter was read."""

    optimizer: Any
    net: Any
    steps: int


class Tape:
    """What the hooks note."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self.probe = models.probe
        self.loops = models.loops
        self.passes = Passes(self.loops)
        self._stepping: dict[int, Stepping] = {}
        self._fed: dict[int, tuple[Any, Any]] = {}
        """id of a data set -> (the data set, a model that a traced function called on its batches)."""
        self._loss: Any = None
        self._rows = 0
        models.at_call.append(self.called)
        # Before the trainings of the cell are told.
        self.probe.at_cell_end.insert(0, self.end_of_cell)

    # -- models, losses and optimizers --------------------------------------------------------------

    def called(self, model: Any, x: Any) -> None:
        """Student code called a model, or a function of the student's was traced that does."""
        self.models.known(model)
        shape = getattr(draw.leaves(x)[0], "shape", None)
        rows = shape[0] if shape is not None and len(shape) else None
        under_way = self.passes.current()
        self._rows = int(rows or self._rows)
        if under_way is None:
            return
        under_way.net = model
        if hasattr(draw.leaves(x)[0], "numpy"):
            under_way.macs += self._macs(model) * self._rows
        elif under_way.source is not None:
            self._fed[id(under_way.source)] = (under_way.source, model)
            under_way.macs += self._macs(model) * under_way.last

    def _macs(self, model: Any) -> float:
        return max(1.0, self.models.describe(model).macs)

    def loss(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @door
        @functools.wraps(original)
        def __call__(loss: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            result = original(loss, *args, **kwargs)
            if not self.probe.inside:
                self.probe.quietly(self._lost, loss, result)
            return result

        return __call__

    def _lost(self, loss: Any, result: Any) -> None:
        self._loss = loss
        under_way = self.passes.current()
        if under_way is not None and hasattr(result, "numpy") and not tuple(result.shape):
            under_way.losses.append(float(result.numpy()))

    def apply(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @door
        @functools.wraps(original)
        def apply(optimizer: Any, grads: Any, trainable_variables: Any = None) -> Any:
            __tracebackhide__ = True
            if not self.probe.inside:
                self.probe.quietly(self._before_step, optimizer, trainable_variables)
            return original(optimizer, grads, trainable_variables)

        return apply

    def _before_step(self, optimizer: Any, variables: Any) -> None:
        known = self._stepping.get(id(optimizer))
        if known is not None and self.loops.of(known.net) is not None:
            return
        net = known.net if known is not None else self._net_of(variables or optimizer._trainable_variables)
        if net is None:
            return
        tensorflow = sys.modules["tensorflow"]
        with tensorflow.init_scope():  # out of a function that is being traced
            self._stepping[id(optimizer)] = Stepping(optimizer, net, _count(optimizer))
            self._begin(optimizer, net)

    def _net_of(self, variables: Any) -> Any:
        """The smallest model that holds what the optimizer changes."""
        changed = {id(variable) for variable in variables}
        found = []
        for model, _ in self.models.alive():
            held = {id(variable) for variable in model.trainable_variables}
            if changed <= held:
                found.append((len(held), model))
        return min(found, key=lambda pair: pair[0])[1] if found else None

    def _begin(self, optimizer: Any, net: Any) -> Loop:
        keras = self.models.keras
        under_way = self.passes.current()
        loss = compile.loss(keras, self._loss) if self._loss is not None else {"kind": "custom"}
        by: dict[str, Any] = {"optimizer": compile.optimizer(optimizer), "loss": loss, "metrics": []}
        self.models.known(net).trained_by = by
        rows = under_way.last if under_way is not None else self._rows
        header = {"serial": self.models.send(net).serial, "loop": "tape", "batch_size": rows}
        place = under_way.place if under_way is not None else repeats.around(inner=1)
        weights = functools.partial(self.models.weights, net)
        loop = self.loops.begin(net, header, weights, self._macs(net), place.times)
        if under_way is not None and under_way.source is not None:
            loop.source = under_way.source
            loop.behind = functools.partial(behind, under_way.source)
        return loop

    def read_steps(self) -> None:
        """Count the steps that were made since this was asked last."""
        under_way = self.passes.current()
        for stepping in self._stepping.values():
            loop = self.loops.of(stepping.net)
            made = _count(stepping.optimizer) - stepping.steps
            stepping.steps += made
            if loop is None or made <= 0:
                continue
            rows = under_way.last if under_way is not None and under_way.last else self._rows
            if under_way is not None and under_way.loop is not loop:
                under_way.loop, under_way.before = loop, loop.rows
            if under_way is not None and under_way.batch is not None:
                loop.kept.add(*under_way.batch)
                under_way.batch = None
            loop.calls += made
            self.loops.trained(loop, made * rows)

    # -- data sets ----------------------------------------------------------------------------------

    def data(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @door
        @functools.wraps(original)
        def __iter__(dataset: Any) -> Any:
            __tracebackhide__ = True
            inner = original(dataset)
            caller = _getframe(1).f_code.co_filename
            if self.probe.inside or not _is_students(caller):
                return inner
            begun = self.probe.quietly(self._begun, dataset)
            return inner if begun is None else self._shortened(inner, begun)

        return __iter__

    def _begun(self, dataset: Any) -> Pass | None:
        place = repeats.around()
        if not place.loops:
            return None  # `next(iter(…))`, or an iterator that is kept
        begun = Pass(place, source=dataset)
        self.passes.begin(begun)
        return begun

    def _shortened(self, inner: Any, under_way: Pass) -> Any:
        """An iterator that ends when the budget says so; it shows nothing of the probe."""
        ended = [False]

        @door
        def __next__(_: Any) -> Any:
            __tracebackhide__ = True
            self.probe.quietly(self.read_steps)
            if ended[0] or self.probe.quietly(self.passes.more, under_way) is False:
                self._end_once(ended, under_way)
                raise StopIteration
            try:
                batch = next(inner)
            except StopIteration:
                self._end_once(ended, under_way)
                raise
            given = self.probe.quietly(self._given, under_way, batch)
            return batch if given is None else given[0]

        methods = {"__iter__": lambda iterator: iterator, "__next__": __next__}
        return type(type(inner).__name__, (), methods)()

    def _end_once(self, ended: list[bool], under_way: Pass) -> None:
        if not ended[0]:
            ended[0] = True
            self.probe.quietly(self._ended, under_way)

    def _given(self, under_way: Pass, batch: Any) -> tuple[Any] | None:
        x, y, _ = unpack(batch)
        if not draw.in_memory(x):
            return None
        rows = draw.rows(x)
        if not under_way.last:
            loop = next((found for found in self.loops.under() if found.source is under_way.source), None)
            fewer = self.passes.rows_of_first(under_way, loop, rows)
            if fewer < rows:
                batch = draw.each(batch, lambda part: part[:fewer])
                x, y, _ = unpack(batch)
                rows = fewer
        under_way.last = rows
        under_way.rows += rows
        under_way.batch = (draw.each(x, as_numpy), y if draw.in_memory(y) else None)
        fed = self._fed.get(id(under_way.source))
        if fed is not None:
            under_way.net = fed[1]
            under_way.macs += self._macs(fed[1]) * rows
        return (batch,)

    def _ended(self, under_way: Pass) -> None:
        computed, mean = self.passes.finish(under_way)
        found = self.loops.of(under_way.net) if computed else None
        if found is not None:
            self._validated(found, under_way, mean)
        elif computed and under_way.macs >= self._macs(under_way.net) * under_way.rows:
            # Every row went through the net, also where a traced function called it.
            seen = self.models.arrays.see(under_way.source)
            calls.send_prediction(self.models, under_way.net, seen, [], Used(under_way.rows, under_way.cut))

    def _validated(self, loop: Loop, under_way: Pass, mean: float | None) -> None:
        seen = self.models.arrays.see(under_way.source)
        if seen.x:
            loop.header |= {"validation": "data", "validation_x": seen.x, "validation_y": seen.y}
        if under_way.cut:
            loop.capped = True
        if mean is not None:
            loop.note("val_loss", mean)

    def end_of_cell(self) -> None:
        self.read_steps()
        self._stepping.clear()
        self._fed.clear()
        self._loss, self._rows = None, 0


def _count(optimizer: Any) -> int:
    return int(optimizer.iterations.numpy())


def _is_students(file: str) -> bool:
    return not file.startswith(trusted()) or any(part in file.replace(os.sep, "/") for part in _PROGRESS)


def watch(models: Models, guard: Guard) -> None:
    """Hang the hooks up, where TensorFlow is what Keras computes with."""
    keras = models.keras
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or keras.backend.backend() != "tensorflow":
        return
    tape = Tape(models)
    guard.wrap(keras.optimizers.Optimizer, "apply", tape.apply)
    guard.wrap(keras.losses.Loss, "__call__", tape.loss)
    dataset = tensorflow.data.Dataset
    type.__setattr__(dataset, "__iter__", tape.data(dataset.__iter__))

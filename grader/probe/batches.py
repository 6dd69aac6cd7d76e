"""`train_on_batch`, `test_on_batch`, `predict_on_batch`: a student's own loop over batches.

The loop runs on to its end. Once the net's rows are used, a call answers at once: training and testing with
what the last real call gave, predicting with NaN, for rows are never made up.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from . import calls, draw, fit, repeats, spend
from .arrays import Kept, Seen
from .doors import door
from .loops import Loop
from .sums import Used

if TYPE_CHECKING:
    from .models import Models

MAX_PHASES = 8
"""Tests of one net in one cell that are told."""


@dataclass
class Phase:
    """The test or prediction calls of one net, until it is trained again."""

    net: Any
    macs: float
    allowed: int | None
    rows: int = 0
    calls: int = 0
    capped: bool = False
    kept: Kept = field(default_factory=Kept)
    last: Any = None


@dataclass(frozen=True)
class Way:
    """How one of the three calls is kept within what may be computed."""

    begin: Callable[[Any, dict[str, Any]], Any]
    """(net, arguments) -> what the call belongs to; None where it is none of ours."""
    within: Callable[[Any, dict[str, Any]], dict[str, Any] | None]
    """Its arguments, cut where need be; None when all rows are used."""
    again: Callable[[Any, dict[str, Any]], Any]
    """The answer without computing; None while there was none."""
    ran: Callable[[Any, dict[str, Any], dict[str, Any], Any], Any]
    """(what it belongs to, arguments as asked, as given, result) -> what the student's code gets."""


class Batches:
    """What the three calls share."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self.probe = models.probe
        self.loops = models.loops
        self._tests: dict[int, Phase] = {}
        self._predictions: dict[int, Phase] = {}
        self._told: dict[int, int] = {}
        self.probe.at_cell_end.append(self._end_of_cell)

    def _capped(self, original: Callable[..., Any], way: Way) -> Callable[..., Any]:
        """The library's call, within what may be computed."""
        signature = inspect.signature(original)

        @door
        @functools.wraps(original)
        def call(model: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            asked = None if self.probe.inside else _bound(signature, model, args, kwargs)
            held = self.probe.quietly(way.begin, model, asked) if asked else None
            if asked is None or held is None:
                return original(model, *args, **kwargs)
            cut = self.probe.quietly(way.within, held, asked)
            if cut is None and (answer := way.again(held, asked)) is not None:
                return answer
            given = cut or asked
            self.probe.enter()
            try:
                result = original(model, **given)
            finally:
                self.probe.leave()
            return way.ran(held, asked, given, result)

        return call

    # -- train_on_batch ---------------------------------------------------------------------------

    def train(self, original: Callable[..., Any]) -> Callable[..., Any]:
        return self._capped(original, Way(self._training, self._within, self._same_step, self._trained))

    def _training(self, model: Any, given: dict[str, Any]) -> Loop | None:
        """The net's training, begun when there is none; one call is counted."""
        if not draw.in_memory(given["x"]):
            return None
        loop = self.loops.of(model) or self._begin(model, given)
        self._end_test(id(model))
        loop.calls += 1
        loop.broken = True  # until the library has come through it
        loop.kept.add(given["x"], given["y"])
        return loop

    def _begin(self, model: Any, given: dict[str, Any]) -> Loop:
        models = self.models
        self.probe.quietly(fit._make_ready, models, model, Seen(example=given["x"]))
        serial = models.send(model).serial
        header = {
            "serial": serial,
            "loop": "batches",
            "batch_size": draw.rows(given["x"]),
            "sample_weighted": fit._weighted(given, Seen()),
        }
        weights = functools.partial(models.weights, model)
        rounds = repeats.around(inner=1).times
        return self.loops.begin(model, header, weights, models.describe(model).macs, rounds)

    def _within(self, loop: Loop, given: dict[str, Any]) -> dict[str, Any] | None:
        """The call's arguments, the first one's cut to what may be trained; None when that is used."""
        left, rows = loop.left, draw.rows(given["x"])
        if left is None or rows <= left:
            return given
        loop.capped = True
        return _cut(given, max(1, left)) if not loop.rows else None

    def _same_step(self, loop: Loop, given: dict[str, Any]) -> Any:
        loop.broken = False
        return _again(loop.last.get(_shape(given)))

    def _trained(self, loop: Loop, asked: dict[str, Any], given: dict[str, Any], result: Any) -> Any:
        loop.broken = False
        loop.last[_shape(given)] = _again(result)
        self.probe.quietly(self._note, loop, given, result)
        return result

    def _note(self, loop: Loop, given: dict[str, Any], result: Any) -> None:
        self.loops.trained(loop, draw.rows(given["x"]))
        for name, value in calls._results(loop.net, result).items():
            loop.note(name, value)

    # -- test_on_batch ----------------------------------------------------------------------------

    def test(self, original: Callable[..., Any]) -> Callable[..., Any]:
        return self._capped(original, Way(self._testing, _affordable, _same_test, self._tested))

    def _testing(self, model: Any, given: dict[str, Any]) -> Phase | None:
        if not draw.in_memory(given["x"]):
            return None
        phase = self._tests.get(id(model))
        if phase is None:
            self.models.used_with(model, given["x"])
            macs = max(1.0, self.models.describe(model).macs)
            job = self.probe.job
            # Beside a training it is its validation, once a round.
            limit = job.validation_rows if self.loops.of(model) else job.evaluate_rows
            phase = Phase(model, macs, spend.forward_rows(self.probe, macs, limit), last={})
            self._tests[id(model)] = phase
        phase.kept.add(given["x"], given["y"])
        return phase

    def _tested(self, phase: Phase, asked: dict[str, Any], given: dict[str, Any], result: Any) -> Any:
        phase.last[_shape(given)] = _again(result)
        self.probe.quietly(self._used, phase, draw.rows(given["x"]))
        return result

    def _used(self, phase: Phase, rows: int) -> None:
        phase.rows += rows
        phase.calls += 1
        self.probe.macs += phase.macs * rows

    def _end_test(self, key: int) -> None:
        phase = self._tests.pop(key, None)
        if phase is None or not phase.last or self._told.get(key, 0) >= MAX_PHASES:
            return
        self._told[key] = self._told.get(key, 0) + 1
        seen = self.loops.see_kept(phase.kept)
        result = next(reversed(phase.last.values()))
        calls.send_evaluation(self.models, phase.net, seen, result, Used(phase.rows, phase.capped))

    # -- predict_on_batch -------------------------------------------------------------------------

    def predict(self, original: Callable[..., Any]) -> Callable[..., Any]:
        return self._capped(original, Way(self._predicting, self._blank_beyond, _blank, self._predicted))

    def _predicting(self, model: Any, given: dict[str, Any]) -> Phase | None:
        if not draw.in_memory(given["x"]):
            return None
        phase = self._predictions.get(id(model))
        if phase is None:
            self.models.used_with(model, given["x"])
            macs = max(1.0, self.models.describe(model).macs)
            phase = Phase(model, macs, spend.predict_rows(self.probe, macs))
            self._predictions[id(model)] = phase
        phase.kept.add(given["x"])
        return phase

    def _blank_beyond(self, phase: Phase, given: dict[str, Any]) -> dict[str, Any] | None:
        cut = _affordable(phase, given)
        self.probe.blank_rows = self.probe.blank_rows or phase.capped
        return cut

    def _predicted(self, phase: Phase, asked: dict[str, Any], given: dict[str, Any], result: Any) -> Any:
        phase.last = draw.each(result, lambda array: np.asarray(array)[:0])
        self.probe.quietly(self._used, phase, draw.rows(given["x"]))
        missing = draw.rows(asked["x"]) - draw.rows(given["x"])
        return calls._padded(result, missing) if missing else result

    def _end_prediction(self, key: int) -> None:
        phase = self._predictions.pop(key)
        if phase.last is not None:
            seen = self.loops.see_kept(phase.kept)
            calls.send_prediction(self.models, phase.net, seen, phase.last, Used(phase.rows, phase.capped))

    def _end_of_cell(self) -> None:
        for key in list(self._tests):
            self.probe.quietly(self._end_test, key)
        for key in list(self._predictions):
            self.probe.quietly(self._end_prediction, key)
        self._told.clear()


def _shape(given: dict[str, Any]) -> bool:
    """Which of its two shapes the answer has."""
    return bool(given["return_dict"])


def _same_test(phase: Phase, given: dict[str, Any]) -> Any:
    return _again(phase.last.get(_shape(given)))


def _blank(phase: Phase, given: dict[str, Any]) -> Any:
    return None if phase.last is None else calls._padded(phase.last, draw.rows(given["x"]))


def _bound(signature: inspect.Signature, model: Any, args: Any, kwargs: Any) -> dict[str, Any] | None:
    try:
        bound = signature.bind(model, *args, **kwargs)
    except TypeError:
        return None  # the library words its own complaint
    bound.apply_defaults()
    return dict(list(bound.arguments.items())[1:])


def _affordable(phase: Phase, given: dict[str, Any]) -> dict[str, Any] | None:
    """The call's arguments, the first one's cut to what may be computed; None when that is used."""
    rows = draw.rows(given["x"])
    if phase.allowed is None or phase.rows + rows <= phase.allowed:
        return given
    phase.capped = True
    return _cut(given, max(1, phase.allowed)) if not phase.rows else None


def _cut(given: dict[str, Any], rows: int) -> dict[str, Any]:
    parts = [name for name in ("x", "y", "sample_weight") if given.get(name) is not None]
    return {**given, **{name: draw.cut(given[name], 0, rows) for name in parts}}


def _again(result: Any) -> Any:
    """An answer of its own: the caller may change the one it gets."""
    if isinstance(result, dict):
        return dict(result)
    return list(result) if isinstance(result, list) else result

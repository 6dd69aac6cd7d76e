"""Small calls of one net in one cell, told together: `for i in range(0, 10000, 64): net(x[i:i + 64])`.

Each is told by itself as well, the first ones of many; only together do they show what a net was measured on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import draw
from .arrays import Kept, Seen
from .loops import Loops
from .taught import Groups, Taught

SMALL = 1000
"""Rows; a larger call speaks for itself."""


@dataclass(frozen=True)
class Used:
    """What was computed of a call."""

    rows: int
    cut: bool = False
    """Whether more was asked for."""
    weights_of: Groups | None = None
    """Whose weights they were by then; None for those of now."""


Tell = Callable[[Any, Seen, Any, Used], None]


@dataclass
class Sum:
    """What one net was called with, until it is trained or given other weights."""

    net: Any
    weights_of: Groups
    kept: Kept = field(default_factory=Kept)
    rows: int = 0
    most: int = 0
    """Rows of the largest call."""
    result: Any = None
    """Of predictions the shape of the last; of evaluations the sum of each value over their rows."""


class Sums:
    """The calls of this cell."""

    def __init__(self, loops: Loops, taught: Taught, predicted: Tell, evaluated: Tell) -> None:
        self._probe = loops.probe
        self._loops = loops
        self._taught = taught
        self._open: dict[tuple[int, Tell], Sum] = {}
        self._predicted, self._evaluated = predicted, evaluated
        loops.at_first_step.append(self.end)
        loops.probe.at_cell_end.append(self.end_all)

    def predicted(self, net: Any, x: Any, result: Any) -> None:
        """A net has computed these rows."""
        found = self._add(net, self._predicted, x, None)
        if found is not None:
            found.result = draw.each(result, lambda array: np.asarray(array)[:0])

    def evaluated(self, net: Any, x: Any, y: Any, results: dict[str, float | None]) -> None:
        """A net has been measured on these rows."""
        found = self._add(net, self._evaluated, x, y)
        if found is not None:
            totals = found.result or {}
            values = {name: (value or 0.0) * draw.rows(x) for name, value in results.items()}
            found.result = {name: value + totals.get(name, 0.0) for name, value in values.items()}

    def _add(self, net: Any, tell: Tell, x: Any, y: Any) -> Sum | None:
        if not draw.in_memory(x) or draw.rows(x) >= SMALL or _recording():
            return None
        key, weights_of = (id(net), tell), self._taught.groups(net)
        if key in self._open and self._open[key].weights_of != weights_of:
            self._probe.quietly(self._end, key)
        found = self._open.setdefault(key, Sum(net, weights_of))
        found.kept.add(x, y)
        found.rows += draw.rows(x)
        found.most = max(found.most, draw.rows(x))
        return found

    def end(self, net: Any) -> None:
        """A net is trained: what it says from now on is another's."""
        for key in [key for key in self._open if key[0] == id(net)]:
            self._probe.quietly(self._end, key)

    def end_all(self) -> None:
        for key in list(self._open):
            self._probe.quietly(self._end, key)

    def _end(self, key: tuple[int, Tell]) -> None:
        ended = self._open.pop(key)
        if ended.rows == ended.most:
            return
        seen = self._loops.see_kept(ended.kept)
        if seen.distinct > ended.most:  # else it was asked for the same again
            key[1](ended.net, seen, ended.result, Used(ended.rows, weights_of=ended.weights_of))


def _recording() -> bool:
    """Whether a gradient tape listens: then a call is a step of a training."""
    record = sys.modules.get("tensorflow.python.eager.record")
    return record is not None and bool(record.could_possibly_record())

"""Trainings that students write as loops: what `fit` says of itself, put together from single steps.

A training begins with a net's first step and ends with the cell, when the same net goes to `fit`, or when
so many other nets have been trained since that it is surely over. It is told in the same frame as a `fit`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import spend
from .arrays import Arrays, Kept, Seen
from .state import Probe

MAX_OPEN = 4
"""Nets whose steps may alternate, as those of a GAN do; their rows are held until they are told."""
MAX_VALUES = 2000
Weights = Callable[[], tuple[str, list[Any] | None]]


@dataclass
class Loop:
    """One training: what was asked for, and what it was given."""

    net: Any
    header: dict[str, Any]
    weights: Weights
    macs: float
    """Of one row, forward."""
    allowed: int | None
    by_total: bool
    initial: list[Any] | None = None
    kept: Kept = field(default_factory=Kept)
    source: Any = None
    """The data set that it is fed from."""
    behind: Callable[[], tuple[Any, Any] | None] = lambda: None
    """The arrays behind that, where they can be had."""
    rows: int = 0
    calls: int = 0
    last: dict[bool, Any] = field(default_factory=dict)
    """What the last real call answered, as a list (False) and as a dict (True)."""
    capped: bool = False
    broken: bool = False
    history: dict[str, list[float | None]] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> int | None:
        """Rows that may still be trained, None when not capped."""
        return None if self.allowed is None else max(0, self.allowed - self.rows)

    def note(self, name: str, value: Any) -> None:
        series = self.history.setdefault(name, [])
        if len(series) < MAX_VALUES:
            series.append(_number(value))


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


class Loops:
    """The trainings under way, oldest first."""

    def __init__(self, probe: Probe, arrays: Arrays) -> None:
        self.probe = probe
        self._arrays = arrays
        self._open: dict[int, Loop] = {}
        self.at_first_step: list[Callable[[Any], None]] = []
        self.at_end: list[Callable[[Any], None]] = []
        """Told of the net."""
        probe.at_cell_end.append(self.close_all)

    @property
    def under_way(self) -> bool:
        return bool(self._open)

    def under(self) -> list[Loop]:
        return list(self._open.values())

    def of(self, net: Any) -> Loop | None:
        return self._open.get(id(net))

    def begin(
        self, net: Any, header: dict[str, Any], weights: Weights, macs: float, repeats: int | None
    ) -> Loop:
        """A net's first step is about to be made."""
        if len(self._open) >= MAX_OPEN:
            self.close(next(iter(self._open.values())).net)
        macs = max(1.0, macs)
        allowed, by_total = spend.loop_rows(self.probe, macs, repeats) or (None, False)
        digest, initial = self.probe.quietly(weights) or ("", None)
        header = {**header, "epochs": repeats or 0, "initial_digest": digest}
        loop = Loop(net, header, weights, macs, allowed, by_total, initial)
        self._open[id(net)] = loop
        return loop

    def trained(self, loop: Loop, rows: int) -> None:
        """A step was made with so many rows."""
        for hear in () if loop.rows else self.at_first_step:
            self.probe.quietly(hear, loop.net)
        loop.rows += rows
        self.probe.macs += spend.TRAIN_COST * loop.macs * rows

    def close(self, net: Any) -> None:
        """Tell a net's training, if there is one."""
        loop = self._open.pop(id(net), None)
        if loop is not None:
            self.probe.quietly(self._send, loop)

    def close_all(self) -> None:
        for loop in list(self._open.values()):
            self.close(loop.net)

    def _send(self, loop: Loop) -> None:
        seen = self._seen(loop)
        digest, final = loop.weights()
        for hear in self.at_end if loop.rows else ():
            self.probe.quietly(hear, loop.net)
        rounds = max((len(series) for series in loop.history.values()), default=1)
        header = {
            "validation": "none",
            **loop.header,
            # Where the source did not say it, what happened.
            "epochs": loop.header["epochs"] or (1 if loop.header["loop"] == "batches" else rounds),
            "x": seen.x,
            "y": seen.y,
            "history": loop.history,
            "rows_trained": loop.rows,
            "calls": loop.calls,
            "capped": loop.capped,
            "capped_by_total": loop.capped and loop.by_total,
            "completed": not loop.broken,
            "final_digest": digest,
            "seconds": time.monotonic() - loop.started,
        }
        arrays: dict[str, Any] = {}
        for name, values in (("final", final), ("initial", loop.initial)):
            named = {f"{name}/{i}": value for i, value in enumerate(values or ())}
            if self.probe.channel.room_for(sum(a.nbytes for a in (*arrays.values(), *named.values()))):
                arrays |= named
        self.probe.send("fit", header, arrays)

    def _seen(self, loop: Loop) -> Seen:
        arrays = self.probe.quietly(loop.behind)
        if arrays:
            return self.probe.quietly(self._arrays.see, *arrays) or Seen()
        return self.probe.quietly(self.see_kept, loop.kept) or Seen()

    def see_kept(self, kept: Kept) -> Seen:
        return self._arrays.of_batches(kept.batches, ended=kept.whole) if kept.batches else Seen()

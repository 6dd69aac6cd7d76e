"""How far a student's loop gets through a loader: `for images, labels in train_loader`.

Gradients are never falsified and rows never made up: what feeds a loop ends early instead. The first batch is
always given; by the second it shows what the loop does with one. A pass in which a net is trained gets its
part of that training's rows (an equal one where the source says how many rounds there are, else a quarter of
what is left); a pass in which a net only computes gets what validation or evaluation may use; one that feeds
no net, which counts or collects, goes to its end.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any

from . import spend
from .arrays import Kept
from .loops import Loop, Loops
from .repeats import Place

QUARTER = 4
FEWEST = 2
"""Rows left of a batch that is cut: batch normalisation refuses to train on one."""


@dataclass(eq=False)
class Pass:
    """Once through a loader, as far as it has got."""

    place: Place
    rows: int = 0
    last: int = 0
    """Rows of the batch that was given last."""
    macs: float = 0.0
    """Forward, of all nets, since the pass began."""
    loop: Loop | None = None
    """The training that is fed."""
    net: Any = None
    """The net that computed last."""
    cut: bool = False
    before: int = 0
    """Rows that the training had seen before this pass."""
    losses: list[float] = field(default_factory=list)
    kept: Kept = field(default_factory=Kept)
    batch: Any = None
    source: Any = None
    """The data set that it goes through."""


class Passes:
    """The passes under way, the innermost last."""

    def __init__(self, loops: Loops) -> None:
        self._loops = loops
        self._probe = loops.probe
        # A loop left by `break` says nothing: its pass goes with its iterator.
        self._open: list[weakref.ref[Pass]] = []

    def begin(self, begun: Pass) -> None:
        self._open = [reference for reference in self._open if reference() is not None]
        self._open.append(weakref.ref(begun))

    def finish(self, ended: Pass) -> tuple[bool, float | None]:
        """End a pass: whether it only computed something with a net, and its mean loss.

        A training's round notes that loss.
        """
        self._open = [reference for reference in self._open if reference() not in (None, ended)]
        mean = sum(ended.losses) / len(ended.losses) if ended.losses else None
        if ended.loop is not None:
            ended.loop.note("loss", mean)
            return False, mean
        computed = bool(ended.macs) and ended.net is not None
        if computed:
            self._probe.macs += ended.macs
        return computed, mean

    def current(self) -> Pass | None:
        """The pass that what happens now belongs to."""
        return next((found for r in reversed(self._open) if (found := r()) is not None), None)

    def more(self, under_way: Pass) -> bool:
        """Whether the loop gets another batch."""
        if not under_way.last:
            return True
        allowed = self._allowed(under_way)
        if allowed is None or under_way.rows + under_way.last <= allowed:
            return True
        under_way.cut = True
        if under_way.loop is not None:
            under_way.loop.capped = True
        return False

    def rows_of_first(self, begun: Pass, loop: Loop | None, batch: int) -> int:
        """Rows of a pass's first batch: a part, where a known training cannot afford all of it."""
        if loop is None or loop.left is None or not begun.place.loops:
            return batch
        return min(batch, max(FEWEST, self._share(loop, begun.place.times, loop.left)))

    def _allowed(self, under_way: Pass) -> int | None:
        job = self._probe.job
        loop = under_way.loop
        if loop is not None:
            if loop.allowed is None:
                return None
            left = max(0, loop.allowed - under_way.before)
            return min(left, self._share(loop, under_way.place.times, left))
        if not under_way.macs:
            return None
        macs = max(1.0, under_way.macs / under_way.rows)
        if self._loops.under_way:
            repeats = under_way.place.times or 1
            return spend.forward_rows(self._probe, macs, job.validation_rows, repeats)
        return spend.forward_rows(self._probe, macs, job.evaluate_rows)

    def _share(self, loop: Loop, times: int | None, left: int) -> int:
        if loop.allowed is None:
            return left
        return max(1, loop.allowed // times) if times else max(1, left // QUARTER)

"""What the probe knows while it runs: the job, the channel, the cell and what has been spent."""

from __future__ import annotations

import itertools
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from .channel import Channel

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """The job file: see `grader/probe/boot.py` for its fields."""

    seed: int = 0
    dataset: str = ""
    data: str = ""
    level: str = "full"
    fit_rows: int | None = None
    fit_macs: float | None = None
    validation_rows: int | None = None
    evaluate_rows: int | None = None
    predict_macs: float | None = None
    total_macs: float | None = None
    estimator_rows: int | None = None
    tsne_steps: float | None = None
    resize_bytes: float | None = None
    threads: int | None = None
    evidence_bytes: int | None = None
    trouble: str = ""
    """File that the probe's own faults are written to; "" for none. For its tests."""

    @staticmethod
    def read(value: dict[str, Any]) -> Job:
        budget = value.get("budget") or {}
        known = {**budget, **value}
        names = Job.__dataclass_fields__
        return Job(**{name: known[name] for name in names if known.get(name) is not None})


@dataclass
class Probe:
    """One per process."""

    job: Job
    channel: Channel
    cell: int = -1
    """Ordinal of the code cell that runs; -1 before the first."""
    fits: int = 0
    blank_rows: bool = False
    """Whether rows without a value (all NaN) were ever handed out."""
    macs: float = 0.0
    """Multiply-adds spent so far, as estimated."""
    serials: Iterator[int] = field(default_factory=itertools.count)
    """Of nets, whatever library they are of."""
    namespace: Callable[[], dict[str, Any]] = dict
    """The student's variables."""
    at_start: list[Callable[[], None]] = field(default_factory=list)
    """Run just before the first cell."""
    at_cell_end: list[Callable[[], None]] = field(default_factory=list)
    at_statement: list[Callable[[], None]] = field(default_factory=list)
    figures: Any = None
    """What has been sent of figures, once matplotlib is imported."""
    show_figures: Callable[[], None] = lambda: None
    """Set once pyplot is imported."""
    local: threading.local = field(default_factory=threading.local)

    def send(self, kind: str, header: dict[str, Any], arrays: dict[str, Any] | None = None) -> bool:
        return self.channel.send(kind, {"cell": self.cell, **header}, arrays)

    def quietly(self, body: Callable[..., T | None], *args: Any) -> T | None:
        """Run a part of the probe: its faults never reach the student's code."""
        try:
            return body(*args)
        except Exception:
            if self.job.trouble:
                with Path(self.job.trouble).open("a", encoding="utf-8") as file:
                    file.write(traceback.format_exc() + "\n")
            return None

    def aside(self, body: Callable[..., T | None], *args: Any) -> T | None:
        """The same for what asks the library for something: it is not the student who asks."""
        self.enter()
        try:
            return self.quietly(body, *args)
        finally:
            self.leave()

    def report(self, what: str) -> None:
        """Tell that student code was refused something."""
        self.quietly(self.send, "tamper", {"what": f"refused while it ran: {what}"[:400]})

    # -- depth: a library that calls itself is not the student calling it -------------------------

    def enter(self) -> int:
        depth: int = getattr(self.local, "depth", 0)
        self.local.depth = depth + 1
        return depth

    def leave(self) -> None:
        self.local.depth = getattr(self.local, "depth", 1) - 1

    @property
    def inside(self) -> bool:
        """Whether this thread is inside a wrapped library call."""
        return getattr(self.local, "depth", 0) > 0

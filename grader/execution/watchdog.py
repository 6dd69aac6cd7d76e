"""The watchdog: ends a run that passes a limit, whatever the driver and the kernel are doing."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from grader.execution.port import Limits
from grader.execution.processes import Process, cpu_seconds, exceed, fills, kill_tree, resident, running
from grader.model.evidence import Ended
from grader.model.text import Message

_POLL_SECONDS = 0.1
_SELDOM = 5
"""Rounds between two looks at what costs more to look at."""
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run was ended before its last cell."""

    ended: Ended
    detail: Message


class Watchdog:
    """Watches one kernel process from a thread of its own until `finish`."""

    def __init__(self, process: Process, limits: Limits, scratch: Path | None = None) -> None:
        self.stop: Stop | None = None
        self.peak = 0
        """Most resident memory seen, in bytes; see `resident`."""
        self.on_stop: Callable[[], None] | None = None
        """Called once, from any thread, after the kernel was killed."""
        self._process = process
        self._limits = limits
        self._scratch = scratch
        self._deadline: tuple[float, Stop] | None = None
        self._cpu_seconds = math.inf
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._seen: set[psutil.Process] = set()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def deadline(self, seconds: float, stop: Stop) -> None:
        """End the run that many seconds from now; replaces an earlier deadline.

        It bounds the processor time too, see `Limits.cpu_seconds`.
        """
        self._cpu_seconds = self._limits.cpu_seconds or seconds * (self._limits.threads + 1)
        self._deadline = time.monotonic() + seconds, stop

    def end(self, stop: Stop) -> None:
        """End the run now: kill every process of it. The first reason stands."""
        with self._lock:
            if self.stop is not None:
                return
            self.stop = stop
        self._kill()
        if self.on_stop is not None:
            self.on_stop()

    def finish(self) -> None:
        """Stop watching, and leave no process of the run."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(5)
        self._kill()

    def _kill(self) -> None:
        kill_tree(self._process, list(self._seen))

    def _watch(self) -> None:
        round_number = 0
        while not self._over.wait(_POLL_SECONDS) and self.stop is None:
            round_number += 1
            now = running(self._process)
            self._seen.update(now)
            if (stop := self._passed(now, round_number)) is not None:
                self.end(stop)

    def _passed(self, now: list[psutil.Process], round_number: int) -> Stop | None:
        """The limit that is passed now. What costs more is asked less often."""
        limits = self._limits
        self.peak = max(self.peak, resident(now))
        if exceed(now, limits.memory_bytes):
            gib = round(limits.memory_bytes / _GIB, 2)
            return Stop(Ended.MEMORY, Message("execution.memory", {"gib": gib}))
        if len(now) > limits.processes:
            return Stop(Ended.PROCESSES, Message("execution.processes", {"processes": limits.processes}))
        if self._deadline is not None and time.monotonic() > self._deadline[0]:
            return self._deadline[1]
        if round_number % _SELDOM:
            return None
        if cpu_seconds(now) > self._cpu_seconds:
            return Stop(Ended.CPU, Message("execution.cpu", {"seconds": round(self._cpu_seconds)}))
        if self._scratch is not None and fills(self._scratch, limits.scratch_bytes, now):
            gib = round(limits.scratch_bytes / _GIB, 2)
            return Stop(Ended.SCRATCH, Message("execution.scratch", {"gib": gib}))
        return None

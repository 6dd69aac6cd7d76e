"""The watchdog: ends a run that passes a limit, whatever the driver and the kernel are doing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from grader.execution.processes import Process, exceed, kill_tree, tree
from grader.model.evidence import Ended
from grader.model.text import Message

_POLL_SECONDS = 0.2
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run was ended before its last cell."""

    ended: Ended
    detail: Message


class Watchdog:
    """Watches one kernel process from a thread of its own until `finish`."""

    def __init__(self, process: Process, memory_bytes: int) -> None:
        self.stop: Stop | None = None
        self.on_stop: Callable[[], None] | None = None
        """Called once, from any thread, after the kernel was killed."""
        self._process = process
        self._memory_bytes = memory_bytes
        self._deadline: tuple[float, Stop] | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._seen: set[psutil.Process] = set()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def deadline(self, seconds: float, stop: Stop) -> None:
        """End the run that many seconds from now; replaces an earlier deadline."""
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
        while not self._over.wait(_POLL_SECONDS) and self.stop is None:
            running = tree(self._process.pid)
            self._seen.update(running)
            if exceed(running, self._memory_bytes):
                gib = round(self._memory_bytes / _GIB, 2)
                self.end(Stop(Ended.MEMORY, Message("execution.memory", {"gib": gib})))
            elif self._deadline is not None and time.monotonic() > self._deadline[0]:
                self.end(self._deadline[1])

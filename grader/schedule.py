"""Which submission runs when: several at once, the longest first, none that memory has no room for.

The pool is a port: what runs tasks on one machine's threads today may be a cluster tomorrow.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import psutil

T = TypeVar("T")

THREADS = "grading"
"""How the names of the threads that grade begin."""

_RESERVE = 2**30
"""Bytes left to everything else on the machine."""
_FIRST_GUESS = 3 * 2**29
"""Bytes a run is thought to need before any has shown it; a small Keras notebook holds 0.4 to 1 GiB."""
_WAIT_SECONDS = 0.5
_LOOK_SECONDS = 1.0
_YOUNG_SECONDS = 20
_REMEMBERED, _HIGH = 20, 0.9
"""Of so many last runs, the share that held no more than is expected of the next: one that hoards should
not make all others wait."""


@dataclass(frozen=True, slots=True)
class Task(Generic[T]):
    """Something to run. `cost` is what it is expected to take, in seconds; 0 for what is done already."""

    run: Callable[[], T]
    cost: float


class Pool(Protocol):
    """Runs tasks and gives their results as they come, in no order."""

    def results(self, tasks: Sequence[Task[T]]) -> Iterator[T]:
        """Run all tasks. What a task raises is raised here; no other task is begun then.

        The iterator may be left early: tasks that have not begun are dropped.
        """
        ...


class Admission:
    """Whether memory has room for one more run. Safe to use from several threads."""

    def __init__(
        self,
        available: Callable[[], int] = lambda: psutil.virtual_memory().available,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._available = available
        self._clock = clock
        self._peaks: deque[int] = deque(maxlen=_REMEMBERED)
        self._entered: list[float] = []
        self._changed = threading.Condition()

    def learn(self, peak: int) -> None:
        """A run held so many bytes at most."""
        with self._changed:
            self._peaks.append(peak)

    def __enter__(self) -> None:
        """Wait for room. The first run is always let in, or nothing would ever be."""
        with self._changed:
            while self._entered and self._available() < self._wanted():
                self._changed.wait(_WAIT_SECONDS)
            self._entered.append(self._clock())

    def __exit__(self, *_: object) -> None:
        with self._changed:
            # Which of them ends does not matter: the oldest has long taken what it takes.
            self._entered.pop(0)
            self._changed.notify_all()

    def _wanted(self) -> int:
        """Bytes for one more, and for those who came too lately to have taken theirs."""
        young = sum(self._clock() - entered < _YOUNG_SECONDS for entered in self._entered)
        peaks = sorted(self._peaks)
        each = peaks[min(len(peaks) - 1, int(len(peaks) * _HIGH))] if peaks else _FIRST_GUESS
        return (young + 1) * each + _RESERVE


@dataclass
class Estimate:
    """How long what is left will take, from what was expected of the tasks and what they took."""

    expected: float
    """Seconds expected of all tasks together, one after the other."""
    _done: float = 0.0
    _started: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def finished(self, cost: float) -> None:
        with self._lock:
            self._done += cost

    def remaining(self) -> float | None:
        """Seconds until the end at the pace so far; None while there is no pace to speak of."""
        with self._lock:
            if self._done <= 0:
                return None
            return (time.monotonic() - self._started) * (self.expected - self._done) / self._done


class Threads:
    """A pool of threads in this process. `name` begins the names of the threads."""

    def __init__(self, workers: int, name: str, stopped: threading.Event | None = None) -> None:
        self._workers = workers
        self._name = name
        self._stopped = stopped or threading.Event()

    def results(self, tasks: Sequence[Task[T]]) -> Iterator[T]:
        """See `Pool`. Once `stopped` is set, leaving does not wait for what runs."""
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix=self._name)
        try:
            waiting: set[Future[T]] = {pool.submit(task.run) for task in in_order(tasks)}
            while waiting:
                # A Ctrl-C that comes just before a wait begins is noticed only once that wait is over.
                done, waiting = wait(waiting, _LOOK_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except KeyboardInterrupt:
            self._stopped.set()
            raise
        finally:
            pool.shutdown(wait=not self._stopped.is_set(), cancel_futures=True)


def in_order(tasks: Sequence[Task[T]]) -> list[Task[T]]:
    """What is done already, then the longest first: a long one begun last would run alone at the end."""
    return sorted(tasks, key=lambda task: (task.cost > 0, -task.cost))


def costs(known: Sequence[float | None], sizes: Sequence[int]) -> list[float]:
    """Seconds to expect of each: what it took before, else by its size, at the median pace of the known.

    `sizes` are in any unit that grows with the work (code cells). With nothing known, a second a unit.
    """
    paces = sorted(cost / size for cost, size in zip(known, sizes, strict=True) if cost and size)
    pace = paces[len(paces) // 2] if paces else 1.0
    return [max(1, size) * pace if cost is None else cost for cost, size in zip(known, sizes, strict=True)]

"""What commands work with: course, gradebook, data, sandbox. Each is made when it is first needed."""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from grader.course import Course
from grader.data import Served, serve
from grader.execution.port import Clean, Executor, First, Limits
from grader.model.budget import BUDGETS, Level
from grader.model.errors import GraderError
from grader.verification import WORKER

if TYPE_CHECKING:
    from grader.collect import Bench
    from grader.evidence.store import EvidenceStore
    from grader.gradebook.book import Gradebook
    from grader.pipeline import Settings

# The rest is imported by what needs it: the sandbox can get ready while it is.

CACHE = "evidence"
BOOK = "gradebook.sqlite"
_PATIENCE = {Level.STATIC: 300.0, Level.STRUCTURE: 300.0, Level.QUICK: 300.0, Level.FULL: 6 * 3600.0}
"""Seconds one answer of the rebuild worker may take: at full it trains as the student wrote."""


_UNITS = {
    "memory_bytes": 2**30,
    "scratch_bytes": 2**30,
    "output_bytes": 2**20,
    "evidence_bytes": 2**20,
}
"""Bytes of what a person types: GiB, or MiB where limits are small."""


def cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass
class Workshop:
    """The parts of one command, closed together.

    `out` holds the gradebook and the evidence; `unprotected` allows a run without a sandbox.
    """

    course: Course
    out: Path
    level: Level = Level.QUICK
    seed: int = 1
    workers: int = 2
    data: Path | None = None
    download: bool = False
    unprotected: bool = False
    timeout: float | None = None
    """Seconds a submission may take; None: what the level allows."""
    memory: float | None = None
    """GiB a submission may hold; None: the usual limit."""
    container: bool = False
    """Whether somebody vouches that this machine is thrown away afterwards."""
    _served: dict[str, Served] = field(default_factory=dict)
    _benches: dict[str, Bench] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _executor: Executor | None = None

    def __enter__(self) -> Self:
        return self

    def prepare(self, assignment: str | None) -> None:
        """Have the sandbox get ready for a class, where it is plain what it will be asked for.

        What is wrong with it, or with the data, is said when something has to run; nothing is downloaded
        before the hand-ins were read.
        """
        if self.level is Level.STATIC or self.download:
            return
        with contextlib.suppress(GraderError, OSError):
            named = [self.course.load(assignment)] if assignment else list(self.course)
            needed = {loaded.assignment.data for loaded in named}
            if len(needed) == 1:
                self.executor(First(self.served(needed.pop()).folder, self.threads))

    def __exit__(self, *_: object) -> None:
        for bench in self._benches.values():
            bench.rebuilder.close()
        if self._executor is not None:
            self._executor.close()

    @property
    def store(self) -> EvidenceStore:
        from grader.evidence.store import EvidenceStore

        return EvidenceStore(self.out / CACHE)

    def book(self) -> Gradebook:
        from grader.gradebook.book import Gradebook

        self.out.mkdir(parents=True, exist_ok=True)
        return Gradebook.open(self.out / BOOK)

    def served(self, name: str) -> Served:
        with self._lock:
            if name not in self._served:
                self._served[name] = serve(name, folder=self.data, download=self.download)
            return self._served[name]

    @property
    def settings(self) -> Settings:
        """How a class is graded here. Typed limits are there to let through what the usual ones stopped."""
        from grader.pipeline import Settings

        typed = self.timeout is not None or self.memory is not None
        return Settings(self.level, self.seed, self.workers, retry_stopped=typed)

    @property
    def threads(self) -> int:
        """Framework threads of each run: the cores shared among the workers."""
        return max(1, cores() // self.workers)

    @property
    def limits(self) -> Limits:
        """Of each run: the usual ones, those of the course, and what was typed."""
        usual = Limits(threads=self.threads)
        changed = {name: int(value * _UNITS.get(name, 1)) for name, value in self.course.limits.items()}
        if self.memory is not None:
            changed["memory_bytes"] = int(self.memory * _UNITS["memory_bytes"])
        return replace(usual, **changed)

    def executor(self, first: First | None = None) -> Executor:
        """The best sandbox of this machine, found by trying it. Raises ExecutionError below that."""
        from grader.execution import find_executor

        with self._lock:
            if self._executor is None:
                self._executor = find_executor(
                    allow_unprotected=self.unprotected,
                    container=self.container,
                    scripts=(WORKER,),
                    first=first,
                )
            return self._executor

    def bench(self, name: str) -> Bench:
        with self._lock:
            if name not in self._benches:
                self._benches[name] = self._make(name)
            return self._benches[name]

    def _make(self, name: str) -> Bench:
        from grader.collect import Bench
        from grader.verification.rebuild import Rebuilder

        served = self.served(name)
        executor = None if self.level is Level.STATIC else self.executor()
        limits = self.limits
        clean = Clean(WORKER, served.folder, (served.name,), limits)
        return Bench(
            served,
            executor,
            Rebuilder(lambda: self.executor().clean(clean), timeout=_PATIENCE[self.level]),
            BUDGETS[self.level].within(self.timeout),
            self.seed,
            limits,
        )

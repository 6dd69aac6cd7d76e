"""A pool of forked processes, for work of ours that keeps the interpreter busy: judging and rendering."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from grader.schedule import THREADS, T, Task

_WORTH = 16
"""Tasks from which on the forks, a tenth of a second in all, are worth it."""

_tasks: Sequence[Task[Any]] = ()
"""In a forked process: those of its parent."""


class Forks:
    """See `grader.schedule.Pool`.

    A task reads all that this process holds, and gives back what can be pickled; what it changes in memory
    is lost. Never for tasks that touch the gradebook or a student's process, which other threads use.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def results(self, tasks: Sequence[Task[T]]) -> Iterator[T]:
        """See `Pool`. In this process where there is little to do, or forking is no way to go on."""
        worth = self._workers > 1 and len(tasks) >= _WORTH
        if not worth or sys.platform != "linux" or _grading():
            for task in tasks:
                yield task.run()
            return
        pool = ProcessPoolExecutor(
            self._workers,
            multiprocessing.get_context("fork"),
            initializer=_begin,
            initargs=(tasks, os.getpid()),
        )
        try:
            for future in as_completed([pool.submit(_run, number) for number in range(len(tasks))]):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def do_all(self, jobs: Sequence[Callable[[], None]]) -> None:
        """Jobs of like size, for what they leave in files."""
        deque(self.results([Task(job, 1.0) for job in jobs]), maxlen=0)


def _grading() -> bool:
    """Whether threads still grade, whose locks a fork would copy as they are. Others only wait."""
    return any(thread.name.startswith(THREADS) for thread in threading.enumerate())


def _begin(tasks: Sequence[Task[Any]], parent: int) -> None:
    """In each process. Arguments of a forked one are inherited, not pickled."""
    from grader.execution.sandbox.calls import die_with_parent  # of Linux, as all that gets here

    global _tasks
    _tasks = tasks
    die_with_parent()
    if os.getppid() != parent:
        sys.exit()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of them; the parent answers it
    gc.freeze()  # a collection would copy every page that the parent shares


def _run(number: int) -> Any:
    return _tasks[number].run()

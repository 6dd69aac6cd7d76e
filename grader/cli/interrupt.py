"""Ctrl-C: said at once, over in seconds, and nothing that was cut off is taken for a student's doing."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from grader.cli.console import stderr
from grader.cli.exits import Exit
from grader.execution.processes import alive
from grader.messages import render
from grader.model.text import Language, Message
from grader.schedule import THREADS

_GRACE = 3.0
"""Seconds that the grading threads have to notice that their kernels are gone."""


class Interrupted(Exception):
    """Ctrl-C, on its way to the exit status. No KeyboardInterrupt: click would turn that into "Aborted!"."""


@contextmanager
def interruptible(stop: threading.Event, language: Language) -> Iterator[None]:
    """Within it, Ctrl-C sets `stop`, is acknowledged at once and ends the sandboxes.

    Raises:
        Interrupted: after a Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt:
        stop.set()
        stderr.print(render(Message("cli.interrupted"), language), markup=False, soft_wrap=True)
        _end_children()
        raise Interrupted from None


def leave() -> None:
    """End this process with the status of an interruption.

    A thread that still waits for its sandbox would hold an ordinary exit back. What was graded is in the
    gradebook, which any kill leaves whole.
    """
    deadline = time.monotonic() + _GRACE
    for thread in threading.enumerate():
        if thread.name.startswith(THREADS):
            thread.join(max(0.0, deadline - time.monotonic()))
    _end_children()
    if not any(thread.name.startswith(THREADS) for thread in threading.enumerate()):
        sys.exit(Exit.INTERRUPTED)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(Exit.INTERRUPTED)


def _end_children() -> None:
    """End what this process started: kernels, sandboxes, the rebuild worker.

    What holds a sandbox ends all that is in it, processes that left their parents too, when its own parent
    is gone. It gets the time for that; what is left then has no such holder.
    """
    own = psutil.Process().children()
    below = [process for child in own for process in _below(child)]
    _kill(own)
    deadline = time.monotonic() + _GRACE
    while (left := list(alive(below))) and time.monotonic() < deadline:
        time.sleep(0.02)
    _kill(left)


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):  # gone already, or gone to another user with its box
            process.kill()

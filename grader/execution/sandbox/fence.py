"""A fence around a freshly forked child where no namespace can be made: Landlock and system-call filter.

Files, connections, signals and other processes' memory are out of reach then. What namespaces hide is not
hidden: whether a known path exists, and that there are other processes. Processes that escape their parent
are the keeper's to find, which is why it adopts them.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from . import calls, landlock, seccomp

OWN_PIDS = False
_PAUSE_SECONDS = 0.005


class LetGo(Exception):
    """The zygote has ended."""


def separate() -> None:
    """What the first process leaves behind becomes the keeper's."""
    calls.adopt_orphans()


def become_keeper() -> None:
    """As the process that outlives the others to end them, whatever happens to the zygote."""
    signal.signal(signal.SIGTERM, _let_go)
    calls.die_with_parent(signal.SIGTERM)


def _let_go(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise LetGo


def clear(first: int) -> None:
    """End every descendant. None of them may fork meanwhile, or a fast one would win."""
    # Not reaped before this ends, so its number is its own.
    os.kill(first, signal.SIGKILL)
    seen: set[int] = {first}
    while True:
        new = set(_descendants(os.getpid())) - seen
        for pid in new:
            with contextlib.suppress(OSError):
                resource.prlimit(pid, resource.RLIMIT_NPROC, (0, 0))
        seen |= new
        if new:
            continue
        for pid in (*_descendants(os.getpid()), first):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(_PAUSE_SECONDS)


def _descendants(pid: int) -> Iterator[int]:
    waiting = [pid]
    while waiting:
        for child in _children(waiting.pop()):
            waiting.append(child)
            yield child


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/children", "rb") as stream:
                found += map(int, stream.read().split())
    return found


def shut_in(order: Mapping[str, Any]) -> None:
    """As the first process. What is given up here cannot be had again.

    `env` is laid over the environment, `home` is the working folder; `granted` goes to Landlock, `limits`
    are resource limits.
    """
    os.environ.update(order["env"])
    os.chdir(order["home"])
    calls.limit(order["limits"])
    landlock.restrict(order["granted"], tcp=False)
    calls.load_filter(seccomp.fence_filter(None if landlock.stops_signals() else os.getpid()))

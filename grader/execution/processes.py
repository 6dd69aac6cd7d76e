"""A process and all it started: how much memory they hold, and how to end them."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

import psutil

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.1
_MOST_FILES = 100_000


class Process(Protocol):
    """What is needed of `subprocess.Popen`, for processes that are not our children too.

    `pid` is no other process's number as long as `returncode` is None.
    """

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | Any: ...
    @property
    def stderr(self) -> IO[bytes] | None: ...
    def poll(self) -> int | None: ...
    def kill(self) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...


class Piped(Process, Protocol):
    """One whose stdin and stdout are pipes."""

    @property
    def stdin(self) -> IO[bytes] | None: ...
    @property
    def stdout(self) -> IO[bytes] | None: ...


def running(process: Process) -> list[psutil.Process]:
    """All that belongs to a run now: its tree, and what left it where somebody keeps such orphans."""
    keeper = getattr(process, "keeper_pid", None)
    return tree(process.pid) if keeper is None else tree(keeper)[1:]


def tree(pid: int) -> list[psutil.Process]:
    """The process and its descendants that are alive now, parents first."""
    try:
        root = psutil.Process(pid)
        below = _descendants(pid)
        return [root, *(root.children(recursive=True) if below is None else below)]
    except psutil.Error:
        return []


def _descendants(pid: int) -> list[psutil.Process] | None:
    """From Linux's lists of children: psutil reads the whole process table. None where there are none."""
    if not os.path.exists(f"/proc/{pid}/task/{pid}/children"):
        return None
    found: list[psutil.Process] = []
    waiting = [pid]
    while waiting:
        children = list(_children(waiting.pop(0)))
        waiting += children
        for child in children:
            with contextlib.suppress(psutil.Error):
                found.append(psutil.Process(child))
    return found


def _children(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/children", "rb") as stream:
                yield from map(int, stream.read().split())


def exceed(processes: list[psutil.Process], cap: int) -> bool:
    """Whether they hold more than `cap` bytes together, pages they share counted once.

    That is PSS, which also counts shared anonymous memory, unseen by RLIMIT_DATA. Reading it walks every
    page: at 5 Hz it took an eighth of two cores. RSS costs nothing and is never less, so it is asked first.
    """
    if resident(processes) <= cap:
        return False
    return sum(_pss(process.pid) or _resident(process) for process in processes) > cap


def resident(processes: list[psutil.Process]) -> int:
    """Bytes of resident memory, pages they share counted for each."""
    return sum(map(_resident, processes))


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except (psutil.Error, OSError):
        return 0


def _pss(pid: int) -> int:
    """From smaps_rollup, far cheaper than adding up smaps; 0 where there is none."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as stream:
            for line in stream:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Processor time they and their ended children have used."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])
    return total


def fills(folder: Path, cap: int, processes: list[psutil.Process]) -> bool:
    """Whether more than `cap` bytes of disk are taken: by a folder, or by files that have no name any more
    and are held open. A folder that cannot be looked through counts as full."""
    entries, total = 0, sum(map(_nameless, processes))
    hidden: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=hidden.append):
        for name in (*folders, *files):
            entries += 1
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
        if total > cap or entries > _MOST_FILES:
            return True
    return total > cap or any(not isinstance(error, FileNotFoundError) for error in hidden)


def _nameless(process: psutil.Process) -> int:
    """Bytes of the deleted files that a process holds open."""
    total = 0
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{process.pid}/fd"):
            with contextlib.suppress(OSError):
                found = os.stat(f"/proc/{process.pid}/fd/{name}")
                if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
                    total += found.st_blocks * 512
    return total


def kill_tree(process: Process, seen: list[psutil.Process] | None = None) -> None:
    """SIGKILL the process, all its descendants, its session's group, and those of `seen` still alive.

    `seen` are descendants noticed earlier: a daemon that left the tree is found only there. A boxed
    process needs none of that: with the first process of its namespace all others die.
    """
    targets = {p.pid: p for p in seen or ()}
    # Only while it is not reaped: afterwards the number may be another process's, or group's.
    if process.returncode is None:
        targets |= {p.pid: p for p in running(process)}
        if os.name == "posix":
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
    for target in targets.values():
        # psutil compares the start time first: a recycled pid is left alone.
        with contextlib.suppress(psutil.Error):
            target.kill()
    with contextlib.suppress(OSError):
        process.kill()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        _LOG.warning("process %s did not end after SIGKILL", process.pid)


def guard_memory(process: Process, cap: int) -> None:
    """Kill the process's tree when it holds more than `cap` bytes; ends with the process."""

    def watch() -> None:
        ended = threading.Event()
        while process.poll() is None:
            if exceed(tree(process.pid), cap):
                _LOG.warning("process %s passed %s bytes and was killed", process.pid, cap)
                kill_tree(process)
                return
            ended.wait(_POLL_SECONDS)

    threading.Thread(target=watch, name="memory-guard", daemon=True).start()


def alive(processes: list[psutil.Process]) -> Iterator[psutil.Process]:
    """Those that still run (a zombie does not)."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                yield process


class ErrorTail:
    """The last words of a process on its stderr, read as they come so that it never waits."""

    def __init__(self, process: Process, keep: int = 2000) -> None:
        assert process.stderr is not None
        self._stream = process.stderr
        self._keep = keep
        self._tail = b""
        self._thread = threading.Thread(target=self._drain, name="stderr", daemon=True)
        self._thread.start()

    def __call__(self) -> str:
        """What it said; call it when the process has ended."""
        self._thread.join(1)
        return self._tail.decode("utf-8", "replace")

    def _drain(self) -> None:
        with self._stream as stream:
            while chunk := os.read(stream.fileno(), 2**14):
                self._tail = (self._tail + chunk)[-self._keep :]

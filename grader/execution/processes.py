"""A process and all it started: how much memory they hold, and how to end them."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import IO, Any, Protocol

import psutil

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.2


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


def tree(pid: int) -> list[psutil.Process]:
    """The process and its descendants that are alive now, parents first."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def memory(processes: list[psutil.Process]) -> int:
    """Bytes they hold together, counting shared pages once where the system tells (PSS on Linux).

    PSS also counts shared anonymous memory, which RLIMIT_DATA does not see.
    """
    return sum(_memory(process) for process in processes)


def _memory(process: psutil.Process) -> int:
    try:
        if pss := _pss(process.pid):
            return pss
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


def kill_tree(process: Process, seen: list[psutil.Process] | None = None) -> None:
    """SIGKILL the process, all its descendants, its session's group, and those of `seen` still alive.

    `seen` are descendants noticed earlier: a daemon that left the tree is found only there. A boxed
    process needs none of that: with the first process of its namespace all others die.
    """
    targets = {p.pid: p for p in seen or ()}
    # Only while it is not reaped: afterwards the number may be another process's, or group's.
    if process.returncode is None:
        targets |= {p.pid: p for p in tree(process.pid)}
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
        process.wait(10)
    except subprocess.TimeoutExpired:
        _LOG.warning("process %s did not end after SIGKILL", process.pid)


def guard_memory(process: subprocess.Popen[bytes], cap: int) -> None:
    """Kill the process's tree when it holds more than `cap` bytes; ends with the process."""

    def watch() -> None:
        ended = threading.Event()
        while process.poll() is None:
            if memory(tree(process.pid)) > cap:
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

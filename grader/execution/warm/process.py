"""The host's view of one forked box: what `subprocess.Popen` is for a process that is not our child."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

import psutil

_CLEAR_SECONDS = 20
_LOOK_SECONDS = 0.02


@dataclass
class WarmProcess:
    """The first process of a forked box; killing it ends the box.

    Its number stays its own until `wait` has seen its end, as with Popen: until then its keeper inside the
    zygote's box leaves it unreaped.
    """

    pidfd: int
    keeper: socket.socket
    """Closing it ends the box and lets the keeper reap."""
    stdin: IO[bytes] | None = None
    stdout: IO[bytes] | None = None
    stderr: IO[bytes] | None = None
    release: Callable[[], None] = lambda: None
    """Called once nothing of it is left."""
    adopts: bool = False
    """Whether the keeper becomes the parent of processes that leave theirs."""
    pid: int = field(init=False)
    keeper_pid: int | None = field(init=False, default=None)
    """Where orphans are found; None where they stay with `pid`."""
    returncode: int | None = None
    """-1 once it was waited for: how it ended is not known, and is no evidence of anything."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.pid = _pid_of(self.pidfd)
        if self.adopts:
            self.keeper_pid = psutil.Process(self.pid).ppid()

    def poll(self) -> int | None:
        """None while it runs, else -1."""
        with self._lock:
            return -1 if self.returncode is not None or self._ended(0) else None

    def kill(self) -> None:
        """SIGKILL; nothing happens when it has ended already."""
        with self._lock:
            if self.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and let go of it. Raises subprocess.TimeoutExpired."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            # In short looks: whoever wants to kill it meanwhile needs the lock.
            with self._lock:
                if self.returncode is None and self._ended(_LOOK_SECONDS):
                    self.returncode = -1
                    os.close(self.pidfd)
                    self._let_go()
                    self.release()
                if self.returncode is not None:
                    return self.returncode
            if until is not None and time.monotonic() >= until:
                raise subprocess.TimeoutExpired("warm kernel", timeout or 0)
            time.sleep(0)

    def _let_go(self) -> None:
        """The keeper ends what the first process left behind, then itself, and so its end of the socket."""
        with self.keeper, contextlib.suppress(OSError):
            self.keeper.shutdown(socket.SHUT_WR)
            self.keeper.settimeout(_CLEAR_SECONDS)
            self.keeper.recv(1)

    def _ended(self, seconds: float) -> bool:
        poller = select.poll()
        poller.register(self.pidfd, select.POLLIN)
        return bool(poller.poll(seconds * 1000))


def _pid_of(pidfd: int) -> int:
    """In our own pid namespace, whatever the sender's. Raises ProcessLookupError when it is reaped."""
    with open(f"/proc/self/fdinfo/{pidfd}", encoding="ascii") as stream:
        found = re.search(r"^Pid:\t(\d+)$", stream.read(), re.MULTILINE)
    if found is None:
        raise ProcessLookupError("no such process in this namespace")
    return int(found.group(1))

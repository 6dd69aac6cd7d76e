"""The host's end of a zygote: starts it in a box, and orders forked boxes from it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from grader.execution import landlock
from grader.execution.bubblewrap import (
    HOME,
    SOCKETS,
    Account,
    Boxed,
    Route,
    grants,
    launch_boxed,
    resource_limits,
    scratch_folders,
)
from grader.execution.isolated import kernel_environment
from grader.execution.layout import Mount
from grader.execution.port import Limits
from grader.execution.processes import ErrorTail, kill_tree
from grader.execution.seccomp import seccomp_filter
from grader.execution.warm.process import WarmProcess
from grader.model.errors import ExecutionError

FIRST_EXTRA = 4
"""After the three streams and the order's own socket, as in zygote.py (which only Unix can import)."""
_INSIDE = "/opt/kernel/warm"
_PROGRAMS = (
    *(Path(__file__).with_name(name) for name in ("zygote.py", "nest.py")),
    Path(landlock.__file__),
)
_START_SECONDS = 90
_FORK_SECONDS = 20


class Refused(Exception):
    """The zygote does not fork, or is gone: the job is another kernel's."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a zygote's box shows beside the interpreter, and the framework threads of its children."""

    readable: tuple[Mount, ...]
    threads: int = 1
    blank: tuple[str, ...] = ()
    """Names of empty files, over which each child may be shown files of its own."""
    modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """A program to run in a forked box: `argv[0]` is a script, run by the zygote's interpreter."""

    argv: Sequence[str]
    limits: Limits
    files: Mapping[str, str] = field(default_factory=dict)
    pass_fds: Sequence[int] = ()
    """The program finds them from `FIRST_EXTRA` on, in this order."""
    piped: bool = False
    """Whether stdin and stdout are pipes to us, not /dev/null. stderr always is one."""

    def encoded(self) -> bytes:
        program = seccomp_filter()
        order = {
            "argv": list(self.argv),
            "folders": scratch_folders(self.limits),
            "home": HOME,
            "spare": SOCKETS,
            "files": dict(self.files),
            "granted": grants(),
            "limits": resource_limits(self.limits),
            "filter": program.hex() if program is not None else None,
        }
        return json.dumps(order).encode()


class Zygote:
    """One zygote. Safe to use from several threads.

    Raises ExecutionError when its box cannot be started or it does not import what it should.
    """

    def __init__(self, place: Place, route: Route, account: Account) -> None:
        self._control, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with control:
            boxed = Boxed(
                _command(control.fileno(), place.modules),
                Limits(),
                kernel_environment(place.threads, HOME),
                (*place.readable, *(Mount(str(path), f"{_INSIDE}/{path.name}") for path in _PROGRAMS)),
                dict.fromkeys(place.blank, ""),
                (control.fileno(),),
                nested=True,
            )
            self.process = launch_boxed(
                boxed, route, account, stdio=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
        said = ErrorTail(self.process)
        self._control.settimeout(_START_SECONDS)
        with contextlib.suppress(OSError):
            if self._control.recv(64) == b"ready":
                return
        self.close()
        raise ExecutionError("execution.box_refused", reason=_last_line(said()))

    def alive(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        """End it and all its children."""
        self._control.close()
        kill_tree(self.process)

    def fork(self, order: Order) -> WarmProcess:
        """A box running the order's program. Raises Refused when there will be none."""
        keeper, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        streams = _Streams(piped=order.piped)
        try:
            with theirs:
                given = [*streams.theirs, theirs.fileno(), *order.pass_fds]
                socket.send_fds(self._control, [order.encoded()], given)
            streams.close_theirs()
            keeper.settimeout(_FORK_SECONDS)
            message, descriptors, _, _ = socket.recv_fds(keeper, 200, 1)
            if message != b"started":
                raise Refused(message.decode("utf-8", "replace") or streams.last_words())
            return WarmProcess(descriptors[0], keeper, streams.stdin, streams.stdout, streams.stderr)
        except (OSError, Refused) as error:
            streams.close()
            keeper.close()
            raise Refused(str(error)) from error


class _Streams:
    """The standard streams of a program: its ends as descriptors, ours as files."""

    def __init__(self, *, piped: bool) -> None:
        self.stdin: IO[bytes] | None = None
        self.stdout: IO[bytes] | None = None
        read_errors, errors = os.pipe()
        self.stderr: IO[bytes] = os.fdopen(read_errors, "rb")
        if piped:
            (stdin, our_stdin), (our_stdout, stdout) = os.pipe(), os.pipe()
            self.stdin, self.stdout = os.fdopen(our_stdin, "wb"), os.fdopen(our_stdout, "rb")
            self.theirs = [stdin, stdout, errors]
        else:
            self.theirs = [os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_WRONLY), errors]

    def close_theirs(self) -> None:
        while self.theirs:
            os.close(self.theirs.pop())

    def last_words(self) -> str:
        return _last_line(self.stderr.read(4000).decode("utf-8", "replace"))

    def close(self) -> None:
        self.close_theirs()
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()


def _last_line(text: str) -> str:
    """Of a traceback, what matters to those who read a log."""
    return text.strip().rpartition("\n")[2][:300] or "no answer"


def _command(control: int, modules: Sequence[str]) -> tuple[str, ...]:
    python = (sys.executable, "-P", "-s", "-B", "-X", "utf8")
    return (*python, f"{_INSIDE}/zygote.py", str(control), *modules)

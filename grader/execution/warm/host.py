"""The host's end of a zygote: starts it in its shelter, and orders shut-in processes from it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

import psutil

from grader.execution.port import Limits
from grader.execution.processes import ErrorTail
from grader.execution.warm.process import WarmProcess
from grader.execution.warm.shelter import Place, Room, Shelter
from grader.model.errors import ExecutionError

FIRST_EXTRA = 4
"""After the three streams and the order's own socket, as in zygote.py (which only Unix can import)."""
_START_SECONDS = 90
_FORK_SECONDS = 20


class Refused(Exception):
    """The zygote does not fork, or is gone: the job is another kernel's."""


@dataclass(frozen=True, slots=True)
class Order:
    """A program to run shut in: `argv[0]` is a script, run by the zygote's interpreter."""

    argv: Sequence[str]
    limits: Limits
    room: Room
    """Closed with the process; here when there will be none."""
    files: Mapping[str, str] = field(default_factory=dict)
    pass_fds: Sequence[int] = ()
    """The program finds them from `FIRST_EXTRA` on, in this order."""
    piped: bool = False
    """Whether stdin and stdout are pipes to us, not /dev/null. stderr always is one."""

    def write(self, text: IO[str]) -> None:
        json.dump({"argv": list(self.argv), **self.room.order(self.files, self.limits)}, text)
        text.flush()


class Zygote:
    """One zygote, which imports while we go on. Safe to use from several threads.

    Raises ExecutionError when its box cannot be started.
    """

    def __init__(self, place: Place, shelter: Shelter) -> None:
        self._shelter = shelter
        self._place = place
        self._control, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with control:
            python = (sys.executable, "-P", "-s", "-B", "-X", "utf8", shelter.program("zygote.py"))
            argv = (*python, str(control.fileno()), shelter.kind, *place.modules)
            self.process = shelter.start(argv, place, control.fileno())
        self._said = ErrorTail(self.process)
        self._control.settimeout(_START_SECONDS)
        self._ready = False
        self._waiting = threading.RLock()

    def wait(self) -> None:
        """Until it has imported. Raises ExecutionError when it does not import what it should."""
        with self._waiting:
            if self._ready:
                return
            with contextlib.suppress(OSError):
                self._ready = self._control.recv(64) == b"ready"
            if not self._ready:
                self.close()
                raise ExecutionError("execution.box_refused", reason=_last_line(self._said()))

    def alive(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        """End it and all its children."""
        self._shelter.end(self.process)
        # Whoever waits for it has been told by its end.
        with self._waiting:
            self._control.close()

    def room(self) -> Room:
        """For one order."""
        return self._shelter.room(self._place)

    def fork(self, order: Order) -> WarmProcess:
        """A process running the order's program, once `wait` has returned.

        Raises Refused when there will be none.
        """
        keeper, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        streams = _Streams(piped=order.piped)
        try:
            # A file, since nothing bounds what a large environment has to be granted.
            with theirs, os.fdopen(os.memfd_create("order"), "w+", encoding="utf-8") as text:
                order.write(text)
                given = [text.fileno(), *streams.theirs, theirs.fileno(), *order.pass_fds]
                socket.send_fds(self._control, [b"order"], given)
            streams.close_theirs()
            keeper.settimeout(_FORK_SECONDS)
            message, descriptors, _, _ = socket.recv_fds(keeper, 200, 1)
            if message != b"started":
                raise Refused(message.decode("utf-8", "replace") or streams.last_words())
            held = (streams.stdin, streams.stdout, streams.stderr)
            return WarmProcess(
                descriptors[0], keeper, *held, release=order.room.close, adopts=self._shelter.adopts
            )
        except (OSError, Refused, psutil.Error) as error:
            streams.close()
            keeper.close()
            order.room.close()
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

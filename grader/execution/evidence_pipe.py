"""The evidence channel: bytes from the probe to us, unread, over a pipe of its own (a file on Windows)."""

from __future__ import annotations

import io
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

_CHUNK = 2**16


class EvidenceChannel(Protocol):
    """Where a kernel sends its evidence."""

    arguments: tuple[str, ...]
    """Of the kernel's command line."""
    pass_fds: tuple[int, ...]
    key: bytes
    """With which the kernel authenticates what it sends."""

    def started(self) -> None:
        """The kernel has its end: let go of ours."""

    def collected(self) -> bytes:
        """All that came, at most the cap; call it after the kernel is gone."""


class EvidencePipe:
    """A pipe that the kernel inherits. A thread empties it, so that the kernel never waits for us."""

    def __init__(self, cap: int, on_overflow: Callable[[], None]) -> None:
        self._read, self._write = os.pipe()
        self._key_read, key_write = os.pipe()
        # Read by the probe before any student code runs, and gone from the pipe then.
        self.key = secrets.token_bytes(32)
        os.write(key_write, self.key)
        os.close(key_write)
        self._cap = cap
        self._on_overflow = on_overflow
        self._spool = io.BytesIO()
        self._thread = threading.Thread(target=self._drain, name="evidence", daemon=True)
        numbers = (str(self._write), str(self._key_read))
        self.arguments: tuple[str, ...] = ("--evidence-fd", numbers[0], "--key-fd", numbers[1])
        self.pass_fds: tuple[int, ...] = (self._write, self._key_read)

    def started(self) -> None:
        os.close(self._write)
        os.close(self._key_read)
        self._thread.start()

    def collected(self) -> bytes:
        if not self._thread.ident:
            for descriptor in (self._write, self._key_read, self._read):
                os.close(descriptor)
            return b""
        # The end of the file comes when the last writer is gone. A process that escaped an unprotected
        # run may hold it open for ever.
        self._thread.join(5)
        return self._spool.getvalue()

    def _drain(self) -> None:
        room = self._cap
        with os.fdopen(self._read, "rb", buffering=0) as stream:
            while chunk := stream.read(_CHUNK):
                self._spool.write(chunk[:room])
                if len(chunk) > room:
                    self._on_overflow()
                room -= min(room, len(chunk))


class EvidenceFile:
    """A file, where a process inherits no descriptors: read once, when the run has ended."""

    def __init__(self, path: Path, cap: int) -> None:
        self._path = path
        self._cap = cap
        self.arguments: tuple[str, ...] = ("--evidence-file", str(path))
        self.pass_fds: tuple[int, ...] = ()
        self.key = b""

    def started(self) -> None:
        return None

    def collected(self) -> bytes:
        try:
            with self._path.open("rb") as stream:
                return stream.read(self._cap)
        except FileNotFoundError:
            return b""

"""A file somewhere in a hand-in, on disk or in an archive, and how it is read under caps."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import IO

from grader.intake.limits import MIB
from grader.intake.names import shown
from grader.model.errors import IntakeError
from grader.model.submission import Problem

CHUNK = MIB

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One regular file. `parts` is its path for people and for the layout; it is never opened by it."""

    parts: Parts
    size: int
    """Declared size, bytes."""
    open: Callable[[], AbstractContextManager[IO[bytes]]]

    @property
    def name(self) -> str:
        return self.parts[-1]

    @property
    def path(self) -> str:
        return shown(self.parts)


@dataclass(frozen=True, slots=True)
class Tree:
    """All files of a folder or archive, and what is wrong with those that were refused.

    `folders` are all folders, so that an empty one is seen too. `problems` carry the path they are
    about, which says whose problem it is.
    """

    entries: tuple[Entry, ...] = ()
    folders: tuple[Parts, ...] = ()
    problems: tuple[tuple[Parts, Problem], ...] = ()


@dataclass(slots=True)
class Allowance:
    """What may still be read for one student, bytes."""

    remaining: int
    spent: int = field(default=0)

    def spend(self, count: int, culprit: str) -> None:
        self.remaining -= count
        self.spent += count
        if self.remaining < 0:
            raise IntakeError("intake.allowance_spent", file=culprit, limit=round(self.spent / MIB))


def copy(entry: Entry, target: IO[bytes], cap: int, allowance: Allowance) -> None:
    """Copy a file's bytes. Raises IntakeError when it is larger than `cap` or cannot be read.

    A failure to write is ours, not the student's, and comes through as OSError.
    """
    if entry.size > cap:
        raise _too_large(entry, entry.size, cap)
    total = 0
    for chunk in _chunks(entry):
        total += len(chunk)
        # The size in an archive's directory is a claim; what comes out is counted.
        if total > cap:
            raise _too_large(entry, total, cap)
        allowance.spend(len(chunk), entry.path)
        target.write(chunk)


def _chunks(entry: Entry) -> Iterator[bytes]:
    try:
        with entry.open() as source:
            while chunk := source.read(CHUNK):
                yield chunk
    # zipfile raises RuntimeError for a password and NotImplementedError for a method it lacks.
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError) as error:
        raise IntakeError("intake.member_damaged", member=entry.path) from error
    except OSError as error:
        raise IntakeError("intake.unreadable", file=entry.path) from error


def read(entry: Entry, cap: int, allowance: Allowance) -> bytes:
    """A file's bytes. Raises IntakeError as `copy` does."""
    buffer = io.BytesIO()
    copy(entry, buffer, cap, allowance)
    return buffer.getvalue()


def _too_large(entry: Entry, size: int, cap: int) -> IntakeError:
    return IntakeError("intake.too_large", file=entry.path, size=-(-size // MIB), limit=cap // MIB)

"""Walking a folder of hand-ins without following anything out of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from grader.intake.entry import Entry, Parts, Tree
from grader.intake.kinds import is_junk
from grader.intake.limits import IntakeLimits
from grader.intake.names import file_name, shown
from grader.model.submission import Problem, Severity
from grader.model.text import Message

# Absent on Windows: there a link is told by its reparse tag before it is opened.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not hang us
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_LINK_TAGS = frozenset({0xA000000C, 0xA0000003})
"""Windows reparse tags of symbolic links and junctions; files kept in a cloud drive have others."""


def walk(root: Path, limits: IntakeLimits) -> Tree:
    """Every regular file below `root`, in order of name. Links and devices become problems."""
    found = _Found(limits)
    _walk(str(root), (), found)
    return Tree(tuple(found.entries), tuple(found.folders), tuple(found.problems))


def single(path: Path) -> Entry:
    """The entry of one file that the instructor named (a link is followed: it is theirs)."""
    real = path.resolve()
    return Entry((file_name(path.name),), real.stat().st_size, lambda: _opened(str(real)))


@dataclass(slots=True)
class _Found:
    limits: IntakeLimits
    entries: list[Entry] = field(default_factory=list)
    folders: list[Parts] = field(default_factory=list)
    problems: list[tuple[Parts, Problem]] = field(default_factory=list)
    full: bool = False

    def refuse(self, parts: Parts, key: str) -> None:
        problem = Problem(Severity.WARNING, Message(key, {"file": shown(parts)}))
        self.problems.append((parts, problem))

    def add(self, path: str, parts: Parts, size: int) -> None:
        if len(self.entries) >= self.limits.folder_files:
            if not self.full:
                self.refuse(parts, "intake.folder_too_large")
            self.full = True
            return
        self.entries.append(Entry(parts, size, lambda: _opened(path)))


def _walk(folder: str, parts: Parts, found: _Found) -> None:
    try:
        with os.scandir(folder) as scan:
            listing = sorted(scan, key=lambda e: e.name)
    except OSError:
        return found.refuse(parts, "intake.unreadable")
    for item in listing:
        name = file_name(item.name)
        if not is_junk(name):
            _take(item, (*parts, name), found)
    return None


def _take(item: os.DirEntry[str], parts: Parts, found: _Found) -> None:
    try:
        status = item.stat(follow_symlinks=False)
    except OSError:
        return found.refuse(parts, "intake.unreadable")
    if stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) in _LINK_TAGS:
        return found.refuse(parts, "intake.link_skipped")
    if stat.S_ISDIR(status.st_mode):
        if len(parts) > found.limits.folder_depth:
            return found.refuse(parts, "intake.folder_too_deep")
        found.folders.append(parts)
        return _walk(item.path, parts, found)
    if not stat.S_ISREG(status.st_mode):
        return found.refuse(parts, "intake.special_skipped")
    return found.add(item.path, parts, status.st_size)


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    descriptor = os.open(path, _FLAGS)
    # Looked at again now that it is open: it may have been exchanged since the folder was listed.
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"not a regular file: {path}")
    with os.fdopen(descriptor, "rb") as stream:
        yield stream

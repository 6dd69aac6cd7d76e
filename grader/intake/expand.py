"""Archives inside a hand-in: opened in scratch files of our own naming, and read in place."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from grader.intake.archive import opened
from grader.intake.entry import Allowance, Entry, Tree, copy
from grader.intake.kinds import is_archive
from grader.intake.limits import IntakeLimits
from grader.model.errors import IntakeError
from grader.model.submission import Problem, Severity
from grader.model.text import Message


@dataclass(slots=True)
class Workspace:
    """A folder of our own for archives that must be seekable; names in it are numbers."""

    folder: Path
    limits: IntakeLimits
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def open(self, entry: Entry, cap: int, allowance: Allowance, stack: ExitStack) -> Tree:
        """The members of an archive, readable while `stack` lasts. Raises IntakeError."""
        file = self.folder / f"{next(self.numbers):06}.zip"
        stack.callback(file.unlink, missing_ok=True)
        with file.open("wb") as target:
            copy(entry, target, cap, allowance)
        return stack.enter_context(opened(file, entry.path, self.limits))


@dataclass(frozen=True, slots=True)
class Files:
    """A student's files, archives opened, and what was refused on the way."""

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]


def expanded(
    entries: Iterable[Entry], workspace: Workspace, allowance: Allowance, stack: ExitStack, *, depth: int = 0
) -> Files:
    """All files, those of archives in place of the archives. `depth`: archives already entered."""
    limits = workspace.limits
    waiting = deque((entry, depth) for entry in entries)
    files: list[Entry] = []
    problems: list[Problem] = []
    archives = 0
    while waiting:
        entry, level = waiting.popleft()
        if not is_archive(entry.name):
            files.append(entry)
            continue
        archives += 1
        if level >= limits.archive_depth or archives > limits.archives:
            problems.append(_warning("intake.archive_too_deep", entry, limits.archive_depth))
            continue
        try:
            tree = workspace.open(entry, limits.nested_archive_bytes, allowance, stack)
        except IntakeError as error:
            problems.append(Problem(Severity.FATAL, error.message))
            continue
        problems += [problem for _, problem in tree.problems]
        waiting += [(inside(entry, member), level + 1) for member in tree.entries]
    return Files(tuple(files), tuple(problems))


def inside(archive: Entry, member: Entry) -> Entry:
    """A member under the path `archive.zip/member`."""
    return Entry((*archive.parts, *member.parts), member.size, member.open)


def _warning(key: str, entry: Entry, limit: int) -> Problem:
    return Problem(Severity.WARNING, Message(key, {"file": entry.path, "limit": limit}))

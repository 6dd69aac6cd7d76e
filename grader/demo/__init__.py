"""The demo that every copy of the package carries: one small public practical and an invented class.

`course/` holds it as ordinary files, so that it can be read, calibrated and tested like any course.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

from grader.model.errors import UsageError

LEFT_BEHIND = frozenset({"__pycache__"})
"""Made where `assignment.py` was imported in place: no part of the demo."""


def unpack(into: Path) -> Path:
    """Write the demo's course folder and return it: `course.toml`, assignments, reference, submissions.

    Files that are there already stay as they are, so that people can change a notebook and run the demo
    again. Each file appears whole or not at all.

    Raises UsageError when something that is no folder is in the way, or the folder cannot be written.
    """
    try:
        with as_file(files(__package__) / "course") as course:
            for source in _files(course):
                _copy(source, into / source.relative_to(course))
    except OSError as error:
        raise UsageError("demo.cannot_write", folder=str(into), why=error.strerror or str(error)) from error
    return into


def _files(course: Path) -> Iterator[Path]:
    """Every file of the demo, in order of path."""
    return (
        path for path in sorted(course.rglob("*")) if path.is_file() and not LEFT_BEHIND & set(path.parts)
    )


def _copy(source: Path, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.part")
    unfinished.write_bytes(source.read_bytes())
    os.replace(unfinished, target)

"""Exit statuses of every `grade` command."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """0 graded (marks a person still has to give included), 2 usage, 3 something was not graded."""

    GRADED = 0
    UNSOUND = 1
    """`grade validate` found an assignment unsound, or a self-check a file that cannot be read."""
    USAGE = 2
    UNGRADED = 3
    INTERRUPTED = 130
    """Ctrl-C: 128 and the number of the signal, as shells have it."""

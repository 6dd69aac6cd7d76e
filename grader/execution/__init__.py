"""Runs student code: a notebook's cells in a kernel, shut in as well as the machine allows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from grader.execution.port import Executor, First


def find_executor(
    *,
    allow_unprotected: bool,
    container: bool = False,
    scripts: Sequence[Path] = (),
    first: First | None = None,
) -> Executor:
    """The executor of the best tier that held against the canary: isolated, else confined.

    Where neither does: the container's, if somebody vouches for one around us; unprotected, if that is
    allowed; else ExecutionError with the remedy. `scripts` are those that its clean processes will run;
    what the `first` run would wait for begins at once.
    """
    # Imported when asked for: nbclient and what it brings take a while, and most commands run nothing.
    from grader.execution.find import best_executor

    return best_executor(
        allow_unprotected=allow_unprotected, container=container, scripts=scripts, first=first
    )

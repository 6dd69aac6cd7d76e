"""Runs student code: a notebook's cells in a cold kernel, boxed where the machine allows it."""

from __future__ import annotations

from grader.execution.port import Executor


def find_executor(*, allow_unprotected: bool) -> Executor:
    """The isolated executor where its box held against the canary, tried once per process.

    Raises ExecutionError with the remedy where it did not, unless unprotected runs are allowed.
    """
    # Imported when asked for: nbclient and what it brings take a while, and most commands run nothing.
    from grader.execution.find import best_executor

    return best_executor(allow_unprotected=allow_unprotected)

"""Reading Python source as a tree."""

from __future__ import annotations

import ast
import threading
import warnings

_ONE_AT_A_TIME = threading.Lock()
"""CPython 3.11 keeps the depth of the tree it builds in one place for all threads: two at once raise
SystemError "AST constructor recursion depth mismatch" (python/cpython#106905)."""


def parse(source: str) -> ast.Module | None:
    """The tree of a source text; None when it is not Python or is nested too deep to read."""
    with _ONE_AT_A_TIME:
        try:
            with warnings.catch_warnings(action="ignore"):  # "\\d" in a student's string is not our matter
                return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

"""Whether this machine has a sandbox: tests that grade need one."""

from __future__ import annotations

import pytest

from grader.execution import find_executor
from grader.model.errors import ExecutionError


def require() -> None:
    """Skip, saying why, where no box holds."""
    try:
        find_executor(allow_unprotected=False)
    except ExecutionError as error:
        pytest.skip(f"no sandbox on this machine: {error}")

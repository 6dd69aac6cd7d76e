"""Whether the unprivileged user that student code gets can use this checkout's interpreter and files."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

UID = 61234


@cache
def _can_run(program: str) -> bool:
    done = subprocess.run(
        [sys.executable, "-c", program],
        user=UID,
        group=UID,
        extra_groups=[],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def require(*paths: Path) -> None:
    """Skip, saying why, where root's interpreter or these paths are closed to the unprivileged user."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    wanted = ", ".join(repr(str(path)) for path in paths)
    program = f"import os; assert all(os.access(p, os.R_OK) for p in [{wanted}])"
    try:
        reachable = _can_run(program)
    except PermissionError:
        reachable = False
    if not reachable:
        pytest.skip(f"uid {UID} cannot reach {sys.executable} or {wanted}")

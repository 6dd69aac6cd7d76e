"""Starting processes from one thread that lives as long as the grader.

The parent-death signal that makes a box die with the grader is sent when the *thread* that started it
ends: a box started by a pool's worker was killed the moment that worker finished.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

from grader.model.errors import ExecutionError


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start. `stdio` is the stdin and stdout: subprocess.PIPE or DEVNULL."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    stdio: int
    stderr: int = subprocess.DEVNULL
    cwd: str | None = None
    pass_fds: Sequence[int] = ()
    user: int | None = None
    """Real uid to drop to (root only), with no supplementary groups."""
    group: int | None = None


def launch(start: Launch) -> subprocess.Popen[bytes]:
    """Start a process in its own session, without anything of ours but what `start` names.

    Raises ExecutionError when the program cannot be started at all.
    """
    try:
        return _thread().submit(_popen, start).result()
    except (OSError, subprocess.SubprocessError) as error:
        raise ExecutionError("execution.cannot_start", program=start.argv[0], reason=str(error)) from error


@cache
def _thread() -> ThreadPoolExecutor:
    # Idle, it costs nothing; it ends with the interpreter, and its boxes with it.
    return ThreadPoolExecutor(1, "launcher")


def _popen(start: Launch) -> subprocess.Popen[bytes]:
    if os.name == "nt":
        return subprocess.Popen(
            start.argv,
            env=dict(start.env),
            cwd=start.cwd,
            stdin=start.stdio,
            stdout=start.stdio,
            stderr=start.stderr,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    return subprocess.Popen(
        start.argv,
        env=dict(start.env),
        cwd=start.cwd,
        stdin=start.stdio,
        stdout=start.stdio,
        stderr=start.stderr,
        pass_fds=tuple(start.pass_fds),
        user=start.user,
        group=start.group,
        extra_groups=[] if start.user is not None else None,
        start_new_session=True,
    )

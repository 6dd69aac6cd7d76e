"""Clean processes for other packages: one command in a box, its stdin and stdout piped.

    open_box(argv, *, readable, limits, threads) -> subprocess.Popen[bytes]      # Linux with bubblewrap
    open_unboxed(argv, *, limits, threads) -> subprocess.Popen[bytes]            # anywhere, no isolation

`argv` is a command with absolute paths, e.g. (sys.executable, "-I", ".../worker.py"); `readable` are the
files and folders it may read beside the interpreter, shown read-only under their own names. The stderr of
both is thrown away. A watchdog kills the process when its memory passes `limits.memory_bytes`;
`kill_tree` of `grader.execution.processes` ends it at once. Unlike kernels they have no time limit.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from grader.execution.bubblewrap import HOME, Account, Boxed, launch_boxed
from grader.execution.canary import prove_box
from grader.execution.environment import environment, inherited
from grader.execution.launcher import Launch, launch
from grader.execution.layout import same_place
from grader.execution.port import Limits
from grader.execution.processes import guard_memory


def open_box(
    argv: Sequence[str], *, readable: Sequence[Path], limits: Limits, threads: int
) -> subprocess.Popen[bytes]:
    """Start a clean process in a box. See the module's docstring.

    Raises ExecutionError when this machine has no box that holds.
    """
    boxed = Boxed(argv, limits, environment(threads, HOME), same_place(readable))
    process = launch_boxed(boxed, prove_box().route, Account(), stdio=subprocess.PIPE)
    guard_memory(process, limits.memory_bytes)
    return process


def open_unboxed(argv: Sequence[str], *, limits: Limits, threads: int) -> subprocess.Popen[bytes]:
    """The same without isolation, for platforms without bubblewrap: a plain process in its own session."""
    env = inherited() | environment(threads, os.path.expanduser("~"))
    process = launch(Launch(tuple(argv), env, subprocess.PIPE))
    guard_memory(process, limits.memory_bytes)
    return process

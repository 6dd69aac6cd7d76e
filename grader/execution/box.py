"""Clean processes for other packages: one script of ours, its stdin and stdout piped.

    open_clean(Clean(script, arguments, readable, limits), tier) -> Piped

It runs in a sandbox of the tier's kind, where students' code gets one. What it says on stderr is thrown
away. A watchdog kills it when its memory passes the limit; `kill_tree` of `grader.execution.processes` ends
it at once. Unlike kernels it has no time limit.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.execution.bubblewrap import HOME, Account, Boxed, launch_boxed
from grader.execution.canary import prove_box
from grader.execution.environment import environment, inherited
from grader.execution.launcher import Launch, launch
from grader.execution.layout import same_place
from grader.execution.port import Limits
from grader.execution.processes import ErrorTail, Piped, guard_memory
from grader.execution.warm.fences import Fences
from grader.execution.warm.host import Order, Zygote
from grader.execution.warm.shelter import Place


@dataclass(frozen=True, slots=True)
class Clean:
    """A script of ours, and the files and folders it may read beside itself and the interpreter."""

    script: Path
    arguments: Sequence[str]
    readable: Sequence[Path]
    limits: Limits

    @property
    def argv(self) -> tuple[str, ...]:
        return (sys.executable, "-I", str(self.script), *self.arguments)


def open_clean(clean: Clean, tier: str) -> Piped:
    """Start it. Raises ExecutionError when this machine has no sandbox of that tier that holds."""
    opened: dict[str, Callable[[Clean], Piped]] = {"isolated": _boxed, "confined": _fenced}
    process = opened.get(tier, _plain)(clean)
    guard_memory(process, clean.limits.memory_bytes)
    return process


def _boxed(clean: Clean) -> Piped:
    route, _ = prove_box()
    env = environment(clean.limits.threads, HOME)
    readable = same_place((clean.script, *clean.readable))
    boxed = Boxed(clean.argv, clean.limits, env, readable)
    return launch_boxed(boxed, route, Account(), stdio=subprocess.PIPE)


def _fenced(clean: Clean) -> Piped:
    """By a zygote that imports nothing and ends with it."""
    shelter = Fences()
    script, *shown = (shelter.shown(path, path.name) for path in (clean.script, *clean.readable))
    zygote = Zygote(Place((script, *shown), clean.limits.threads), shelter)
    # What was copied has another name.
    names = {str(path): mount.target for path, mount in zip(clean.readable, shown, strict=True)}
    argv = (script.target, *(names.get(word, word) for word in clean.arguments))
    process = zygote.fork(Order(argv, clean.limits, zygote.room(), piped=True))
    released = process.release

    def release() -> None:
        released()
        zygote.close()
        shelter.close()

    process.release = release
    ErrorTail(process)
    return process


def _plain(clean: Clean) -> Piped:
    """Without isolation: a process in its own session."""
    env = inherited() | environment(clean.limits.threads, os.path.expanduser("~"))
    return launch(Launch(clean.argv, env, subprocess.PIPE))

"""Which sandbox this machine has, found by attacking it in the very launcher that runs student code."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import psutil

from grader.execution.bubblewrap import HOME, Account, Boxed, Route, launch_boxed, routes
from grader.execution.environment import environment
from grader.execution.layout import Mount, layout
from grader.execution.port import Limits
from grader.execution.processes import Piped, kill_tree, tree
from grader.execution.sandbox import canary_inside, landlock
from grader.model.errors import ExecutionError

_LOG = logging.getLogger(__name__)
_SECONDS = 20
SCRIPT = Path(canary_inside.__file__)
_CANARY = Mount(str(SCRIPT), "/opt/kernel/canary.py")


_WALLS = {
    "isolated": "bubblewrap: user+pid+net+ipc+uts+mount namespaces, seccomp",
    "confined": "no namespaces: file names and the number of processes can be seen; seccomp",
}


@dataclass(frozen=True, slots=True)
class Proven:
    """A sandbox that held against every attack of the canary."""

    tier: str
    held: int
    warm: bool = False
    """Whether it was a forked child's that held."""

    def line(self, limits_line: str) -> str:
        """One line for people: tier and what it enforces."""
        walls = _WALLS[self.tier]
        if version := landlock.version():
            walls += f", landlock {version}"
        warm = "warm, " if self.warm else ""
        return (
            f"isolation: {self.tier} ({warm}{walls}) net=off files=own-folder {limits_line}; "
            f"self-test {self.held}/{self.held}"
        )


@cache
def prove_box() -> tuple[Route, Proven]:
    """Try each route of this machine; the first whose box holds. Once per process.

    Raises ExecutionError, with the remedy, when there is none.
    """
    reasons: list[str] = []
    for route in routes():
        try:
            return route, prove("isolated", partial(_in_a_box, route))
        except ExecutionError as error:
            _LOG.info("no box by route %s: %s", route.value, error)
            if error.message.key != "execution.box_refused":
                raise
            reasons.append(str(error.message.args["reason"]))
    raise ExecutionError("execution.box_refused", reason=reasons[0])


def prove(tier: str, start: Callable[[tuple[str, ...]], Piped], *, warm: bool = False) -> Proven:
    """Attack from inside the sandbox in which `start` runs the canary, given its arguments.

    Raises ExecutionError when an attack succeeds.
    """
    with _targets(tier) as targets:
        report, real_uids = _attack(start, targets)
    held = report.get("held")
    if not isinstance(held, dict) or not held:
        raise ExecutionError("execution.box_refused", reason="no answer")
    held["run as real root"] = bool(real_uids) and 0 not in real_uids
    if failed := [name for name, ok in held.items() if ok is not True]:
        raise ExecutionError("execution.box_leaks", attacks=", ".join(failed))
    if report.get("kernel") is not True:
        raise ExecutionError("execution.box_no_kernel", python=sys.executable)
    return Proven(tier, len(held), warm)


@contextlib.contextmanager
def _targets(tier: str) -> Iterator[Mapping[str, object]]:
    """Things of the host that anybody on it may read or reach, so that only the box stands before them."""
    abstract = f"canary-{secrets.token_hex(8)}"
    home = os.path.realpath(os.path.expanduser("~"))
    with (
        tempfile.TemporaryDirectory(prefix="canary-") as folder,
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        os.chmod(folder, 0o755)  # noqa: S103 - the point is that file modes do not hide it
        secret = Path(folder) / "secret"
        secret.write_text("secret")
        unix.bind(f"\0{abstract}")
        unix.listen()
        yield {
            "secret": str(secret),
            "tier": tier,
            "pid": os.getpid(),
            "package": str(Path(__file__).parent),
            "home": home,
            "private": _private(home),
            "port": listener.getsockname()[1],
            "abstract": abstract,
        }


def _private(home: str) -> list[str]:
    """Some names in the user's home that the box should not show: all but the way to the interpreter."""
    shown = [mount.target for mount in layout().mounts]
    try:
        names = sorted(os.listdir(home))
    except OSError:
        return []
    return [n for n in names if not any(f"{path}/".startswith(f"{home}/{n}/") for path in shown)][:100]


def _in_a_box(route: Route, argv: tuple[str, ...]) -> subprocess.Popen[bytes]:
    command = (sys.executable, "-I", _CANARY.target, *argv)
    boxed = Boxed(command, Limits(), environment(1, HOME), readable=(_CANARY,))
    return launch_boxed(boxed, route, Account(), stdio=subprocess.PIPE, stderr=subprocess.PIPE)


def _attack(
    start: Callable[[tuple[str, ...]], Piped], targets: Mapping[str, object]
) -> tuple[Mapping[str, object], set[int]]:
    """What the canary reports, and the real uids of the processes inside the box."""
    process = start((json.dumps(dict(targets)),))
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    timer = threading.Timer(_SECONDS, kill_tree, [process])
    timer.start()
    try:
        line = process.stdout.readline(2**16)
        uids = _leaf_uids(process.pid)
        process.stdin.close()
        reason = process.stderr.read(2000).decode("utf-8", "replace").strip()
    finally:
        timer.cancel()
        kill_tree(process)
        process.stdout.close()
        process.stderr.close()
    if not line:
        raise ExecutionError("execution.box_refused", reason=reason or "no answer")
    return _read(line), uids


def _read(line: bytes) -> Mapping[str, object]:
    try:
        report = json.loads(line)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def _leaf_uids(pid: int) -> set[int]:
    """Real uids of the processes without children: the canary, as the host sees it."""
    found = set()
    for process in tree(pid):
        with contextlib.suppress(psutil.Error):
            if not process.children():
                found.add(int(process.uids().real))
    return found

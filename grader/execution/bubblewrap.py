"""One command in its own bubblewrap box, never as real uid 0.

Bubblewrap builds the file tree from `Layout`, everything read-only but four sized tmpfs, makes new user,
pid, net, ipc, uts and cgroup namespaces and loads the seccomp filter. When the grader is root, an outer
bubblewrap first only re-mounts the same layout (so that an interpreter below a 0700 /root can be reached)
and `setpriv` drops to an unprivileged uid before the inner one starts: as real uid 0 student code could
write /proc/sys (core_pattern) and no process limit would bind.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache
from pathlib import PurePosixPath

from grader.execution.launcher import Launch, launch
from grader.execution.layout import Layout, Mount, layout
from grader.execution.port import Limits
from grader.execution.sandbox import landlock, seccomp
from grader.model.errors import ExecutionError

HOME = "/home/student"
SOCKETS = "/run/k"
"""Folder for the kernel's sockets: outside /tmp, on a tmpfs of the box, so that nothing of the host's
disk can be written. The host reaches it through /proc/<pid>/root."""

_TMP, _SHM = "/tmp", "/dev/shm"  # noqa: S108 - fresh folders of each box, which no other process can reach
_INSIDE_ID = 1000
_LANDLOCK = Mount(os.path.realpath(landlock.__file__), "/opt/kernel/landlock.py")
_DATA_FLOOR = 2**30
"""TensorFlow aborts without a Python error below about 0.5 GiB of RLIMIT_DATA."""
_OPEN_FILES = 4096
_FILES = {
    "/etc/passwd": f"student:x:{_INSIDE_ID}:{_INSIDE_ID}::{HOME}:/bin/sh\n",
    "/etc/group": f"student:x:{_INSIDE_ID}:\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
}


class Route(Enum):
    """How bubblewrap is started, depending on who starts it."""

    DIRECT = "direct"
    """By an ordinary user, with that user's own uid."""
    REMOUNT = "remount"
    """By root: re-mount, drop to `Account`, then bubblewrap."""
    DROP = "drop"
    """By root without CAP_SYS_ADMIN (some containers): drop, then bubblewrap."""


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged real user and group that run student code when the grader is root.

    They need not exist in /etc/passwd, and nothing on the machine should belong to them.
    """

    uid: int = 61234
    gid: int = 61234


@dataclass(frozen=True, slots=True)
class Boxed:
    """One command and all that its box needs."""

    argv: Sequence[str]
    limits: Limits
    env: Mapping[str, str]
    readable: Sequence[Mount] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    """Small read-only files made from text: name in the box -> content."""
    pass_fds: Sequence[int] = ()
    nested: bool = False
    """For trusted code that makes boxes inside this one: namespaces may be made in it, and it has neither
    the filter nor the limits, which each box inside sets for itself."""


def launch_boxed(
    boxed: Boxed, route: Route, account: Account, *, stdio: int, stderr: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start `boxed` by one route. Its exit status is that of the command.

    Raises ExecutionError when bubblewrap is missing or too old.
    """
    bwrap = require_bubblewrap()
    layers = layout((*boxed.readable, _LANDLOCK))
    fds: list[int] = []
    try:
        argv = _inner(bwrap, layers if route is not Route.REMOUNT else _remounted(layers), boxed, fds)
        if route is Route.REMOUNT:
            argv = [*_outer(bwrap, layers, fds), *_setpriv(account), *argv]
        drop = account if route is Route.DROP else None
        # bwrap stays as pid 1 in the box: its own environment must hold nothing of ours.
        start = Launch(
            tuple(argv),
            {},
            stdio,
            stderr,
            pass_fds=(*fds, *boxed.pass_fds),
            user=drop.uid if drop else None,
            group=drop.gid if drop else None,
        )
        return launch(start)
    finally:
        for fd in fds:
            os.close(fd)


def routes() -> tuple[Route, ...]:
    """The routes open to whoever runs this, best first."""
    return (Route.REMOUNT, Route.DROP) if os.geteuid() == 0 else (Route.DIRECT,)


@cache
def require_bubblewrap() -> str:
    """Path of a bubblewrap that has what the box needs (0.8 or later).

    Raises ExecutionError with the remedy where there is none.
    """
    if platform.system() != "Linux":
        raise ExecutionError("execution.not_linux", system=platform.system())
    if not seccomp.known():
        raise ExecutionError("execution.no_filter", machine=platform.machine())
    found = shutil.which("bwrap")
    if found is None:
        raise ExecutionError("execution.bubblewrap_missing")
    options = subprocess.run([found, "--help"], capture_output=True, text=True, check=False).stdout
    if "--disable-userns" not in options:
        raise ExecutionError("execution.bubblewrap_old", path=found)
    return found


def _remounted(layers: Layout) -> Layout:
    """The layout as the inner box sees it once the outer one has mounted it: each name is its own source."""

    def in_place(mounts: Sequence[Mount]) -> tuple[Mount, ...]:
        return tuple(Mount(mount.target, mount.target) for mount in mounts)

    return replace(layers, mounts=in_place(layers.mounts), uncovered=in_place(layers.uncovered))


def _outer(bwrap: str, layers: Layout, fds: list[int]) -> list[str]:
    """As root: the same tree with passable parent folders, and /dev and /proc to start from.

    The pid namespace is for the end: this bubblewrap's monitor is root without capabilities, so its
    parent-death signal may not reach processes of another uid. Its namespace's first process is root's
    too, and takes all others with it. The second /proc is there because a user namespace may mount one
    only where it sees an uncovered one already.
    """
    tree = ["--die-with-parent", "--unshare-pid", "--proc", "/proc", "--dev-bind", "/dev", "/dev"]
    tree += ["--bind", "/proc", "/run/proc", *_tree(layers)]
    tree += ["--dir", _TMP]  # where the inner one mounts its tree before it moves there
    return [bwrap, "--args", str(_in_memory("\0".join(tree), fds)), "--"]


def _setpriv(account: Account) -> list[str]:
    ids = ["--reuid", str(account.uid), "--regid", str(account.gid), "--clear-groups"]
    # Changing uid forgets the parent-death signal, hence --pdeathsig.
    return ["/usr/bin/setpriv", *ids, "--inh-caps=-all", "--no-new-privs", "--pdeathsig", "KILL"]


def _inner(bwrap: str, layers: Layout, boxed: Boxed, fds: list[int]) -> list[str]:
    """The box itself. Its options go by a pipe: /proc/1/cmdline would show them inside."""
    limits = boxed.limits
    scratch = scratch_folders(limits)
    options = [
        *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
        *("--unshare-cgroup-try", "--die-with-parent", "--new-session"),
        *(() if boxed.nested else ("--disable-userns",)),
        *("--uid", str(_INSIDE_ID), "--gid", str(_INSIDE_ID), "--hostname", "localhost"),
        # Before the tree: what is shown may lie below /tmp.
        *_scratch(_TMP, scratch[_TMP]),
        *_scratch(HOME, scratch[HOME]),
        *_tree(layers),
        *("--proc", "/proc", "--dev", "/dev"),
        *_scratch(_SHM, scratch[_SHM]),
        *_scratch(SOCKETS, scratch[SOCKETS]),
        *_written({**_FILES, **boxed.files}, fds),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME, "--clearenv"),
        *(word for name, value in _full(boxed.env).items() for word in ("--setenv", name, value)),
    ]
    if not boxed.nested:
        options += ["--seccomp", str(_in_memory(seccomp.box_filter(), fds))]
    fd = _in_memory("\0".join(options), fds)
    before = () if boxed.nested else (*_prlimit(limits), *_landlocked())
    return [bwrap, "--args", str(fd), "--", *before, *boxed.argv]


def _tree(layers: Layout) -> list[str]:
    words: list[str] = []
    for name in _parents(mount.target for mount in layers.mounts):
        # Left to itself bubblewrap 0.8 makes the folders above a mount 0700.
        words += ["--perms", "0755", "--dir", name]
    for mount in layers.mounts:
        words += ["--ro-bind", mount.source, mount.target]
    for points_to, name in layers.links:
        words += ["--symlink", points_to, name]
    for name in layers.masked:
        words += ["--perms", "0755", "--size", str(2**20), "--tmpfs", name]
    shown = tuple(mount.target for mount in layers.mounts)
    for name in _parents(mount.target for mount in layers.uncovered):
        # A folder that a mount shows has the parent already, and could not be given one.
        if not _inside(name, shown) or _inside(name, layers.masked):
            words += ["--perms", "0755", "--dir", name]
    for mount in layers.uncovered:
        words += ["--ro-bind", mount.source, mount.target]
    for name in layers.masked:
        words += ["--remount-ro", name]
    return words


def _parents(names: Iterable[str]) -> list[str]:
    """All folders above the names but "/", each before what is inside it."""
    return sorted({str(parent) for name in names for parent in PurePosixPath(name).parents} - {"/"})


def _inside(name: str, folders: Sequence[str]) -> bool:
    return any(name == folder or name.startswith(f"{folder}/") for folder in folders)


def _scratch(name: str, size: int) -> list[str]:
    return ["--perms", "0700", "--size", str(size), "--tmpfs", name]


def _written(files: Mapping[str, str], fds: list[int]) -> list[str]:
    words: list[str] = []
    for name, text in files.items():
        # Files of the root folder, which is made read-only in the end: nothing can be mounted over the
        # deleted ones that --ro-bind-data shows, as boxes in this one do.
        words += ["--perms", "0444", "--file", str(_in_memory(text, fds)), name]
    return words


def _full(env: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "USER": "student", "TMPDIR": _TMP, **env}


def scratch_folders(limits: Limits) -> dict[str, int]:
    """The writable folders, each a tmpfs of at most so many bytes."""
    size = limits.scratch_bytes
    return {_TMP: size // 4, HOME: size // 2, _SHM: size // 4, SOCKETS: 2**20}


def resource_limits(limits: Limits) -> dict[str, int]:
    """By the names of RLIMIT_*, in lower case."""
    data = max(limits.memory_bytes, _DATA_FLOOR)
    caps = {"core": 0, "data": data, "fsize": limits.scratch_bytes, "nofile": _OPEN_FILES}
    return {**caps, "nproc": limits.tasks}


def _prlimit(limits: Limits) -> list[str]:
    """Set inside the box: RLIMIT_NPROC counts per user namespace there, not over all the user's programs."""
    caps = resource_limits(limits)
    return ["/usr/bin/prlimit", *(f"--{name}={value}:{value}" for name, value in caps.items())]


def grants() -> dict[str, list[str]]:
    """What Landlock leaves of a box's tree, as a second wall behind the mounts: writing only where meant."""
    return {"read": ["/"], "use": ["/dev"], "write": [_TMP, HOME, _SHM, SOCKETS]}


def _landlocked() -> tuple[str, ...]:
    if not landlock.version():
        return ()
    return (sys.executable, "-I", "-S", _LANDLOCK.target, json.dumps(grants()))


def _in_memory(content: str | bytes, fds: list[int]) -> int:
    """A descriptor that reads `content` to its end; it is added to `fds`, which the caller closes."""
    fd = os.memfd_create("box")
    fds.append(fd)
    os.write(fd, content.encode() if isinstance(content, str) else content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd

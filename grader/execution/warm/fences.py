"""The shelter of the confined tier: no namespaces, but Landlock and a stricter system-call filter.

A zygote runs as an ordinary process of an unprivileged user; each child shuts itself in with `fence`. Its
folder lies on the host's disk. What is shown keeps its own name, or is copied where that user cannot go.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import secrets
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from grader.execution.bubblewrap import Account, resource_limits
from grader.execution.isolated import kernel_environment
from grader.execution.launcher import Launch, launch
from grader.execution.layout import Mount, Readable, open_to_all, readable
from grader.execution.port import Limits
from grader.execution.processes import tree
from grader.execution.sandbox import landlock, seccomp
from grader.execution.warm.shelter import Place
from grader.model.errors import ExecutionError

_PROGRAMS = Path(seccomp.__file__).parent
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_FACTS = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/sys/devices/system/cpu")
"""What libraries read of the machine. Of processes, each sees its own only."""
_OWN = ("home", "tmp", "k")


class _Fenced:
    """A room that is a folder of the host's: ours but for three folders in it."""

    def __init__(self, folder: Path, account: Account | None, shown: Readable) -> None:
        self._folder = folder
        self._account = account
        self._shown = shown
        self.scratch: Path | None = folder
        self.home = str(folder / "home")
        self.sockets = str(folder / "k")
        folder.mkdir(mode=0o750)
        _give(folder, account, owned=False)
        for name in _OWN:
            (folder / name).mkdir(mode=0o700)
            _give(folder / name, account, owned=True)

    def file(self, name: str) -> str:
        return str(self._folder / name)

    def outside(self, pid: int, name: str) -> str:
        return name

    def order(self, files: Mapping[str, str], limits: Limits) -> dict[str, object]:
        for name, text in files.items():
            # Ours, and written before any code of the run's: nothing can have been planted here.
            path = self._folder / name
            path.write_text(text, encoding="utf-8")
            path.chmod(0o640)
            _give(path, self._account, owned=False)
        return {
            "env": {**kernel_environment(limits.threads, self.home), "TMPDIR": str(self._folder / "tmp")},
            "home": self.home,
            "granted": {
                "read": [*self._shown.whole, *_FACTS, str(self._folder)],
                "list": list(self._shown.listed),
                "use": list(_DEVICES),
                "write": [str(self._folder / name) for name in _OWN],
            },
            # It counts all of the user's tasks on this machine, not only those of the run.
            "limits": {**resource_limits(limits), "nproc": limits.tasks + _tasks()},
        }

    def close(self) -> None:
        _remove(self._folder)


@functools.cache
def _readable(mounts: tuple[Mount, ...]) -> Readable:
    return readable(mount.source for mount in mounts)


def _remove(folder: Path) -> None:
    """With the system's own tools, which know folders without rights and folders nested thousands deep."""
    for command in (("chmod", "-R", "u+rwX"), ("rm", "-rf")):
        subprocess.run((*command, "--", str(folder)), stderr=subprocess.DEVNULL, check=False)


def _give(path: Path, account: Account | None, *, owned: bool) -> None:
    """To the account that root drops to: as its own, or for its group to read."""
    if account is not None:
        os.chown(path, account.uid if owned else 0, account.gid)


def _copy(place: Path, copy: Path) -> None:
    """For all to read; under its name only once it is whole."""
    draft = copy.parent.with_suffix(".draft")
    _remove(draft)
    draft.mkdir()
    if place.is_dir():
        shutil.copytree(place, draft / copy.name)
    else:
        shutil.copy(place, draft / copy.name)
    for path in (draft, *draft.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    draft.rename(copy.parent)


def _tasks() -> int:
    """Threads on this machine, an upper bound of any one user's."""
    total = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            total += process.num_threads()
    return total


class Fences:
    """See `grader.execution.warm.shelter.Shelter`. Raises ExecutionError where there is no Landlock."""

    tier = "confined"
    kind = "fence"
    adopts = True

    def __init__(self, account: Account | None = None) -> None:
        if platform.system() != "Linux":
            raise ExecutionError("execution.not_linux", system=platform.system())
        if not seccomp.known():
            raise ExecutionError("execution.no_filter", machine=platform.machine())
        if not landlock.version():
            raise ExecutionError("execution.no_landlock")
        self._account = (account or Account()) if os.geteuid() == 0 else None
        self._base = Path(tempfile.mkdtemp(prefix="runs-")).resolve()
        self._base.chmod(0o711)
        self._copying = threading.Lock()

    def start(self, argv: Sequence[str], place: Place, control: int) -> subprocess.Popen[bytes]:
        room = self.room(place)
        own = {"TMPDIR": f"{room.home}/../tmp", "PATH": "/usr/bin:/bin", "USER": "student"}
        start = Launch(
            tuple(argv),
            kernel_environment(place.threads, room.home) | own,
            subprocess.DEVNULL,
            subprocess.PIPE,
            cwd="/",
            pass_fds=(control,),
            user=self._account.uid if self._account else None,
            group=self._account.gid if self._account else None,
        )
        return launch(start)

    def end(self, zygote: subprocess.Popen[bytes]) -> None:
        """The zygote alone: its keepers are told, and end what they keep before themselves."""
        if zygote.returncode is not None:
            return  # its number may be another's
        below = tree(zygote.pid)[1:]
        zygote.kill()
        zygote.wait()
        _, left = psutil.wait_procs(below, timeout=10)
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()

    def program(self, name: str) -> str:
        return self.shown(_PROGRAMS, "sandbox").target + f"/{name}"

    def shown(self, path: Path, name: str) -> Mount:
        place = path.resolve()
        if self._account is not None and not open_to_all(place):
            copy = self._base / f"shown-{hashlib.sha256(os.fsencode(place)).hexdigest()[:16]}" / place.name
            with self._copying:
                if not copy.exists():
                    _copy(place, copy)
            place = copy
        return Mount(str(place), str(place))

    def room(self, place: Place) -> _Fenced:
        return _Fenced(self._base / secrets.token_hex(6), self._account, _readable(place.readable))

    def close(self) -> None:
        _remove(self._base)

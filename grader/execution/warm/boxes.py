"""The shelter of the isolated tier: one bubblewrap box for a zygote, and in it a nest for each child."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from grader.execution.bubblewrap import (
    HOME,
    SOCKETS,
    Account,
    Boxed,
    Route,
    grants,
    launch_boxed,
    resource_limits,
    scratch_folders,
)
from grader.execution.isolated import kernel_environment
from grader.execution.layout import Mount
from grader.execution.port import Limits
from grader.execution.processes import kill_tree
from grader.execution.sandbox import seccomp
from grader.execution.warm.shelter import FILES, Place

_PROGRAMS = Path(seccomp.__file__).parent
_INSIDE = "/opt/kernel"


class _Nest:
    """A room whose folders are the nest's own, gone with it."""

    home = HOME
    sockets = SOCKETS
    scratch = None

    def file(self, name: str) -> str:
        return f"{_INSIDE}/{name}"

    def outside(self, pid: int, name: str) -> str:
        return f"/proc/{pid}/root{name}"

    def order(self, files: Mapping[str, str], limits: Limits) -> dict[str, object]:
        return {
            "folders": scratch_folders(limits),
            "home": HOME,
            "spare": SOCKETS,
            "files": {self.file(name): text for name, text in files.items()},
            "granted": grants(),
            "limits": resource_limits(limits),
        }

    def close(self) -> None:
        """Nothing is left."""


class Boxes:
    """See `grader.execution.warm.shelter.Shelter`."""

    tier = "isolated"
    kind = "nest"
    adopts = False

    def __init__(self, route: Route, account: Account | None = None) -> None:
        self._route = route
        self._account = account or Account()

    def start(self, argv: Sequence[str], place: Place, control: int) -> subprocess.Popen[bytes]:
        boxed = Boxed(
            argv,
            Limits(),
            kernel_environment(place.threads, HOME),
            (*place.readable, Mount(str(_PROGRAMS), f"{_INSIDE}/sandbox")),
            {f"{_INSIDE}/{name}": "" for name in FILES},
            (control,),
            nested=True,
        )
        return launch_boxed(
            boxed, self._route, self._account, stdio=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def end(self, zygote: subprocess.Popen[bytes]) -> None:
        kill_tree(zygote)

    def program(self, name: str) -> str:
        return f"{_INSIDE}/sandbox/{name}"

    def shown(self, path: Path, name: str) -> Mount:
        return Mount(str(path.resolve()), name)

    def room(self, place: Place) -> _Nest:
        return _Nest()

    def close(self) -> None:
        """Nothing is held."""

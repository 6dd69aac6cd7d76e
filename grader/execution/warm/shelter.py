"""What keeps forked kernels in: the port behind which a box and a fence look alike."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grader.execution.layout import Mount
from grader.execution.port import Limits


@dataclass(frozen=True, slots=True)
class Place:
    """What a zygote and its children may read beside the interpreter, and what it imports first."""

    readable: tuple[Mount, ...]
    threads: int = 1
    """Framework threads of its children."""
    modules: tuple[str, ...] = ()


class Room(Protocol):
    """What one run has for itself. Names are those that the program inside uses."""

    @property
    def sockets(self) -> str:
        """Folder for the kernel's sockets."""
        ...

    @property
    def scratch(self) -> Path | None:
        """Folder on the host's disk that it writes to, whose size nothing but a watchdog bounds."""
        ...

    def file(self, name: str) -> str:
        """Where the program finds a file of ours; one of `grader.execution.warm.shelter.FILES`."""
        ...

    def outside(self, pid: int, name: str) -> str:
        """The host's name for something inside; `pid` is the first process."""
        ...

    def order(self, files: Mapping[str, str], limits: Limits) -> dict[str, object]:
        """What the zygote needs besides the program. `files`: names of FILES -> content."""
        ...

    def close(self) -> None:
        """Once no process of the run is left."""
        ...


FILES = ("job.json", "connection.json")


class Shelter(Protocol):
    """How zygotes are started, and what each of their children gets."""

    @property
    def tier(self) -> str: ...

    @property
    def kind(self) -> str:
        """As zygote.py calls it."""
        ...

    def start(self, argv: Sequence[str], place: Place, control: int) -> subprocess.Popen[bytes]:
        """A zygote's process. Raises ExecutionError when it cannot be started."""
        ...

    @property
    def adopts(self) -> bool:
        """Whether keepers adopt what leaves its parent."""
        ...

    def end(self, zygote: subprocess.Popen[bytes]) -> None:
        """End a zygote and all that it forked."""
        ...

    def program(self, name: str) -> str:
        """Where a zygote finds a script of `grader.execution.sandbox`."""
        ...

    def shown(self, path: Path, name: str) -> Mount:
        """How a path is shown inside, where it may be renamed to `name`."""
        ...

    def room(self, place: Place) -> Room:
        """For one run in a child of that place's zygote."""
        ...

    def close(self) -> None:
        """Once no zygote is left."""
        ...

"""The port to whatever runs student code: one job in, one raw run out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from grader.execution.processes import Piped
from grader.model.budget import Budget
from grader.model.evidence import Ended
from grader.model.submission import SourceCell
from grader.model.text import Message


@dataclass(frozen=True, slots=True)
class Limits:
    """Hard limits of one run. The wall clock is in the job's budget."""

    memory_bytes: int = 4 * 2**30
    """Resident memory of all the run's processes together (PSS where it can be read)."""
    output_bytes: int = 20 * 2**20
    """Bytes of cell outputs kept; more ends the run."""
    evidence_bytes: int = 256 * 2**20
    scratch_bytes: int = 2**30
    processes: int = 64
    """Processes at once; the watchdog counts them."""
    tasks: int = 512
    """Processes and threads at once, which the kernel bounds: what may come between two looks."""
    cpu_seconds: float | None = None
    """Processor time of all the run's processes together; None: what the wall clock lets the frameworks'
    threads and one more use."""
    threads: int = 1
    """Threads each framework may use."""


@dataclass(frozen=True, slots=True)
class Job:
    """One submission to run. `cells` are all its cells; only code cells run, in their order."""

    cells: tuple[SourceCell, ...]
    budget: Budget
    seed: int
    data: Path
    """Folder of the served dataset: <name>/{x_train,y_train,x_test,y_test}.npy. Bound read-only."""
    dataset: str
    limits: Limits = Limits()
    on_cell: Callable[[int, int], None] | None = None
    """Called with (code cells begun, code cells in all); it must return quickly and not raise."""


@dataclass(frozen=True, slots=True)
class CellRun:
    """What running one cell gave, from the kernel's messages (observed)."""

    index: int
    """As in `SourceCell.index`."""
    ok: bool
    error: str = ""
    """Exception class name; "UsageError" for an unknown magic, which Jupyter calls a success;
    "CellTimeout", "Stopped" or "KernelDied" for a cell cut by its own limit, by a limit of the run, or by
    its kernel's end."""
    error_text: str = ""
    output_text: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RawRun:
    """What came out of a run. `frames` is whatever the probe sent: unread, untrusted bytes."""

    ended: Ended
    frames: bytes
    cells: tuple[CellRun, ...]
    """Code cells that were begun, in order: the n-th is ordinal n of the evidence. Blank cells, which
    Jupyter does not run either, and those after the end of the run are absent."""
    isolation: str
    """One line: tier and what it enforces."""
    seconds: float
    detail: Message | None = None
    """Which limit ended it, and how to raise it."""
    peak_bytes: int = 0
    """Most memory its processes held at once, pages they shared counted for each."""
    key: bytes = field(default=b"", repr=False)
    """Authenticates the frames (see `grader.evidence.gate`); none where the kernel got none."""


@dataclass(frozen=True, slots=True)
class Clean:
    """A script of ours to run apart from everything: it gets the data folder as its first argument."""

    script: Path
    data: Path
    """Folder of the served dataset, which it may read beside itself and the interpreter."""
    arguments: tuple[str, ...]
    limits: Limits


@dataclass(frozen=True, slots=True)
class First:
    """What the first run will ask for, where that is known before there is one."""

    data: Path
    threads: int


class Executor(Protocol):
    """Runs student code. Implementations differ in isolation; one contract suite holds for all."""

    @property
    def tier(self) -> str:
        """isolated, confined, container or unprotected."""
        ...

    def isolation(self, limits: Limits) -> str:
        """One line for people: the tier and what it enforces."""
        ...

    def run(self, job: Job) -> RawRun:
        """Run one job to its end or to a limit.

        A failing cell does not stop the rest. Never raises for what student code does; raises
        ExecutionError when the sandbox itself cannot be started.
        """
        ...

    def clean(self, work: Clean) -> Piped:
        """A process in a sandbox of the same kind in which no student code ever runs, stdin and stdout piped.

        What it says on stderr is thrown away. It has no time limit; a watchdog kills it when its memory
        passes the limit, `kill_tree` of `grader.execution.processes` ends it at once. Raises
        ExecutionError when it cannot be started.
        """
        ...

    def close(self) -> None:
        """Let go of whatever is held between runs. No run may be under way or follow."""
        ...

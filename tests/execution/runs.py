"""Jobs for the tests of execution, and the executors they run in."""

from __future__ import annotations

import atexit
import dataclasses
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.execution.canary import prove_box
from grader.execution.isolated import BoxedKernelExecutor
from grader.execution.port import CellRun, Executor, Job, Limits, RawRun
from grader.execution.unprotected import UnprotectedExecutor
from grader.execution.warm.boxes import Boxes
from grader.execution.warm.executor import WarmKernelExecutor
from grader.execution.warm.fences import Fences
from grader.execution.warm.frameworks import KERNEL
from grader.execution.warm.prove import prove_fork
from grader.execution.warm.shelter import Shelter
from grader.execution.warm.zygotes import Zygotes
from grader.model.budget import BUDGETS, Level
from grader.model.errors import ExecutionError
from grader.model.submission import CellKind, SourceCell

PROBE = Path(__file__).parent / "probe_double"
BOXED = ("isolated", "warm")
SHUT = (*BOXED, "confined")
TIERS = (*SHUT, "unprotected")
MIB = 2**20
SCRIPT = Path(tempfile.mkdtemp(prefix="clean-")) / "script.py"
"""What clean processes run here; its content changes."""
SCRIPT.touch()
SCRIPT.parent.chmod(0o755)
atexit.register(shutil.rmtree, SCRIPT.parent, ignore_errors=True)


def executor_of(tier: str, probe: Path = PROBE) -> Executor:
    """The executor of a tier; skips the test, saying why, where this machine does not have it.

    "isolated" starts each kernel anew, "warm" is the same tier with forked ones. Of those that fork there is
    one for all tests; without the libraries, whose import would take most of the time of this suite.
    """
    if tier == "unprotected":
        return UnprotectedExecutor(probe=probe)
    if (tier, probe) not in _HELD:
        try:
            _HELD[tier, probe] = _MAKE[tier](probe)
        except ExecutionError as error:
            pytest.skip(f"no {tier} tier here: {error}")
    return _HELD[tier, probe]


def _isolated(probe: Path) -> BoxedKernelExecutor:
    return BoxedKernelExecutor(*prove_box(), probe=probe)


def _warm(probe: Path) -> WarmKernelExecutor:
    zygotes = _zygotes(Boxes(prove_box()[0]), probe)
    return WarmKernelExecutor(prove_fork(zygotes.shelter), zygotes, _isolated(probe))


def _confined(probe: Path) -> WarmKernelExecutor:
    zygotes = _zygotes(Fences(), probe)
    return WarmKernelExecutor(prove_fork(zygotes.shelter), zygotes)


def _zygotes(shelter: Shelter, probe: Path) -> Zygotes:
    return Zygotes(shelter, probe=probe, modules=KERNEL, scripts=(SCRIPT,))


_MAKE: dict[str, Callable[[Path], Executor]] = {"isolated": _isolated, "warm": _warm, "confined": _confined}
_HELD: dict[tuple[str, Path], Executor] = {}


def job(*sources: str, data: Path, wall: float = 60, cell: float = 30, limits: Limits | None = None) -> Job:
    budget = dataclasses.replace(BUDGETS[Level.QUICK], wall_seconds=wall, cell_seconds=cell)
    cells = tuple(SourceCell(index, CellKind.CODE, source) for index, source in enumerate(sources))
    return Job(cells, budget, seed=7, data=data, dataset="letters", limits=limits or Limits())


def by_index(run: RawRun) -> dict[int, CellRun]:
    return {cell.index: cell for cell in run.cells}


def close_all() -> None:
    """At the end of the tests."""
    while _HELD:
        _HELD.popitem()[1].close()

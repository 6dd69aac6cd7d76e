"""Jobs for the tests of execution, and the executors they run in."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from grader.execution.canary import prove_box
from grader.execution.isolated import BoxedKernelExecutor
from grader.execution.port import CellRun, Executor, Job, Limits, RawRun
from grader.execution.unprotected import UnprotectedExecutor
from grader.execution.warm.executor import KERNEL, WarmKernelExecutor
from grader.execution.warm.prove import prove_fork
from grader.model.budget import BUDGETS, Level
from grader.model.errors import ExecutionError
from grader.model.submission import CellKind, SourceCell

PROBE = Path(__file__).parent / "probe_double"
BOXED = ("isolated", "warm")
TIERS = (*BOXED, "unprotected")
MIB = 2**20


def executor_of(tier: str, probe: Path = PROBE) -> Executor:
    """The executor of a tier; skips the test, saying why, where this machine has no box."""
    if tier == "unprotected":
        return UnprotectedExecutor(probe=probe)
    try:
        cold = BoxedKernelExecutor(prove_box(), probe=probe)
        return warm(cold, probe) if tier == "warm" else cold
    except ExecutionError as error:
        pytest.skip(f"no isolated tier here: {error}")


def warm(cold: BoxedKernelExecutor, probe: Path) -> WarmKernelExecutor:
    """One for all tests; without the libraries, whose import would take most of the time of this suite."""
    if probe not in _WARM:
        proven = prove_fork(prove_box().route)
        _WARM[probe] = WarmKernelExecutor(proven, cold, probe=probe, modules=KERNEL)
    return _WARM[probe]


_WARM: dict[Path, WarmKernelExecutor] = {}


def job(*sources: str, data: Path, wall: float = 60, cell: float = 30, limits: Limits | None = None) -> Job:
    budget = dataclasses.replace(BUDGETS[Level.QUICK], wall_seconds=wall, cell_seconds=cell)
    cells = tuple(SourceCell(index, CellKind.CODE, source) for index, source in enumerate(sources))
    return Job(cells, budget, seed=7, data=data, dataset="letters", limits=limits or Limits())


def by_index(run: RawRun) -> dict[int, CellRun]:
    return {cell.index: cell for cell in run.cells}


def close_all() -> None:
    """At the end of the tests."""
    while _WARM:
        _WARM.popitem()[1].close()

"""What one submission costs beyond its own cells: time to the first cell, overhead, private memory.

    python benchmarks/worker.py [--runs 20]

Runs the workload's cells one notebook after the other in the sandbox that grades, probe and all, and prints
medians. Private memory is what a kernel does not share with the process it was forked from (USS), at its
first cell and after its last.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import workload

from grader.data import serve
from grader.data.serve import STAND_IN
from grader.execution import find_executor
from grader.execution.port import Executor, Job, Limits
from grader.model.budget import BUDGETS, Level
from grader.model.submission import CellKind, SourceCell
from grader.verification import WORKER

MIB = 2**20
PAUSE = "import time; time.sleep(0.5)"
"""Time to look at its memory."""


@dataclass
class Measured:
    first_cell: list[float] = field(default_factory=list)
    overhead: list[float] = field(default_factory=list)
    cells: list[float] = field(default_factory=list)
    fresh: list[float] = field(default_factory=list)
    at_end: list[float] = field(default_factory=list)


def below() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def private_mib(before: set[psutil.Process]) -> float:
    """Of the processes below this one that were not there before."""
    total = 0
    for process in below() - before:
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().uss
    return total / MIB


def measure(executor: Executor, job: Job, found: Measured) -> None:
    """Run one notebook: two pauses, one before and one after its own cells."""
    before, started = below(), time.monotonic()
    last = len(job.cells)

    def on_cell(number: int, of: int) -> None:
        if number == 1:
            found.first_cell.append(time.monotonic() - started)
        if number in (1, last):
            kept = found.fresh if number == 1 else found.at_end
            threading.Timer(0.25, lambda: kept.append(private_mib(before))).start()

    run = executor.run(Job(job.cells, job.budget, job.seed, job.data, job.dataset, job.limits, on_cell))
    assert [cell.error for cell in run.cells] == [""] * last, run.cells
    found.overhead.append(run.seconds - sum(cell.seconds for cell in run.cells))
    found.cells.append(sum(cell.seconds for cell in run.cells[1:-1]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    served = serve("fashion_mnist", folder=Path(STAND_IN))
    sources = (PAUSE, *(source.replace("{number}", "0") for source in workload.CELLS), PAUSE)
    cells = tuple(SourceCell(i, CellKind.CODE, source) for i, source in enumerate(sources))
    job = Job(cells, BUDGETS[Level.QUICK], 1, served.folder, served.name, Limits())
    executor = find_executor(allow_unprotected=False, scripts=(WORKER,))
    try:
        measure(executor, job, Measured())  # the zygote's start is not the kernels'
        found = Measured()
        for _ in range(options.runs):
            measure(executor, job, found)
    finally:
        executor.close()
    for name, values, unit in (
        ("fork to first cell", found.first_cell, "s"),
        ("overhead beyond the cells, start and end included", found.overhead, "s"),
        ("the notebook's own cells", found.cells, "s"),
        ("private memory at the first cell", found.fresh, "MiB"),
        ("private memory after the last cell", found.at_end, "MiB"),
    ):
        spread = f"{min(values):.2f} to {max(values):.2f}"
        print(f"{name}: median {statistics.median(values):.2f} {unit} ({spread}, n={len(values)})")


if __name__ == "__main__":
    main()

"""One submission, one run: execute, pass the gate, trace, rebuild -> Evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from grader.data import Served
from grader.evidence.assemble import assemble
from grader.evidence.gate import read_frames
from grader.evidence.trace import ServedRows
from grader.execution.port import CellRun, Executor, Job, Limits, RawRun
from grader.model.budget import Budget, Level
from grader.model.evidence import Cell, Ended, Evidence, ServedData
from grader.model.submission import CellKind, Document, SourceCell
from grader.model.text import Message
from grader.screening import screen
from grader.verification.rebuild import Rebuilder

TEXT_LIMIT = 20_000
"""Characters of saved or new output kept of one cell."""


@dataclass(frozen=True, slots=True)
class Collected:
    """Evidence, and what people should know of the run: cells not run, the limit that ended it."""

    evidence: Evidence
    notes: tuple[Message, ...] = ()
    peak_bytes: int = 0
    """Most memory the run held."""


@dataclass(frozen=True)
class Bench:
    """All that collecting needs besides the submission: one dataset, one sandbox, one rebuilder."""

    served: Served
    executor: Executor | None
    """None at level static, where nothing runs: it then needs no sandbox."""
    rebuilder: Rebuilder
    budget: Budget
    seed: int = 1
    limits: Limits = field(default_factory=Limits)

    @property
    def rows(self) -> ServedRows:
        return load_rows(self.served)

    @property
    def data(self) -> ServedData:
        return ServedData(self.served.name, self.served.fingerprint, self.served.source)

    def collect(
        self,
        assignment: str,
        document: Document,
        on_cell: Callable[[int, int], None] | None = None,
        on_ran: Callable[[], None] | None = None,
    ) -> Collected:
        """Run a document under the budget and return what is known of it then.

        `on_cell` is told of each cell that begins, `on_ran` that verification follows.

        Raises:
            ExecutionError: the sandbox itself could not be started.
        """
        if self.executor is None or self.budget.level is Level.STATIC:
            return Collected(self._base(assignment, document, None))
        screened = screen(document)
        job = Job(
            screened.document.cells,
            self.budget,
            self.seed,
            self.served.folder,
            self.served.name,
            self.limits,
            on_cell,
        )
        raw = self.executor.run(job)
        if on_ran is not None:
            on_ran()
        frames = read_frames(raw.frames, raw.key)
        base = self._base(assignment, document, raw)
        said = [f"cell {index} was not run: it uses {means}" for index, means in screened.blanked]
        base = msgspec.structs.replace(base, tampering=(*said, *frames.refused))
        began = tuple(run.index for run in raw.cells)
        evidence, snapshots = assemble(base, frames.frames, self.rows, began)
        code = [cell.index for cell in document.cells if cell.kind is CellKind.CODE]
        notes = [
            Message("pipeline.blanked", {"cell": code.index(i) + 1, "means": m}) for i, m in screened.blanked
        ]
        notes += [raw.detail] if raw.detail else []
        return Collected(self.rebuilder.verify(evidence, snapshots), tuple(notes), raw.peak_bytes)

    def _base(self, assignment: str, document: Document, raw: RawRun | None) -> Evidence:
        runs = {run.index: run for run in raw.cells} if raw else {}
        return Evidence(
            assignment=assignment,
            level=self.budget.level,
            seed=self.seed,
            data=self.data,
            ended=raw.ended if raw else Ended.NOT_RUN,
            cells=tuple(_cell(cell, runs.get(cell.index)) for cell in document.cells),
            isolation=raw.isolation if raw else "",
            seconds=raw.seconds if raw else 0.0,
        )


@cache
def load_rows(served: Served) -> ServedRows:
    """The served arrays, ready for tracing; once per process, since hashing 70,000 rows takes a second."""
    folder = served.folder / served.name

    def load(part: str) -> NDArray[np.uint8]:
        array: NDArray[np.uint8] = np.load(folder / f"{part}.npy", mmap_mode="r", allow_pickle=False)
        return array

    return ServedRows(
        load("x_train"), load("y_train").astype(np.int64), load("x_test"), load("y_test").astype(np.int64)
    )


def _cell(cell: SourceCell, run: CellRun | None) -> Cell:
    saved = "\n".join(output.text for output in cell.saved)[:TEXT_LIMIT]
    known = Cell(cell.index, str(cell.kind), cell.source, cell.tags, saved)
    if run is None or cell.kind is not CellKind.CODE:
        return known
    return msgspec.structs.replace(
        known,
        ran=True,
        ok=run.ok,
        error=run.error,
        error_text=run.error_text[:TEXT_LIMIT],
        output_text=run.output_text[:TEXT_LIMIT],
        seconds=run.seconds,
    )

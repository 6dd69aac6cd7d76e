"""How many rows a call may use. Pure arithmetic on the job's caps.

Costs are in multiply-adds (MACs): one row forward is `macs`, a trained row three times that (forward,
and backward for inputs and for weights).
"""

from __future__ import annotations

from dataclasses import dataclass

from .state import Probe

MINIMUM_ROWS = 64
"""Even a large net gets this many rows, when the level allows as many."""
TRAIN_COST = 3


@dataclass(frozen=True)
class Epochs:
    """A capped training: `steps` batches of `batch` rows in each epoch."""

    batch: int
    steps: int
    by_total: bool = False

    @property
    def rows(self) -> int:
        return self.batch * self.steps


def epoch_rows(probe: Probe, macs: float, epochs: int) -> tuple[int, bool] | None:
    """(rows of each epoch, whether the submission's total decided), None when not capped."""
    job = probe.job
    if job.fit_rows is None:
        return None
    floor = min(MINIMUM_ROWS, job.fit_rows)
    total = job.fit_rows
    if job.fit_macs is not None:
        total = min(total, max(floor, int(job.fit_macs / macs)))
    own = total
    if job.total_macs is not None:
        left = max(0.0, job.total_macs - probe.macs) / (TRAIN_COST * macs)
        total = min(total, max(floor, int(left)))
    if job.level == "structure":
        # One small step in each epoch, whatever the number of epochs.
        affordable = int(job.fit_macs / macs) if job.fit_macs is not None else total
        return max(1, min(job.fit_rows, affordable)), total < own
    return max(1, total // max(1, epochs)), total < own


def loop_rows(probe: Probe, macs: float, repeats: int | None) -> tuple[int, bool] | None:
    """The same of a student's own loop, for all its rounds together; None when not capped."""
    allowed = epoch_rows(probe, macs, 1)
    if allowed is None or probe.job.level != "structure":
        return allowed
    return allowed[0] * (repeats or 1), allowed[1]


def split_into_steps(rows: int, batch: int, *, structure: bool = False) -> tuple[int, int]:
    """(batch, steps): about `rows` rows in full batches of the declared size.

    The batch shrinks a little where whole batches would lose more than a tenth of the rows.
    """
    if rows <= batch or structure:
        return rows, 1
    steps = rows // batch
    if steps * batch >= 0.9 * rows:
        return batch, steps
    return rows // (steps + 1), steps + 1


def forward_rows(probe: Probe, macs: float, limit: int | None, repeats: int = 1) -> int | None:
    """Rows that evaluate or validation may use, None when not capped."""
    if limit is None:
        return None
    allowed = float(limit)
    if probe.job.predict_macs is not None:
        allowed = min(allowed, probe.job.predict_macs / (macs * max(1, repeats)))
    if probe.job.total_macs is not None:
        allowed = min(allowed, max(0.0, probe.job.total_macs - probe.macs) / (macs * max(1, repeats)))
    return max(min(limit, MINIMUM_ROWS), int(allowed)) if repeats == 1 else max(1, int(allowed))


def predict_rows(probe: Probe, macs: float) -> int | None:
    """Rows that one predict may compute, None when not capped."""
    if probe.job.predict_macs is None:
        return None
    allowed = probe.job.predict_macs
    if probe.job.total_macs is not None:
        allowed = min(allowed, max(0.0, probe.job.total_macs - probe.macs))
    return max(MINIMUM_ROWS, int(allowed / macs))

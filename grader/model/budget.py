"""How much computing one submission may use, by level."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Level(StrEnum):
    """How much of a submission is run. Printed with every grade."""

    STATIC = "static"
    """Nothing runs: source and saved outputs only."""
    STRUCTURE = "structure"
    """Everything runs, but each training is one small step per epoch."""
    QUICK = "quick"
    """Training is capped to `Budget.fit_rows` rows and `Budget.fit_macs` multiply-adds."""
    FULL = "full"
    """As the student wrote it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Caps in rows and multiply-accumulate operations (MACs); `None` means as written.

    A training gets `min(fit_rows, fit_macs / MACs-per-row)` rows in all its epochs together, so the
    number of rows seen does not depend on the declared epochs, and bands need no entry per epoch count.
    """

    level: Level
    fit_rows: int | None
    fit_macs: float | None
    validation_rows: int | None
    evaluate_rows: int | None
    predict_macs: float | None
    total_macs: float | None
    estimator_rows: int | None
    """Rows that a scikit-learn estimator is fitted on whose cost grows with their square; others get five
    times as many."""
    tsne_steps: float | None
    """Rows times iterations of one t-SNE; rows are never left out."""
    resize_bytes: float | None
    """What all images resized in one call may take; a larger call is refused before it fills the memory."""
    wall_seconds: float
    """Wall clock of the whole submission, seconds."""
    cell_seconds: float
    """Wall clock of one cell, seconds."""

    def within(self, seconds: float | None) -> Budget:
        """The same with another wall clock, half of it for one cell; None changes nothing."""
        if seconds is None:
            return self
        return replace(self, wall_seconds=seconds, cell_seconds=seconds / 2)


BUDGETS: dict[Level, Budget] = {
    Level.STATIC: Budget(Level.STATIC, *(0,) * 9, wall_seconds=0, cell_seconds=0),
    Level.STRUCTURE: Budget(
        Level.STRUCTURE, 8, 1e9, 8, 64, 2e10, 1e12, 200, 2.5e5, 2e9, wall_seconds=300, cell_seconds=150
    ),
    Level.QUICK: Budget(
        *(Level.QUICK, 12_000, 1.2e10, 256, 2_000, 2e11, 4e12, 2_000, 1e6, 2e9),
        wall_seconds=600,
        cell_seconds=300,
    ),
    Level.FULL: Budget(Level.FULL, *(None,) * 9, wall_seconds=6 * 3600, cell_seconds=3 * 3600),
}
"""At `static` nothing runs.

`structure` and `quick` were chosen so that one fit of the tutorial nets takes about 1 s on 2 cores."""

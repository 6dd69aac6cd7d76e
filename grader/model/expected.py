"""Expected: what the reference solutions of one assignment supply. Generated, never typed."""

from __future__ import annotations

from msgspec import Struct

from grader.model.band import Band
from grader.model.budget import Level
from grader.model.evidence import Loss, Optimizer
from grader.model.graph import Graph

SCHEMA = 1


class ExpectedModel(Struct, frozen=True, forbid_unknown_fields=True):
    """The network one reference or accepted variant built for one structure check."""

    check: str
    variant: str
    graph: Graph
    params: int
    """Verified by rebuild."""


class MeasuredBand(Struct, frozen=True, forbid_unknown_fields=True):
    """Test accuracy of one calibrated variant under one budget on one dataset.

    `low`/`high` are one-sided 99 % prediction bounds for one further run (normal theory):
    mean -+ t(0.99, n-1) * sd * sqrt(1 + 1/n).
    """

    check: str
    variant: str
    level: Level
    data: str
    """Fingerprint of the decoded arrays."""
    signature: str
    """Architecture it applies to: see grader.checks.architecture.signature."""
    optimizer: Optimizer
    loss: Loss
    batch_size: int
    rows: int
    """Training rows in all epochs."""
    epochs: int
    n: int
    mean: float
    sd: float
    low: float
    high: float
    rejects: float | None = None
    """Share of the accuracy mutants' runs that this band rejects; under 0.9 it carries no points."""
    mutant_runs: int = 0

    @property
    def band(self) -> Band:
        return Band(self.low, self.high)


class Expected(Struct, frozen=True, forbid_unknown_fields=True):
    assignment: str
    models: tuple[ExpectedModel, ...] = ()
    bands: tuple[MeasuredBand, ...] = ()
    versions: dict[str, str] = {}
    inputs: str = ""
    """SHA-256 over the reference folder's sources and the assignment: stale when it differs."""
    boilerplate: tuple[str, ...] = ()
    """Lines of the starter and the statement, normalised: never a student's own words. Filled in by the
    course when it loads the assignment, not stored."""
    schema: int = SCHEMA

    def models_for(self, check: str) -> tuple[ExpectedModel, ...]:
        return tuple(m for m in self.models if m.check == check)

    def bands_for(self, check: str) -> tuple[MeasuredBand, ...]:
        return tuple(b for b in self.bands if b.check == check)

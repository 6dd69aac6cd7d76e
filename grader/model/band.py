"""A measured range of acceptable values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Band:
    """A closed range of acceptable values."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        # NaN is in no band: both comparisons with it are false.
        return self.low <= value <= self.high

"""The statistics of bands and rates, with their sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from scipy.stats import beta, t

from grader.model.band import Band

CONFIDENCE = 0.99
MIN_RUNS = 8
"""Fewer runs are information, not a band (DESIGN, promise 3)."""
RESOLUTION = 0.005
"""Smallest standard deviation believed, accuracy: half a per cent is what 10,000 test rows resolve at
0.95 confidence, and eight runs that happen to agree must not make a band of no width."""


@dataclass(frozen=True, slots=True)
class Sample:
    """n accuracies of one recipe, as mean and standard deviation."""

    n: int
    mean: float
    sd: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Sample:
        return cls(len(values), fmean(values), max(stdev(values), RESOLUTION))

    def prediction(self, confidence: float = CONFIDENCE) -> Band:
        """One-sided prediction bounds for one further run, below and above.

        mean -+ t(confidence, n - 1) * sd * sqrt(1 + 1/n): Hahn & Meeker, Statistical Intervals (1991),
        section 4.7. It assumes that runs are independent and near normal; each bound is one-sided.
        """
        width = float(t.ppf(confidence, self.n - 1)) * self.sd * sqrt(1 + 1 / self.n)
        return Band(max(0.0, self.mean - width), min(1.0, self.mean + width))


def clopper_pearson(events: int, trials: int, confidence: float = 0.95) -> Band:
    """Two-sided exact interval of a rate (Clopper & Pearson, Biometrika 26, 1934).

    With no event in `trials` its upper end is what "none seen" allows for; (0, 1) when nothing was tried.
    """
    if trials == 0:
        return Band(0.0, 1.0)
    tail = (1 - confidence) / 2
    low = 0.0 if events == 0 else float(beta.ppf(tail, events, trials - events + 1))
    high = 1.0 if events == trials else float(beta.ppf(1 - tail, events + 1, trials - events))
    return Band(low, high)

"""Which reference band belongs beside a training's curve."""

from __future__ import annotations

from grader.checks.accuracy import applies
from grader.model.evidence import Episode, Evidence
from grader.model.expected import Expected, MeasuredBand


def reference_band(
    expected: Expected | None, check: str, episode: Episode, evidence: Evidence
) -> MeasuredBand | None:
    """The band of the calibrated variant that this training is; None when there is none.

    Another recipe's band would mislead beside the curve more than a curve alone.
    """
    bands = expected.bands_for(check) if expected else ()
    same_run = (b for b in bands if b.level is evidence.level and b.data == evidence.data.fingerprint)
    return next((band for band in same_run if applies(band, episode)), None)

"""Bounds and rates against values from printed tables."""

from __future__ import annotations

import pytest

from grader.calibration.statistics import RESOLUTION, Sample, clopper_pearson


def test_prediction_bound_is_the_t_tables() -> None:
    """n = 8: t(0.99, 7) = 2.998, so the bound lies 2.998 * sqrt(9/8) = 3.180 sd below the mean."""
    band = Sample(8, 0.8, 0.02).prediction()
    assert band.low == pytest.approx(0.8 - 3.180 * 0.02, abs=1e-4)
    assert band.high == pytest.approx(0.8 + 3.180 * 0.02, abs=1e-4)


def test_bounds_stay_within_what_an_accuracy_can_be() -> None:
    band = Sample(8, 0.98, 0.05).prediction()
    assert band.high == 1.0
    assert Sample(8, 0.05, 0.05).prediction().low == 0.0


def test_runs_that_agree_by_chance_do_not_make_a_band_of_no_width() -> None:
    assert Sample.of([0.8] * 8).sd == RESOLUTION


@pytest.mark.parametrize(
    ("events", "trials", "low", "high"),
    [(0, 60, 0.0, 0.0596), (0, 300, 0.0, 0.0122), (5, 100, 0.0164, 0.1128), (10, 10, 0.6915, 1.0)],
)
def test_clopper_pearson_is_the_published_interval(events: int, trials: int, low: float, high: float) -> None:
    """Values of the exact 95 % interval as tables print them; 0 of n is 1 - 0.025**(1/n)."""
    found = clopper_pearson(events, trials)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))


def test_nothing_tried_says_nothing() -> None:
    assert (clopper_pearson(0, 0).low, clopper_pearson(0, 0).high) == (0.0, 1.0)

"""The learning curve's coordinates, from honest and from strange histories."""

from __future__ import annotations

import msgspec
import pytest

from grader.model.evidence import Episode
from grader.report.curve import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Curve, accuracy_key, curve

from . import factory


def with_history(**history: tuple[float | None, ...]) -> Episode:
    return msgspec.structs.replace(factory.episode(), history=history)


def drawn(**history: tuple[float | None, ...]) -> Curve:
    found = curve(with_history(**history), None)
    assert found is not None
    return found


def test_lines_band_and_test_point() -> None:
    """Both lines go from the first to the last epoch, and the band lies between its limits."""
    band = factory.expected().bands[0]
    found = curve(factory.episode(), band)
    assert found is not None
    assert found.train is not None
    assert found.validation is not None
    assert found.band is not None
    assert found.train.marks[0][0] == LEFT
    assert found.train.marks[-1][0] == WIDTH - RIGHT
    assert found.train.last == pytest.approx(0.722)
    top, mean, low = found.band.top, found.band.mean_y, found.band.top + found.band.height
    assert TOP <= top < mean < low <= HEIGHT - BOTTOM
    assert found.test is not None
    assert top < found.test[1] < low


@pytest.mark.parametrize(
    ("names", "key"),
    [
        (["loss", "accuracy", "val_accuracy"], "accuracy"),
        (["loss", "acc"], "acc"),
        (["loss", "sparse_categorical_accuracy"], "sparse_categorical_accuracy"),
        (["top_k_categorical_accuracy", "accuracy"], "accuracy"),
        (["loss", "val_accuracy"], None),
        ([], None),
    ],
)
def test_accuracy_by_any_of_its_names(names: list[str], key: str | None) -> None:
    """Keras calls the metric as the student did."""
    assert accuracy_key(dict.fromkeys(names, (0.5,))) == key


def test_a_history_without_accuracy_has_no_curve() -> None:
    """Nothing to draw, nothing drawn."""
    assert curve(with_history(loss=(1.0, 0.5)), None) is None
    assert curve(with_history(accuracy=(None, 7.0)), None) is None


def test_one_epoch_is_a_point_in_the_middle() -> None:
    """No line, one mark, one tick."""
    found = drawn(accuracy=(0.7,))
    assert found.train is not None
    assert found.train.runs == ()
    assert found.train.marks[0][0] == pytest.approx((LEFT + WIDTH - RIGHT) / 2, abs=0.1)
    assert [t.value for t in found.x_ticks] == [1]


def test_values_that_are_no_accuracy_break_the_line() -> None:
    """NaN, 1e308 and -4 are gaps, not points outside the picture."""
    found = drawn(accuracy=(0.1, 0.2, None, 1e308, -4.0, 0.3, 0.4))
    assert found.train is not None
    assert len(found.train.runs) == 2
    assert len(found.train.marks) == 4
    assert all(TOP <= y <= HEIGHT - BOTTOM for _, y in found.train.marks)


@pytest.mark.parametrize("epochs", [2, 9, 10, 100, 101, 20_000])
def test_long_histories_are_thinned(epochs: int) -> None:
    """At most 200 points, the last one always among them, and few ticks."""
    found = drawn(accuracy=tuple(i / epochs for i in range(epochs)))
    assert found.train is not None
    assert len(" ".join(found.train.runs).split()) <= 200
    assert found.train.marks[-1][0] == WIDTH - RIGHT
    assert found.x_ticks[0].value == 1
    assert found.x_ticks[-1].value == epochs
    assert len(found.x_ticks) <= 10


@pytest.mark.parametrize("value", [0.0, 0.05, 0.5, 0.999, 1.0])
def test_the_value_axis_holds_every_value(value: float) -> None:
    """A flat line at the edge still has an axis with room around it."""
    found = drawn(accuracy=(value, value))
    values = [t.value for t in found.y_ticks]
    assert 0 <= min(values) <= value <= max(values) <= 1
    assert max(values) - min(values) >= 0.19

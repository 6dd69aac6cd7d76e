"""The learning curve of one training, as coordinates for an inline SVG.

Histories come from the student's process: any name, any number, any length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from grader.model.evidence import Episode
from grader.model.expected import MeasuredBand

WIDTH, HEIGHT = 640, 264
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 12, 40
_DRAWN = 200
"""Points drawn of one line: a longer history is thinned evenly, its last value kept."""
_MARKED = 25
"""Up to so many points each gets a marker."""
_X_TICKS = 8

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One line. `runs` are polylines ("x,y x,y"): a value that was not finite breaks the line."""

    runs: tuple[str, ...]
    marks: tuple[tuple[float, float], ...]
    last: float | None
    best: float | None


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    value: float


@dataclass(frozen=True, slots=True)
class BandBox:
    """The reference band, as y coordinates, with the figures it was drawn from."""

    top: float
    height: float
    mean_y: float
    measured: MeasuredBand


@dataclass(frozen=True, slots=True)
class Curve:
    """What the template draws. Coordinates are in units of the SVG's view box."""

    epochs: int
    train: Series | None
    validation: Series | None
    band: BandBox | None
    test: tuple[float, float] | None
    """Where the verified test accuracy stands: at the end of the training."""
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class _Axes:
    """Maps (epoch, accuracy) to the page. Epochs count from 1, as Keras prints them."""

    epochs: int
    low: float
    high: float

    def x(self, epoch: float) -> float:
        inner = WIDTH - LEFT - RIGHT
        # A single epoch is drawn in the middle: there is no line to draw.
        share = 0.5 if self.epochs == 1 else (epoch - 1) / (self.epochs - 1)
        return round(LEFT + share * inner, 1)

    def y(self, value: float) -> float:
        inner = HEIGHT - TOP - BOTTOM
        return round(TOP + (self.high - value) / (self.high - self.low) * inner, 1)


def accuracy_key(history: dict[str, Values]) -> str | None:
    """The training accuracy among a history's names: "accuracy", "acc", "sparse_categorical_accuracy"."""
    own = [key for key in history if not key.startswith("val_")]
    exact = [key for key in ("accuracy", "acc") if key in own]
    return next(iter(exact + [key for key in own if key.endswith("accuracy")]), None)


def curve(episode: Episode, band: MeasuredBand | None) -> Curve | None:
    """The curve of a training; None when its history holds no accuracy that can be one."""
    key = accuracy_key(episode.history)
    if key is None:
        return None
    train, validation = _shares(episode.history[key]), _shares(episode.history.get(f"val_{key}", ()))
    known = [v for v in (*train, *validation) if v is not None]
    if not known:
        return None
    epochs = max(len(train), len(validation))
    test = episode.verified.accuracy if episode.verified else None
    shown = known + ([band.low, band.high] if band else []) + ([test] if test is not None else [])
    low, high = _range(shown)
    axes = _Axes(epochs, low, high)
    return Curve(
        epochs=epochs,
        train=_series(train, axes),
        validation=_series(validation, axes),
        band=_box(band, axes) if band else None,
        test=(axes.x(epochs), axes.y(test)) if test is not None else None,
        x_ticks=_epoch_ticks(axes),
        y_ticks=_value_ticks(axes),
    )


def _shares(values: Sequence[float | None]) -> Values:
    """Values that can be an accuracy; others (a student may overwrite a history) are gaps."""
    return tuple(v if v is not None and 0 <= v <= 1 else None for v in values)


def _range(values: list[float]) -> tuple[float, float]:
    """Limits of the value axis on tenths, at least 0.2 apart, inside [0, 1]."""
    low = math.floor(max(0.0, min(values)) * 10 + 1e-9) / 10
    high = math.ceil(min(1.0, max(values)) * 10 - 1e-9) / 10
    if high - low < 0.2:
        low, high = max(0.0, low - 0.1), min(1.0, high + 0.1)
    return low, high


def _series(values: Values, axes: _Axes) -> Series | None:
    known = [v for v in values if v is not None]
    if not known:
        return None
    last = len(values) - 1
    kept = sorted(
        {round(i * last / (_DRAWN - 1)) for i in range(_DRAWN)} if last >= _DRAWN else range(last + 1)
    )
    runs: list[list[tuple[float, float]]] = [[]]
    for i in kept:
        value = values[i]
        if value is None:
            runs.append([])
        else:
            runs[-1].append((axes.x(i + 1), axes.y(value)))
    points = [point for run in runs for point in run]
    return Series(
        runs=tuple(" ".join(f"{x},{y}" for x, y in run) for run in runs if len(run) > 1),
        marks=tuple(points) if len(points) <= _MARKED else (points[-1],),
        last=known[-1],
        best=max(known),
    )


def _box(band: MeasuredBand, axes: _Axes) -> BandBox:
    top, bottom = axes.y(min(band.high, axes.high)), axes.y(max(band.low, axes.low))
    return BandBox(top, round(max(bottom - top, 1.0), 1), axes.y(band.mean), band)


def _epoch_ticks(axes: _Axes) -> tuple[Tick, ...]:
    """At most `_X_TICKS` whole epochs, 1, 2, 5, 10, ... apart, with the last one always there."""
    steps = (m * 10**e for e in range(6) for m in (1, 2, 5))
    step = next(s for s in steps if axes.epochs / s <= _X_TICKS)
    inside = [n for n in range(step, axes.epochs, step) if axes.epochs - n >= step / 2]
    wanted = dict.fromkeys(([1] if step > 1 else []) + inside + [axes.epochs])
    return tuple(Tick(axes.x(n), n) for n in wanted)


def _value_ticks(axes: _Axes) -> tuple[Tick, ...]:
    tenths = range(round(axes.low * 10), round(axes.high * 10) + 1)
    step = 2 if len(tenths) > 7 else 1
    return tuple(Tick(axes.y(t / 10), t / 10) for t in tenths if not (tenths[-1] - t) % step)

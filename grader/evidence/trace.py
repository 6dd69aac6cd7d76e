"""Which served rows an array holds: tracing data by content.

The probe hashes every row of what reaches fit, evaluate and predict (`grader.probe.rows`); here the
hashes are looked up among those of the dataset that was served. The hash survives scaling, casting,
reshaping and repeated channels; what it does not survive (augmentation, resizing, per-pixel
standardisation) counts as unknown, never as leaked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from grader.model.evidence import Trace
from grader.probe.rows import row_hashes

AFFINE_TOLERANCE = 2e-3
"""Largest residual of a sampled value, as a share of the value range: float16 keeps 1/1024."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Sorted hashes of one split, and the served row of each."""

    hashes: NDArray[np.uint64]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, hashes: NDArray[np.uint64], first: int) -> _Table:
        order = np.argsort(hashes, kind="stable")
        return cls(hashes[order], order.astype(np.int64) + first)

    def find(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        if not len(self.hashes):
            return np.full(len(hashes), -1, np.int64)
        at = np.searchsorted(self.hashes, hashes)
        at[at == len(self.hashes)] = 0
        return np.where(self.hashes[at] == hashes, self.rows[at], -1)


@dataclass(frozen=True)
class ServedRows:
    """The arrays of one served dataset and the hash of each of their rows."""

    x_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]

    @cached_property
    def _tables(self) -> tuple[_Table, _Table]:
        return _Table.of(row_hashes(self.x_train), 0), _Table.of(row_hashes(self.x_test), len(self.x_train))

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        return np.concatenate([self.y_train.ravel(), self.y_test.ravel()]).astype(np.int64)

    def find(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Served row of each hash: train rows first, test rows counted on from there, -1 for none.

        Images whose hash stands in both splits (4 of Fashion-MNIST's test images have a near copy in
        train) are taken for the split that the rest of the array comes from.
        """
        train, test = (table.find(hashes) for table in self._tables)
        both = (train >= 0) & (test >= 0)
        mostly_test = int((test >= 0).sum()) >= int((train >= 0).sum())
        return np.where(both, test if mostly_test else train, np.maximum(train, test))

    def pixels(self, row: int) -> NDArray[np.float64]:
        n = len(self.x_train)
        image = self.x_train[row] if row < n else self.x_test[row - n]
        pixels: NDArray[np.float64] = image.astype(np.float64).ravel()
        return pixels


@dataclass(frozen=True, slots=True)
class SeenArray:
    """What the probe told of one input array."""

    shape: tuple[int, ...]
    rows: int
    whole: bool
    hashes: NDArray[np.uint64]
    samples: NDArray[np.float32]
    sample_index: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SeenLabels:
    classes: NDArray[np.int16]
    one_hot: bool


def trace(seen: SeenArray | None, labels: SeenLabels | None, served: ServedRows) -> Trace:
    """Say which served rows an array holds and how its values were scaled."""
    if seen is None:
        return Trace(rows=0, seen_whole=False)
    rows = served.find(seen.hashes)
    of_train = rows[(rows >= 0) & (rows < len(served.x_train))]
    met = np.zeros(len(served.x_train), np.bool_)
    met[of_train] = True
    in_test = int((rows >= len(served.x_train)).sum())
    scale, offset = _affine(seen, rows, served)
    return Trace(
        rows=seen.rows,
        train=len(of_train),
        test=in_test,
        unknown=len(rows) - len(of_train) - in_test,
        distinct=int(met.sum()),
        seen_whole=seen.whole,
        label_agreement=_agreement(labels, rows, served),
        one_hot=labels.one_hot if labels else False,
        shape=seen.shape,
        scale=scale,
        offset=offset,
    )


def _agreement(labels: SeenLabels | None, rows: NDArray[np.int64], served: ServedRows) -> float | None:
    if labels is None or len(labels.classes) < len(rows):
        return None
    known = rows >= 0
    if not known.any():
        return None
    return float((labels.classes[: len(rows)][known] == served.labels[rows[known]]).mean())


def _affine(
    seen: SeenArray, rows: NDArray[np.int64], served: ServedRows
) -> tuple[float | None, float | None]:
    """(scale, offset) with sample = scale * pixel + offset for all samples, or (None, None)."""
    pairs = [
        (values.astype(np.float64), served.pixels(int(rows[index])))
        for values, index in zip(seen.samples, seen.sample_index, strict=False)
        if 0 <= index < len(rows) and rows[index] >= 0
    ]
    pairs = [(_one_channel(values, len(pixels)), pixels) for values, pixels in pairs]
    if not pairs or any(len(values) != len(pixels) for values, pixels in pairs):
        return None, None
    values = np.concatenate([v for v, _ in pairs])
    pixels = np.concatenate([p for _, p in pairs])
    if np.ptp(pixels) == 0:
        return None, None
    scale, offset = np.polyfit(pixels, values, 1)
    residual = np.abs(scale * pixels + offset - values).max()
    if residual > AFFINE_TOLERANCE * max(np.ptp(values), 1e-12):
        return None, None
    return float(scale), float(offset)


def _one_channel(values: NDArray[np.float64], pixels: int) -> NDArray[np.float64]:
    """Undo a channel repetition: keep one of k equal channels."""
    repeats, rest = divmod(len(values), pixels)
    if rest or repeats <= 1:
        return values
    channels = values.reshape(pixels, repeats)
    return channels[:, 0] if np.array_equal(channels, channels[:, :1].repeat(repeats, 1)) else values

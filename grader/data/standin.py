"""The embedded stand-in: datasets of the official shapes, made from scikit-learn's bundled digits.

Everything is integer arithmetic on `RandomState` draws, whose streams NumPy has frozen (NEP 19), so that
every platform and NumPy version makes the same bytes and bands measured on them hold everywhere. It is
learnable but not trivial: digits are turned, sheared, shifted, dimmed, covered in part, and noisy.
Train and test rows come from different original digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from grader.data.layout import CLASSES, Arrays, layout_of

VERSION = 1
"""Raised when the bytes that are made change; bands for the stand-in are then measured anew."""

WARPS = 8
"""Turned and sheared copies of each original digit."""
SHIFT = 1
"""Largest shift from the centre, pixels."""
TEST_EVERY = 5
"""Each fifth original of a class is kept for the test rows."""
FIXED = 8
"""Bits after the point of the fixed-point coordinates and gains."""
CHUNK = 1_000
"""Rows made at once, to bound memory."""
NOISE = 40
"""Noise is drawn from the grey levels 0 to this."""
PATCH = (4, 8)
"""Side of the square that covers part of the image, pixels (smallest, largest + 1)."""
SEEDS = {"fashion_mnist": 2017, "mnist": 1998, "cifar10": 2009}

_Ints = NDArray[np.int32]
_Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Source:
    """Original digits of one split: 8×8 images, values 0 to 16, and their classes."""

    images: _Ints
    labels: _Rows


def make(name: str) -> Arrays:
    """The stand-in of a dataset. Same bytes each time; about 2 s (CIFAR-10: about 4 s)."""
    layout = layout_of(name)
    draw = np.random.RandomState(SEEDS[name])
    paint = _paint_colour if len(layout.image) == 3 else _paint_grey
    train, test = _originals()
    x_train, y_train = _split(train, layout.train, layout.image[0], draw, paint)
    x_test, y_test = _split(test, layout.test, layout.image[0], draw, paint)
    return Arrays(x_train, y_train.reshape(-1, *layout.label), x_test, y_test.reshape(-1, *layout.label))


def _originals() -> tuple[_Source, _Source]:
    from sklearn.datasets import load_digits  # 2 s of imports, needed once per machine

    pixels, labels = load_digits(return_X_y=True)
    # The file holds whole numbers from 0 to 16, read as floats.
    images, labels = pixels.reshape(-1, 8, 8).astype(np.int32), labels.astype(np.int64)
    order_in_class = np.zeros_like(labels)
    for digit in range(CLASSES):
        mine = labels == digit
        order_in_class[mine] = np.arange(mine.sum())
    test = order_in_class % TEST_EVERY == 0
    return _Source(images[~test], labels[~test]), _Source(images[test], labels[test])


_Paint = Callable[[NDArray[np.int32], np.random.RandomState], NDArray[np.uint8]]


def _split(
    source: _Source, count: int, side: int, draw: np.random.RandomState, paint: _Paint
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """`count` balanced rows, shuffled."""
    shapes, owner = _warped(source, side, draw)
    labels = draw.permutation(np.arange(count) % CLASSES)
    chosen = np.empty(count, np.int64)
    for digit in range(CLASSES):
        mine = labels == digit
        pool = np.flatnonzero(source.labels[owner] == digit)
        chosen[mine] = pool[draw.randint(0, len(pool), int(mine.sum()))]
    padded = np.pad(shapes, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    windows = sliding_window_view(padded, (side, side), axis=(1, 2))
    blocks = []
    for start in range(0, count, CHUNK):
        rows = chosen[start : start + CHUNK]
        down, right = draw.randint(0, 2 * SHIFT + 1, (2, len(rows)))
        blocks.append(paint(windows[rows, down, right].astype(np.int32), draw))
    return np.concatenate(blocks), labels.astype(np.uint8)


def _warped(source: _Source, side: int, draw: np.random.RandomState) -> tuple[NDArray[np.uint8], _Rows]:
    """Turned, sheared and scaled copies, `side` pixels wide, values 0 to 255; and whose copy each is."""
    owner = np.repeat(np.arange(len(source.images)), WARPS)
    n, one = len(owner), 1 << FIXED
    # Source pixels per output pixel: 8 / side, give or take; off-diagonal terms turn and shear.
    step = one * 9 // side
    a, d = (step * draw.randint(90, 122, (2, n)) // 100).astype(np.int32)
    b, c = (step * draw.randint(-22, 23, (2, n)) // 100).astype(np.int32)
    at = np.arange(side, dtype=np.int32) * 2 - (side - 1)  # twice the distance from the centre
    y, x = np.meshgrid(at, at, indexing="ij")
    centre = 7 * one // 2
    v = (a[:, None, None] * y + b[:, None, None] * x) // 2 + centre
    u = (c[:, None, None] * y + d[:, None, None] * x) // 2 + centre
    return _bilinear(source.images, owner, v, u), owner


def _bilinear(images: _Ints, owner: _Rows, v: _Ints, u: _Ints) -> NDArray[np.uint8]:
    """Sample 8×8 images (0 outside) at fixed-point coordinates; values 0 to 255."""
    one = 1 << FIXED
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    v, u = np.clip(v, -2 * one, 9 * one - 1) + 2 * one, np.clip(u, -2 * one, 9 * one - 1) + 2 * one
    row, column, fv, fu = v >> FIXED, u >> FIXED, v & (one - 1), u & (one - 1)
    flat, at = padded.ravel(), owner[:, None, None] * 144 + row * 12 + column
    top = flat[at] * (one - fu) + flat[at + 1] * fu
    bottom = flat[at + 12] * (one - fu) + flat[at + 13] * fu
    value = top * (one - fv) + bottom * fv  # 0 to 16, with 2 * FIXED bits after the point
    sampled: NDArray[np.uint8] = np.minimum(value * 255 >> (2 * FIXED + 4), 255).astype(np.uint8)
    return sampled


def _paint_grey(shapes: NDArray[np.int32], draw: np.random.RandomState) -> NDArray[np.uint8]:
    """Dim, cover in part, add noise."""
    n, side = len(shapes), shapes.shape[1]
    gain = draw.randint(110, 257, n).astype(np.int32)
    values = shapes * gain[:, None, None] >> FIXED
    _cover(values, draw)
    values += draw.randint(0, NOISE + 1, (n, side, side), dtype=np.uint8)
    painted: NDArray[np.uint8] = np.minimum(values, 255).astype(np.uint8)
    return painted


def _paint_colour(shapes: NDArray[np.int32], draw: np.random.RandomState) -> NDArray[np.uint8]:
    """One random ink on one random paper per image, 70 to 100 levels brighter in each channel; noise."""
    n, side = len(shapes), shapes.shape[1]
    _cover(shapes, draw)
    paper = draw.randint(0, 156, (n, 1, 1, 3)).astype(np.uint16)
    contrast = draw.randint(70, 101, (n, 1, 1, 3)).astype(np.uint16)
    # 255 * 100 fits 16 bits; so does the sum, which stays under 156 + 100 + NOISE.
    values = shapes.astype(np.uint16)[..., None] * contrast
    values >>= FIXED
    values += paper
    values += draw.randint(0, NOISE + 1, (n, side, side, 3), dtype=np.uint8)
    painted: NDArray[np.uint8] = np.minimum(values, 255).astype(np.uint8)
    return painted


def _cover(values: NDArray[np.int32], draw: np.random.RandomState) -> None:
    """Blank one square of each image, in place."""
    n, side = len(values), values.shape[1]
    size = draw.randint(*PATCH, n)
    top, left = draw.randint(0, side - PATCH[1], (2, n))
    at = np.arange(side)
    rows = (at >= top[:, None]) & (at < (top + size)[:, None])
    columns = (at >= left[:, None]) & (at < (left + size)[:, None])
    values[rows[:, :, None] & columns[:, None, :]] = 0

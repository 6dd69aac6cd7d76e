"""A fingerprint of each row of an array that says which image it is, however it was prepared.

Pure numpy: the probe and the trusted side import the same file, so that both give the same hashes.

A row is compared with itself: which of two of its values is larger, at 256 fixed pseudo-random pairs of
positions. Scaling by a positive factor, adding an offset, casting (also to float16: 256 grey levels stay
apart in it), reshaping and repeating a grey channel change none of the answers; inverting an image swaps
"larger" and "smaller", which the hash treats alike. Pairs lie a multiple of three positions apart where
rows hold a multiple of three values, so that a scale and offset per colour channel change nothing either.

Resizing, padding, flipping and augmentation do change the hash: such rows are unknown, never mistaken.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PAIRS = 256
CHUNK_VALUES = 2_000_000
"""Values of a block that is worked on at once; bounds the memory used beside the array itself."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def row_hashes(x: NDArray[Any]) -> NDArray[np.uint64]:
    """One 64-bit hash per row (first axis) of a numeric or boolean array of any further shape."""
    x = collapse_channels(np.asarray(x))
    rows = x.shape[0]
    values = x.size // rows if rows else 0
    hashes = np.zeros(rows, np.uint64)
    if values < 2:
        return hashes  # a single value has nothing to be compared with
    first, second = _pairs(values)
    step = max(1, CHUNK_VALUES // max(values, 2 * PAIRS))
    for start in range(0, rows, step):
        block = np.ascontiguousarray(x[start : start + step]).reshape(-1, values)
        if block.dtype == np.bool_:
            block = block.view(np.uint8)
        left, right = block.take(first, axis=1), block.take(second, axis=1)
        larger, smaller = _mixed(left > right), _mixed(left < right)
        hashes[start : start + step] = _scramble(
            np.minimum(larger, smaller) * _GOLDEN + np.maximum(larger, smaller)
        )
    return hashes


def collapse_channels(x: NDArray[Any]) -> NDArray[Any]:
    """Drop a last axis that repeats one grey channel two to four times."""
    if x.ndim < 3 or not 2 <= x.shape[-1] <= 4 or not len(x):
        return x
    # A look at a few rows settles nearly every colour data set without reading it all.
    for part in (x[:8], x):
        if not all(np.array_equal(part[..., 0], part[..., c]) for c in range(1, x.shape[-1])):
            return x
    return x[..., 0]


def _pairs(values: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The compared positions: a function of the number of values in a row alone."""
    # RandomState's stream is frozen by NumPy's policy (NEP 19); a Generator's may change.
    draw = np.random.RandomState(values % 2**32)
    stride = 3 if values % 3 == 0 and values > 3 else 1
    groups = values // stride
    first = draw.randint(0, values, PAIRS)
    hop = draw.randint(1, groups, PAIRS) * stride
    return first.astype(np.intp), ((first + hop) % values).astype(np.intp)


def _mixed(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """256 bits per row down to 64."""
    words = np.packbits(bits, axis=1).view("<u8").astype(np.uint64)
    mixed = np.zeros(len(words), np.uint64)
    for column in range(words.shape[1]):
        mixed = _scramble(mixed + _GOLDEN + words[:, column])
    return mixed


def _scramble(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Steele, Lea and Flood's SplitMix64 finaliser (OOPSLA 2014); unsigned overflow is meant."""
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))

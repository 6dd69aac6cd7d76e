"""Describes what reaches fit, evaluate and predict, whole, before any row is drawn.

In-memory arrays are hashed row by row (`rows`). Of streams (tf.data, generators, Keras data sets) only
the first rows are seen, unless they end before that or the arrays behind them can be found; what is drawn
from a one-shot generator is put back in front of it.
"""

from __future__ import annotations

import hashlib
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import draw
from .rows import row_hashes
from .state import Probe

MAX_HASHED = 1_000_000
SAMPLES = 16
SAMPLE_VALUES = 2_000_000
STREAM_VALUES = 16_000_000
"""How much of a stream is looked at, beside `Reach`."""
CAME_ROUND = 0.75
"""A stream with fewer different rows than this share of those seen gives its rows again and again."""
TELLING = 64
"""Values a row must have for its hash to tell it from others."""
PROBED_ROWS = 512


@dataclass(frozen=True)
class Reach:
    """How far a stream is followed."""

    rows: int
    batches: int


REPEATABLE = Reach(16_384, 1024)
"""All of what students validate on, as a rule."""
ONE_SHOT = Reach(2048, 64)
"""What is drawn from a generator is kept until it is used."""


@dataclass
class Seen:
    """Ids under which an input and its labels were sent, and what was learnt on the way."""

    x: str = ""
    y: str = ""
    distinct: int = 0
    stream: Any = None
    """The stream to use instead of the one given, when a part of it had to be drawn."""
    batch: int | None = None
    """Rows of a stream's first batch."""
    example: Any = None
    """The first batch's inputs, for their shapes."""
    weighted: bool = False
    """Whether a stream's rows come with weights other than 1."""


class Arrays:
    """Sends each array once; knows again those it has seen."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._sent: dict[str, int] = {}
        self._known: dict[Any, tuple[Any, bytes, str]] = {}
        self._secret = np.random.default_rng()  # where a known array is looked at again cannot be foreseen

    def see(self, x: Any, y: Any = None) -> Seen:
        """Describe the input of a call."""
        if x is None:
            return Seen()
        if draw.in_memory(x):
            ids = self._data(draw.leaves(x)[0], whole=True)
            return Seen(ids, self.labels(y), self._sent.get(ids, 0), example=x)
        return self._stream(x)

    def distinct(self, ident: str) -> int:
        """Different rows of an array that was sent."""
        return self._sent.get(ident, 0)

    def labels(self, y: Any) -> str:
        """Describe labels; "" when there are none."""
        if y is None or not draw.in_memory(y):
            return ""
        return self._labels(draw.leaves(y)[0])

    # -- arrays -----------------------------------------------------------------------------------

    def _data(self, value: Any, *, whole: bool) -> str:
        array = as_numpy(value)
        if array.dtype.kind not in "biuf":
            return ""
        known = self._recall(array)
        if known:
            return known
        rows = min(len(array), MAX_HASHED)
        hashes = row_hashes(array[:rows])
        ident = "x" + _digest(array[:rows], hashes)
        if ident not in self._sent:
            index = np.linspace(0, max(rows - 1, 0), min(SAMPLES, rows)).astype(np.int64)
            index = index[: max(1, SAMPLE_VALUES // max(1, array[0].size))] if rows else index
            samples = array[index].reshape(len(index), -1).astype(np.float32)
            header = {"id": ident, "shape": list(array.shape)[:8], "rows": len(array)}
            header["whole"] = whole and rows == len(array)
            found = {"hashes": hashes, "samples": samples, "sample_index": index}
            self._probe.channel.send("array", header, found)
            self._sent[ident] = len(np.unique(hashes))
        self._remember(array, ident)
        return ident

    def _labels(self, value: Any) -> str:
        array = as_numpy(value)
        if array.dtype.kind not in "biuf" or not array.size:
            return ""
        content = np.ascontiguousarray(array).tobytes() + repr((array.shape, array.dtype.str)).encode()
        ident = "y" + hashlib.blake2b(content, digest_size=16).hexdigest()
        if ident not in self._sent:
            classes, one_hot = as_classes(array[:MAX_HASHED])
            header = {"id": ident, "shape": list(array.shape)[:8], "one_hot": one_hot}
            self._probe.channel.send("labels", header, {"classes": classes})
            self._sent[ident] = 0
        return ident

    def _recall(self, array: Any) -> str:
        """The id of an array seen before at this place, if the rows looked at again are the same."""
        found = self._known.get(_place(array))
        return found[2] if found and _look(array, found[0]) == found[1] else ""

    def _remember(self, array: Any, ident: str) -> None:
        if len(self._known) > 256:
            self._known.clear()
        index = self._secret.integers(0, max(1, len(array)), min(PROBED_ROWS, len(array)))
        self._known[_place(array)] = (index, _look(array, index), ident)

    # -- streams ----------------------------------------------------------------------------------

    def _stream(self, x: Any) -> Seen:
        source = behind(x)
        if source is not None:
            found = self.see(source[0], source[1])
            found.batch = batch_of(x)
            found.example = None
            return found
        batches, stream, ended = first_batches(x)
        return self.of_batches(batches, stream, ended=ended)

    def of_batches(self, batches: list[Any], stream: Any = None, *, ended: bool) -> Seen:
        """Describe what came batch by batch; `ended` says that these were all."""
        parts = [unpack(batch) for batch in batches]
        inputs = [p[0] for p in parts if p[0] is not None and draw.in_memory(p[0])]
        if not inputs:
            return Seen(stream=stream)
        seen = Seen(stream=stream, batch=draw.rows(inputs[0]), example=inputs[0])
        seen.weighted = any(not all_ones(p[2]) for p in parts)
        heads = [as_numpy(draw.leaves(i)[0]) for i in inputs]
        alike = [h for h in heads if h.shape[1:] == heads[0].shape[1:]]
        rows = np.concatenate(alike)
        first = _first_of_each(rows)
        if len(first) < CAME_ROUND * len(rows):
            ended, kept = True, first
        else:
            kept = np.arange(len(rows))
        seen.x = self._data(rows[kept], whole=ended and len(alike) == len(parts))
        labels = [as_numpy(draw.leaves(p[1])[0]) for p in parts if p[1] is not None and draw.in_memory(p[1])]
        if len(labels) == len(alike):
            seen.y = self._labels(np.concatenate(labels)[kept])
        seen.distinct = self._sent.get(seen.x, 0)
        return seen


def _first_of_each(rows: Any) -> Any:
    """Positions of the rows that stand in no earlier place, in order."""
    if rows[:1].size < TELLING:
        return np.arange(len(rows))
    _, first = np.unique(row_hashes(rows), return_index=True)
    return np.sort(first)


def all_ones(weights: Any) -> bool:
    """Whether weights of rows or classes (an array-like, a dict, None) leave everything as it is."""
    if weights is None:
        return True
    given = [as_numpy(leaf) for leaf in draw.leaves(weights)]
    return all(values.dtype.kind in "biuf" and bool((values == 1).all()) for values in given)


def as_numpy(value: Any) -> Any:
    """An array-like as an ndarray, without a copy where it can be had."""
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "toarray"):
        return value.toarray()
    return np.asarray(value)


def as_classes(y: Any) -> tuple[Any, bool]:
    """(int16 class per row, whether they were one-hot); -1 where a row is no class."""
    flat = y.reshape(len(y), -1)
    if flat.shape[1] > 1:
        hot = (flat.max(axis=1) == 1) & (flat.min(axis=1) == 0) & (flat.sum(axis=1, dtype=np.float64) == 1)
        if y.ndim == 2 and hot.mean() > 0.5:
            return np.where(hot, flat.argmax(axis=1), -1).astype(np.int16), True
        return np.full(len(y), -1, np.int16), False
    values = flat[:, 0].astype(np.float64)
    sound = np.isfinite(values) & (values == np.floor(values)) & (values >= 0) & (values < 32768)
    return np.where(sound, values, -1).astype(np.int16), False


def unpack(batch: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample weight) of a batch."""
    if isinstance(batch, (list, tuple)) and not hasattr(batch, "_fields"):
        given = (*batch, None, None, None)
        return given[0], given[1], given[2]
    return batch, None, None


def behind(x: Any) -> tuple[Any, Any] | None:
    """The in-memory arrays that a data set yields, when it only orders and batches them."""
    if hasattr(x, "_input_dataset") or type(x).__name__ == "_TensorSliceDataset":
        return _tensors_behind(x)
    if type(x).__name__ == "NumpyArrayIterator" and hasattr(x, "x"):
        return x.x, getattr(x, "y", None)
    return None


_REORDERING = ("Shuffle", "Batch", "ParallelBatch", "Prefetch", "Repeat", "Cache", "Memory", "Options")


def _tensors_behind(dataset: Any) -> tuple[Any, Any] | None:
    while type(dataset).__name__ != "_TensorSliceDataset":
        name = type(dataset).__name__.lstrip("_")
        if not name.startswith(_REORDERING) or not hasattr(dataset, "_input_dataset"):
            return None
        dataset = dataset._input_dataset
    structure = getattr(dataset, "_structure", None)
    tensors = list(dataset._tensors)
    if isinstance(structure, tuple) and len(structure) == 2 and len(tensors) == 2:
        return tensors[0], tensors[1]
    return (tensors[0], None) if len(tensors) == 1 else None


def batch_of(x: Any) -> int | None:
    """Rows of a batch of a data set, as far as it says so itself."""
    size = getattr(x, "batch_size", None)
    if isinstance(size, int):
        return size
    while x is not None:
        size = getattr(x, "_batch_size", None)
        if size is not None:
            return int(size)
        x = getattr(x, "_input_dataset", None)
    return None


def first_batches(x: Any) -> tuple[list[Any], Any, bool]:
    """(first batches, the stream to go on with or None for the one given, whether these were all)."""
    if isinstance(x, types.GeneratorType):
        drawn, ended = _some(x, ONE_SHOT)
        return drawn, _again(drawn, x), ended
    if hasattr(x, "__getitem__") and hasattr(x, "__len__"):
        batches, ended = _some((x[i] for i in range(len(x))), REPEATABLE)
    elif hasattr(x, "__iter__") and not hasattr(x, "__next__"):
        batches, ended = _some(iter(x), REPEATABLE)
    else:
        batches, ended = [], False
    return batches, None, ended


class Kept:
    """Copies of the batches that went by, as far as a stream is followed."""

    def __init__(self) -> None:
        self.batches: list[Any] = []
        self.whole = True
        """Whether nothing was left out."""
        self._rows = self._values = 0

    def add(self, x: Any, y: Any = None) -> None:
        rows = draw.rows(x)
        values = sum(int(np.prod(leaf.shape)) for leaf in draw.leaves(x))
        reached = self._rows >= REPEATABLE.rows or len(self.batches) >= REPEATABLE.batches
        if reached or self._values + values > STREAM_VALUES:
            self.whole = False
            return
        self._rows += rows
        self._values += values
        self.batches.append((draw.each(x, _copy), draw.each(y, _copy)))


def _copy(value: Any) -> Any:
    return np.array(as_numpy(value))


def _some(source: Iterator[Any], reach: Reach) -> tuple[list[Any], bool]:
    found: list[Any] = []
    rows = values = 0
    for batch in source:
        found.append(batch)
        inputs = unpack(batch)[0]
        if inputs is None or not draw.in_memory(inputs):
            return found, False
        rows += draw.rows(inputs)
        values += sum(int(np.prod(leaf.shape)) for leaf in draw.leaves(inputs))
        if rows >= reach.rows or values >= STREAM_VALUES or len(found) >= reach.batches:
            return found, False
    return found, True


def _again(drawn: list[Any], rest: Any) -> Iterator[Any]:
    """A generator, as Keras wants one, that gives the drawn batches first."""
    yield from drawn
    drawn.clear()
    yield from rest


def _digest(array: Any, hashes: Any) -> str:
    """An id of the content: row hashes ignore scale and type, a few columns of every row do not."""
    flat = array.reshape(len(array), -1) if len(array) else array.reshape(0, 1)
    columns = np.linspace(0, max(flat.shape[1] - 1, 0), min(64, flat.shape[1])).astype(np.intp)
    state = hashlib.blake2b(repr((array.shape, array.dtype.str)).encode(), digest_size=16)
    state.update(hashes.tobytes())
    state.update(np.ascontiguousarray(flat[:, columns]).tobytes())
    return state.hexdigest()


def _place(array: Any) -> Any:
    """Where and how an array lies in memory: a new view of the same data has the same place."""
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str


def _look(array: Any, index: Any) -> bytes:
    state = hashlib.blake2b(repr((array.shape, array.dtype.str)).encode(), digest_size=16)
    state.update(np.ascontiguousarray(array[index]).tobytes())
    return state.digest()

"""Served rows are found again by content, however students prepare them."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.evidence.trace import SeenArray, SeenLabels, ServedRows, trace
from grader.model.evidence import Trace
from grader.probe.rows import row_hashes

SIDE = 12
draw = np.random.default_rng(3)
SERVED = ServedRows(
    x_train=draw.integers(0, 256, (60, SIDE, SIDE), np.uint8),
    y_train=draw.integers(0, 10, 60),
    x_test=draw.integers(0, 256, (20, SIDE, SIDE), np.uint8),
    y_test=draw.integers(0, 10, 20),
)
Array = NDArray[np.generic]


def looked_at(x: Array, y: Array | None = None, *, one_hot: bool = False, whole: bool = True) -> Trace:
    """The trace of an array, as the probe tells of it: every row's hash and four sampled rows."""
    index = np.linspace(0, len(x) - 1, 4).astype(np.int64) if len(x) else np.empty(0, np.int64)
    samples = x[index].reshape(len(index), -1).astype(np.float32)
    seen = SeenArray(x.shape, len(x), whole, row_hashes(x), samples, index)
    return trace(seen, None if y is None else SeenLabels(y.astype(np.int16), one_hot), SERVED)


PREPARED: dict[str, Callable[[NDArray[np.uint8]], Array]] = {
    "as served": lambda x: x,
    "scaled to 0..1": lambda x: x / 255,
    "scaled to -1..1": lambda x: (x - 127.5) / 127.5,
    "scaled, float16": lambda x: (x / 255).astype(np.float16),
    "scaled, float32": lambda x: (x / 255).astype(np.float32),
    "as int32": lambda x: x.astype(np.int32),
    "inverted": lambda x: 255 - x,
    "standardised as a whole": lambda x: (x - 72.9) / 90.0,
    "flattened": lambda x: x.reshape(len(x), -1) / 255,
    "with a channel": lambda x: x[..., None] / 255,
    "with three channels": lambda x: np.repeat(x[..., None], 3, axis=-1) / 255,
}


@pytest.mark.parametrize("how", PREPARED)
def test_every_row_survives_preparation(how: str) -> None:
    """All training rows are found as training rows, all test rows as test rows."""
    train = looked_at(PREPARED[how](SERVED.x_train), SERVED.y_train)
    test = looked_at(PREPARED[how](SERVED.x_test), SERVED.y_test)
    assert (train.train, train.test, train.unknown, train.label_agreement) == (60, 0, 0, 1.0)
    assert (test.train, test.test, test.unknown, test.label_agreement) == (0, 20, 0, 1.0)


@pytest.mark.parametrize(
    ("how", "scale", "offset"),
    [
        ("as served", 1, 0),
        ("scaled to 0..1", 1 / 255, 0),
        ("scaled to -1..1", 1 / 127.5, -1),
        ("scaled, float16", 1 / 255, 0),
        ("inverted", -1, 255),
        ("standardised as a whole", 1 / 90, -72.9 / 90),
        ("flattened", 1 / 255, 0),
        ("with three channels", 1 / 255, 0),
    ],
)
def test_the_scale_and_offset_are_recovered(how: str, scale: float, offset: float) -> None:
    """To the precision of the student's floats."""
    found = looked_at(PREPARED[how](SERVED.x_train))
    assert found.scale == pytest.approx(scale, rel=2e-3)
    assert found.offset == pytest.approx(offset, abs=2e-3)


@pytest.mark.parametrize(
    ("how", "prepare"),
    [
        ("per-pixel standardisation", lambda x: (x - x.mean(0)) / (x.std(0) + 1e-7)),
        ("flipped", lambda x: x[:, :, ::-1]),
        ("cropped", lambda x: x[:, 1:-1, 1:-1]),
        ("padded", lambda x: np.pad(x, ((0, 0), (2, 2), (2, 2)))),
        ("noise", lambda x: np.random.default_rng(9).random(x.shape)),
    ],
)
def test_what_changes_the_image_is_unknown(how: str, prepare: Callable[[Array], Array]) -> None:
    """Unknown rows are said to be unknown."""
    found = looked_at(prepare(SERVED.x_train), SERVED.y_train)
    assert (found.train, found.test, found.unknown) == (0, 0, 60), how
    assert (found.label_agreement, found.scale, found.offset) == (None, None, None)


def test_shuffling_together_keeps_the_labels_and_apart_loses_them() -> None:
    """Agreement is measured row by row."""
    order, other = draw.permutation(60), draw.permutation(60)
    together = looked_at(SERVED.x_train[order] / 255, SERVED.y_train[order])
    apart = looked_at(SERVED.x_train[order] / 255, SERVED.y_train[other])
    assert (together.train, together.label_agreement) == (60, 1.0)
    assert apart.label_agreement is not None
    assert apart.label_agreement < 0.5


def test_test_rows_among_training_rows_are_counted() -> None:
    """Ten of the test images hidden in the training data."""
    mixed = np.concatenate([SERVED.x_train[:30], SERVED.x_test[:10]]) / 255
    found = looked_at(mixed)
    assert (found.rows, found.train, found.test) == (40, 30, 10)


def test_repeated_rows_are_one_image() -> None:
    """Five images eight times are forty rows of five."""
    found = looked_at(np.tile(SERVED.x_train[:5], (8, 1, 1)) / 255)
    assert (found.train, found.distinct) == (40, 5)
    assert looked_at(np.concatenate([SERVED.x_train, SERVED.x_test])).distinct == 60


def test_an_image_in_both_splits_belongs_to_the_one_the_array_is_from() -> None:
    """Fashion-MNIST has near copies across its splits: evaluating on test must not count as train."""
    twins = ServedRows(
        SERVED.x_train, SERVED.y_train, np.concatenate([SERVED.x_train[:2], SERVED.x_test]), np.arange(22)
    )

    def found(x: Array) -> Trace:
        return trace(
            SeenArray(
                x.shape, len(x), True, row_hashes(x), np.empty((0, 1), np.float32), np.empty(0, np.int64)
            ),
            None,
            twins,
        )

    assert (found(twins.x_test).train, found(twins.x_test).test) == (0, 22)
    assert (found(twins.x_train).train, found(twins.x_train).test) == (60, 0)


def test_one_hot_labels_and_missing_labels() -> None:
    """One-hot is told apart; fewer labels than rows cannot be compared."""
    assert looked_at(SERVED.x_train, SERVED.y_train, one_hot=True).one_hot
    assert looked_at(SERVED.x_train, SERVED.y_train[:10]).label_agreement is None
    assert looked_at(SERVED.x_train).label_agreement is None


def test_an_array_nobody_described_is_unseen() -> None:
    """No array, no claim."""
    assert trace(None, None, SERVED) == Trace(rows=0, seen_whole=False)


def test_a_stream_is_said_to_be_seen_in_part() -> None:
    """Generators are known by their first rows."""
    assert not looked_at(SERVED.x_train[:5], whole=False).seen_whole


@pytest.mark.parametrize(
    ("why", "samples", "index"),
    [
        ("none", np.empty((0, 4), np.float32), np.empty(0, np.int64)),
        ("an index out of range", np.ones((1, 144), np.float32), np.array([99])),
        ("a negative index", np.ones((1, 144), np.float32), np.array([-1])),
        ("rows of another size", np.ones((1, 7), np.float32), np.array([0])),
        ("channels that differ", np.arange(432, dtype=np.float32)[None], np.array([0])),
        ("values that no line fits", np.random.default_rng(1).random((1, 144), np.float32), np.array([0])),
        ("more samples than indices", np.ones((5, 144), np.float32), np.array([0])),
        ("huge values", np.full((1, 144), 3e38, np.float32), np.array([0])),
    ],
)
def test_samples_that_do_not_fit_give_no_scale(why: str, samples: Array, index: NDArray[np.int64]) -> None:
    """They come from a student's process: nothing in them may raise or invent a scale."""
    hashes = row_hashes(SERVED.x_train)
    seen = SeenArray((60, 144), 60, True, hashes, samples.astype(np.float32), index)
    found = trace(seen, None, SERVED)
    assert found.train == 60, why
    if why not in {"more samples than indices", "huge values"}:
        assert found.scale is None, why


def test_a_flat_image_has_no_scale() -> None:
    """One grey level fits every line."""
    flat = ServedRows(
        np.zeros((1, 4, 4), np.uint8), np.zeros(1, np.int64), SERVED.x_test[:, :4, :4], SERVED.y_test
    )
    hashes = row_hashes(flat.x_train)
    seen = SeenArray((1, 4, 4), 1, True, hashes, np.zeros((1, 16), np.float32), np.zeros(1, np.int64))
    assert trace(seen, None, flat).scale is None


def test_a_dataset_without_test_images_still_traces() -> None:
    """An empty split finds nothing."""
    empty = ServedRows(SERVED.x_train, SERVED.y_train, SERVED.x_test[:0], SERVED.y_test[:0])
    assert set(empty.find(row_hashes(SERVED.x_train))) == set(range(60))


def idx(path: Path, offset: int) -> NDArray[np.uint8]:
    with gzip.open(path) as stream:
        return np.frombuffer(stream.read(), np.uint8, offset=offset)


@pytest.mark.real_data
def test_no_test_image_of_fashion_mnist_is_taken_for_a_training_image() -> None:
    """Four test images share their hash with a training image that is not the same to the pixel."""
    folder = Path(os.environ.get("GRADER_DATA", "")) / "fashion-mnist"
    if not os.environ.get("GRADER_DATA") or not (folder / "t10k-images-idx3-ubyte.gz").is_file():
        pytest.skip("GRADER_DATA points to no folder with fashion-mnist/*-ubyte.gz")
    train = idx(folder / "train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    test = idx(folder / "t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    y_train = idx(folder / "train-labels-idx1-ubyte.gz", 8).astype(np.int64)
    y_test = idx(folder / "t10k-labels-idx1-ubyte.gz", 8).astype(np.int64)
    served = ServedRows(train, y_train, test, y_test)
    hashes = row_hashes(train / 255), row_hashes(test / 255)
    assert np.isin(hashes[1], hashes[0]).sum() == 4
    assert len(np.unique(np.concatenate(hashes))) == 70_000 - 12
    assert (served.find(hashes[0]) < 60_000).all()
    assert (served.find(hashes[1]) >= 60_000).all()
    assert (served.labels[served.find(hashes[0])] == y_train).mean() > 0.9998

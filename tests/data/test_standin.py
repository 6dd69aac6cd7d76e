"""The stand-in: the same bytes everywhere, balanced, distinct rows, train and test from other digits."""

from __future__ import annotations

import numpy as np
import pytest

from grader.data import standin
from grader.data.layout import LAYOUTS, Arrays

FINGERPRINTS = {
    "fashion_mnist": "fe9b164bea295f75b3b306061aac34b351cfe8cf3482174def710e922abb0592",
    "mnist": "305c19b9b3a58953805fdba84f0dd4800265653f364cae62367392f120b8fedf",
    "cifar10": "12c4379023a456db68e53d483608c4e8ef6fe93da81f24bd4f4be595c9cc3696",
}
"""Of standin.VERSION 1. Bands are keyed by these: a change needs a new version and a new calibration."""


@pytest.fixture(scope="module", params=sorted(FINGERPRINTS))
def made(request: pytest.FixtureRequest) -> tuple[str, Arrays]:
    return request.param, standin.make(request.param)


def test_bytes_are_the_recorded_ones(made: tuple[str, Arrays]) -> None:
    """Bit for bit the same on every platform and NumPy version."""
    name, arrays = made
    assert standin.VERSION == 1
    assert arrays.fingerprint() == FINGERPRINTS[name]


def test_shapes_are_official_and_classes_balanced(made: tuple[str, Arrays]) -> None:
    """Each of the ten classes has a tenth of each split, in shuffled order."""
    name, arrays = made
    assert {k: a.shape for k, a in arrays.named()} == LAYOUTS[name].shapes()
    for labels in (arrays.y_train, arrays.y_test):
        assert np.bincount(labels.ravel()).tolist() == [labels.size // 10] * 10
        assert len(np.unique(labels.ravel()[:100])) == 10


def test_every_row_is_distinct(made: tuple[str, Arrays]) -> None:
    """No image occurs twice, within or across the splits: tracing by content is exact."""
    _, arrays = made
    rows = np.concatenate([arrays.x_train, arrays.x_test])
    packed = np.ascontiguousarray(rows.reshape(len(rows), -1)).view(np.dtype((np.void, rows[0].size)))
    assert len(np.unique(packed.ravel())) == len(rows)


def test_train_and_test_come_from_different_originals() -> None:
    """All 1,797 digits are used, none on both sides."""
    train, test = standin._originals()
    assert len(train.images) + len(test.images) == 1797
    packed = [{image.tobytes() for image in split.images} for split in (train, test)]
    assert not packed[0] & packed[1]


def test_it_can_be_learned_but_not_by_looking_at_one_pixel() -> None:
    """Nearest class mean is far above chance and far below perfect."""
    arrays = standin.make("fashion_mnist")
    x = arrays.x_train[:10_000].reshape(10_000, -1).astype(np.float64)
    y = arrays.y_train[:10_000]
    means = np.stack([x[y == digit].mean(axis=0) for digit in range(10)])
    test = arrays.x_test[:2_000].reshape(2_000, -1).astype(np.float64)
    distances = ((test[:, None] - means) ** 2).sum(axis=2)
    accuracy = (distances.argmin(axis=1) == arrays.y_test[:2_000]).mean()
    assert 0.4 < accuracy < 0.85

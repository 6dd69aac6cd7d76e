"""A row's hash says which image it is, however it was prepared."""

from __future__ import annotations

import numpy as np
import pytest

from grader.probe.rows import row_hashes

IMAGES = np.random.default_rng(3).integers(0, 256, (50, 28, 28), dtype=np.uint8)
COLOUR = np.random.default_rng(4).integers(0, 256, (50, 32, 32, 3), dtype=np.uint8)
PINNED = ["bd340269b80938ea", "bfc05c665a3341e8", "434ddae0d187b34b"]
CHANNEL_MEAN, CHANNEL_STD = np.array([125.3, 123.0, 113.9]), np.array([63.0, 62.1, 66.7])


@pytest.mark.parametrize(
    "prepared",
    [
        IMAGES / 255.0,
        (IMAGES / 255.0).astype(np.float32),
        (IMAGES / 255).astype(np.float16),
        (IMAGES.astype(np.float32) - 72.9) / 90.0,
        IMAGES.astype(np.int64),
        IMAGES.reshape(50, 784),
        IMAGES[..., None] / 127.5 - 1,
        np.repeat(IMAGES[..., None], 3, axis=-1) / 255.0,
        255 - IMAGES,
        1 - IMAGES / 255.0,
        np.asfortranarray(IMAGES),
    ],
    ids="unit float32 float16 standard int64 flat signed channels inverted inverted-unit fortran".split(),
)
def test_preparing_an_image_keeps_its_hash(prepared):
    """Scaling, casting, reshaping, repeating the channel and inverting change nothing."""
    assert np.array_equal(row_hashes(prepared), row_hashes(IMAGES))


def test_scaling_each_colour_channel_keeps_the_hash():
    """Per-channel standardisation compares only within a channel."""
    assert np.array_equal(row_hashes((COLOUR - CHANNEL_MEAN) / CHANNEL_STD), row_hashes(COLOUR))


def test_different_images_differ():
    """Other images, shifted images and flipped images have other hashes."""
    hashes = set(row_hashes(IMAGES).tolist())
    assert len(hashes) == 50
    for changed in (np.roll(IMAGES, 1, axis=2), IMAGES[:, ::-1], IMAGES[:, :, ::-1]):
        assert not hashes & set(row_hashes(changed).tolist())


def test_a_row_does_not_depend_on_its_neighbours():
    """Hashing a part gives the part of the hashes, in any order and across chunks."""
    many = np.random.default_rng(5).random((6000, 500), dtype=np.float32)
    order = np.random.default_rng(6).permutation(6000)
    assert np.array_equal(row_hashes(many[order]), row_hashes(many)[order])


def test_hashes_are_what_they_were():
    """Stored evidence is compared with hashes made later: the function must not drift."""
    fixed = (np.arange(3 * 49) * 37 % 251).reshape(3, 49).astype(np.uint8)
    assert [f"{h:016x}" for h in row_hashes(fixed)] == PINNED


@pytest.mark.parametrize("shape", [(0, 28, 28), (5, 1), (5,), (4, 2), (4, 3), (3, 0)])
def test_small_shapes_give_one_hash_a_row(shape):
    """Empty and tiny rows are hashed without complaint."""
    assert row_hashes(np.zeros(shape)).shape == (shape[0],)

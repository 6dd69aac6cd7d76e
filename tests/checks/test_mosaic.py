"""Images that show several maps at once."""

from __future__ import annotations

import pytest

from grader.checks.mosaic import matched, tiles


@pytest.mark.parametrize(
    ("why", "image", "plain", "framed"),
    [
        ("one map", (26, 26), True, True),
        ("maps side by side", (104, 208), True, True),
        ("a line between", (107, 215), True, True),
        ("with a channel", (104, 208, 1), True, True),
        ("each pixel ten times", (260, 260), True, True),
        ("a row of maps, each pixel four times", (104, 832), True, True),
        ("frames of two pixels, around as well", (114, 226), False, True),
        ("each map padded by one pixel", (28, 224), False, True),
        ("smaller than a map", (25, 26), False, False),
        ("another size", (31, 45), False, False),
        ("far more maps than there are", (26 * 1009, 26 * 1009), False, False),
    ],
)
def test_maps_in_one_image(why: str, image: tuple[int, ...], plain: bool, framed: bool) -> None:
    """Of a layer of 32 channels, 26×26 each."""
    assert tiles(image, (26, 26), 32, framed=False) is plain, why
    assert tiles(image, (26, 26), 32, framed=True) is framed, why


def test_a_map_of_two_pixels_tiles_nothing() -> None:
    """Every image would be made of such."""
    assert not tiles((20, 20), (2, 2), 64, framed=True)


def test_an_image_shows_one_layer() -> None:
    """The first of the layers comes first, and gives way to none."""

    def fits(layer: int, image: tuple[int, ...]) -> bool:
        return layer in image

    assert matched([1, 2, 3], [(1, 2, 3)], fits) == {1}
    assert matched([1, 2, 3], [(1, 2, 3), (1,)], fits) == {1, 2}
    assert matched([1, 2, 3], [(1, 2, 3)] * 3, fits) == {1, 2, 3}
    assert matched([4], [(1,)], fits) == set()

"""Images that show several maps at once: side by side, with frames around them, enlarged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

Size = tuple[int, int]
Image = tuple[int, ...]

WIDEST_FRAME = 4
LARGEST_SCALE = 32
MOST_IMAGES = 32
"""Input images whose maps one mosaic may show."""


def tiles(image: Image, size: Size, channels: int, *, framed: bool) -> bool:
    """Whether an image may be maps of that size side by side, each pixel repeated or not.

    Args:
        framed: frames of several pixels as well. With these nearly every size will do for a small map: ask
            only where the image is known to come from a network.
    """
    if len(image) not in {2, 3}:
        return False
    high, wide = image[:2]
    scales = [n for n in range(1, LARGEST_SCALE + 1) if high % n == 0 and wide % n == 0]
    mosaics = [(high // n, wide // n) for n in scales]
    possible = [mosaic for mosaic in mosaics if _room(mosaic, size, channels)]
    if possible and _plain((high, wide), size):
        return True
    return framed and any(_plain(mosaic, size) or _with_frames(mosaic, size) for mosaic in possible)


def _room(mosaic: Size, size: Size, channels: int) -> bool:
    """Whether there is room for a map, and not for far more than there are."""
    if any(pixels < side or side <= 2 for pixels, side in zip(mosaic, size, strict=True)):
        return False
    return (mosaic[0] // size[0]) * (mosaic[1] // size[1]) <= channels * MOST_IMAGES


def _plain(mosaic: Size, size: Size) -> bool:
    """Without anything between the maps, or with a line."""
    return all(p % side == 0 or (p + 1) % (side + 1) == 0 for p, side in zip(mosaic, size, strict=True))


def _with_frames(mosaic: Size, size: Size) -> bool:
    return any(
        all(_framed(p, side, frame) for p, side in zip(mosaic, size, strict=True))
        for frame in range(1, WIDEST_FRAME + 1)
    )


def _framed(pixels: int, side: int, frame: int) -> bool:
    """Whether so many pixels are maps with frames between them: and at both ends, at one, or at none."""
    return any((pixels - ends) % (side + frame) == 0 for ends in (-frame, 0, frame))


def matched(wanted: Sequence[int], images: Sequence[Image], fits: Callable[[int, Image], bool]) -> set[int]:
    """Which of `wanted`, the first of them first, can each be shown by an image of its own."""
    kinds = list(Counter(images).items())
    possible = {one: [k for k, (image, _) in enumerate(kinds) if fits(one, image)] for one in wanted}
    held: dict[int, list[int]] = {k: [] for k in range(len(kinds))}

    def place(one: int, tried: set[int]) -> bool:
        for k in possible[one]:
            if k in tried:
                continue
            tried.add(k)
            if len(held[k]) < kinds[k][1]:
                held[k].append(one)
                return True
            for other in held[k]:
                if place(other, tried):
                    held[k][held[k].index(other)] = one
                    return True
        return False

    return {one for one in wanted if place(one, set())}

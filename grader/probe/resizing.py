"""`tf.image.resize` of a whole data set: refused before it fills the memory.

60,000 images of 227×227 take 12 GB. Rows may not be left out, since shapes hold, and not be made up; so
the call is refused in words, and the cells after it run, where the end of the memory would end them all.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .doors import door
from .state import Probe

FUNCTIONS = ("resize", "resize_with_pad", "resize_with_crop_or_pad")
FLOAT_BYTES = 4


class ResultTooLarge(MemoryError):
    """The grader's limit, not the student's fault; the report explains it by this name."""


ResultTooLarge.__module__ = "builtins"  # as it reads in a traceback


def watch(probe: Probe, tensorflow: ModuleType) -> None:
    """Stand before the functions, where the level has a limit."""
    if probe.job.resize_bytes is None:
        return
    for name in FUNCTIONS:
        setattr(tensorflow.image, name, _limited(probe, getattr(tensorflow.image, name)))


def _limited(probe: Probe, original: Callable[..., Any]) -> Callable[..., Any]:
    @door
    @functools.wraps(original)
    def resize(images: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        size = probe.quietly(_bytes, images, args, kwargs) or 0.0
        if size > (probe.job.resize_bytes or math.inf):
            raise ResultTooLarge(
                f"{images.shape[0]} images of this size take {size / 1e9:.1f} GB at once: more than the "
                "grader has. Resize in a tf.data pipeline or with a Resizing layer."
            )
        return original(images, *args, **kwargs)

    return resize


def _bytes(images: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float:
    """What the result takes; 0 for single images and for tensors without values."""
    shape = getattr(images, "shape", None)
    if shape is None or len(shape) != 4 or any(d is None for d in shape):
        return 0.0
    height, width = _size(*args, **kwargs)
    return float(int(shape[0]) * int(height) * int(width) * int(shape[3]) * FLOAT_BYTES)


def _size(size: Any = None, width: Any = None, **named: Any) -> tuple[Any, Any]:
    """Height and width, given as one pair or as two numbers."""
    if isinstance(size, int) or "target_height" in named or "target_width" in named:
        return named.get("target_height", size), named.get("target_width", width)
    height, width = size
    return height, width

"""The datasets we serve, and the arrays each of them must have."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grader.model.errors import CourseError

CLASSES = 10


@dataclass(frozen=True, slots=True)
class Layout:
    """Official sizes of one dataset, as `keras.datasets` hands it out (all arrays are uint8)."""

    train: int
    test: int
    image: tuple[int, ...]
    label: tuple[int, ...] = ()
    """Shape of one label: () for MNIST and Fashion-MNIST, (1,) for CIFAR-10."""
    official: str | None = None
    """Fingerprint of the published arrays, where we could compute it; a download must match it."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            "x_train": (self.train, *self.image),
            "y_train": (self.train, *self.label),
            "x_test": (self.test, *self.image),
            "y_test": (self.test, *self.label),
        }


LAYOUTS: dict[str, Layout] = {
    "fashion_mnist": Layout(
        60_000,
        10_000,
        (28, 28),
        official="cff981f4f38db0bbb76aac298637946cd4678c307378d7df4bb2d240e3e769fc",
    ),
    "mnist": Layout(
        60_000,
        10_000,
        (28, 28),
        official="cb01d50407223629cee59a44c37adb3798608e40a974cb48547019a6d0c8b441",
    ),
    "cifar10": Layout(50_000, 10_000, (32, 32, 3), (1,)),
}


def layout_of(name: str) -> Layout:
    """The layout of a dataset; CourseError when we serve none of that name."""
    try:
        return LAYOUTS[name]
    except KeyError:
        raise CourseError("data.unknown", name=name, known=", ".join(sorted(LAYOUTS))) from None


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """The decoded arrays of one dataset: official shapes, uint8."""

    x_train: NDArray[np.uint8]
    y_train: NDArray[np.uint8]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.uint8]

    def named(self) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            yield name, getattr(self, name)

    def fingerprint(self) -> str:
        """SHA-256 over names, shapes, dtypes and bytes of the four arrays."""
        digest = hashlib.sha256()
        for name, array in self.named():
            digest.update(f"{name} {array.shape} {array.dtype.str}\n".encode())
            # The buffer is hashed in place; tobytes() would copy 150 MB of CIFAR-10.
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def checked(name: str, arrays: dict[str, NDArray[np.generic]], culprit: Path | str) -> Arrays:
    """The arrays as a dataset of that name; CourseError that names `culprit` when they cannot be.

    Integer labels and images of another width are converted; anything that would change a value is refused.
    """
    fitted: dict[str, NDArray[np.uint8]] = {}
    for key, shape in layout_of(name).shapes().items():
        array = arrays[key]
        if key.startswith("y_") and array.size == shape[0]:
            array = array.reshape(shape)
        if array.shape != shape:
            raise CourseError(
                "data.shape", file=str(culprit), array=key, found=str(array.shape), expected=str(shape)
            )
        if not np.issubdtype(array.dtype, np.integer) or array.min() < 0 or array.max() > 255:
            raise CourseError("data.values", file=str(culprit), array=key)
        if key.startswith("y_") and array.max() >= CLASSES:
            raise CourseError("data.values", file=str(culprit), array=key)
        fitted[key] = np.ascontiguousarray(array, dtype=np.uint8)
    return Arrays(**fitted)

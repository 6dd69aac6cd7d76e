"""Where datasets are looked for on disk: an explicit folder, then the user's Keras cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.data.layout import Arrays
from grader.data.readers import IDX_FILES, read_idx, read_jpeg_npz, read_npz

Reader = Callable[[str, Path], Arrays]


@dataclass(frozen=True, slots=True)
class Found:
    """A dataset that seems to be there: not yet read, so perhaps damaged."""

    source: str
    """folder or keras-cache."""
    path: Path
    """A folder (IDX) or a file (npz)."""
    read: Reader

    @property
    def files(self) -> tuple[Path, ...]:
        if self.path.is_dir():
            return tuple(self.path / file for file in IDX_FILES.values())
        return (self.path,)


_PLACES: dict[str, tuple[tuple[str, Reader], ...]] = {
    "fashion_mnist": (
        ("datasets/fashion-mnist", read_idx),
        ("fashion-mnist", read_idx),
        ("datasets/fashion_mnist.npz", read_npz),
        ("fashion_mnist.npz", read_npz),
    ),
    "mnist": (("datasets/mnist.npz", read_npz), ("mnist.npz", read_npz)),
    "cifar10": (
        ("datasets/cifar10.npz", read_npz),
        ("cifar10.npz", read_npz),
        ("datasets/cifar10-jpeg.npz", read_jpeg_npz),
        ("cifar10-jpeg.npz", read_jpeg_npz),
    ),
}
"""Best first. Keras caches CIFAR-10 as pickles, which are never read here: a pickle can run code."""


def in_folder(name: str, folder: Path, source: str = "folder") -> Iterator[Found]:
    """What a folder holds of a dataset, best first.

    A folder with only some of the IDX files counts: reading it then names the file that is missing.
    """
    for place, read in _PLACES[name]:
        path = folder / place
        if path.is_file() or (path.is_dir() and any((path / f).exists() for f in IDX_FILES.values())):
            yield Found(source, path, read)


def keras_home() -> Path:
    """Keras's own folder: KERAS_HOME, else ~/.keras."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()


def in_keras_cache(name: str) -> Iterator[Found]:
    yield from in_folder(name, keras_home(), "keras-cache")

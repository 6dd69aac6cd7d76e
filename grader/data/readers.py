"""Our own readers of the files that hold datasets. They never delete, unpickle or trust a header's size."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grader.data.layout import Arrays, checked, layout_of
from grader.model.errors import CourseError

IDX_FILES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}
"""The four files of MNIST's own format, as Keras caches Fashion-MNIST."""

_UNREADABLE = (OSError, EOFError, ValueError, KeyError, struct.error, zlib.error, zipfile.BadZipFile)
"""What gzip, zipfile, NumPy and Pillow raise for damaged files."""


def read_idx(name: str, folder: Path) -> Arrays:
    """A dataset from four gzipped IDX files; CourseError names the file that is wrong."""
    shapes = layout_of(name).shapes()
    arrays: dict[str, NDArray[np.generic]] = {}
    for key, file in IDX_FILES.items():
        path = folder / file
        try:
            arrays[key] = decode_idx(path.read_bytes(), shapes[key])
        except _UNREADABLE as error:
            raise CourseError("data.unreadable", file=str(path), why=_why(error)) from error
    return checked(name, arrays, folder)


def decode_idx(packed: bytes, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Gzipped IDX bytes (type 0x08, unsigned byte) of exactly that shape; ValueError otherwise.

    Format: http://yann.lecun.com/exdb/mnist/ , "the IDX file format".
    """
    header = 4 + 4 * len(shape)
    size = header + int(np.prod(shape))
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
        # One byte more than is due tells a longer file without inflating all of it.
        data = stream.read(size + 1)
    if len(data) < header or data[:4] != bytes((0, 0, 8, len(shape))):
        raise ValueError("not an IDX file of unsigned bytes")
    found = struct.unpack(f">{len(shape)}I", data[4:header])
    if found != shape or len(data) != size:
        raise ValueError(f"holds {found} values in {len(data) - header} bytes, not {shape}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def read_npz(name: str, path: Path) -> Arrays:
    """A dataset from an .npz with x_train, y_train, x_test, y_test; CourseError when it is not one."""
    try:
        with np.load(path, allow_pickle=False) as packed:
            arrays = {key: packed[key] for key in layout_of(name).shapes()}
    except _UNREADABLE as error:
        raise CourseError("data.unreadable", file=str(path), why=_why(error)) from error
    return checked(name, arrays, path)


def read_jpeg_npz(name: str, path: Path) -> Arrays:
    """A dataset whose images are JPEG bytes: per split `<split>_jpeg`, `_offsets` and `_labels`."""
    layout = layout_of(name)
    arrays: dict[str, NDArray[np.generic]] = {}
    try:
        with np.load(path, allow_pickle=False) as packed:
            for split, count in (("train", layout.train), ("test", layout.test)):
                blob, offsets = packed[f"{split}_jpeg"].tobytes(), packed[f"{split}_offsets"].tolist()
                arrays[f"x_{split}"] = _decode_jpegs(blob, offsets, (count, *layout.image))
                arrays[f"y_{split}"] = packed[f"{split}_labels"]
    except _UNREADABLE as error:
        raise CourseError("data.unreadable", file=str(path), why=_why(error)) from error
    return checked(name, arrays, path)


def _decode_jpegs(blob: bytes, offsets: list[int], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    if len(offsets) != shape[0] + 1:
        raise ValueError(f"{len(offsets) - 1} images, not {shape[0]}")
    images = np.empty(shape, np.uint8)
    for row, (start, end) in enumerate(pairwise(offsets)):
        with Image.open(io.BytesIO(blob[start:end]), formats=["JPEG"]) as image:
            if (*image.size[::-1], len(image.getbands())) != shape[1:]:
                raise ValueError(f"image {row} is {image.size}, {image.mode}")
            images[row] = np.asarray(image)
    return images


def _why(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"

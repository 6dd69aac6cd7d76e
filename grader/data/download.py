"""Fetching the published files, where that is allowed and there is a network.

What arrives is decoded in memory and its fingerprint compared with the published arrays': a mirror that
repacks the archives does no harm, and one that changes a pixel is refused.
"""

from __future__ import annotations

import io
import urllib.request
from http.client import HTTPException

import numpy as np
from numpy.typing import NDArray

from grader.data.layout import Arrays, checked, layout_of
from grader.data.readers import IDX_FILES, decode_idx
from grader.model.errors import CourseError

BASE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
"""Where `keras.datasets` itself fetches MNIST and Fashion-MNIST."""
TIMEOUT = 15
"""Seconds without a byte before a download is given up."""
LARGEST = 64 * 2**20
"""Bytes; the largest file we fetch has 26 MB."""
FETCHED = ("fashion_mnist", "mnist")
"""Keras fetches CIFAR-10 as pickles, which we do not read."""


def download(name: str) -> Arrays:
    """The published dataset; CourseError when it cannot be had or is not the published one."""
    if name not in FETCHED:
        raise CourseError("data.download.none", name=name)
    try:
        arrays = _idx(name) if name == "fashion_mnist" else _npz(name)
    except (OSError, EOFError, HTTPException, ValueError, KeyError) as error:
        raise CourseError("data.download.failed", name=name, url=BASE, why=f"{error}") from error
    if arrays.fingerprint() != layout_of(name).official:
        raise CourseError("data.download.other", name=name, url=BASE)
    return arrays


def _idx(name: str) -> Arrays:
    shapes = layout_of(name).shapes()
    arrays: dict[str, NDArray[np.generic]] = {
        key: decode_idx(_fetch(BASE + file), shapes[key]) for key, file in IDX_FILES.items()
    }
    return checked(name, arrays, BASE)


def _npz(name: str) -> Arrays:
    with np.load(io.BytesIO(_fetch(f"{BASE}{name}.npz")), allow_pickle=False) as packed:
        return checked(name, {key: packed[key] for key in layout_of(name).shapes()}, BASE)


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - always https, see BASE
        data: bytes = answer.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"{url} is larger than {LARGEST} bytes")
    return data

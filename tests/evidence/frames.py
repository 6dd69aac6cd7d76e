"""Frames as the probe writes them, and as nobody should."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from grader.evidence.gate import HEADER


def frame(header: dict[str, object] | bytes, *arrays: tuple[str, NDArray[np.generic]]) -> bytes:
    """One frame; `arrays` are declared in the header and put into the blob in order."""
    blob = b"".join(np.ascontiguousarray(a).tobytes() for _, a in arrays)
    if isinstance(header, dict):
        declared = [{"name": n, "dtype": a.dtype.name, "shape": list(a.shape)} for n, a in arrays]
        header = json.dumps({"seq": 1, "arrays": declared, **header}).encode()
    return raw(header, blob)


def raw(header: bytes, blob: bytes = b"") -> bytes:
    return HEADER.pack(len(header), len(blob)) + header + blob


def tamper(what: str = "x") -> bytes:
    return frame({"type": "tamper", "cell": 0, "what": what})


def labels(id: str, classes: NDArray[np.generic], *, one_hot: bool = False) -> bytes:
    return frame(
        {"type": "labels", "id": id, "shape": [len(classes)], "one_hot": one_hot}, ("classes", classes)
    )

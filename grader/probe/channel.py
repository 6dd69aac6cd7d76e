"""Sends frames over the evidence descriptor. The frame format is `grader.evidence.wire`'s.

Nothing here raises into the student's code: a channel that breaks falls silent, and the trusted side
sees evidence that ends early.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import struct
import threading
from typing import Any

from .doors import came_through, shut

# Bound before any student code runs: replacing json.dumps or os.write later changes nothing here.
_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
_prefix = struct.Struct(">II").pack
_put = os.write
_getpid = os.getpid
_keyed = hashlib.blake2b

MAX_HEADER = 8 * 2**20
MAX_BLOB = 128 * 2**20
MAX_FRAMES = 40_000
MAX_TOTAL = 240 * 2**20
"""Bytes of one run; the launcher may lower it by the job's `evidence_bytes`."""
RESERVED = 32 * 2**20
"""Room kept for frames without large blobs: weights give way first."""

TAG = 16
"""Bytes of the MAC behind each frame, where there is a key."""

_DTYPES = {"uint8": "|u1", "int16": "<i2", "int64": "<i8", "uint64": "<u8", "float32": "<f4"}


class Channel:
    """A numbered stream of frames. Safe to use from several threads.

    What it works with is behind doors (`doors`): the descriptor, and the state that authenticates frames.
    """

    def __init__(self, descriptor: int, limit: int = MAX_TOTAL, key: bytes = b"") -> None:
        stream = _Stream(descriptor, limit, key)

        def send(kind: str, header: dict[str, Any], arrays: dict[str, Any] | None = None) -> bool:
            if stream.guarded and not came_through():
                what = f"a frame of type {clean(str(kind), 20)!r} that no library call gave cause for"
                return stream.send("tamper", {"cell": header.get("cell", -1), "what": what}, {})
            return stream.send(kind, header, arrays or {})

        def room_for(size: int) -> bool:
            return stream.room_for(size)

        def guard() -> None:
            stream.guarded = True

        self.send = shut(send)
        """Send one frame; False when it could not be sent."""
        self.room_for = shut(room_for)
        """Whether a blob of this many bytes can still be sent without crowding out later frames."""
        self.guard = shut(guard)
        """From now on, only what begins at a door is sent; the rest is told as tampering."""


class _Stream:
    def __init__(self, descriptor: int, limit: int, key: bytes) -> None:
        self.guarded = False
        self._descriptor = descriptor
        self._limit = limit
        self._lock = threading.RLock()
        self._owner = _getpid()
        self._next = 0
        self._sent = 0
        self._broken = False
        # Keeps the key where nobody can read it: a MAC over all frames so far follows each of them.
        self._mac = _keyed(key=key, digest_size=TAG) if key else None
        with contextlib.suppress(OSError):
            os.set_inheritable(descriptor, False)

    def room_for(self, size: int) -> bool:
        return size <= MAX_BLOB and self._sent + size <= self._limit - RESERVED

    def send(self, kind: str, header: dict[str, Any], arrays: dict[str, Any]) -> bool:
        # A forked child inherits the descriptor: its frames would tear the parent's apart.
        if self._broken or _getpid() != self._owner:
            return False
        described, blob = _pack(arrays)
        with self._lock:
            message = {"type": kind, "seq": self._next, **header}
            if described:
                message["arrays"] = described
            encoded = _encode(finite(message)).encode()
            size = 8 + len(encoded) + len(blob) + TAG
            if len(encoded) > MAX_HEADER or len(blob) > MAX_BLOB:
                return False
            if self._next >= MAX_FRAMES or self._sent + size > self._limit:
                return False
            self._next += 1
            self._sent += size
            head = _prefix(len(encoded), len(blob)) + encoded
            return self._write(head) and self._write(blob) and self._write(self._tag(head, blob))

    def _tag(self, *parts: bytes) -> bytes:
        if self._mac is None:
            return b""
        for part in parts:
            self._mac.update(part)
        return self._mac.copy().digest()

    def _write(self, data: bytes) -> bool:
        view = memoryview(data)
        while view:
            try:
                view = view[_put(self._descriptor, view) :]
            except InterruptedError:
                continue
            except OSError:
                self._broken = True
                return False
        return True


def _pack(arrays: dict[str, Any]) -> tuple[list[dict[str, Any]], bytes]:
    described = []
    parts = []
    for name, array in arrays.items():
        dtype = array.dtype.name
        parts.append(array.astype(_DTYPES[dtype], order="C", copy=False).tobytes())
        described.append({"name": name, "dtype": dtype, "shape": list(array.shape)})
    return described, b"".join(parts)


def finite(value: Any) -> Any:
    """The same value as plain JSON: numbers that are not finite become null, texts are cut to fit."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean(value, 400)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {clean(str(key), 200): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if hasattr(value, "item"):
        return finite(value.item())
    return clean(str(value), 200)


def clean(text: str, limit: int) -> str:
    """Text cut to `limit` characters, without lone surrogates (they have no UTF-8)."""
    return text[:limit].encode("utf-8", "replace").decode("utf-8")

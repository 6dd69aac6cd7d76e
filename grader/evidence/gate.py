"""Bytes from a sandbox -> typed frames. Nothing behind this module sees an unchecked value.

Every bound is looked at before the memory it would cost is taken. A frame that does not hold is
dropped and counted, and reading goes on at the next one: half a run's evidence is worth keeping, and
one bad frame must not let a student hide the rest. Reading stops where lengths can no longer be
trusted (a header longer than allowed, or the bytes end inside a frame).

A MAC follows each frame of a run that was given a key: BLAKE2b, keyed, over all frames of the probe so far
and this one. A frame that does not continue them was written by something else, and is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import msgspec
import numpy as np
from numpy.typing import NDArray

from grader.evidence.wire import Array, Event
from grader.model.errors import EvidenceError

HEADER = struct.Struct(">II")
MAX_HEADER = 8 * 2**20
MAX_BLOB = 128 * 2**20
MAX_FRAMES = 50_000
TAG = 16
"""Bytes of a MAC."""

Arrays = dict[str, NDArray[np.generic]]
_decode = msgspec.json.Decoder(Event).decode


@dataclass(frozen=True, slots=True)
class Frame:
    event: Event
    arrays: Arrays
    not_finite: tuple[str, ...] = ()
    """Arrays left out because they hold NaN or infinity: an honest training can diverge."""


@dataclass(frozen=True, slots=True)
class Frames:
    """What passed, and in plain words what did not."""

    frames: tuple[Frame, ...]
    refused: tuple[str, ...] = ()


def read_frames(data: bytes, key: bytes = b"") -> Frames:
    """Read every frame that holds. Never raises for what the bytes say.

    Args:
        key: what the probe authenticates its frames with, when it was given one.
    """
    accepted: list[Frame] = []
    refused: list[str] = []
    for header, blob in _split(data, key, refused):
        try:
            accepted.append(read_frame(header, blob))
        except EvidenceError as error:
            _note(refused, str(error.message.args.get("why", "")))
    return Frames(tuple(accepted), tuple(refused))


def _note(refused: list[str], why: str) -> None:
    # A flood of bad frames is told by its first ones.
    if len(refused) < 20:
        refused.append(why)


def read_frame(header: memoryview, blob: memoryview) -> Frame:
    """One frame as a typed value.

    Raises:
        EvidenceError: not JSON, unknown or missing keys, wrong types, numbers that are not finite,
            or arrays that do not fill the blob exactly.
    """
    try:
        # msgspec itself refuses NaN, Infinity, 1e999 and bottomless nesting; tests hold it to that.
        event = _decode(header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EvidenceError("evidence.bad_frame", why=str(error)[:200]) from None
    arrays = _arrays(event.arrays, blob)
    finite = {name: array for name, array in arrays.items() if _finite(array)}
    return Frame(event, finite, tuple(sorted(arrays.keys() - finite.keys())))


def _split(data: bytes, key: bytes, refused: list[str]) -> Iterator[tuple[memoryview, memoryview]]:
    view, at = memoryview(data), 0
    tag = TAG if key else 0
    mac = hashlib.blake2b(key=key, digest_size=TAG)
    number = 0
    while at < len(view):
        number += 1
        if number > MAX_FRAMES:  # refused ones count: each costs time as well
            refused.append(f"more than {MAX_FRAMES} frames")
            return
        if at + HEADER.size > len(view):
            refused.append("the evidence ends inside a frame")
            return
        header, blob = HEADER.unpack_from(view, at)
        at += HEADER.size
        if header > MAX_HEADER or blob > MAX_BLOB:
            refused.append("a frame larger than allowed")
            return
        end = at + header + blob
        if end + tag > len(view):
            refused.append("the evidence ends inside a frame")
            return
        continued = mac.copy()
        continued.update(view[at - HEADER.size : end])
        if not tag or hmac.compare_digest(continued.digest(), view[end : end + tag]):
            mac = continued
            yield view[at : at + header], view[at + header : end]
        else:
            _note(refused, "a frame that the probe did not send")
        at = end + tag


def _arrays(declared: tuple[Array, ...], blob: memoryview) -> Arrays:
    arrays: Arrays = {}
    at = 0
    for spec in declared:
        dtype = np.dtype(spec.dtype).newbyteorder("<")
        size = prod(spec.shape) * dtype.itemsize  # Python integers: cannot overflow
        if spec.name in arrays or at + size > len(blob):
            raise EvidenceError("evidence.bad_frame", why=f"array {spec.name!r} does not fit its blob")
        flat = np.frombuffer(blob, dtype=dtype, count=prod(spec.shape), offset=at)
        try:
            arrays[spec.name] = flat.reshape(spec.shape)
        except ValueError:  # (0, 2**31, 2**31, 2**31): no bytes, and yet more than numpy can index
            raise EvidenceError("evidence.bad_frame", why=f"array {spec.name!r} is too large") from None
        at += size
    if at != len(blob):
        raise EvidenceError("evidence.bad_frame", why="a blob with bytes that no array claims")
    return arrays


def _finite(array: NDArray[np.generic]) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())

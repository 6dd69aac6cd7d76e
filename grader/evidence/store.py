"""Evidence kept under a hash of everything it depends on, so that nothing is run twice.

One file per run: `<folder>/<first two digits>/<key>.json.gz`, JSON that `zcat` shows. It holds data
only: weights are used and dropped before evidence is stored.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from grader.model.budget import Budget
from grader.model.errors import GraderError
from grader.model.evidence import SCHEMA, Evidence

MAX_FILE = 64 * 2**20
"""Largest file that is read, bytes."""
MAX_JSON = 256 * 2**20
"""Largest evidence, bytes of JSON. 1 MB of gzip can hold 1 GB: this bound is looked at while inflating."""

_KEY = re.compile(r"[0-9a-f]{64}")
_SUFFIX = ".json.gz"
_ASIDE = "set-aside"
_GZIP = 31
"""zlib's name for "a gzip header and its checksum"."""
_FORGOTTEN = 24 * 3600.0
"""A temporary file this old, in seconds, was left by a process that was killed."""


class StoreError(GraderError):
    """The evidence folder cannot be written or read, or a value cannot be kept."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that evidence depends on. How it was isolated is left out: that must not change a fact."""

    submission: str
    """Digest of the graded document."""
    assignment: str
    budget: Budget
    data: str
    """Fingerprint of the served arrays."""
    seed: int
    probe: int
    """Version of the probe."""
    plan: str
    """Digest of what is collected and verified, when it can differ between assignments."""
    versions: Mapping[str, str]
    """Of the frameworks the submission runs on."""

    @property
    def key(self) -> str:
        """SHA-256, in hexadecimal, over all of it and the version of the evidence schema."""
        canonical = msgspec.json.encode((SCHEMA, self), order="sorted")
        return hashlib.sha256(canonical).hexdigest()


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file says which key it is for: one that was moved to another name is not believed."""

    key: str
    evidence: Evidence


_decode = msgspec.json.Decoder(_Stored).decode


class EvidenceStore:
    """A folder of evidence. Several threads and processes may use one folder at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Evidence | None:
        """The evidence of that key, or None when there is none that can be used.

        A file that is damaged, too large, of an older schema or of another key is moved to
        `set-aside/` for staff to look at, and counts as absent: it will be collected anew.

        Raises:
            StoreError: the folder cannot be read.
        """
        path = self._path(key)
        try:
            data = _read_capped(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError("gradebook.store_unreadable", path=str(path), why=str(error)) from error
        evidence = None if data is None else _unpack(key, data)
        if evidence is None:
            self._set_aside(path)
        return evidence

    def put(self, key: str, evidence: Evidence) -> Evidence:
        """Keep evidence, whole or not at all, and return it as `get` will.

        Grade on what is returned: half a surrogate pair, which a notebook can hold and UTF-8 cannot,
        becomes U+FFFD, and the first run must see what later ones will.

        Raises:
            StoreError: it cannot be written, is too large, or holds numbers that are not finite.
        """
        path = self._path(key)
        packed = _pack(key, evidence)
        kept = _unpack(key, packed)
        if kept is None:
            # JSON has no NaN: msgspec writes null, which is not a number when it is read back.
            raise StoreError("gradebook.store_refused", evidence=key[:12])
        try:
            _write_whole(path, packed)
        except OSError as error:
            raise StoreError("gradebook.store_unwritable", path=str(path), why=str(error)) from error
        return kept

    def remove(self, key: str) -> bool:
        """Forget one key; whether there was something to forget."""
        path = self._path(key)
        existed = path.exists()
        path.unlink(missing_ok=True)
        return existed

    def keys(self) -> Iterator[str]:
        """Every key there is a file for, sorted; the file may still turn out to be damaged."""
        for path in sorted(self.folder.glob(f"??/*{_SUFFIX}")):
            key = path.name.removesuffix(_SUFFIX)
            if _KEY.fullmatch(key):
                yield key

    def clear(self) -> int:
        """Remove all evidence, what was set aside and unfinished files; how many files went.

        Only files that this class names are removed, and then the folders they leave empty.
        """
        removed = 0
        for pattern in (f"??/*{_SUFFIX}", "??/*.tmp", f"{_ASIDE}/*"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)
                removed += 1
        for folder in [*self.folder.glob("??"), self.folder / _ASIDE, self.folder]:
            _remove_if_empty(folder)
        return removed

    def sweep(self) -> int:
        """Remove unfinished files left by runs that were killed over a day ago; how many."""
        old = [p for p in self.folder.glob("??/*.tmp") if time.time() - p.stat().st_mtime > _FORGOTTEN]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not an evidence key: {key!r}")
        return self.folder / key[:2] / f"{key}{_SUFFIX}"

    def _set_aside(self, path: Path) -> None:
        aside = self.folder / _ASIDE
        try:
            aside.mkdir(parents=True, exist_ok=True)
            path.replace(aside / f"{time.time_ns()}-{path.name}")
        except FileNotFoundError:
            pass  # another process set it aside first
        except OSError as error:
            raise StoreError("gradebook.store_unwritable", path=str(aside), why=str(error)) from error


def utf8_json(value: object) -> bytes:
    """Any value of the models as JSON; surrogates without their other half become U+FFFD."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_whole_text(msgspec.to_builtins(value)))


def whole_text(text: str) -> str:
    """Text that UTF-8 can hold: a surrogate without its other half becomes U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _whole_text(value: object) -> object:
    match value:
        case str():
            return whole_text(value)
        case dict():
            return {_whole_text(name): _whole_text(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_whole_text(inner) for inner in value]
    return value


def _pack(key: str, evidence: Evidence) -> bytes:
    # The time is left out of gzip's header: equal evidence gives equal files.
    return gzip.compress(utf8_json(_Stored(key, evidence)), compresslevel=5, mtime=0)


def _unpack(key: str, data: bytes) -> Evidence | None:
    text = _inflate(data) if len(data) <= MAX_FILE else None
    if text is None:
        return None
    try:
        stored = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    fits = stored.key == key and stored.evidence.schema == SCHEMA
    return stored.evidence if fits else None


def _inflate(data: bytes) -> bytes | None:
    inflater = zlib.decompressobj(_GZIP)
    try:
        text = inflater.decompress(data, MAX_JSON)
    except zlib.error:
        return None
    # Not at its end: cut short, or larger than allowed. Bytes behind the end: not ours.
    return text if inflater.eof and not inflater.unused_data else None


def _read_capped(path: Path) -> bytes | None:
    with path.open("rb") as stream:
        data = stream.read(MAX_FILE + 1)
    return data if len(data) <= MAX_FILE else None


def _write_whole(path: Path, data: bytes) -> None:
    """Write beside the final name, make it durable, then rename: readers see all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f"{path.name[:12]}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable where folders can be opened (not on Windows, which needs no such step)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # not empty, or not there: then it is not ours to remove

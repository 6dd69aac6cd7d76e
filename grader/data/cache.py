"""Prepared arrays on disk, where a sandbox of another user can read them.

A dataset lies in `<cache>/<fingerprint>/<name>/<array>.npy`, written under a temporary name and renamed, so
that processes side by side never see half of one. What is read back is hashed again: a damaged or altered
copy is made anew. Nobody but us may write to the cache: a folder that others own or can write to is not used.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs

from grader.data.layout import LAYOUTS, Arrays
from grader.model.errors import CourseError

APP = "practical-grader"
INDEX_SCHEMA = 1
LEFTOVER_SECONDS = 24 * 3600
"""Age at which an unfinished folder is taken for one that a killed process left behind."""
TRIES = 5
"""Attempts at taking a dataset's place while other processes do the same."""
_OPEN_FOLDER = 0o755
_OPEN_FILE = 0o644


def default_cache() -> Path:
    """The first place that is ours alone to write and that every user of the machine can reach.

    Run as root, the user's own cache lies under /root, which a sandbox of another user cannot enter: root
    uses the system's.
    """
    for place in _places():
        with suppress(OSError):
            _make(place)
            if _is_ours(place) and (not _is_root() or _reachable(place)):
                return place
    # Last: a folder of this process alone. Names in a shared temporary folder can be squatted by others.
    place = Path(tempfile.mkdtemp(prefix=f"{APP}-"))
    place.chmod(_OPEN_FOLDER)
    return place


def _places() -> Iterator[Path]:
    where = platformdirs.site_cache_path if _is_root() else platformdirs.user_cache_path
    yield where(APP) / "data"
    yield Path(tempfile.gettempdir()) / f"{APP}-{_uid()}"


def _uid() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0  # Windows: temporary folders are per user there


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _make(folder: Path) -> None:
    """Make a folder that others may enter and read, whatever the umask. Existing folders stay as they are."""
    if folder.is_dir():
        return
    _make(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(_OPEN_FOLDER)


def _is_ours(folder: Path) -> bool:
    """A real folder, ours, that nobody else can write to."""
    about = folder.lstat()  # not stat: a link planted in a shared folder is not ours, whatever it points to
    if not stat.S_ISDIR(about.st_mode):
        return False
    if not hasattr(os, "getuid"):
        return True
    return about.st_uid == os.getuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _reachable(folder: Path) -> bool:
    """Whether every user may pass through all the folders above it, and through it."""
    return all(p.stat().st_mode & stat.S_IXOTH for p in (folder, *folder.resolve().parents))


@dataclass(frozen=True, slots=True)
class Cache:
    """The prepared datasets under one folder."""

    root: Path

    @classmethod
    def at(cls, root: Path | None) -> Cache:
        """Open a cache, making its folder; CourseError when it cannot be made or others could change it."""
        if root is None:
            return cls(default_cache())
        try:
            _make(root)
            if not _is_ours(root.resolve()):
                raise CourseError("data.cache.shared", folder=str(root))
        except OSError as error:
            raise CourseError("data.cache.unwritable", folder=str(root), why=str(error)) from error
        return cls(root)

    def folder(self, fingerprint: str) -> Path:
        return self.root / fingerprint

    def has(self, name: str, fingerprint: str) -> bool:
        """Whether that dataset is there, whole and unaltered."""
        try:
            return load(self.folder(fingerprint) / name).fingerprint() == fingerprint
        except (OSError, ValueError, EOFError):
            return False

    def put(self, name: str, arrays: Arrays) -> str:
        """Store a dataset and return its fingerprint; CourseError when the disk refuses."""
        fingerprint = arrays.fingerprint()
        try:
            self._store(name, arrays, fingerprint)
        except OSError as error:
            raise CourseError("data.cache.unwritable", folder=str(self.root), why=str(error)) from error
        return fingerprint

    def _store(self, name: str, arrays: Arrays, fingerprint: str) -> None:
        self._clear_leftovers()
        made = Path(tempfile.mkdtemp(prefix=".new-", dir=self.root))
        try:
            _write(made / name, arrays)
            made.chmod(_OPEN_FOLDER)
            self._move(made, name, fingerprint)
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def _move(self, made: Path, name: str, fingerprint: str) -> None:
        final = self.folder(fingerprint)
        for _ in range(TRIES):
            with suppress(OSError):
                made.rename(final)
                return
            # Taken: by a process that was quicker, or by a damaged copy, which must make room.
            if self.has(name, fingerprint):
                return
            aside = made.with_name(made.name.replace(".new-", ".old-"))
            with suppress(OSError):  # another process moved it first
                final.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
        raise OSError(f"{final} cannot be replaced")

    def _clear_leftovers(self) -> None:
        for kind in (".new-*", ".old-*"):
            for left in self.root.glob(kind):
                with suppress(OSError):
                    if time.time() - left.lstat().st_mtime > LEFTOVER_SECONDS:
                        shutil.rmtree(left, ignore_errors=True)

    def recall(self, key: str) -> str | None:
        """The fingerprint that was noted for a source, or None."""
        try:
            noted = json.loads(self._note(key).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(noted, dict) or noted.get("schema") != INDEX_SCHEMA:
            return None
        fingerprint = noted.get("fingerprint")
        return fingerprint if isinstance(fingerprint, str) and len(fingerprint) == 64 else None

    def note(self, key: str, fingerprint: str) -> None:
        """Remember what a source decodes to. A note that cannot be written only costs time."""
        text = json.dumps({"schema": INDEX_SCHEMA, "fingerprint": fingerprint})
        with suppress(OSError):
            handle, path = tempfile.mkstemp(prefix=".new-", dir=self.root)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            os.replace(path, self._note(key))

    def _note(self, key: str) -> Path:
        return self.root / f"{key}.json"


def source_key(name: str, files: tuple[Path, ...]) -> str:
    """A name for the bytes of a source: SHA-256 over its files. OSError when one cannot be read."""
    digest = hashlib.sha256(name.encode())
    for path in files:
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def load(folder: Path) -> Arrays:
    """The prepared arrays of one folder, mapped into memory; OSError or ValueError when one is damaged."""
    arrays = {
        key: np.load(folder / f"{key}.npy", mmap_mode="r", allow_pickle=False)
        for key in LAYOUTS["mnist"].shapes()
    }
    return Arrays(**arrays)


def _write(folder: Path, arrays: Arrays) -> None:
    folder.mkdir()
    folder.chmod(_OPEN_FOLDER)
    for key, array in arrays.named():
        path = folder / f"{key}.npy"
        np.save(path, array, allow_pickle=False)
        path.chmod(_OPEN_FILE)

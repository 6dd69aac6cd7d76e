"""Choosing the data a class is graded on, best source first."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from grader.data import standin
from grader.data.cache import Cache, load, source_key
from grader.data.download import download as fetch
from grader.data.layout import Arrays, layout_of
from grader.data.sources import Found, in_folder, in_keras_cache
from grader.evidence.trace import ServedRows
from grader.model.errors import CourseError
from grader.model.evidence import ServedData
from grader.model.text import Message

ENV = "GRADER_DATA"
"""Environment variable with the explicit folder, or `STAND_IN`."""
STAND_IN = "stand-in"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """One dataset, ready to be bound into a sandbox: folder/<name>/{x_train,y_train,x_test,y_test}.npy."""

    name: str
    folder: Path
    fingerprint: str
    source: str
    """folder, keras-cache, download or stand-in."""
    notes: tuple[Message, ...] = ()
    """Why better sources were passed over, for people."""

    @property
    def data(self) -> ServedData:
        """The same as evidence records it."""
        return ServedData(self.name, self.fingerprint, self.source)

    def arrays(self) -> Arrays:
        """The four arrays, read-only, mapped from disk."""
        return load(self.folder / self.name)

    def rows(self) -> ServedRows:
        """The trace table: which split and row an image is, by its content."""
        a = self.arrays()
        return ServedRows(a.x_train, a.y_train.astype("int64"), a.x_test, a.y_test.astype("int64"))


@dataclass(frozen=True, slots=True)
class _Source:
    kind: str
    key: str
    """Names the bytes it is made from: what was decoded before is not decoded again."""
    make: Callable[[], Arrays]


def serve(
    name: str, *, folder: Path | None = None, cache: Path | None = None, download: bool = False
) -> Served:
    """Find a dataset and prepare it.

    Searched in this order: `folder` (else $GRADER_DATA; the word "stand-in" there goes straight to the
    last), the user's Keras cache, a download where `download` allows it, the embedded stand-in. A source
    that is there but damaged is passed over with a note. Takes about 1 s, 5 to 20 s the first time.

    Raises CourseError for an unknown dataset, an explicit folder that does not exist, and a cache folder
    that cannot be used.
    """
    layout_of(name)
    chosen = _explicit(folder)
    store = Cache.at(cache)
    notes: list[Message] = []
    for source in _sources(name, chosen, notes, download=download):
        try:
            fingerprint = _prepare(store, name, source)
        except CourseError as error:
            _log.warning("%s passed over: %s", source.kind, error)
            notes.append(error.message)
            continue
        return Served(name, store.folder(fingerprint), fingerprint, source.kind, tuple(notes))
    raise CourseError("data.none", name=name, folder=str(store.root))


def _explicit(folder: Path | None) -> Path | None:
    """The folder that was asked for; CourseError when it does not exist."""
    chosen = folder or (Path(os.environ[ENV]) if os.environ.get(ENV) else None)
    if chosen is not None and str(chosen) != STAND_IN and not chosen.is_dir():
        raise CourseError("data.folder", folder=str(chosen), env=ENV)
    return chosen


def _sources(name: str, folder: Path | None, notes: list[Message], *, download: bool) -> Iterator[_Source]:
    """Every source there is, best first. Adds a note for an explicit folder without this dataset."""
    if str(folder) != STAND_IN:
        if folder is not None:
            found = tuple(in_folder(name, folder))
            if not found:
                notes.append(Message("data.absent", {"name": name, "folder": str(folder)}))
            yield from _from_files(name, found, notes)
        yield from _from_files(name, in_keras_cache(name), notes)
        if download:
            yield _Source("download", f"download-{name}", partial(fetch, name))
    yield _Source(STAND_IN, f"stand-in-{standin.VERSION}-{name}", partial(standin.make, name))


def _from_files(name: str, found: Iterable[Found], notes: list[Message]) -> Iterator[_Source]:
    for one in found:
        try:
            key = source_key(name, one.files)
        except OSError as error:
            notes.append(Message("data.unreadable", {"file": str(one.path), "why": str(error)}))
            continue
        yield _Source(one.source, key, partial(one.read, name, one.path))


def _prepare(store: Cache, name: str, source: _Source) -> str:
    known = store.recall(source.key)
    if known is not None and store.has(name, known):
        return known
    fingerprint = store.put(name, source.make())
    store.note(source.key, fingerprint)
    return fingerprint

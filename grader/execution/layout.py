"""What of this machine's files the box shows, and under which names."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent

_SYSTEM = ("/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec")
_SHARED = ("/usr/share/fonts", "/usr/share/fontconfig", "/usr/share/zoneinfo", "/usr/share/terminfo")
_ETC = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/etc/localtime")
_LINKED = ("/bin", "/lib", "/lib32", "/lib64")
"""Links into /usr on merged systems, folders of their own on older ones."""
_PREFIX_PARTS = ("bin", "lib", "lib64", "pyvenv.cfg")


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of this machine shown read-only under another name."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything the box shows. `masked` folders are covered by empty ones after `mounts` and before
    `uncovered`, which may therefore lie inside a masked folder."""

    mounts: tuple[Mount, ...]
    links: tuple[tuple[str, str], ...]
    """(what it points to, name) of symbolic links."""
    masked: tuple[str, ...]
    uncovered: tuple[Mount, ...]


def layout(uncovered: Iterable[Mount] = ()) -> Layout:
    """The interpreter, the system's libraries and `uncovered`; nothing of ours, of the course or of people.

    Only parts of the interpreter's prefix are shown, never the prefix itself: `python -m venv .` in a
    course folder makes the course the prefix.
    """
    names = [name for name in (*_SYSTEM, *_SHARED, *_ETC) if os.path.exists(name)]
    names += [name for name in _LINKED if os.path.isdir(name) and not os.path.islink(name)]
    names += [part for prefix in _prefixes() for part in _parts(prefix)]
    mounts = tuple(Mount(os.path.realpath(name), name) for name in _outermost(names))
    return Layout(
        mounts=mounts,
        links=tuple((os.readlink(name), name) for name in _LINKED if os.path.islink(name)),
        masked=tuple(_masked(mounts)),
        uncovered=tuple(uncovered),
    )


@dataclass(frozen=True, slots=True)
class Readable:
    """The same without mounts: what may be read whole, and folders of which only the names may be."""

    whole: tuple[str, ...]
    listed: tuple[str, ...]


def readable(besides: Iterable[str] = ()) -> Readable:
    """What `layout` shows, under its own names, where nothing can be mounted; and `besides`."""
    whole: list[str] = list(besides)
    listed: list[str] = []
    shown = layout()
    for mount in shown.mounts:
        hidden = {mount.source + name[len(mount.target) :] for name in shown.masked if _inside(name, mount)}
        _all_but(mount.source, hidden, whole, listed)
    return Readable(tuple(whole), tuple(listed))


def _inside(name: str, mount: Mount) -> bool:
    return name.startswith(f"{mount.target}/")


def _all_but(path: str, hidden: set[str], whole: list[str], listed: list[str]) -> None:
    if path in hidden:
        return
    if not any(name.startswith(f"{path}/") for name in hidden):
        whole.append(path)
        return
    listed.append(path)
    for name in os.listdir(path):
        _all_but(os.path.join(path, name), hidden, whole, listed)


def open_to_all(place: Path) -> bool:
    """Whether any user may read it, all that is in it, and go there."""
    inside = place.rglob("*") if place.is_dir() else ()
    readable = all(p.stat().st_mode & 0o004 for p in (place, *inside))
    return readable and all(p.stat().st_mode & 0o001 for p in place.resolve().parents)


def same_place(paths: Sequence[Path]) -> list[Mount]:
    """Mounts that show each path under its own absolute name."""
    return [Mount(os.path.realpath(path), os.path.abspath(path)) for path in paths]


def _prefixes() -> Iterator[str]:
    yield from (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    yield from (os.path.realpath(sys.base_prefix), os.path.realpath(sys.base_exec_prefix))
    # A virtual environment's python is a chain of links, each of which must lead on inside the box.
    hop = os.path.abspath(sys.executable)
    for _ in range(16):
        yield os.path.dirname(os.path.dirname(hop))
        if not os.path.islink(hop):
            return
        hop = os.path.normpath(os.path.join(os.path.dirname(hop), os.readlink(hop)))


def _parts(prefix: str) -> Iterator[str]:
    # A prefix of "/" or "/usr" is the system, which _SYSTEM covers.
    if prefix not in ("/", "/usr"):
        yield from (path for part in _PREFIX_PARTS if os.path.exists(path := os.path.join(prefix, part)))


def _outermost(names: Iterable[str]) -> list[str]:
    """The names without those inside another one of them, parents before children."""
    kept: list[str] = []
    for name in sorted(set(names), key=lambda n: (n.count("/"), n)):
        if not any(name.startswith(f"{parent}/") for parent in kept):
            kept.append(name)
    return kept


def _masked(mounts: Sequence[Mount]) -> Iterator[str]:
    """Every installed copy of this package that the mounts show: it holds the demo's reference."""
    for mount in mounts:
        found = {_within(mount, str(_PACKAGE))}
        for pattern in ("python*/site-packages/grader", "python*/dist-packages/grader"):
            found |= {_within(mount, str(path)) for path in Path(mount.source).glob(pattern)}
        yield from sorted(name for name in found if name)


def _within(mount: Mount, path: str) -> str:
    """The name under which the mount shows `path`; "" when it does not."""
    if path.startswith(f"{mount.source}/"):
        return mount.target + path[len(mount.source) :]
    return ""

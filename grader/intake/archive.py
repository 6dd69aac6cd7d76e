"""Zip archives from strangers. Members are read one by one and never extracted under their own names.

Refused members are named in a Problem and the rest is read all the same. The cases are those of the
attack list that the tests walk through: paths that lead out, links, devices, passwords, bombs,
overlapping members, names twice.
"""

from __future__ import annotations

import re
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from grader.intake.entry import Entry, Parts, Tree
from grader.intake.kinds import is_junk
from grader.intake.limits import MIB, IntakeLimits
from grader.intake.names import member_name
from grader.intake.text import for_people
from grader.model.errors import IntakeError
from grader.model.submission import Problem, Severity
from grader.model.text import Message

_UTF8_FLAG = 0x800
_ENCRYPTED_FLAGS = 0x1 | 0x40
_DIRECTORY_RECORD = b"PK\x01\x02"
_LOCAL_HEADER = 30
"""Bytes of a member's local header without its name and extra field."""
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""The methods whose output Python bounds while it inflates: 4 kB of bzip2 can become gigabytes at once."""
_BROKEN = (
    zipfile.BadZipFile,
    NotImplementedError,  # an archive cut into several files
    ValueError,  # also UnicodeDecodeError: a name said to be UTF-8 that is not
    struct.error,
    EOFError,
    OSError,
    OverflowError,
)
_DRIVE = re.compile(r"^[A-Za-z]:")


@contextmanager
def opened(file: Path, name: str, limits: IntakeLimits) -> Iterator[Tree]:
    """The members of a zip; they can be read while the context lasts.

    `name` is the archive's name for people. Raises IntakeError when it cannot be read at all.
    """
    _refuse_flood(file, name, limits)
    try:
        archive = zipfile.ZipFile(file)
    except _BROKEN as error:
        raise IntakeError("intake.bad_archive", file=for_people(name)) from error
    with archive:
        yield _Listing(archive, for_people(name), limits).tree()


def _refuse_flood(file: Path, name: str, limits: IntakeLimits) -> None:
    """Count directory records before zipfile makes an object of each.

    Records in archives stored inside this one count too, hence the factor.
    """
    records, tail = 0, b""
    with file.open("rb") as stream:
        while chunk := stream.read(MIB):
            records += (tail + chunk).count(_DIRECTORY_RECORD)
            tail = chunk[-(len(_DIRECTORY_RECORD) - 1) :]
    if records > 4 * limits.archive_members:
        raise IntakeError("intake.too_many_members", file=for_people(name), limit=limits.archive_members)


@dataclass(slots=True)
class _Listing:
    """Goes through an archive's directory and sorts its members into usable and refused."""

    archive: zipfile.ZipFile
    name: str
    limits: IntakeLimits
    entries: dict[Parts, Entry] = field(default_factory=dict)
    folders: list[Parts] = field(default_factory=list)
    problems: list[tuple[Parts, Problem]] = field(default_factory=list)
    spellings: set[str] = field(default_factory=set)
    """Paths without case: two that differ in it are one file on Windows and macOS."""

    def tree(self) -> Tree:
        members = self.archive.infolist()
        self._cap(members)
        overlapping = _overlapping(members)
        for info in members[: self.limits.archive_members]:
            self._take(info, overlaps=info.header_offset in overlapping)
        return Tree(tuple(self.entries.values()), tuple(self.folders), tuple(self.problems))

    def _cap(self, members: list[zipfile.ZipInfo]) -> None:
        if len(members) > self.limits.archive_members:
            message = Message("intake.members_cut", {"file": self.name, "limit": self.limits.archive_members})
            self.problems.append(((), Problem(Severity.WARNING, message)))

    def _take(self, info: zipfile.ZipInfo, *, overlaps: bool) -> None:
        name = member_name(info.orig_filename, declared_utf8=bool(info.flag_bits & _UTF8_FLAG))
        parts, refusal = _parts(name)
        if not parts or any(is_junk(part) for part in parts):
            return
        refusal = refusal or self._refusal(info, overlaps=overlaps)
        if refusal:
            self._say(parts, refusal, name)
        elif _is_folder(info, name):
            self.folders.append(parts)
        else:
            self._say_oddities(info, parts, name)
            self.entries[parts] = Entry(parts, info.file_size, lambda: self._open(info))

    def _refusal(self, info: zipfile.ZipInfo, *, overlaps: bool) -> str | None:
        kind = stat.S_IFMT(info.external_attr >> 16)
        packed_tight = info.file_size > self.limits.bomb_ratio * max(info.compress_size, 1)
        cases = {
            "intake.member_link": kind == stat.S_IFLNK,
            "intake.member_special": kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK),
            "intake.member_encrypted": bool(info.flag_bits & _ENCRYPTED_FLAGS),
            "intake.member_method": info.compress_type not in _METHODS,
            "intake.member_bomb": packed_tight and info.file_size > self.limits.bomb_bytes,
            "intake.member_overlap": overlaps,
        }
        return next((key for key, holds in cases.items() if holds), None)

    def _say_oddities(self, info: zipfile.ZipInfo, parts: Parts, name: str) -> None:
        """Things that harm only whoever extracts: said, and read all the same."""
        if (info.external_attr >> 16) & (stat.S_ISUID | stat.S_ISGID):
            self._say(parts, "intake.member_setuid", name, Severity.NOTE)
        if any(part.startswith("-") or _has_control(part) for part in parts):
            self._say(parts, "intake.member_odd_name", name, Severity.NOTE)
        if parts in self.entries:
            # The later one is the newer one, and the one that every unpacker would leave on disk.
            self._say(parts, "intake.member_duplicate", name)
        elif _folded(parts) in self.spellings:
            self._say(parts, "intake.member_same_but_case", name, Severity.NOTE)
        self.spellings.add(_folded(parts))

    def _say(self, parts: Parts, key: str, name: str, severity: Severity = Severity.WARNING) -> None:
        member = for_people(name, limit=200)
        self.problems.append((parts, Problem(severity, Message(key, {"member": member}))))

    def _open(self, info: zipfile.ZipInfo) -> IO[bytes]:
        return self.archive.open(info)


def _parts(name: str) -> tuple[Parts, str | None]:
    """The path's safe parts, and why the member is refused, if it is.

    Old Windows tools write `\\` between folders.
    """
    path = name.split("\0")[0].replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    leads_out = path.startswith("/") or _DRIVE.match(path) is not None or ".." in parts
    safe = tuple(part for part in parts if part != ".." and not _DRIVE.fullmatch(part))
    if leads_out:
        return safe or (path,), "intake.member_outside"
    return safe, None


def _is_folder(info: zipfile.ZipInfo, name: str) -> bool:
    return name.endswith(("/", "\\")) or stat.S_ISDIR(info.external_attr >> 16)


def _has_control(part: str) -> bool:
    return any(unicodedata.category(c) == "Cc" for c in part)


def _folded(parts: Parts) -> str:
    return "/".join(parts).casefold()


def _overlapping(members: list[zipfile.ZipInfo]) -> frozenset[int]:
    """Header offsets of members whose bytes are also another's: one bomb under a thousand names.

    The extra field of a local header is left out, so the end is a lower bound: an honest archive never
    overlaps, and one that hides a header in that field still does by its data.
    """
    found: set[int] = set()
    end, owner = 0, -1
    for info in sorted(members, key=lambda m: m.header_offset):
        if info.header_offset < end:
            found.update((info.header_offset, owner))
        own_end = info.header_offset + _LOCAL_HEADER + len(_raw_name(info)) + info.compress_size
        if own_end > end:
            end, owner = own_end, info.header_offset
    return frozenset(found)


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    encoding = "utf-8" if info.flag_bits & _UTF8_FLAG else "cp437"
    return info.orig_filename.encode(encoding, errors="replace")

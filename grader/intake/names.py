"""Names of people and files: how they are compared, and the file stem a person gets."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from grader.intake.text import for_people

_DROPPED = re.compile(r"[/\\:*?\"'’`´<>|.,;()\[\]{}]")
"""Characters that Moodle or a file system leaves out of names (`O'Neil` arrives as `ONeil`)."""
_UNSAFE = re.compile(r"[^a-z0-9]+")
_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)$")
KEY_LENGTH = 60


def normalise_name(name: str) -> str:
    """The form in which two spellings of one person's name are equal: NFC, case folded, `_` as a space.

    Accents count: José and Jose may be two people.
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    return " ".join(_DROPPED.sub("", folded.replace("_", " ")).split())


def loose_name(name: str) -> str:
    """Words of a name without accents, in alphabetical order: `Núñez, Ana` equals `Ana Nunez`."""
    return " ".join(sorted(_without_accents(name.replace(",", " ")).split()))


def squeezed_names(name: str) -> frozenset[str]:
    """Every way Canvas may write a name, without spaces and family name first: `Jane Doe` -> doejane."""
    words = [re.sub(r"\W|_", "", word) for word in normalise_name(name).split()]
    return frozenset("".join(words[i:] + words[:i]) for i in range(len(words)))


def _without_accents(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", normalise_name(name))
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def student_key(name: str) -> str:
    """A file stem made from a name alone: ASCII letters, digits and `-`, at most 60 characters.

    The same name gives the same key in every run. Lower case, because two stems that differ in case
    only are one file on Windows and macOS.
    """
    stem = _UNSAFE.sub("-", _without_accents(name)).strip("-")
    if not stem or _RESERVED.match(stem):
        # A name in another script, or one that Windows keeps for a device.
        return f"student-{stem or _short_hash(normalise_name(name))}"
    if len(stem) > KEY_LENGTH:
        return f"{stem[: KEY_LENGTH - 9].rstrip('-')}-{_short_hash(stem)}"
    return stem


@dataclass(frozen=True, slots=True)
class Claimant:
    """Someone who needs a key: what tells them apart from a person of the same name."""

    name: str
    lms_id: str | None
    origin: str


def unique_keys(claimants: Sequence[Claimant], taken: Collection[str] = ()) -> tuple[str, ...]:
    """One key for each claimant, none of them in `taken`.

    Where two keys collide both get a suffix of their own, so that the order of files changes nothing.
    """
    bases = [student_key(c.name) for c in claimants]
    count = Counter(bases)
    used = set(taken)
    keys: list[str] = []
    for claimant, base in zip(claimants, bases, strict=True):
        key = base if count[base] == 1 and base not in used else f"{base}-{_suffix(claimant)}"
        number = 2
        wanted = key
        while key in used:
            key, number = f"{wanted}-{number}", number + 1
        used.add(key)
        keys.append(key)
    return tuple(keys)


def _suffix(claimant: Claimant) -> str:
    if claimant.lms_id:
        return _UNSAFE.sub("-", claimant.lms_id.casefold()).strip("-")[:20] or _short_hash(claimant.lms_id)
    return _short_hash(f"{normalise_name(claimant.name)}\0{claimant.origin}")


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()[:8]


def file_name(name: str) -> str:
    """The name of a file on disk as text, also when its bytes are not UTF-8 (an old archive unpacked)."""
    try:
        return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8"))
    except UnicodeError:
        return os.fsencode(name).decode("cp1252", errors="replace")


def member_name(name: str, *, declared_utf8: bool) -> str:
    """The name of an archive member: zipfile reads undeclared names as code page 437.

    macOS writes UTF-8 without saying so. Windows writes the OEM page of the country; 850 (Western
    Europe) holds the same small accented letters and ñ as 437, and the capital ones besides.
    """
    if declared_utf8:
        return unicodedata.normalize("NFC", name)
    try:
        raw = name.encode("cp437")
    except UnicodeEncodeError:
        return unicodedata.normalize("NFC", name)
    try:
        return unicodedata.normalize("NFC", raw.decode("utf-8"))
    except UnicodeDecodeError:
        return raw.decode("cp850", errors="replace")


def shown(parts: Sequence[str]) -> str:
    """A path within a hand-in for people, with forward slashes."""
    return for_people("/".join(parts), limit=200)

"""Text from strangers made safe to keep and show: no terminal commands, no control characters."""

from __future__ import annotations

import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
CUT = "\n[…]\n"
"""Stands where the middle of a long text was left out."""

_ANSI = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC: window title, links
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS and kin
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_NEVER_IN_SOURCE = re.compile(r"[\x00\ud800-\udfff]")
_JOINERS = "\u200c\u200d"


def cut_middle(text: str, limit: int) -> str:
    """At most `limit` characters (and the mark): results stand at the end, so both ends are kept."""
    if len(text) <= limit:
        return text
    head = limit // 2
    return text[:head] + CUT + text[len(text) - (limit - head) :]


def plain_output(text: str, limit: int) -> str:
    """What a person saw of a saved output, without escape sequences.

    A progress bar writes over itself with carriage returns: only the last state of a line is kept.
    """
    # Cut first: the expressions below must not walk over 50 MB to give 20 kB.
    text = _ANSI.sub("", cut_middle(text, 4 * limit)).replace("\r\n", "\n")
    if "\r" in text:
        text = "\n".join(_last_state(line) for line in text.split("\n"))
    return cut_middle(_CONTROL.sub("", text), limit)


def _last_state(line: str) -> str:
    return next((part for part in reversed(line.split("\r")) if part.strip("\b ")), "")


def source_text(text: str) -> str:
    """Source as written, with Unix line ends and without what no encoder accepts (NUL, lone surrogates)."""
    return _NEVER_IN_SOURCE.sub(REPLACEMENT, text.replace("\r\n", "\n").replace("\r", "\n"))


def for_people(name: str, limit: int = 120) -> str:
    """A file or person's name in NFC, on one line, with nothing invisible in it.

    Direction marks could show `gnp.ipynb` for a name that ends otherwise; they become a visible mark.
    """
    shown = "".join(
        REPLACEMENT if unicodedata.category(c) in _INVISIBLE and c not in _JOINERS else c
        for c in unicodedata.normalize("NFC", name)
    ).strip()
    return shown if len(shown) <= limit else f"{shown[: limit // 2]}…{shown[-(limit // 2 - 1) :]}"


_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def decode(data: bytes) -> tuple[str, bool]:
    """The text of a UTF-8, UTF-16 (with its mark) or Windows-1252 file; False when bytes were damaged
    or the encoding had to be guessed."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", errors="replace")
        return text, REPLACEMENT not in text
    try:
        return data.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        text = data.decode("utf-8-sig", errors="replace")
    # Some accents arrived whole: UTF-8 with bad bytes in it. None did: an old Windows editor's file.
    if any(ord(c) > 127 and c != REPLACEMENT for c in text):
        return text, False
    return data.decode("cp1252", errors="replace"), False

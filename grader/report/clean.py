"""Text that a student controls, made safe to show: on a terminal, in a page, in a cell of a table.

Escaping for HTML is the template's work. This takes out what escaping keeps: terminal commands,
characters that reorder or hide text, and lengths that would bury the rest of a report.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

LINE_CHARS = 300
BLOCK_CHARS = 4_000
_MARKS = 4
"""Combining marks kept on one letter: more is "Zalgo" text, which overprints the lines around it."""

_ANSI = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: window titles, links, clipboard
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS, SOS, PM, APC: strings for the terminal itself
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor, erasing
    r"|\x1b[ -/]*[0-~]?"
)
_PLAIN = re.compile(r"[\n\t\x20-\x7e\xa0-\xac\xae-\xff\u2010-\u2015\u2026]*")
"""What is kept as it is: nearly every text. Looking at each character costs half of a report's time."""
_JOINERS = frozenset("\u200c\u200d")
"""Invisible, but emoji and several scripts are wrong without them, and they reorder nothing."""


def block(text: str, limit: int = BLOCK_CHARS) -> str:
    """`text` with its lines kept and everything unprintable gone, at most `limit` characters."""
    # Twice the limit is enough to fill it in honest text; a 50 MB error is not searched to its end.
    shortened = text[: 4 * limit + 1000]
    if _PLAIN.fullmatch(shortened):
        kept = shortened
    else:
        kept = "".join(_printable(_ANSI.sub("", shortened).replace("\r\n", "\n")))
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def line(text: str, limit: int = LINE_CHARS) -> str:
    """The same on one line, with runs of white space made one blank."""
    flat = " ".join(block(text, 4 * limit).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def _printable(text: str) -> Iterator[str]:
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if char in "\n\t" or char in _JOINERS:
            yield char
        elif category in {"Zl", "Zp"}:
            yield "\n"
        elif category == "Cs":  # half a surrogate pair, from a file name that is not UTF-8: cannot be encoded
            yield "\ufffd"
        elif category not in {"Cc", "Cf"} and marks <= _MARKS:  # Cf holds the bidi overrides
            yield char

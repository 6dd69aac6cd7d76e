"""Text from students without what commands a terminal, hides, reorders or floods."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.report import clean


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mrojo\x1b[0m", "rojo"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq secret\x1b\\x", "x"),
        ("\x9b2Jx", "x"),
        ("\x1bcx", "x"),
        ("a\x08b\x00c\x7f", "abc"),
        ("abc\u202egpj.exe", "abcgpj.exe"),
        ("a\u2066b\u2069\u200e\u061c\ufeff\u200bc", "abc"),
        ("\U000e0041tag", "tag"),
        ("caf\udce9", "caf\ufffd"),
        ("100%\rno", "100%no"),
        ("Núñez", "Núñez"),
        ("Nu\u0301n\u0303ez", "Nu\u0301n\u0303ez"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("a\u2028b", "a b"),
        ("Z" + "\u0334" * 50, "Z" + "\u0334" * 4),
    ],
)
def test_line(raw: str, shown: str) -> None:
    """Commands and hidden characters go; letters, accents and emoji stay."""
    assert clean.line(raw) == shown


def test_block_keeps_lines_and_indentation() -> None:
    """Source code stays readable."""
    assert clean.block("def f():\r\n\treturn 1\n") == "def f():\n\treturn 1\n"


@given(st.text(max_size=400))
def test_nothing_dangerous_is_left(text: str) -> None:
    """Whatever comes in: printable, encodable, on one line, within the limit."""
    shown = clean.line(text, 50)
    assert len(shown) <= 50
    assert shown.encode().decode() == shown
    assert not any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in shown)
    assert not any(unicodedata.category(c) == "Cf" and c not in "\u200c\u200d" for c in shown)


@pytest.mark.parametrize("piece", ["\x1b", "\x1b[", "\x1b]", "\x1bP", "a\u0300", "\u202e", " "])
def test_ten_megabytes_are_quick(piece: str) -> None:
    """No text makes cleaning slow: it is cut before it is searched."""
    start = time.perf_counter()
    assert len(clean.block(piece * (10_000_000 // len(piece)))) <= clean.BLOCK_CHARS
    assert time.perf_counter() - start < 1


def test_what_is_kept_unseen_would_be_kept_when_looked_at() -> None:
    """The quick way for plain texts lets nothing through that the slow one takes out."""
    plain = [char for char in map(chr, range(0x10000)) if clean._PLAIN.fullmatch(char)]
    assert len(plain) > 150
    assert "".join(clean._printable("".join(plain))) == "".join(plain)
    assert not any(char in plain for char in "\x1b\x9b\r\xad\u202e")

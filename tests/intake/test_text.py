"""Text from strangers, made safe."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.intake.text import cut_middle, for_people, plain_output


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("práctica.ipynb", "práctica.ipynb"),
        (unicodedata.normalize("NFD", "práctica"), "práctica"),
        ("a\nb\tc", "a�b�c"),
        ("x\u202egnp.ipynb", "x�gnp.ipynb"),
        ("\x1b[2Jx", "�[2Jx"),
        ("\udcff", "�"),
        ("क्\u200dष", "क्\u200dष"),
    ],
)
def test_names_for_people(name: str, shown: str) -> None:
    """One line, nothing invisible, no escape sequence."""
    assert for_people(name) == shown


def test_long_names_are_cut_in_the_middle() -> None:
    """The ending, which tells the kind of file, stays."""
    assert for_people("a" * 500 + ".ipynb").endswith("aaa.ipynb")
    assert len(for_people("a" * 500)) <= 120


def test_cut_middle_keeps_both_ends() -> None:
    """Results stand at the end."""
    assert cut_middle("abcdefghij", 4) == "ab\n[…]\nij"
    assert cut_middle("abcd", 4) == "abcd"


@given(st.text(alphabet=st.sampled_from("\x1b\x9b[]0;mKa\r\n\b\x07\\P^\u202e\ud800"), max_size=60))
def test_no_output_commands_a_terminal(text: str) -> None:
    """Whatever goes in, no control character but tab and newline comes out."""
    cleaned = plain_output(text, 1000)
    assert not [c for c in cleaned if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    assert "\u202e" not in cleaned

"""Names of people and files."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.intake.names import (
    Claimant,
    loose_name,
    member_name,
    normalise_name,
    squeezed_names,
    student_key,
    unique_keys,
)

ANA = "Ana María Núñez Ibáñez"


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (ANA, nfd(ANA), True),
        (ANA, ANA.upper(), True),
        ("Bob_Under O'Neil", "Bob Under ONeil", True),
        ('Cho De La/Cruz: "x"', "Cho De LaCruz x", True),
        ("  Ana   Pi ", "Ana Pi", True),
        ("José Gil", "Jose Gil", False),
        ("Straße", "STRASSE", True),
    ],
)
def test_normalised_names(one: str, other: str, equal: bool) -> None:
    """Case, composition, spaces and what Moodle drops do not count; accents do."""
    assert (normalise_name(one) == normalise_name(other)) is equal


def test_loose_names() -> None:
    """Order, commas and accents do not count here."""
    assert loose_name("Núñez Ibáñez, Ana") == loose_name("ana nunez ibanez")


def test_canvas_spelling() -> None:
    """Canvas writes `Doe, Jane` as doejane."""
    assert "doejane" in squeezed_names("Jane Doe")
    assert "delacruzcho" in squeezed_names("Cho De La Cruz")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (ANA, "ana-maria-nunez-ibanez"),
        (nfd(ANA), "ana-maria-nunez-ibanez"),
        ("Bob Under O'Neil", "bob-under-oneil"),
        ("practica (1)", "practica-1"),
        ("../../etc/passwd", "etcpasswd"),
        ("CON", "student-con"),
        ("lpt1", "student-lpt1"),
        ("-rf", "rf"),
        ("=cmd|' /C calc'!A0", "cmd-c-calc-a0"),
    ],
)
def test_keys(name: str, key: str) -> None:
    """A key is a harmless file stem on every system."""
    assert student_key(name) == key


def test_a_name_in_another_script_has_a_stable_key() -> None:
    """No ASCII letter in the name: a hash of it, the same in every run."""
    assert student_key("李明") == student_key("李明") != student_key("王芳")


@given(st.text(max_size=200))
def test_every_key_is_safe(name: str) -> None:
    """Lower-case ASCII letters, digits and dashes, not too long, never empty."""
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,69}", student_key(name))


def test_homonyms_get_keys_that_do_not_depend_on_order() -> None:
    """Both of two Anas get a suffix of their own; the third person keeps a plain key."""
    people = [Claimant("Ana Gil", "8", "a"), Claimant("Ana Gíl", "9", "b"), Claimant("Bo", None, "c")]
    assert unique_keys(people) == ("ana-gil-8", "ana-gil-9", "bo")
    assert unique_keys(people[::-1]) == ("bo", "ana-gil-9", "ana-gil-8")
    without_numbers = [Claimant("Ana Gil", None, "a"), Claimant("Ana Gil", None, "b")]
    assert unique_keys(without_numbers) == unique_keys(without_numbers[::-1])[::-1]
    assert len(set(unique_keys(without_numbers))) == 2


def test_a_roster_key_is_not_given_away() -> None:
    """A stranger with the same stem as somebody on the roster gets another."""
    assert unique_keys([Claimant("Ana", "7", "x")], taken=["ana"]) == ("ana-7",)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Núñez".encode(), "Núñez"),  # macOS: UTF-8 and no flag
        (nfd("Núñez").encode(), "Núñez"),
        ("Muñoz Ávila".encode("cp850"), "Muñoz Ávila"),  # Windows in Western Europe
        (b"practica.ipynb", "practica.ipynb"),
    ],
)
def test_undeclared_member_names(raw: bytes, name: str) -> None:
    """zipfile reads names without the UTF-8 flag as code page 437; the real ones are found again."""
    assert member_name(raw.decode("cp437"), declared_utf8=False) == name

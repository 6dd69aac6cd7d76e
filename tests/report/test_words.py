"""Sentences and numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from grader.model.text import Language, Message
from grader.report.words import Words, plain


@pytest.mark.parametrize(
    ("points", "es", "en"),
    [
        ("6.75", "6,75", "6.75"),
        ("10", "10", "10"),
        ("0.125", "0,13", "0.13"),
        ("2.50", "2,5", "2.5"),
        ("0E-2", "0", "0"),
    ],
)
def test_points(points: str, es: str, en: str) -> None:
    """At most two decimals, halves up, in the language's notation."""
    assert Words("es").points(Decimal(points)) == es
    assert Words("en").points(Decimal(points)) == en


def test_numbers_that_no_page_has_room_for() -> None:
    """A history may hold 1e308."""
    assert Words("es").number(1e308) == "1e+308"
    assert Words("es").number(float("nan")) == "nan"


@pytest.mark.parametrize(
    ("points", "text"), [("2.50", "2.5"), ("100", "100"), ("0E-2", "0"), ("-0.10", "-0.1")]
)
def test_plain(points: str, text: str) -> None:
    """For programs: no exponent, no trailing zeros."""
    assert plain(Decimal(points)) == text


@pytest.mark.parametrize(
    "message", [Message("no.such", {"a": "\x1b[1mx"}), Message("epochs.failed", {"a": "x"})]
)
def test_a_sentence_that_cannot_be_made_stops_nothing(
    message: Message, caplog: pytest.LogCaptureFixture
) -> None:
    """It is shown by its key and values, cleaned, and logged for staff."""
    assert Words("es").message(message) == f"{message.key} (a = x)"
    assert message.key in caplog.text


def test_our_own_sentences_must_exist() -> None:
    """A wrong key in the report itself is a bug, and raises."""
    with pytest.raises(KeyError):
        Words("es").say("report.no_such_key")


def test_another_renderer_can_be_given() -> None:
    """The catalogue is only the default."""

    def shout(message: Message, language: Language) -> str:
        return f"{message.key}!{language}"

    assert Words("en", shout).say("x") == "x!en"


@pytest.mark.parametrize(
    ("text", "spanish"),
    [
        ("101,770", "101.770"),
        ("0.733 – 0.861 (n = 12, batchnorm)", "0,733 – 0,861 (n = 12, batchnorm)"),
        ("≥ 40,000", "≥ 40.000"),
        ("(60000, 28, 28)", "(60000, 28, 28)"),
        ("Adam(0.001) + Hinge", "Adam(0.001) + Hinge"),
        ("Dense(128, relu)", "Dense(128, relu)"),
        ("Conv2D 32 3×3", "Conv2D 32 3×3"),
    ],
)
def test_numbers_that_checks_found_are_written_as_people_write_them(text: str, spanish: str) -> None:
    """Code stays code; English is what checks write."""
    assert Words("es").figures(text) == spanish
    assert Words("en").figures(text) == text

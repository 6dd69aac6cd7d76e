"""Sentences and numbers as people of one language write them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel.numbers import format_decimal as babel_decimal
from babel.numbers import format_percent

from grader.messages import render as catalogue_render
from grader.model.result import UNMARKED, ExerciseGrade, Scored, Status
from grader.model.text import Language, Message, MessageArg, Text
from grader.report import clean

log = logging.getLogger(__name__)

Render = Callable[[Message, Language], str]
DASH = "—"
_SENTENCE_CHARS = 2_000
_CENT = Decimal("0.01")
_FIGURE = re.compile(r"(?<![\w(.,=-])(?:\d{1,3}(?:,\d{3})+|\d+\.\d+)(?![\w).])")
_PERCENT = re.compile(r"(?<![\w.,])(\d+)%")
_LETTER = re.compile(r"[^\W\d_]")
_SWAPPED = str.maketrans(",.", ".,")


@lru_cache(maxsize=10_000)
def _decimal(value: float | Decimal, pattern: str, language: Language) -> str:
    """The same few numbers come again and again in a class. Zero has no sign."""
    return str(babel_decimal(value + 0, pattern, locale=language))


@dataclass(frozen=True, slots=True)
class Words:
    """Speaks one language. Every string that leaves it is clean, but not escaped."""

    language: Language
    render: Render = catalogue_render

    def say(self, key: str, **args: MessageArg) -> str:
        """One of the report's own sentences. Raises KeyError for a key that no catalogue has.

        Numbers are given as numbers, or written out already by `number`, `points` or `percent`: a string
        is never converted, else "60.000" would become "60,000".
        """
        return self._rendered(Message(key, args))

    def message(self, message: Message | None) -> str:
        """Somebody else's sentence, on one line, with the figures in its strings as people write them;
        "" for none.

        One that cannot be made (no such key, a value missing) is shown as its key and values: a fault in
        one check's words must not keep a class from its reports.
        """
        if message is None or not message.key:
            return ""
        try:
            return self._rendered(Message(message.key, {k: self._figure(v) for k, v in message.args.items()}))
        except (KeyError, IndexError, ValueError, TypeError) as error:
            log.error("message %s cannot be rendered in %s: %r", message.key, self.language, error)
            values = ", ".join(f"{k} = {v}" for k, v in message.args.items())
            return clean.line(f"{message.key} ({values})", _SENTENCE_CHARS)

    def _figure(self, value: MessageArg) -> MessageArg:
        """A string without letters is figures that a check wrote; any other may be a file's name."""
        plain = isinstance(value, str) and not _LETTER.search(value)
        return self.figures(value) if plain and isinstance(value, str) else value

    def _rendered(self, message: Message) -> str:
        args = {k: self._value(v) for k, v in message.args.items()}
        return clean.line(self.render(Message(message.key, args), self.language), _SENTENCE_CHARS)

    def _value(self, value: MessageArg) -> MessageArg:
        """A sentence's value: text made clean, a number as people write it."""
        return clean.line(value) if isinstance(value, str) else self.value(value)

    def value(self, value: float) -> str:
        """A number as short as it can be: "0,2", "60.000"; four digits stay together, like years."""
        if isinstance(value, int) and abs(value) < 10_000:
            return str(value)
        if not isinstance(value, int) and 0 < abs(value) < 1e-5:
            return f"{value:g}".replace(".", "," if self.language == "es" else ".")
        if not abs(value) < 1e12:
            return f"{value:.3g}"
        return _decimal(value, "#,##0.######", self.language)

    def tally(self, counts: Mapping[Status, int]) -> tuple[tuple[str, str], ...]:
        """How many checks ended in which way: (status, "correctas: 3"), best first, none left out."""
        found = [(str(status), counts.get(status, 0)) for status in Status]
        return tuple((s, f"{self.say(f'report.status_short.{s}')}: {n}") for s, n in found if n)

    def text(self, text: Text) -> str:
        return clean.line(text.in_(self.language))

    def earned(self, scored: Scored) -> str:
        """What a check earned; a check without a mark has not earned a zero."""
        if scored.result.status is Status.REVIEW:
            return self.say("report.pending_short")
        return DASH if scored.result.status in UNMARKED else self.points(scored.earned)

    def standing(self, graded: ExerciseGrade) -> str:
        """What an exercise earned so far, with a word where a person still has to mark some of it."""
        decided = any(s.result.status not in UNMARKED for s in graded.scored if s.points)
        parts = [self.points(graded.earned)] if decided else []
        parts += [self.say("report.pending_short")] if graded.pending else []
        return " + ".join(parts) or (DASH if graded.points else self.points(graded.earned))

    def points(self, points: Decimal) -> str:
        """At most two decimals, in the language's own notation: "6,75"."""
        # Babel rounds halves to even: 0.125 would be worth 0.12 here and 0.13 in a spreadsheet.
        rounded = points.quantize(_CENT, ROUND_HALF_UP)
        return _decimal(rounded, "#,##0.##", self.language)

    def number(self, value: float, decimals: int = 3) -> str:
        if not abs(value) < 1e12:  # a student's history may hold 1e308: 309 digits tell nobody anything
            return f"{value:.3g}"
        pattern = "#,##0." + "0" * decimals if decimals else "#,##0"
        return _decimal(value, pattern, self.language)

    def figures(self, text: str) -> str:
        """What a check found, with numbers as the language writes them: "0.733 – 0.861", "101,770".

        Numbers inside code are left: `Adam(0.001)`, `(60000, 28, 28)`. Only for what a check wrote: a
        student's own words may be written in either way.
        """
        if self.language == "en":
            return text
        swapped = _FIGURE.sub(lambda found: found[0].translate(_SWAPPED), text)
        return _PERCENT.sub("\\1\u00a0%", swapped)

    def percent(self, share: float) -> str:
        """ "25 %" in Spanish, with a space that does not break; "25%" in English."""
        pattern = "#,##0%" if self.language == "en" else "#,##0\u00a0%"
        return str(format_percent(share, pattern, locale=self.language))


def plain(points: Decimal) -> str:
    """Points for a program: a decimal point and no trailing zeros: "2.5", "0", never "0E-2"."""
    text = f"{points:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

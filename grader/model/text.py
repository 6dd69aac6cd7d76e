"""Words for people: fixed texts in two languages, and messages that are rendered later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Language = Literal["es", "en"]
LANGUAGES: tuple[Language, ...] = ("es", "en")

MessageArg = str | int | float


@dataclass(frozen=True, slots=True)
class Text:
    """One text written in every language of the course."""

    es: str
    en: str

    def in_(self, language: Language) -> str:
        return self.es if language == "es" else self.en


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence by its catalogue key, with the values that go into it.

    Checks return these instead of finished sentences: the language is chosen, and the
    values are escaped, where the sentence is shown.
    """

    key: str
    args: Mapping[str, MessageArg] = field(default_factory=dict)

"""Catalogues of everything we say to people, one file per area and language, in gettext's format.

A new language is a set of new `<area>.<language>.po` files and an entry in `LANGUAGES`. A sentence that
depends on a number has a form for each of gettext's plurals; its `msgid_plural` is the name of the value
that is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from gettext import c2py
from importlib.resources import files

from babel.messages.pofile import read_po

from grader.model.text import Language, Message, MessageArg


@dataclass(frozen=True, slots=True)
class Plural:
    """The forms of one sentence, and which value decides among them."""

    counted: str
    forms: tuple[str, ...]
    form_of: Callable[[int], int]

    def choose(self, value: MessageArg) -> str:
        """A number that is already written out is one thing when it reads "1"; "0,5" are several."""
        if isinstance(value, str):
            number = 1 if value.strip() == "1" else 2
        else:
            number = int(value) if value == int(value) else 2
        return self.forms[self.form_of(abs(number))]


@cache
def catalogue(language: Language) -> dict[str, str]:
    """Every message of a language, by key; of one with several forms, the last."""
    return {key: s if isinstance(s, str) else s.forms[-1] for key, s in _entries(language).items()}


@cache
def _entries(language: Language) -> dict[str, str | Plural]:
    found: dict[str, str | Plural] = {}
    for entry in sorted(files(__package__).joinpath("catalogue").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(f".{language}.po"):
            with entry.open("rb") as stream:
                po = read_po(stream, locale=language)
            for item in po:
                if isinstance(item.id, tuple) and isinstance(item.string, tuple):
                    key, counted = item.id
                    found[key] = Plural(counted, item.string, c2py(po.plural_expr))
                elif item.id and isinstance(item.id, str) and isinstance(item.string, str):
                    found[item.id] = item.string
    return found


def render(message: Message, language: Language) -> str:
    """The sentence in plain text: the caller escapes it for where it goes. "" for an empty key.

    Raises KeyError for a key that the catalogue lacks: a test finds those before a student does.
    """
    if not message.key:
        return ""
    sentence = _entries(language)[message.key]
    if isinstance(sentence, Plural):
        sentence = sentence.choose(message.args[sentence.counted])
    return sentence.format_map(dict(message.args))

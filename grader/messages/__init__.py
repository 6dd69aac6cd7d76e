"""Catalogues of everything we say to people, one file per area and language, in gettext's format.

A new language is a set of new `<area>.<language>.po` files and an entry in `LANGUAGES`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from babel.messages.pofile import read_po

from grader.model.text import Language, Message


@cache
def catalogue(language: Language) -> dict[str, str]:
    """Every message of a language, by key."""
    found: dict[str, str] = {}
    for entry in sorted(files(__package__).joinpath("catalogue").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(f".{language}.po"):
            with entry.open("rb") as stream:
                for item in read_po(stream):
                    if isinstance(item.id, str) and item.id and isinstance(item.string, str):
                        found[item.id] = item.string
    return found


def render(message: Message, language: Language) -> str:
    """The sentence in plain text: the caller escapes it for where it goes. "" for an empty key.

    Raises KeyError for a key that the catalogue lacks: a test finds those before a student does.
    """
    if not message.key:
        return ""
    return catalogue(language)[message.key].format_map(dict(message.args))

"""Every sentence a check can end with exists in every language, with the same placeholders."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

import grader
from grader.messages import catalogue
from grader.model.text import LANGUAGES

PACKAGE = Path(grader.__file__).parent
AREAS = [PACKAGE / area for area in ("checks", "scoring", "course", "evidence")]
KNOWN = {language: catalogue(language) for language in LANGUAGES}
PREFIXES = {key.partition(".")[0] for key in KNOWN["es"]}


def keys() -> set[str]:
    """Text constants that look like catalogue keys: "<known area>.<name>"."""
    found: set[str] = set()
    for path in (p for area in AREAS for p in area.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                key = node.value
                if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", key) and key.partition(".")[0] in PREFIXES:
                    found.add(key)
    return found - {"course.toml"}


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.mark.parametrize("key", sorted(keys()))
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_key_has_its_sentence(key: str, language: str) -> None:
    """A missing one would be found by a student."""
    assert KNOWN[language].get(key)  # type: ignore[index]


def test_keys_built_from_parts_have_theirs() -> None:
    """Hints of loss faults, and the four ends of the leak question."""
    built = {f"leak.{a}.{b}" for a in ("leaked", "clean") for b in ("yes", "no")}
    built |= {f"loss.{fault}.hint" for fault in ("unsuited", "labels", "softmax_logits", "no_softmax")}
    for language in LANGUAGES:
        assert not {key for key in built if not KNOWN[language].get(key)}


@pytest.mark.parametrize("area", ["checks", "course", "evidence"])
def test_both_languages_say_the_same_things(area: str) -> None:
    """The same keys; and a placeholder of one language is in the other."""
    texts = [
        (PACKAGE / f"messages/catalogue/{area}.{language}.po").read_text(encoding="utf-8")
        for language in LANGUAGES
    ]
    spanish, english = (set(re.findall(r'^msgid "(.+)"$', text, re.MULTILINE)) for text in texts)
    assert spanish == english
    for key in spanish - {"written.invariant"}:  # it shows the text of its own language
        assert placeholders(KNOWN["es"][key]) == placeholders(KNOWN["en"][key]), key

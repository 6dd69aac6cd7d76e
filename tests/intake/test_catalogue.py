"""Every sentence of intake exists in every language and can be filled in."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from grader.messages import catalogue
from grader.model.text import LANGUAGES, Language


def used_keys() -> set[str]:
    package = files("grader.intake")
    text = "".join(f.read_text("utf-8") for f in package.iterdir() if f.name.endswith(".py"))
    return set(re.findall(r'"(intake\.[a-z_]+)"', text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_match_the_code(language: Language) -> None:
    """No key of the code is missing from a catalogue, and none is left over in it."""
    known = {key for key in catalogue(language) if key.startswith("intake.")}
    assert known == used_keys()
    assert len(known) > 40


def test_both_languages_say_the_same_things() -> None:
    """The same placeholders stand in both."""
    es, en = (catalogue(language) for language in LANGUAGES)
    for key in used_keys():
        assert set(re.findall(r"\{(\w+)\}", es[key])) == set(re.findall(r"\{(\w+)\}", en[key])), key

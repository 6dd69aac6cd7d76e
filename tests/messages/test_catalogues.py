"""Every sentence exists in every language, with the same values in it, and none twice."""

from __future__ import annotations

import re
import string
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import grader
import grader.messages
from grader.messages import catalogue, render
from grader.model.assignment import Visibility
from grader.model.budget import Level
from grader.model.evidence import Ended, Provenance
from grader.model.outcome import State
from grader.model.result import Status
from grader.model.text import LANGUAGES, Language, Message
from grader.report.failures import EXPLAINED
from grader.report.html import templates_folder

FOLDER = Path(str(files(grader.messages))) / "catalogue"
AREAS = sorted({path.name.split(".")[0] for path in FOLDER.glob("*.po")})


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def keys(area: str, language: Language) -> set[str]:
    with (FOLDER / f"{area}.{language}.po").open("rb") as stream:
        return {str(message.id) for message in read_po(stream) if message.id}


def test_there_are_catalogues() -> None:
    """The tests below look at something."""
    assert {"common", "report"} <= set(AREAS)


@pytest.mark.parametrize("area", AREAS)
def test_each_area_has_every_language(area: str) -> None:
    """One file per language, with the same keys in each."""
    assert keys(area, "es") == keys(area, "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_stands_in_two_places(language: Language) -> None:
    """Not in two areas, nor twice in one file (babel would keep the last without a word)."""
    texts = [path.read_text(encoding="utf-8") for path in FOLDER.glob(f"*.{language}.po")]
    counts = Counter(key for text in texts for key in re.findall(r'(?m)^msgid "(.+)"$', text))
    assert {key for key, n in counts.items() if n > 1} == set()
    assert set(counts) == set(catalogue(language))


def test_the_same_values_go_into_both_sentences() -> None:
    """A placeholder missing in one language would hide a fact from its readers."""
    es, en = catalogue("es"), catalogue("en")
    # A sentence that is given ready in each language says so by the language's name in its placeholder.
    own = re.compile(r"_(es|en)$")
    different = {
        key
        for key in es.keys() & en.keys()
        if {own.sub("", p) for p in placeholders(es[key])} != {own.sub("", p) for p in placeholders(en[key])}
    }
    assert different == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_empty_or_reaches_into_its_values(language: Language) -> None:
    """`{a.b}` and `{a[0]}` would read attributes of what a student's string was put into."""
    for key, sentence in catalogue(language).items():
        assert sentence.strip(), key
        assert all(re.fullmatch(r"\w+", name) for name in placeholders(sentence)), key


def test_values_are_not_read_as_placeholders() -> None:
    """A student called {points} is a student called {points}."""
    assert "{points}" in render(Message("report.error.other", {"error": "{points}"}), "es")


def report_sources() -> str:
    """What the report's modules and templates are written in."""
    package = Path(grader.__file__).parent
    paths = [*(package / "report").glob("*.py"), *templates_folder().glob("*.j2")]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def test_every_key_the_reports_say_is_there() -> None:
    """Keys written out in grader/report and the templates; those with a part filled in, by their start."""
    said = set(re.findall(r'["\'](?:report|status|provenance)\.[\w.-]*["\'{]', report_sources()))
    exact = {key[1:-1] for key in said if key[-1] != "{" and key[-2] != "."}
    starts = {key[1:-1] for key in said} - exact
    known = catalogue("es")
    assert len(exact) > 80
    assert {key for key in exact if key not in known} == set()
    assert {start for start in starts if not any(key.startswith(start) for key in known)} == set()


FAMILIES = {
    "report.flag.": {*Ended} - {Ended.COMPLETED, Ended.NOT_RUN},
    "report.ended.": {*Ended},
    "report.state.": {*State},
    "report.level.": {*Level},
    "report.level_short.": {*Level},
    "report.visibility.": {*Visibility, "unknown"} - {Visibility.STUDENT},
    "report.explain.visibility.": {*Visibility, "unknown"},
    "report.error.": {*EXPLAINED, "other"},
    "status.": {*Status},
    "provenance.": {*Provenance},
}
"""Keys that end in a value of ours: the start, and every value that may come."""


@pytest.mark.parametrize("start", FAMILIES)
def test_every_value_has_its_sentence(start: str) -> None:
    """A run that ended in a way without words once took the whole class's report with it."""
    assert {f"{start}{value}" for value in FAMILIES[start]} - catalogue("es").keys() == set()


def test_no_report_key_is_unused() -> None:
    """What nothing says any more is taken out of the catalogue."""
    text = report_sources()
    written = set(re.findall(r'["\'](report\.[\w.-]+)["\']', text))
    written |= {f"report.{rest}" for rest in re.findall(r'"((?:class|total|fact)\.\w+)"', text)}
    starts = tuple(re.findall(r'["\'](report\.[\w.]+[._])(?:\{|["\'])', text))
    unused = {key for key in catalogue("es") if key.startswith("report.") and not key.startswith(starts)}
    assert unused - written == set()

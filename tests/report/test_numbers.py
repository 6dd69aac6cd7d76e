"""One notation for numbers: a whole report, in either language, holds none of the other's."""

from __future__ import annotations

import io
import re
from decimal import Decimal

import msgspec
import pytest
from rich.console import Console, RenderableType

from grader.messages import catalogue, render
from grader.model.result import CheckResult, Status
from grader.model.text import LANGUAGES, Language, Message
from grader.report.explain import explain
from grader.report.html import render_class, render_student
from grader.report.terminal import class_table, student_view
from grader.report.words import Words

from . import factory

FOREIGN = {
    # Accuracies all begin with 0: "0,734" is a Spanish decimal, "93,322" an English thousand.
    "es": re.compile(r"[1-9]\d{0,2},\d{3}\b(?!\d)|\d\.\d{1,2}\b(?![.\d])|\b0\.\d|\d%"),
    "en": re.compile(r"[1-9]\d{0,2}\.\d{3}\b|\b\d+,\d{1,2}\b|\b0,\d|\d %"),
}
_NOT_PROSE = re.compile(r"(?s)<(style|svg|code|pre)\b.*?</\1>|<[^>]*>|\d+\.\d+\.\d+|Exercise \d\.\d")


def outcome() -> factory.Outcome:
    """Values of every kind: shares, rates, thousands, decimals, in facts, sentences and rows."""
    judged = factory.good()
    judged["1.epochs"] = CheckResult(
        "1.epochs", Status.PASSED, factory.Fraction(1), Message("split.passed", {"share": 0.2}), episode=0
    )
    judged["3.honest"] = CheckResult(
        "3.honest", Status.FAILED, message=Message("data.labels", {"share": "10%"})
    )
    base = factory.episode()
    layers = (*base.graph.layers, factory.layer("Dropout", 9, (3136,), rate=0.3))
    trained = msgspec.structs.replace(
        base,
        graph=msgspec.structs.replace(base.graph, layers=layers),
        validation="split",
        validation_split=0.25,
        rows_trained=11_840,
        history={"accuracy": (0.521, 0.816), "val_accuracy": (0.613, 0.738)},
    )
    retrained = (factory.Retraining(0, 0.655, 12_000, 2_000, 7),)
    return factory.outcome(judged, seen=factory.evidence(episodes=(trained,), retrainings=retrained))


def prose(page: str) -> str:
    return re.sub(r"\s+", " ", _NOT_PROSE.sub(" ", page))


def printed(what: RenderableType) -> str:
    file = io.StringIO()
    Console(file=file, width=200, color_system=None).print(what)
    return file.getvalue()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_whole_report_has_one_notation(language: Language) -> None:
    """Student's and staff's page, the class's, the terminal's, and the explanation for an appeal."""
    found = outcome()
    expected = factory.expected()
    texts = {
        "student": prose(render_student(found, expected, language)),
        "staff": prose(render_student(found, expected, language, audience="staff")),
        "class": prose(render_class([found], language)),
        "terminal": printed(student_view(found, language)),
        "table": printed(class_table([found], language)),
        "explain": "".join(explain(found, e, language, expected=expected) for e in ("1", "2", "3")),
    }
    for where, text in texts.items():
        text = re.sub(r"\d+\.\d+\.\d+|\b\d\.[a-z]+", "", text)  # versions, ids of checks
        assert FOREIGN[language].findall(text) == [], where
    wanted = {"es": ("60.000", "11.840", "0,816", "0,686", "93.322"), "en": ("60,000", "11,840", "0.816")}
    assert all(number in texts["student"] for number in wanted[language])


@pytest.mark.parametrize(
    ("value", "es", "en"),
    [
        (0.2, "0,2", "0.2"),
        (0.001, "0,001", "0.001"),
        (0.000001, "1e-06", "1e-06"),
        (3136, "3136", "3136"),
        (60_000, "60.000", "60,000"),
    ],
)
def test_a_raw_number_is_written_once(value: float, es: str, en: str) -> None:
    assert Words("es").value(value) == es
    assert Words("en").value(value) == en


def test_a_number_written_out_is_not_converted_again() -> None:
    """ "60.000" stays "60.000" when it goes into a sentence of ours."""
    words = Words("es")
    assert words.say("report.trace.rows", rows=words.number(60_000, 0)) == "60.000 filas"


@pytest.mark.parametrize(
    ("value", "es", "en"),
    [(1, "una capa;", "one layer;"), (2, "2 capas;", "2 layers;")],
)
def test_one_and_several(value: int, es: str, en: str) -> None:
    message = Message("structure.differs", {"n": value})
    assert es in Words("es").message(message)
    assert en in Words("en").message(message)


def test_points_decide_the_plural_too() -> None:
    """Written out before: "1 punto", "0,5 puntos"."""
    words = Words("es")
    said = {
        str(points): words.say(
            "report.explain.result", status="", fraction="", earned="", points=words.points(Decimal(points))
        )
        for points in ("1", "0.5", "2")
    }
    assert said["1"].endswith("de 1 punto.")
    assert said["0.5"].endswith("de 0,5 puntos.")
    assert said["2"].endswith("de 2 puntos.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_leaves_the_plural_to_the_reader(language: Language) -> None:
    """No "(s)": the catalogue has a form for each."""
    assert [key for key, text in catalogue(language).items() if re.search(r"\w\((?:s|es)\)", text)] == []
    assert render(Message("inputs.failed", {"n": 1, "at_least": 2}), language)


def test_epochs_left_out_of_the_table_are_marked() -> None:
    """Row 50 of a hundred is not taken for the last but one."""
    long = msgspec.structs.replace(factory.episode(), history={"accuracy": tuple(0.5 for _ in range(100))})
    page = render_student(
        factory.outcome(factory.good(), seen=factory.evidence(episodes=(long,))), None, "es"
    )
    assert page.count(">…<") == 3

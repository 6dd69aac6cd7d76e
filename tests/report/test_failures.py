"""Failed cells: causes and consequences."""

from __future__ import annotations

import time

import pytest

from grader.messages import catalogue
from grader.model.evidence import Cell
from grader.report.failures import EXPLAINED, code_cells, failures
from grader.report.words import Words

from . import factory

WORDS = Words("es")


def failed(index: int, source: str, error: str, text: str) -> Cell:
    return Cell(index, "code", source, ran=True, ok=False, error=error, error_text=text)


@pytest.mark.parametrize(
    "source",
    [
        "modelo = Sequential()",
        "import x as modelo",
        "from lib import modelo",
        "def modelo():\n    pass",
        "a, modelo = 1, 2",
        "for modelo in y:\n    pass",
        "with open('x') as modelo:\n    pass",
    ],
)
def test_a_missing_name_follows_from_the_cell_that_should_define_it(source: str) -> None:
    """However the name would have got its value."""
    first = failed(1, source, "ImportError", "ImportError: no")
    second = failed(4, "modelo.fit()", "NameError", "NameError: name 'modelo' is not defined")
    found = failures(factory.evidence(cells=(first, second)), WORDS)
    assert [(f.number, f.follows) for f in found] == [(1, None), (2, 1)]


def test_a_name_nobody_defines_is_a_cause() -> None:
    """Using a name is not defining it."""
    first = failed(1, "print(modelo)", "ImportError", "ImportError: no")
    second = failed(4, "modelo.fit()", "NameError", "NameError: name 'modelo' is not defined")
    found = failures(factory.evidence(cells=(first, second)), WORDS)
    assert found[1].follows is None


def test_plain_words_and_the_last_line() -> None:
    """The sentence says what it means; Python's own last line stands beside it."""
    (found, _) = failures(factory.middling().evidence or factory.evidence(), WORDS)
    assert "paquete que no está instalado" in found.sentence
    assert found.words == "ModuleNotFoundError: No module named 'torchsummary'"
    assert found.source.startswith("import torchsummary")


def test_every_explained_error_has_its_sentence() -> None:
    """No exception is looked up in vain."""
    assert {f"report.error.{name}" for name in (*EXPLAINED, "other")} <= set(catalogue("es"))


def test_cells_are_counted() -> None:
    """Markdown is not code, and a cell that did not run is counted apart."""
    cells = (Cell(0, "markdown", "x"), Cell(1, "code", "x", ran=True), Cell(2, "code", "x"))
    assert code_cells(factory.evidence(cells=cells)) == (1, 2)


def test_hostile_sources_are_read_in_linear_time() -> None:
    """A megabyte of names in each of many failed cells costs no minutes."""
    text = "NameError: name 'a' is not defined"
    cells = tuple(failed(i, "a " * 200_000, "NameError", text * 1_000) for i in range(20))
    start = time.perf_counter()
    assert len(failures(factory.evidence(cells=cells), WORDS)) == 20
    assert time.perf_counter() - start < 3

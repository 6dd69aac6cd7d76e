"""Written answers: blank, short, the starter's own words, at odds with a fact, or a person's to mark."""

from __future__ import annotations

from decimal import Decimal

import pytest

from grader.checks.regions import normal
from grader.checks.select import Where
from grader.checks.structure import Architecture
from grader.checks.written import Invariant, Written
from grader.model.evidence import Provenance
from grader.model.result import Status
from grader.model.text import Text

from .factory import TITLE, TUTORIAL, episode, evidence, expected, notebook, wanted

IDS = ("1", "2")
FIRST = Where("1", IDS, like="1.net")
NET = Architecture(id="1.net", title=TITLE, points=Decimal(1), where=FIRST)
LABELS = Invariant(
    Text("len(test_labels)", "len(test_labels)"),
    "10000",
    r"(?:len|etiquetas|labels)[^.\n]{0,60}\b(?:son|es|is|are)\s+(?:10|diez|ten)\b(?![.,]?\d)",
)
CHECK = Written(
    id="1.written", title=TITLE, points=Decimal(1), where=FIRST, attempted=NET, invariants=(LABELS,)
)
KNOWN = expected(
    wanted("1.net", TUTORIAL),
    boilerplate=(normal("Explica con detalle qué hace cada una de las capas de la red."),),
)
ANSWER = "La red clasifica imágenes de ropa con tres convoluciones y dos capas densas."
PLACEHOLDER = "*Tu respuesta aquí*"


@pytest.mark.parametrize(
    ("answer", "key", "status"),
    [
        (ANSWER, "written.review", Status.REVIEW),
        (f"> # {ANSWER}", "written.review", Status.REVIEW),
        (f'> """{ANSWER}"""', "written.review", Status.REVIEW),
        ("", "written.blank", Status.FAILED),
        (PLACEHOLDER, "written.blank", Status.FAILED),
        ("¿Qué hace la red del tutorial con las imágenes de ropa?", "written.blank", Status.FAILED),
        ("Explica con detalle qué hace cada una de las capas de la red.", "written.blank", Status.FAILED),
        ("Clasifica ropa.", "written.short", Status.FAILED),
        ("0.89 0.91 1 2 3 4 5 6 7 8 9 10 11", "written.blank", Status.FAILED),
    ],
)
def test_an_answer_in_its_place(answer: str, key: str, status: Status) -> None:
    """Only the student's own words count."""
    found = CHECK(evidence(cells=notebook("## Ejercicio 1", answer, "## Ejercicio 2", ANSWER)), KNOWN)
    assert (found.message.key, found.status) == (key, status)


@pytest.mark.parametrize(
    ("sentence", "contradicts"),
    [
        ("Las etiquetas de test, que en este caso son 10 (camiseta, pantalón...).", True),
        ("len(test_labels) son 10 porque hay diez clases de ropa distintas.", True),
        ("The number of test labels is 10 in this data set of clothing.", True),
        ("len(test_labels) son 10000, una por cada imagen del conjunto de prueba.", False),
        ("len(test_labels) son 10.000, una por cada imagen del conjunto de prueba.", False),
        ("Las etiquetas de prueba son 10 000 en total, una por imagen.", True),
        ("Hay 10 clases de ropa y 10000 etiquetas de prueba en el conjunto.", False),
    ],
)
def test_a_fact_of_every_run_that_the_answer_gets_wrong_is_pointed_out(
    sentence: str, contradicts: bool
) -> None:
    """It stays a person's to mark, with the contradiction beside it."""
    found = CHECK(evidence(cells=notebook("## Ejercicio 1", sentence)), KNOWN)
    assert found.status is Status.REVIEW
    assert bool(found.comparisons) is contradicts
    if contradicts:
        assert found.message.key == "written.contradicts"
        assert (found.comparisons[0].expected, found.comparisons[0].provenance) == (
            "10000",
            Provenance.CLAIMED,
        )


@pytest.mark.parametrize("cells", [notebook(ANSWER, "> x"), notebook("## Ejercicio 2", "> x", ANSWER)])
def test_where_no_heading_marks_it_an_attempted_exercise_s_answer_is_looked_for_everywhere(
    cells: tuple[object, ...],
) -> None:
    """A person will find it; what was not attempted was left out."""
    assert CHECK(evidence(cells=cells, episodes=(episode(cell=1),)), KNOWN).status is Status.REVIEW
    assert CHECK(evidence(cells=cells), KNOWN).message.key == "written.blank"


def test_an_answer_can_be_judged_without_running_anything() -> None:
    """Level static reads prose as well."""
    cells = notebook("## Ejercicio 1", ANSWER)
    assert not any(cell.ran for cell in cells)
    assert CHECK(evidence(cells=cells), KNOWN).status is Status.REVIEW

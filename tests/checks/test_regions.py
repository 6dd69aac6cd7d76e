"""Which exercise a cell belongs to, and which of its words are the student's own."""

from __future__ import annotations

import time

import pytest

from grader.checks.predictions import class_names
from grader.checks.regions import answer_text, normal, regions
from grader.model.evidence import Cell

from .factory import code, evidence, markdown, notebook

IDS = ("1", "2", "3", "4")


def owners(*sources: str, ids: tuple[str, ...] = IDS) -> str:
    """One character per cell: the exercise it belongs to, or "-"."""
    found = regions(evidence(cells=notebook(*sources)), ids)
    return "".join(found.get(i, "-") for i in range(len(sources)))


@pytest.mark.parametrize(
    "marker",
    [
        "## Ejercicio 2",
        "# EJERCICIO 2: activaciones",
        "**Ejercicio 2.**",
        "**Ejercicio 2**  Visualiza la activación de las capas.",
        "Ejercicio 2",
        "Ejercicio 2: Visualiza",
        "Ejercicio nº 2",
        "ejercicio_2",
        "### Pregunta 2",
        "**Pregunta 2**",
        "Cuestión 2",
        "Sección 2. Activaciones",
        "## Exercise 2",
        "**Task 2**",
        "Question 2",
        "## 2. Ejercicio 2",
        "<h2>Ejercicio 2</h2>",
        "- Ejercicio 2",
        "### Ej. 2",
        "Apartado 2.a",
        "Texto de antes\n\n## Ejercicio 2",
        "> # Ejercicio 2",
        "> # --- Ejercicio 2 ---\nx = 1",
        "> #@title Ejercicio 2",
        '> """Ejercicio 2"""\nx = 1',
        "## 2.",
        "## 2. Activaciones",
        "**2.** Activaciones",
        "**2)** Activaciones",
        "2. Activaciones",
        "2) Activaciones",
        "2.- Activaciones",
        "## 2.1 Activaciones",
        "## Ejercicio II",
        "## Ejercicio II. Una red",
        "**Pregunta dos**",
        "Exercise Two: activations",
        "# EJERCICIO DOS",
        "> # Ejercicio II",
        "## II. Una red",
        "# II) Una red",
    ],
)
def test_a_marker_opens_its_exercise(marker: str) -> None:
    """Headings, bold lines, comments and numbers open an exercise that rules until the next marker."""
    assert owners("intro", marker, "> x = 1", "texto") == "-222"


@pytest.mark.parametrize(
    "text",
    [
        "En el ejercicio 2 ya lo vimos.",
        "Ejercicio 2 dio mejores resultados que este.",
        "Los 2 filtros son iguales.",
        "2 filtros bastan",
        "1. primero cargo los datos\n2. luego entreno",
        "1) cargar\n2) entrenar",
        "- 2 capas\n- 3 capas",
        "> x = 2  # ejercicio 2",
        "> a = 1\nb = 1\nc = 1\nd = 1\ne = 1\nf = 1\n# Ejercicio 2",
        "> print('Ejercicio 2')",
        "Ejercicio 7",
        "Ejercicio siete",
        "Ejercicio dos veces hecho",
        "## Tarea: dos capas más",
        "## Tarea dos capas",
        "Question I had before",
        "Apartado i)",
        "## I think so",
        "## 2023",
    ],
)
def test_prose_lists_and_other_numbers_open_nothing(text: str) -> None:
    """What only mentions an exercise, or counts something else, leaves the cells where they were."""
    assert owners("## Ejercicio 3", text, "> x = 1") == "333"


def test_bare_numbers_count_only_where_no_exercise_is_named() -> None:
    """Under "Ejercicio 1" a heading "## 2. Modelo" numbers a step."""
    assert owners("## Ejercicio 1", "## 2. El modelo", "> x", "## Ejercicio 2", "1) Sí") == "11122"


def test_bare_numbers_never_lead_back() -> None:
    """A one-line "1. ..." in the answer of exercise 3 does not reopen exercise 1."""
    assert owners("## 1. Datos", "> x", "## 3. Red", "1. La red aprende", "## 4. Fin") == "11334"


ANSWER = "**{}.a.** La red recibe una imagen de veintiocho por veintiocho y devuelve diez números."


def test_numbers_below_the_code_label_answers_and_tell_nothing_of_code() -> None:
    """Own headings, and "**2.a.** ..." under the code that it is about: the code's owner is not known."""
    labels = [ANSWER.format(n) for n in (1, 2, 3)]
    one, two, three = labels
    assert owners("# Datos", "> x", one, "# Red", "> x", two, "# Final", "> x", three) == "--11-22-3"
    # Above the code, or too short for an answer, they are headings.
    assert owners(one, "> x", two, "> x", three, "> x") == "112233"
    assert owners("> x", "**1.** Datos", "> x", "**2.** Red") == "-112"
    assert owners("> x", "## 1. " + one, "> x", "## 2. " + two) == "-112"


def test_a_letter_narrows_an_exercise_only_where_the_assignment_has_it() -> None:
    """ "2.a" is exercise 2a where there is one, else a part of exercise 2."""
    assert owners("## 2.a Uno", "> x", "## 2.b Dos", ids=("2a", "2b")) == "2a2a2b"
    assert owners("**2.a.** Uno", "> x", "**2.b.** Dos") == "222"
    assert owners("## Ejercicio 2 a", "## Ejercicio 3.1") == "23"


def test_task_numbers_of_two_digits_are_whole() -> None:
    """Task 12 is not task 1."""
    assert owners("## Task 12", "> x", ids=("1", "12")) == "1212"
    assert owners("## Task 9", ids=("1", "9")) == "9"


def test_tags_come_before_headings() -> None:
    """The starter's tags say what the student's own heading may have muddled."""
    cells = (
        markdown(0, "## Ejercicio 3", tags=("exercise:1",)),
        code(1, "x = 1"),
        code(2, "x = 1", tags=("ejercicio-2", "skip")),
        code(3, "x = 1"),
        code(4, "x = 1", tags=("exercise:99",)),
    )
    assert regions(evidence(cells=cells), IDS) == {0: "1", 1: "1", 2: "2", 3: "2", 4: "2"}


def test_without_markers_nothing_is_assumed() -> None:
    """An unmarked notebook has no regions."""
    assert owners("Mi práctica", "> x = 1", "La red aprende.") == "---"
    assert regions(evidence(cells=()), IDS) == {}


def test_answers_leave_out_headings_questions_placeholders_and_the_starter() -> None:
    """Only the student's own words are kept."""
    cells = notebook(
        "## Ejercicio 1\n\n**¿Qué hace la red?**\n\n*Tu respuesta aquí*\n\nLa red clasifica ropa.",
        "**Ejercicio 1** Adapta el tutorial.\nEjercicio 1:\nAdapta el tutorial.",
        "Ejercicio 1: he adaptado la red cambiando la entrada",
    )
    text = answer_text(cells, frozenset({normal("Adapta el tutorial.")}))
    assert text.splitlines() == [
        "La red clasifica ropa.",
        "Ejercicio 1: he adaptado la red cambiando la entrada",
    ]


def test_questions_and_headings_are_kept_where_they_say_what_a_bare_no_answers() -> None:
    """The leak question needs its question."""
    cells = notebook("### ¿Hay data leaking?\n\n**1.b.** ¿Por qué?\n\nNo.")
    boilerplate = frozenset({normal("¿Hay data leaking?")})
    assert answer_text(cells, boilerplate, questions=True).splitlines() == [
        "### ¿Hay data leaking?",
        "**1.b.** ¿Por qué?",
        "No.",
    ]
    assert answer_text(cells, boilerplate) == "No."


@pytest.mark.parametrize(
    "source",
    [
        "x = 1  # La red aprende bien",
        "# La red aprende bien\nx = 1",
        '"""La red aprende bien"""',
        "'La red aprende bien'",
        'x = 1\n"La red aprende bien"\n',
        "x = [1,\n# La red aprende bien\n2]",
        "def f(:\n# La red aprende bien",
        "'sin cerrar\n# La red aprende bien",
        "!pip install keras\n# La red aprende bien",
    ],
)
def test_answers_in_code_are_found(source: str) -> None:
    """Comments and free-standing strings count, also in a cell that does not parse."""
    assert "La red aprende bien" in answer_text([code(0, source)])


def test_long_strings_in_code_are_prose_and_labels_are_not() -> None:
    """An answer may be printed; the label of an axis is none."""
    assert (
        answer_text([code(0, "print('Con tres épocas la red ya acierta')")])
        == "Con tres épocas la red ya acierta"
    )
    assert answer_text([code(0, "plt.title('Exactitud en test')")]) == ""


def test_raw_cells_and_empty_cells_hold_no_answer() -> None:
    """Nothing is read where nobody writes."""
    assert answer_text([Cell(0, "markdown", ""), Cell(1, "code", "")]) == ""


def test_a_line_is_reduced_to_its_letters_and_digits() -> None:
    """Markdown, accents and case do not hide a copy of the starter."""
    assert normal("**¿Qué  ACCURACY** consigues?") == normal("Que accuracy consigues")


@pytest.mark.parametrize("text", ["\n", "*", "<a>", "1", " ", "1.", "1.\n", "# ", "\t\n", "ejercicio "])
@pytest.mark.parametrize("kind", ["code", "markdown"])
def test_a_cell_written_to_stall_the_reader_is_read_in_seconds(text: str, kind: str) -> None:
    """What a student writes must not hang the grading of the class."""
    cell = Cell(0, kind, text * 50_000, ran=True, output_text=text * 50_000)
    begun = time.monotonic()
    regions(evidence(cells=(cell,)), IDS)
    answer_text([cell])
    class_names(evidence(cells=(cell,)))
    assert time.monotonic() - begun < 20

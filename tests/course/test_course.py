"""Courses are found, and what is wrong with one is said with the file and the remedy."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import msgspec
import pytest

from grader.course import find_course
from grader.messages import render
from grader.model.errors import CourseError
from grader.model.expected import Expected, ExpectedModel
from grader.model.graph import Graph
from grader.model.text import LANGUAGES

DEFINITION = """
from grader.course.authoring import *

def shown(id, points="1", needs=()):
    title = Text(es="Datos", en="Data")
    return Shown(id=id, title=title, points=Decimal(points), needs=needs, patterns=("x",), dataset="digits")

assignment = Assignment(
    id="{id}",
    title=Text(es="Uno", en="One"),
    data="digits",
    exercises=(Exercise("1", Text(es="Uno", en="One"), ({checks},)),),
)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    define(tmp_path, "uno")
    return tmp_path


def define(root: Path, id: str, checks: str = 'shown("1.a")', *, text: str | None = None) -> Path:
    folder = root / "assignments" / id
    folder.mkdir(parents=True, exist_ok=True)
    source = DEFINITION.format(id=id, checks=checks) if text is None else text
    (folder / "assignment.py").write_text(source, encoding="utf-8")
    return folder


def refused(root: Path, id: str = "uno") -> str:
    """The Spanish sentence of the error; it exists in every language."""
    with pytest.raises(CourseError) as caught:
        find_course(root).load(id)
    return said(caught.value)


def said(error: CourseError) -> str:
    sentences = [render(error.message, language) for language in LANGUAGES]
    assert all(sentences)
    return sentences[0]


# ---- finding --------------------------------------------------------------------------------------
def test_a_course_is_found_from_within(root: Path) -> None:
    """From any folder below it, upwards."""
    inside = root / "entregas" / "grupo 2"
    inside.mkdir(parents=True)
    assert find_course(start=inside).root == root.resolve()
    assert find_course(root).ids() == ("uno",)


def test_no_course_anywhere_says_where_it_looked(tmp_path: Path) -> None:
    """An empty folder holds none; an explicit one must have assignments."""
    with pytest.raises(CourseError) as caught:
        find_course(start=tmp_path)
    assert str(tmp_path.resolve()) in said(caught.value)
    with pytest.raises(CourseError) as caught:
        find_course(tmp_path)
    assert str(tmp_path) in said(caught.value)


def test_the_current_folder_is_where_the_search_starts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless told otherwise."""
    monkeypatch.chdir(root)
    assert find_course().root == root.resolve()


# ---- course.toml ----------------------------------------------------------------------------------
def settings(root: Path, text: str | bytes) -> None:
    (root / "course.toml").write_bytes(text if isinstance(text, bytes) else text.encode())


def test_settings_are_read(root: Path) -> None:
    """Language, title and roster; ids may be numbers, keys are made from names."""
    settings(
        root,
        """
        language = "en"
        title = "Deep learning"
        [[roster]]
        name = "Lucía Martín Bravo"
        id = 1234
        email = "lucia@example.org"
        [[roster]]
        name = "Tom"
        key = "tom-2"
        """,
    )
    course = find_course(root)
    assert (course.language, course.title) == ("en", "Deep learning")
    assert [(s.key, s.name, s.lms_id, s.email) for s in course.roster] == [
        ("lucia-martin-bravo", "Lucía Martín Bravo", "1234", "lucia@example.org"),
        ("tom-2", "Tom", None, None),
    ]


def test_without_settings_a_course_speaks_spanish_and_knows_nobody(root: Path) -> None:
    """course.toml is optional."""
    course = find_course(root)
    assert (course.language, course.roster, course.title) == ("es", (), "")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("language = ", "course.toml"),
        ('language = "fr"', "fr"),
        ("language = 3", "3"),
        ('language = ["es"]', "es"),
        (b'title = "\xff"', "course.toml"),
        ("[[roster]]\nid = 3", "course.toml"),
        ("[[roster]]\nname = 3", "course.toml"),
        ('roster = ["Ana"]', "Ana"),
        ('roster = "Ana"', "course.toml"),
        ("roster = 3", "course.toml"),
        ('[[roster]]\nname = "Ana"\nemail = 3', "course.toml"),
        ('[[roster]]\nname = "Ana"\nkey = "../ana"', "../ana"),
        ('[[roster]]\nname = "Ana"\n[[roster]]\nname = "ana"', "ana"),
        ('[[roster]]\nname = "!!!"', "!!!"),
    ],
)
def test_wrong_settings_name_the_file(root: Path, text: str | bytes, names: str) -> None:
    """A CourseError, never a traceback."""
    settings(root, text)
    with pytest.raises(CourseError) as caught:
        find_course(root)
    assert names in said(caught.value)


# ---- definitions ----------------------------------------------------------------------------------
def test_an_assignment_is_loaded_once(root: Path) -> None:
    """The course keeps it."""
    course = find_course(root)
    assert course.load("uno") is course.load("uno")
    assert [loaded.assignment.id for loaded in course] == ["uno"]
    assert course.load("uno").assignment.points == 1


def test_an_unknown_id_is_named(root: Path) -> None:
    """With the folder that was looked in."""
    assert "dos" in refused(root, "dos")


@pytest.mark.parametrize(
    ("why", "checks", "names"),
    [
        ("a check twice", 'shown("1.a"), shown("1.a")', "1.a"),
        ("a check of another exercise", 'shown("2.a")', "2.a"),
        ("a need that is not there", 'shown("1.a", needs=("1.z",))', "1.z"),
        ("negative points", 'shown("1.a", points="-1")', "1.a"),
        ("an unknown name", "nadie", "nadie"),
    ],
)
def test_wrong_definitions_say_what_is_wrong(root: Path, why: str, checks: str, names: str) -> None:
    """With the file and the check."""
    define(root, "uno", checks)
    sentence = refused(root)
    assert names in sentence, why
    assert "assignment.py" in sentence


def test_all_that_is_wrong_is_said_at_once(root: Path) -> None:
    """An instructor mends a definition in one go."""
    define(root, "uno", 'shown("1.a"), shown("1.a"), shown("2.b", points="-1", needs=("9.z",))')
    sentence = refused(root)
    assert all(part in sentence for part in ("1.a", "2.b", "9.z"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x = 1", "assignment"),
        ("assignment = 3", "assignment"),
        ("def f(:", "SyntaxError"),
        ("raise KeyError('uno')", "KeyError"),
        ("import no_such_module_here", "no_such_module_here"),
    ],
)
def test_files_that_define_nothing_are_refused(root: Path, text: str, names: str) -> None:
    """A syntax error, an exception, or no assignment in it."""
    define(root, "uno", text=text)
    assert names in refused(root)


def test_the_id_must_be_the_folder_s_name(root: Path) -> None:
    """Else a hand-in would be stored under one name and looked for under another."""
    (root / "assignments" / "uno").rename(root / "assignments" / "dos")
    assert "'uno'" in refused(root, "dos")


# ---- expected values and boilerplate --------------------------------------------------------------
EXPECTED = Expected("uno", (ExpectedModel("1.a", "solution", Graph((), ()), 0),))


def test_expected_values_come_from_the_reference_or_from_what_students_may_have(root: Path) -> None:
    """Staff's file first; public.json is what lies on a student's machine."""
    (root / "assignments/uno/public.json").write_bytes(msgspec.json.encode(Expected("uno")))
    assert find_course(root).load("uno").expected.models == ()
    reference = root / "reference/uno"
    reference.mkdir(parents=True)
    (reference / "expected.json").write_bytes(msgspec.json.encode(EXPECTED))
    assert find_course(root).load("uno").expected.models == EXPECTED.models


def test_without_expected_values_there_is_a_warning(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A new assignment can be looked at before it is calibrated."""
    with caplog.at_level(logging.WARNING):
        assert find_course(root).load("uno").expected.models == ()
    assert "uno" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"assignment": 3}',
        '{"assignment": "uno", "more": 1}',
        '{"assignment": "uno", "bands": [{}]}',
    ],
)
def test_wrong_expected_values_name_their_file(root: Path, text: str) -> None:
    """They are generated: a hand-edited file is refused."""
    (root / "assignments/uno/public.json").write_text(text)
    assert "public.json" in refused(root)


def test_the_starter_s_lines_and_the_statements_are_boilerplate(root: Path) -> None:
    """In whatever form notebooks keep their sources."""
    folder = root / "assignments/uno"
    cells = [
        {"cell_type": "markdown", "source": ["# Ejercicio 1\n", "Explica la red."]},
        {"cell_type": "code", "source": "# Completa aquí\nx = 1"},
        {"cell_type": "markdown"},
    ]
    (folder / "starter.ipynb").write_text(json.dumps({"cells": cells}))
    (folder / "statement.es.md").write_text("Se pide **una red**.\n\n", encoding="utf-8")
    (folder / "statement.en.md").write_text("Build a network.", encoding="utf-8")
    lines = find_course(root).load("uno").expected.boilerplate
    assert {"explica la red", "completa aqui", "se pide una red", "build a network", "ejercicio 1"} <= set(
        lines
    )
    assert "" not in lines


@pytest.mark.parametrize("text", ["{", "[]", '{"cells": [3]}', '{"cells": 3}', '{"cells": [{"source": 3}]}'])
def test_a_broken_starter_names_its_file(root: Path, text: str) -> None:
    """It is the instructor's file: say which, and what."""
    (root / "assignments/uno/starter.ipynb").write_text(text)
    assert "starter.ipynb" in refused(root)


def test_the_digest_changes_with_the_definition_and_the_expected_values_only(root: Path) -> None:
    """Stored verdicts hold while it is the same; a new statement does not regrade a class."""
    first = find_course(root).load("uno").digest
    (root / "assignments/uno/statement.es.md").write_text("Otra cosa.")
    assert find_course(root).load("uno").digest == first
    (root / "assignments/uno/public.json").write_bytes(msgspec.json.encode(EXPECTED))
    second = find_course(root).load("uno").digest
    define(root, "uno", 'shown("1.a", points="2")')
    assert len({first, second, find_course(root).load("uno").digest}) == 3


def test_limits_of_a_course(tmp_path: Path) -> None:
    """In the units that people type; a name or a number that is none is refused with those that are."""
    (tmp_path / "assignments").mkdir()
    path = tmp_path / "course.toml"
    path.write_text("[limits]\nprocesses = 128\nscratch_gib = 0.5\n")
    assert find_course(tmp_path).limits == {"processes": 128.0, "scratch_bytes": 0.5}
    for wrong in ("[limits]\nproceses = 1\n", "[limits]\nprocesses = -1\n", "limits = 3\n"):
        path.write_text(wrong)
        with pytest.raises(CourseError) as told:
            find_course(tmp_path)
        assert "processes" in str(told.value.message.args["known"])

"""What is printed."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from grader.course import find_course
from grader.model.errors import UsageError
from grader.model.text import LANGUAGES, Language
from grader.report.explain import criterion_of, explain
from grader.report.terminal import class_table, student_view
from grader.report.words import Words

from . import factory


def printed(what: RenderableType, *, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    Console(file=file, width=120, color_system=None).print(what)
    file.flush()
    return " ".join(raw.getvalue().decode(encoding).split())


def test_class_table_has_a_line_for_everybody() -> None:
    """Points, state and flags; no points where there is no grade."""
    text = printed(class_table(factory.whole_class(), "en"))
    assert "Ana Núñez Peña 6.5 7.5 1 graded" in text
    assert "Eva Sanz — — — not handed in" in text
    assert "signs of" in text


def test_student_view_says_what_to_mend() -> None:
    """Status, sentence, what differs, hint, and the training that was judged."""
    text = printed(student_view(factory.middling(), "en"))
    for part in (
        "◐ The tutorial's network 0.67 / 1 partly right",
        "Layer: expected Conv2D 64 3×3 relu, found Conv2D 32 3×3 (observed)",
        "Hint: Where you have Conv2D 32 3×3",
        "Training judged: code cell 5 (model, modelo_1)",
        "✗ Three epochs",
        "The first error is in code cell 3",
        "did not use the real data",
    ):
        assert part in text


def test_self_check_leaves_hidden_checks_out() -> None:
    """Their number is told, their names and ends are not, and the total is without them."""
    text = printed(student_view(factory.middling(), "en"))
    assert "Earned 2.92 of 6 gradable · pending 1 · maximum of what is shown 6.5" in text
    assert "seen once the hand-in is graded: 2 (points: 1). The practical is worth 7.5." in text
    assert "Internal control" not in text
    assert "The improvement claimed" not in text


def test_staff_see_everything() -> None:
    """Hidden checks, isolation and signs of tampering."""
    text = printed(student_view(factory.tampered(), "en", "staff"))
    for part in ("Internal control of labels", "bubblewrap", "evaluate was replaced"):
        assert part in text


@pytest.mark.parametrize("make", factory.CLASS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_every_outcome_prints(make: object, encoding: str) -> None:
    """Also where the terminal is a Windows console that knows no check mark."""
    assert callable(make)
    assert printed(student_view(make(), "es", "staff"), encoding=encoding)


def test_explain_gives_facts_rules_and_points() -> None:
    """All that an appeal needs, for one exercise."""
    text = explain(factory.passing(), "1", "en", expected=factory.expected())
    for part in (
        "Ana Núñez Peña · fashion-convnet · exercise 1",
        "Points: 2.5 of 2.5; pending 0; not graded 0.",
        "Check 1.accuracy: Test accuracy",
        "Rule: 0.5 points; seen by: student; depends on: 1.structure.",
        "Result: passed; fraction 1; 0.5 of 0.5 points.",
        "= Test accuracy: expected ≥ 0.686, found 0.734 (verified)",
        "History, accuracy: 0.521 0.668 0.722",
        "Verified: 93,322 parameters; test accuracy 0.734 on 2,000 rows; before training 0.093.",
    ):
        assert part in text


def test_explain_tells_a_training_once() -> None:
    """Four checks judged it; its facts stand under the first."""
    assert explain(factory.passing(), "1", "en").count("About that training") == 1


def test_explain_refuses_an_unknown_exercise() -> None:
    """And names those there are."""
    with pytest.raises(UsageError) as caught:
        explain(factory.passing(), "9", "en")
    assert caught.value.message.args == {"exercise": "9", "known": "1, 2, 3"}


def test_explain_without_a_grade_says_so() -> None:
    """Nothing to explain, and why."""
    assert "(not graded (our problem))" in explain(factory.failed_by_us(), "1", "en")


def test_a_total_can_be_held_back() -> None:
    """While a person still has to mark something: no sum on the terminal."""
    text = printed(student_view(factory.middling(), "en", hold=True))
    assert "Earned 2.92" not in text
    assert "no total until" in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("id", ["fashion-dense", "fashion-convnet"])
def test_explain_states_the_rule_of_every_check(id: str, language: Language) -> None:
    """Each kind of check that a practical uses says what it compares."""
    for check in find_course(Path(__file__).parents[2]).load(id).assignment.checks:
        said = criterion_of(check, Words(language))
        assert said.startswith(("Criterio: ", "Criterion: ")), check.id
        assert "{" not in said


def test_a_self_check_of_an_unreadable_file_says_what_to_mend() -> None:
    """The student can do something about it, at once."""
    text = printed(student_view(factory.unreadable(), "en"))
    assert "mend it and check it again" in text

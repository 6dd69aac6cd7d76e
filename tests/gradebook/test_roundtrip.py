"""Whatever a check can say comes back from the gradebook as it was."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.gradebook import Gradebook, Run
from grader.gradebook.codec import problems, problems_text
from grader.model.evidence import Provenance
from grader.model.result import CheckResult, Comparison, ExerciseGrade, Grade, Scored, Status
from grader.model.submission import Problem, Severity
from grader.model.text import Message

from .samples import ASSIGNMENT, BASIS, outcome, scored, submission

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBER = st.integers() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False)
MESSAGE = st.builds(Message, TEXT, st.dictionaries(TEXT, TEXT | NUMBER, max_size=4))
POINTS = st.decimals(0, 100, allow_nan=False, allow_infinity=False)
COMPARISON = st.builds(Comparison, MESSAGE, TEXT, TEXT, st.sampled_from(Provenance), st.booleans())
RESULT = st.builds(
    CheckResult,
    check=st.just(""),
    status=st.sampled_from(Status),
    fraction=st.fractions(0, 1),
    message=MESSAGE,
    comparisons=st.lists(COMPARISON, max_size=3).map(tuple),
    hint=st.none() | MESSAGE,
    episode=st.none() | st.integers(0, 1000),
    wants_retraining=st.none() | st.integers(0, 1000),
)


@st.composite
def grades(draw: st.DrawFn) -> Grade:
    """Any grade whose exercises and checks have names of their own; exercises may be empty."""
    names = st.lists(st.text("ab1.ñ", min_size=1, max_size=6), unique=True, max_size=4)
    checks = iter(range(1000))

    def one() -> Scored:
        result = draw(RESULT)
        named = CheckResult(
            f"c{next(checks)}",
            *(getattr(result, name) for name in ("status", "fraction", "message", "comparisons", "hint")),
            result.episode,
            result.wants_retraining,
        )
        return Scored(named, draw(POINTS), draw(POINTS))

    return Grade(
        tuple(
            ExerciseGrade(name, tuple(one() for _ in range(draw(st.integers(0, 3))))) for name in draw(names)
        )
    )


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gradebook, Run]]:
    path: Path = tmp_path_factory.mktemp("book") / "gradebook.sqlite"
    with Gradebook.open(path) as book, book.run("grade") as run:
        run.record_submission(submission(), ASSIGNMENT.id)
        yield book, run


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(grade=grades())
def test_any_grade_comes_back(opened: tuple[Gradebook, Run], grade: Grade) -> None:
    """Fractions, decimals to their last zero, messages with any argument, comparisons, hints, order."""
    book, run = opened
    run.finish(outcome(graded=grade), BASIS)
    got = book.load("ana", ASSIGNMENT.id).grade
    assert got == grade
    assert got is not None
    digits = [str(s.points) for e in got.exercises for s in e.scored]
    assert digits == [str(s.points) for e in grade.exercises for s in e.scored]


@settings(max_examples=15, deadline=None)
@given(grade=grades())
def test_journalled_and_finished_is_the_same_as_finished(opened: tuple[Gradebook, Run], grade: Grade) -> None:
    """The two ways to write a result write the same."""
    book, run = opened
    for exercise in grade.exercises:
        run.journal("ana", ASSIGNMENT.id, BASIS, exercise.exercise, exercise.scored)
    run.finish(outcome(graded=grade), BASIS)
    assert book.load("ana", ASSIGNMENT.id).grade == grade


def through(message: Message) -> Message:
    return problems(problems_text([Problem(Severity.NOTE, message)]))[0].message


@pytest.mark.parametrize("number", [math.inf, -math.inf, 1e308, -0.0, 2**64, -(2**200), 0, 1.0])
def test_numbers_that_json_lacks(number: float) -> None:
    """Infinities and large integers keep value and type."""
    got = through(Message("k", {"n": number})).args["n"]
    assert (got, type(got)) == (number, type(number))


def test_nan_stays_nan() -> None:
    """An accuracy that was never measured is not zero and not null."""
    assert math.isnan(float(through(Message("k", {"n": math.nan})).args["n"]))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.float32(0.5), 0.5),
        (np.float64(0.25), 0.25),
        (np.int64(7), 7),
        (Decimal("0.30"), "0.30"),
        (Status.PASSED, "passed"),
        (True, True),
        (None, "None"),
    ],
)
def test_values_of_a_careless_check_do_not_stop_the_journal(value: object, kept: object) -> None:
    """NumPy's numbers become Python's; anything else becomes what the sentence would show."""
    got = through(Message("k", {"n": value})).args["n"]  # type: ignore[dict-item]
    assert got == kept
    assert type(got) is type(kept)


def test_points_are_added_as_decimals(opened: tuple[Gradebook, Run]) -> None:
    """Ten times 0.1 is 1, after the database too."""
    book, run = opened
    tenth = tuple(scored(f"1a.{i}", points="0.1") for i in range(10))
    run.finish(outcome(graded=Grade((ExerciseGrade("1a", tenth),))), BASIS)
    got = book.load("ana", ASSIGNMENT.id).grade
    assert got is not None
    assert got.earned == Decimal("1.0")

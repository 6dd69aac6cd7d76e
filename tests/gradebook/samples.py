"""Small assignments, submissions and grades for the tests of gradebook and LMS writers."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from grader.gradebook import Basis
from grader.model.assignment import Assignment, Exercise, Visibility
from grader.model.budget import Level
from grader.model.evidence import Evidence, Provenance
from grader.model.expected import Expected
from grader.model.outcome import Outcome, State
from grader.model.result import CheckResult, Comparison, ExerciseGrade, Grade, Scored, Status
from grader.model.submission import (
    CellKind,
    Document,
    Problem,
    SavedOutput,
    Severity,
    SourceCell,
    Student,
    Submission,
)
from grader.model.text import Message, Text


@dataclass(frozen=True)
class PlainCheck:
    """A check with a fixed verdict."""

    id: str
    points: Decimal = Decimal(1)
    visibility: Visibility = Visibility.STUDENT
    title: Text = field(default=Text("Capas", "Layers"))
    needs: tuple[str, ...] = ()

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        return CheckResult(self.id, Status.PASSED, Fraction(1))


ASSIGNMENT = Assignment(
    id="fashion-dense",
    title=Text("Red densa", "Dense network"),
    data="fashion_mnist",
    exercises=(
        Exercise(
            "1a",
            Text("Datos", "Data"),
            (PlainCheck("1a.shape", Decimal("0.30")), PlainCheck("1a.scale", Decimal("0.20"))),
        ),
        Exercise("1b", Text("Red", "Network"), (PlainCheck("1b.layers", Decimal("1.5")),)),
    ),
)

BASIS = Basis(digest="d" * 64, evidence="e" * 64, rubric="r1", level=Level.QUICK)


def submission(key: str = "ana", digest: str = BASIS.digest, name: str = "Ana Núñez") -> Submission:
    cells = (
        SourceCell(0, CellKind.MARKDOWN, "# Ejercicio 1"),
        SourceCell(1, CellKind.CODE, "model.fit(x, y)", ("1a",), (SavedOutput("0.91", has_image=True),)),
    )
    return Submission(
        student=Student(key, name, lms_id="8", email=f"{key}@example.com"),
        origin=f"{name}_8_assignsubmission_file/p1.ipynb",
        document=Document("p1.ipynb", cells),
        other_files=("notes.txt",),
        problems=(Problem(Severity.NOTE, Message("intake.renamed", {"name": "p1 (2).ipynb"})),),
        digest=digest,
    )


def scored(
    check: str,
    status: Status = Status.PASSED,
    points: str = "1",
    earned: str | None = None,
    message: Message = Message("check.found", {"observed": "(28, 28)", "n": 3, "share": 0.5}),
    hint: Message | None = None,
) -> Scored:
    full = status is Status.PASSED
    comparison = Comparison(Message("check.shape"), "(28, 28)", "(28, 28)", Provenance.VERIFIED, full)
    result = CheckResult(
        check,
        status,
        Fraction(1 if full else 0),
        message,
        (comparison,),
        hint,
        episode=2,
        wants_retraining=None,
    )
    return Scored(result, Decimal(points), Decimal(earned if earned is not None else points if full else "0"))


def grade(layers: Status = Status.PASSED, earned: str | None = None) -> Grade:
    return Grade(
        (
            ExerciseGrade(
                "1a", (scored("1a.shape", points="0.30"), scored("1a.scale", Status.FAILED, "0.20"))
            ),
            ExerciseGrade("1b", (scored("1b.layers", layers, "1.5", earned),)),
        )
    )


def outcome(
    submitted: Submission | None = None, graded: Grade | None = None, state: State = State.GRADED
) -> Outcome:
    submitted = submitted or submission()
    return Outcome(
        submission=submitted,
        assignment=ASSIGNMENT,
        state=state,
        level=Level.QUICK,
        grade=graded if graded is not None or state is not State.GRADED else grade(),
        problems=(*submitted.problems, Problem(Severity.WARNING, Message("run.slow", {"seconds": 3.5}))),
        seconds=12.5,
    )

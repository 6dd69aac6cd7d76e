"""Outcomes with every status and visibility; one string can be put wherever a student controls text."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from grader.model.assignment import Assignment, Exercise, Visibility
from grader.model.budget import Level
from grader.model.evidence import Ended, Evidence, Provenance, ServedData
from grader.model.expected import Expected
from grader.model.outcome import Outcome, State
from grader.model.result import CheckResult, Comparison, ExerciseGrade, Grade, Scored, Status
from grader.model.submission import Document, Problem, Severity, Student, Submission
from grader.model.text import Message, Text

HIDDEN = "staff-only-value-0.8713"
LATER = "deadline-only-value"


@dataclass(frozen=True)
class Listed:
    """A check that is only a line of the rubric: no writer calls one."""

    id: str
    points: Decimal
    visibility: Visibility = Visibility.STUDENT
    title: Text = field(default=Text("Título", "Title"))
    needs: tuple[str, ...] = ()

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        raise AssertionError("a writer judged something")


RUBRIC: dict[str, tuple[Status, str, str, Visibility]] = {
    "1a.shape": (Status.PASSED, "0.30", "0.30", Visibility.STUDENT),
    "1a.scale": (Status.PARTIAL, "0.20", "0.10", Visibility.STUDENT),
    "1a.split": (Status.FAILED, "0.50", "0", Visibility.STUDENT),
    "1b.after": (Status.SKIPPED, "1", "0", Visibility.STUDENT),
    "1b.why": (Status.REVIEW, "0.75", "0", Visibility.STUDENT),
    "1b.band": (Status.FAILED, "0.25", "0", Visibility.STAFF),
    "1b.later": (Status.PASSED, "0.40", "0.40", Visibility.AFTER_DEADLINE),
    "1b.info": (Status.PASSED, "0", "0", Visibility.STUDENT),
}
EXERCISES = ("1a", "1b")
ASSIGNMENT = Assignment(
    id="fashion-dense",
    title=Text("Red densa", "Dense network"),
    data="fashion_mnist",
    exercises=tuple(
        Exercise(
            e,
            Text(f"Ejercicio {e}", f"Exercise {e}"),
            tuple(Listed(c, Decimal(r[1]), r[3]) for c, r in RUBRIC.items() if c.startswith(e)),
        )
        for e in EXERCISES
    ),
)
_HIDDEN = {Visibility.STAFF: HIDDEN, Visibility.AFTER_DEADLINE: LATER}


def scored(check: str, status: Status, points: str, earned: str, observed: str) -> Scored:
    agrees = status is Status.PASSED
    rows = (
        Comparison(Message("say", {"what": observed}), "(28, 28)", observed, Provenance.VERIFIED, agrees),
    )
    hint = Message("say", {"what": f"hint {observed}"})
    message = Message("say", {"what": f"found {observed}"})
    result = CheckResult(check, status, Fraction(int(agrees)), message, rows, hint)
    return Scored(result, Decimal(points), Decimal(earned))


def grade(observed: str = "(784,)", **statuses: Status) -> Grade:
    """Every line of the rubric; `statuses` override, with "_" for "." ("x1a_shape")."""
    lines = {}
    for check, (status, points, earned, visibility) in RUBRIC.items():
        own = statuses.get("x" + check.replace(".", "_"), status)
        text = _HIDDEN.get(visibility, observed)
        lines[check] = scored(check, own, points, earned if own is status else "0", text)
    return Grade(
        tuple(ExerciseGrade(e, tuple(s for c, s in lines.items() if c.startswith(e))) for e in EXERCISES)
    )


def outcome(
    hostile: str = "Ana Núñez",
    graded: Grade | None = None,
    state: State = State.GRADED,
    key: str = "ana",
    origin: str = "p1.ipynb",
) -> Outcome:
    """A submission; `hostile` is the student's name and part of every text that quotes their work."""
    submission = Submission(
        Student(key, hostile, "8", "ana@example.com"), origin, Document(origin, ()), digest="d" * 64
    )
    evidence = Evidence(
        "fashion-dense", Level.QUICK, 1, ServedData("fashion_mnist", "f", "folder"), Ended.COMPLETED
    )
    has_grade = state in {State.GRADED, State.UNREADABLE}
    return Outcome(
        submission=submission,
        assignment=ASSIGNMENT,
        state=state,
        level=Level.QUICK,
        grade=(graded or grade(hostile)) if has_grade else None,
        evidence=evidence if state is State.GRADED else None,
        problems=(Problem(Severity.WARNING, Message("say", {"what": f"renamed {hostile}"})),),
        seconds=12.4,
    )


def without_pending(given: Outcome) -> Outcome:
    """The same, with what waited for a person marked."""
    return replace(given, grade=grade(x1b_why=Status.PASSED))


def render(message: Message, language: str) -> str:
    """The real catalogue, and one sentence of the tests' own."""
    from grader.messages import render as catalogue_render

    if message.key == "say":
        return str(message.args["what"])
    return catalogue_render(message, language)  # type: ignore[arg-type]

"""The result of one submission as a versioned JSON document. Field by field: docs/result-json.md."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from grader.messages import render as catalogue_render
from grader.model.assignment import Assignment
from grader.model.evidence import Evidence
from grader.model.outcome import Outcome
from grader.model.result import Comparison, ExerciseGrade, Grade, Scored
from grader.model.submission import Submission
from grader.model.text import LANGUAGES, Message, Text
from grader.report import clean
from grader.report.audience import Audience, Shown, find_check, shown, told, visible_grade
from grader.report.words import Render, Words, plain

SCHEMA = 1
"""Raised when a field changes its meaning or goes away; a new field alone does not raise it."""


class TextJson(Struct, frozen=True):
    es: str
    en: str


class MessageJson(Struct, frozen=True):
    key: str
    args: dict[str, str | int | float]
    es: str
    en: str


class StudentJson(Struct, frozen=True):
    key: str
    name: str
    lms_id: str | None
    email: str | None


class AssignmentJson(Struct, frozen=True):
    id: str
    title: TextJson


class SubmissionJson(Struct, frozen=True):
    origin: str
    document: str | None
    other_files: list[str]
    digest: str


class DataJson(Struct, frozen=True):
    name: str
    fingerprint: str
    source: str
    stand_in: bool


class RunJson(Struct, frozen=True):
    ended: str
    seed: int
    seconds: float
    isolation: str | None
    versions: dict[str, str]
    cells_run: int
    cells_failed: int
    trainings: int
    trainings_shortened: int
    tampering: list[str] | None


class ComparisonJson(Struct, frozen=True):
    what: MessageJson
    expected: str
    observed: str
    provenance: str
    agrees: bool


class CheckJson(Struct, frozen=True):
    id: str | None
    title: TextJson | None
    visibility: str
    status: str
    fraction: str
    earned: str
    points: str
    message: MessageJson | None
    hint: MessageJson | None
    comparisons: list[ComparisonJson]
    training: int | None


class ExerciseJson(Struct, frozen=True):
    id: str
    title: TextJson | None
    earned: str
    pending: str
    ungraded: str
    undecided: str
    points: str
    checks: list[CheckJson]


class GradeJson(Struct, frozen=True):
    earned: str | None
    pending: str
    ungraded: str
    undecided: str
    gradable: str
    maximum: str
    exercises: list[ExerciseJson]


class ProblemJson(Struct, frozen=True):
    severity: str
    message: MessageJson


class ResultJson(Struct, frozen=True):
    """The whole document. Points are decimal numbers in strings: a binary 0.1 is not a tenth."""

    schema: int
    audience: str
    student: StudentJson
    assignment: AssignmentJson | None
    state: str
    level: str
    submission: SubmissionJson
    data: DataJson | None
    run: RunJson | None
    grade: GradeJson | None
    problems: list[ProblemJson]
    reused: bool
    seconds: float


def to_json(
    outcome: Outcome,
    *,
    audience: Audience = "staff",
    hold: bool = False,
    render: Render = catalogue_render,
) -> bytes:
    """The document, indented, UTF-8. For other audiences than staff, what they may not see is left out.

    Args:
        hold: keep the total back while a person still has to mark something.
    """
    document = _Writer(audience, render, hold=hold).result(outcome)
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


class _Writer:
    """Turns values of the model into those of the document, for one audience."""

    def __init__(self, audience: Audience, render: Render, *, hold: bool) -> None:
        self.audience, self.hold = audience, hold
        self._words = {language: Words(language, render) for language in LANGUAGES}

    def result(self, outcome: Outcome) -> ResultJson:
        student, assignment, evidence = outcome.submission.student, outcome.assignment, outcome.evidence
        grade = visible_grade(assignment, outcome.grade, self.audience) if outcome.grade else None
        problems = told(outcome.problems or outcome.submission.problems, self.audience)
        return ResultJson(
            schema=SCHEMA,
            audience=self.audience,
            student=StudentJson(
                clean.line(student.key), clean.line(student.name), _line(student.lms_id), _line(student.email)
            ),
            assignment=AssignmentJson(assignment.id, _text(assignment.title)) if assignment else None,
            state=str(outcome.state),
            level=str(outcome.level),
            submission=_submission(outcome.submission),
            data=_data(evidence) if evidence else None,
            run=self._run(evidence) if evidence else None,
            grade=self._grade(grade, assignment) if grade else None,
            problems=[ProblemJson(str(p.severity), self._message(p.message)) for p in problems],
            reused=outcome.reused,
            seconds=round(outcome.seconds, 3),
        )

    def _run(self, evidence: Evidence) -> RunJson:
        code = [cell for cell in evidence.cells if cell.kind == "code"]
        staff = self.audience == "staff"
        return RunJson(
            ended=str(evidence.ended),
            seed=evidence.seed,
            seconds=round(evidence.seconds, 3),
            isolation=clean.line(evidence.isolation) if staff else None,
            versions={clean.line(k): clean.line(v) for k, v in evidence.versions.items()},
            cells_run=sum(c.ran for c in code),
            cells_failed=sum(not c.ok for c in code),
            trainings=len(evidence.episodes),
            trainings_shortened=sum(e.capped for e in evidence.episodes),
            tampering=[clean.line(t) for t in evidence.tampering] if staff else None,
        )

    def _grade(self, grade: Grade, assignment: Assignment | None) -> GradeJson:
        return GradeJson(
            earned=None if self.hold and grade.pending else plain(grade.earned),
            pending=plain(grade.pending),
            ungraded=plain(grade.ungraded),
            undecided=plain(grade.undecided),
            gradable=plain(grade.gradable),
            maximum=plain(grade.maximum),
            exercises=[self._exercise(e, assignment) for e in grade.exercises],
        )

    def _exercise(self, graded: ExerciseGrade, assignment: Assignment | None) -> ExerciseJson:
        exercises = assignment.exercises if assignment else ()
        title = next((_text(e.title) for e in exercises if e.id == graded.exercise), None)
        return ExerciseJson(
            id=graded.exercise,
            title=title,
            earned=plain(graded.earned),
            pending=plain(graded.pending),
            ungraded=plain(graded.ungraded),
            undecided=plain(graded.undecided),
            points=plain(graded.points),
            checks=[self._check(s, assignment) for s in graded.scored],
        )

    def _check(self, scored: Scored, assignment: Assignment | None) -> CheckJson:
        result, check = scored.result, find_check(assignment, scored.result.check)
        full = shown(check, self.audience) is Shown.ALL
        return CheckJson(
            id=result.check if full else None,
            title=_text(check.title) if full and check else None,
            visibility=str(check.visibility) if check else "staff",
            status=str(result.status),
            fraction=str(result.fraction),
            earned=plain(scored.earned),
            points=plain(scored.points),
            message=self._message(result.message) if full and result.message.key else None,
            hint=self._message(result.hint) if full and result.hint else None,
            comparisons=[self._comparison(c) for c in result.comparisons] if full else [],
            training=result.episode if full else None,
        )

    def _comparison(self, comparison: Comparison) -> ComparisonJson:
        return ComparisonJson(
            what=self._message(comparison.what),
            expected=clean.line(comparison.expected),
            observed=clean.line(comparison.observed),
            provenance=str(comparison.provenance),
            agrees=comparison.agrees,
        )

    def _message(self, message: Message) -> MessageJson:
        args = {k: clean.line(v) if isinstance(v, str) else v for k, v in message.args.items()}
        return MessageJson(message.key, args, **{lang: w.message(message) for lang, w in self._words.items()})


def _submission(submission: Submission) -> SubmissionJson:
    return SubmissionJson(
        origin=clean.line(submission.origin),
        document=clean.line(submission.document.path) if submission.document else None,
        other_files=[clean.line(name) for name in submission.other_files],
        digest=submission.digest,
    )


def _data(evidence: Evidence) -> DataJson:
    data = evidence.data
    return DataJson(
        clean.line(data.name), clean.line(data.fingerprint), clean.line(data.source), data.stand_in
    )


def _line(text: str | None) -> str | None:
    return clean.line(text) if text is not None else None


def _text(text: Text) -> TextJson:
    return TextJson(clean.line(text.es), clean.line(text.en))

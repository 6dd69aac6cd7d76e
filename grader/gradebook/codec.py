"""Values of the models <-> the gradebook's text columns.

A message's numbers are kept exactly: NaN, infinities and integers past 64 bits, which JSON lacks, are
written as `["float", "nan"]` or `["int", "123..."]`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Rational, Real

import msgspec

from grader.evidence.store import utf8_json, whole_text
from grader.gradebook.tables import HandMarkRow, ResultRow, SubmissionRow, now
from grader.gradebook.values import HandMark
from grader.model.evidence import Provenance
from grader.model.result import CheckResult, Comparison, Scored, Status
from grader.model.submission import Document, Problem, Severity, Student, Submission
from grader.model.text import Message, MessageArg

_Arg = bool | int | float | str | tuple[str, str]
_LARGEST = 2**53


class _Message(msgspec.Struct, frozen=True):
    key: str
    args: dict[str, _Arg] = {}


class _Comparison(msgspec.Struct, frozen=True):
    what: _Message
    expected: str
    observed: str
    provenance: Provenance
    agrees: bool


class _Problem(msgspec.Struct, frozen=True):
    severity: Severity
    message: _Message


def text(value: object) -> str:
    """JSON text of any value msgspec knows; lone surrogates become U+FFFD."""
    return utf8_json(value).decode()


def column(value: str) -> str:
    """A string any database takes: PostgreSQL refuses NUL, and UTF-8 half a surrogate pair."""
    return whole_text(value).replace("\0", "\ufffd")


def strings(value: str) -> tuple[str, ...]:
    return msgspec.json.decode(value, type=tuple[str, ...])


def problems_text(problems: Iterable[Problem]) -> str:
    return text([_Problem(p.severity, _message(p.message)) for p in problems])


def problems(value: str) -> tuple[Problem, ...]:
    stored = msgspec.json.decode(value, type=tuple[_Problem, ...])
    return tuple(Problem(p.severity, _unmessage(p.message)) for p in stored)


def fill_submission(row: SubmissionRow, submission: Submission) -> None:
    """Write a hand-in into its row (all but `student` and `assignment`, which name it)."""
    student, document = submission.student, submission.document
    row.name = column(student.name)
    row.lms_id = None if student.lms_id is None else column(student.lms_id)
    row.email = None if student.email is None else column(student.email)
    row.origin = column(submission.origin)
    row.digest = submission.digest
    row.document = None if document is None else text(document)
    row.other_files = text(submission.other_files)
    row.problems = problems_text(submission.problems)
    row.recorded = now()


def submission(row: SubmissionRow) -> Submission:
    return Submission(
        student=Student(row.student, row.name, row.lms_id, row.email),
        origin=row.origin,
        document=None if row.document is None else msgspec.json.decode(row.document, type=Document),
        other_files=strings(row.other_files),
        problems=problems(row.problems),
        digest=row.digest,
    )


def fill_result(row: ResultRow, scored: Scored) -> None:
    """Write one scored check into its row (all but where it belongs)."""
    result = scored.result
    row.status = result.status.value
    row.fraction = result.fraction
    row.points, row.earned = scored.points, scored.earned
    row.message = text(_message(result.message))
    row.comparisons = text([_comparison(c) for c in result.comparisons])
    row.hint = text(None if result.hint is None else _message(result.hint))
    row.episode, row.wants_retraining = result.episode, result.wants_retraining
    row.reached = now()


def scored(row: ResultRow) -> Scored:
    hint = msgspec.json.decode(row.hint, type=_Message | None)
    result = CheckResult(
        check=row.check_id,
        status=Status(row.status),
        fraction=row.fraction,
        message=_unmessage(msgspec.json.decode(row.message, type=_Message)),
        comparisons=_comparisons(row.comparisons),
        hint=None if hint is None else _unmessage(hint),
        episode=row.episode,
        wants_retraining=row.wants_retraining,
    )
    return Scored(result, row.points, row.earned)


def hand_mark(row: HandMarkRow) -> HandMark:
    return HandMark(row.part, row.points, row.by, row.given, row.comment, row.digest)


def _comparison(value: Comparison) -> _Comparison:
    what = _message(value.what)
    return _Comparison(what, value.expected, value.observed, value.provenance, value.agrees)


def _comparisons(value: str) -> tuple[Comparison, ...]:
    stored = msgspec.json.decode(value, type=tuple[_Comparison, ...])
    return tuple(
        Comparison(_unmessage(c.what), c.expected, c.observed, c.provenance, c.agrees) for c in stored
    )


def _message(message: Message) -> _Message:
    return _Message(message.key, {name: _arg(value) for name, value in message.args.items()})


def _unmessage(stored: _Message) -> Message:
    return Message(stored.key, {name: _unarg(value) for name, value in stored.args.items()})


def _arg(value: object) -> _Arg:
    match value:
        case bool() | str():
            return value
        # NumPy's numbers count as these too; msgspec would refuse them.
        case Integral():
            number = int(value)
            return number if abs(number) < _LARGEST else ("int", hex(number))
        case Real() if not isinstance(value, Rational):
            real = float(value)
            return real if math.isfinite(real) else ("float", repr(real))
    # Decimal, Fraction and the like: the sentence shows what str() gives.
    return str(value)


def _unarg(value: _Arg) -> MessageArg:
    match value:
        case ("int", digits):
            return int(digits, 16)
        case ("float", name):
            return float(name)
        case str() | int() | float():
            return value
    raise TypeError(f"not a message's argument: {value!r}")

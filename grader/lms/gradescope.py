"""Gradescope: `submission_metadata.json` in, `results.json` out.

Keys as documented at gradescope-autograders.readthedocs.io (specs, submission_metadata). Two rules of
the platform shape this: a results file must carry a score for every test (or one at the top), and a
student sees no total while any test is hidden from them. So what has no mark yet (a person's, or ours
that failed) is sent as 0 with a visibility that keeps the total back until grades are published, and
says so; and when grading itself failed, no file is written at all, which Gradescope reports to staff as
"the autograder failed to execute correctly".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from grader.lms.errors import LmsError
from grader.lms.lines import Line, lines, notices, student
from grader.messages import render as catalogue_render
from grader.model.assignment import Visibility
from grader.model.outcome import Outcome, State
from grader.model.result import UNMARKED, Status
from grader.model.submission import Student
from grader.model.text import Language
from grader.report import clean
from grader.report.words import Render, Words, plain
from grader.report.write import replace_file

ROOT = Path("/autograder")
"""Where the container's files lie; its layout is fixed by the platform."""
MAX_METADATA = 4 * 2**20
"""Bytes. It repeats the results of all earlier submissions."""
_SCHEMA = 1

_VISIBILITY = {
    Visibility.STUDENT: "visible",
    Visibility.AFTER_DEADLINE: "after_due_date",
    Visibility.STAFF: "hidden",
}
_WITHHELD = "after_published"


class Pending(StrEnum):
    """What is sent for marks that a person still has to give."""

    PROVISIONAL = "provisional"
    """They count 0 now, and the student is told that the total can still rise."""
    HOLD = "hold"
    """The student sees no total until a person has decided."""


class User(msgspec.Struct, frozen=True):
    id: int | str
    name: str = ""
    email: str = ""


class Metadata(msgspec.Struct, frozen=True):
    """What the platform says about one submission; other keys are left alone."""

    id: int | str
    created_at: datetime | None = None
    """When it was handed in: what a deadline is held against, not the time of grading."""
    users: tuple[User, ...] = ()
    """Several for a group."""

    @property
    def student(self) -> Student | None:
        """The student (or group) it belongs to; None when the platform names nobody."""
        if not self.users:
            return None
        first = self.users[0]
        names = ", ".join(clean.line(user.name) for user in self.users if user.name)
        return Student(
            f"gradescope-{_stem(first.id)}", names or _stem(first.id), str(first.id), first.email or None
        )


def read_metadata(root: Path = ROOT) -> Metadata | None:
    """The metadata of the submission at hand; None where there is none (a run by hand).

    Raises:
        LmsError: the file is too large or is not what the platform documents.
    """
    path = root / "submission_metadata.json"
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_METADATA + 1)
        if len(data) > MAX_METADATA:
            raise LmsError("lms.metadata", path=str(path), why=f"> {MAX_METADATA} bytes")
        return msgspec.json.decode(data, type=Metadata)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LmsError("lms.metadata", path=str(path), why=str(error)[:200]) from error


def results(
    outcome: Outcome,
    language: Language,
    *,
    pending: Pending = Pending.PROVISIONAL,
    notes: Sequence[str] = (),
    render: Render = catalogue_render,
) -> bytes:
    """The bytes of `results.json`. `notes` are further sentences for its head.

    Raises:
        LmsError: there is no score that may be sent: grading failed on our side, or nothing was handed in.
    """
    if outcome.state not in {State.GRADED, State.UNREADABLE}:
        raise LmsError("lms.no_score", student=student(outcome), state=str(outcome.state))
    words = Words(language, render)
    found = lines(outcome, "staff", words)
    document: dict[str, Any] = {
        "output": "\n".join([*notes, *_head(outcome, pending, words)]),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "execution_time": round(outcome.seconds),
        "tests": [_test(line, number, pending, words) for number, line in _numbered(found)],
        "extra_data": _extra(outcome),
    }
    if not found:
        document["score"] = 0.0  # without tests the platform wants a score at the top
    return msgspec.json.format(msgspec.json.encode(document), indent=1)


def write(
    outcomes: Sequence[Outcome],
    language: Language,
    *,
    pending: Pending = Pending.PROVISIONAL,
    root: Path = ROOT,
    render: Render = catalogue_render,
) -> Path:
    """Write `results/results.json` whole, for the one outcome that counts.

    A platform's submission is one student's: where several documents were handed in, the one that earned
    most counts, and the head of the result says which. A file that was there before goes first: should
    there be no score to send, none that somebody else wrote must be taken for ours.

    Raises:
        LmsError: there is no score that may be sent; then there is no file.
    """
    path = root / "results" / "results.json"
    path.unlink(missing_ok=True)
    chosen = _counting(outcomes)
    notes = []
    if len(outcomes) > 1:
        others = ", ".join(clean.line(o.submission.origin, 80) for o in outcomes if o is not chosen)
        words = Words(language, render)
        notes = [words.say("lms.several", counts=clean.line(chosen.submission.origin, 80), others=others)]
    replace_file(path, results(chosen, language, pending=pending, notes=notes, render=render))
    return path


def _counting(outcomes: Sequence[Outcome]) -> Outcome:
    failed = [o for o in outcomes if o.state is State.FAILED]
    if failed:
        return failed[0]  # it may be the one that would have counted: no score is sent
    if not outcomes:
        raise LmsError("lms.nothing")
    return max(outcomes, key=lambda o: (o.state is State.GRADED, o.grade.earned if o.grade else Decimal(0)))


def _numbered(found: Sequence[Line]) -> list[tuple[str, Line]]:
    """ "2c.1", "2c.2": the exercise and the place in it."""
    counts: dict[str, int] = {}
    numbered = []
    for line in found:
        counts[line.exercise] = counts.get(line.exercise, 0) + 1
        numbered.append((f"{line.exercise}.{counts[line.exercise]}", line))
    return numbered


def _test(line: Line, number: str, pending: Pending, words: Words) -> dict[str, Any]:
    test: dict[str, Any] = {
        "number": number,
        "name": line.name,
        "score": float(line.earned),
        # What the level does not decide is not part of the total at all.
        "max_score": 0.0 if line.status is Status.UNDECIDED else float(line.points),
        "output": line.text,
        "visibility": _visibility(line, pending),
        "extra_data": {"check": line.check, "status": line.status.value},
    }
    if line.status in UNMARKED:
        # No "status": the platform has only passed and failed, and this is neither.
        test["name"] = f"{line.name} [{line.status_word}]"
        test["output"] = "\n".join([words.say(f"lms.test.{_waits(line, pending)}"), line.text]).strip()
    else:
        test["status"] = "passed" if line.status is Status.PASSED else "failed"
    return test


def _waits(line: Line, pending: Pending) -> str:
    return pending.value if line.status is Status.REVIEW else line.status.value


def _visibility(line: Line, pending: Pending) -> str:
    own = _VISIBILITY[line.visibility]
    keep_back = line.status is Status.UNGRADED or (line.status is Status.REVIEW and pending is Pending.HOLD)
    # Hidden stays hidden; a check without points changes no total.
    return _WITHHELD if keep_back and line.points and line.visibility is not Visibility.STAFF else own


def _head(outcome: Outcome, pending: Pending, words: Words) -> list[str]:
    said = list(notices(outcome, "student", words))
    grade = outcome.grade
    if grade and grade.pending:
        said.append(words.say(f"lms.head.{pending.value}", points=words.points(grade.pending)))
    if grade and grade.ungraded:
        said.append(words.say("lms.head.ungraded", points=words.points(grade.ungraded)))
    if grade and grade.undecided:
        said.append(words.say("lms.head.undecided", points=words.points(grade.undecided)))
    return said


def _extra(outcome: Outcome) -> dict[str, Any]:
    extra: dict[str, Any] = {"schema": _SCHEMA, "state": outcome.state.value, "level": outcome.level.value}
    if outcome.evidence is not None:
        extra["data"] = outcome.evidence.data.source
    if outcome.grade is not None:
        grade = outcome.grade
        extra |= {
            "earned": plain(grade.earned),
            "pending": plain(grade.pending),
            "gradable": plain(grade.gradable),
            "maximum": plain(grade.maximum),
        }
    return extra


def _stem(id: int | str) -> str:
    return "".join(c for c in str(id) if c.isascii() and c.isalnum())[:40] or "unknown"

"""grades.csv: one line per submission, one column per exercise and per check.

UTF-8 with a byte order mark, commas and decimal points. Without the mark Excel reads "Núñez" as
"NÃºÃ±ez"; Moodle's own grade files carry it and its import accepts it, and so do pandas and LibreOffice.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from grader.messages import render as catalogue_render
from grader.model.assignment import Assignment
from grader.model.outcome import Outcome
from grader.model.result import Grade
from grader.model.text import Language
from grader.report import clean
from grader.report.classpage import by_assignment, flags, scored_of
from grader.report.words import Render, Words, plain

COLUMNS = (
    "key",
    "name",
    "lms_id",
    "email",
    "assignment",
    "state",
    "earned",
    "pending",
    "gradable",
    "maximum",
)
LAST = ("level", "data", "notes")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""What makes a spreadsheet run a cell as a formula (OWASP, "CSV injection"), full-width forms included."""

Part = tuple[str, str, str]
"""(assignment, exercise, check); check is "" for the exercise's own column."""


def grades_csv(
    outcomes: Sequence[Outcome], language: Language, *, render: Render = catalogue_render
) -> bytes:
    """The file's bytes. Empty cells are points that do not exist: not zero."""
    words = Words(language, render)
    assignments = [a for a, _ in by_assignment(outcomes) if a]
    parts = [part for a in assignments for part in _parts(a)]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([text_cell(h) for h in (*COLUMNS, *_headers(parts, len(assignments)), *LAST)])
    for outcome in outcomes:
        writer.writerow(list(_line(outcome, parts, words)))
    return out.getvalue().encode("utf-8-sig")


def text_cell(text: str) -> str:
    """`text` as a cell that no spreadsheet runs: a quote in front of what would be a formula."""
    flat = clean.line(text)
    # The original is asked too: a leading tab is cleaned away here, but not by who reads it raw elsewhere.
    return f"'{flat}" if flat.startswith(_FORMULA) or text.startswith(_FORMULA) else flat


def _parts(assignment: Assignment) -> Iterator[Part]:
    for exercise in assignment.exercises:
        yield assignment.id, exercise.id, ""
        for check in exercise.checks:
            yield assignment.id, exercise.id, check.id


def _headers(parts: list[Part], assignments: int) -> Iterator[str]:
    """Ids of exercises and checks; with the assignment's in front where there are several."""
    for assignment, exercise, check in parts:
        name = check or exercise
        yield f"{assignment}/{name}" if assignments > 1 else name


def _line(outcome: Outcome, parts: list[Part], words: Words) -> Iterator[str]:
    student, grade = outcome.submission.student, outcome.grade
    assignment = outcome.assignment.id if outcome.assignment else ""
    for text in (student.key, student.name, student.lms_id or "", student.email or "", assignment):
        yield text_cell(text)
    yield str(outcome.state)
    for total in (grade.earned, grade.pending, grade.gradable, grade.maximum) if grade else ():
        yield plain(total)
    yield from () if grade else ("",) * 4
    for part in parts:
        yield _earned(grade, part) if grade and part[0] == assignment else ""
    yield str(outcome.level)
    yield text_cell(outcome.evidence.data.source if outcome.evidence else "")
    yield text_cell("; ".join(flag.text for flag in flags(outcome, words)))


def _earned(grade: Grade, part: Part) -> str:
    _, exercise, check = part
    if check:
        found = scored_of(grade, check)
        return plain(found[0].earned) if found else ""
    return next((plain(e.earned) for e in grade.exercises if e.exercise == exercise), "")

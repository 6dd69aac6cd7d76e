"""grades.csv: one line per submission, one column per exercise and per check.

UTF-8 with a byte order mark. Without the mark Excel reads "Núñez" as "NÃºÃ±ez"; Moodle's own grade files
carry it and its import accepts it, and so do pandas and LibreOffice. In a Spanish course the separator is a
semicolon and the decimal sign a comma, as a Spanish Excel (and a Moodle used in Spanish) reads them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import StrEnum

from grader.messages import render as catalogue_render
from grader.model.assignment import Assignment
from grader.model.outcome import Outcome
from grader.model.result import UNMARKED, Grade
from grader.model.text import Language
from grader.report import clean
from grader.report.classpage import by_assignment, flags
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


class CsvStyle(StrEnum):
    """How a table is written for the spreadsheet that opens it."""

    COMMA = "comma"
    """Commas between cells, decimal points."""
    SEMICOLON = "semicolon"
    """Semicolons between cells, decimal commas."""

    @classmethod
    def of(cls, language: Language) -> CsvStyle:
        return cls.SEMICOLON if language == "es" else cls.COMMA

    @property
    def separator(self) -> str:
        return ";" if self is CsvStyle.SEMICOLON else ","

    def number(self, points: Decimal) -> str:
        text = plain(points)
        return text.replace(".", ",") if self is CsvStyle.SEMICOLON else text


Part = tuple[str, str, str]
"""(assignment, exercise, check); check is "" for the exercise's own column."""


def grades_csv(
    outcomes: Sequence[Outcome],
    language: Language,
    style: CsvStyle | None = None,
    *,
    render: Render = catalogue_render,
) -> bytes:
    """The file's bytes. Empty cells are points that do not exist (or not yet): not zero.

    Args:
        style: how numbers and cells are written; None: as the language does.
    """
    style = style or CsvStyle.of(language)
    words = Words(language, render)
    assignments = [a for a, _ in by_assignment(outcomes) if a]
    parts = [part for a in assignments for part in _parts(a)]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", delimiter=style.separator)
    writer.writerow(_head(parts, len(assignments), words))
    for outcome in outcomes:
        writer.writerow(list(_line(outcome, parts, words, style)))
    return out.getvalue().encode("utf-8-sig")


def _head(parts: list[Part], assignments: int, words: Words) -> list[str]:
    first, last = ([words.say(f"report.csv.{column}") for column in group] for group in (COLUMNS, LAST))
    return [text_cell(h) for h in (*first, *_headers(parts, assignments), *last)]


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


def _line(outcome: Outcome, parts: list[Part], words: Words, style: CsvStyle) -> Iterator[str]:
    student, grade = outcome.submission.student, outcome.grade
    assignment = outcome.assignment.id if outcome.assignment else ""
    for text in (student.key, student.name, student.lms_id or "", student.email or "", assignment):
        yield text_cell(text)
    yield words.say(f"report.state.{outcome.state}")
    for total in (grade.earned, grade.pending, grade.gradable, grade.maximum) if grade else ():
        yield style.number(total)
    yield from () if grade else ("",) * 4
    for part in parts:
        earned = _earned(grade, part) if grade and part[0] == assignment else None
        yield style.number(earned) if earned is not None else ""
    yield words.say(f"report.level_short.{outcome.level}")
    yield _data(outcome, words)
    yield text_cell("; ".join(flag.text for flag in flags(outcome, words)))


def _data(outcome: Outcome, words: Words) -> str:
    if outcome.evidence is None:
        return ""
    return words.say(f"report.data_short.{'stand_in' if outcome.evidence.data.stand_in else 'real'}")


def _earned(grade: Grade, part: Part) -> Decimal | None:
    """Points of a check or an exercise; None while nothing of it has a mark."""
    _, exercise, check = part
    found = [s for e in grade.exercises if e.exercise == exercise for s in e.scored]
    marked = [s for s in found if s.result.status not in UNMARKED and check in {"", s.result.check}]
    return sum((s.earned for s in marked), Decimal(0)) if marked else None

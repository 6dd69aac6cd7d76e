"""grades.csv, column by column."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from grader.report.table import COLUMNS, LAST, CsvStyle, grades_csv

from . import factory


def rows(*outcomes: factory.Outcome) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(grades_csv(outcomes, "en").decode("utf-8-sig"))))


def test_columns() -> None:
    """Who, the totals, each exercise with its checks, and how it was graded."""
    checks = [part for e in factory.ASSIGNMENT.exercises for part in (e.id, *(c.id for c in e.checks))]
    assert list(rows(factory.passing())[0]) == [*COLUMNS, *checks, *LAST]


def test_it_begins_with_a_byte_order_mark() -> None:
    """Excel needs it to read accents."""
    assert grades_csv([factory.passing()], "es").startswith(b"\xef\xbb\xbfclave;nombre;")


def test_points_are_plain_numbers() -> None:
    """Decimal points in English; a pending check is no zero, and ours is never quoted as a formula."""
    (row,) = rows(factory.middling())
    assert (row["earned"], row["pending"], row["gradable"], row["maximum"]) == ("3.42", "1", "7", "7.5")
    assert (row["1"], row["1.structure"], row["2.written"]) == ("0.92", "0.67", "")
    assert (row["level"], row["data"], row["state"]) == ("quick", "stand-in", "graded")


def test_no_grade_is_an_empty_cell() -> None:
    """Not a zero: an LMS would import it as one."""
    for row in rows(factory.absent(), factory.failed_by_us()):
        assert {row["earned"], row["pending"], row["gradable"], row["1"], row["1.structure"]} == {""}


def test_several_assignments_share_the_file() -> None:
    """Columns carry the assignment's id, and each line fills its own."""
    other = replace(factory.ASSIGNMENT, id="fashion-dense")
    found = rows(factory.passing(), replace(factory.passing(), assignment=other))
    assert (found[0]["fashion-convnet/1"], found[0]["fashion-dense/1"]) == ("2.5", "")
    assert (found[1]["fashion-convnet/1"], found[1]["fashion-dense/1"]) == ("", "2.5")


def test_an_unrecognised_hand_in_stands_beside_the_others() -> None:
    """Without an assignment, with its state and its problem."""
    lost = replace(factory.unreadable(), assignment=None, grade=None)
    found = rows(factory.passing(), lost)
    assert (found[1]["assignment"], found[1]["state"], found[1]["earned"]) == ("", "unreadable", "")
    assert found[1]["notes"]


def test_a_spanish_course_has_semicolons_and_decimal_commas() -> None:
    """As a Spanish Excel reads them; the course may choose otherwise."""
    heads, line = (
        text.split(";") for text in grades_csv([factory.middling()], "es").decode("utf-8-sig").splitlines()
    )
    row = dict(zip(heads, line, strict=False))
    assert (row["obtenidos"], row["1.structure"], row["2.written"]) == ("3,42", "0,67", "")
    assert (row["estado"], row["nivel"], row["datos"]) == ("calificada", "rápido", "sustituto")
    plain = grades_csv([factory.middling()], "es", CsvStyle.COMMA).decode("utf-8-sig")
    assert ",3.42," in plain


def test_pending_is_blank_and_wrong_is_zero() -> None:
    wrong = factory.mediocre()
    wrong["2.written"] = factory.CheckResult("2.written", factory.Status.FAILED)
    (row,) = rows(factory.outcome(wrong, seen=factory.evidence()))
    assert row["2.written"] == "0"

"""Grading a class into a gradebook, and the commands that work on what that left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from grader.cli.asked import OUT, course_of, spoken
from grader.cli.console import stderr, stdout
from grader.cli.exits import Exit
from grader.cli.interrupt import interruptible
from grader.cli.lookup import find_check, find_entry
from grader.cli.options import (
    AssignmentOption,
    CourseOption,
    DataOption,
    LanguageOption,
    OutOption,
)
from grader.cli.progress import Display
from grader.cli.roll import call_roll, is_absent
from grader.cli.status import conclude
from grader.cli.workshop import BOOK, Workshop, cores
from grader.course import Course
from grader.course.recognise import score
from grader.forks import Forks
from grader.gradebook.book import user
from grader.intake import collect
from grader.model.assignment import Check
from grader.model.errors import UsageError
from grader.model.outcome import Outcome
from grader.model.submission import Document
from grader.model.text import Language
from grader.pipeline import Grader
from grader.report.explain import explain as explained
from grader.report.order import by_name, name_key
from grader.report.table import CsvStyle
from grader.report.terminal import class_table
from grader.report.words import DASH, Words
from grader.report.write import write_reports


def grade_into(
    shop: Workshop,
    submissions: Path,
    assignment: str | None,
    language: Language,
    *,
    fresh: bool = False,
    replaced: bool = False,
) -> int:
    """Grade a path into the gradebook of an open workshop, write every report, print the class's table."""
    scratch = shop.out / "scratch"
    fit = fit_for(shop.course, assignment)
    handed_in = collect(submissions, roster=shop.course.roster, scratch=scratch, score=fit)
    scratch.rmdir()
    settings = replace(shop.settings, assignment=assignment, fresh=fresh)
    with shop.book() as book:
        grader = Grader(shop.course, book, shop.store, shop.served, shop.bench, settings)
        practicals = sorted({id for s in handed_in if not is_absent(s) and (id := grader.recognised(s))})
        named = [assignment] if assignment else practicals
        roll = call_roll(handed_in, book.entries(), named, submissions, replace=replaced)
        for id in practicals:  # data that cannot be had are a usage error, not a fault of each submission
            shop.served(shop.course.load(id).assignment.data)
        grader = replace(grader, settings=replace(settings, absent_from=roll.absent_from))
        with Display(language) as display, interruptible(grader.stop, language):
            display.expect(roll.submissions)
            with book.run("grade") as held:
                outcomes = list(replace(grader, notify=display.step).grade(held, roll.submissions))
        report(shop, outcomes, grader.whole(outcomes), language)
    if roll.kept:
        kept = ", ".join(sorted(roll.kept, key=name_key))
        told = Words(language).say("cli.kept", n=len(roll.kept), names=kept)
        stderr.print(told, markup=False, soft_wrap=True)
    return conclude(outcomes, language)


def report(shop: Workshop, outcomes: list[Outcome], whole: list[Outcome], language: Language) -> None:
    """Write the reports of all that the gradebook holds; print these outcomes' table and the page's path."""
    page = write_all(shop, whole, language)
    stdout.print(class_table(by_name(outcomes), language))
    stdout.print(str(page), soft_wrap=True)


def write_all(shop: Workshop, whole: list[Outcome], language: Language) -> Path:
    expected = {loaded.assignment.id: loaded.expected for loaded in shop.course}
    style = CsvStyle(shop.course.csv) if shop.course.csv else None
    forks = Forks(cores())
    return write_reports(by_name(whole), shop.out, expected, language, style, do_all=forks.do_all)


def fit_for(course: Course, assignment: str | None) -> Callable[[Document], float]:
    """How well a document fits what is graded: chooses one of several notebooks."""
    known = [course.load(assignment)] if assignment else list(course)

    def fit(document: Document) -> float:
        return max((score(document, loaded.assignment) for loaded in known), default=0.0)

    return fit


def regrade(
    assignment: AssignmentOption = None,
    course: CourseOption = None,
    out: OutOption = OUT,
    language: LanguageOption = None,
    data: DataOption = None,
) -> int:
    """Judge all stored submissions again on their stored evidence."""
    shop = existing(course_of(course), out, data)
    said = spoken(language, shop.course)
    if assignment is not None:
        shop.course.load(assignment)
    with shop, shop.book() as book:
        several = sorted({e.assignment for e in book.entries() if e.assignment})
        grader = Grader(shop.course, book, shop.store, shop.served, shop.bench, pool=Forks(cores()))
        with book.run("regrade") as held, interruptible(grader.stop, said):
            outcomes = list(grader.regrade(held, assignment))
        report(shop, outcomes, grader.whole(outcomes), said)
    words = Words(said)
    if assignment is None and len(several) > 1:
        told = words.say("cli.regraded_all", n=len(several), known=", ".join(several))
        stderr.print(told, markup=False, soft_wrap=True)
    return conclude(outcomes, said)


def explain(
    student: Annotated[str, typer.Argument(help="The student's name or key (the report's file name).")],
    exercise: Annotated[str, typer.Argument(help="Exercise id, e.g. 1 or 2c.")],
    assignment: AssignmentOption = None,
    course: CourseOption = None,
    out: OutOption = OUT,
    language: LanguageOption = None,
) -> int:
    """Print every fact, its provenance, the rule and the points of one exercise."""
    shop = existing(course_of(course), out, None)
    said = spoken(language, shop.course)
    with shop, shop.book() as book:
        grader = Grader(shop.course, book, shop.store, shop.served, shop.bench)
        entry = find_entry(book.entries(), student, assignment, out / BOOK)
        outcome = grader.kept(entry.student, entry.assignment)
        marks = book.load(entry.student, entry.assignment).marks
        expected = shop.course.load(entry.assignment).expected
    stdout.print(explained(outcome, exercise, said, expected=expected), markup=False, soft_wrap=True, end="")
    words = Words(said)
    for given in marks:
        if given.part == exercise or given.part.rpartition(".")[0] == exercise:
            told = words.say(
                "cli.marked_by",
                check=given.part,
                points=words.points(given.points),
                by=given.by,
                given=f"{given.given:%Y-%m-%d %H:%M}",
            )
            stdout.print(told, markup=False, soft_wrap=True)
    return Exit.GRADED


def mark(
    student: Annotated[str, typer.Argument(help="The student's name or key.")],
    check: Annotated[str, typer.Argument(help="Check id, e.g. 1.written.")],
    points: Annotated[str, typer.Argument(help="Points, e.g. 0.75.")],
    comment: Annotated[str, typer.Option(help="Shown to the student.")] = "",
    assignment: AssignmentOption = None,
    course: CourseOption = None,
    out: OutOption = OUT,
    language: LanguageOption = None,
) -> int:
    """Give a check its points by hand; reports and grades.csv have them at once."""
    shop = existing(course_of(course), out, None)
    said = spoken(language, shop.course)
    words = Words(said)
    with shop, shop.book() as book:
        entry = find_entry(book.entries(), student, assignment, out / BOOK)
        found = find_check(shop.course.load(entry.assignment).assignment, check)
        value = _points(points, found, words)
        book.mark(entry.student, entry.assignment, check, value, by=user(), comment=comment)
        grader = Grader(shop.course, book, shop.store, shop.served, shop.bench)
        write_all(shop, grader.whole(), said)
        grade = grader.kept(entry.student, entry.assignment).grade
    told = words.say(
        "cli.marked",
        student=entry.name,
        check=check,
        points=words.points(value),
        earned=words.points(grade.earned) if grade else DASH,
        gradable=words.points(grade.gradable) if grade else DASH,
    )
    stderr.print(told, markup=False, soft_wrap=True)
    return Exit.GRADED


def _points(typed: str, check: Check, words: Words) -> Decimal:
    """Points as typed, with a point or a comma. Raises UsageError when they cannot be this check's."""
    try:
        value = Decimal(typed.replace(",", "."))
    except InvalidOperation:
        raise UsageError("cli.bad_points", points=typed) from None
    if not value.is_finite() or value < 0:
        raise UsageError("cli.bad_points", points=typed)
    if value > check.points:
        raise UsageError(
            "cli.too_many_points", points=typed, check=check.id, maximum=words.points(check.points)
        )
    return value


def existing(course: Course, out: Path, data: Path | None) -> Workshop:
    """The workshop of an earlier grading. Raises UsageError when there is none at `out`."""
    if not (out / BOOK).is_file():
        raise UsageError("cli.no_gradebook", out=str(out))
    return Workshop(course, out, data=data)

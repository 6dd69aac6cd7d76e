"""Commands that grade a class, and those that work on what a grading left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from grader.cli.console import stderr, stdout
from grader.cli.options import (
    AssignmentOption,
    CourseOption,
    DataOption,
    DownloadOption,
    LanguageOption,
    LevelOption,
    MemoryOption,
    OutOption,
    SeedOption,
    TimeoutOption,
    TrustOption,
    WorkersOption,
)
from grader.cli.progress import Display
from grader.cli.status import Exit, conclude
from grader.cli.workshop import BOOK, Workshop, cores
from grader.course import Course, find_course
from grader.course.recognise import score
from grader.gradebook.book import user
from grader.intake import collect
from grader.model.budget import Level
from grader.model.errors import UsageError
from grader.model.outcome import Outcome
from grader.model.submission import Document
from grader.model.text import LANGUAGES, Language
from grader.pipeline import Grader
from grader.report.explain import explain as explained
from grader.report.terminal import class_table
from grader.report.write import write_reports

OUT = Path("grades")


def run(
    submissions: Annotated[
        Path, typer.Argument(help="A notebook, a module, a folder of them, or an LMS's zip.")
    ],
    assignment: AssignmentOption = None,
    course: CourseOption = None,
    out: OutOption = OUT,
    level: LevelOption = Level.QUICK,
    language: LanguageOption = None,
    data: DataOption = None,
    download: DownloadOption = False,
    workers: WorkersOption = 0,
    seed: SeedOption = 1,
    timeout: TimeoutOption = None,
    memory: MemoryOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run again even what was graded already.")] = False,
    trust: TrustOption = False,
) -> int:
    """Grade submissions: tables here, reports under --out."""
    if not submissions.exists():
        raise UsageError("cli.no_such_path", path=str(submissions))
    found = find_course(course)
    shop = Workshop(found, out, level, seed, workers or cores(), data, download, trust, timeout, memory)
    return grade_into(shop, submissions, assignment, spoken(language, found), fresh=fresh)


def grade_into(
    shop: Workshop, submissions: Path, assignment: str | None, language: Language, *, fresh: bool = False
) -> int:
    """Grade a path into the workshop's gradebook, write every report and print the class's table."""
    settings = replace(shop.settings, assignment=assignment, fresh=fresh)
    handed_in = collect(
        submissions,
        roster=shop.course.roster,
        scratch=shop.out / "scratch",
        score=fit_for(shop.course, assignment),
    )
    if not handed_in:
        raise UsageError("cli.nothing_found", path=str(submissions))
    with shop, shop.book() as book, Display(language) as display:
        display.expect(handed_in)
        grader = Grader(shop.course, book, shop.store, shop.served, shop.bench, settings, notify=display.step)
        with book.run("grade") as held:
            outcomes = list(grader.grade(held, handed_in))
    report(shop, outcomes, language)
    return conclude(outcomes, language)


def report(shop: Workshop, outcomes: list[Outcome], language: Language) -> None:
    """Write all reports and print the table and where the pages are."""
    outcomes.sort(key=lambda o: o.submission.student.name.casefold())
    expected = {loaded.assignment.id: loaded.expected for loaded in shop.course}
    page = write_reports(outcomes, shop.out, expected, language)
    stdout.print(class_table(outcomes, language))
    stdout.print(str(page), soft_wrap=True)


def fit_for(course: Course, assignment: str | None) -> Callable[[Document], float]:
    """How well a document fits what is graded: chooses one of several notebooks."""
    known = [course.load(assignment)] if assignment else list(course)

    def fit(document: Document) -> float:
        return max((score(document, loaded.assignment) for loaded in known), default=0.0)

    return fit


def spoken(wanted: str | None, course: Course) -> Language:
    if wanted is None:
        return course.language
    for language in LANGUAGES:
        if language == wanted:
            return language
    raise UsageError("cli.bad_language", language=wanted)


def regrade(
    course: CourseOption = None,
    out: OutOption = OUT,
    language: LanguageOption = None,
    data: DataOption = None,
) -> int:
    """Judge all stored submissions again on their stored evidence."""
    shop = _existing(find_course(course), out, data)
    with shop, shop.book() as book:
        grader = Grader(shop.course, book, shop.store, shop.served, shop.bench)
        with book.run("regrade") as held:
            outcomes = list(grader.regrade(held))
    said = spoken(language, shop.course)
    report(shop, outcomes, said)
    return conclude(outcomes, said)


def explain(
    student: Annotated[str, typer.Argument(help="The student's key (the name of the report's file).")],
    exercise: Annotated[str, typer.Argument(help="Exercise id, e.g. 1 or 2c.")],
    course: CourseOption = None,
    out: OutOption = OUT,
    language: LanguageOption = None,
) -> int:
    """Print every fact, its provenance, the rule and the points of one exercise."""
    shop = _existing(find_course(course), out, None)
    with shop, shop.book() as book:
        grader = Grader(shop.course, book, shop.store, shop.served, shop.bench)
        shown = False
        for entry in book.entries():
            if entry.student == student and entry.assignment:
                stored = book.load(entry.student, entry.assignment)
                key = stored.basis.evidence if stored.basis else ""
                evidence = shop.store.get(key) if key else None
                loaded = shop.course.load(entry.assignment)
                outcome = grader.outcome(stored, loaded, evidence)
                said = spoken(language, shop.course)
                stdout.print(explained(outcome, exercise, said, expected=loaded.expected), markup=False)
                shown = True
    if not shown:
        raise UsageError("cli.no_such_student", student=student, book=str(out / BOOK))
    return Exit.GRADED


def mark(
    student: Annotated[str, typer.Argument(help="The student's key.")],
    check: Annotated[str, typer.Argument(help="Check id, e.g. 1.written.")],
    points: Annotated[str, typer.Argument(help="Points, e.g. 0.75.")],
    comment: Annotated[str, typer.Option(help="Shown to the student.")] = "",
    assignment: AssignmentOption = None,
    course: CourseOption = None,
    out: OutOption = OUT,
) -> int:
    """Give a check its points by hand."""
    shop = _existing(find_course(course), out, None)
    try:
        value = Decimal(points.replace(",", "."))
    except InvalidOperation:
        raise UsageError("cli.bad_points", points=points) from None
    with shop, shop.book() as book:
        ids = [e.assignment for e in book.entries(assignment) if e.student == student and e.assignment]
        if len(ids) != 1:
            raise UsageError("cli.no_such_student", student=student, book=str(out / BOOK))
        known = {c.id: c for c in shop.course.load(ids[0]).assignment.checks}
        if check not in known or value > known[check].points:
            raise UsageError("cli.bad_mark", check=check, points=points)
        book.mark(student, ids[0], check, value, by=user(), comment=comment)
    stderr.print(f"✓ {student} {check} {value}")
    return Exit.GRADED


def _existing(course: Course, out: Path, data: Path | None) -> Workshop:
    """The workshop of an earlier grading. Raises UsageError when there is none at `out`."""
    if not (out / BOOK).is_file():
        raise UsageError("cli.no_gradebook", out=str(out))
    return Workshop(course, out, data=data)

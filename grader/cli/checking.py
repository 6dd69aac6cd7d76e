"""Commands for one notebook: a student's self-check, and grading in a pipeline.

The self-check must run on Windows, macOS and Colab: nothing Unix-only is imported on its path.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from grader.cli.asked import course_of, spoken, usable
from grader.cli.console import stdout
from grader.cli.exits import Exit
from grader.cli.grading import fit_for
from grader.cli.interrupt import interruptible
from grader.cli.options import (
    AssignmentOption,
    ContainerOption,
    CourseOption,
    DataOption,
    DownloadOption,
    LanguageOption,
    LevelOption,
    MemoryOption,
    SeedOption,
    TimeoutOption,
    TrustOption,
)
from grader.cli.status import conclude
from grader.cli.workshop import Workshop, cores
from grader.course import Course, Loaded
from grader.course.recognise import recognise
from grader.intake import collect, collect_one
from grader.lms.ci import Pending, Platform, detect, write_results
from grader.model.assignment import Assignment, Visibility
from grader.model.budget import Level
from grader.model.errors import CourseError, UsageError
from grader.model.evidence import Ended
from grader.model.outcome import Outcome, State
from grader.model.submission import Problem, Severity, Student, Submission
from grader.pipeline import Grader, retrained
from grader.report.terminal import student_view
from grader.scoring.score import grade, nothing


def check(
    notebook: Annotated[Path, typer.Argument(help="Your notebook or module.")],
    assignment: AssignmentOption = None,
    course: CourseOption = None,
    level: LevelOption = Level.QUICK,
    language: LanguageOption = None,
    data: DataOption = None,
    seed: SeedOption = 1,
    timeout: TimeoutOption = None,
) -> int:
    """Check your own work: what is right, what is missing, and a hint."""
    if not notebook.is_file():
        raise UsageError("cli.no_such_path", path=str(notebook))
    found = course_of(course)
    with tempfile.TemporaryDirectory() as scratch:
        (submission, *_) = collect(notebook, scratch=Path(scratch))
    shop = Workshop(found, Path("."), level, seed, 1, data, download=True, unprotected=True, timeout=timeout)
    with shop:
        outcome = self_check(shop, submission, assignment)
    said = spoken(language, found)
    whole = found.load(outcome.assignment.id).assignment if outcome.assignment else None
    stdout.print(student_view(outcome, said, "self-check", whole=whole))
    status = conclude([outcome], said, "self-check")
    return Exit.UNSOUND if outcome.state is State.UNREADABLE else status


def self_check(shop: Workshop, submission: Submission, id: str | None) -> Outcome:
    """What a student may learn of their own work, without a gradebook."""
    fatal = submission.fatal
    if id is None and fatal is not None and len(shop.course.ids()) > 1:
        # A file that cannot be read says nothing of its practical: what is wrong with it does.
        return Outcome(submission, None, State.UNREADABLE, shop.level, problems=submission.problems)
    loaded = _assignment(shop.course, submission, id)
    visible = student_view_of(loaded.assignment)
    if submission.document is None:
        given = nothing(visible, fatal.message) if fatal else None
        return Outcome(submission, visible, State.UNREADABLE, shop.level, given, problems=submission.problems)
    bench = shop.bench(visible.data)
    collected = bench.collect(visible.id, submission.document)
    state = State.FAILED if collected.evidence.ended is Ended.FAILED else State.GRADED
    results, evidence = retrained(
        replace(loaded, assignment=visible), collected.evidence, lambda: bench.rebuilder
    )
    problems = submission.problems
    problems += tuple(Problem(Severity.WARNING, note) for note in collected.notes)
    given = grade(visible, results) if state is State.GRADED else None
    return Outcome(
        submission, visible, state, shop.level, given, evidence, problems, seconds=evidence.seconds
    )


def student_view_of(assignment: Assignment) -> Assignment:
    """The assignment with only the checks that students may see at any time."""
    exercises = tuple(
        replace(e, checks=tuple(c for c in e.checks if c.visibility is Visibility.STUDENT))
        for e in assignment.exercises
    )
    return replace(assignment, exercises=tuple(e for e in exercises if e.checks))


def _assignment(course: Course, submission: Submission, id: str | None) -> Loaded:
    if id is not None:
        return course.load(id)
    every = {loaded.assignment.id: loaded for loaded in course}
    if len(every) == 1:
        return next(iter(every.values()))
    document = submission.document
    found = recognise(document, [x.assignment for x in every.values()]) if document else None
    if found is None:
        raise CourseError("course.unrecognised", file=submission.origin)
    return every[found.id]


def ci(
    notebooks: Annotated[
        list[Path] | None, typer.Argument(help="Notebooks. Default: the platform's submission folder.")
    ] = None,
    assignment: AssignmentOption = None,
    course: CourseOption = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where result files are written.")] = None,
    level: LevelOption = Level.QUICK,
    language: LanguageOption = None,
    data: DataOption = None,
    download: DownloadOption = False,
    seed: SeedOption = 1,
    pending: Annotated[
        Pending, typer.Option("--pending", help="Marks a person still has to give: provisional or hold.")
    ] = Pending.PROVISIONAL,
    platform: Annotated[
        Platform | None, typer.Option("--platform", help="Default: found from the environment.")
    ] = None,
    timeout: TimeoutOption = None,
    memory: MemoryOption = None,
    trust: TrustOption = False,
    container: ContainerOption = False,
) -> int:
    """Grade in a pipeline: exit 0 means graded, 3 that we failed; a failure of ours yields no score."""
    where = platform or detect(os.environ)
    found = course_of(course)
    folder = out or Path("grades")
    usable(folder)
    shop = Workshop(found, folder, level, seed, cores(), data, download, trust, timeout, memory, container)
    said = spoken(language, found)
    fit = fit_for(found, assignment)
    scratch = folder / "scratch"
    handed_in = [s for path in notebooks or () for s in collect(path, scratch=scratch, score=fit)]
    if not notebooks:
        handed_in = [
            collect_one(place, where.student() or _SOMEBODY, scratch=scratch, score=fit)
            for place in where.submission_folders()
        ]
    if not handed_in:
        raise UsageError("cli.no_notebooks")
    with shop, shop.book() as book, book.run("ci") as held:
        settings = replace(shop.settings, assignment=assignment)
        grader = Grader(found, book, shop.store, shop.served, shop.bench, settings)
        for id in {grader.recognised(s) for s in handed_in} - {""}:
            shop.served(found.load(id).assignment.data)  # what cannot be had is a usage error
        with interruptible(grader.stop, said):
            outcomes = list(grader.grade(held, handed_in))
    write_results(outcomes, where, folder, said, pending, os.environ)
    with where.printing(sys.stdout):
        for outcome in outcomes:
            stdout.print(student_view(outcome, said, "self-check", hold=pending is Pending.HOLD))
    return conclude(outcomes, said, "self-check")


_SOMEBODY = Student("submission", "submission")
"""Whose it is when the platform does not say."""

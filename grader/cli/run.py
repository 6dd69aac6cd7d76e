"""The command that grades a class. What waits longest, the first sandbox, is begun first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.asked import OUT, course_of, spoken, usable
from grader.cli.options import (
    AssignmentOption,
    ContainerOption,
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
from grader.cli.workshop import BOOK, Workshop, cores
from grader.model.budget import Level
from grader.model.errors import UsageError


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
    replace_grades: Annotated[
        bool, typer.Option("--replace", help="An absence may take the place of a grade given before.")
    ] = False,
    trust: TrustOption = False,
    container: ContainerOption = False,
) -> int:
    """Grade submissions: tables here, reports under --out."""
    found = course_of(course)
    said = spoken(language, found)
    if not submissions.exists():
        raise UsageError("cli.no_such_path", path=str(submissions))
    usable(out)
    shop = Workshop(
        found, out, level, seed, workers or cores(), data, download, trust, timeout, memory, container
    )
    with shop:
        if fresh or not (out / BOOK).exists():  # a class that was graded before may need no sandbox
            shop.prepare(assignment)
        # The rest of the program takes half a second to import, beside the sandbox that gets ready.
        from grader.cli.grading import grade_into

        return grade_into(shop, submissions, assignment, said, fresh=fresh, replaced=replace_grades)

"""Commands around grading: a demonstration, a look at the machine, removal of personal data."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from grader.cli.asked import OUT
from grader.cli.console import language, speak, stderr, stdout
from grader.cli.exits import Exit
from grader.cli.grading import grade_into
from grader.cli.options import CourseOption, DataOption, OutOption, TrustOption
from grader.cli.workshop import BOOK, CACHE, Workshop, cores
from grader.course import Course, find_course
from grader.demo import unpack
from grader.evidence.store import EvidenceStore
from grader.execution.port import Limits
from grader.gradebook.book import Gradebook
from grader.messages import render
from grader.model.budget import Level
from grader.model.errors import CourseError, GraderError, UsageError
from grader.model.text import Message
from grader.pipeline import versions
from grader.report.write import written


def demo(
    folder: Annotated[Path, typer.Argument(help="Where the demonstration course is written.")] = Path("demo"),
    data: DataOption = None,
    trust: TrustOption = False,
) -> int:
    """Write a small course with a made-up class, and grade it."""
    course = find_course(unpack(folder))
    shop = Workshop(course, folder / OUT, workers=cores(), data=data, unprotected=trust)
    with shop:
        return grade_into(shop, folder / "submissions", None, course.language)


def doctor(course: CourseOption = None, data: DataOption = None) -> int:
    """Say which frameworks, datasets and sandbox this machine has."""
    table = Table(show_header=False, pad_edge=False)
    for name, number in versions().items():
        table.add_row(name, number)
    found = _course_or_none(course)
    status = Exit.GRADED
    with Workshop(found or Course(Path.cwd()), OUT, data=data, level=Level.QUICK) as shop:
        for name in sorted({loaded.assignment.data for loaded in found} if found else {"fashion_mnist"}):
            table.add_row(name, escape(_data_line(shop, name)))
        try:
            table.add_row("sandbox", escape(shop.executor().isolation(Limits())))
        except GraderError as error:
            table.add_row("sandbox", escape(render(error.message, shop.course.language)))
            status = Exit.UNGRADED
    stdout.print(table)
    return status


def _course_or_none(course: Path | None) -> Course | None:
    try:
        return find_course(course)
    except CourseError:
        if course is not None:
            raise
        return None


def _data_line(shop: Workshop, name: str) -> str:
    """Where a dataset comes from on this machine, or why it cannot be had."""
    try:
        served = shop.served(name)
    except GraderError as error:
        return render(error.message, shop.course.language)
    return f"{served.source} · {served.fingerprint[:12]} · {served.folder}"


def purge(
    out: OutOption = OUT,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    course: CourseOption = None,
) -> int:
    """Remove every personal datum that grading wrote below --out."""
    found = _course_or_none(course)
    if found is not None:
        speak(found.language)
    book_path = out / BOOK
    if not book_path.is_file():
        raise UsageError("cli.no_gradebook", out=str(out))
    said = language()
    if not yes:
        typer.confirm(render(Message("cli.purge.sure", {"out": str(out.resolve())}), said), abort=True)
    with Gradebook.open(book_path) as book:
        files = written(out) or _usual(out, {entry.student for entry in book.entries()})
        purged = book.purge(EvidenceStore(out / CACHE), [*files, *(out / "scratch").glob("intake-*")])
    for suffix in ("", "-wal", "-shm"):
        Path(f"{book_path}{suffix}").unlink(missing_ok=True)
    left = _left_over(out)
    stderr.print("✓ " + render(Message("cli.purge.done", asdict(purged)), said), markup=False)
    if left:
        names = ", ".join(str(path.relative_to(out)) for path in left[:5]) + ("…" if len(left) > 5 else "")
        told = Message("cli.purge.left", {"n": len(left), "names": names})
        stderr.print(render(told, said), markup=False, soft_wrap=True)
    return Exit.GRADED


def _usual(out: Path, students: set[str]) -> list[Path]:
    """What is written for these students where no list of it was kept (before there was one)."""
    kinds = (("reports", "html"), ("staff", "html"), ("json", "json"))
    names = [f"{folder}/{key}.{ending}" for folder, ending in kinds for key in sorted(students)]
    return [path for name in (*names, "grades.csv", "index.html") if (path := out / name).is_file()]


def _left_over(out: Path) -> list[Path]:
    """Remove the folders that are empty now; the files that `grade` did not write, and that stay."""
    for folder in sorted((p for p in out.rglob("*") if p.is_dir() and not p.is_symlink()), reverse=True):
        with suppress(OSError):
            folder.rmdir()
    return sorted(p for p in out.rglob("*") if not p.is_dir() or p.is_symlink())

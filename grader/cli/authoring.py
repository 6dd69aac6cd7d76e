"""Commands for those who write practicals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from grader.cli.asked import course_of, spoken
from grader.cli.console import stderr, stdout
from grader.cli.exits import Exit
from grader.cli.options import CourseOption, DataOption, DownloadOption, LanguageOption, WorkersOption
from grader.cli.sheets import bands, practicals, rubric, soundness
from grader.cli.workshop import Workshop, cores
from grader.course import Course, Loaded
from grader.evidence.store import EvidenceStore
from grader.model.budget import Level

if TYPE_CHECKING:
    from grader.calibration.calibrate import Runner

# The calibration package brings SciPy: it is imported by the commands that use it.

IdArgument = Annotated[str, typer.Argument(help="Id of the practical.")]
SeedsOption = Annotated[int, typer.Option("--seeds", min=1, help="Runs of each reference and variant.")]
CacheOption = Annotated[
    Path, typer.Option("--cache", help="Where runs are kept, so that a second call resumes.")
]
CACHE = Path(".calibration")


def assignments(course: CourseOption = None, language: LanguageOption = None) -> int:
    """List the practicals of a course."""
    found = course_of(course)
    said = spoken(language, found)
    stdout.print(practicals(found, said))
    return Exit.GRADED


def show(id: IdArgument, course: CourseOption = None, language: LanguageOption = None) -> int:
    """Show a practical's rubric, who may see each check, and its bands."""
    found = course_of(course)
    said = spoken(language, found)
    stdout.print(rubric(found.load(id), said))
    return Exit.GRADED


def calibrate(
    id: IdArgument,
    seeds: SeedsOption = 10,
    level: Annotated[Level, typer.Option("--level", help="quick or full.")] = Level.QUICK,
    course: CourseOption = None,
    language: LanguageOption = None,
    data: DataOption = None,
    download: DownloadOption = False,
    workers: WorkersOption = 0,
    cache: CacheOption = CACHE,
) -> int:
    """Run the references over many seeds and write reference/ID/expected.json."""
    from grader.calibration.calibrate import calibrate as measure
    from grader.calibration.publish import publish, write_expected

    found = course_of(course)
    loaded = found.load(id)
    with _shop(found, level, data, download=download, workers=workers) as shop, _progress() as progress:
        expected = measure(loaded, _runner(shop, loaded, cache, progress), seeds=seeds)
    write_expected(loaded, expected)
    publish(loaded, expected)
    fresh = Course(found.root, found.language, found.roster).load(id)
    stdout.print(bands(fresh, spoken(language, found)))
    return Exit.GRADED


def validate(
    id: IdArgument,
    seeds: SeedsOption = 3,
    level: Annotated[Level, typer.Option("--level", help="quick or full.")] = Level.QUICK,
    generic: Annotated[int, typer.Option("--generic", min=0, help="Most generic mutants tried.")] = 40,
    write: Annotated[bool, typer.Option("--write", help="Write it beside the reference.")] = False,
    course: CourseOption = None,
    language: LanguageOption = None,
    data: DataOption = None,
    download: DownloadOption = False,
    workers: WorkersOption = 0,
    cache: CacheOption = CACHE,
) -> int:
    """Prove a practical sound: exit status 0 when it is, 1 when it is not."""
    from grader.calibration.sources import inputs_digest
    from grader.calibration.validate import Validation

    found = course_of(course)
    loaded = found.load(id)
    with _shop(found, level, data, download=download, workers=workers) as shop, _progress() as progress:
        runner = _runner(shop, loaded, cache, progress)
        proof = Validation(loaded, runner, seeds, generic).run(inputs_digest(loaded))
    stdout.print(soundness(proof, spoken(language, found)))
    if write:
        path = loaded.reference / f"validation.{proof.data}.json"
        text = json.dumps(msgspec.to_builtins(proof), indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
    return Exit.GRADED if proof.sound else Exit.UNSOUND


def _shop(found: Course, level: Level, data: Path | None, *, download: bool, workers: int) -> Workshop:
    return Workshop(found, Path("."), level, 1, workers or cores(), data, download)


def _runner(shop: Workshop, loaded: Loaded, cache: Path, progress: Progress) -> Runner:
    from grader.calibration.calibrate import Runner

    task = progress.add_task(loaded.assignment.id, total=None)

    def notify(what: str, done: int, total: int) -> None:
        progress.update(task, description=escape(what), completed=done, total=total)

    bench = shop.bench(loaded.assignment.data)
    return Runner(bench, EvidenceStore(cache), shop.workers, notify)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=stderr, transient=True,
    )  # fmt: skip

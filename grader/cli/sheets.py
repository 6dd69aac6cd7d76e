"""What the authoring commands print: practicals, rubric, bands, the outcome of a validation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from grader.course import Course, Loaded
from grader.messages import render
from grader.model.expected import MeasuredBand
from grader.model.text import Language, Message
from grader.report.words import Words

if TYPE_CHECKING:
    from grader.calibration.validate import Soundness


def practicals(course: Course, language: Language) -> RenderableType:
    """One line per practical of a course."""
    table = _table(language, "id", "title", right=("exercises", "points", "bands"))
    words = Words(language, render)
    for loaded in course:
        a = loaded.assignment
        numbers = (str(len(a.exercises)), words.points(a.points), str(len(loaded.expected.bands)))
        table.add_row(a.id, Text(a.title.in_(language)), *numbers)
    return table


def rubric(loaded: Loaded, language: Language) -> RenderableType:
    """Every check of a practical with its points and who may see it, then its bands."""
    words = Words(language, render)
    title = f"{loaded.assignment.title.in_(language)} ({words.points(loaded.assignment.points)})"
    table = _table(language, "check", "what", "visible", right=("points",))
    for check in loaded.assignment.checks:
        seen = words.say(f"report.explain.visibility.{check.visibility}")
        table.add_row(check.id, Text(check.title.in_(language)), seen, words.points(check.points))
    return Group(Text(title, style="bold"), table, bands(loaded, language))


def bands(loaded: Loaded, language: Language) -> RenderableType:
    """The measured bands, a table per check."""
    ordered = sorted(loaded.expected.bands, key=lambda b: b.check)
    return Group(*(_bands(check, list(of), language) for check, of in groupby(ordered, lambda b: b.check)))


def _bands(check: str, measured: list[MeasuredBand], language: Language) -> Table:
    words = Words(language)
    table = _table(language, "variant", "level", "data", right=("n", "mean", "sd", "band", "rejects"))
    table.title, table.title_justify = check, "left"
    for b in measured:
        power = "—" if b.rejects is None else f"{words.percent(b.rejects)} / {b.mutant_runs}"
        level = words.say(f"report.level_short.{b.level}")
        row = (b.variant, level, b.data[:8], str(b.n), words.number(b.mean), words.number(b.sd))
        table.add_row(*row, f"{words.number(b.low)}–{words.number(b.high)}", power)
    return table


def soundness(found: Soundness, language: Language) -> RenderableType:
    """The outcome of a validation, with every deviation and survivor."""
    return Text("\n").join(_soundness(found, language))


def _soundness(found: Soundness, language: Language) -> Iterator[Text]:
    words = Words(language, render)

    def said(key: str, **args: str | int) -> str:
        return render(Message(f"cli.sound.{key}", args), language)

    verdict = Text(said("yes" if found.sound else "no"), style="green" if found.sound else "red")
    yield Text.assemble((found.assignment, "bold"), f" ({found.level}, {found.data}): ", verdict)
    yield Text(
        said(
            "accepted",
            runs=found.accepted_runs,
            rejects=found.false_rejects,
            bound=words.percent(found.false_reject_bound),
            retrainings=found.retrainings,
        )
    )
    yield Text(said("mutants", declared=found.mutants_as_declared, n=found.mutants))
    yield Text(said("starter", points=found.starter_points))
    yield Text(said("generic", noticed=found.generic - len(found.generic_survivors), n=found.generic))
    yield from (Text("  " + said("survives", what=what)) for what in found.generic_survivors)
    yield from (Text("  " + said("deviates", what=what), style="red") for what in found.deviations)


def _table(language: Language, *left: str, right: tuple[str, ...]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in (*left, *right):
        head = render(Message(f"cli.sheet.{name}"), language)
        table.add_column(head, justify="right" if name in right else "left", overflow="fold")
    return table

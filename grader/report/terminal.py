"""A class and a student on a terminal, with rich. Only `Text` objects: no string is read as markup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.messages import render as catalogue_render
from grader.model.assignment import Assignment
from grader.model.outcome import Outcome, State
from grader.model.result import ExerciseGrade, Grade, Status
from grader.model.text import Language
from grader.report import clean, runfacts
from grader.report.audience import Audience, visible_grade
from grader.report.classpage import flags, review_share
from grader.report.failures import failures
from grader.report.student import check_view, exercise_title, training_labels
from grader.report.views import CheckView, Row
from grader.report.words import DASH, Render, Words

STYLES = {
    Status.PASSED: "green",
    Status.PARTIAL: "yellow",
    Status.FAILED: "red",
    Status.SKIPPED: "dim",
    Status.REVIEW: "magenta",
    Status.UNGRADED: "dim",
    Status.UNDECIDED: "dim",
}
_SIGNS = {
    "passed": "✓",
    "partial": "◐",
    "failed": "✗",
    "skipped": "↷",
    "review": "?",
    "ungraded": "·",
    "undecided": "–",
}
_ASCII_SIGNS = {
    "passed": "+",
    "partial": "~",
    "failed": "x",
    "skipped": ">",
    "review": "?",
    "ungraded": ".",
    "undecided": "-",
}
_STATE_STYLES = {
    State.GRADED: "",
    State.UNREADABLE: "red",
    State.ABSENT: "dim",
    State.UNFINISHED: "yellow",
    State.FAILED: "red",
}
_FLAG_CHARS = 160
_TONE_STYLES = {"note": "dim", "warning": "yellow", "problem": "red"}


class _Sign:
    """The sign of a status, in ASCII where the terminal's encoding has no other."""

    def __init__(self, status: str) -> None:
        self.status = status

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        signs = _ASCII_SIGNS if options.ascii_only else _SIGNS
        yield Text(signs[self.status], style=STYLES[Status(self.status)])


def class_table(
    outcomes: Sequence[Outcome], language: Language, *, render: Render = catalogue_render
) -> RenderableType:
    """One line per submission with its points and how it ended, then what to look at."""
    words = Words(language, render)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, caption=_caption(outcomes, words), caption_justify="left")
    table.add_column(Text(words.say("report.class.student")), overflow="fold")
    for head in ("total.earned", "class.gradable", "total.pending"):
        table.add_column(Text(words.say(f"report.{head}")), justify="right")
    table.add_column(Text(words.say("report.class.state")))
    for outcome in outcomes:
        table.add_row(*_class_row(outcome, words))
    return Group(table, *_warnings(outcomes, words))


def _warnings(outcomes: Sequence[Outcome], words: Words) -> Iterator[Text]:
    """What an instructor should look at; mere notes stand in the class's page."""
    absent = [_name(outcome) for outcome in outcomes if outcome.state is State.ABSENT]
    if absent:
        yield Text(words.say("report.class.absent_names", n=len(absent), names=", ".join(absent)))
    for outcome in outcomes:
        if outcome.state is State.ABSENT:
            continue  # what intake says of them is meant for themselves
        found = [flag for flag in flags(outcome, words) if flag.tone != "note"][:3]
        for flag in found:
            line = Text.assemble((_name(outcome), "bold"), ": ")
            line.append(clean.line(flag.text, _FLAG_CHARS), style=_TONE_STYLES[flag.tone])
            yield line


def _name(outcome: Outcome) -> str:
    return clean.line(outcome.submission.student.name, 60) or outcome.submission.student.key


def _caption(outcomes: Sequence[Outcome], words: Words) -> Text:
    """What holds for the class: the level, and how much of the points a person decides."""
    levels = sorted({words.say(f"report.level_short.{o.level}") for o in outcomes})
    share = review_share([o.grade for o in outcomes if o.grade])
    stand_in = {o.evidence.data.stand_in for o in outcomes if o.evidence}
    data = sorted(words.say(f"report.data_short.{'stand_in' if s else 'real'}") for s in stand_in)
    return Text(
        f"{words.say('report.fact.level')}: {', '.join(levels)} · "
        f"{words.say('report.fact.data')}: {', '.join(data) or DASH} · "
        f"{words.say('report.class.review_rate')}: {words.percent(share)}"
    )


def _class_row(outcome: Outcome, words: Words) -> list[Text]:
    grade = outcome.grade
    points = [words.points(p) for p in (grade.earned, grade.gradable, grade.pending)] if grade else [DASH] * 3
    return [
        Text(_name(outcome)),
        Text(points[0], style="bold"),
        *(Text(p) for p in points[1:]),
        Text(words.say(f"report.state.{outcome.state}"), style=_STATE_STYLES[outcome.state]),
    ]


def student_view(
    outcome: Outcome,
    language: Language,
    audience: Audience = "self-check",
    *,
    hold: bool = False,
    whole: Assignment | None = None,
    render: Render = catalogue_render,
) -> RenderableType:
    """One submission: how the run went, every check with its sentence and hint, the total.

    Args:
        hold: keep the total back while a person still has to mark something.
        whole: the practical with all its checks, where the outcome is of some of them only.
    """
    words = Words(language, render)
    parts: list[RenderableType] = [*_head(outcome, audience, words), *_first_error(outcome, words)]
    if outcome.grade:
        grade = visible_grade(outcome.assignment, outcome.grade, audience)
        for exercise in grade.exercises:
            title = exercise_title(outcome.assignment, exercise.exercise, words)
            parts += [Text(), _exercise_line(exercise, title, words)]
            places = training_labels(outcome.evidence, words)
            for scored in exercise.scored:
                parts.append(_check(check_view(scored, outcome.assignment, audience, words, places), words))
        parts += [Text(), *_foot(grade, whole or outcome.assignment, words, hold=hold)]
    return Group(*parts)


def _head(outcome: Outcome, audience: Audience, words: Words) -> Iterator[RenderableType]:
    title = (
        words.text(outcome.assignment.title) if outcome.assignment else words.say("report.assignment.unknown")
    )
    yield Text(title, style="bold")
    for fact in runfacts.facts(outcome, words):
        yield Text.assemble((f"{fact.label}: ", "dim"), fact.value)
    if audience == "staff":
        for fact in runfacts.staff_facts(outcome, words):
            yield Text.assemble((f"{fact.label}: ", "dim"), fact.value)
    for callout in runfacts.callouts(outcome, audience, words):
        yield Text.assemble((f"{callout.word}: ", _TONE_STYLES[callout.tone]), callout.text)
    sentence = runfacts.state_sentence(outcome, words, audience)
    if sentence:
        yield Text(sentence)


def _first_error(outcome: Outcome, words: Words) -> Iterator[RenderableType]:
    found = failures(outcome.evidence, words) if outcome.evidence else ()
    if found:
        first = found[0]
        yield Text.assemble(
            (words.say("report.cells.first", cell=first.number), "yellow"), " ", first.sentence
        )
        if first.words:
            yield Padding(Text(first.words, style="dim"), (0, 0, 0, 4))


def _exercise_line(exercise: ExerciseGrade, title: str, words: Words) -> Text:
    name = f"{words.say('report.exercise')} {clean.line(exercise.exercise)}"
    points = f"  {words.standing(exercise)} / {words.points(exercise.points)}"
    return Text.assemble((f"{name} · {title}" if title else name, "bold"), (points, "dim"))


def _check(view: CheckView, words: Words) -> Padding:
    worth = f"{view.earned} / {view.points}" if view.worth else words.say("report.check.informative")
    status = (view.status_word, STYLES[Status(view.status)])
    body: list[RenderableType] = [Text.assemble((view.title, "bold"), "  ", (worth, "dim"), "  ", status)]
    if view.message:
        body.append(Text(view.message))
    body += [Text(f"- {_row(row, words)}", style="red") for row in view.rows if not row.agrees]
    if view.hint:
        body.append(Text.assemble((f"{words.say('report.hint')}: ", "cyan"), view.hint))
    if view.training:
        body.append(Text(f"{words.say('report.training.judged')} {view.training[1]}", style="dim"))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    grid.add_row(_Sign(view.status), Group(*body))
    return Padding(grid, (0, 0, 0, 2))


def _row(row: Row, words: Words) -> str:
    return words.say(
        "report.terminal.row",
        what=row.what,
        expected=row.expected,
        observed=row.observed,
        provenance=row.provenance_word,
    )


def _foot(visible: Grade, whole: Assignment | None, words: Words, *, hold: bool) -> Iterator[Text]:
    if hold and visible.pending:
        yield Text(words.say("lms.head.hold", points=words.points(visible.pending)), style="bold")
    else:
        yield Text(
            words.say(
                "report.terminal.total",
                earned=words.points(visible.earned),
                gradable=words.points(visible.gradable),
                pending=words.points(visible.pending),
                maximum=words.points(visible.maximum),
            ),
            style="bold",
        )
    seen = sum(len(e.scored) for e in visible.exercises)
    hidden = sum(1 for _ in whole.checks) - seen if whole else 0
    if whole and hidden > 0:
        told = words.say(
            "report.terminal.hidden",
            n=hidden,
            points=words.points(whole.points - visible.maximum),
            maximum=words.points(whole.points),
        )
        yield Text(told, style="dim")

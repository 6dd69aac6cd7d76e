"""The checks of one outcome as plain lines, before any platform's format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from grader.model.assignment import Visibility
from grader.model.outcome import Outcome
from grader.model.result import Grade, Scored, Status
from grader.report import clean, runfacts
from grader.report.audience import Audience, find_check, visible_grade
from grader.report.student import check_view
from grader.report.words import Words

_TEXT_CHARS = 10_000


@dataclass(frozen=True, slots=True)
class Line:
    """One check. `name` and `text` are clean, but not escaped for any format."""

    exercise: str
    check: str
    name: str
    status: Status
    status_word: str
    earned: Decimal
    earned_words: str
    """The same for people: a check without a mark has not earned a zero."""
    points: Decimal
    visibility: Visibility
    text: str
    """What was found, what differs and the hint, one per line."""


def lines(outcome: Outcome, audience: Audience, words: Words) -> tuple[Line, ...]:
    """The checks that `audience` may see, in the order of the rubric."""
    grade = seen(outcome, audience)
    exercises = grade.exercises if grade else ()
    return tuple(_line(outcome, e.exercise, s, audience, words) for e in exercises for s in e.scored)


def seen(outcome: Outcome, audience: Audience) -> Grade | None:
    """The grade without what this audience may not even know of, so that its totals add up."""
    return visible_grade(outcome.assignment, outcome.grade, audience) if outcome.grade else None


def unseen(outcome: Outcome, audience: Audience) -> int:
    """How many checks were left out for this audience."""
    whole, part = outcome.grade, seen(outcome, audience)
    return _count(whole) - _count(part) if whole and part else 0


def title(outcome: Outcome, words: Words) -> str:
    if outcome.assignment is None:
        return words.say("report.assignment.unknown")
    return words.text(outcome.assignment.title)


def student(outcome: Outcome) -> str:
    return clean.line(outcome.submission.student.name) or outcome.submission.student.key


def notices(outcome: Outcome, audience: Audience, words: Words) -> tuple[str, ...]:
    """What the reader must know besides the checks: how it ended, stand-in data, problems of the hand-in."""
    told = (f"{c.word}: {c.text}" for c in runfacts.callouts(outcome, audience, words))
    return tuple(text for text in (runfacts.state_sentence(outcome, words), *told) if text)


def _count(grade: Grade) -> int:
    return sum(len(e.scored) for e in grade.exercises)


def _line(outcome: Outcome, exercise: str, scored: Scored, audience: Audience, words: Words) -> Line:
    view = check_view(scored, outcome.assignment, audience, words)
    check = find_check(outcome.assignment, scored.result.check)
    return Line(
        exercise=clean.line(exercise),
        check=clean.line(scored.result.check),
        name=f"{clean.line(exercise)} · {view.title}",
        status=scored.result.status,
        status_word=view.status_word,
        earned=scored.earned,
        earned_words=words.earned(scored),
        points=scored.points,
        visibility=check.visibility if check else Visibility.STAFF,
        text=clean.block("\n".join(_body(scored, outcome, audience, words)), _TEXT_CHARS),
    )


def _body(scored: Scored, outcome: Outcome, audience: Audience, words: Words) -> Iterator[str]:
    view = check_view(scored, outcome.assignment, audience, words)
    if view.message:
        yield view.message
    for row in view.rows:
        if not row.agrees:
            yield "- " + words.say(
                "lms.row",
                what=row.what,
                expected=row.expected,
                observed=row.observed,
                known=row.provenance_word,
            )
    if view.hint:
        yield f"{words.say('report.hint')}: {view.hint}"

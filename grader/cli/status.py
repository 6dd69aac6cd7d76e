"""The exit status of a grading, and the sentences that give the reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from grader.cli.console import stderr
from grader.cli.exits import Exit
from grader.model.outcome import Outcome, State
from grader.model.result import Grade, Status
from grader.model.text import Language
from grader.report import clean
from grader.report.audience import Audience, visible_grade
from grader.report.words import Words

_NAMED = 8
"""Submissions named in one line; of the others it says how many there are."""


def conclude(outcomes: Sequence[Outcome], language: Language, audience: Audience = "staff") -> Exit:
    """The status of a grading, with its reason on the terminal, as `audience` may read it."""
    words = Words(language)
    status = status_of(outcomes)
    outcomes = [_seen_by(outcome, audience) for outcome in outcomes]
    sentences = (*_undecided(outcomes, words), *_unfinished(outcomes, words), *_ungraded(outcomes, words))
    for sentence in sentences:
        stderr.print(sentence, markup=False, soft_wrap=True)
    if status is Exit.UNGRADED and not any(map(_is_ungraded, outcomes)):
        stderr.print(words.say("cli.ungraded.hidden"), markup=False, soft_wrap=True)
    return status


def _seen_by(outcome: Outcome, audience: Audience) -> Outcome:
    """The outcome without checks of which this audience may not even learn how they ended."""
    if outcome.grade is None:
        return outcome
    return replace(outcome, grade=visible_grade(outcome.assignment, outcome.grade, audience))


def status_of(outcomes: Iterable[Outcome]) -> Exit:
    """UNGRADED when anything failed on our side (a submission, or a check of one) or was not finished.

    What the level does not decide was not asked for, and is no failure.
    """
    return Exit.UNGRADED if any(_is_ungraded(outcome) for outcome in outcomes) else Exit.GRADED


def _is_ungraded(outcome: Outcome) -> bool:
    if outcome.state in {State.FAILED, State.UNFINISHED}:
        return True
    return outcome.grade is not None and bool(_checks(outcome.grade, Status.UNGRADED))


def _checks(grade: Grade, status: Status) -> list[str]:
    return [s.result.check for e in grade.exercises for s in e.scored if s.result.status is status]


def _ungraded(outcomes: Sequence[Outcome], words: Words) -> Iterator[str]:
    """One line that names what we failed to grade."""
    ours = [o for o in outcomes if _is_ungraded(o) and o.state is not State.UNFINISHED]
    if ours:
        named = [_what(outcome, words) for outcome in ours[:_NAMED]]
        more = [f"+{len(ours) - _NAMED}"] if len(ours) > _NAMED else []
        yield words.say("cli.ungraded", what="; ".join(named + more))


def _unfinished(outcomes: Sequence[Outcome], words: Words) -> Iterator[str]:
    left = [_name(outcome) for outcome in outcomes if outcome.state is State.UNFINISHED]
    if left:
        yield words.say("cli.unfinished", n=len(left), names=", ".join(left))


def _name(outcome: Outcome) -> str:
    return clean.line(outcome.submission.student.name, 60) or outcome.submission.student.key


def _what(outcome: Outcome, words: Words) -> str:
    failed = _checks(outcome.grade, Status.UNGRADED) if outcome.grade else []
    return f"{_name(outcome)} ({', '.join(failed) or words.say('cli.ungraded.all')})"


def _undecided(outcomes: Sequence[Outcome], words: Words) -> Iterator[str]:
    """For each practical, what the level left open."""
    told: set[tuple[str, str]] = set()
    for outcome in outcomes:
        id = outcome.assignment.id if outcome.assignment else ""
        left = _checks(outcome.grade, Status.UNDECIDED) if outcome.grade else []
        if outcome.grade and left and (id, str(outcome.level)) not in told:
            told.add((id, str(outcome.level)))
            yield words.say(
                "cli.undecided",
                level=words.say(f"report.level_short.{outcome.level}"),
                assignment=id,
                points=words.points(outcome.grade.undecided),
                maximum=words.points(outcome.grade.maximum),
                checks=", ".join(left),
            )

"""Why one exercise got its points: every fact, how well it is known, the rule, the points. For an appeal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from grader.messages import catalogue
from grader.messages import render as catalogue_render
from grader.model.assignment import Check
from grader.model.errors import UsageError
from grader.model.evidence import Episode
from grader.model.expected import Expected
from grader.model.outcome import Outcome
from grader.model.result import ExerciseGrade, Scored
from grader.model.text import Language
from grader.report import clean, runfacts
from grader.report.audience import find_check
from grader.report.reference import reference_band
from grader.report.student import check_view, exercise_title, training_labels
from grader.report.training import training
from grader.report.views import Training
from grader.report.words import DASH, Render, Words

_VALUES = 30
"""Epochs of a history that are written out."""


def explain(
    outcome: Outcome,
    exercise: str,
    language: Language,
    *,
    expected: Expected | None = None,
    render: Render = catalogue_render,
) -> str:
    """Plain text for staff, with a line break at the end of each fact.

    Raises:
        UsageError: the grade has no such exercise; it names those there are.
    """
    words = Words(language, render)
    if outcome.grade is None:
        return words.say("report.explain.no_grade", state=words.say(f"report.state.{outcome.state}")) + "\n"
    found = next((e for e in outcome.grade.exercises if e.exercise == exercise), None)
    if found is None:
        known = ", ".join(e.exercise for e in outcome.grade.exercises)
        raise UsageError("report.explain.unknown", exercise=clean.line(exercise), known=known)
    lines = [*_head(outcome, found, words)]
    told: set[int | None] = {None}
    for scored in found.scored:
        lines += ["", *_check(outcome, scored, words)]
        # Several checks judge one training: its facts stand under the first of them.
        if scored.result.episode not in told:
            lines += [*_trainings(outcome, scored, expected, words)]
            told.add(scored.result.episode)
    return "\n".join(lines) + "\n"


def _head(outcome: Outcome, graded: ExerciseGrade, words: Words) -> Iterator[str]:
    assignment = outcome.assignment
    title = exercise_title(assignment, graded.exercise, words)
    yield words.say(
        "report.explain.title",
        student=outcome.submission.student.name,
        assignment=assignment.id if assignment else DASH,
        exercise=f"{graded.exercise} · {title}" if title else graded.exercise,
    )
    yield words.say(
        "report.explain.points",
        earned=words.points(graded.earned),
        points=words.points(graded.points),
        pending=words.points(graded.pending),
        ungraded=words.points(graded.ungraded),
    )
    yield ""
    for fact in (*runfacts.facts(outcome, words), *runfacts.staff_facts(outcome, words)):
        yield f"{fact.label}: {fact.value}"
    for callout in runfacts.callouts(outcome, "staff", words):
        yield f"{callout.word}: {callout.text}"


def _check(outcome: Outcome, scored: Scored, words: Words) -> Iterator[str]:
    view = check_view(scored, outcome.assignment, "staff", words, training_labels(outcome.evidence, words))
    yield words.say("report.explain.check", id=scored.result.check, title=view.title)
    check = find_check(outcome.assignment, scored.result.check)
    criterion = criterion_of(check, words)
    if criterion:
        yield "  " + criterion
    yield "  " + _rule(check, view.points, words)
    yield "  " + words.say(
        "report.explain.result",
        status=view.status_word,
        fraction=str(scored.result.fraction),
        earned=view.earned,
        points=view.points,
    )
    if view.training:
        yield f"  {words.say('report.training.judged')} {view.training[1]}"
    yield f"  {view.message}"
    if view.rows:
        yield "  " + words.say("report.explain.facts")
    for row in view.rows:
        args = {"what": row.what, "expected": row.expected, "observed": row.observed}
        fact = words.say("report.terminal.row", provenance=row.provenance_word, **args)
        yield f"    {'=' if row.agrees else '≠'} {fact}"
    if view.hint:
        yield f"  {words.say('report.hint')}: {view.hint}"


def criterion_of(check: Check | None, words: Words) -> str:
    """What the check compares, with what tolerance and from where; "" for a kind that has no sentence."""
    if check is None or f"rule.{type(check).__name__}" not in catalogue(words.language):
        return ""
    values: dict[str, object] = {}
    if is_dataclass(check):
        values = {f.name: getattr(check, f.name) for f in fields(check)}
    args = {k: v for k, v in values.items() if isinstance(v, str | int | float)}
    return words.say(f"rule.{type(check).__name__}", **args)


def _rule(check: Check | None, points: str, words: Words) -> str:
    return words.say(
        "report.explain.rule",
        points=points,
        visibility=words.say(f"report.explain.visibility.{check.visibility if check else 'unknown'}"),
        needs=", ".join(check.needs) if check and check.needs else words.say("report.explain.nothing"),
    )


def _trainings(outcome: Outcome, scored: Scored, expected: Expected | None, words: Words) -> Iterator[str]:
    evidence = outcome.evidence
    for episode in evidence.episodes if evidence else ():
        if evidence and episode.number == scored.result.episode:
            band = reference_band(expected, scored.result.check, episode, evidence)
            yield from _training(episode, training(episode, evidence, band, words, anchor=""), words)


def _training(episode: Episode, view: Training, words: Words) -> Iterator[str]:
    yield "  " + words.say("report.explain.training", label=view.label)
    for fact in view.facts:
        yield f"    {fact.label}: {fact.value}"
    for note in view.notes:
        yield f"    {note}"
    for metric, values in episode.history.items():
        shown = " ".join(DASH if v is None else words.number(v) for v in values[:_VALUES])
        more = " …" if len(values) > _VALUES else ""
        yield "    " + words.say("report.explain.history", metric=metric, values=shown + more)
    yield "    " + _verified(episode, words)
    if view.curve and view.curve.band and view.curve_words:
        yield f"    {view.curve_words.band}. {view.curve_words.band_note}"
    for layer in view.layers:
        yield f"    {layer.position:>3} {layer.kind} {layer.details} -> {layer.shape} ({layer.params})"


def _verified(episode: Episode, words: Words) -> str:
    found = episode.verified
    if found is None:
        return words.say("report.explain.not_verified")
    return words.say(
        "report.explain.verified",
        params=words.number(found.params, 0),
        accuracy=DASH if found.accuracy is None else words.number(found.accuracy),
        rows=words.number(found.rows, 0),
        initial=DASH if found.initial_accuracy is None else words.number(found.initial_accuracy),
    )

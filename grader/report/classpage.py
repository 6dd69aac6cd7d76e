"""From the outcomes of a class to the view of its page: who, how much, and which check was missed most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import mean, median

from grader.model.assignment import Assignment, Check
from grader.model.outcome import Outcome, State
from grader.model.result import UNMARKED, Grade, Scored, Status
from grader.model.submission import Severity
from grader.model.text import Language
from grader.report import clean
from grader.report.student import exercise_title
from grader.report.views import Callout, Fact
from grader.report.words import DASH, Words

Links = Callable[[Outcome], tuple[str, str]]
"""Relative URLs of an outcome's page for staff and of the one for the student; "" for none."""


@dataclass(frozen=True, slots=True)
class Flag:
    """Something about a submission that an instructor should look at. `tone` as in `Callout`."""

    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One student's line."""

    name: str
    staff_link: str
    student_link: str
    earned: str
    gradable: str
    """The points there are for this one where they are fewer than the maximum, else ""."""
    pending: str
    exercises: tuple[str, ...]
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """One part of the bar of a check: how many submissions ended so."""

    status: str
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Tally:
    """How one check went in the whole class."""

    exercise: str
    title: str
    points: str
    passed: str
    rate: str
    mean: str
    shares: tuple[Share, ...]
    counts: str


@dataclass(frozen=True, slots=True)
class ColumnHead:
    id: str
    title: str
    points: str


@dataclass(frozen=True, slots=True)
class Section:
    """The submissions of one assignment, or those whose assignment is not known."""

    anchor: str
    title: str
    maximum: str
    columns: tuple[ColumnHead, ...]
    lines: tuple[Line, ...]
    facts: tuple[Fact, ...]
    tallies: tuple[Tally, ...]
    hardest: str
    """Sentence that names the exercise of which the smallest share was earned; "" when unknown."""


@dataclass(frozen=True, slots=True)
class ClassPage:
    language: Language
    title: str
    callouts: tuple[Callout, ...]
    sections: tuple[Section, ...]


def class_page(outcomes: Sequence[Outcome], words: Words, links: Links | None = None) -> ClassPage:
    groups = by_assignment(outcomes)
    return ClassPage(
        language=words.language,
        title=words.say("report.class.title"),
        callouts=_callouts(outcomes, words),
        sections=tuple(_section(i, a, found, words, links) for i, (a, found) in enumerate(groups)),
    )


def by_assignment(outcomes: Sequence[Outcome]) -> list[tuple[Assignment | None, list[Outcome]]]:
    """Outcomes by assignment, in the order met.

    Those without one join the only assignment there is, if there is only one: an unreadable hand-in
    belongs beside its class-mates.
    """
    known = {o.assignment.id: o.assignment for o in outcomes if o.assignment}
    home = next(iter(known)) if len(known) == 1 else None
    groups: dict[str | None, list[Outcome]] = {id: [] for id in known}
    for outcome in outcomes:
        groups.setdefault(outcome.assignment.id if outcome.assignment else home, []).append(outcome)
    return [(known.get(id) if id else None, found) for id, found in groups.items()]


def _callouts(outcomes: Sequence[Outcome], words: Words) -> tuple[Callout, ...]:
    found = []
    stand_in = sum(o.evidence is not None and o.evidence.data.stand_in for o in outcomes)
    if stand_in:
        text = words.say("report.class.stand_in", n=stand_in)
        found.append(Callout("warning", words.say("report.tone.warning"), text))
    failed = sum(o.state is State.FAILED for o in outcomes)
    if failed:
        text = words.say("report.class.failed_by_us", n=failed)
        found.append(Callout("problem", words.say("report.tone.problem"), text))
    return tuple(found)


def _section(
    position: int, assignment: Assignment | None, outcomes: list[Outcome], words: Words, links: Links | None
) -> Section:
    exercises = assignment.exercises if assignment else ()
    return Section(
        anchor=f"a{position + 1}",
        title=words.text(assignment.title) if assignment else words.say("report.assignment.unknown"),
        maximum=words.points(assignment.points) if assignment else DASH,
        columns=tuple(ColumnHead(e.id, words.text(e.title), words.points(e.points)) for e in exercises),
        lines=tuple(_line(o, [e.id for e in exercises], words, links) for o in outcomes),
        facts=_facts(outcomes, words),
        tallies=_tallies(assignment, outcomes, words) if assignment else (),
        hardest=_hardest(assignment, outcomes, words) if assignment else "",
    )


def _line(outcome: Outcome, exercises: list[str], words: Words, links: Links | None) -> Line:
    grade = outcome.grade
    staff_link, student_link = links(outcome) if links else ("", "")
    by_exercise = {e.exercise: e for e in grade.exercises} if grade else {}
    return Line(
        name=clean.line(outcome.submission.student.name, 80) or outcome.submission.student.key,
        staff_link=staff_link,
        student_link=student_link,
        earned=words.points(grade.earned) if grade else DASH,
        gradable=words.points(grade.gradable) if grade and grade.gradable < grade.maximum else "",
        pending=words.points(grade.pending) if grade and grade.pending else DASH,
        exercises=tuple(words.standing(by_exercise[e]) if e in by_exercise else DASH for e in exercises),
        flags=(*_state(outcome, words), *flags(outcome, words)),
    )


def _state(outcome: Outcome, words: Words) -> tuple[Flag, ...]:
    """What is said first of one that was not graded."""
    if outcome.state is State.GRADED:
        return ()
    tone = "note" if outcome.state is State.ABSENT else "problem"
    return (Flag(tone, words.say(f"report.state.{outcome.state}")),)


def _kinds(found: Sequence[Outcome], words: Words) -> tuple[Fact, ...]:
    """At which levels and on which data a class was graded."""
    levels = sorted({words.say(f"report.level_short.{o.level}") for o in found})
    stand_in = {o.evidence.data.stand_in for o in found if o.evidence}
    data = sorted(words.say(f"report.data_short.{'stand_in' if s else 'real'}") for s in stand_in)
    facts = {"report.fact.level": levels, "report.fact.data": data}
    return tuple(Fact(words.say(key), ", ".join(values)) for key, values in facts.items() if values)


def review_share(grades: Sequence[Grade]) -> float:
    """Share of a class's points that wait for a person."""
    every = sum(grade.maximum for grade in grades)
    return float(sum(grade.pending for grade in grades) / every) if every else 0.0


def flags(outcome: Outcome, words: Words) -> tuple[Flag, ...]:
    """Tampering first, then how the run ended, failed cells and problems of the hand-in."""
    found: list[Flag] = []
    evidence = outcome.evidence
    if evidence:
        if evidence.tampering:
            found.append(Flag("problem", words.say("report.flag.tampering", n=len(evidence.tampering))))
        if evidence.ended not in ("completed", "not_run"):
            found.append(Flag("warning", words.say(f"report.flag.{evidence.ended}")))
        failed = sum(c.kind == "code" and not c.ok for c in evidence.cells)
        if failed:
            found.append(Flag("note", words.say("report.flag.cells", n=failed)))
    tones = {Severity.NOTE: "note", Severity.WARNING: "warning", Severity.FATAL: "problem"}
    # What is said to who handed in nothing is said to them: staff read it in the state.
    problems = () if outcome.state is State.ABSENT else outcome.problems or outcome.submission.problems
    found += [Flag(tones[p.severity], words.message(p.message)) for p in problems[:4]]
    return tuple(found)


def _facts(outcomes: list[Outcome], words: Words) -> tuple[Fact, ...]:
    grades = [o.grade for o in outcomes if o.grade]
    totals = [float(g.earned) for g in grades]
    facts = [
        Fact(words.say("report.class.submissions"), str(sum(o.state is not State.ABSENT for o in outcomes)))
    ]
    facts.append(Fact(words.say("report.class.absent"), str(sum(o.state is State.ABSENT for o in outcomes))))
    if totals:
        facts.append(Fact(words.say("report.class.mean"), _rounded(mean(totals), words)))
        facts.append(Fact(words.say("report.class.median"), _rounded(median(totals), words)))
        decided = mean(float(g.gradable - g.pending) for g in grades)
        facts.append(Fact(words.say("report.class.decided"), _rounded(decided, words)))
    if grades:
        facts.append(Fact(words.say("report.class.review_rate"), words.percent(review_share(grades))))
    return (*facts, *_kinds(outcomes, words))


def _rounded(points: float, words: Words) -> str:
    return words.points(Decimal(str(round(points, 2))))


def _tallies(assignment: Assignment, outcomes: list[Outcome], words: Words) -> tuple[Tally, ...]:
    found = []
    for exercise in assignment.exercises:
        for check in exercise.checks:
            results = [s for o in outcomes if o.grade for s in scored_of(o.grade, check.id)]
            if results:
                found.append(_tally(exercise.id, check, results, words))
    return tuple(found)


def _tally(exercise: str, check: Check, results: list[Scored], words: Words) -> Tally:
    counts = Counter(s.result.status for s in results)
    # What nobody has marked yet is neither right nor wrong.
    marked = [s for s in results if s.result.status not in UNMARKED]
    return Tally(
        exercise=exercise,
        title=words.text(check.title),
        points=words.points(check.points),
        passed=f"{counts[Status.PASSED]} / {len(marked)}" if marked else DASH,
        rate=words.percent(counts[Status.PASSED] / len(marked)) if marked else "",
        mean=words.percent(sum(float(s.result.fraction) for s in marked) / len(marked)) if marked else DASH,
        shares=_shares(counts, len(results)),
        counts=", ".join(
            f"{words.say(f'report.status_short.{s}')}: {counts[s]}" for s in Status if counts[s]
        ),
    )


def scored_of(grade: Grade, check: str) -> list[Scored]:
    """The scored result of a check, as a list of one or none."""
    return [s for e in grade.exercises for s in e.scored if s.result.check == check]


def _shares(counts: Counter[Status], total: int) -> tuple[Share, ...]:
    found: list[Share] = []
    start = 0.0
    for status in Status:
        width = 100 * counts[status] / total
        if width:
            found.append(Share(str(status), round(start, 3), round(width, 3)))
        start += width
    return tuple(found)


def _hardest(assignment: Assignment, outcomes: list[Outcome], words: Words) -> str:
    """Of the exercises with judged points, the one whose judged points were earned least."""
    shares: dict[str, float] = {}
    for exercise in assignment.exercises:
        grades = [e for o in outcomes if o.grade for e in o.grade.exercises if e.exercise == exercise.id]
        judged = sum((e.points - e.pending - e.ungraded for e in grades), Decimal(0))
        if judged:
            shares[exercise.id] = float(sum((e.earned for e in grades), Decimal(0)) / judged)
    if not shares:
        return ""
    worst = min(shares, key=lambda id: shares[id])
    title = exercise_title(assignment, worst, words)
    return words.say("report.class.hardest", exercise=worst, title=title, share=words.percent(shares[worst]))

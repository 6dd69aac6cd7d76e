"""From one outcome to the view of its feedback page."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from grader.model.assignment import Assignment, Check
from grader.model.evidence import Episode, Evidence, Provenance
from grader.model.expected import Expected, MeasuredBand
from grader.model.outcome import Outcome
from grader.model.result import Comparison, ExerciseGrade, Grade, Scored
from grader.report import clean, runfacts
from grader.report.audience import Audience, Shown, find_check, shown, visible_grade
from grader.report.failures import failures
from grader.report.reference import reference_band
from grader.report.training import label, training
from grader.report.views import CheckView, ExerciseView, Row, Segment, StudentPage, Total, Training
from grader.report.words import Words

_BAND = re.compile(r"(?P<low>[\d.]+) – [\d.]+ \(n = (?P<n>\d+), .*\)")
"""How a check writes the band that it compares an accuracy with."""
_ROWS = 60
"""Rows shown of one comparison table."""


def student_page(
    outcome: Outcome, expected: Expected | None, audience: Audience, words: Words
) -> StudentPage:
    """Everything on the page of one student, as `audience` may see it."""
    assignment = outcome.assignment
    grade = visible_grade(assignment, outcome.grade, audience) if outcome.grade else None
    failed = failures(outcome.evidence, words) if outcome.evidence else ()
    shelf = _Shelf(outcome, expected, audience, words)
    title = words.text(assignment.title) if assignment else words.say("report.assignment.unknown")
    student = clean.line(outcome.submission.student.name) or outcome.submission.student.key
    return StudentPage(
        language=words.language,
        audience=audience,
        title=f"{student} · {title}",
        assignment=title,
        student=student,
        facts=runfacts.facts(outcome, words),
        staff_facts=runfacts.staff_facts(outcome, words) if audience == "staff" else (),
        callouts=runfacts.callouts(outcome, audience, words),
        state_sentence=runfacts.state_sentence(outcome, words),
        total=total(grade, words) if grade else None,
        exercises=tuple(
            _exercise(f"e{i + 1}", e, shelf) for i, e in enumerate(grade.exercises if grade else ())
        ),
        causes=tuple(f for f in failed if f.follows is None),
        consequences=tuple(f for f in failed if f.follows is not None),
        budget=runfacts.budget(outcome, words),
    )


def total(grade: Grade, words: Words) -> Total:
    """Earned, pending and gradable maximum, apart: in numbers, as a bar, and as a sentence."""
    spoken = {
        "earned": words.points(grade.earned),
        "gradable": words.points(grade.gradable),
        "pending": words.points(grade.pending),
        "ungraded": words.points(grade.ungraded),
        "undecided": words.points(grade.undecided),
        "maximum": words.points(grade.maximum),
    }
    lost = max(Decimal(0), grade.gradable - grade.earned - grade.pending)
    parts = {
        "earned": grade.earned,
        "pending": grade.pending,
        "lost": lost,
        "undecided": grade.undecided,
        "ungraded": grade.ungraded,
    }
    return Total(
        **spoken,
        has_pending=grade.pending > 0,
        has_ungraded=grade.ungraded > 0,
        has_undecided=grade.undecided > 0,
        segments=_segments(parts, grade.maximum, words),
        sentence=words.say("report.total.sentence", lost=words.points(lost), **spoken),
    )


def _segments(parts: dict[str, Decimal], maximum: Decimal, words: Words) -> tuple[Segment, ...]:
    found: list[Segment] = []
    start = 0.0
    for kind, points in parts.items():
        width = float(100 * points / maximum) if maximum else 0.0
        if points > 0:
            name = words.say(f"report.total.{kind}")
            found.append(Segment(kind, name, words.points(points), round(start, 3), round(width, 3)))
            start += width
    return tuple(found)


@dataclass(slots=True)
class _Shelf:
    """The trainings already on the page: one that several exercises judge is shown once, and linked."""

    outcome: Outcome
    expected: Expected | None
    audience: Audience
    words: Words
    places: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Episode number -> anchor and label."""
    bands: dict[int, MeasuredBand | None] = field(default_factory=dict)

    def put(self, graded: ExerciseGrade, anchor: str) -> tuple[Training, ...]:
        """Those of this exercise that are not shown yet, or shown without the band that applies here."""
        evidence = self.outcome.evidence
        if evidence is None:
            return ()
        new: list[Training] = []
        for episode, band in self._judged(graded, evidence):
            shown_before = episode.number in self.places
            if not shown_before or (band is not None and band != self.bands[episode.number]):
                made = training(episode, evidence, band, self.words, anchor=f"{anchor}-t{episode.number}")
                self.places[episode.number] = (made.anchor, made.label)
                self.bands[episode.number] = band
                new.append(made)
        return tuple(new)

    def _judged(self, graded: ExerciseGrade, evidence: Evidence) -> list[tuple[Episode, MeasuredBand | None]]:
        """Each training that visible checks judged, once, with the band of whichever check has one."""
        episodes = {e.number: e for e in evidence.episodes}
        bands: dict[int, MeasuredBand | None] = {}
        for result in (s.result for s in graded.scored):
            episode = episodes.get(result.episode) if result.episode is not None else None
            if (
                episode
                and shown(find_check(self.outcome.assignment, result.check), self.audience) is Shown.ALL
            ):
                band = reference_band(self.expected, result.check, episode, evidence)
                bands[episode.number] = bands.get(episode.number) or band
        return [(episodes[number], band) for number, band in bands.items()]


def _exercise(anchor: str, graded: ExerciseGrade, shelf: _Shelf) -> ExerciseView:
    assignment, words = shelf.outcome.assignment, shelf.words
    trainings = shelf.put(graded, anchor)
    return ExerciseView(
        id=clean.line(graded.exercise),
        anchor=anchor,
        title=exercise_title(assignment, graded.exercise, words),
        earned=words.standing(graded),
        points_so_far=words.points(graded.earned),
        points=words.points(graded.points),
        share=round(float(100 * graded.earned / graded.points), 2) if graded.points else 0.0,
        pending=words.points(graded.pending) if graded.pending else "",
        summary=words.tally(Counter(s.result.status for s in graded.scored)),
        checks=tuple(check_view(s, assignment, shelf.audience, words, shelf.places) for s in graded.scored),
        trainings=trainings,
    )


def exercise_title(assignment: Assignment | None, exercise: str, words: Words) -> str:
    exercises = assignment.exercises if assignment else ()
    return next((words.text(e.title) for e in exercises if e.id == exercise), "")


def check_view(
    scored: Scored,
    assignment: Assignment | None,
    audience: Audience,
    words: Words,
    places: dict[int, tuple[str, str]] | None = None,
) -> CheckView:
    """One check as `audience` may see it; `places` are the page's trainings by episode number."""
    result, check = scored.result, find_check(assignment, scored.result.check)
    full = shown(check, audience) is Shown.ALL
    place = (places or {}).get(result.episode) if full and result.episode is not None else None
    return CheckView(
        id=result.check if full else "",
        title=_check_title(check, result.check, words) if full else words.say("report.check.hidden"),
        status=str(result.status),
        status_word=words.say(f"status.{result.status}"),
        earned=words.earned(scored),
        points=words.points(scored.points),
        worth=scored.points > 0,
        message=words.message(result.message) if full else words.say("report.check.hidden_why"),
        hint=words.message(result.hint) if full else "",
        rows=tuple(row(c, words, audience) for c in result.comparisons[:_ROWS]) if full else (),
        training=place,
        staff_note=_staff_note(check, audience, words),
    )


def _check_title(check: Check | None, id: str, words: Words) -> str:
    return words.text(check.title) if check else clean.line(id)


def _staff_note(check: Check | None, audience: Audience, words: Words) -> str:
    if audience != "staff" or (check and check.visibility == "student"):
        return ""
    return words.say(f"report.visibility.{check.visibility if check else 'unknown'}")


def row(comparison: Comparison, words: Words, audience: Audience = "staff") -> Row:
    claimed = comparison.provenance is Provenance.CLAIMED
    return Row(
        what=words.message(comparison.what),
        expected=_expected(comparison, words, audience),
        # What a student claims stands in the student's own words.
        observed=clean.line(comparison.observed)
        if claimed
        else words.figures(clean.line(comparison.observed)),
        provenance=str(comparison.provenance),
        provenance_word=words.say(f"provenance.{comparison.provenance}"),
        agrees=comparison.agrees,
        agrees_word=words.say(f"report.row.{'agrees' if comparison.agrees else 'differs'}"),
    )


def _expected(comparison: Comparison, words: Words, audience: Audience) -> str:
    """What was expected; a band's name is the staff's, students are told where the limit comes from."""
    several = ", " in comparison.observed and comparison.what.key == "config.epochs"
    if several and comparison.agrees:  # one of several trainings has what was asked for
        return words.say("report.row.some", value=words.figures(clean.line(comparison.expected)))
    band = _BAND.fullmatch(comparison.expected) if audience != "staff" else None
    if band is None:
        return words.figures(clean.line(comparison.expected))
    return words.say("report.row.limit", low=words.figures(band["low"]), n=int(band["n"]))


def training_labels(evidence: Evidence | None, words: Words) -> dict[int, tuple[str, str]]:
    """The same labels where there is no page to link into: on a terminal."""
    return {e.number: ("", label(e, evidence, words)) for e in evidence.episodes} if evidence else {}

"""What a run was, in words: data, level, how it ended, what was shortened."""

from __future__ import annotations

from collections.abc import Iterator

from grader.model.evidence import Ended, Evidence, SklearnCall
from grader.model.outcome import Outcome, State
from grader.model.submission import Severity
from grader.report import clean
from grader.report.audience import Audience, told
from grader.report.failures import code_cells
from grader.report.views import Callout, Fact
from grader.report.words import DASH, Words

_TONES = {Severity.NOTE: "note", Severity.WARNING: "warning", Severity.FATAL: "problem"}


def facts(outcome: Outcome, words: Words) -> tuple[Fact, ...]:
    """The head of the page: what was graded, at which level, on which data."""
    if outcome.state is State.ABSENT or (outcome.state is State.UNREADABLE and outcome.grade is None):
        return ()
    document = outcome.submission.document
    found = [Fact(words.say("report.fact.level"), words.say(f"report.level.{outcome.level}"))]
    if outcome.evidence:
        found.append(Fact(words.say("report.fact.data"), data_sentence(outcome.evidence, words)))
    if document:
        found.append(Fact(words.say("report.fact.document"), clean.line(document.path)))
    if outcome.evidence:
        found.append(Fact(words.say("report.fact.ended"), ended_sentence(outcome.evidence, words)))
    return tuple(found)


def data_sentence(evidence: Evidence, words: Words) -> str:
    source = clean.line(evidence.data.source, 60)
    key = source if source in {"folder", "keras-cache", "download", "stand-in"} else "other"
    return words.say(f"report.data.{key}", name=clean.line(evidence.data.name, 60), source=source)


def ended_sentence(evidence: Evidence, words: Words) -> str:
    ran, total = code_cells(evidence)
    failed = sum(cell.kind == "code" and not cell.ok for cell in evidence.cells)
    key = f"report.ended.{evidence.ended}"
    if evidence.ended is Ended.COMPLETED and failed:
        key = "report.ended.completed_with_errors"
    return words.say(key, ran=ran, total=total, failed=failed)


def staff_facts(outcome: Outcome, words: Words) -> tuple[Fact, ...]:
    """What an instructor needs to answer for a grade."""
    submission, evidence = outcome.submission, outcome.evidence
    found = [
        Fact(words.say("report.fact.origin"), clean.line(submission.origin) or DASH),
        Fact(words.say("report.fact.digest"), submission.digest[:16] or DASH),
        Fact(words.say("report.fact.seconds"), words.say(f"report.reused.{_when(outcome)}")),
    ]
    if submission.other_files:
        names = ", ".join(clean.line(n, 80) for n in submission.other_files[:12])
        found.append(Fact(words.say("report.fact.other_files"), names))
    if evidence:
        versions = ", ".join(f"{clean.line(k, 40)} {clean.line(v, 40)}" for k, v in evidence.versions.items())
        found += [
            Fact(words.say("report.fact.isolation"), clean.line(evidence.isolation) or DASH),
            Fact(words.say("report.fact.fingerprint"), clean.line(evidence.data.fingerprint)[:24] or DASH),
            Fact(words.say("report.fact.versions"), versions or DASH),
            Fact(words.say("report.fact.seed"), str(evidence.seed)),
        ]
    return tuple(found)


def _when(outcome: Outcome) -> str:
    """Whether the code ran, and in which grading."""
    if outcome.evidence is None or outcome.evidence.ended is Ended.NOT_RUN:
        return "nothing"
    return "yes" if outcome.reused else "no"


def callouts(outcome: Outcome, audience: Audience, words: Words) -> tuple[Callout, ...]:
    return tuple(_callouts(outcome, audience, words))


def _callouts(outcome: Outcome, audience: Audience, words: Words) -> Iterator[Callout]:
    evidence = outcome.evidence
    if evidence and evidence.data.stand_in:
        yield _callout("warning", words.say("report.callout.stand_in"), words)
    for problem in told(outcome.problems or outcome.submission.problems, audience):
        yield _callout(_TONES[problem.severity], words.message(problem.message), words)
    if evidence and audience == "staff":
        for what in evidence.tampering[:20]:
            yield _callout("problem", words.say("report.callout.tampering", what=what), words)


def _callout(tone: str, text: str, words: Words) -> Callout:
    return Callout(tone, words.say(f"report.tone.{tone}"), text)


def state_sentence(outcome: Outcome, words: Words, audience: Audience = "student") -> str:
    """What a page without a mark says in its place; "" for a graded one."""
    if outcome.state is State.UNREADABLE and audience == "self-check":
        return words.say("report.state_sentence.check_unreadable")
    return "" if outcome.state is State.GRADED else words.say(f"report.state_sentence.{outcome.state}")


def budget(outcome: Outcome, words: Words) -> tuple[str, ...]:
    """What the grader shortened, and what that does and does not change."""
    evidence = outcome.evidence
    if evidence is None or outcome.grade is None:
        return ()
    capped = sum(e.capped for e in evidence.episodes)
    calls = sum(e.capped for e in evidence.evaluations) + sum(p.capped for p in evidence.predictions)
    starved = sum(e.capped_by_total for e in evidence.episodes)
    lines = []
    if capped:
        lines.append(words.say("report.budget.fits", capped=capped, total=len(evidence.episodes)))
    if calls:
        lines.append(words.say("report.budget.calls", capped=calls))
    if starved:
        lines.append(words.say("report.budget.total", capped=starved))
    lines += dict.fromkeys(_estimator(call, words) for call in evidence.sklearn if call.capped)
    if lines:
        lines.append(words.say("report.budget.meaning"))
    return tuple(lines)


def _estimator(call: SklearnCall, words: Words) -> str:
    name = clean.line(call.estimator, 60)
    if call.rows_used:
        given = call.shapes[0][0] if call.shapes and call.shapes[0] else call.rows_used
        rows, total = words.number(call.rows_used, 0), words.number(given, 0)
        return words.say("report.budget.estimator", estimator=name, rows=rows, total=total)
    made = words.number(call.iterations_used, 0)
    return words.say("report.budget.iterations", estimator=name, iterations=made)

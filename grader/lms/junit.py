"""JUnit XML, what CI dashboards read: one suite per submission, one case per check.

The format knows no points: they go into `properties` and the text. GitLab shows the text of an
element, not its `message`, and of two cases with one name only the first (docs.gitlab.com, unit test
reports), so names are made unique.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree

from grader.lms.gradescope import Pending
from grader.lms.lines import Line, lines, notices, seen, student, title
from grader.messages import render as catalogue_render
from grader.model.outcome import Outcome, State
from grader.model.result import UNMARKED, Status
from grader.model.text import Language
from grader.report.audience import Audience
from grader.report.words import Render, Words, plain

_AUDIENCE: Audience = "self-check"
_ILLEGAL = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""
_OPENING = re.compile(r"\[(?=\[)")
_ELEMENTS = {
    Status.PARTIAL: "failure",
    Status.FAILED: "failure",
    Status.SKIPPED: "skipped",
    Status.REVIEW: "skipped",
    Status.UNGRADED: "error",
    Status.UNDECIDED: "skipped",
}


def junit(
    outcomes: Sequence[Outcome],
    language: Language,
    *,
    pending: Pending = Pending.PROVISIONAL,
    render: Render = catalogue_render,
) -> bytes:
    """An XML document with what students may see of each outcome."""
    words = Words(language, render)
    root = ElementTree.Element("testsuites", name="grade")
    taken: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        _suite(root, outcome, pending, words, taken)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _suite(
    root: ElementTree.Element,
    outcome: Outcome,
    pending: Pending,
    words: Words,
    taken: Counter[tuple[str, str]],
) -> None:
    name = _text(f"{student(outcome)} · {title(outcome, words)}")
    suite = ElementTree.SubElement(root, "testsuite", name=name)
    _properties(suite, _totals(outcome, pending))
    group = outcome.submission.student.key
    hand_in = _case(suite, group, words.say("lms.case.hand_in"), taken)
    told = "\n".join(notices(outcome, _AUDIENCE, words))
    if outcome.state is not State.GRADED:
        # A failure of ours is an error without points, never a test that the student failed.
        kind = "error" if outcome.state is State.FAILED else "failure"
        ElementTree.SubElement(hand_in, kind, message=_text(told.split("\n")[0])).text = _text(told)
    elif told:
        ElementTree.SubElement(hand_in, "system-out").text = _text(told)
    for line in lines(outcome, _AUDIENCE, words):
        _check(suite, f"{group}.{line.exercise}", line, words, taken)
    _count(suite)


def _check(
    suite: ElementTree.Element, group: str, line: Line, words: Words, taken: Counter[tuple[str, str]]
) -> None:
    case = _case(suite, group, f"{line.check} · {line.name.partition(' · ')[2]}", taken)
    worth = {"status": line.status.value, "points": plain(line.points)}
    if line.status not in UNMARKED:
        worth["earned"] = plain(line.earned)  # there is no mark yet: none is written
    _properties(case, worth)
    said = words.say("lms.case.points", earned=words.points(line.earned), points=words.points(line.points))
    text = "\n".join([said, line.text]) if "earned" in worth and line.points else line.text
    element = _ELEMENTS.get(line.status)
    if element is None:
        ElementTree.SubElement(case, "system-out").text = _text(text)
    else:
        ElementTree.SubElement(case, element, message=_text(line.status_word)).text = _text(text)


def _case(
    suite: ElementTree.Element, group: str, name: str, taken: Counter[tuple[str, str]]
) -> ElementTree.Element:
    group, name = _text(group), _text(name)
    taken[group, name] += 1
    if taken[group, name] > 1:
        name = f"{name} ({taken[group, name]})"
    return ElementTree.SubElement(suite, "testcase", classname=group, name=name)


def _totals(outcome: Outcome, pending: Pending) -> dict[str, str]:
    grade = seen(outcome, _AUDIENCE)
    facts = {"state": outcome.state.value, "level": outcome.level.value}
    if grade is None or outcome.state is State.FAILED:
        return facts
    facts |= {"pending": plain(grade.pending), "maximum": plain(grade.maximum)}
    if not (grade.pending and pending is Pending.HOLD):
        facts |= {"earned": plain(grade.earned), "gradable": plain(grade.gradable)}
    return facts


def _properties(parent: ElementTree.Element, facts: dict[str, str]) -> None:
    properties = ElementTree.SubElement(parent, "properties")
    for name, value in facts.items():
        ElementTree.SubElement(properties, "property", name=name, value=value)


def _count(suite: ElementTree.Element) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for name, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(element) is not None for case in cases)))


def _text(text: str) -> str:
    """Text that XML can hold. "[[ATTACHMENT|...]]" would make GitLab show a file of the student's choice."""
    return _OPENING.sub("[ ", _ILLEGAL.sub("\ufffd", text))

"""JUnit XML that every reader can parse, with points where the format has room for them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grader.lms.gradescope import Pending
from grader.lms.junit import junit
from grader.model.outcome import State
from grader.model.result import Status

from .samples import HIDDEN, LATER, grade, outcome, render


def parse(data: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(data)  # noqa: S314 (our own bytes)


def properties(element: ElementTree.Element) -> dict[str, str]:
    return {p.attrib["name"]: p.attrib["value"] for p in element.findall("properties/property")}


def case(root: ElementTree.Element, check: str) -> ElementTree.Element:
    (found,) = (c for c in root.iter("testcase") if c.attrib["name"].startswith(f"{check} ·"))
    return found


def test_each_status_has_its_element() -> None:
    """Only what the student got wrong is a failure; what waits for a person is skipped; ours is an error."""
    root = parse(junit([outcome(graded=grade(x1a_scale=Status.UNGRADED))], "es", render=render))
    ends = {}
    for one in root.iter("testcase"):
        kinds = [child.tag for child in one if child.tag in {"failure", "error", "skipped"}]
        ends[one.attrib["name"].partition(" ")[0]] = kinds
    assert ends == {
        "Entrega": [],
        "1a.shape": [],
        "1a.scale": ["error"],
        "1a.split": ["failure"],
        "1b.after": ["skipped"],
        "1b.why": ["skipped"],
        "1b.info": [],
    }
    counts = {name: root.attrib[name] for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "7", "failures": "1", "errors": "1", "skipped": "2"}


def test_points_are_properties_and_text() -> None:
    """A check that has no mark yet has no earned points, not zero."""
    root = parse(junit([outcome()], "es", render=render))
    assert properties(case(root, "1a.scale")) == {"status": "partial", "points": "0.2", "earned": "0.1"}
    assert properties(case(root, "1b.why")) == {"status": "review", "points": "0.75"}
    failure = case(root, "1a.scale").find("failure")
    assert failure is not None
    assert failure.text is not None
    assert failure.text.splitlines()[0] == "0,1 de 0,2 puntos"
    assert "Pista: hint Ana Núñez" in failure.text
    suite = root.find("testsuite")
    assert suite is not None
    assert properties(suite) == {
        **{"state": "graded", "level": "quick", "pending": "0.75", "maximum": "2.75"},
        **{"earned": "0.4", "gradable": "2.75"},
    }


def test_a_held_total_is_not_written() -> None:
    """While a mark is pending."""
    suite = parse(junit([outcome()], "es", pending=Pending.HOLD, render=render)).find("testsuite")
    assert suite is not None
    assert "earned" not in properties(suite)


def test_nothing_hidden_is_in_it() -> None:
    """Artifacts of a pipeline are the student's to read."""
    text = junit([outcome()], "es", render=render).decode()
    assert HIDDEN not in text
    assert LATER not in text
    assert "1b.band" not in text


def test_a_failure_of_ours_is_an_error_without_points() -> None:
    """No check is said to have failed."""
    root = parse(junit([outcome(state=State.FAILED)], "es", render=render))
    (only,) = root.iter("testcase")
    error = only.find("error")
    assert error is not None
    assert "problema nuestro" in str(error.text)
    assert not list(root.iter("failure"))
    suite = root.find("testsuite")
    assert suite is not None
    assert properties(suite) == {"state": "failed", "level": "quick"}


@pytest.mark.parametrize("state", [State.UNREADABLE, State.ABSENT])
def test_nothing_to_grade_is_the_hand_ins_failure(state: State) -> None:
    """With the reason as its text."""
    given_outcome = replace(outcome(state=state), grade=None)
    (only,) = parse(junit([given_outcome], "es", render=render)).iter("testcase")
    failure = only.find("failure")
    assert failure is not None
    assert "renamed Ana Núñez" in str(failure.text)


def test_names_are_unique() -> None:
    """Of two cases with one name GitLab counts the first only: also for two hand-ins of one student."""
    root = parse(junit([outcome(), outcome(), outcome(key="beto")], "es", render=render))
    names = Counter((c.attrib["classname"], c.attrib["name"]) for c in root.iter("testcase"))
    assert set(names.values()) == {1}
    assert len(names) == 21


@settings(deadline=None)
@given(st.text())
@example("\0\x08\x1b[31m\ufffe\uffff\ud800\u2028")
@example("]]><failure/>&lt;&amp;\"'")
@example("[[ATTACHMENT|/etc/passwd]]")
@example("[[[ATTACHMENT|/etc/passwd]]]")
def test_any_text_gives_valid_xml(text: str) -> None:
    """The same elements as with an innocent text, and no attachment of the student's choice."""
    made = junit([outcome(text)], "es", render=render)
    plain = parse(junit([outcome("innocent")], "es", render=render))
    assert Counter(e.tag for e in parse(made).iter()) == Counter(e.tag for e in plain.iter())
    assert b"[[ATTACHMENT" not in made
    assert all(char in "\t\n" or char >= " " for char in made.decode())

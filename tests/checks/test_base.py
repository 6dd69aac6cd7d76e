"""What every check shares: its place in the rubric and the ways it can end."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from grader.checks.base import Rule, code_runs, compare
from grader.model.assignment import Check
from grader.model.evidence import Provenance
from grader.model.result import Status
from grader.model.text import Message

from .factory import TITLE, evidence, expected, markdown

RULE = Rule(id="2.a.figures", title=TITLE, points=Decimal(1))


def test_a_rule_knows_its_exercise() -> None:
    """Everything before the last dot."""
    assert RULE.exercise == "2.a"
    assert isinstance(RULE, Check)


def test_a_bare_rule_judges_nothing() -> None:
    """It is no check until a subclass says how."""
    with pytest.raises(TypeError, match="Rule is not a check"):
        RULE(evidence(), expected())


@pytest.mark.parametrize(
    ("fraction", "status", "key", "hint"),
    [
        (1, Status.PASSED, "all", False),
        (Fraction(1, 2), Status.PARTIAL, "some", True),
        (0, Status.FAILED, "none", True),
    ],
)
def test_a_share_decides_status_sentence_and_hint(
    fraction: Fraction, status: Status, key: str, hint: bool
) -> None:
    """Who has everything needs no hint."""
    found = RULE.earned(Fraction(fraction), ("all", "some", "none"), hint=Message("hint"), n=1)
    assert (found.status, found.message.key, found.hint is not None) == (status, key, hint)


def test_only_passing_earns() -> None:
    """Review, skipped and ungraded earn nothing yet."""
    assert RULE.passed("k").fraction == 1
    for found in (RULE.failed("k"), RULE.review("k"), RULE.end(Status.UNGRADED, "k")):
        assert found.fraction == 0
    assert RULE.end(Status.PASSED, "k").fraction == 1


def test_rows_agree_when_equal_unless_told() -> None:
    """Agreement can be more than equality."""
    assert compare("k", 3, 3, Provenance.OBSERVED).agrees
    assert not compare("k", 3, 4, Provenance.OBSERVED).agrees
    assert compare("k", 3, 4, Provenance.OBSERVED, agrees=True).agrees


def test_code_has_run_when_some_cell_has() -> None:
    """Markdown alone runs nothing."""
    assert code_runs(evidence())
    assert not code_runs(evidence(cells=(markdown(0, "x"),)))

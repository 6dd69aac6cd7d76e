"""Exit statuses, and what is said of them to whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grader.cli.exits import Exit
from grader.cli.status import conclude
from grader.model.outcome import Outcome, State
from grader.model.result import CheckResult, Status
from tests.report import factory


def ending(check: str, status: Status) -> Outcome:
    return factory.outcome(factory.good() | {check: CheckResult(check, status)}, seen=factory.evidence())


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [
        (factory.passing(), Exit.GRADED, ""),
        (ending("1.loss", Status.UNDECIDED), Exit.GRADED, "does not decide 0.25 of the 7.5 points"),
        (ending("1.loss", Status.UNGRADED), Exit.UNGRADED, "Ana Núñez Peña (1.loss)"),
        (factory.failed_by_us(), Exit.UNGRADED, "Fran Mora (the whole submission)"),
        (replace(factory.absent(), state=State.UNFINISHED), Exit.UNGRADED, "(1): Eva Sanz"),
    ],
)
def test_a_status_gives_its_reason(
    outcome: Outcome, status: Exit, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line; nothing where all was graded."""
    assert conclude([outcome], "en") is status
    told = capsys.readouterr().err
    assert said in told
    assert bool(told.strip()) is bool(said)


def test_a_hidden_check_is_not_named_to_students(capsys: pytest.CaptureFixture[str]) -> None:
    """The log of a pipeline is read by who pushed; the status stays, and so does a reason."""
    assert conclude([ending("3.honest", Status.UNGRADED)], "en", "self-check") is Exit.UNGRADED
    told = capsys.readouterr().err
    assert "3.honest" not in told
    assert "not shown here" in told

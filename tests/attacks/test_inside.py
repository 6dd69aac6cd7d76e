"""Every attack from inside, in every tier that students' code of a class may run in."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from runs import PROBE, executor_of, job

from grader.execution.port import CellRun, Executor
from tests.attacks.cases import CASES, PRELUDE, Case

pytestmark = pytest.mark.sandbox


def attack(executor: Executor, targets: dict[str, Any], data: Path) -> dict[str, CellRun]:
    """All attacks as the cells of one notebook: a failed one must not spoil the next."""
    boxed = executor.tier == "isolated"
    shown = {
        **targets,
        "data": "/data" if boxed else str(data),
        "probe": "/opt/kernel/probe" if boxed else str(PROBE),
    }
    sources = [f"{PRELUDE}\nT = {shown!r}", *(_cell(case) for case in CASES)]
    done = executor.run(job(*sources, data=data, wall=120))
    assert done.detail is None
    return dict(zip((case.name for case in CASES), done.cells[1:], strict=True))


def _cell(case: Case) -> str:
    body = textwrap.indent(textwrap.dedent(case.source).strip(), "    ")
    return f"def attack():\n{body}\nprint(held(attack))"


@pytest.fixture(scope="module")
def outcomes(executor: Executor, targets: dict[str, Any], data: Path) -> dict[str, CellRun]:
    return attack(executor, targets, data)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_attack(case: Case, tier: str, outcomes: dict[str, CellRun]) -> None:
    """It is held, but for what is written down: a hole that closes is to be written down too."""
    run = outcomes[case.name]
    assert not run.error_text, run.error_text
    assert run.output_text.strip() == str(tier not in case.through)


def test_the_attacks_are_real(targets: dict[str, Any], data: Path) -> None:
    """Without a sandbox those get through that need no right but the user's own: the targets are in reach."""
    outcomes = attack(executor_of("unprotected"), targets, data)
    through = {name for name, run in outcomes.items() if run.output_text.strip() == "False"}
    assert {case.name for case in CASES if case.plain} - through == set()

"""A whole class, end to end, in the real sandbox: the verdicts are those written down beforehand."""

from __future__ import annotations

import os
import time
from decimal import Decimal
from pathlib import Path

import pytest

from grader.cli.workshop import Workshop, cores
from grader.course import find_course
from grader.model.budget import Level
from grader.model.errors import ExecutionError
from grader.model.outcome import Outcome, State
from grader.pipeline import Grader
from grader.report.write import write_reports
from tests.samples import Sample, differences, grade, review_rate, samples

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).parents[2]
SOME = ("funcional-con-sgd", "resultados-escritos-a-mano", "lucia-secuencial", "saul-etiquetas-barajadas")
"""Graded in every run of the tests; all of them with GRADER_SAMPLES=all."""


def chosen() -> list[Sample]:
    every = list(samples(others=False))
    if os.environ.get("GRADER_SAMPLES") == "all":
        return every
    return [sample for sample in every if sample.slug in SOME]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    out = tmp_path_factory.mktemp("class") / "grades"
    made = Workshop(find_course(ROOT), out, Level.QUICK, 1, cores())
    try:
        made.executor()
    except ExecutionError as error:
        pytest.skip(f"no sandbox on this machine: {error}")
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("submissions")
    for sample in chosen():
        sample.hand_in(made)
    return made


@pytest.fixture(scope="module")
def outcomes(shop: Workshop, folder: Path) -> dict[str, Outcome]:
    with shop:
        return grade(shop, folder)


def test_every_verdict_is_the_one_written_down(outcomes: dict[str, Outcome]) -> None:
    """None lost, none crashed, each check as its expected.toml says."""
    assert differences(chosen(), outcomes) == []


def test_the_practical_is_recognised(outcomes: dict[str, Outcome]) -> None:
    for sample in chosen():
        assignment = outcomes[sample.number].assignment
        assert assignment is not None, sample.slug
        assert assignment.id == sample.assignment


def test_machine_checks_are_decided_by_machine(outcomes: dict[str, Outcome]) -> None:
    """At least 95 % of the points that are not written answers; the rate is printed."""
    rate, points = review_rate(outcomes.values())
    print(f"review rate of machine checks: {rate:.1%} of {points} points")
    assert rate <= Decimal("0.05")


def test_a_second_run_runs_nothing(
    shop: Workshop, folder: Path, outcomes: dict[str, Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unchanged submissions are not run again: no sandbox is asked for, and the grades are the same."""

    def refuse(self: Workshop, name: str) -> None:
        raise AssertionError("a sandbox was asked for")

    monkeypatch.setattr(Workshop, "bench", refuse)
    started = time.monotonic()
    again = grade(shop, folder)
    print(f"second run: {time.monotonic() - started:.2f} s for {len(again)} submissions")
    assert all(outcome.reused for outcome in again.values())
    assert {k: o.grade for k, o in again.items()} == {k: o.grade for k, o in outcomes.items()}


def test_reports_are_written_for_everyone(shop: Workshop, outcomes: dict[str, Outcome]) -> None:
    expected = {loaded.assignment.id: loaded.expected for loaded in shop.course}
    page = write_reports(list(outcomes.values()), shop.out, expected, "es")
    assert page.is_file()
    assert len(list(shop.out.glob("**/reports/*.html"))) == len(outcomes)


def test_regrade_runs_no_student_code(
    shop: Workshop, outcomes: dict[str, Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored evidence is enough to judge again."""

    def refuse(self: Workshop, name: str) -> None:
        raise AssertionError("a sandbox was asked for")

    monkeypatch.setattr(Workshop, "bench", refuse)
    with shop.book() as book, book.run("regrade") as held:
        grader = Grader(shop.course, book, shop.store, shop.served, shop.bench)
        again = {o.submission.student.lms_id: o for o in grader.regrade(held)}
    assert {k: o.grade for k, o in again.items()} == {k: o.grade for k, o in outcomes.items()}
    assert all(o.state is State.GRADED for o in again.values())

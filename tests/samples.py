"""The sample submissions and the verdicts written down beforehand: read, built into a class, compared."""

from __future__ import annotations

import shutil
import tomllib
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from grader.cli.grading import fit_for
from grader.cli.workshop import Workshop
from grader.intake import collect
from grader.model.outcome import Outcome
from grader.model.result import Status
from grader.pipeline import Grader
from tests.submissions import build

HERE = Path(__file__).parent / "submissions"
BLIND = ("fashion-dense", "fashion-convnet")
TOLERANCE = 0.02
"""Fractions in expected.toml are rounded to three digits."""


@dataclass(frozen=True)
class Sample:
    """One sample submission with what it must get."""

    slug: str
    folder: Path
    expected: Mapping[str, Any]

    @property
    def blind(self) -> bool:
        """Written by someone who had not seen the grader."""
        return self.folder.parent.name in BLIND

    @property
    def number(self) -> str:
        """The student's number in the LMS, by which the outcome is found."""
        return str(zlib.crc32(self.slug.encode()) % 10**6)

    @property
    def assignment(self) -> str | None:
        """The practical it must be recognised as; None where that is not said."""
        named = self.expected.get("assignment")
        return self.folder.parent.name if self.blind else named

    @property
    def twin(self) -> str | None:
        """The honest submission that earns the same."""
        return self.expected.get("equals")

    def hand_in(self, into: Path) -> None:
        """Write it as one student's folder of Moodle's download. Raises build.CannotBuild."""
        if not self.blind:
            build.build(self.slug, into)
            return
        target = into / f"{self.slug.replace('-', ' ')}_{self.number}_assignsubmission_file"
        target.mkdir(parents=True)
        for file in self.folder.iterdir():
            if file.name != "expected.toml":
                shutil.copyfile(file, target / file.name)

    def differences(self, outcome: Outcome, twin: Outcome | None = None) -> list[str]:
        """Where the outcome is not the one written down, in words."""
        return [f"{self.slug}: {said}" for said in self._differences(outcome, twin)]

    def _differences(self, outcome: Outcome, twin: Outcome | None) -> Iterator[str]:
        wanted = self.expected.get("state", "graded")
        if outcome.state != wanted:
            yield f"{outcome.state}, not {wanted}"
        keys = [problem.message.key for problem in outcome.problems]
        problem = self.expected.get("problem")
        for text in (*([problem] if problem else ()), *self.expected.get("problems", ())):
            if not any(text in key for key in keys):
                yield f"no problem {text} among {keys}"
        recognised = outcome.assignment.id if outcome.assignment else None
        if recognised != self.assignment and wanted == "graded":
            yield f"taken for {recognised}, not {self.assignment}"
            return
        if outcome.grade is not None and wanted == "graded":
            yield from self._verdicts(outcome)
        if twin is not None:
            yield from _unequal(outcome, twin)
        for text in self.expected.get("not_in_output", ()):
            if outcome.evidence and any(text in cell.output_text for cell in outcome.evidence.cells):
                yield f"a cell's output holds {text!r}"

    def _verdicts(self, outcome: Outcome) -> Iterator[str]:
        assert outcome.grade is not None
        for check, status in self.expected.get("checks", {}).items():
            result = outcome.grade.of(check).result
            if result.status != status and not (self.twin and result.status == "review"):
                yield f"{check}: {result.status}, not {status} ({result.message.key})"
            wanted = self.expected.get("fraction", {}).get(check)
            if wanted is not None and abs(float(result.fraction) - wanted) > TOLERANCE:
                yield f"{check}: {float(result.fraction):.3f}, not {wanted}"


def _unequal(outcome: Outcome, twin: Outcome) -> Iterator[str]:
    """A trick earns, check by check, what its twin earns."""
    if outcome.grade is None or twin.grade is None:
        yield "no grade, or its twin has none"
        return
    for exercise in twin.grade.exercises:
        for honest in exercise.scored:
            tricked = outcome.grade.of(honest.result.check)
            if tricked.earned != honest.earned:
                yield (
                    f"{honest.result.check}: {tricked.earned} points ({tricked.result.status}), "
                    f"its twin {honest.earned} ({honest.result.status})"
                )


def samples(*, blind: bool = True, others: bool = True) -> Iterator[Sample]:
    """Every sample: those written blind, then the broken and hostile ones."""
    for kind in (*(BLIND if blind else ()), *(build.FOLDERS if others else ())):
        for path in sorted((HERE / kind).glob("*/expected.toml")):
            yield Sample(path.parent.name, path.parent, tomllib.loads(path.read_text(encoding="utf-8")))


def grade(shop: Workshop, folder: Path) -> dict[str, Outcome]:
    """Outcomes of a class by the students' LMS numbers."""
    submissions = collect(folder, scratch=shop.out / "scratch", score=fit_for(shop.course, None))
    with shop.book() as book:
        grader = Grader(shop.course, book, shop.store, shop.served, shop.bench, shop.settings)
        with book.run("samples") as held:
            outcomes = list(grader.grade(held, submissions))
    return {outcome.submission.student.lms_id or "": outcome for outcome in outcomes}


def differences(wanted: Iterable[Sample], outcomes: Mapping[str, Outcome]) -> list[str]:
    """All that is not as written down, over a whole class; a sample without an outcome is lost."""
    known = {sample.slug: outcomes.get(sample.number) for sample in wanted}
    found = []
    for sample in wanted:
        outcome = known[sample.slug]
        if outcome is None:
            found.append(f"{sample.slug}: lost")
        else:
            found += sample.differences(outcome, known.get(sample.twin or ""))
    return found


def review_rate(outcomes: Iterable[Outcome]) -> tuple[Decimal, Decimal]:
    """Share of the points of checks a machine can decide that were left to a person, and those points."""
    pending = every = Decimal(0)
    for outcome in outcomes:
        for exercise in outcome.grade.exercises if outcome.grade else ():
            for scored in exercise.scored:
                if not scored.result.check.endswith(".written"):
                    every += scored.points
                    if scored.result.status in {Status.REVIEW, Status.UNGRADED}:
                        pending += scored.points
    return (pending / every if every else Decimal(0)), every

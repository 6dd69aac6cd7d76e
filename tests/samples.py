"""The sample submissions and the verdicts written down beforehand: read, built into a class, compared."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.model.outcome import Outcome

HERE = Path(__file__).parent / "submissions"
BLIND = ("fashion-dense", "fashion-convnet")
NO_BAND = "accuracy.no_band"
TOLERANCE = 0.02
"""Fractions in expected.toml are rounded to three digits."""


@dataclass(frozen=True)
class Sample:
    """One sample submission with what it must get."""

    slug: str
    folder: Path
    assignment: str | None
    expected: dict[str, object]

    @property
    def checks(self) -> dict[str, str]:
        found = self.expected.get("checks", {})
        assert isinstance(found, dict)
        return found

    def hand_in(self, into: Path) -> None:
        """Copy it as one student's folder of a class."""
        target = into / self.slug
        target.mkdir(parents=True)
        for file in self.folder.iterdir():
            if file.name != "expected.toml":
                shutil.copyfile(file, target / file.name)

    def differences(self, outcome: Outcome) -> list[str]:
        """Where the verdicts are not those written down, in words."""
        if outcome.grade is None:
            return [f"{self.slug}: no grade ({outcome.state})"]
        return [d for check, status in self.checks.items() if (d := self._difference(outcome, check, status))]

    def _difference(self, outcome: Outcome, check: str, status: str) -> str:
        assert outcome.grade is not None
        result = outcome.grade.of(check).result
        fractions = self.expected.get("fraction", {})
        assert isinstance(fractions, dict)
        wanted = fractions.get(check)
        if result.message.key == NO_BAND and outcome.evidence and outcome.evidence.data.stand_in:
            return ""  # the stand-in is not calibrated yet: accuracy goes to a person there
        if result.status != status:
            return f"{self.slug} {check}: {result.status}, not {status} ({result.message.key})"
        if wanted is not None and abs(float(result.fraction) - wanted) > TOLERANCE:
            return f"{self.slug} {check}: {float(result.fraction):.3f}, not {wanted}"
        return ""


def blind() -> Iterator[Sample]:
    """Submissions by people who had not seen the grader."""
    for assignment in BLIND:
        for path in sorted((HERE / assignment).glob("*/expected.toml")):
            expected = tomllib.loads(path.read_text(encoding="utf-8"))
            yield Sample(path.parent.name, path.parent, assignment, expected)

"""Written answers: a person marks them; a program says what is blank and what contradicts a fact."""

from __future__ import annotations

import re
from dataclasses import dataclass

from grader.checks.base import Rule, compare
from grader.checks.regions import answer_text, regions
from grader.checks.select import Where
from grader.model.evidence import Evidence, Provenance
from grader.model.expected import Expected
from grader.model.result import CheckResult, Comparison, Status
from grader.model.text import Text


@dataclass(frozen=True, slots=True)
class Invariant:
    """A fact every run shares: a text that matches `wrong` contradicts it."""

    what: Text
    right: str
    wrong: str
    """Regular expression, case-insensitive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written(Rule):
    """A written answer of at least `min_words` words of the student's own is there, for a person to mark."""

    where: Where
    attempted: Rule
    """A check that fails when the exercise was not done: it speaks where no heading marks the answer."""
    min_words: int = 8
    invariants: tuple[Invariant, ...] = ()

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        text = self.text(evidence, expected)
        words = len(re.findall(r"[^\W\d_]{2,}", text))
        if words < self.min_words:
            return self.failed(
                "written.blank" if words == 0 else "written.short", n=words, at_least=self.min_words
            )
        wrong = self._contradictions(text)
        key = "written.contradicts" if wrong else "written.review"
        return self.end(Status.REVIEW, key, comparisons=wrong, n=words)

    def text(self, evidence: Evidence, expected: Expected) -> str:
        """The student's own prose for this exercise.

        In its region where the notebook marks one. Where it does not, all prose of the notebook may hold
        the answer, provided that the exercise was attempted at all: a person will find it.
        """
        own = regions(evidence, self.where.exercises)
        boilerplate = frozenset(expected.boilerplate)
        if self.where.exercise in own.values():
            inside = [c for c in evidence.cells if own.get(c.index) == self.where.exercise]
            return answer_text(inside, boilerplate)
        if self.attempted(evidence, expected).status is Status.FAILED:
            return ""
        return answer_text(evidence.cells, boilerplate)

    def _contradictions(self, text: str) -> tuple[Comparison, ...]:
        found = []
        for fact in self.invariants:
            match = re.search(fact.wrong, text, re.IGNORECASE)
            if match:
                found.append(
                    compare(
                        "written.invariant",
                        fact.right,
                        match[0],
                        Provenance.CLAIMED,
                        agrees=False,
                        what_es=fact.what.es,
                        what_en=fact.what.en,
                    )
                )
        return tuple(found)

"""Checks of predictions: made by a trained net, and read as the student's code says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from grader.checks.base import Rule, code_runs, compare
from grader.checks.select import Where
from grader.model.evidence import Evidence, Provenance
from grader.model.expected import Expected
from grader.model.result import CheckResult, Status
from grader.model.source import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted(Rule):
    """A trained net predicted test images."""

    where: Where

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        calls = evidence.predictions
        if any(p.trained and (p.x.test or p.x.unknown) for p in calls):
            return self.passed("predict.passed")
        if any(p.trained for p in calls):
            return self.failed("predict.not_test")
        return self.failed("predict.untrained" if calls else "predict.absent")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedClass(Rule):
    """A cell showed the name of the class that the net predicts for one test image."""

    where: Where
    row: int

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        shown = self._shown(evidence)
        if not shown:
            return self.failed("named.absent", row=self.row)
        predicted = self._predicted(evidence)
        right = shown & predicted if predicted else shown
        name = min(right or shown)
        if len(shown) > FEW_NAMES:
            return self.review("named.many", row=self.row)
        if not predicted:
            if not any(p.trained for p in evidence.predictions):
                return self.failed("predict.absent")
            return self.review("named.unverified", name=name, row=self.row)
        row = compare(
            "named.row", " / ".join(sorted(predicted)), name, Provenance.VERIFIED, agrees=bool(right)
        )
        if right:
            return self.passed("named.passed", comparisons=(row,), name=name, row=self.row)
        return self.failed("named.other", comparisons=(row,), name=name, row=self.row)

    def _shown(self, evidence: Evidence) -> set[str]:
        """The class names printed by the first cell that looks at the argmax of that row.

        The argmax may have been taken in an earlier cell: variables and functions carry it on.
        """
        names = {name for names in class_names(evidence) for name in names}
        row = re.compile(rf"(?<![\w.]){self.row}(?![\w.])")
        of_argmax: set[str] = set()
        of_row: set[str] = set()
        for cell in evidence.cells:
            code = _uncommented(cell.source) if cell.kind == "code" else ""
            used = set(re.findall(r"[^\W\d]\w*", code))
            argmax = "argmax" in used or bool(used & of_argmax)
            at_row = bool(row.search(code)) or bool(used & of_row)
            if argmax and at_row and cell.ran and (said := _said(names, cell.output_text)):
                return said
            of_argmax |= _assigned(cell.source) if argmax else set()
            of_row |= _assigned(cell.source) if argmax and at_row else set()
        return set()

    def _predicted(self, evidence: Evidence) -> set[str]:
        """What each rebuilt net says of that row, by the student's own class names."""
        tops = {
            e.verified.top[self.row]
            for e in evidence.episodes
            if e.verified and len(e.verified.top) > self.row
        }
        return {names[top] for names in class_names(evidence) for top in tops if 0 <= top < len(names)}


FEW_NAMES = 3
"""A cell that answers shows the predicted name and perhaps the true one; the whole list is no answer."""


def _said(names: set[str], output: str) -> set[str]:
    """The names that stand in an output as words of their own ("Shirt" is not in "T-shirt/top")."""
    return {n for n in names if n and re.search(rf"(?<![\w-]){re.escape(n)}(?![\w/])", output, re.IGNORECASE)}


def _uncommented(source: str) -> str:
    """A cell's source without its comments: a comment computes nothing."""
    return re.sub(r"#[^\n]*", "", source)


def class_names(evidence: Evidence) -> tuple[tuple[str, ...], ...]:
    """Every list of ten names that the notebook writes down: people translate them and keep both."""
    lists = (names for cell in evidence.cells if cell.kind == "code" for names in _string_lists(cell.source))
    return tuple(dict.fromkeys(names for names in lists if len(names) == 10))


def _assigned(source: str) -> set[str]:
    """Names of the variables and functions that a cell's top level defines."""
    found: set[str] = set()
    for node in _parsed(source):
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)}
    return found


def _parsed(source: str) -> list[ast.stmt]:
    """The statements of a cell; [] when it is no Python."""
    code = re.sub(r"^[ \t]*[%!].*$", "", source, flags=re.MULTILINE)
    tree = parse(code)
    return tree.body if tree else []


def _string_lists(source: str) -> Iterator[tuple[str, ...]]:
    for node in (n for statement in _parsed(source) for n in ast.walk(statement)):
        if isinstance(node, ast.List | ast.Tuple):
            values = [e.value for e in node.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
            if values and len(values) == len(node.elts):
                yield tuple(values)
        elif isinstance(node, ast.Dict):
            texts = [v.value for v in node.values if isinstance(v, ast.Constant) and isinstance(v.value, str)]
            if len(texts) == len(node.values) == 10:
                yield tuple(texts)

"""Checks of predictions: made by a trained net, and read as the student's code says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.checks.base import Rule, code_runs, compare
from grader.checks.evaluated import of_test
from grader.checks.select import Where, behind
from grader.checks.source import assigned, executed, functions, names, ran
from grader.model.evidence import Cell, Evidence, Prediction, Provenance
from grader.model.expected import Expected
from grader.model.result import CheckResult, Status

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted(Rule):
    """A trained net predicted test images: served ones, or resized ones of a net that learned from such."""

    where: Where

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        calls = [p for p in evidence.predictions if p.trained]
        if not calls:
            return self.failed("predict.untrained" if evidence.predictions else "predict.absent")
        if any(_of_test(evidence, p) for p in calls):
            return self.passed("predict.passed")
        if any(p.x.unknown for p in calls):
            # Images of one's own, resized ones or noise: a program cannot tell them apart.
            return self.review("predict.untold")
        return self.failed("predict.not_test")


def _of_test(evidence: Evidence, prediction: Prediction) -> bool:
    nets = behind(evidence, prediction)
    trainings = [e for e in evidence.episodes if e.model in nets]
    return prediction.x.test > prediction.x.unknown or any(of_test(prediction.x, e) for e in trainings)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedClass(Rule):
    """A cell showed the name of the class that the net predicts for one test image."""

    where: Where
    row: int

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        certain = self._shown(evidence, perhaps=False)
        shown = certain or self._shown(evidence, perhaps=True)
        if not shown:
            return self.failed("named.absent", row=self.row)
        if len(shown) > FEW_NAMES:
            return self.review("named.many", row=self.row)
        predicted = self._predicted(evidence)
        right = shown & predicted if predicted else shown
        name = min(right or shown)
        if not any(p.trained for p in evidence.predictions):
            return self.failed("predict.absent")
        if not predicted or not certain or _ambiguous(evidence, name):
            return self.review("named.unverified", name=name, row=self.row)
        row = compare(
            "named.row", " / ".join(sorted(predicted)), name, Provenance.VERIFIED, agrees=bool(right)
        )
        if right:
            return self.passed("named.passed", comparisons=(row,), name=name, row=self.row)
        return self.failed("named.other", comparisons=(row,), name=name, row=self.row)

    def _shown(self, evidence: Evidence, *, perhaps: bool) -> set[str]:
        """The class names printed by the first cell that looks at the argmax of that row.

        The argmax may have been taken in an earlier cell: variables and functions carry it on.
        """
        known = {name for listed in class_names(evidence, perhaps=perhaps) for name in listed}
        of_argmax, of_row = {"argmax"}, set[str]()
        for cell in evidence.cells:
            body = ran(evidence, cell, perhaps=perhaps)
            for function in functions(body):
                argmax, at_row = self._looks(function.body, of_argmax, of_row, perhaps=perhaps)
                of_argmax |= {function.name} if argmax else set()
                of_row |= {function.name} if argmax and at_row else set()
            argmax, at_row = self._looks(body, of_argmax, of_row, perhaps=perhaps)
            if argmax and at_row:
                said = _said(known, cell.output_text)
                # A name typed beside the argmax is not read off it; then a person looks.
                said -= set() if perhaps else _said(known, " ".join(_typed(body)))
                if said:
                    return said
            of_argmax |= assigned(body) if argmax else set()
            of_row |= assigned(body) if at_row and argmax else self._named_row(body)
        return set()

    def _looks(
        self, body: Sequence[ast.stmt], of_argmax: set[str], of_row: set[str], *, perhaps: bool
    ) -> tuple[bool, bool]:
        """Whether code takes an argmax, and whether it looks at that row."""
        nodes = list(executed(body, perhaps=perhaps))
        used = names(nodes)
        at_row = any(isinstance(n, ast.Constant) and n.value == self.row for n in nodes)
        return bool(used & of_argmax), at_row or bool(used & of_row)

    def _named_row(self, body: Sequence[ast.stmt]) -> set[str]:
        """Variables that are that row's number: `n = 10`."""
        of_number = [
            s
            for s in body
            if isinstance(s, ast.Assign) and isinstance(s.value, ast.Constant) and s.value.value == self.row
        ]
        return assigned(of_number)

    def _predicted(self, evidence: Evidence) -> set[str]:
        """What the nets that were asked for predictions say of that row, by the student's own class names."""
        used = {serial for p in evidence.predictions if p.trained for serial in behind(evidence, p)}
        tops = {
            e.verified.top[self.row]
            for e in evidence.episodes
            if e.model in used and e.verified and len(e.verified.top) > self.row
        }
        return {listed[top] for listed in class_names(evidence) for top in tops if 0 <= top < len(listed)}


FEW_NAMES = 3
"""A cell that answers shows the predicted name and perhaps the true one; the whole list is no answer."""


def _said(known: set[str], output: str) -> set[str]:
    """The names that stand in an output as words of their own ("Shirt" is not in "T-shirt/top")."""
    return {n for n in known if n and re.search(rf"(?<![\w-]){re.escape(n)}(?![\w/])", output, re.IGNORECASE)}


def class_names(evidence: Evidence, *, perhaps: bool = False) -> tuple[Names, ...]:
    """Every list of ten names that the notebook writes down: people translate them and keep both.

    Args:
        perhaps: those as well that stand in functions, or where it cannot be told whether they were made.
    """
    lists = (listed for cell in evidence.cells for listed in _lists(evidence, cell, perhaps=perhaps))
    return tuple(dict.fromkeys(listed for listed in lists if len({_plain(name) for name in listed}) == 10))


def _ambiguous(evidence: Evidence, name: str) -> bool:
    """Whether the notebook's lists give a name to more than one class: then any net's answer is right."""
    lists = class_names(evidence, perhaps=True)
    return len({i for listed in lists for i, one in enumerate(listed) if _plain(one) == _plain(name)}) > 1


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _lists(evidence: Evidence, cell: Cell, *, perhaps: bool) -> Iterator[Names]:
    """The lists of texts that one cell writes down."""
    bodies = [ran(evidence, cell, perhaps=perhaps)]
    bodies += [function.body for function in functions(bodies[0])] if perhaps else []
    for node in (n for body in bodies for n in executed(body, perhaps=perhaps)):
        texts = _texts(node)
        if texts:
            yield texts


def _texts(node: ast.AST) -> Names:
    """The elements of a list, a tuple or a dictionary of texts; () for anything else."""
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Dict(values=elements):
            texts = [e.value for e in elements if isinstance(e, ast.Constant) and isinstance(e.value, str)]
            return tuple(texts) if len(texts) == len(elements) else ()
    return ()


def _typed(body: Sequence[ast.stmt]) -> Iterator[str]:
    """Texts of a cell that are no element of a list of names."""
    nodes = list(executed(body))
    listed = {id(child) for n in nodes if len(_texts(n)) == 10 for child in ast.iter_child_nodes(n)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in listed:
            yield node.value

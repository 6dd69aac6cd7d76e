"""Checks of predictions: made by a trained net, and read as the student's code says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from grader.checks.base import Rule, code_runs, compare
from grader.checks.displayed import PRINTING, shown_by, with_functions
from grader.checks.evaluated import of_test
from grader.checks.select import Where, behind
from grader.checks.source import assigned, derived, executed, functions, names, ran
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
        predicted = self._predicted(evidence)
        certain, picked = self._shown(evidence, perhaps=False)
        shown = certain or self._shown(evidence, perhaps=True)[0]
        if not shown:
            several = _of_several(evidence)
            # One image of many, named in a loop: which name is this row's is for a person to see.
            if len(several) > 1 and (several & predicted or not predicted):
                return self.review("named.many", row=self.row)
            return self.failed("named.absent", row=self.row)
        if len(shown) > FEW_NAMES or (len(shown) > 1 and picked):
            return self.review("named.many", row=self.row)
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

    def _shown(self, evidence: Evidence, *, perhaps: bool) -> tuple[set[str], bool]:
        """(class names shown by the first cell that looks at the argmax of that row, whether they were
        picked by hand).

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
                # A name typed beside the argmax is not read off it; then a person looks.
                said = _shown_names(known, evidence, cell, typed=() if perhaps else _typed(body))
                if said:
                    return said, _picked(evidence, cell)
            of_argmax |= assigned(body) if argmax else set()
            of_row |= assigned(body) if at_row and argmax else self._named_row(body)
        return set(), False

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


WRITING = PRINTING | {"title", "set_title", "suptitle", "xlabel", "set_xlabel", "text", "annotate", "set"}
FEW_NAMES = 3
"""A cell that answers shows the predicted name and perhaps the true one; the whole list is no answer."""


def _shown_names(known: set[str], evidence: Evidence, cell: Cell, typed: Iterable[str]) -> set[str]:
    """The names that a cell printed; where it printed none, those that it wrote on its figures."""
    axes = [axes for figure in evidence.figures if figure.cell == cell.index for axes in figure.axes]
    written = dict.fromkeys(text for one in axes for text in (one.title, one.xlabel, one.ylabel))
    by_hand = _said(known, " ".join(typed))
    return _said(known, cell.output_text) - by_hand or _said(known, "\n".join(written)) - by_hand


def _of_several(evidence: Evidence) -> set[str]:
    """The class names shown by the first cell that shows some and looks them up by an argmax."""
    known = {name for listed in class_names(evidence) for name in listed}
    bodies = [ran(evidence, cell) for cell in evidence.cells]
    of_argmax = derived(bodies, {"argmax"})
    for cell, body in zip(evidence.cells, bodies, strict=True):
        if any(_read(at.slice) & of_argmax for at in _lookups(body, bodies)):
            said = _shown_names(known, evidence, cell, _typed(body))
            if said:
                return said
    return set()


def _picked(evidence: Evidence, cell: Cell) -> bool:
    """Whether a cell looks several names up by numbers that were typed, or none by an argmax."""
    bodies = [ran(evidence, one) for one in evidence.cells]
    body = ran(evidence, cell)
    lookups = [at for at in _lookups(body, bodies) if _read(at.value) & _lists_of_names(bodies)]
    if not lookups:  # looked up in a way that we do not read
        return False
    typed = {ast.unparse(at.slice) for at in lookups if not _read(at.slice)}
    seen = {name for node in shown_by(body, bodies, WRITING) for name in _read(node)}
    return len(typed) > 1 or not seen & derived(bodies, {"argmax"})


def _lookups(body: Sequence[ast.stmt], bodies: Sequence[Sequence[ast.stmt]]) -> list[ast.Subscript]:
    return [node for node in with_functions(body, bodies) if isinstance(node, ast.Subscript)]


def _lists_of_names(bodies: Sequence[Sequence[ast.stmt]]) -> set[str]:
    """The variables that were given a list of ten names."""
    given = (n for body in bodies for n in executed(body, perhaps=True) if isinstance(n, ast.Assign))
    return {
        name for one in given if any(len(_texts(n)) == 10 for n in ast.walk(one)) for name in assigned([one])
    }


def _read(node: ast.AST) -> set[str]:
    return names(list(ast.walk(node)))


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
    """The elements of a list, a tuple or a dictionary of texts, or of a text split; () for anything else."""
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Dict(values=elements):
            texts = [e.value for e in elements if isinstance(e, ast.Constant) and isinstance(e.value, str)]
            return tuple(texts) if len(texts) == len(elements) else ()
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="split"), args=given):
            match given:
                case []:
                    return tuple(text.split())
                case [ast.Constant(value=str(between))] if between:
                    return tuple(part.strip() for part in text.split(between))
    return ()


def _typed(body: Sequence[ast.stmt]) -> Iterator[str]:
    """Texts of a cell that are no element of a list of names."""
    nodes = list(executed(body))
    listed = {id(child) for n in nodes if len(_texts(n)) == 10 for child in ast.walk(n)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in listed:
            yield node.value

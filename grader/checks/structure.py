"""Checks of networks: the one asked for, another one, one output per layer."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from grader.checks.architecture import Difference, credit, differences, fixes_size, size
from grader.checks.base import Rule, code_runs, compare
from grader.checks.select import Where, learned, same_network
from grader.model.evidence import BuiltModel, Episode, Evidence, Provenance
from grader.model.expected import Expected, ExpectedModel
from grader.model.graph import Graph
from grader.model.result import CheckResult, Comparison, Status
from grader.model.text import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture(Rule):
    """The network has the expected layers; each one that deviates costs a third of the points.

    `trained` asks for a network that was trained; else building it is enough.
    """

    where: Where
    trained: bool = True
    scaled: bool = False

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        models = expected.models_for(self.id)
        if not models:
            return self.end(Status.UNGRADED, "structure.no_reference")
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        found = self._find(evidence, expected)
        if found is None:
            return self.failed("structure.absent", hint=Message("structure.absent.hint"))
        model = min(models, key=lambda m: len(differences(m.graph, found.graph, scaled=self.scaled)))
        edits = differences(model.graph, found.graph, scaled=self.scaled)
        rows = _comparisons(model, found, edits, scaled=self.scaled)
        if not edits and not all(row.agrees for row in rows) and fixes_size(model.graph):
            return self.review("structure.size", comparisons=rows)
        return self.earned(
            credit(len(edits)),
            ("structure.passed", "structure.differs", "structure.differs"),
            comparisons=rows,
            hint=_hint(edits),
            episode=found.number if isinstance(found, Episode) else None,
            n=len(edits),
        )

    def _find(self, evidence: Evidence, expected: Expected) -> Episode | BuiltModel | None:
        if self.trained:
            return self.where.training(evidence, expected)
        return self.where.network(evidence, expected)


def _comparisons(
    model: ExpectedModel, found: Episode | BuiltModel, edits: tuple[Difference, ...], *, scaled: bool
) -> tuple[Comparison, ...]:
    rows = [
        compare("structure.layer", e.expected or "—", e.observed or "—", Provenance.OBSERVED, agrees=False)
        for e in edits
    ]
    verified = found.verified if isinstance(found, Episode) else None
    provenance = Provenance.VERIFIED if verified else Provenance.OBSERVED
    params = verified.params if verified else found.graph.params
    if not scaled:
        same = params == model.params or size(found.graph) == size(model.graph)
        rows.append(compare("structure.params", f"{model.params:,}", f"{params:,}", provenance, agrees=same))
    return tuple(rows)


def _hint(edits: tuple[Difference, ...]) -> Message | None:
    if not edits:
        return None
    first = edits[0]
    if first.observed is None:
        return Message("structure.hint.missing", {"layer": str(first.expected)})
    if first.expected is None:
        return Message("structure.hint.extra", {"layer": str(first.observed)})
    if first.expected.kind == first.observed.kind and first.observed.activation == "linear":
        return Message("structure.hint.activation", {"layer": str(first.expected)})
    return Message("structure.hint.replace", {"layer": str(first.expected), "yours": str(first.observed)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Different(Rule):
    """Another trained network whose architecture is not that of an earlier exercise."""

    where: Where
    base: Where

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        found = another(self.where, self.base, evidence, expected)
        if found is None:
            return self.failed("different.absent", exercise=self.exercise)
        first = self.base.training(evidence, expected)
        if first is not None and same_network(first.graph, found.graph):
            return self.failed("different.same", episode=found.number, exercise=self.base.exercise)
        return self.passed(
            "different.passed",
            episode=found.number,
            comparisons=_described(first.graph if first else None, found.graph),
        )


def another(where: Where, base: Where, evidence: Evidence, expected: Expected) -> Episode | None:
    """The training of an open-ended exercise: in its region, else one that is nobody else's net."""
    first = base.training(evidence, expected)
    others = {e.number for rival in where.rivals if (e := rival.training(evidence, expected))}
    rest = [e for e in learned(evidence) if e.completed and (first is None or e.number != first.number)]
    inside = [e for e in rest if where.in_region(evidence, e.cell)]
    free = inside or [e for e in rest if e.number not in others and _anywhere(where, evidence)]
    fresh = [e for e in free if first is None or not same_network(first.graph, e.graph)]
    return next(iter(fresh or free), None)


def _anywhere(where: Where, evidence: Evidence) -> bool:
    """Without a marker for the exercise its work may be anywhere."""
    return where.cells(evidence) is None


def _described(first: Graph | None, found: Graph) -> tuple[Comparison, ...]:
    if first is None:
        return ()
    row = compare(
        "different.params", f"{first.params:,}", f"{found.params:,}", Provenance.OBSERVED, agrees=True
    )
    return (row,)


@dataclass(frozen=True, slots=True, kw_only=True)
class EveryLayerExposed(Rule):
    """Models that return the output of every layer of a trained network; the share reached is earned."""

    where: Where

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        best: tuple[Fraction, tuple[str, ...], int] = (Fraction(0), (), 0)
        nets = {e.model: e.graph for e in evidence.episodes if not self.where.follows(evidence, e.cell)}
        for serial, graph in nets.items():
            reached, missing, total = _exposed(evidence, serial, graph)
            if total and Fraction(reached, total) > best[0]:
                best = (Fraction(reached, total), missing, total)
        share, missing, total = best
        return self.earned(
            share,
            ("exposed.passed", "exposed.partial", "exposed.failed"),
            hint=Message("exposed.hint"),
            n=round(share * total),
            total=total,
            missing=", ".join(missing[:8]) or "—",
        )


def _exposed(evidence: Evidence, serial: int, graph: Graph) -> tuple[int, tuple[str, ...], int]:
    """(layers whose output some model returns, kinds of those missing, layers in all)."""
    wanted = {i for i, layer in enumerate(graph.layers) if layer.kind != "InputLayer"}
    sources = [m.exposes for m in evidence.models if m.serial != serial]
    sources += [p.exposes for p in evidence.predictions]
    seen = {position for exposes in sources for s, position in exposes if s == serial}
    if not seen & wanted:
        return 0, (), len(wanted)
    # What the network itself returns needs no second model.
    seen |= set(graph.outputs) if any(p.model == serial for p in evidence.predictions) else set()
    missing = tuple(graph.layers[i].kind for i in sorted(wanted - seen))
    return len(wanted & seen), missing, len(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeveralInputs(Rule):
    """Activations were computed for more than one input image."""

    where: Where
    at_least: int = 2

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        calls = [p for p in evidence.predictions if p.exposes and not self.where.follows(evidence, p.cell)]
        batches = {p.x_id: p.x_distinct for p in calls}
        # Two calls on one image each are two images when the images differ.
        seen = max(max(batches.values(), default=0), len(batches))
        if seen >= self.at_least:
            return self.passed("inputs.passed", n=seen)
        return self.failed("inputs.failed", n=seen, at_least=self.at_least)

"""Checks of networks: the one asked for, another one, one output per layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from grader.checks.architecture import (
    Difference,
    credit,
    differences,
    due,
    fixes_size,
    same_input,
    size,
    sure,
)
from grader.checks.base import Rule, code_runs, compare
from grader.checks.drawing import Drawn
from grader.checks.layers import closed, judged
from grader.checks.select import Where, learned, on_few_rows, same_network, trained_part
from grader.checks.toys import toys
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
        compilation = found.compilation
        graph = judged(found.graph, compilation.loss.kind if compilation else "")
        if graph is None:
            return self.review("structure.outputs", episode=_number(found))
        return self._judge(models, found, graph)

    def _judge(
        self, models: tuple[ExpectedModel, ...], found: Episode | BuiltModel, graph: Graph
    ) -> CheckResult:
        model, edits = min(
            ((m, differences(m.graph, graph, scaled=self.scaled)) for m in models),
            key=lambda pair: (len(sure(pair[1])), len(pair[1])),
        )
        seen = sure(edits)
        rows = _comparisons(model, found, graph, seen, scaled=self.scaled)
        same_size = all(row.agrees for row in rows)
        doubt = self._doubt(model.graph, graph, edits, same_size=same_size)
        if doubt:
            asked, given = str(model.graph.input_shape), str(graph.input_shape)
            return self.review(doubt, comparisons=rows, episode=_number(found), asked=asked, given=given)
        return self.earned(
            credit(len(seen)),
            ("structure.passed", "structure.differs", "structure.differs"),
            comparisons=rows,
            hint=_hint(seen),
            episode=_number(found),
            n=len(seen),
        )

    def _doubt(
        self, expected: Graph, graph: Graph, edits: tuple[Difference, ...], *, same_size: bool
    ) -> str | None:
        """Message key of why a person must look; None where what was seen settles it."""
        if sure(edits):
            # A layer of the student's own may hold several of those asked for: as many weights say so.
            whole = size(graph) == size(expected) and any(closed(graph, layer) for layer in graph.layers)
            return "structure.unseen" if whole else None
        if self.scaled:
            return "structure.unseen" if edits else None
        if not same_size:
            return "structure.size"
        if any(edit.observed is not None for edit in edits):
            return "structure.unseen"
        # What is missing has no weights, and the sizes around it say that it is there.
        if fixes_size(expected) and not same_input(expected, graph):
            return "structure.input"
        return None

    def _find(self, evidence: Evidence, expected: Expected) -> Episode | BuiltModel | None:
        if self.trained:
            return self.where.training(evidence, expected)
        return self.where.network(evidence, expected)


def _number(found: Episode | BuiltModel) -> int | None:
    return found.number if isinstance(found, Episode) else None


def _comparisons(
    model: ExpectedModel,
    found: Episode | BuiltModel,
    graph: Graph,
    edits: tuple[Difference, ...],
    *,
    scaled: bool,
) -> tuple[Comparison, ...]:
    rows = [
        compare("structure.layer", e.expected or "—", e.observed or "—", Provenance.OBSERVED, agrees=False)
        for e in edits
    ]
    if not scaled:
        rows.append(_parameters(model, found, graph))
    return tuple(rows)


def _parameters(model: ExpectedModel, found: Episode | BuiltModel, graph: Graph) -> Comparison:
    """The number of parameters: as expected, or what these layers have on the student's own maps."""
    verified = found.verified if isinstance(found, Episode) and graph is found.graph else None
    provenance = Provenance.VERIFIED if verified else Provenance.OBSERVED
    params = verified.params if verified else graph.params
    asked = model.params
    if params == asked or size(graph) == size(model.graph):
        return compare("structure.params", f"{asked:,}", f"{params:,}", provenance, agrees=True)
    if not fixes_size(model.graph) and params == graph.params:
        asked = params - size(graph) + due(graph)
    return compare("structure.params", f"{asked:,}", f"{params:,}", provenance)


def _hint(edits: tuple[Difference, ...]) -> Message | None:
    if not edits:
        return None
    first = edits[0]
    if first.observed is None:
        return Message("structure.hint.missing", {"layer": str(first.expected)})
    if first.expected is None:
        return Message("structure.hint.extra", {"layer": str(first.observed)})
    forgotten = replace(first.observed, activation=first.expected.activation) == first.expected
    if forgotten and first.observed.activation == "linear":
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
        if first is not None and same_network(trained_part(first), trained_part(found)):
            return self.failed("different.same", episode=found.number, exercise=self.base.exercise)
        return self.passed(
            "different.passed",
            episode=found.number,
            comparisons=_described(first.graph if first else None, found.graph),
        )


def another(where: Where, base: Where, evidence: Evidence, expected: Expected) -> Episode | None:
    """The training of an open-ended exercise: in its region, else one that is nobody else's net."""
    first = base.training(evidence, expected)
    rivals = {e.number for rival in where.rivals if (e := rival.training(evidence, expected))}
    rest = [e for e in learned(evidence) if e.completed and (first is None or e.number != first.number)]
    inside = [e for e in rest if where.in_region(evidence, e.cell)]
    # One training answers one exercise, wherever it stands.
    mine = [e for e in inside if e.number not in rivals]
    mine = mine or [
        e for e in rest if e.number not in rivals and _may_answer(where, evidence, e, taken=bool(inside))
    ]
    fresh = [e for e in mine if first is None or not same_network(trained_part(first), trained_part(e))]
    return next(iter(fresh or mine), None)


def _may_answer(where: Where, evidence: Evidence, episode: Episode, *, taken: bool) -> bool:
    """Whether a training outside an open-ended exercise's region may answer it.

    Args:
        taken: what stands in the region is another exercise's: the headings are not to be relied on.
    """
    if where.unmarked(evidence):
        return True
    if taken:
        return not where.follows(evidence, episode.cell) and not on_few_rows(episode, evidence.episodes)
    # Only its text is marked: its code is anywhere that is not somebody else's.
    return where.cells(evidence) is None and not where.owned(evidence, episode.cell)


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
        slight = toys(self.where, evidence, expected)
        nets = {e.model: e.graph for e in evidence.episodes if not self.where.follows(evidence, e.cell)}
        found = {serial: _exposed(evidence, serial, graph) for serial, graph in nets.items()}
        real = [each for serial, each in found.items() if serial not in slight]
        share, missing, total = max(real, key=lambda each: each[0], default=(Fraction(0), (), 0))
        if not share and any(found[serial][0] for serial in slight & found.keys()):
            return self.failed("exposed.toy", hint=Message("exposed.hint"))
        return self.earned(
            share,
            ("exposed.passed", "exposed.partial", "exposed.failed"),
            hint=Message("exposed.hint"),
            n=round(share * total),
            total=total,
            missing=", ".join(missing[:8]) or "—",
        )


def _exposed(evidence: Evidence, serial: int, graph: Graph) -> tuple[Fraction, tuple[str, ...], int]:
    """(share of the layers whose output some model returns, kinds of those missing, layers in all)."""
    wanted = {i for i, layer in enumerate(graph.layers) if layer.kind != "InputLayer"}
    sources = [m.exposes for m in evidence.models if m.serial != serial]
    sources += [p.exposes for p in evidence.predictions]
    seen = {position for exposes in sources for s, position in exposes if s == serial}
    if not seen & wanted:
        return Fraction(0), (), len(wanted)
    # What the network itself returns needs no second model.
    seen |= set(graph.outputs) if any(p.model == serial for p in evidence.predictions) else set()
    missing = tuple(graph.layers[i].kind for i in sorted(wanted - seen))
    return Fraction(len(wanted & seen), len(wanted)), missing, len(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeveralInputs(Rule):
    """Activations were computed for more than one input image."""

    where: Where
    at_least: int = 2

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        slight = toys(self.where, evidence, expected)
        calls = [
            p
            for p in evidence.predictions
            if {serial for serial, _ in p.exposes} - slight and not self.where.follows(evidence, p.cell)
        ]
        batches = {p.x_id: p.x_distinct for p in calls}
        # Two calls on one image each are two images when the images differ.
        seen = max(max(batches.values(), default=0), len(batches))
        if seen >= self.at_least:
            return self.passed("inputs.passed", n=seen)
        before = (cell.index for cell in evidence.cells if not self.where.follows(evidence, cell.index))
        if not calls and Drawn(evidence, frozenset(before)).by_layers:
            return self.review("inputs.untold")
        return self.failed("inputs.failed", n=seen, at_least=self.at_least)

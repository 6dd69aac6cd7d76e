"""Networks too slight to look into: an exercise that opens an earlier one's network means a real one."""

from __future__ import annotations

from grader.checks.layers import SPATIAL
from grader.checks.select import Where, on_few_rows
from grader.model.evidence import Evidence
from grader.model.expected import Expected
from grader.model.graph import Graph


def toys(where: Where, evidence: Evidence, expected: Expected) -> frozenset[int]:
    """Serials of trained models that neither are an earlier exercise's answer nor could be one.

    Renamed, rebuilt, another exercise's or changed: any network will do that learned from more than a handful
    of images and has at least half as many layers with maps as the earlier exercise asks for.
    """
    before = [r for r in where.rivals if r.precedes(where)]
    own = [e for base in before for e in base.tries(evidence, expected)]
    asked = [m.graph for base in before if base.like for m in expected.models_for(base.like)]
    fewest = min((_maps(graph) for graph in [*asked, *(e.graph for e in own)]), default=0) / 2 if own else 0
    every = evidence.episodes
    sound = {e.model for e in every if _maps(e.graph) >= fewest and not on_few_rows(e, every)}
    sound |= {e.model for e in own}
    return frozenset(e.model for e in every if e.model not in sound) if before else frozenset()


def _maps(graph: Graph) -> int:
    return sum(layer.kind in SPATIAL for layer in graph.layers)

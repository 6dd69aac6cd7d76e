"""Which training a check is about: by exercise region, then structure, then the starter's names last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from grader.checks.architecture import differences, folded, signature, sure
from grader.checks.layers import judged
from grader.checks.regions import regions
from grader.model.evidence import BuiltModel, Episode, Evidence, Prediction
from grader.model.expected import Expected
from grader.model.graph import Graph

FAR = 10**6
PLAUSIBLE = 3
"""Layer edits up to which a network that no heading claims can be taken for an exercise's."""
MANY_ROWS = 1000
"""Rows from which a training is one in earnest, however many others have: a sixtieth of Fashion-MNIST."""
T = TypeVar("T", Episode, BuiltModel)


@dataclass(frozen=True, slots=True)
class Where:
    """Where the work of an exercise is looked for.

    `like` is the structure check whose expected networks tell it from other exercises' work;
    `rivals` are structure checks of other exercises whose network this must not be taken for.
    """

    exercise: str
    exercises: tuple[str, ...]
    """All exercise ids of the assignment, to read its markers."""
    like: str | None = None
    scaled: bool = False
    contract: tuple[str, ...] = ()
    rivals: tuple[Where, ...] = ()

    def cells(self, evidence: Evidence) -> frozenset[int] | None:
        """Cells of the exercise's region; None when the notebook marks none of its code as this one's."""
        found = {i for i, e in regions(evidence, self.exercises).items() if e == self.exercise}
        return (
            frozenset(found) if any(c.kind == "code" and c.index in found for c in evidence.cells) else None
        )

    def unmarked(self, evidence: Evidence) -> bool:
        """Whether nothing in the notebook says where this exercise is."""
        return self.exercise not in regions(evidence, self.exercises).values()

    def owned(self, evidence: Evidence, cell: int) -> bool:
        """Whether a cell stands in some exercise's region."""
        return cell in regions(evidence, self.exercises)

    def follows(self, evidence: Evidence, cell: int) -> bool:
        """Whether a cell stands in a later exercise's region: what is done there does not answer this one."""
        owner = regions(evidence, self.exercises).get(cell)
        return owner is not None and self.exercises.index(owner) > self.exercises.index(self.exercise)

    def precedes(self, other: Where) -> bool:
        """Whether this exercise comes before the other."""
        return self.exercises.index(self.exercise) < self.exercises.index(other.exercise)

    def in_region(self, evidence: Evidence, cell: int) -> bool:
        cells = self.cells(evidence)
        return cells is not None and cell in cells

    def distance(self, graph: Graph, expected: Expected) -> int:
        """Fewest layer edits to any expected network of this exercise; FAR when none is known."""
        models = expected.models_for(self.like) if self.like else ()
        edits = (len(sure(differences(m.graph, graph, scaled=self.scaled))) for m in models)
        return min(edits, default=FAR)

    def nearer(self, candidate: Episode | BuiltModel, other: Where, expected: Expected) -> bool:
        """Whether a network is rather this exercise's than the other's."""
        graph = trained_part(candidate)
        return self.distance(graph, expected) < other.distance(graph, expected)

    def training(self, evidence: Evidence, expected: Expected) -> Episode | None:
        """The training that best answers this exercise; None when there is none."""
        return self._best(evidence, expected, learned(evidence), lambda e: (not e.completed, e.number))

    def trainings(self, evidence: Evidence) -> tuple[Episode, ...]:
        """Every training in the region, or all when the notebook does not mark it.

        One that broke off before its first step trained nothing and is left out.
        """
        cells = self.cells(evidence)
        begun = tuple(e for e in learned(evidence) if e.completed or e.rows_trained)
        return tuple(e for e in begun if cells is None or e.cell in cells) or begun

    def tries(self, evidence: Evidence, expected: Expected) -> tuple[Episode, ...]:
        """Every training of the chosen network where it was looked for: people mend and train again.

        One on a handful of rows is no try beside one on many: it would answer for what the other lacks.
        """
        chosen = self.training(evidence, expected)
        if chosen is None:
            return ()
        pool = self._pool(evidence, expected, learned(evidence))
        alike = [e for e in pool if same_network(trained_part(e), trained_part(chosen))]
        return tuple(e for e in alike if not on_few_rows(e, alike))

    def network(self, evidence: Evidence, expected: Expected) -> BuiltModel | None:
        """The network, trained or not, that best answers this exercise."""
        return self._best(evidence, expected, evidence.models, lambda m: (m.cell, m.serial))

    def _best(
        self,
        evidence: Evidence,
        expected: Expected,
        candidates: tuple[T, ...],
        order: Callable[[T], tuple[int, ...]],
    ) -> T | None:
        return min(
            self._pool(evidence, expected, candidates),
            key=lambda c: (
                self.distance(trained_part(c), expected),
                isinstance(c, Episode) and on_few_rows(c, evidence.episodes),
                not set(self.contract) & set(c.names),
                *order(c),
            ),
            default=None,
        )

    def _pool(self, evidence: Evidence, expected: Expected, candidates: tuple[T, ...]) -> list[T]:
        """What stands in the exercise's region; where nothing does, what may be its answer elsewhere."""
        owner = regions(evidence, self.exercises)
        siblings = [r for r in self.rivals if r.exercise == self.exercise]
        inside = [
            c
            for c in candidates
            if owner.get(c.cell) == self.exercise
            # One exercise may ask for two networks: the one must not be taken for the other.
            and not any(r.nearer(c, self, expected) for r in siblings)
        ]
        if inside and any(self._attempted(c, expected) for c in inside):
            return inside
        outside = [c for c in candidates if self._plausible(c, expected, owner)]
        exact = [c for c in outside if self.distance(trained_part(c), expected) == 0]
        return exact or inside or outside

    def _attempted(self, candidate: Episode | BuiltModel, expected: Expected) -> bool:
        """Whether a network in the region is one for this exercise: headings above others' work mislead."""
        graph = trained_part(candidate)
        others = [m.graph for m in expected.models if m.check.rpartition(".")[0] != self.exercise]
        nearest = min((len(sure(differences(other, graph))) for other in others), default=FAR)
        return self.distance(graph, expected) <= nearest

    def _plausible(
        self, candidate: Episode | BuiltModel, expected: Expected, owner: Mapping[int, str]
    ) -> bool:
        """Whether work outside the exercise's region may still be its answer.

        It must be nearer to this exercise's network than to a rival's, and near enough; where another
        exercise's heading stands above it, it must be the very network (people train in question 4
        what question 3 describes).
        """
        if self.like is None:
            return owner.get(candidate.cell) is None
        if any(rival.nearer(candidate, self, expected) for rival in self.rivals):
            return False
        far = self.distance(trained_part(candidate), expected)
        return far <= (PLAUSIBLE if owner.get(candidate.cell) is None else 0)


def trained_part(candidate: Episode | BuiltModel) -> Graph:
    """The layers of a model that lead to the output it is trained on; all where that cannot be told."""
    compilation = candidate.compilation
    return judged(candidate.graph, compilation.loss.kind if compilation else "") or candidate.graph


def learned(evidence: Evidence) -> tuple[Episode, ...]:
    """The trainings that could teach something: fitting with a learning rate of 0 is none."""
    return tuple(e for e in evidence.episodes if not e.idle)


def same_network(left: Graph, right: Graph) -> bool:
    """Whether two networks learn alike: free layers count here, names and scaling do not."""
    return folded(signature(left)) == folded(signature(right))


def on_few_rows(episode: Episode, others: Iterable[Episode]) -> bool:
    """Whether a training had next to no rows where others of the notebook had many."""
    most = max((e.x.rows for e in others), default=0)
    # Of a stream only its start was seen.
    return episode.x.seen_whole and episode.x.rows < min(MANY_ROWS, most / 2)


def epochs_run(episode: Episode) -> int:
    """Epochs that a training went through: its history has one value for each."""
    return max((len(series) for series in episode.history.values()), default=0)


def behind(evidence: Evidence, prediction: Prediction) -> frozenset[int]:
    """Serials of the models whose weights made a prediction: its own, and those it was put together from."""
    shared = {s for m in evidence.models if m.serial == prediction.model for s in m.shares}
    return frozenset({prediction.model, *shared, *(serial for serial, _ in prediction.exposes)})

"""The check of a loss: it suits what the network gives out and how the labels are written."""

from __future__ import annotations

from dataclasses import dataclass

from grader.checks.base import Rule, code_runs, compare
from grader.checks.select import Where
from grader.checks.structure import another
from grader.model.evidence import Compilation, Episode, Evidence, Provenance
from grader.model.expected import Expected
from grader.model.graph import Graph
from grader.model.result import CheckResult, Status
from grader.model.text import Message

CROSSENTROPIES = {"SparseCategoricalCrossentropy": False, "CategoricalCrossentropy": True}
"""Loss -> whether it takes one-hot labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossFits(Rule):
    """The loss suits what the network gives out and how the labels are written.

    `base`, for an open-ended exercise, is the exercise whose network this one must differ from.
    """

    where: Where
    base: Where | None = None

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        episode = self._episode(evidence, expected)
        if episode is None or episode.compilation is None:
            return self.failed("training.absent")
        wrong = loss_fault(episode.graph, episode.compilation, one_hot=episode.x.one_hot)
        loss = episode.compilation.loss
        row = compare(
            "config.loss",
            "—",
            f"{loss.kind}(from_logits={loss.from_logits})",
            Provenance.OBSERVED,
            agrees=wrong is None,
        )
        if wrong is None:
            return self.passed("loss.passed", comparisons=(row,), episode=episode.number, loss=loss.kind)
        if wrong == "loss.custom":
            return self.review(wrong, comparisons=(row,), episode=episode.number, loss=loss.kind)
        return self.failed(
            wrong, comparisons=(row,), episode=episode.number, hint=Message(f"{wrong}.hint"), loss=loss.kind
        )

    def _episode(self, evidence: Evidence, expected: Expected) -> Episode | None:
        """The training that is judged: of several of the same network a sound one, for people mend."""
        if self.base:
            return another(self.where, self.base, evidence, expected)
        tries = self.where.tries(evidence, expected)
        return next((e for e in tries if _sound(e)), tries[0] if tries else None)


def _sound(episode: Episode) -> bool:
    compilation = episode.compilation
    return (
        compilation is not None and loss_fault(episode.graph, compilation, one_hot=episode.x.one_hot) is None
    )


def loss_fault(graph: Graph, compilation: Compilation, *, one_hot: bool) -> str | None:
    """Message key of what is wrong with a classifier's loss; None when it fits.

    Keras's crossentropies expect probabilities unless `from_logits=True`; the sparse one takes class
    numbers, the other one-hot rows.
    """
    kind, from_logits = compilation.loss.kind, bool(compilation.loss.from_logits)
    if kind not in CROSSENTROPIES:
        return "loss.unsuited" if kind in _UNSUITED else "loss.custom"
    if CROSSENTROPIES[kind] != one_hot:
        return "loss.labels"
    softmax = ends_in_softmax(graph)
    if from_logits and softmax:
        return "loss.softmax_logits"
    if not from_logits and not softmax:
        return "loss.no_softmax"
    return None


_UNSUITED = frozenset(
    """MeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredLogarithmicError
    BinaryCrossentropy BinaryFocalCrossentropy Huber LogCosh Hinge SquaredHinge CosineSimilarity
    Poisson""".split()
)


def ends_in_softmax(graph: Graph) -> bool:
    """Whether what the network returns has been through a softmax."""
    for layer in reversed(graph.layers):
        if layer.kind == "Softmax":
            return True
        activation = layer.config.get("activation")
        if activation not in (None, "linear"):
            return activation == "softmax"
        if layer.kind not in {"Activation", "Reshape", "Identity", "Flatten"}:
            return False
    return False

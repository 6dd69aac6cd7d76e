"""The check of a loss: it suits what the network gives out and how the labels are written."""

from __future__ import annotations

import math
from dataclasses import dataclass

from grader.checks.base import Rule, code_runs, compare
from grader.checks.select import Where, epochs_run
from grader.checks.structure import another
from grader.model.evidence import Compilation, Episode, Evidence, Provenance
from grader.model.expected import Expected
from grader.model.graph import Graph
from grader.model.result import CheckResult, Status
from grader.model.text import Message

CROSSENTROPIES = {"SparseCategoricalCrossentropy": False, "CategoricalCrossentropy": True}
"""Loss -> whether it takes one-hot labels."""
LEARNED = 2 / 3
"""Share of a blind guess's loss that a net without softmax never came down to: trained 30 times on logits
that were taken for probabilities, dense and convolutional, its loss stayed above 0.9 of it."""
FIRST_STEPS = 1500
"""Rows up to which an epoch's mean still shows how a training began: with softmax near a blind guess's
loss, without it above 1.1 times that."""
UNTOLD = frozenset({"loss.custom", "loss.untold"})


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
        wrong = _fault(episode, episode.compilation)
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
        if wrong in UNTOLD:
            return self.review(wrong, comparisons=(row,), episode=episode.number, loss=loss.kind)
        return self.failed(
            wrong, comparisons=(row,), episode=episode.number, hint=Message(f"{wrong}.hint"), loss=loss.kind
        )

    def _episode(self, evidence: Evidence, expected: Expected) -> Episode | None:
        """The training that is judged: of several of the same network a sound one, for people mend."""
        if self.base:
            return another(self.where, self.base, evidence, expected)
        return min(self.where.tries(evidence, expected), key=_standing, default=None)


def _standing(episode: Episode) -> tuple[int, int]:
    """Order of the tries: a sound loss, one that cannot be told, a wrong one; the earliest of each."""
    wrong = _fault(episode, episode.compilation) if episode.compilation else "training.absent"
    return (0 if wrong is None else 1 if wrong in UNTOLD else 2, episode.number)


def _fault(episode: Episode, compilation: Compilation) -> str | None:
    wrong = loss_fault(episode.graph, compilation, one_hot=episode.x.one_hot)
    if wrong == "loss.no_softmax" and not episode.graph.exact:
        # `tf.nn.softmax` in a `call` is no layer.
        return None if _gave_probabilities(episode) else "loss.untold"
    return wrong


def _gave_probabilities(episode: Episode) -> bool:
    """Whether a training's loss, a crossentropy of probabilities, was as low as only softmax makes it."""
    losses = [value for value in episode.history.get("loss", ()) if value is not None]
    if not losses or episode.sample_weighted:
        return False
    shape = episode.graph.layers[-1].output_shape
    blind = math.log(max((shape[-1] if shape else None) or 10, 2))
    short = episode.rows_trained <= FIRST_STEPS * epochs_run(episode)
    return min(losses) < LEARNED * blind or (short and losses[0] < 1.05 * blind)


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
        if activation not in _LEAVE_POSITIVES:
            return activation == "softmax"
        if layer.kind not in _WITHOUT_EFFECT:
            return False
    return False


_LEAVE_POSITIVES = (None, "linear", "relu", "leaky_relu", "elu")
"""Activations that change nothing about probabilities."""
_WITHOUT_EFFECT = frozenset(
    """Activation ReLU LeakyReLU PReLU ELU Identity Flatten Reshape Permute Rescaling ActivityRegularization
    Dropout AlphaDropout GaussianDropout GaussianNoise""".split()
)
"""Layers that make no logits of probabilities: their order stays, and none falls below 0."""

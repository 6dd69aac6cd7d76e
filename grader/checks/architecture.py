"""Networks by meaning: what computes the same looks the same, and a difference names its layer."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from grader.checks.layers import (
    FREE,
    POOLS,
    SPATIAL,
    Core,
    activation_layer,
    core,
    hidden,
    idle,
    reduced,
)
from grader.checks.memo import by_identity
from grader.model.graph import Graph, Layer

THIRD = Fraction(1, 3)
SURE, UNSEEN = 1000, 1
"""What an edit costs when the fewest are sought: one that is only not seen not to be one, next to nothing."""
FEWEST_FILTERS = 4
FEWEST_UNITS = 10
"""Below these a network is no smaller copy of a large one: nothing gets through."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One edit that separates a student's architecture from the expected one. None: not there."""

    expected: Core | None
    observed: Core | None
    sure: bool = True
    """False where the network does things that are not seen, and this may be one of them."""


@by_identity(2000)
def differences(expected: Graph, observed: Graph, *, scaled: bool = False) -> tuple[Difference, ...]:
    """The fewest layer edits (replace, add, remove) from one architecture to the other.

    Args:
        scaled: filters, kernels, strides and units may be smaller than expected; only the sequence of
            layers, a non-linear activation where one is expected, and the output's size count.
    """
    pair = _Pair.of(expected, observed, scaled=scaled)
    left, right, cost = pair.left, pair.right, pair.table()
    edits: list[Difference] = []
    i, j = len(left), len(right)
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + pair.replacing(i - 1, j - 1):
            price = pair.replacing(i - 1, j - 1)
            edits += [Difference(left[i - 1], right[j - 1], price == SURE)] if price else []
            i, j = i - 1, j - 1
        elif i and cost[i][j] == cost[i - 1][j] + pair.missing(i - 1):
            edits.append(Difference(left[i - 1], None, pair.missing(i - 1) == SURE))
            i -= 1
        else:
            edits.append(Difference(None, right[j - 1], pair.adding(j - 1) == SURE))
            j -= 1
    return tuple(reversed(edits))


def sure(edits: Sequence[Difference]) -> tuple[Difference, ...]:
    """The differences that count: those that were seen."""
    return tuple(edit for edit in edits if edit.sure)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two architectures, and what each edit from one to the other costs."""

    left: tuple[Core, ...]
    right: tuple[Core, ...]
    scaled: bool
    unseen: bool
    """Whether parts of the second are not seen, so that what seems missing may be there."""

    @classmethod
    def of(cls, expected: Graph, observed: Graph, *, scaled: bool) -> _Pair:
        right = core(observed)
        unseen = any(one.veiled for one in right) or any(hidden(observed, x) for x in observed.layers)
        return cls(core(expected), right, scaled, unseen)

    def table(self) -> list[list[int]]:
        """Levenshtein's table: cost[i][j] is what turning the first i layers into the first j costs."""
        cost = [[0] * (len(self.right) + 1) for _ in range(len(self.left) + 1)]
        for i in range(1, len(self.left) + 1):
            cost[i][0] = cost[i - 1][0] + self.missing(i - 1)
        for j in range(1, len(self.right) + 1):
            cost[0][j] = cost[0][j - 1] + self.adding(j - 1)
        for i in range(1, len(self.left) + 1):
            for j in range(1, len(self.right) + 1):
                cost[i][j] = min(
                    cost[i - 1][j - 1] + self.replacing(i - 1, j - 1),
                    cost[i - 1][j] + self.missing(i - 1),
                    cost[i][j - 1] + self.adding(j - 1),
                )
        return cost

    def missing(self, i: int) -> int:
        # A layer with weights is always seen.
        return UNSEEN if self.unseen and self.left[i].size is None else SURE

    def adding(self, j: int) -> int:
        # A function of the student's own may be the activation of what it follows; else it is one too many.
        before = self.right[j - 1] if j else None
        stands_in = before is not None and before.size is not None and before.activation == "linear"
        return UNSEEN if self.right[j].opaque and stands_in else SURE

    def replacing(self, i: int, j: int) -> int:
        a, b = self.left[i], self.right[j]
        if self._same(i, j, b):
            return 0
        if b.opaque:
            return UNSEEN if a.size is None else SURE
        only_linear = b.activation == "linear" and self._same(i, j, replace(b, activation=a.activation))
        return UNSEEN if b.veiled and only_linear else SURE

    def _same(self, i: int, j: int, b: Core) -> bool:
        a = self.left[i]
        if a.kind != b.kind:
            return False
        last = i == len(self.left) - 1 and j == len(self.right) - 1
        # The output's softmax belongs to the loss, which has its own check: logits are as good.
        ends = {"softmax", "linear"}
        activation = a.activation == b.activation or (last and {a.activation, b.activation} <= ends)
        if not self.scaled:
            return activation and replace(b, activation=a.activation) == a
        if last:
            return activation and a.size == b.size
        return (a.activation == "linear") == (b.activation == "linear") and self._to_scale(a, b)

    def _to_scale(self, a: Core, b: Core) -> bool:
        """Whether a smaller layer still does what the large one is there for."""
        if a.kind in POOLS:
            return any(_shrinks(one) for one in self.right)
        if a.size is None or b.size is None:
            return True
        wide = b.size >= (FEWEST_UNITS if a.kind == "Dense" else FEWEST_FILTERS)
        return wide and (max(a.window, default=0) <= 3 or max(b.window, default=2) > 1)


def _shrinks(pool: Core) -> bool:
    """Whether a pooling puts several values together, or passes over some."""
    return pool.kind in POOLS and (max(pool.window, default=2) > 1 or max(pool.strides, default=1) > 1)


def size(graph: Graph) -> int:
    """Parameters of the layers that make the architecture; free ones such as BatchNormalization aside."""
    return sum(layer.params for layer in graph.layers if layer.kind not in FREE)


def due(graph: Graph) -> int:
    """Parameters that those layers have on the maps they are given, whose size is the student's choice."""
    return sum(_due(graph, layer) for layer in graph.layers if layer.kind not in FREE)


def _due(graph: Graph, layer: Layer) -> int:
    given = [graph.layers[at].output_shape for at in layer.inputs if at < len(graph.layers)]
    channels = given[0][-1] if len(given) == 1 and given[0] else None
    one = reduced(layer)
    if channels is None or one.size is None or layer.kind not in {"Conv2D", "Dense"}:
        return layer.params
    return (math.prod(one.window) * channels // one.groups + one.bias) * one.size


def fixes_size(graph: Graph) -> bool:
    """Whether the layers of an architecture settle its number of parameters.

    With convolutions it follows from their padding and their input as well, which are the student's choice.
    """
    return not any(layer.kind in SPATIAL for layer in graph.layers)


def same_input(expected: Graph, observed: Graph) -> bool:
    """Whether a network takes what it should, be it flattened or with axes of length one."""
    asked, given = expected.input_shape, observed.input_shape
    if asked is None or given is None or None in asked or None in given:
        return True
    return _without_ones(asked) == _without_ones(given) or given == (math.prod(d or 1 for d in asked),)


def _without_ones(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    return tuple(d for d in shape if d != 1)


def credit(edits: int) -> Fraction:
    """Each deviating layer costs a third of the points."""
    return max(Fraction(0), 1 - edits * THIRD)


def signature(graph: Graph) -> str:
    """What a band applies to: every layer that changes how the net learns, in order.

    The output's softmax is left out (with the matching loss it is the same function), and so are names,
    input scaling, and layers that do nothing.
    """
    layers = [x for x in graph.layers if x.kind not in {"InputLayer", "Rescaling"} and not idle(x)]
    parts = [p for p in map(_signed, layers) if p and not p.startswith(("Reshape(", "Flatten"))]
    if parts and parts[-1] in {"softmax", "linear"}:
        parts.pop()
    if parts:
        parts[-1] = parts[-1].removesuffix(",softmax")
    return "|".join(parts)


def folded(signed: str) -> str:
    """A signature in which an activation of its own belongs to the layer it follows."""
    return re.sub(r"\|(?=[a-z0-9_]+(?:\||$))", ",", signed)


def _signed(layer: Layer) -> str:
    activation = activation_layer(layer)
    if activation is not None:
        return activation
    own = reduced(layer)
    extra = f",{layer.config.get('padding', 'valid')}" if layer.kind in SPATIAL else ""
    extra += f",/{own.strides[0]}" if own.strides else ""
    extra += f",groups={own.groups}" if own.groups != 1 else ""
    extra += f",dilated={own.dilation[0]}" if own.dilation else ""
    extra += ",unbiased" if not own.bias else ""
    if "rate" in layer.config:
        extra = f",{layer.config['rate']}"
    act = "" if own.activation == "linear" else f",{own.activation}"
    size = "" if own.size is None else str(own.size)
    window = "x".join(map(str, own.window))
    return f"{own.kind}({size},{window}{extra}){act}"

"""Networks by meaning: what computes the same looks the same, and a difference names its layer."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from grader.model.graph import Graph, Layer

FREE = frozenset(
    """InputLayer Dropout SpatialDropout2D GaussianDropout GaussianNoise AlphaDropout BatchNormalization
    LayerNormalization Rescaling Normalization Identity ActivityRegularization RandomFlip RandomRotation
    RandomZoom RandomTranslation RandomContrast RandomBrightness RandomCrop""".split()
)
"""Layers a student may add anywhere without departing from the architecture asked for."""

_ACTIVATION_LAYERS = {
    "ReLU": "relu",
    "Softmax": "softmax",
    "ELU": "elu",
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
}
_SPATIAL = frozenset({"Conv2D", "MaxPooling2D", "AveragePooling2D", "SeparableConv2D", "DepthwiseConv2D"})
THIRD = Fraction(1, 3)


@dataclass(frozen=True, slots=True)
class Core:
    """One layer reduced to what an architecture is judged by."""

    kind: str
    size: int | None = None
    """Filters or units."""
    window: tuple[int, ...] = ()
    """Kernel or pool size."""
    activation: str = "linear"

    def __str__(self) -> str:
        parts = [str(self.size)] if self.size is not None else []
        parts += ["×".join(map(str, self.window))] if self.window else []
        parts += [self.activation] if self.activation != "linear" else []
        return f"{self.kind}({', '.join(parts)})"


def core(graph: Graph) -> tuple[Core, ...]:
    """The layers that make the architecture, in order; activation layers are folded into what they follow."""
    found: list[Core] = []
    for layer in graph.layers:
        activation = _activation_layer(layer)
        if activation is not None:
            if found and activation != "linear":
                found[-1] = Core(found[-1].kind, found[-1].size, found[-1].window, activation)
        elif layer.kind not in FREE and not _is_plumbing(layer, found):
            found.append(_core(layer))
    return tuple(found)


def _activation_layer(layer: Layer) -> str | None:
    if layer.kind == "Activation":
        return str(layer.config.get("activation") or "linear")
    return _ACTIVATION_LAYERS.get(layer.kind)


def _is_plumbing(layer: Layer, before: list[Core]) -> bool:
    """Reshapes, paddings and resizings before the first real layer, or around a convolution."""
    if layer.kind in {"ZeroPadding2D", "Cropping2D", "Resizing", "CenterCrop", "Permute"}:
        return True
    return layer.kind == "Reshape" and (not before or len(layer.output_shape) > 1)


def _core(layer: Layer) -> Core:
    config = layer.config
    kind = "Flatten" if layer.kind == "Reshape" else layer.kind
    size = config.get("filters", config.get("units"))
    if layer.kind == "Dense" and layer.output_shape[-1:]:
        size = layer.output_shape[-1]  # what it says of itself may be somebody's own `get_config`
    window = config.get("kernel_size", config.get("pool_size", ()))
    activation = str(config.get("activation") or "linear")
    return Core(
        kind,
        int(size) if isinstance(size, (int, float)) else None,
        tuple(int(n) for n in window) if isinstance(window, tuple) else (),
        activation,
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """One edit that separates a student's architecture from the expected one. None: not there."""

    expected: Core | None
    observed: Core | None


def differences(expected: Graph, observed: Graph, *, scaled: bool = False) -> tuple[Difference, ...]:
    """The fewest layer edits (replace, add, remove) from one architecture to the other.

    Args:
        scaled: filters, kernels, strides and units may be smaller than expected; only the sequence of
            layers, a non-linear activation where one is expected, and the output's size count.
    """
    left, right = core(expected), core(observed)
    cost = _edit_table(left, right, scaled=scaled)
    edits: list[Difference] = []
    i, j = len(left), len(right)
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + (not _same(left, i - 1, right, j - 1, scaled)):
            if cost[i][j] != cost[i - 1][j - 1]:
                edits.append(Difference(left[i - 1], right[j - 1]))
            i, j = i - 1, j - 1
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            edits.append(Difference(left[i - 1], None))
            i -= 1
        else:
            edits.append(Difference(None, right[j - 1]))
            j -= 1
    return tuple(reversed(edits))


def _edit_table(left: tuple[Core, ...], right: tuple[Core, ...], *, scaled: bool) -> list[list[int]]:
    """Levenshtein's table: cost[i][j] edits turn the first i layers into the first j."""
    cost = [[i + j if not (i and j) else 0 for j in range(len(right) + 1)] for i in range(len(left) + 1)]
    for i in range(1, len(left) + 1):
        for j in range(1, len(right) + 1):
            replace = cost[i - 1][j - 1] + (not _same(left, i - 1, right, j - 1, scaled))
            cost[i][j] = min(replace, cost[i - 1][j] + 1, cost[i][j - 1] + 1)
    return cost


def _same(left: tuple[Core, ...], i: int, right: tuple[Core, ...], j: int, scaled: bool) -> bool:
    a, b = left[i], right[j]
    if a.kind != b.kind:
        return False
    last = i == len(left) - 1 and j == len(right) - 1
    # The output's softmax belongs to the loss, which has its own check: logits are as good.
    ends = {"softmax", "linear"}
    activation = a.activation == b.activation or (last and {a.activation, b.activation} <= ends)
    if scaled:
        nonlinear = (a.activation == "linear") == (b.activation == "linear")
        return (activation if last else nonlinear) and (not last or a.size == b.size)
    return activation and a.size == b.size and a.window == b.window


def size(graph: Graph) -> int:
    """Parameters of the layers that make the architecture; free ones such as BatchNormalization aside."""
    return sum(layer.params for layer in graph.layers if layer.kind not in FREE)


def fixes_size(graph: Graph) -> bool:
    """Whether the layers of an architecture settle its number of parameters.

    With convolutions it follows from their padding and strides as well, which are the student's choice.
    """
    return not any(layer.kind in _SPATIAL for layer in graph.layers)


def credit(edits: int) -> Fraction:
    """Each deviating layer costs a third of the points."""
    return max(Fraction(0), 1 - edits * THIRD)


def signature(graph: Graph) -> str:
    """What a band applies to: every layer that changes how the net learns, in order.

    The output's softmax is left out (with the matching loss it is the same function), and so are names
    and input scaling.
    """
    parts = [_signed(layer) for layer in graph.layers if layer.kind not in {"InputLayer", "Rescaling"}]
    parts = [p for p in parts if p and not p.startswith(("Reshape(", "Flatten"))]
    if parts and parts[-1] in {"softmax", "linear"}:
        parts.pop()
    if parts:
        parts[-1] = parts[-1].removesuffix(",softmax")
    return "|".join(parts)


def _signed(layer: Layer) -> str:
    activation = _activation_layer(layer)
    if activation is not None:
        return activation
    own = _core(layer)
    extra = ""
    if layer.kind in _SPATIAL:
        extra = f",{layer.config.get('padding', 'valid')}"
        strides = layer.config.get("strides")
        if isinstance(strides, tuple) and strides and strides != own.window and set(strides) != {1}:
            extra += f",/{strides[0]:g}"
    if "rate" in layer.config:
        extra = f",{layer.config['rate']}"
    act = "" if own.activation == "linear" else f",{own.activation}"
    size = "" if own.size is None else str(own.size)
    window = "x".join(map(str, own.window))
    return f"{own.kind}({size},{window}{extra}){act}"

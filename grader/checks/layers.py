"""A network reduced to the layers that make its architecture."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import msgspec

from grader.model.graph import Graph, Layer

FREE = frozenset(
    """InputLayer Dropout SpatialDropout2D GaussianDropout GaussianNoise AlphaDropout BatchNormalization
    LayerNormalization Rescaling Normalization Identity ActivityRegularization RandomFlip RandomRotation
    RandomZoom RandomTranslation RandomContrast RandomBrightness RandomCrop""".split()
)
"""Layers a student may add anywhere without departing from the architecture asked for."""
POOLS = frozenset({"MaxPooling2D", "AveragePooling2D"})
SPATIAL = POOLS | {"Conv2D", "SeparableConv2D", "DepthwiseConv2D"}
"""Layers whose output is feature maps."""

_ACTIVATION_LAYERS = {
    "ReLU": "relu",
    "Softmax": "softmax",
    "ELU": "elu",
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
}
_FITTING = frozenset({"ZeroPadding2D", "Cropping2D", "Resizing", "CenterCrop", "Permute"})
_TELLS = re.compile("Conv|Dense|Pool|Flatten|Reshape|UpSampling|Embedding|LSTM|GRU|RNN|Attention")
_MERGES = frozenset("Add Subtract Multiply Average Maximum Minimum Concatenate Dot".split())
CUSTOM = "custom"
"""Kind of a layer that is no class of the library."""
NEXT_TO_NOTHING = 0.01
"""A share of outputs dropped, or a noise, below which a layer leaves what passes through it as it is."""


@dataclass(frozen=True, slots=True)
class Core:
    """One layer reduced to what an architecture is judged by."""

    kind: str
    size: int | None = None
    """Filters or units."""
    window: tuple[int, ...] = ()
    """Kernel or pool size."""
    activation: str = "linear"
    strides: tuple[int, ...] = ()
    """Where they are others than usual: 1 for a convolution, the pool's size for a pooling."""
    groups: int = 1
    dilation: tuple[int, ...] = ()
    """Where it is another than 1."""
    bias: bool = True
    opaque: bool = field(default=False, compare=False)
    """A function of the student's own: what it computes is not seen."""
    veiled: bool = field(default=False, compare=False)
    """What happens to its output before the next layer is not seen, an activation for instance."""

    def __str__(self) -> str:
        parts = [str(self.size)] if self.size is not None else []
        parts += ["×".join(map(str, self.window))] if self.window else []
        parts += [self.activation] if self.activation != "linear" else []
        parts += [f"strides={_short(self.strides)}"] if self.strides else []
        parts += [f"groups={self.groups}"] if self.groups != 1 else []
        parts += [f"dilation_rate={_short(self.dilation)}"] if self.dilation else []
        parts += ["use_bias=False"] if not self.bias else []
        return f"{self.kind}({', '.join(parts)})"


def _short(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes if len(set(sizes)) > 1 else sizes[:1]))


def core(graph: Graph) -> tuple[Core, ...]:
    """The layers that make the architecture, in order; activation layers are folded into what they follow."""
    found: list[Core] = []
    for layer in graph.layers:
        activation = activation_layer(layer)
        if activation is not None:
            if found and activation != "linear":
                found[-1] = replace(found[-1], activation=activation)
        elif layer.kind == "BatchNormalization" and found:
            # It adds a bias of its own, so the layer before it does well without one.
            found[-1] = replace(found[-1], bias=True)
        elif hidden(graph, layer):
            _veil(found, layer)
        elif layer.kind not in FREE and not _is_plumbing(graph, layer, found):
            found.append(reduced(layer))
    if found and found[0].kind == "Dense" and len(graph.input_shape or ()) == 1:
        found.insert(0, Core("Flatten"))  # flattened before it was handed to the network
    unseen = not graph.exact and graph.style == "subclassed"
    return tuple(replace(one, veiled=True) for one in found) if unseen else tuple(found)


def _veil(found: list[Core], layer: Layer) -> None:
    """Put in a function of the student's own: before the first layer with weights it prepares the input."""
    if any(one.size is not None for one in found):
        found[-1] = replace(found[-1], veiled=True)
        found.append(Core(layer.kind, opaque=True))


def hidden(graph: Graph, layer: Layer) -> bool:
    """Whether a layer without weights is a function of the student's own (Lambda, an operation)."""
    if graph.exact or layer.params or layer.weights or layer.kind in FREE | _FITTING | _MERGES:
        return False
    return activation_layer(layer) is None and not _TELLS.search(layer.kind)


def closed(graph: Graph, layer: Layer) -> bool:
    """Whether a layer with weights is of the student's own, and not seen into."""
    return not graph.exact and layer.params > 0 and layer.kind == CUSTOM


def activation_layer(layer: Layer) -> str | None:
    if layer.kind == "Activation":
        return str(layer.config.get("activation") or "linear")
    return _ACTIVATION_LAYERS.get(layer.kind)


def _is_plumbing(graph: Graph, layer: Layer, before: list[Core]) -> bool:
    """Paddings, resizings, and reshapes that do not flatten what has several axes."""
    if layer.kind in _FITTING:
        return True
    if layer.kind == "Flatten":
        return bool(before) and before[-1].kind == "Flatten"
    if layer.kind != "Reshape":
        return False
    flat = any(
        len(graph.layers[at].output_shape) == 1 for at in layer.inputs if at < len(graph.layers)
    ) or bool(before and before[-1].kind == "Flatten")
    return flat or len(layer.output_shape) > 1


def reduced(layer: Layer) -> Core:
    config = layer.config
    kind = "Flatten" if layer.kind == "Reshape" else layer.kind
    size = config.get("filters", config.get("units"))
    if layer.kind == "Dense" and layer.output_shape[-1:]:
        size = layer.output_shape[-1]  # what it says of itself may be somebody's own `get_config`
    window = _sizes(config.get("kernel_size", config.get("pool_size")))
    strides, dilation = _sizes(config.get("strides")), _sizes(config.get("dilation_rate"))
    groups = config.get("groups")
    return Core(
        kind,
        int(size) if isinstance(size, (int, float)) else None,
        window,
        str(config.get("activation") or "linear"),
        () if strides == (window if kind in POOLS else (1,) * len(strides)) else strides,
        groups if isinstance(groups, int) else 1,
        dilation if set(dilation) - {1} else (),
        config.get("use_bias") is not False,
    )


def _sizes(value: object) -> tuple[int, ...]:
    return tuple(int(n) for n in value) if isinstance(value, tuple) else ()


def idle(layer: Layer) -> bool:
    """Whether a layer hands on what it is given as it is."""
    config = layer.config
    if layer.kind in POOLS:
        return {*_sizes(config.get("pool_size")), *_sizes(config.get("strides"))} == {1}
    amounts = [config[key] for key in ("rate", "stddev") if key in config]
    if amounts:
        return all(isinstance(n, (int, float)) and 0 <= n < NEXT_TO_NOTHING for n in amounts)
    return layer.kind == "Identity" or (layer.kind == "Activation" and activation_layer(layer) == "linear")


def judged(graph: Graph, loss: str = "") -> Graph | None:
    """The layers that lead to the output that is trained; None where it cannot be told which that is.

    Args:
        loss: kinds of the losses, "none + MeanSquaredError" for one of two outputs.
    """
    outputs = tuple(dict.fromkeys(graph.outputs))
    if len(outputs) < 2:
        return graph
    losses = loss.split(" + ")
    if len(losses) == len(outputs) and set(losses) != {"none"}:
        outputs = tuple(at for at, kind in zip(outputs, losses, strict=True) if kind != "none")
    # Of outputs that all lie on one way, the last stands for the network.
    ends = [at for at in outputs if set(outputs) <= _leading(graph, at)]
    return _part(graph, _leading(graph, ends[0])) if ends else None


def _leading(graph: Graph, output: int) -> set[int]:
    """Positions of an output and of all that it is computed from."""
    found: set[int] = set()
    waiting = [output]
    while waiting:
        at = waiting.pop()
        if at not in found and at < len(graph.layers):
            found.add(at)
            waiting += graph.layers[at].inputs
    return found


def _part(graph: Graph, kept: Iterable[int]) -> Graph:
    order = sorted(kept)
    places = {at: new for new, at in enumerate(order)}
    layers = tuple(
        msgspec.structs.replace(
            graph.layers[at], inputs=tuple(places[i] for i in graph.layers[at].inputs if i in places)
        )
        for at in order
    )
    return msgspec.structs.replace(graph, layers=layers, outputs=(len(layers) - 1,))

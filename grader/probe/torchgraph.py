"""A PyTorch net as a plain graph: its modules in the order in which they ran, under Keras's names.

What a net does between its modules (`torch.flatten`, `F.relu`) is not seen, so the graph is never exact.
Shapes are told with the channels last, as everywhere; sizes come from the weights.
"""

from __future__ import annotations

import math
from typing import Any

Call = tuple[Any, tuple[int, ...], tuple[int, ...]]
"""A module, and the shapes that went in and came out, batch axis first."""

_KINDS = {
    "Linear": "Dense", "ReLU": "ReLU", "LeakyReLU": "LeakyReLU", "ELU": "ELU", "PReLU": "PReLU",
    "Sigmoid": "Activation", "Tanh": "Activation", "GELU": "Activation", "SiLU": "Activation",
    "Softmax": "Softmax", "LogSoftmax": "LogSoftmax", "Flatten": "Flatten", "Embedding": "Embedding",
    "Dropout": "Dropout", "Dropout2d": "SpatialDropout2D", "LayerNorm": "LayerNormalization",
    "BatchNorm1d": "BatchNormalization", "BatchNorm2d": "BatchNormalization", "Identity": "Identity",
    "Conv1d": "Conv1D", "Conv2d": "Conv2D", "Conv3d": "Conv3D", "ConvTranspose2d": "Conv2DTranspose",
    "MaxPool1d": "MaxPooling1D", "MaxPool2d": "MaxPooling2D", "AvgPool1d": "AveragePooling1D",
    "AvgPool2d": "AveragePooling2D", "AdaptiveAvgPool2d": "AdaptiveAveragePooling2D",
    "AdaptiveMaxPool2d": "AdaptiveMaxPooling2D", "LSTM": "LSTM", "GRU": "GRU", "RNN": "SimpleRNN",
}  # fmt: skip
"""PyTorch's class -> the Keras name of the same operation; others keep their own."""
_ACTIVATIONS = {"Sigmoid": "sigmoid", "Tanh": "tanh", "GELU": "gelu", "SiLU": "silu"}
CUSTOM = "custom"


def describe(library: frozenset[type], names: dict[int, str], calls: list[Call]) -> dict[str, Any]:
    """The graph of a net from the calls of its modules during one forward pass.

    Args:
        library: PyTorch's own module classes: a name proves nothing.
        names: id of a module -> its path in the net.
    """
    leaves = [call for call in calls if not call[0]._modules]
    layers = [_input(leaves[0][1])] if leaves else []
    counted: set[int] = set()
    for module, given, made in leaves[:1900]:
        layers.append(_layer(library, names, module, given, made, [len(layers) - 1], counted))
    return {"layers": layers, "outputs": [len(layers) - 1], "style": "subclassed", "exact": False}


def _input(shape: tuple[int, ...]) -> dict[str, Any]:
    return {"kind": "InputLayer", "name": "input", "inputs": [], "output_shape": channels_last(shape),
            "params": 0, "trainable": 0, "config": {}, "weights": []}  # fmt: skip


def _layer(
    library: frozenset[type],
    names: dict[int, str],
    module: Any,
    given: tuple[int, ...],
    made: tuple[int, ...],
    fed: list[int],
    counted: set[int],
) -> dict[str, Any]:
    own = type(module).__name__ if type(module) in library else CUSTOM
    # A module that runs twice holds its weights once.
    held = [] if id(module) in counted else list(module._parameters.values())
    counted.add(id(module))
    weights = [p for p in held if p is not None]
    return {
        "kind": _KINDS.get(own, own)[:200],
        "name": names.get(id(module), own)[:200],
        "inputs": fed,
        "output_shape": channels_last(made),
        "params": sum(math.prod(p.shape) for p in weights),
        "trainable": sum(math.prod(p.shape) for p in weights if p.requires_grad),
        "config": _config(own, module, given, made),
        "weights": [[int(d) for d in p.shape][:8] for p in weights][:64],
    }


def channels_last(shape: tuple[int, ...]) -> list[int]:
    """Without the batch axis; the channels of images behind their height and width."""
    inside = [int(d) for d in shape[1:]]
    return ([*inside[1:], inside[0]] if len(inside) >= 3 else inside)[:8]


def _config(own: str, module: Any, given: tuple[int, ...], made: tuple[int, ...]) -> dict[str, Any]:
    if own == "Linear":
        return {"units": int(module.weight.shape[0]), "use_bias": module.bias is not None}
    if own in {"Conv1d", "Conv2d", "Conv3d"}:
        kernel = module.weight.shape
        settings = {"strides": _sizes(module.stride), "padding": _padding(module, given, made)}
        return {"filters": int(kernel[0]), "kernel_size": _sizes(kernel[2:]), **settings,
                "use_bias": module.bias is not None, "groups": int(module.groups)}  # fmt: skip
    if own in {"MaxPool2d", "AvgPool2d"}:
        strides = module.stride if module.stride is not None else module.kernel_size
        return {"pool_size": _pair(module.kernel_size), "strides": _pair(strides)}
    if own.startswith("Dropout"):
        return {"rate": float(module.p)}
    return {"activation": _ACTIVATIONS[own]} if own in _ACTIVATIONS else {}


def _padding(module: Any, given: tuple[int, ...], made: tuple[int, ...]) -> str | list[int]:
    """ "valid", "same", or the number of zeros of each axis."""
    if isinstance(module.padding, str):
        return module.padding
    if not any(module.padding):
        return "valid"
    # What PyTorch writes as a number is "same" where the size stays, or would but for the strides.
    kept = all(2 * p == d * (k - 1) for p, d, k in zip(module.padding, module.dilation, module.kernel_size,
               strict=True))  # fmt: skip
    return "same" if kept else _sizes(module.padding)


def _pair(value: Any) -> list[int]:
    return _sizes(value) if isinstance(value, (tuple, list)) else [int(value)] * 2


def _sizes(values: Any) -> list[int]:
    return [int(v) for v in values]


def macs(module: Any, given: tuple[int, ...], made: tuple[int, ...]) -> float:
    """Multiply-adds of one call of a module without modules of its own, all rows together."""
    outputs = float(math.prod(made))
    weight = module._parameters.get("weight")
    if weight is None:
        kernels = [p for p in module._parameters.values() if p is not None and len(p.shape) >= 2]
        positions = math.prod(given[:-1])  # recurrent layers: every kernel at every step
        return outputs + positions * sum(float(math.prod(p.shape)) for p in kernels)
    if len(weight.shape) < 2 or type(module).__name__.startswith("Embedding"):
        return outputs
    transposed = getattr(module, "transposed", False)
    per_position = float(math.prod(weight.shape[1:]))
    return outputs + per_position * (math.prod(given) if transposed else outputs)

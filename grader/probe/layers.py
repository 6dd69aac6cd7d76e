"""One Keras layer, or one raw operation between layers, in the shape of `grader.model.graph.Layer`."""

from __future__ import annotations

import math
import re
from typing import Any

from . import library

_LEFT_OUT = frozenset(
    """name trainable dtype build_config autocast lora_rank lora_alpha quantization_config seed synchronized
    renorm renorm_momentum renorm_clipping fused sparse ragged value_range batch_shape optional""".split()
)
_USUAL = {
    "kernel_initializer": "GlorotUniform", "depthwise_initializer": "GlorotUniform",
    "pointwise_initializer": "GlorotUniform", "recurrent_initializer": "Orthogonal",
    "embeddings_initializer": "RandomUniform", "alpha_initializer": "Zeros",
    "bias_initializer": "Zeros", "beta_initializer": "Zeros", "gamma_initializer": "Ones",
    "moving_mean_initializer": "Zeros", "moving_variance_initializer": "Ones",
}  # fmt: skip
"""Initialisers that say nothing: the layers' defaults."""
_CONVOLUTIONS = {"Conv1D": 1, "Conv2D": 2, "Conv3D": 3}
"""Layers whose kernel says their size, and its spatial axes."""


def input_layer(shape: Any, name: str) -> dict[str, Any]:
    """An input; its shape comes with the batch axis."""
    return _made("InputLayer", name, [], shape)


def layer(value: Any, fed: list[int], shape: Any) -> tuple[dict[str, Any], bool]:
    """A layer called with the outputs at positions `fed`, and whether this says all that it computes."""
    kind, exact = kind_of(value)
    found, plain = config(value)
    if shape is None:
        shape = _own_shape(value)
    # Inputs may repeat (Add()([x, x])): positions say so.
    described = _made(kind, value.name, fed, shape)
    described["weights"] = [list(map(int, w.shape)) for w in value.weights][:64]
    measured = _measured(kind, described["weights"])
    described["config"] = {**found, **measured}
    if "units" in measured and described["output_shape"]:
        described["output_shape"][-1] = measured["units"]
    described["params"] = sum(math.prod(w.shape) for w in value.weights)
    described["trainable"] = sum(math.prod(w.shape) for w in value.trainable_weights)
    return described, exact and plain and kind != "Lambda"


def _made(kind: str, name: str, fed: list[int], shape: Any) -> dict[str, Any]:
    return {
        "kind": kind[:200],
        "name": str(name)[:200],
        "inputs": fed[:64],
        "output_shape": [None if d is None else int(d) for d in (shape or ())][1:][:8],
        "params": 0,
        "trainable": 0,
        "config": {},
        "weights": [],
    }


def _own_shape(value: Any) -> Any:
    try:
        return value.output.shape
    except Exception:
        return None


def is_composite(keras: Any, operation: Any) -> bool:
    """Whether an operation is made of layers that can be looked at: a model, or a student's own layer."""
    if isinstance(operation, keras.Model):
        return True
    return isinstance(operation, keras.layers.Layer) and not library.is_own_method(type(operation).call)


def kind_of(value: Any) -> tuple[str, bool]:
    """Class name of the library's layer that computes this, and whether it does so exactly."""
    name = library.name_of(value)
    exact = name not in {library.CUSTOM, "Layer"}
    return (name if exact else library.CUSTOM), exact


def config(value: Any) -> tuple[dict[str, Any], bool]:
    """Constructor arguments that matter, as plain values; False when one could not be said plainly."""
    base = library.base_of(value)
    try:
        # Not the object's own: a subclass may say what it likes there.
        given = base.get_config(value) if base is not None else {}
    except Exception:
        return {}, False
    found: dict[str, Any] = {}
    plain = base is not None
    for name, setting in given.items():
        if name in _LEFT_OUT or setting is None:
            continue
        if name in {"activation", "recurrent_activation"}:
            found[name], known = activation(getattr(value, name, setting))
            plain = plain and known
        elif name.endswith(("_initializer", "_regularizer", "_constraint")):
            text = _settings(setting)
            if text and text != _USUAL.get(name):
                found[name] = text
        else:
            simple = _simple(setting)
            if simple is not None:
                found[name] = simple
    return dict(list(found.items())[:64]), plain


def _measured(kind: str, weights: list[list[int]]) -> dict[str, Any]:
    """Sizes as the weights have them: an attribute can be changed after they were made."""
    kernel = weights[0] if weights else []
    if kind == "Dense" and len(kernel) == 2:
        return {"units": kernel[-1]}
    if kind in _CONVOLUTIONS and len(kernel) == _CONVOLUTIONS[kind] + 2:
        return {"filters": kernel[-1], "kernel_size": kernel[:-2]}
    return {}


def activation(function: Any) -> tuple[str, bool]:
    """(name, whether that says all) of an activation, also for `tf.nn.relu` and for a layer given as one."""
    if function is None:
        return "linear", True
    if isinstance(function, str):
        return function[:200], True
    name = library.function_name("activations", function)
    if name:
        return name[:200], True
    # An object: a layer such as LeakyReLU(0.1).
    name = library.name_of(function)
    if name == library.CUSTOM:
        return name, False
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return {"re_lu": "relu", "leaky_re_lu": "leaky_relu"}.get(name, name)[:200], False


def _settings(value: Any) -> str:
    """An initialiser, regulariser or constraint as a text: "HeNormal", "L2(l2=0.01)"."""
    if not isinstance(value, dict):
        return str(value)[:200]
    inside = value.get("config") or {}
    if not isinstance(inside, dict):
        return str(inside)[:200]
    plain = {key: item for key, item in inside.items() if key != "seed" and _simple(item) is not None}
    shown = ", ".join(f"{key}={_rounded(item)}" for key, item in plain.items())
    name = str(value.get("class_name", ""))
    return f"{name}({shown})"[:200] if shown else name[:200]


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _simple(value: Any) -> Any:
    """A value that a graph's config may hold, or None. Nested numbers are laid end to end."""
    if isinstance(value, bool | int | str):
        return value[:200] if isinstance(value, str) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        flat = _flat(value)
        if all(isinstance(n, (int, float)) and not isinstance(n, bool) and math.isfinite(n) for n in flat):
            return flat[:64]
    return None


def _flat(values: Any) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if isinstance(value, (list, tuple)):
            found.extend(_flat(value))
        else:
            found.append(value)
    return found


# -- operations between layers ------------------------------------------------------------------

MERGES = frozenset({"Add", "Multiply", "Subtract", "Maximum"})
_ACTIVATIONS = {
    "Relu": "relu", "Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid", "Tanh": "tanh",
    "Elu": "elu", "Gelu": "gelu",
    "Selu": "selu", "Silu": "silu", "Softplus": "softplus", "Softsign": "softsign", "Relu6": "relu6",
}  # fmt: skip
_RESHAPES = frozenset({"Reshape", "ExpandDims", "Squeeze"})


def raw_operation(operation: Any, node: Any, fed: list[int]) -> tuple[dict[str, Any], bool]:
    """`keras.ops` between layers, as the layer that does the same, where there is one."""
    name = library.name_of(operation)
    shape = node.outputs[0].shape
    made = _made(name, operation.name, fed, shape)
    kind, settings = _same_as_layer(name, operation, node)
    if kind:
        return {**made, "kind": kind, "config": settings}, True
    return made, False


def _same_as_layer(name: str, operation: Any, node: Any) -> tuple[str, dict[str, Any]]:
    tensors = len(node.input_tensors)
    numbers = [n for n in node.arguments.args if isinstance(n, (int, float)) and not isinstance(n, bool)]
    if name in _ACTIVATIONS:
        return "Activation", {"activation": _ACTIVATIONS[name]}
    if name == "ReLU":  # keras.activations.relu
        return _rectified(operation)
    if name in MERGES and tensors == 2:
        shapes = {tuple(t.shape) for t in node.input_tensors}
        return (name, {}) if len(shapes) == 1 else ("", {})
    if name == "Concatenate" and tensors >= 2:
        return "Concatenate", {"axis": int(operation.axis)}
    if tensors == 1 and (name in _RESHAPES or (name == "GetItem" and _whole(node.arguments.args[1]))):
        return reshape(node.input_tensors[0].shape, node.outputs[0].shape) or ("", {})
    if tensors == 1 and len(numbers) == 1 and len(node.arguments.args) == 2:
        first = not isinstance(node.arguments.args[0], (int, float))
        return scaled(name, float(numbers[0]), tensor_first=first)
    return "", {}


def _rectified(operation: Any) -> tuple[str, dict[str, Any]]:
    settings = {name: getattr(operation, name) for name in ("negative_slope", "max_value", "threshold")}
    usual = {"negative_slope": 0, "max_value": None, "threshold": 0}
    changed = {name: float(value) for name, value in settings.items() if value != usual[name]}
    return ("ReLU", changed) if changed else ("Activation", {"activation": "relu"})


def _whole(index: Any) -> bool:
    """Whether `x[index]` only adds axes."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or part == slice(None) for part in parts)


def reshape(before: Any, after: Any) -> tuple[str, dict[str, Any]] | None:
    """The layer that gives each row another shape; None where rows do not stay rows.

    Args:
        before: shape with the batch axis, whose size is not known.
    """
    if not before or not after or before[0] is not None or after[0] is not None:
        return None
    if None in before[1:] or None in after[1:] or math.prod(before[1:]) != math.prod(after[1:]):
        return None
    if len(after) == 2:
        return "Flatten", {}
    return "Reshape", {"target_shape": [int(d) for d in after[1:]]}


def between(kind: str, name: str, fed: list[int], shape: Any, config: dict[str, Any]) -> dict[str, Any]:
    """What was computed between layers, as the layer that does the same."""
    return {**_made(kind, name, fed, shape), "config": config}


def scaled(name: str, number: float, *, tensor_first: bool) -> tuple[str, dict[str, Any]]:
    """Arithmetic with one number, as a Rescaling."""
    scale, offset = 1.0, 0.0
    if name in {"Divide", "TrueDivide"} and tensor_first and number:
        scale = 1 / number
    elif name == "Multiply":
        scale = number
    elif name == "Add":
        offset = number
    elif name == "Subtract":
        scale, offset = (1.0, -number) if tensor_first else (-1.0, number)
    else:
        return "", {}
    return "Rescaling", {"scale": scale, "offset": offset}


# -- cost ---------------------------------------------------------------------------------------

_NO_PRODUCT = {"BatchNormalization", "LayerNormalization", "Embedding", "Normalization", "PReLU"}


def macs(described: dict[str, Any]) -> float:
    """Multiply-adds of one row: each kernel's size times the positions it is applied at.

    The elements of the output are added, so that pooling and activations are not free. Axes of unknown
    size count as one.
    """
    shape = [d or 1 for d in described["output_shape"]]
    total = float(math.prod(shape))
    if described["kind"] in _NO_PRODUCT:
        return total
    # Convolutions in the default layout, and Dense on sequences: all axes but the last are positions.
    positions = math.prod(shape[:-1])
    kernels = sum(math.prod(w) for w in described["weights"] if len(w) >= 2)
    return float(total + positions * kernels)

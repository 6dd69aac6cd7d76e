"""What a student's `call` computes between layers: `tf.nn.relu(self.conv(x))`, `x / 255`, `x[..., None]`.

TensorFlow's graph of the traced call says it, whichever library's function was called. What does the same as
one of Keras's layers is taken for that layer; where there is anything else, the way back is lost.
"""

from __future__ import annotations

import sys
from typing import Any

from . import layers

_UNCHANGED = frozenset("Identity IdentityN StopGradient PreventGradient EnsureShape CheckNumerics".split())
_ACTIVATIONS = {
    "Relu": "relu", "Relu6": "relu6", "Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid",
    "Tanh": "tanh", "Elu": "elu", "Selu": "selu", "Softplus": "softplus", "Softsign": "softsign",
}  # fmt: skip
_RESHAPES = frozenset({"Reshape", "ExpandDims", "Squeeze", "StridedSlice"})
_ARITHMETIC = {
    "Mul": "Multiply", "RealDiv": "Divide", "Add": "Add", "AddV2": "Add", "Sub": "Subtract",
    "Maximum": "Maximum",
}  # fmt: skip


def key(tensor: Any) -> Any:
    """What tells a tensor from others: its name in a graph, else the object itself."""
    return tensor.name if hasattr(tensor, "op") else id(tensor)


class Between:
    """Follows tensors back to those that layers gave.

    Args:
        add: adds a layer to the graph and says its position.
        places: positions of the tensors that are known, by `key`.
    """

    def __init__(self, add: Any, places: dict[Any, int]) -> None:
        self._add = add
        self._places = places

    def position(self, tensor: Any) -> int | None:
        """The layer that gives a tensor; None when it cannot be told."""
        known = self._places.get(key(tensor))
        if known is None and hasattr(tensor, "op"):
            known = self._follow(tensor)
            if known is not None:
                self._places[key(tensor)] = known
        return known

    def _follow(self, tensor: Any) -> int | None:
        operation = tensor.op
        kind, given = operation.type, list(operation.inputs)
        if kind in _UNCHANGED:
            return self.position(given[tensor.value_index])
        if kind == "Cast":
            return self.position(given[0]) if tensor.dtype.is_floating else None
        if kind in _ACTIVATIONS:
            return self._layer("Activation", tensor, given[:1], {"activation": _ACTIVATIONS[kind]})
        if kind == "LeakyRelu":
            return self._layer("LeakyReLU", tensor, given, {"negative_slope": operation.get_attr("alpha")})
        if kind in _RESHAPES:
            return self._reshaped(tensor, given) if kind != "StridedSlice" or _whole(operation) else None
        if kind in _ARITHMETIC and len(given) == 2:
            return self._arithmetic(_ARITHMETIC[kind], tensor, given)
        if kind == "ConcatV2":
            axis = _constant(given[-1])
            return (
                None if axis is None else self._layer("Concatenate", tensor, given[:-1], {"axis": int(axis)})
            )
        return None

    def _layer(self, kind: str, tensor: Any, given: list[Any], config: dict[str, Any]) -> int | None:
        found = [self.position(other) for other in given]
        fed = [position for position in found if position is not None]
        if len(fed) < len(found):
            return None
        made: int = self._add(layers.between(kind, tensor.op.name, fed, tensor.shape, config))
        return made

    def _reshaped(self, tensor: Any, given: list[Any]) -> int | None:
        before, after = given[0].shape, tensor.shape
        if before.rank is None or after.rank is None:
            return None
        same = layers.reshape(before.as_list(), after.as_list())
        return self._layer(same[0], tensor, given[:1], same[1]) if same else None

    def _arithmetic(self, name: str, tensor: Any, given: list[Any]) -> int | None:
        numbers = [_constant(other) for other in given]
        for at, number in enumerate(numbers):
            if number == 0 and name == "Maximum":
                return self._layer("Activation", tensor, [given[1 - at]], {"activation": "relu"})
            if number is not None:
                kind, config = layers.scaled(name, number, tensor_first=at == 1)
                return self._layer(kind, tensor, [given[1 - at]], config) if kind else None
        alike = name in layers.MERGES and given[0].shape.as_list() == given[1].shape.as_list()
        return self._layer(name, tensor, given, {}) if alike else None


def _constant(tensor: Any) -> float | None:
    """A number that stands in the code; None for anything else."""
    value = sys.modules["tensorflow"].get_static_value(tensor)
    return None if value is None or value.size != 1 or value.dtype.kind not in "biuf" else float(value.item())


def _whole(operation: Any) -> bool:
    """Whether an index (`x[..., None]`, `x[:, :, 0]`) leaves no row out and turns nothing round."""
    static = sys.modules["tensorflow"].get_static_value
    begin, _, steps = (static(other) for other in operation.inputs[1:])
    if begin is None or steps is None or any(step != 1 for step in steps):
        return False
    bits = {
        name: operation.get_attr(f"{name}_mask")
        for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    for at, first in enumerate(begin):
        bit = 1 << at
        everything = bits["begin"] & bits["end"] & bit or (bits["ellipsis"] | bits["new_axis"]) & bit
        only = at > 0 and bits["shrink_axis"] & bit and first in (0, -1)
        if not everything and not only:
            return False
    return True

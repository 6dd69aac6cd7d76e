"""A Keras model as a plain graph: what computes the same becomes the same layers, however it was written.

Functional models carry their graph; a Sequential carries one once it is built; a subclassed model is
called once on a symbolic tensor of the shape it was used with, which gives the graph that the functional
style would have given. Nested models, and student-made layers that are made of other layers, are opened.
A Lambda that does what one of Keras's layers does is that layer. What cannot be followed (own weights,
most tf functions) makes the graph inexact.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from . import layers, library
from .draw import each, leaves
from .names import names_kept
from .ran import computed, inference, ran

MAX_LAYERS = 2000


@dataclass
class Described:
    """A graph, and which layer object stands where in it."""

    graph: dict[str, Any]
    objects: list[Any]
    """The layer objects, by position; None for an input of a traced model."""

    @property
    def macs(self) -> float:
        """Multiply-adds for one row."""
        return sum(layers.macs(layer) for layer in self.graph["layers"])

    def position(self, layer: Any) -> int | None:
        """First position of a layer object."""
        return next((i for i, found in enumerate(self.objects) if found is layer), None)

    def arrays(self) -> list[Any]:
        """The weight variables in the order of the graph's layers."""
        found = []
        for described, layer in zip(self.graph["layers"], self.objects, strict=True):
            if described["weights"]:
                found.extend(layer.weights)
        return found


@dataclass
class Builder:
    keras: Any
    layers: list[dict[str, Any]] = field(default_factory=list)
    objects: list[Any] = field(default_factory=list)
    exact: bool = True

    def add(self, described: dict[str, Any], layer: Any, *, exact: bool) -> int:
        if len(self.layers) >= MAX_LAYERS:
            raise ValueError("more layers than a graph may have")
        if layer is not None and described["weights"] and any(layer is seen for seen in self.objects):
            # Shared weights are counted once; such a net is not rebuilt.
            described = {**described, "params": 0, "trainable": 0, "weights": []}
            exact = False
        self.exact = self.exact and exact
        self.layers.append(described)
        self.objects.append(layer)
        return len(self.layers) - 1

    def called_before(self, layer: Any, fed: list[int]) -> int | None:
        """Where this layer was called with the very same: `add` calls all layers of a Sequential anew."""
        places = (i for i, found in enumerate(self.objects) if found is layer)
        return next((i for i in places if self.layers[i]["inputs"] == fed), None)

    def fold(self, outputs: list[int]) -> list[int]:
        """Put functions such as `relu(conv(x))` into the layer that they alone use: `activation="relu"`."""
        uses = Counter(outputs)
        for layer in self.layers:
            uses.update(layer["inputs"])
        into: dict[int, int] = {}
        for at, (layer, held) in enumerate(zip(self.layers, self.objects, strict=True)):
            if held is not None or layer["kind"] != "Activation" or uses[layer["inputs"][0]] != 1:
                continue
            fed = self.layers[layer["inputs"][0]]["config"]
            if fed.get("activation") == "linear":
                fed["activation"] = layer["config"]["activation"]
                into[at] = layer["inputs"][0]
        left = [at for at in range(len(self.layers)) if at not in into]
        place = {at: i for i, at in enumerate(left)}
        place |= {at: place[fed] for at, fed in into.items()}
        self.layers = [self.layers[at] for at in left]
        self.objects = [self.objects[at] for at in left]
        for layer in self.layers:
            layer["inputs"] = [place[at] for at in layer["inputs"]]
        return [place[at] for at in outputs]


def describe(keras: Any, model: Any, inputs: Any = None) -> Described:
    """The graph of a model.

    Args:
        inputs: structure of (shape with batch axis, dtype) that the model was last used with, if known.
    """
    built = Builder(keras)
    if inputs is None:
        inputs = _built_shapes(model)
    outputs = _followed(built, model, inputs)
    if outputs is None and inputs is not None and model.built:
        built = Builder(keras)
        with contextlib.suppress(Exception):
            outputs = ran(built, model, inputs)
    if outputs is None:
        built = Builder(keras, exact=False)
        outputs = _listed(built, model)
    outputs = built.fold(outputs)
    # Weights that no layer of the graph holds mean that something was not followed.
    held = sum(layer["params"] for layer in built.layers)
    whole = held == sum(math.prod(w.shape) for w in model.weights) if model.built else True
    graph = {
        "layers": built.layers,
        "outputs": outputs[:MAX_LAYERS],
        "style": style(model),
        "exact": built.exact and whole,
    }
    return Described(graph, built.objects)


def style(model: Any) -> str:
    """How it was written. A Sequential stays one when it is not built yet."""
    names = {cls.__name__ for cls in type(model).__mro__}
    if "Sequential" in names:
        return "sequential"
    return "functional" if "Functional" in names else "subclassed"


def inner(model: Any) -> Any:
    """The object with `inputs` and `outputs` of a model that carries its graph; None otherwise."""
    if style(model) == "sequential":
        return getattr(model, "_functional", None)
    return model if style(model) == "functional" and _own_call_is_librarys(model) else None


def _own_call_is_librarys(model: Any) -> bool:
    return library.is_own_method(type(model).call)


def _followed(built: Builder, model: Any, inputs: Any) -> list[int] | None:
    carrier = inner(model)
    if carrier is not None:
        seen = {}
        for tensor in leaves(carrier.inputs):
            described = layers.input_layer(tensor.shape, getattr(tensor, "name", "input"))
            operation = tensor._keras_history.operation
            seen[id(tensor)] = built.add(described, operation, exact=True)
        return _walk(built, leaves(carrier.outputs), seen)
    if inputs is None or not model.built:
        return None
    start = len(built.layers)
    try:
        with _traced(built.keras, model, inputs) as (tensors, outputs):
            seen = {}
            for tensor in leaves(tensors):
                seen[id(tensor)] = built.add(layers.input_layer(tensor.shape, "input"), None, exact=True)
            return _walk(built, outputs, seen)
    except Exception:
        del built.layers[start:], built.objects[start:]
        return None


def _built_shapes(model: Any) -> Any:
    """What a model was built for, when it was never seen in use."""
    shapes = getattr(model, "_build_shapes_dict", None) or {}
    first = next(iter(shapes.values()), None) if len(shapes) == 1 else None
    if isinstance(first, (tuple, list)) and first and all(d is None or isinstance(d, int) for d in first):
        return Spec(tuple(first), "float32")
    return None


@dataclass(frozen=True)
class Spec:
    """Shape, batch axis first, and dtype of one input."""

    shape: tuple[int | None, ...]
    dtype: str

    @staticmethod
    def of(structure: Any) -> Any:
        """The same structure with a Spec in place of every array-like."""
        return each(structure, lambda a: Spec((None, *map(_size, a.shape[1:])), _dtype(a)))


def _size(dimension: Any) -> int | None:
    return None if dimension is None else int(dimension)


def _dtype(array: Any) -> str:
    name = str(getattr(array.dtype, "name", array.dtype))
    return "float32" if name in {"float64", "float16", "object"} else name


@contextlib.contextmanager
def _traced(keras: Any, operation: Any, inputs: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Call a model or layer on symbolic tensors, and forget the call afterwards."""
    held = [layer for layer in operation._flatten_layers() if hasattr(layer, "_inbound_nodes")]
    nodes = [(layer, len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in held]
    with names_kept(), contextlib.redirect_stdout(io.StringIO()):
        try:
            tensors = each(inputs, lambda spec: keras.KerasTensor(shape=spec.shape, dtype=spec.dtype))
            outputs = leaves(operation.call(tensors, **inference(operation)))
            if not all(isinstance(output, keras.KerasTensor) for output in outputs):
                raise TypeError("the call did not stay symbolic")
            yield tensors, outputs
        finally:
            for layer, inbound, outbound in nodes:
                del layer._inbound_nodes[inbound:]
                del layer._outbound_nodes[outbound:]


def _walk(built: Builder, outputs: list[Any], seen: dict[int, int]) -> list[int]:
    """Positions of these tensors, adding the layers that lead to them: depth first, inputs in order."""
    stack = list(reversed(outputs))
    while stack:
        tensor = stack[-1]
        if id(tensor) in seen:
            stack.pop()
            continue
        history = tensor._keras_history
        if history.operation is None:
            raise ValueError("a tensor from outside the model")
        node = history.operation._inbound_nodes[history.node_index]
        waiting = [t for t in node.input_tensors if id(t) not in seen]
        if waiting:
            stack.extend(reversed(waiting))
            continue
        fed = [seen[id(t)] for t in node.input_tensors]
        for output, position in zip(node.outputs, _place(built, history.operation, node, fed), strict=True):
            seen[id(output)] = position
    return [seen[id(tensor)] for tensor in outputs]


def _place(built: Builder, operation: Any, node: Any, fed: list[int]) -> list[int]:
    """Add one call of an operation; the position that gives each of its outputs."""
    if layers.is_composite(built.keras, operation):
        opened = _opened(built, operation, node, fed)
        if opened is not None and len(opened) == len(node.outputs):
            return opened
    if isinstance(operation, built.keras.layers.InputLayer):
        position = built.add(layers.input_layer(node.outputs[0].shape, operation.name), operation, exact=True)
    elif (again := built.called_before(operation, fed)) is not None:
        position = again
    elif (known := _computed(built, operation, node, fed)) is not None:
        position = known
    elif isinstance(operation, built.keras.layers.Layer):
        described, exact = layers.layer(operation, fed, node.outputs[0].shape)
        position = built.add(described, operation, exact=exact)
    else:
        described, exact = layers.raw_operation(operation, node, fed)
        position = built.add(described, None, exact=exact)
    return [position] * len(node.outputs)


def _computed(built: Builder, operation: Any, node: Any, fed: list[int]) -> int | None:
    """The layer that does what a Lambda of one tensor does: `Lambda(lambda x: x / 255)` is a Rescaling."""
    if layers.kind_of(operation)[0] != "Lambda" or len(fed) != 1 or len(node.outputs) != 1:
        return None
    (given,) = node.input_tensors
    position = computed(built, operation, fed[0], given.shape, given.dtype)
    if position is not None and built.objects[position] is None:
        built.objects[position] = operation  # whoever shows its output shows that layer's
    return position


def _opened(built: Builder, operation: Any, node: Any, fed: list[int]) -> list[int] | None:
    """The layers inside a nested model or a student-made layer; None when it stays closed."""
    start = len(built.layers)
    exact = built.exact
    try:
        carrier = inner(operation)
        if carrier is not None:
            inside = leaves(carrier.inputs)
            seen = {id(tensor): position for tensor, position in zip(inside, fed, strict=True)}
            return _walk(built, leaves(carrier.outputs), seen)
        given = each(node.arguments.args[0], lambda t: Spec(tuple(t.shape), t.dtype))
        with _traced(built.keras, operation, given) as (tensors, outputs):
            pairs = zip(leaves(tensors), fed, strict=True)
            found = _walk(built, outputs, {id(tensor): position for tensor, position in pairs})
        held = {id(w) for layer in built.objects[start:] if layer is not None for w in layer.weights}
        if not held.issuperset(id(w) for w in operation.weights):
            raise ValueError("weights of its own")
        return found
    except Exception:
        del built.layers[start:], built.objects[start:]
        built.exact = exact
        return None


def _listed(built: Builder, model: Any) -> list[int]:
    """The layers of a model that was not used yet, in the order in which they were made."""
    for layer in _in_order(built.keras, model):
        described, _ = layers.layer(layer, [len(built.layers) - 1] if built.layers else [], None)
        built.add(described, layer, exact=False)
    return [len(built.layers) - 1] if built.layers else []


def _in_order(keras: Any, model: Any) -> list[Any]:
    found: list[Any] = []
    for layer in model._layers:
        inside = layers.is_composite(keras, layer) and getattr(layer, "_layers", None)
        found.extend(_in_order(keras, layer) if inside else [layer])
    return [layer for layer in found if not isinstance(layer, keras.metrics.Metric)]

"""A model's layers as they ran, where a symbolic call is not possible: tf functions want real tensors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import layers
from .between import Between, key
from .doors import shut
from .draw import each, leaves
from .names import silently

if TYPE_CHECKING:
    from .graph import Builder


def ran(built: Builder, model: Any, inputs: Any) -> list[int]:
    """The library's layers in the order in which they ran, where a symbolic call is not possible.

    The model is called on placeholders, as `fit` does to build it. Where what stands between layers cannot be
    followed, a layer fed from there is taken to be fed by the one that ran before it.
    """
    from keras.src import backend

    places: dict[Any, int] = {}
    kept: list[Any] = []  # tensors stay alive, so that an id means one tensor
    between = Between(lambda described: built.add(described, None, exact=True), places)

    def found(tensors: Any) -> list[int]:
        """The layers that give these tensors."""
        positions = [between.position(t) for t in leaves(tensors) if hasattr(t, "shape")]
        known = [position for position in positions if position is not None]
        built.exact = built.exact and bool(known) and len(known) == len(positions)
        return known or ([len(built.layers) - 1] if built.layers else [])

    def note(layer: Any, given: Any, result: Any) -> None:
        fed = found(given)
        outputs = [t for t in leaves(result) if hasattr(t, "shape")]
        position = built.called_before(layer, fed)
        if position is None:
            described, exact = layers.layer(layer, fed, tuple(outputs[0].shape) if outputs else None)
            position = built.add(described, layer, exact=exact and len(outputs) == 1)
        kept.extend(outputs)
        places.update({key(t): position for t in outputs})

    def begin(tensors: Any) -> Any:
        for tensor in leaves(tensors):
            places[key(tensor)] = built.add(layers.input_layer(tensor.shape, "input"), None, exact=True)
            kept.append(tensor)
        ends.extend(found(result := model.call(tensors, **inference(model))))
        return result

    with silently(), _listening(built.keras, note):
        tensors = each(inputs, lambda spec: built.keras.KerasTensor(shape=spec.shape, dtype=spec.dtype))
        ends: list[int] = []
        backend.compute_output_spec(begin, tensors)
    return ends


def computed(built: Builder, function: Any, fed: int, shape: Any, dtype: str) -> int | None:
    """What a `Lambda` computes of the layer at `fed`, as layers; None when that cannot be followed.

    Args:
        shape: of its input, batch axis first.
    """
    from keras.src import backend

    start, found = len(built.layers), []
    places: dict[Any, int] = {}
    between = Between(lambda described: built.add(described, None, exact=True), places)

    def call(tensor: Any) -> Any:
        places[key(tensor)] = fed
        result = function.call(tensor)
        found.append(between.position(result))
        return result

    with contextlib.suppress(Exception), silently():
        backend.compute_output_spec(call, built.keras.KerasTensor(shape=shape, dtype=dtype))
    if found and found[-1] is not None:
        return int(found[-1])
    del built.layers[start:], built.objects[start:]
    return None


@contextlib.contextmanager
def _listening(keras: Any, note: Any) -> Iterator[None]:
    """Hear of every outermost call of a layer of the library."""
    layer_class = keras.layers.Layer
    original = layer_class.__call__
    depth = [0]

    @shut
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        if depth[0] or layers.is_composite(keras, self):
            return original(self, *args, **kwargs)
        depth[0] += 1
        try:
            result = original(self, *args, **kwargs)
        finally:
            depth[0] -= 1
        note(self, [*args, *kwargs.values()], result)
        return result

    layer_class.__call__ = __call__
    try:
        yield
    finally:
        layer_class.__call__ = original


def inference(operation: Any) -> dict[str, bool]:
    """Arguments of a call that computes as a prediction does."""
    return {"training": False} if getattr(operation, "_call_has_training_arg", False) else {}

"""A network as data: what a check sees, and all a rebuild needs besides the weights."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Name = Annotated[str, Meta(max_length=200)]
Dim = Annotated[int, Meta(ge=0, le=2**31)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
ConfigValue = None | bool | int | float | Name | tuple[int | float, ...]


class Layer(Struct, frozen=True, forbid_unknown_fields=True):
    """One layer. Shapes are without the batch axis; `None` is an axis of unknown size."""

    kind: Name
    """Keras class name ("Conv2D"); for torch the Keras name of the same operation."""
    name: Name
    inputs: Annotated[tuple[Dim, ...], Meta(max_length=64)]
    """Positions, in `Graph.layers`, of the layers that feed this one."""
    output_shape: Annotated[tuple[Dim | None, ...], Meta(max_length=8)]
    params: Count
    trainable: Count
    config: Annotated[dict[Name, ConfigValue], Meta(max_length=64)]
    """The constructor arguments that matter, e.g. filters, kernel_size, strides, padding, activation,
    units, rate, pool_size, use_bias, scale, offset. Layers without weights on a custom path: {}."""
    weights: Annotated[tuple[Annotated[tuple[Dim, ...], Meta(max_length=8)], ...], Meta(max_length=64)] = ()
    """Shapes of the weight arrays in `layer.get_weights()` order (length of `params` in all)."""


class Graph(Struct, frozen=True, forbid_unknown_fields=True):
    """The layers of one model in topological order, nested models flattened."""

    layers: Annotated[tuple[Layer, ...], Meta(max_length=2000)]
    outputs: Annotated[tuple[Dim, ...], Meta(max_length=2000)]
    """Positions of the layers whose outputs the model returns."""
    style: Annotated[str, Meta(max_length=20)] = "sequential"
    """How it was written: sequential, functional or subclassed. No check depends on it."""
    exact: bool = True
    """False when part of it could not be followed (Lambda, custom layers): it cannot be rebuilt."""

    @property
    def params(self) -> int:
        return sum(layer.params for layer in self.layers)

    @property
    def trainable(self) -> int:
        return sum(layer.trainable for layer in self.layers)

    @property
    def input_shape(self) -> tuple[int | None, ...] | None:
        """Shape of the first input, without the batch axis."""
        return next((x.output_shape for x in self.layers if x.kind == "InputLayer"), None)

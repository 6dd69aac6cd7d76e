"""Whose weights a net computes with: a copy of a trained net is that net, whatever object holds it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from grader.evidence import wire
from grader.model.evidence import BuiltModel
from grader.model.graph import Graph, Layer


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of the weights of one call."""

    trained: bool
    model: int
    """The trained net that this is a copy of; else the net itself."""
    exposes: tuple[tuple[int, int], ...] = ()
    """Layers of trained nets whose output a copy of a part of them returned."""


@dataclass(slots=True)
class Origins:
    """Nets by what trainings they come from."""

    trained: frozenset[int]
    """Nets that are trained at any time of the run, but for those whose trainings so far taught nothing."""
    models: dict[int, wire.Model]
    """As they are known by now."""
    _shares: dict[int, set[int]] = field(default_factory=dict)
    _exposes: dict[int, set[tuple[int, int]]] = field(default_factory=dict)

    def of(self, call: wire.Evaluate | wire.Predict) -> Origin | None:
        """Where a call's weights come from; None when it does not say, or its net has none."""
        if not call.weights_of:
            return None
        groups = [self.trained.intersection(group) for group in call.weights_of]
        nets = frozenset.intersection(*groups)
        trained = all(groups)
        if call.serial in nets:
            return Origin(trained, call.serial)
        self._shares.setdefault(call.serial, set()).update(nets)
        parts = [net for net in sorted(nets) if self._is_part(call.serial, net)]
        found = next((net for net in parts if self._is_whole(call.serial, net)), None)
        if found is not None:
            return Origin(trained, found)
        outputs = self.models[call.serial].graph.outputs if parts else ()
        exposes = tuple((net, position) for net in parts for position in outputs)
        exposes += tuple(self._seen_through(call.serial, nets))
        self._exposes.setdefault(call.serial, set()).update(exposes)
        return Origin(trained, call.serial, exposes)

    def _is_part(self, serial: int, net: int) -> bool:
        """Whether a net of its own layers begins as a trained one does, layer by layer."""
        copy, source = self.models.get(serial), self.models.get(net)
        if copy is None or source is None or net in copy.shares or serial in source.shares:
            return False  # by their layers the probe knows better
        return _plain(copy.graph) == _plain(source.graph)[: len(copy.graph.layers)]

    def _seen_through(self, serial: int, nets: frozenset[int]) -> Iterator[tuple[int, int]]:
        """What a net with the weights of trained ones shows of their copies, as layers of theirs."""
        model = self.models.get(serial)
        for copy, position in model.exposes if model else ():
            yield from ((net, position) for net in sorted(nets) if self._is_part(copy, net))

    def _is_whole(self, serial: int, net: int) -> bool:
        copy, source = self.models[serial].graph, self.models[net].graph
        return copy.outputs == source.outputs and len(copy.layers) == len(source.layers)

    def told(self, model: BuiltModel) -> BuiltModel:
        """A model with what its calls have told of it."""
        shares = sorted(self._shares.get(model.serial, set()).difference(model.shares))
        exposes = sorted(self._exposes.get(model.serial, set()).difference(model.exposes))
        if not shares and not exposes:
            return model
        return msgspec.structs.replace(
            model, shares=(*model.shares, *shares), exposes=(*model.exposes, *exposes)
        )


def _plain(graph: Graph) -> list[tuple[object, ...]]:
    """Layers as they compute: names do not matter, nor whether they are frozen."""
    return [_computed(layer) for layer in graph.layers]


def _computed(layer: Layer) -> tuple[object, ...]:
    return layer.kind, layer.inputs, layer.output_shape, layer.config, layer.weights

"""Which trainings a net's weights come from: by identity, and those of a copy by content.

`load_model`, `clone_model` with `set_weights` and `load_weights` give nets that share no layer with the one
that was trained. Their weights are what a training ended with, or what was saved of a trained net on the way.
"""

from __future__ import annotations

import functools
import hashlib
import math
import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .doors import door
from .state import Probe

MOST_LOOKS = 8
"""Times in one cell that a large net's weights are compared; after these it is what it was."""
LOOKED_AT = 256 * 2**20
"""Values of one net that are compared in one cell: a small one's each time that it is used."""
MOST_COPIES = 64
"""States of one net in one cell, saved on the way, that are remembered."""
Groups = list[list[int]]


class Taught:
    """What is known of trained weights.

    Args:
        serial: the number of a model.
    """

    def __init__(self, probe: Probe, keras: Any, serial: Callable[[Any], int]) -> None:
        self._probe = probe
        # By way of the library's class: a student's model may say otherwise.
        self._weights = keras.layers.Layer.weights.fget
        self._serial = serial
        self._held: dict[int, tuple[Any, set[int]]] = {}
        """id of a variable -> (a weak reference to it, the nets that were trained with it)."""
        self._contents: dict[bytes, set[int]] = {}
        """Digest of a variable's values -> the nets that had them."""
        self._looks: Counter[int] = Counter()
        self._copies: Counter[int] = Counter()
        self._last: dict[int, Groups] = {}
        probe.at_cell_end.append(self._forget)

    def _forget(self) -> None:
        self._looks.clear()
        self._copies.clear()
        self._last.clear()

    # -- what was trained ---------------------------------------------------------------------------

    def stepped(self, net: Any) -> None:
        """A net has been trained, or goes on being trained."""
        serial = self._serial(net)
        for variable in self._weights(net):
            self._nets_of(variable).add(serial)

    def holds(self, net: Any, digests: Iterable[bytes]) -> None:
        """A trained net's variables have these contents."""
        serial = self._serial(net)
        for digest in digests:
            self._contents.setdefault(digest, set()).add(serial)

    def ended(self, net: Any) -> None:
        """A training of this net is over."""
        self.holds(net, map(digest_of, self._weights(net)))

    def _nets_of(self, variable: Any) -> set[int]:
        found = self._held.get(id(variable))
        if found is None or found[0]() is not variable:
            found = (weakref.ref(variable), set())
            self._held[id(variable)] = found
        return found[1]

    # -- what comes of it ---------------------------------------------------------------------------

    def groups(self, net: Any) -> Groups:
        """For each of a net's variables the trained nets that it is of, each such group once.

        What no training changes (the statistics of a `Normalization`, a base that is frozen) is left out.
        """
        weights = self._weights(net)
        variables = [variable for variable in weights if variable.trainable] or weights
        found = [self._nets_of(variable) for variable in variables]
        if all(found):
            return _once(found)
        serial = self._serial(net)
        if serial in self._last and self._looks[serial] >= LOOKED_AT:
            return self._last[serial]
        size = sum(math.prod(variable.shape) for variable in variables)
        self._looks[serial] += min(size, LOOKED_AT // MOST_LOOKS)
        if self._contents:
            pairs = zip(found, variables, strict=True)
            found = [nets or self._contents.get(digest_of(variable), set()) for nets, variable in pairs]
        self._last[serial] = _once(found)
        return self._last[serial]

    # -- what is saved of it ------------------------------------------------------------------------

    def saved(self, original: Callable[..., Any], *, by_library: bool = True) -> Callable[..., Any]:
        """`save` and the like: what they keep may come back as another net.

        Args:
            by_library: whether it counts when the library calls it, as `ModelCheckpoint` does.
        """

        @door
        @functools.wraps(original)
        def wrapper(net: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            if by_library or not self._probe.inside:
                self._probe.quietly(self._kept, net)
            return original(net, *args, **kwargs)

        return wrapper

    def _kept(self, net: Any) -> None:
        serial = self._serial(net)
        trained = any(serial in self._nets_of(variable) for variable in self._weights(net))
        if trained and self._copies[serial] < MOST_COPIES:
            self._copies[serial] += 1
            self.ended(net)


def _once(groups: Iterable[set[int]]) -> Groups:
    return [list(group) for group in dict.fromkeys(tuple(sorted(nets)[:64]) for nets in groups)]


def digest_of(variable: Any) -> bytes:
    """A digest of a variable's values."""
    values = np.ascontiguousarray(np.asarray(variable.numpy() if hasattr(variable, "numpy") else variable))
    state = hashlib.blake2b(repr((values.shape, values.dtype.str)).encode(), digest_size=16)
    state.update(values.tobytes())
    return state.digest()

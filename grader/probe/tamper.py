"""Notices when library functions that grades rest on were replaced, and puts them back.

Looked at after each top-level statement of a cell and at its end, by identity: a replaced
`Model.evaluate` or `SparseCategoricalAccuracy.result` is reported and the real one restored, so that what
follows says what it would have said without the trick. Overriding methods in an own subclass is honest
work and is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .state import Probe

if TYPE_CHECKING:
    from .models import Models

ON_INSTANCES = tuple(
    """fit evaluate predict train_on_batch test_on_batch predict_on_batch compile count_params summary
    get_weights""".split()
)
# Not `load`: replacing it to allow pickles is a widespread and honest habit.
_NUMPY = ("argmax", "mean", "sum", "asarray", "array", "concatenate", "array_equal", "packbits")
Wrapper = Callable[[Callable[..., Any]], Callable[..., Any]]


class Guard:
    """Holds the true functions."""

    def __init__(self, probe: Probe, keras: Any, models: Models) -> None:
        self._probe = probe
        self._keras = keras
        self._models = models
        self._classes: dict[type, dict[str, Any]] = {}
        self._functions: list[tuple[Any, str, Any]] = []

    def wrap(self, owner: Any, name: str, wrapper: Wrapper) -> None:
        """Put a wrapper in a method's place, in the class that defines it.

        Keras asks `type(model).compile != Trainer.compile` to see whether a student wrote their own.
        """
        defining = next((cls for cls in owner.__mro__ if name in vars(cls)), owner)
        self.cover(defining, name, wrapper)

    def cover(self, owner: Any, name: str, wrapper: Wrapper) -> None:
        """The same for this class and those under it alone, whatever class defines the method."""
        setattr(owner, name, wrapper(getattr(owner, name)))

    def remember_originals(self) -> None:
        """Note every function of the classes that results come from."""
        import numpy

        self._classes = {
            owner: {name: value for name, value in vars(owner).items() if _is_function(value)}
            for owner in _classes(self._keras)
        }
        self._functions = [(numpy, name, getattr(numpy, name)) for name in _NUMPY]

    def check(self) -> None:
        """Report and undo replacements."""
        for owner, true in self._classes.items():
            self._check_class(owner, true)
        for owner, name, function in self._functions:
            if getattr(owner, name, None) is not function:
                setattr(owner, name, function)
                self._report(f"{owner.__name__}.{name}")
        for model, _ in self._models.alive():
            for name in ON_INSTANCES:
                if name in vars(model):
                    object.__delattr__(model, name)
                    self._report(f"{name} of one {type(model).__name__}")

    def _check_class(self, owner: type, true: dict[str, Any]) -> None:
        now = vars(owner)
        changed = [name for name, value in true.items() if now.get(name) is not value]
        for name in changed:
            setattr(owner, name, true[name])
            self._report(f"{owner.__qualname__}.{name}")
        if len(now) == len(true):
            return
        for name, value in list(now.items()):
            # A method given to a class that inherited it hides the library's.
            if name not in true and _is_function(value) and hasattr(super(owner, owner), name):
                delattr(owner, name)
                self._report(f"{owner.__qualname__}.{name}")

    def _report(self, what: str) -> None:
        self._probe.send("tamper", {"what": f"{what} was replaced"})


def _is_function(value: Any) -> bool:
    return callable(value) or isinstance(value, (property, classmethod, staticmethod))


def _classes(keras: Any) -> list[type]:
    """Models, histories, and all that a net is put together from, base classes included."""
    found = [*keras.Model.__mro__, *keras.Sequential.__mro__, *keras.callbacks.History.__mro__]
    for module in (keras.metrics, keras.losses, keras.layers, keras.optimizers):
        found += [c for c in vars(module).values() if isinstance(c, type)]
    found += keras.optimizers.Optimizer.__mro__
    return [c for c in dict.fromkeys(found) if c.__module__.split(".")[0] == "keras"]

"""Which classes and functions are the library's own, by identity.

A name proves nothing: `class Adam(keras.optimizers.SGD)` is an SGD. What the library offers is noted once,
before any student code runs, so that putting something else in its modules changes nothing either.
"""

from __future__ import annotations

import functools
import re
import sys
from types import FunctionType, MethodType, ModuleType
from typing import Any

CUSTOM = "custom"
"""What is no part of the library is called this, whatever it calls itself."""

_FUNCTIONS = ("activations", "losses", "metrics", "ops")
_HARMLESS = frozenset(
    """__init__ __module__ __qualname__ __doc__ __dict__ __weakref__ __annotations__ __annotate__
    __firstlineno__ __static_attributes__ __orig_bases__ __parameters__ __abstractmethods__ _abc_impl
    __classcell__ get_config from_config""".split()
)
"""What a subclass may define and still compute what its base does. Its `get_config` is never asked."""
_SET_BY_LIBRARY = frozenset({"build", "quantize", "loss"})
"""What the library's layers wrap on each instance, and what `compile` sets on a model."""

_classes: dict[type, str] = {}
_functions: dict[str, list[tuple[Any, str]]] = {}
_methods: dict[int, Any] = {}
"""Kept alive, so that an id means one function."""


def note(keras: ModuleType) -> None:
    """Remember what there is now."""
    # Layers and models are operations.
    roots = (keras.Operation, keras.losses.Loss, keras.metrics.Metric, keras.callbacks.Callback)
    held = (keras.initializers.Initializer, keras.regularizers.Regularizer, keras.constraints.Constraint)
    for root in (*roots, *held, keras.optimizers.Optimizer):
        _classes.update({cls: cls.__name__ for cls in _family(root)})
    for cls in {base for known in _classes for base in known.__mro__}:
        _methods.update({id(m): m for m in vars(cls).values() if isinstance(m, FunctionType)})
    for part in _FUNCTIONS:
        _functions[part] = _callables(getattr(keras, part))
    tensorflow = sys.modules.get("tensorflow")
    for part in ("nn", "math"):
        _functions["activations"] += _callables(getattr(tensorflow, part, None))
    _functions["activations"] += _functions["ops"]


def _family(root: Any) -> list[type]:
    return [root, *(cls for child in root.__subclasses__() for cls in _family(child))]


def _callables(module: Any) -> list[tuple[Any, str]]:
    members = vars(module).values() if module is not None else ()
    return [(f, re.sub(r"_v\d$", "", f.__name__)) for f in members if isinstance(f, FunctionType)]


def function_name(part: str, value: Any) -> str:
    """Name of a function that a part of the library ("losses") offers; "" when it does not."""
    return next((name for function, name in _functions.get(part, ()) if function is value), "")


def runs_foreign_code(value: Any) -> bool:
    """Whether an object of the library may call what a student wrote: as a subclass, or held by it."""
    if base_of(value) is None:
        return True
    return any(_is_foreign(held) for name, held in vars(value).items() if name not in _SET_BY_LIBRARY)


def _is_foreign(value: Any) -> bool:
    """Whether calling this may run a student's code: a function, a method, a partial, an object of theirs.

    A ufunc (`EarlyStopping.monitor_op`) or the net that every callback is given is none of these.
    """
    if isinstance(value, functools.partial):
        return _is_foreign(value.func)
    if isinstance(value, MethodType):
        return base_of(value.__self__) is None and not _is_net(value.__self__)
    if isinstance(value, FunctionType):
        return not any(function is value for functions in _functions.values() for function, _ in functions)
    called = next((vars(cls)["__call__"] for cls in type(value).__mro__ if "__call__" in vars(cls)), None)
    return isinstance(called, FunctionType) and base_of(value) is None and not _is_net(value)


def _is_net(value: Any) -> bool:
    return any(cls.__name__ == "Model" and cls.__module__.startswith("keras.") for cls in type(value).__mro__)


def is_own_method(function: Any) -> bool:
    """Whether a class's function was defined by the library: `type(layer).call`."""
    return id(function) in _methods


def base_of(value: Any) -> Any:
    """The library's class that computes what this object does; None when it does something of its own.

    A subclass counts as its nearest base in the library as long as it, and the object itself, replace
    nothing of what that base computes with.
    """
    kind = type(value)
    base = next((cls for cls in kind.__mro__ if cls in _classes), None)
    if base is None:
        return None
    for cls in kind.__mro__[: kind.__mro__.index(base)]:
        if any(hasattr(base, name) for name in vars(cls).keys() - _HARMLESS):
            return None
    hidden = (vars(value) if hasattr(value, "__dict__") else {}).keys() - _SET_BY_LIBRARY
    if any(isinstance(getattr(base, name, None), FunctionType | property) for name in hidden):
        return None
    return base


def name_of(value: Any) -> str:
    """Name of the library's class that this object is, or "custom"."""
    base = base_of(value)
    return CUSTOM if base is None else _classes[base]

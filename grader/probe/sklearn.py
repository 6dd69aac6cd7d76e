"""scikit-learn: estimators that student code fits or uses, and the two reports courses ask for."""

from __future__ import annotations

import functools
import sys
from functools import cache
from types import ModuleType
from typing import Any

from . import estimators
from .channel import clean
from .doors import door
from .hooks import imported
from .state import Probe

METHODS = ("fit", "fit_transform", "fit_predict", "predict", "transform", "score")
FUNCTIONS = ("confusion_matrix", "classification_report", "accuracy_score")


@cache
def methods(module: ModuleType) -> list[tuple[type, str, Any]]:
    """(estimator, name, function) of what one sklearn module defines."""
    found = []
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == module.__name__ and hasattr(value, "get_params"):
            found += [(value, name, vars(value)[name]) for name in METHODS if callable(vars(value).get(name))]
    return found


def watch(probe: Probe, module: ModuleType) -> None:
    """Wrap what one sklearn module defines."""
    for value, name, method in methods(module):
        probe.quietly(setattr, value, name, _method(probe, name, method))
    if module.__name__ == "sklearn.metrics._classification":
        for name in FUNCTIONS:
            function = getattr(module, name, None)
            if function is not None:
                replacement = _function(probe, name, function)
                setattr(module, name, replacement)
                _replace_everywhere(name, function, replacement)


def _method(probe: Probe, name: str, original: Any) -> Any:
    @door
    @functools.wraps(original)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        outermost = probe.enter() == 0
        if outermost:
            probe.local.reduced = {}
        given, limited = args, kwargs
        undo = None
        try:
            if name.startswith("fit"):
                fewer = probe.quietly(estimators.fewer_rows, probe, self, name, args, kwargs)
                given, limited = fewer or (args, kwargs)
                undo = probe.quietly(estimators.fewer_iterations, probe, self, args, kwargs)
            result = original(self, *given, **limited)
        finally:
            if undo is not None:
                undo()
            probe.leave()
        if outermost:
            params = probe.quietly(lambda: _plain(self.get_params(deep=False))) or {}
            reduced = getattr(probe.local, "reduced", {})
            values = (*args, *kwargs.values())
            probe.quietly(_send, probe, type(self).__name__, name, params, values, reduced)
        return result

    return wrapper


def _function(probe: Probe, name: str, original: Any) -> Any:
    @door
    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        outermost = probe.enter() == 0
        try:
            result = original(*args, **kwargs)
        finally:
            probe.leave()
        if outermost:
            probe.quietly(_send, probe, name, "call", {}, (*args, *kwargs.values()))
        return result

    return wrapper


def _replace_everywhere(name: str, original: Any, replacement: Any) -> None:
    """In the modules that re-export it too, when they were imported before (a warm process)."""
    for module in (sys.modules[found] for found in imported("sklearn.")):
        if vars(module).get(name) is original:
            setattr(module, name, replacement)


def _plain(params: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in list(params.items())[:64]:
        if value is None or isinstance(value, (bool, int, float)):
            found[name] = value
        else:
            found[name] = clean(str(value), 200)
    return found


def _send(
    probe: Probe,
    estimator: str,
    method: str,
    params: dict[str, Any],
    given: tuple[Any, ...],
    reduced: dict[str, int] | None = None,
) -> None:
    shapes = []
    for value in given[:8]:
        shape = getattr(value, "shape", None)
        if shape is None and isinstance(value, (list, tuple)):
            shape = (len(value),)
        if shape is not None and len(shape) <= 8:
            shapes.append([int(d) for d in shape])
    header = {"estimator": estimator, "method": method, "params": params, "shapes": shapes, **(reduced or {})}
    probe.send("sklearn", header)

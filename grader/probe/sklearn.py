"""scikit-learn: estimators that student code fits or uses, and the two reports courses ask for."""

from __future__ import annotations

import functools
import sys
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from . import blanks, estimators
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
        there = probe.quietly(blanks.present, probe, args[0] if args else kwargs.get("X"))
        given, limited = args, kwargs
        if there is not None:
            given, limited = probe.quietly(blanks.without, there, args, kwargs) or (args, kwargs)
        undo = None
        try:
            if name.startswith("fit"):
                fewer = probe.quietly(estimators.fewer_rows, probe, self, name, given, limited)
                given, limited = fewer or (given, limited)
                undo = probe.quietly(estimators.fewer_iterations, probe, self, given, limited)
            result = original(self, *given, **limited)
        finally:
            if undo is not None:
                undo()
            probe.leave()
        if there is not None:
            result = probe.quietly(blanks.with_blanks, there, name, result)
        if outermost:
            if there is not None and name.startswith("fit"):
                probe.local.reduced.setdefault("rows_used", int(there.sum()))
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
        fewer = probe.quietly(_judged, probe, args, kwargs) if outermost else None
        given, named = fewer or (args, kwargs)
        try:
            result = original(*given, **named)
        finally:
            probe.leave()
        if outermost:
            probe.quietly(_send, probe, name, "call", {}, (*args, *kwargs.values()))
        return result

    return wrapper


def _judged(probe: Probe, args: tuple[Any, ...], kwargs: dict[str, Any]) -> blanks.Arguments | None:
    """Labels and predictions without the rows that were not predicted."""
    predicted = args[1] if len(args) > 1 else kwargs.get("y_pred")
    there = blanks.known(predicted) if probe.blank_rows and predicted is not None else None
    if there is None:
        return None
    wanted = ("y_true", "y_pred", "sample_weight")
    given = {**dict(zip(("y_true", "y_pred"), args, strict=False)), **kwargs}
    cut = {name: _part(value, there) if name in wanted else value for name, value in given.items()}
    cut["y_pred"] = cut["y_pred"].astype(cut["y_true"].dtype)  # NaN had made other numbers of them
    return (), cut


def _part(values: Any, there: Any) -> Any:
    return None if values is None else np.asarray(values)[there]


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

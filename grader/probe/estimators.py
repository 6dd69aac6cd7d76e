"""scikit-learn under a budget: slow estimators are fitted on fewer rows, t-SNE makes fewer iterations.

What is fitted on a part predicts all that it is asked for. Where a result has a row for each row that went in
(t-SNE, clusters, `fit_predict`), no row is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from . import draw
from .state import Probe

SQUARE = frozenset(
    """SVC NuSVC SVR NuSVR GaussianProcessClassifier GradientBoostingClassifier GridSearchCV
    RandomizedSearchCV HalvingGridSearchCV HalvingRandomSearchCV""".split()
)
"""Estimators whose cost grows with the square of the rows, or that fit others many times."""
LINEAR = frozenset(
    """LinearSVC LogisticRegression LogisticRegressionCV KNeighborsClassifier RandomForestClassifier
    ExtraTreesClassifier MLPClassifier AdaBoostClassifier BaggingClassifier""".split()
)
MORE = 5
"""Times as many rows for those whose cost grows with their number."""
FEWEST_ITERATIONS = 250
"""t-SNE takes no fewer."""
WITH_ROWS = frozenset({"X", "y", "sample_weight"})
Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def fewer_rows(
    probe: Probe, estimator: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Arguments | None:
    """The arguments of a fit cut to what the budget allows; None where they stay."""
    allowed = _allowed(probe, estimator)
    given = {**dict(zip(("X", "y", "sample_weight"), args, strict=False)), **kwargs}
    if allowed is None or method != "fit" or len(args) > 2 or given.get("y") is None:
        return None
    if any(value is not None for name, value in kwargs.items() if name not in WITH_ROWS):
        return None  # groups and the like: what belongs to which row is not known here
    rows = _rows(given["X"])
    if rows <= allowed or not _splits_freely(estimator):
        return None
    index = stratified(given["y"], rows, allowed, probe.job.seed)
    _note(probe, "rows_used", allowed)
    cut = {name: None if value is None else _take(value, index) for name, value in given.items()}
    return tuple(cut[name] for name, _ in zip(("X", "y"), args, strict=False)), {
        name: cut[name] for name in kwargs
    }


def _allowed(probe: Probe, estimator: Any) -> int | None:
    if probe.job.estimator_rows is None:
        return None
    # A subclass of the student's fits as its base does.
    names = {cls.__name__ for cls in type(estimator).__mro__ if cls.__module__.startswith("sklearn.")}
    if names & SQUARE:
        return probe.job.estimator_rows
    return probe.job.estimator_rows * MORE if names & LINEAR else None


def _splits_freely(estimator: Any) -> bool:
    """Whether a search's folds are made from the rows it gets, not named by their positions."""
    folds = getattr(estimator, "cv", None)
    return folds is None or isinstance(folds, int) or "KFold" in type(folds).__name__


def _note(probe: Probe, name: str, value: int) -> None:
    reduced = getattr(probe.local, "reduced", None)
    if reduced is not None:
        reduced[name] = min(value, reduced.get(name, value))


def stratified(y: Any, rows: int, count: int, seed: int) -> Any:
    """Positions of `count` rows in ascending order, each class in proportion and none left out."""
    order = np.random.default_rng([seed, 3]).permutation(rows)
    classes = np.asarray(y)
    if classes.ndim != 1 or classes.dtype.kind not in "biuUSO":
        return np.sort(order[:count])
    _, classes = np.unique(classes.astype(str) if classes.dtype == object else classes, return_inverse=True)
    if classes.max() >= count // 2:
        return np.sort(order[:count])
    by_class = order[np.argsort(classes[order], kind="stable")]
    chosen = by_class[(np.arange(count) * rows) // count]
    _, first = np.unique(classes[by_class], return_index=True)
    absent = [i for i in by_class[first] if classes[i] not in set(classes[chosen])]
    # In the place of rows of the largest class.
    largest = np.flatnonzero(classes[chosen] == np.bincount(classes[chosen]).argmax())[: len(absent)]
    chosen[largest] = absent[: len(largest)]
    return np.sort(chosen)


def _rows(value: Any) -> int:
    shape = getattr(value, "shape", None)
    return int(shape[0]) if shape else len(value)


def _take(value: Any, index: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [value[i] for i in index]
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return value[torch.as_tensor(index)]
    return draw.take(value, index)


def fewer_iterations(
    probe: Probe, estimator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[[], None] | None:
    """Lower a t-SNE's iterations for one fit; what is returned puts the student's number back."""
    steps = probe.job.tsne_steps
    x = args[0] if args else kwargs.get("X")
    names = {cls.__name__ for cls in type(estimator).__mro__ if cls.__module__.startswith("sklearn.")}
    if steps is None or x is None or "TSNE" not in names:
        return None
    name = "max_iter" if hasattr(estimator, "max_iter") else "n_iter"
    declared = getattr(estimator, name)
    allowed = max(FEWEST_ITERATIONS, int(steps / max(1, _rows(x))))
    if (declared or 1000) <= allowed:
        return None
    setattr(estimator, name, allowed)
    _note(probe, "iterations_used", allowed)
    return lambda: setattr(estimator, name, declared)

"""Serves `keras.datasets.<name>.load_data()` from the job's data folder: no network, official shapes."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from .doors import door
from .state import Probe

SERVED = ("mnist", "fashion_mnist", "cifar10")
LOADERS = (*SERVED, "cifar100", "imdb", "reuters", "boston_housing", "california_housing")
_PUBLIC = (
    "keras.datasets",
    "keras._tf_keras.keras.datasets",
    "keras.api.datasets",
    "keras.api._tf_keras.keras.datasets",
)
"""Packages that re-export the loaders, in the versions of Keras since 3.8."""
PARTS = ("x_train", "y_train", "x_test", "y_test")


def serve(probe: Probe, name: str, module: ModuleType) -> None:
    """Replace a dataset module's `load_data`, before anything else takes it over from there."""
    original = module.load_data
    # Taken now: replacing `np.load` to allow pickles is a widespread and honest habit.
    load = functools.partial(numpy_load(), allow_pickle=False)

    @door
    @functools.wraps(original)
    def load_data(*args: Any, **kwargs: Any) -> Any:
        folder = Path(probe.job.data) / name
        if not probe.job.data or not all((folder / f"{part}.npy").is_file() for part in PARTS):
            raise OSError(
                f"The dataset {name!r} is not available here and there is no network to download it from"
                + (f". This practical uses {probe.job.dataset!r}." if probe.job.dataset else ".")
            )
        parts = _read(load, folder, name)
        shapes = [list(part.shape) for part in parts]
        probe.quietly(probe.send, "load", {"dataset": name, "shapes": shapes})
        return (parts[0], parts[1]), (parts[2], parts[3])

    # The public modules re-export the function: replace it there too if they were imported before.
    _replace_everywhere(name, original, load_data)
    vars(module)["load_data"] = load_data


def numpy_load() -> Any:
    """NumPy's own `load`; keras has imported numpy by now."""
    import numpy as np

    return np.load


def _read(load: Any, folder: Path, name: str) -> list[Any]:
    parts = [load(folder / f"{part}.npy") for part in PARTS]
    if name == "cifar10":
        parts[1], parts[3] = parts[1].reshape(-1, 1), parts[3].reshape(-1, 1)
    return [part.astype("uint8", copy=False) for part in parts]


def _replace_everywhere(name: str, original: Any, replacement: Any) -> None:
    # By name: in a forked process, a look at every module copies the memory that each of them is in.
    for package in _PUBLIC:
        module = sys.modules.get(f"{package}.{name}")
        if getattr(module, "load_data", None) is original:
            vars(module)["load_data"] = replacement

"""Puts every hook in its place."""

from __future__ import annotations

import functools
import random
from types import ModuleType
from typing import Any

from . import data, doors
from .hooks import AfterImport
from .state import Probe


def install(probe: Probe, protocol: int, versions: dict[str, str]) -> None:
    """Say hello, seed, and wait for the libraries to be imported."""
    probe.channel.send("hello", {"probe": protocol, "versions": versions})
    # The kernel's own start draws from it.
    probe.at_start.append(lambda: random.seed(probe.job.seed))
    random.seed(probe.job.seed)
    finder = AfterImport(probe.quietly)
    finder.install()
    finder.after("numpy", lambda module: module.random.seed(probe.job.seed % 2**32))
    finder.after("tensorflow", lambda module: _tensorflow(probe, module))
    for name in data.LOADERS:
        finder.after(f"keras.src.datasets.{name}", functools.partial(data.serve, probe, name))
    finder.after("keras", lambda module: _keras(probe, module))
    finder.after(
        "matplotlib.backend_bases", lambda module: _canvas(probe, module.FigureCanvasBase, "print_figure")
    )
    finder.after(
        "matplotlib.backends.backend_agg", lambda module: _canvas(probe, module.FigureCanvasAgg, "draw")
    )
    finder.after("matplotlib.pyplot", lambda module: _matplotlib(probe, module))
    finder.after("matplotlib_inline.backend_inline", lambda module: _inline(probe, module))
    finder.after("torch", lambda module: _torch(probe, module))
    finder.after_each("sklearn.", lambda module: _sklearn(probe, module))


# The parts below import numpy, so they are loaded only once the student's import has made it present, and
# at once: what is behind a door imports nothing.


def _keras(probe: Probe, module: ModuleType) -> None:
    import numpy as np

    with doors.shown():
        from . import models

    # It also seeds these two, which have their seed; here that would make draws before the import count
    # in a cold process and not in a warm one.
    plain, numeric = random.getstate(), np.random.get_state()
    module.utils.set_random_seed(probe.job.seed % 2**32)
    random.setstate(plain)
    np.random.set_state(numeric)
    models.install(probe, module)


def _torch(probe: Probe, module: ModuleType) -> None:
    if probe.job.threads:
        module.set_num_threads(probe.job.threads)
    # Its seed counts from the first cell; nothing of the import draws from it.
    module.manual_seed(probe.job.seed)
    with doors.shown():
        from . import torch

    torch.watch(probe, module)


def _tensorflow(probe: Probe, module: ModuleType) -> None:
    with doors.shown():
        from . import resizing

    resizing.watch(probe, module)
    if probe.job.level != "full":
        # It takes a tenth of a second for each function, and wins less than that back in a short training.
        module.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    if probe.job.threads:
        module.config.threading.set_intra_op_parallelism_threads(probe.job.threads)
        module.config.threading.set_inter_op_parallelism_threads(probe.job.threads)


def _matplotlib(probe: Probe, module: ModuleType) -> None:
    with doors.shown():
        from . import figures

    figures.watch_pyplot(probe, figures.of(probe), module)


def _canvas(probe: Probe, canvas: Any, name: str) -> None:
    with doors.shown():
        from . import figures

    figures.watch_canvas(probe, figures.of(probe), canvas, name)


def _inline(probe: Probe, module: ModuleType) -> None:
    with doors.shown():
        from . import figures

    figures.watch_inline(probe, module)


def _sklearn(probe: Probe, module: ModuleType) -> None:
    with doors.shown():
        from . import sklearn

    sklearn.watch(probe, module)

"""Figures, as they are when they are shown or their cell ends: axes, titles, images, lines, bars."""

from __future__ import annotations

import functools
import json
from types import ModuleType
from typing import Any

import numpy as np

from .channel import clean
from .doors import door
from .state import Probe

MAX_AXES = 1000


class Figures:
    """Sends each state of a figure once per cell."""

    def __init__(self, probe: Probe, pyplot: ModuleType) -> None:
        self._probe = probe
        self._pyplot = pyplot
        self._sent: set[tuple[int, str]] = set()

    def shown(self) -> None:
        """Send what is on the open figures."""
        for number in self._pyplot.get_fignums():
            manager = self._pyplot._pylab_helpers.Gcf.figs.get(number)
            if manager is not None:
                self._probe.quietly(self._send, manager.canvas.figure)

    def _send(self, figure: Any) -> None:
        axes = [describe(axes) for axes in figure.get_axes()[:MAX_AXES]]
        mark = (self._probe.cell, json.dumps([id(figure), axes], default=str))
        if axes and mark not in self._sent:
            self._sent = {old for old in self._sent if old[0] == self._probe.cell} | {mark}
            self._probe.send("figure", {"axes": axes})


def describe(axes: Any) -> dict[str, Any]:
    """One axes in the shape of `grader.model.evidence.Axes`."""
    # seaborn's heatmaps are meshes.
    meshes = [mesh for mesh in axes.collections if type(mesh).__name__ == "QuadMesh"]
    arrays = [image.get_array() for image in (*axes.get_images(), *meshes)]
    images = [array for array in arrays if array is not None][:64]
    legend = axes.get_legend()
    labels = [line.get_label() for line in axes.get_lines()]
    if legend is not None:
        labels += [text.get_text() for text in legend.get_texts()]
    named = [clean(str(label), 200) for label in labels if label and not str(label).startswith("_")]
    return {
        "title": clean(axes.get_title() or axes.get_title("left") or axes.get_title("right"), 400),
        "xlabel": clean(axes.get_xlabel(), 400),
        "ylabel": clean(axes.get_ylabel(), 400),
        "position": _position(axes),
        "images": [[int(d) for d in image.shape] for image in images],
        "blank": [blank(image) for image in images],
        "lines": [len(line.get_xdata(orig=False)) for line in axes.get_lines()][:200],
        "labels": list(dict.fromkeys(named))[:200],
        "bars": sum(len(c.patches) for c in axes.containers if hasattr(c, "patches")),
    }


def blank(image: Any) -> bool:
    """Whether an image shows nothing: one value everywhere, or values that are no numbers."""
    values = np.ma.getdata(image)
    if values.dtype.kind not in "biuf":
        return False
    shown = values[np.isfinite(values)] if values.dtype.kind == "f" else values.ravel()
    return not shown.size or bool((shown == shown[0]).all())


def _position(axes: Any) -> tuple[int, int, int] | None:
    """(rows, columns, index from 0) in the outermost grid it was placed in."""
    spec = axes.get_subplotspec() if hasattr(axes, "get_subplotspec") else None
    if spec is None:
        return None
    rows, columns, first, _ = spec.get_geometry()
    return int(rows), int(columns), int(first)


def watch_pyplot(probe: Probe, pyplot: ModuleType) -> None:
    """Look at figures when they are shown, closed or saved, and at the end of a cell."""
    figures = Figures(probe, pyplot)
    probe.at_cell_end.append(figures.shown)
    probe.show_figures = figures.shown
    for name in ("show", "close", "savefig"):
        setattr(pyplot, name, _first(probe, figures, getattr(pyplot, name)))


def watch_inline(probe: Probe, inline: ModuleType) -> None:
    """The notebook shows and closes open figures by itself after each cell."""

    def shown() -> None:
        probe.show_figures()

    original = inline.flush_figures

    @door
    @functools.wraps(original)
    def flush_figures(*args: Any, **kwargs: Any) -> Any:
        probe.quietly(shown)
        return original(*args, **kwargs)

    inline.flush_figures = flush_figures  # type: ignore[attr-defined]


def _first(probe: Probe, figures: Figures, original: Any) -> Any:
    @door
    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        probe.quietly(figures.shown)
        return original(*args, **kwargs)

    return wrapper

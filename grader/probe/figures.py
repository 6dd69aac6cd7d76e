"""Figures, as they are when they are shown or their cell ends: axes, titles, images, lines, bars."""

from __future__ import annotations

import functools
import json
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from .channel import clean
from .doors import door
from .state import Probe

MAX_AXES = 1000


class Figures:
    """Sends each state of a figure once per cell."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._sent: Any = weakref.WeakKeyDictionary()
        """Figure -> what was sent of it, with its cell."""

    def shown(self, pyplot: ModuleType) -> None:
        """Send what is on the open figures."""
        for number in pyplot.get_fignums():
            manager = pyplot._pylab_helpers.Gcf.figs.get(number)
            if manager is not None:
                self._probe.quietly(self.send, manager.canvas.figure)

    def send(self, figure: Any) -> None:
        """Send what is on a figure."""
        axes = [describe(axes) for axes in figure.get_axes()[:MAX_AXES]]
        mark = (self._probe.cell, json.dumps(axes, default=str))
        sent = {old for old in self._sent.get(figure, ()) if old[0] == self._probe.cell}
        if axes and mark not in sent:
            self._sent[figure] = sent | {mark}
            self._probe.send("figure", {"axes": axes})


def of(probe: Probe) -> Figures:
    """The one that all of the library's parts tell."""
    if probe.figures is None:
        probe.figures = Figures(probe)
    found: Figures = probe.figures
    return found


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


def watch_pyplot(probe: Probe, figures: Figures, pyplot: ModuleType) -> None:
    """Look at figures when they are shown, closed or saved, and at the end of a cell."""
    shown = functools.partial(figures.shown, pyplot)
    probe.at_cell_end.append(shown)
    probe.show_figures = shown
    for name in ("show", "close", "savefig"):
        setattr(pyplot, name, _first(probe, lambda *_: shown(), getattr(pyplot, name)))


def watch_canvas(probe: Probe, figures: Figures, canvas: Any, name: str) -> None:
    """Look at a figure when it is drawn: one that was made without pyplot is in nobody's list."""
    setattr(
        canvas, name, _first(probe, lambda canvas, *_: figures.send(canvas.figure), getattr(canvas, name))
    )


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


def _first(probe: Probe, look: Callable[..., None], original: Any) -> Any:
    @door
    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        probe.quietly(look, *args)
        return original(*args, **kwargs)

    return wrapper

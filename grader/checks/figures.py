"""Checks of what was drawn: feature maps and filters as images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from grader.checks.base import Rule, code_runs, compare
from grader.checks.select import Where
from grader.checks.source import arguments, derived, ran
from grader.checks.toys import toys
from grader.model.evidence import Episode, Evidence, Figure, Provenance
from grader.model.expected import Expected
from grader.model.graph import Graph, Layer
from grader.model.result import CheckResult, Status
from grader.model.text import Message

MAPS = frozenset({"Conv2D", "MaxPooling2D", "AveragePooling2D", "SeparableConv2D", "DepthwiseConv2D"})
DRAWING = frozenset({"imshow", "matshow", "pcolormesh", "heatmap"})


CHANCE = 1.5
"""Times the share of right guesses that chance alone gives."""

Size = tuple[int, int]
Image = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Map:
    """A layer whose output is feature maps, and what was seen of them."""

    kind: str
    size: Size
    exposed: bool
    """Its output was computed: a model that returns it made a prediction."""
    drawn: bool
    """Some image has the size of its maps, or of several side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapsShown(Rule):
    """Feature maps of every convolution and pooling layer are shown; the share shown is earned."""

    where: Where

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        slight = toys(self.where, evidence, expected)
        earlier = (e for e in evidence.episodes if not self.where.follows(evidence, e.cell))
        nets = [e for e in earlier if e.model not in slight]
        drawn_of = [(net, _images(evidence, self.where, blank=_learned_nothing(net))) for net in nets]
        found = [
            (maps(net.graph, images, exposed(evidence, {net.model})), images)
            for net, images in drawn_of
            if images
        ]
        if not found:
            return self.failed("figures.none", hint=Message("figures.hint"))
        best, images = max(found, key=lambda each: (_share(each[0]), _untold(*each)))
        drawn = sum(one.exposed and one.drawn for one in best)
        untold = _untold(best, images)
        if untold:
            # Images of the right size that no activation was computed for: noise would look the same.
            return self.review("figures.untold", n=drawn + untold, total=len(best))
        rows = tuple(
            compare(
                "figures.layer",
                f"{one.kind} {one.size[0]}×{one.size[1]}",
                "✓" if one.exposed and one.drawn else "—",
                Provenance.OBSERVED,
                agrees=one.exposed and one.drawn,
            )
            for one in best
        )
        return self.earned(
            _share(best),
            ("figures.passed", "figures.partial", "figures.failed"),
            comparisons=rows,
            hint=Message("figures.hint"),
            n=drawn,
            total=len(best),
        )


def exposed(evidence: Evidence, serials: set[int]) -> set[int]:
    """Positions of the layers of these models whose output a prediction returned."""
    return {at for p in evidence.predictions for serial, at in p.exposes if serial in serials}


def _share(found: Sequence[Map]) -> Fraction:
    drawn = sum(one.exposed and one.drawn for one in found)
    return Fraction(drawn, len(found)) if found else Fraction(0)


def _untold(found: Sequence[Map], images: set[Image]) -> int:
    """Layers that only images stand for which are of no layer whose output was computed."""
    known = [one.size for one in found if one.exposed]
    others = {i for i in images if not any(_shows(i, size) for size in known)}
    return sum(not one.exposed and any(_shows(i, one.size) for i in others) for one in found if one.drawn)


def _images(evidence: Evidence, where: Where, *, blank: bool) -> set[Image]:
    """Shapes of the images drawn in the exercise; where it drew none, anywhere before the next one."""
    cells = where.cells(evidence)
    inside = _shapes((f for f in evidence.figures if cells and f.cell in cells), blank=blank)
    before = (f for f in evidence.figures if not where.follows(evidence, f.cell))
    return inside or _shapes(before, blank=blank)


def _shapes(figures: Iterable[Figure], *, blank: bool) -> set[Image]:
    """Of the images that show something, or of all."""
    return {s for f in figures for a in f.axes for s in (a.images if blank else a.pictures)}


def _learned_nothing(net: Episode) -> bool:
    """Whether a network is no better than chance, as measured by us: its maps may well show nothing, and
    that it was trained wrongly has cost its points already."""
    accuracy = net.verified.accuracy if net.verified else None
    [classes] = net.graph.layers[-1].output_shape[-1:] or [None]
    return accuracy is not None and classes is not None and accuracy * classes < CHANCE


def maps(graph: Graph, images: set[Image], positions: set[int]) -> list[Map]:
    """The layers of a network that give feature maps, each with what is known of it."""
    sizes = [(at, layer.kind, size) for at, layer in enumerate(graph.layers) if (size := _map_size(layer))]
    exact = {size for *_, size in sizes}
    # An image that is one layer's map to the pixel is not a mosaic of a smaller layer's; neither is one
    # with as many rows and columns as there are classes, which is a confusion matrix.
    classes = {(n, n) for layer in graph.layers[-1:] for n in layer.output_shape[-1:]}
    mosaics = [i for i in images if len(i) in {2, 3} and i[:2] not in exact and i[:2] not in classes]
    return [
        Map(
            kind,
            size,
            at in positions,
            any(i[:2] == size for i in images) or any(_tiles(m[:2], size) for m in mosaics),
        )
        for at, kind, size in sizes
    ]


def _shows(image: Image, size: Size) -> bool:
    return image[:2] == size or (len(image) in {2, 3} and _tiles(image[:2], size))


def _map_size(layer: Layer) -> tuple[int, int] | None:
    shape = layer.output_shape
    if layer.kind in MAPS and len(shape) == 3 and shape[0] and shape[1]:
        return shape[0], shape[1]
    return None


def _tiles(mosaic: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Whether an image is several maps side by side, with a line between them or not."""
    return all(
        pixels >= side > 2 and (pixels % side == 0 or (pixels + 1) % (side + 1) == 0)
        for pixels, side in zip(mosaic, size, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeLayerShown(Rule):
    """Activations or filters of at least one layer of the exercise's net are shown as images.

    Images of the right size for which nothing was taken out of a network go to a person.
    """

    where: Where

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        episode = self.where.training(evidence, expected)
        if episode is None:
            return self.failed("training.absent")
        images = self._images(evidence, episode)
        same = {e.model for e in self.where.tries(evidence, expected)}
        found = maps(episode.graph, images, exposed(evidence, same))
        right = bool(_kernels(episode.graph) & images) or any(one.drawn for one in found)
        if any(one.exposed and one.drawn for one in found) or (right and self._comes_from(evidence, episode)):
            return self.passed("layer_shown.passed", episode=episode.number)
        if right:
            return self.review("layer_shown.untold", episode=episode.number)
        return self.failed("layer_shown.failed", episode=episode.number, hint=Message("figures.hint"))

    def _comes_from(self, evidence: Evidence, episode: Episode) -> bool:
        """Whether what the code draws is computed from a network: a layer called by itself, its weights."""
        since = [cell for cell in evidence.cells if cell.index >= episode.cell]
        bodies = [body for cell in since if (body := ran(evidence, cell))]
        # "exp4.red", "redes['alexnet']": the variable, and the last attribute.
        held = {part for name in episode.names for part in re.findall(r"[^\W\d]\w*", name)}
        return bool(derived(bodies, held) & arguments(bodies, DRAWING))

    def _images(self, evidence: Evidence, episode: Episode) -> set[tuple[int, ...]]:
        """Only what was drawn in the region or after the training: earlier maps are another net's."""
        cells = self.where.cells(evidence)
        drawn = (f for f in evidence.figures if (f.cell in cells if cells else f.cell >= episode.cell))
        return _shapes(drawn, blank=_learned_nothing(episode))


def _kernels(graph: Graph) -> set[tuple[int, ...]]:
    windows = (layer.config.get("kernel_size") for layer in graph.layers if layer.kind == "Conv2D")
    return {tuple(int(n) for n in w) for w in windows if isinstance(w, tuple)}

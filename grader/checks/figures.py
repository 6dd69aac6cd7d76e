"""Checks of what was drawn: feature maps and filters as images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from grader.checks.base import Rule, code_runs, compare
from grader.checks.drawing import DRAWING, ELSEWHERE, Drawn, held_in
from grader.checks.mosaic import Image, Size, matched, tiles
from grader.checks.select import Where
from grader.checks.toys import toys
from grader.model.evidence import Episode, Evidence, Figure, Provenance
from grader.model.expected import Expected
from grader.model.graph import Graph, Layer
from grader.model.result import CheckResult, Status
from grader.model.text import Message

MAPS = frozenset({"Conv2D", "MaxPooling2D", "AveragePooling2D", "SeparableConv2D", "DepthwiseConv2D"})
CHANCE = 1.5
"""Times the share of right guesses that chance alone gives."""


@dataclass(frozen=True, slots=True)
class Map:
    """A layer whose output is feature maps, and what was seen of them."""

    kind: str
    size: Size
    channels: int
    exposed: bool
    """Its output was computed: a model that returns it made a prediction."""
    drawn: bool
    """Some image has the size of its maps, or one that shows no other layer's that of several together."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the images of an exercise show of one network."""

    maps: Sequence[Map]
    images: Sequence[Image]
    graph: Graph

    @property
    def drawn(self) -> int:
        return sum(one.exposed and one.drawn for one in self.maps)

    @property
    def share(self) -> Fraction:
        return Fraction(self.drawn, len(self.maps)) if self.maps else Fraction(0)

    @property
    def untold(self) -> int:
        """Layers that only images stand for which are of no layer whose output was computed."""
        known = [one for one in self.maps if one.exposed]
        others = {image for image in self.images if not any(_shows(image, one) for one in known)}
        return sum(
            not one.exposed and any(_shows(image, one) for image in others) for one in self.maps if one.drawn
        )


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
        cells = (cell.index for cell in evidence.cells if not self.where.follows(evidence, cell.index))
        drawn = Drawn(evidence, frozenset(cells))
        of_layers = drawn.of_layers(DRAWING)
        seen = [
            _Seen(_complete(net, images, exposed(evidence, {net.model}), framed=of_layers), images, net.graph)
            for net in nets
            for images in [_images(drawn, self.where, blank=_learned_nothing(net))]
        ]
        found = [one for one in seen if one.images] or (seen if drawn.of_layers(ELSEWHERE) else [])
        if not found:
            return self.failed("figures.none", hint=Message("figures.hint"))
        return self._judged(max(found, key=lambda one: (one.share, one.untold)), drawn)

    def _judged(self, best: _Seen, drawn: Drawn) -> CheckResult:
        n, total = best.drawn, len(best.maps)
        if best.untold:
            # Images of the right size that no activation was computed for: noise would look the same.
            return self.review("figures.untold", n=n + best.untold, total=total)
        if n < sum(one.exposed for one in best.maps) and _unread(best.graph, best.images, drawn):
            return self.review("figures.unread", n=n, total=total)
        rows = tuple(
            compare(
                "figures.layer",
                f"{one.kind} {one.size[0]}×{one.size[1]}",
                "✓" if one.exposed and one.drawn else "—",
                Provenance.OBSERVED,
                agrees=one.exposed and one.drawn,
            )
            for one in best.maps
        )
        return self.earned(
            best.share,
            ("figures.passed", "figures.partial", "figures.failed"),
            comparisons=rows,
            hint=Message("figures.hint"),
            n=n,
            total=total,
        )


def exposed(evidence: Evidence, serials: set[int]) -> set[int]:
    """Positions of the layers of these models whose output a prediction returned."""
    return {at for p in evidence.predictions for serial, at in p.exposes if serial in serials}


def _complete(net: Episode, images: Sequence[Image], positions: set[int], *, framed: bool) -> list[Map]:
    """The layers with what is plainly known of them; framed images as well where these complete it.

    With frames nearly every size will do for a small map: a few of them say nothing of what is missing.
    """
    plain = maps(net.graph, images, positions, framed=False)
    if not framed:
        return plain
    all_of_them = maps(net.graph, images, positions, framed=True)
    return all_of_them if all(one.drawn for one in all_of_them if one.exposed) else plain


def _unread(graph: Graph, images: Sequence[Image], drawn: Drawn) -> bool:
    """Whether maps may be shown in another size than theirs: enlarged, padded, all in one image or a file."""
    exact = {size for layer in graph.layers if (size := _map_size(layer))}
    # Images of the right size may be another layer's, made as large.
    odd = drawn.resized or any(not _vectors(graph, image) for image in _mosaics(graph, images, exact))
    return (bool(images) and odd and drawn.of_layers(DRAWING)) or drawn.of_layers(ELSEWHERE)


def _images(drawn: Drawn, where: Where, *, blank: bool) -> list[Image]:
    """Shapes of the images drawn in the exercise; where it drew none, anywhere before the next one."""
    cells = where.cells(drawn.evidence)
    before = [f for f in drawn.evidence.figures if not where.follows(drawn.evidence, f.cell)]
    inside = _shapes(drawn, (f for f in before if cells and f.cell in cells), blank=blank)
    return inside or _shapes(drawn, before, blank=blank)


def _shapes(drawn: Drawn, figures: Iterable[Figure], *, blank: bool) -> list[Image]:
    """Of the images that show something, or of all; what comes from no network is no map."""
    own = (f for f in figures if not drawn.foreign(f.cell))
    return [s for f in own for a in f.axes for s in (a.images if blank else a.pictures)]


def _learned_nothing(net: Episode) -> bool:
    """Whether a network is no better than chance, as measured by us: its maps may well show nothing, and
    that it was trained wrongly has cost its points already."""
    accuracy = net.verified.accuracy if net.verified else None
    [classes] = net.graph.layers[-1].output_shape[-1:] or [None]
    return accuracy is not None and classes is not None and accuracy * classes < CHANCE


def maps(graph: Graph, images: Sequence[Image], positions: set[int], *, framed: bool) -> list[Map]:
    """The layers of a network that give feature maps, each with what is known of it.

    Args:
        framed: see `grader.checks.mosaic.tiles`.
    """
    layers = {at: layer for at, layer in enumerate(graph.layers) if _map_size(layer)}
    sizes = {at: size for at, layer in layers.items() if (size := _map_size(layer))}
    exact = {at for at, size in sizes.items() if any(image[:2] == size for image in images)}
    mosaics = _mosaics(graph, images, set(sizes.values()))
    # Those whose output was computed first: they are what counts.
    rest = sorted(sizes.keys() - exact, key=lambda at: (at not in positions, at))

    def fits(at: int, image: Image) -> bool:
        within = framed and not _vectors(graph, image)
        return tiles(image, sizes[at], _channels(layers[at]), framed=within)

    shown = exact | matched(rest, mosaics, fits)
    return [
        Map(layer.kind, sizes[at], _channels(layer), at in positions, at in shown)
        for at, layer in layers.items()
    ]


def _mosaics(graph: Graph, images: Iterable[Image], exact: set[Size]) -> list[Image]:
    """The images that may show several maps: not one layer's to the pixel, no input image, and none with
    as many rows and columns as there are classes, which is a confusion matrix."""
    classes = {(n, n) for layer in graph.layers[-1:] for n in layer.output_shape[-1:]}
    inputs = {layer.output_shape[:2] for layer in graph.layers if layer.kind == "InputLayer"}
    return [image for image in images if image[:2] not in exact | classes | inputs]


def _vectors(graph: Graph, image: Image) -> bool:
    """Whether an image may be outputs that have no maps: a row for each input, or a square of one."""
    units = {n for layer in graph.layers if len(layer.output_shape) == 1 for n in layer.output_shape if n}
    return 1 in image[:2] or bool({image[0], image[1], image[0] * image[1]} & units)


def _shows(image: Image, one: Map) -> bool:
    return image[:2] == one.size or tiles(image, one.size, one.channels, framed=False)


def _map_size(layer: Layer) -> Size | None:
    shape = layer.output_shape
    if layer.kind in MAPS and len(shape) == 3 and shape[0] and shape[1]:
        return shape[0], shape[1]
    return None


def _channels(layer: Layer) -> int:
    return layer.output_shape[-1] or 1


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
        drawn = self._drawn(evidence, episode)
        images = self._images(drawn, episode)
        same = {e.model for e in self.where.tries(evidence, expected)}
        framed = drawn.of_layers(DRAWING)
        found = maps(episode.graph, images, exposed(evidence, same), framed=framed)
        right = _kernels_shown(episode.graph, images, framed=framed) or any(one.drawn for one in found)
        computed = any(one.exposed and one.drawn for one in found)
        if computed or (right and drawn.comes_from(held_in(episode.names), DRAWING)):
            return self.passed("layer_shown.passed", episode=episode.number)
        if right:
            return self.review("layer_shown.untold", episode=episode.number)
        if _unread(episode.graph, images, drawn):
            return self.review("layer_shown.unread", episode=episode.number)
        return self.failed("layer_shown.failed", episode=episode.number, hint=Message("figures.hint"))

    def _drawn(self, evidence: Evidence, episode: Episode) -> Drawn:
        """Only what was drawn in the region or after the training: earlier maps are another net's."""
        cells = self.where.cells(evidence)
        since = (c.index for c in evidence.cells if (c.index in cells if cells else c.index >= episode.cell))
        return Drawn(evidence, frozenset(since))

    def _images(self, drawn: Drawn, episode: Episode) -> list[Image]:
        figures = (figure for figure in drawn.evidence.figures if figure.cell in drawn.cells)
        return _shapes(drawn, figures, blank=_learned_nothing(episode))


def _kernels_shown(graph: Graph, images: Sequence[Image], *, framed: bool) -> bool:
    """Whether an image is a kernel of a convolution, or several: the latter where it is known to come from
    the network."""
    windows = {
        tuple(int(n) for n in window): _channels(layer)
        for layer in graph.layers
        if layer.kind == "Conv2D" and isinstance(window := layer.config.get("kernel_size"), tuple)
    }
    if windows.keys() & set(images):
        return True
    maps_of = {size for layer in graph.layers if (size := _map_size(layer))}
    mosaics = [i for i in _mosaics(graph, images, maps_of) if framed and not _vectors(graph, i)]
    sized = {(window[0], window[1]): n for window, n in windows.items() if len(window) == 2}
    return any(tiles(image, size, n, framed=True) for image in set(mosaics) for size, n in sized.items())

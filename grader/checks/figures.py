"""Checks of what was drawn: feature maps and filters as images."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from grader.checks.base import Rule, code_runs, compare
from grader.checks.select import Where
from grader.model.evidence import Episode, Evidence, Provenance
from grader.model.expected import Expected
from grader.model.graph import Graph, Layer
from grader.model.result import CheckResult, Status
from grader.model.text import Message

MAPS = frozenset({"Conv2D", "MaxPooling2D", "AveragePooling2D", "SeparableConv2D", "DepthwiseConv2D"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MapsShown(Rule):
    """Feature maps of every convolution and pooling layer are shown; the share shown is earned."""

    where: Where

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        images = _images(evidence, self.where)
        nets = [e.graph for e in evidence.episodes if not self.where.follows(evidence, e.cell)]
        if not images or not nets:
            return self.failed("figures.none", hint=Message("figures.hint"))
        best = max((_shown(graph, images) for graph in nets), key=_share)
        if _share(best) and not any(p.exposes for p in evidence.predictions):
            # Images of the right size that no activation was computed for: noise would look the same.
            return self.review("figures.untold", n=sum(hit for *_, hit in best), total=len(best))
        rows = tuple(
            compare("figures.layer", f"{kind} {h}×{w}", "✓" if hit else "—", Provenance.OBSERVED, agrees=hit)
            for kind, (h, w), hit in best
        )
        return self.earned(
            _share(best),
            ("figures.passed", "figures.partial", "figures.failed"),
            comparisons=rows,
            hint=Message("figures.hint"),
            n=sum(hit for *_, hit in best),
            total=len(best),
        )


Shown = list[tuple[str, tuple[int, int], bool]]


def _share(shown: Shown) -> Fraction:
    return Fraction(sum(hit for *_, hit in shown), len(shown)) if shown else Fraction(0)


def _images(evidence: Evidence, where: Where) -> set[tuple[int, ...]]:
    """Shapes of the images drawn in the exercise; where it drew none, anywhere before the next one."""
    cells = where.cells(evidence)
    inside = {s for f in evidence.figures if cells and f.cell in cells for a in f.axes for s in a.images}
    before = (f for f in evidence.figures if not where.follows(evidence, f.cell))
    return inside or {s for f in before for a in f.axes for s in a.images}


def _shown(graph: Graph, images: set[tuple[int, ...]]) -> Shown:
    sizes = [(layer.kind, size) for layer in graph.layers if (size := _map_size(layer))]
    exact = {size for _, size in sizes}
    # An image that is one layer's map to the pixel is not a mosaic of a smaller layer's; neither is one
    # with as many rows and columns as there are classes, which is a confusion matrix.
    classes = {(n, n) for layer in graph.layers[-1:] for n in layer.output_shape[-1:]}
    mosaics = [i[:2] for i in images if len(i) in {2, 3} and i[:2] not in exact and i[:2] not in classes]
    return [
        (kind, size, any(i[:2] == size for i in images) or any(_tiles(m, size) for m in mosaics))
        for kind, size in sizes
    ]


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
    """Activations or filters of at least one layer of the exercise's net are shown as images."""

    where: Where

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        episode = self.where.training(evidence, expected)
        if episode is None:
            return self.failed("training.absent")
        images = self._images(evidence, episode)
        if any(hit for *_, hit in _shown(episode.graph, images)) or _kernels(episode.graph) & images:
            return self.passed("layer_shown.passed", episode=episode.number)
        return self.failed("layer_shown.failed", episode=episode.number, hint=Message("figures.hint"))

    def _images(self, evidence: Evidence, episode: Episode) -> set[tuple[int, ...]]:
        """Only what was drawn in the region or after the training: earlier maps are another net's."""
        cells = self.where.cells(evidence)
        return {
            shape
            for f in evidence.figures
            if (f.cell in cells if cells else f.cell >= episode.cell)
            for a in f.axes
            for shape in a.images
        }


def _kernels(graph: Graph) -> set[tuple[int, ...]]:
    windows = (layer.config.get("kernel_size") for layer in graph.layers if layer.kind == "Conv2D")
    return {tuple(int(n) for n in w) for w in windows if isinstance(w, tuple)}

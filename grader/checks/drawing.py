"""What the code of a notebook draws as images, and whether it comes from a network or from elsewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from grader.checks.displayed import LOADER, PRINTING, Body, with_functions
from grader.checks.source import bound, derived, executed, functions, names, ran, reached
from grader.model.evidence import Cell, Evidence

DRAWING = frozenset({"imshow", "matshow", "pcolor", "pcolormesh", "heatmap"})
ELSEWHERE = frozenset({"imsave", "imwrite", "fromarray", "array_to_img", "save_img", "contourf", "montage"})
"""Ways to show an image, or to write it to a file, that leave no image on a figure."""
RESIZING = frozenset({"resize", "kron", "repeat", "zoom", "rescale", "pad", "UpSampling2D"})
_IMAGE_KEYWORDS = frozenset({"X", "Z", "C", "A", "data", "arr", "image", "obj"})
_OF_LAYERS = frozenset(
    """layers get_layer kernel kernels weights get_weights trainable_weights trainable_variables variables
    parameters state_dict register_forward_hook""".split()
)
_OF_NETWORKS = _OF_LAYERS | {
    "Model",
    "Sequential",
    "load_model",
    "clone_model",
    "predict",
    "predict_on_batch",
}
_RANDOM = frozenset(
    "random rand randn randint random_sample default_rng RandomState integers uniform normal".split()
)
_LIBRARIES = frozenset(
    "numpy random math itertools scipy skimage cv2 PIL matplotlib seaborn tensorflow torch keras".split()
)
"""Their functions make no activations out of images, but by a network that is named."""
_BUILTINS = frozenset(
    "abs enumerate float int len list max min range reversed round sorted sum tuple zip".split()
)
_ABOUT = frozenset({"shape", "ndim", "size", "dtype"})


def images(nodes: Iterable[ast.AST], calls: frozenset[str]) -> Iterator[ast.expr]:
    """The image arguments of these calls: neither colours nor transparency are what is drawn."""
    for node in nodes:
        if isinstance(node, ast.Call) and names([node.func]) & calls:
            yield from node.args
            yield from (k.value for k in node.keywords if k.arg in _IMAGE_KEYWORDS)


@dataclass(frozen=True)
class Drawn:
    """The drawing that some cells of a notebook do."""

    evidence: Evidence
    cells: frozenset[int]

    def comes_from(self, roots: set[str], calls: frozenset[str]) -> bool:
        """Whether these calls are given something that is computed from one of `roots`."""
        bodies = [ran(self.evidence, cell) for cell in self._cells]
        nodes = [n for body in bodies for n in with_functions(body, self._bodies)]
        read = {name for image in images(nodes, calls) for name in _values(image)}
        return bool(read & derived(self._bodies, roots))

    def of_layers(self, calls: frozenset[str]) -> bool:
        """Whether these calls are given what comes from a network's layers or its weights."""
        exposing = {name for m in self.evidence.models if m.exposes for name in held_in(m.names)}
        return self.comes_from(exposing | _OF_LAYERS, calls)

    @property
    def by_layers(self) -> bool:
        """Whether something is drawn that layers gave which the code calls one by one, without a model."""
        nodes = [n for cell in self._cells for n in with_functions(self._body(cell), self._bodies)]
        calls = [node for node in nodes if isinstance(node, ast.Call) and node.args]
        layers = derived(self._bodies, {"layers", "get_layer"})
        if any(not isinstance(call.func, ast.Attribute) and _values(call.func) & layers for call in calls):
            return self.comes_from({"layers", "get_layer"}, DRAWING)
        own = {name for n in self._nodes if isinstance(n, ast.ClassDef) for name in _attributes(n)}
        called = {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}
        return self.comes_from(called & own, DRAWING)

    @cached_property
    def resized(self) -> bool:
        """Whether the cells change the size of something."""
        nodes = [n for cell in self._cells for n in with_functions(self._body(cell), self._bodies)]
        return bool(names(nodes) & RESIZING)

    def foreign(self, cell: int) -> bool:
        """Whether all that a cell draws is noise, or images that no network has seen to; not where it
        cannot be told."""
        if cell not in self._known:
            self._known[cell] = self._all_foreign(cell)
        return self._known[cell]

    @cached_property
    def _known(self) -> dict[int, bool]:
        return {}

    def _all_foreign(self, cell: int) -> bool:
        found = next((one for one in self.evidence.cells if one.index == cell), None)
        if found is None:
            return False
        nodes = with_functions(self._body(found), self._bodies)
        drawn = list(images(nodes, DRAWING | ELSEWHERE))
        return bool(drawn) and not self._otherwise(nodes) and all(self._foreign(image) for image in drawn)

    @property
    def _cells(self) -> Iterator[Cell]:
        return (cell for cell in self.evidence.cells if cell.index in self.cells)

    def _body(self, cell: Cell) -> Body:
        return ran(self.evidence, cell, perhaps=True)

    @cached_property
    def _bodies(self) -> tuple[Body, ...]:
        return tuple(self._body(cell) for cell in self.evidence.cells)

    @cached_property
    def _nodes(self) -> Sequence[ast.AST]:
        inner = [f.body for body in self._bodies for f in functions(body)]
        return [n for body in (*self._bodies, *inner) for n in executed(body, perhaps=True)]

    @cached_property
    def _network(self) -> set[str]:
        """Every name whose value may come from a network."""
        held = {name for e in self.evidence.episodes for name in held_in(e.names)}
        held |= {name for m in self.evidence.models for name in held_in(m.names)}
        held |= {node.name for node in self._nodes if isinstance(node, ast.ClassDef)}
        return derived(self._bodies, held | _OF_NETWORKS)

    def _otherwise(self, nodes: Iterable[ast.AST]) -> bool:
        """Whether something of a network is handed to a call of which only the effect counts: it may draw."""
        made = {f.name for body in self._bodies for f in functions(body)}
        known = PRINTING | DRAWING | ELSEWHERE | made
        calls = (n.value for n in nodes if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call))
        return any(
            not names([call.func]) & known
            and names([n for given in (*call.args, *call.keywords) for n in ast.walk(given)]) & self._network
            for call in calls
        )

    def _foreign(self, image: ast.expr) -> bool:
        return bool(self._clean(image, self._plain) and _read(image) & (self._others | _RANDOM))

    @cached_property
    def _bindings(self) -> dict[str, list[ast.expr]]:
        """Every name with the expressions that it is given."""
        found: dict[str, list[ast.expr]] = {}
        for node in self._nodes:
            match node:
                case ast.Assign(targets=targets, value=value):
                    given, values = {name for target in targets for name in bound(target)}, [value]
                case ast.AugAssign(target=target, value=value) | ast.NamedExpr(target=target, value=value):
                    given, values = bound(target), [value]
                case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                    given, values = bound(target), [value]
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name)), args=[_, *_] as values):
                    given = {name}
                case _:
                    continue
            for name in given:
                found.setdefault(name, []).extend(values)
        return found

    @cached_property
    def _modules(self) -> set[str]:
        """The names that libraries, and what is imported of them, go by."""
        found = set[str]()
        for node in self._nodes:
            if isinstance(node, ast.Import):
                found |= {a.asname or a.name.split(".")[0] for a in node.names if _of_library(a.name)}
            elif isinstance(node, ast.ImportFrom) and _of_library(node.module or ""):
                found |= {a.asname or a.name for a in node.names}
        return found

    @cached_property
    def _plain(self) -> set[str]:
        """Names that are only ever given noise, loaded data, constants, or what libraries make of these."""
        kept = set(self._bindings) - self._modules - self._network
        given = [(name, value) for name in kept for value in self._bindings[name]]
        stained = {name for name, value in given if not self._clean(value, kept)}
        return kept - reached((({*_ids(value)}, {name}) for name, value in given), stained)

    @cached_property
    def _others(self) -> set[str]:
        """Of those, the names that hold noise or loaded data."""
        given = [(name, value) for name in self._plain for value in self._bindings[name]]
        roots = {name for name, value in given if _read(value) & (_RANDOM | {LOADER})}
        return reached((({*_ids(value)}, {name}) for name, value in given), roots)

    def _clean(self, value: ast.expr, plain: set[str]) -> bool:
        """Whether an expression is computed from such names alone, by libraries."""
        known = plain | self._modules | _BUILTINS | _RANDOM
        # What a comprehension binds is among the names that are kept.
        foreign = _ids(value) <= known and not _read(value) & self._network
        return foreign and not any(isinstance(n, ast.Lambda | ast.Await | ast.Yield) for n in ast.walk(value))


def _ids(value: ast.expr) -> set[str]:
    return {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}


def _attributes(made: ast.ClassDef) -> set[str]:
    """What the methods of a class put into `self`."""
    given = (n for n in ast.walk(made) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store))
    return {n.attr for n in given if isinstance(n.value, ast.Name) and n.value.id == "self"}


def _of_library(module: str) -> bool:
    return module.split(".")[0] in _LIBRARIES


def held_in(held: Iterable[str]) -> set[str]:
    """The variables and attributes that hold a network: those in "exp4.red", "redes['alexnet']"."""
    return {part for name in held for part in re.findall(r"[^\W\d]\w*", name)}


def _read(node: ast.AST) -> set[str]:
    return names(list(ast.walk(node)))


def _values(image: ast.AST) -> set[str]:
    """The names whose values an expression is made of: not those that say which part, or how large."""
    match image:
        case ast.Subscript(value=value):
            return _values(value)
        case ast.Attribute(attr=name) if name in _ABOUT:
            return set()
        case ast.Call(func=ast.Name(id="len" | "range")):
            return set()
        case ast.Name(id=name):
            return {name}
        case ast.Attribute(attr=name, value=value):
            return {name} | _values(value)
    return {name for child in ast.iter_child_nodes(image) for name in _values(child)}

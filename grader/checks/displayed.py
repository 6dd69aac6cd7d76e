"""What a cell shows, and which of the arrays that `load_data` returned it shows something of."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.checks.source import derived, executed, functions, names, ran, returned
from grader.model.evidence import Cell, Evidence

LOADER = "load_data"
PRINTING = frozenset({"print", "display", "pprint", "pp", "write", "info", "debug", "warning", "echo", "log"})
_ANYTHING = frozenset({"eval", "exec", "globals", "locals", "vars", "get_ipython"})
"""What may read a variable that is named in a text only."""
_SPLITS = (frozenset({0, 1}), frozenset({2, 3}))
_ALL = frozenset({0, 1, 2, 3})
_MAGIC = re.compile(r"^[ \t]*[%!]", re.MULTILINE)
Body = Sequence[ast.stmt]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The names that hold what `load_data` returned, as the code of a notebook says."""

    bodies: tuple[Body, ...]
    calls: frozenset[str]
    """`load_data`, and the names it was imported under."""
    placed: Mapping[int, frozenset[str]]
    """Names given each array: x_train, y_train, x_test, y_test. Empty where the code does not say it."""

    @classmethod
    def of(cls, evidence: Evidence) -> Loaded:
        bodies = tuple(ran(evidence, cell, perhaps=True) for cell in evidence.cells)
        nodes = [n for body in bodies for n in executed(body, perhaps=True)]
        nodes += [n for body in bodies for f in functions(body) for n in executed(f.body, perhaps=True)]
        imported = (n for n in nodes if isinstance(n, ast.alias) and n.name == LOADER and n.asname)
        calls = frozenset({LOADER, *(n.asname for n in imported if n.asname)})
        return cls(bodies, calls, _placed(nodes, calls))

    def read(self, arrays: frozenset[int]) -> set[str]:
        """Every name that may hold something of one of these arrays."""
        if not self.placed:
            return derived(self.bodies, set(self.calls))
        return derived(self.bodies, {name for at in arrays for name in self.placed[at]})

    def whole(self, arrays: frozenset[int]) -> set[str]:
        """The names that hold one of these arrays itself or a part of it, not what was computed of it."""
        return self.read(arrays) & {name for call in self.calls for name in returned(self.bodies, call)}

    @property
    def told(self) -> bool:
        """Whether the code says at all where the data are."""
        return bool(self.read(_ALL) - self.calls)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A value that is asked for, and the arrays that have it."""

    pattern: str
    arrays: frozenset[int]

    @classmethod
    def of(cls, evidence: Evidence, dataset: str, pattern: str) -> Wanted:
        """The arrays of the dataset whose shape holds the value; all when that tells none apart."""
        shapes = next((load.shapes for load in evidence.loads if load.dataset == dataset), ())
        fitting = (at for at, one in enumerate(shapes[: len(_ALL)]) if re.search(pattern, str(tuple(one))))
        return cls(pattern, frozenset(fitting) or _ALL)


def computed(wanted: Wanted, cell: Cell, body: Body, loaded: Loaded) -> bool:
    """Whether a cell's output holds a value that the cell read off its arrays, or others of their split.

    Values typed in what is printed are left out of the output first; comments and explanations are no
    reason to doubt a value that was computed beside them.
    """
    if not body:  # no Python: nothing tells what it shows
        source = "".join(cell.source.split())
        found = re.finditer(wanted.pattern, cell.output_text)
        return any("".join(match[0].split()) not in source for match in found)
    shown = list(shown_by(body, loaded.bodies))
    output = cell.output_text
    for text in _typed(shown):
        output = output.replace(text, " ", 1) if re.search(wanted.pattern, text) else output
    if not re.search(wanted.pattern, output):
        return False
    reads = {name for node in shown for name in names(list(ast.walk(node)))}
    if not loaded.told:
        return not shown or bool(reads - PRINTING)
    split = frozenset[int]().union(*(one for one in _SPLITS if one & wanted.arrays))
    return bool(reads & (loaded.read(split) | loaded.calls | _ANYTHING) or _MAGIC.search(cell.source))


def shown_by(body: Body, bodies: Iterable[Body], calls: frozenset[str] = PRINTING) -> Iterator[ast.expr]:
    """The expressions whose value a cell prints or displays, in the functions that it calls as well."""
    nodes = with_functions(body, bodies)
    yield from (n for n in nodes if isinstance(n, ast.Call) and names([n.func]) & calls)
    for line in (statement for statement in body if isinstance(statement, ast.Expr)):
        value = line.value
        # IPython shows the last line, or all where it is told to; calling a method shows nothing by itself.
        if line is body[-1] or not (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute)):
            yield value


def with_functions(body: Body, bodies: Iterable[Body]) -> list[ast.AST]:
    """The nodes that a cell evaluates, those of the notebook's functions that it names among them."""
    made = {f.name: f for one in bodies for f in functions(one)}
    nodes = list(executed(body, perhaps=True))
    waiting = names(nodes) & made.keys()
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        inner = executed(made[name].body, perhaps=True)
        nodes += inner
        waiting |= (names(inner) & made.keys()) - seen
    return nodes


def _typed(shown: Iterable[ast.expr]) -> Iterator[str]:
    """Texts, numbers and tuples of numbers that stand as such in what is shown."""
    for node in shown:
        for part in [node, *(node.args if isinstance(node, ast.Call) else ())]:
            for value in part.elts if isinstance(part, ast.Tuple) else ():
                yield from _number(value)
            yield from _number(part)
        yield from (
            n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)
        )


def _number(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Tuple | ast.Constant):
        try:
            value = ast.literal_eval(node)
        except ValueError:
            return
        if not isinstance(value, str):
            yield str(value)


def _placed(nodes: Iterable[ast.AST], calls: frozenset[str]) -> dict[int, frozenset[str]]:
    """The names that assignments of `load_data()` give each array; none where it is called otherwise."""
    found: dict[int, set[str]] = {at: set() for at in _ALL}
    mentioned = direct = 0
    for node in nodes:
        mentioned += isinstance(node, ast.Name) and node.id in calls
        mentioned += isinstance(node, ast.Attribute) and node.attr in calls
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            if not names([node.value.func]) & calls:
                continue
            direct += 1
            for target in node.targets:
                for part, arrays in _parts(target):
                    bound = {n.id for n in ast.walk(part) if isinstance(n, ast.Name)}
                    bound |= {n.attr for n in ast.walk(part) if isinstance(n, ast.Attribute)}
                    for at in arrays:
                        found[at] |= bound
    return {at: frozenset(held) for at, held in found.items()} if 0 < mentioned == direct else {}


def _parts(target: ast.expr) -> Iterator[tuple[ast.expr, frozenset[int]]]:
    """The parts of `(a, b), (c, d)`, each with the arrays that it gets."""
    match target:
        case ast.Tuple(elts=[_, _] as splits) | ast.List(elts=[_, _] as splits):
            for part, split in zip(splits, _SPLITS, strict=True):
                match part:
                    case ast.Tuple(elts=[_, _] as both) | ast.List(elts=[_, _] as both):
                        yield from (
                            (one, frozenset({at})) for one, at in zip(both, sorted(split), strict=True)
                        )
                    case _:
                        yield part, split
        case _:
            yield target, _ALL

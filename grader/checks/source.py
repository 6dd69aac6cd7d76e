"""What the code of a cell did, read from its tree: text in strings and comments computes nothing.

A tree cannot tell everything: whether a condition held, or a loop had anything to go through. So there are
two readings: what ran for certain, and with `perhaps` what may have run. Behind a condition or a loop
without data in it ("if False:", "for _ in ()") nothing runs in either.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Lock

from cachetools import LRUCache, cached
from cachetools.keys import hashkey

from grader.model.evidence import Cell, Evidence
from grader.model.source import parse

Flow = tuple[set[str], set[str]]
KEPT_NODES = 100_000
"""Of trees that were read before, and as many again of lists of their nodes: some 50 MB. What is larger is
read anew each time."""
KEPT_BODIES, KEPT_NOTEBOOKS = 1000, 8
"""Blocks whose functions, and notebooks whose flows, are remembered: a check asks for one's many times."""
MOST_MAGICS = 50
"""Lines of IPython's that are looked at in one cell: each asks for reading all code above it."""
_RUNS_PYTHON = frozenset({"time", "timeit", "capture", "prun"})
"""Cell magics whose cell is the notebook's own Python; others hand it to something else, or to nobody."""
_MAGIC = re.compile(r"([ \t]*)(?:%time\s+(\S.*)|[%!])")
_CELL_MAGIC = re.compile(r"\s*%%(\w*)[^\n]*\n?")
_NOT_RUN = re.compile(r"cell (\d+) was not run")
_PLAIN = frozenset({"range", "len", "bool", "int", "list", "tuple"})
"""What only rewrites what is written behind it."""
_PUTS = frozenset({"append", "appendleft", "extend", "insert", "update", "setdefault", "paste"})
"""Methods that put what they are given into what they belong to."""
_LEAVES = ast.Return | ast.Raise | ast.Break | ast.Continue
_LATER = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
_LOOPS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def ran(evidence: Evidence, cell: Cell, *, perhaps: bool = False) -> Sequence[ast.stmt]:
    """The top-level statements that a cell ran to its end; [] when it is no Python or broke off.

    Args:
        perhaps: of a cell that broke off as well: nobody knows where.
    """
    if cell.kind != "code" or not cell.ran or not (cell.ok or perhaps) or cell.index in _blanked(evidence):
        return ()
    return _statements(cell.source)


def _size(body: Sequence[ast.stmt]) -> int:
    return sum(1 for statement in body for _ in ast.walk(statement))


@cached(LRUCache(KEPT_NODES, _size), lock=Lock())
def _statements(source: str) -> Sequence[ast.stmt]:
    """Checks ask for the same cells of one notebook again and again."""
    tree = parse(_python(source))
    return tree.body if tree else ()


def _blanked(evidence: Evidence) -> frozenset[int]:
    """Cells that the screen emptied before the run: their source is kept, for people."""
    found = (_NOT_RUN.match(said) for said in evidence.tampering)
    return frozenset(int(match[1]) for match in found if match)


def _python(source: str) -> str:
    """A cell's source with `pass` in place of IPython's own lines; "" when another program ran it.

    `%time` runs the rest of its line.
    """
    cell_magic = _CELL_MAGIC.match(source)
    if cell_magic:
        if cell_magic[1] not in _RUNS_PYTHON:
            return ""
        source = source[cell_magic.end() :]
    if parse(source) is not None:
        return source
    lines = source.splitlines()
    magics = [(n, m) for n, line in enumerate(lines) if (m := _MAGIC.match(line))]
    for number, match in magics[:MOST_MAGICS]:
        # "% 3" may go on with the line above, or stand in a string: only where a statement may begin is it
        # IPython's. What is left as it was will not parse, and then nothing of the cell counts.
        above = [*lines[:number], f"{match[1]}{match[2] or 'pass'}"]
        if parse("\n".join(above)) is not None:
            lines[number] = above[-1]
    return "\n".join(lines)


@cached(LRUCache(KEPT_BODIES), key=lambda body: hashkey(*body), lock=Lock())
def functions(body: Sequence[ast.stmt]) -> tuple[ast.FunctionDef, ...]:
    """The functions that these statements define, and the methods of their classes."""
    nodes = executed(body, perhaps=True)
    inner = (one for node in nodes for one in (node.body if isinstance(node, ast.ClassDef) else [node]))
    return tuple(one for one in inner if isinstance(one, ast.FunctionDef))


def executed(body: Sequence[ast.stmt], *, perhaps: bool = False) -> Sequence[ast.AST]:
    """Every node of these statements that is evaluated when they run; of functions the name alone."""
    return _executed(body, perhaps=perhaps)


@cached(LRUCache(KEPT_NODES, len), key=lambda body, perhaps: hashkey(*body, perhaps), lock=Lock())
def _executed(body: Sequence[ast.stmt], *, perhaps: bool) -> tuple[ast.AST, ...]:
    """Statements are the same only where they are the same objects."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [*_block(body)]
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting += _parts(node, perhaps=perhaps)
    return tuple(found)


def _block(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a block up to the first that leaves it."""
    for statement in body:
        yield statement
        if isinstance(statement, _LEAVES):
            return


def _parts(node: ast.AST, *, perhaps: bool) -> list[ast.AST]:
    """What of a node is evaluated together with it."""
    match node:
        case ast.If(test=on, body=inner, orelse=other) | ast.While(test=on, body=inner, orelse=other):
            return [on, *(_behind(on, inner, other) if perhaps else ())]
        case ast.For(iter=on, body=inner, orelse=other) | ast.AsyncFor(iter=on, body=inner, orelse=other):
            return [on, *(_behind(on, inner, other) if perhaps else ())]
        case ast.With(items=items, body=inner) | ast.AsyncWith(items=items, body=inner):
            return [*items, *_block(inner)]
        case ast.Try(body=inner, handlers=handlers, orelse=other, finalbody=last):
            # An error that is caught ends the block anywhere.
            blocks = (inner, other, *(handler.body for handler in handlers)) if perhaps else ()
            return [s for block in (*blocks, last) for s in _block(block)]
        case ast.Match(subject=on, cases=cases):
            return [on, *(s for case in cases if perhaps for s in _behind(on, case.body))]
        case ast.IfExp(test=on, body=yes, orelse=no):
            return [on, *((yes, no) if perhaps and _has_data(on) else ())]
        case ast.BoolOp(values=[on, *others]):
            return [on, *(others if perhaps and _has_data(on) else ())]
    if isinstance(node, _LATER):
        return []
    if isinstance(node, _LOOPS):
        return list(ast.iter_child_nodes(node)) if all(_has_data(g.iter) for g in node.generators) else []
    return list(ast.iter_child_nodes(node))


def _behind(condition: ast.expr, *blocks: Sequence[ast.stmt]) -> list[ast.stmt]:
    """What hangs on a condition; nothing when that was settled when it was typed."""
    return [s for block in blocks for s in _block(block)] if _has_data(condition) else []


def _has_data(node: ast.expr) -> bool:
    """Whether an expression depends on more than what is written in it, or is a loop of some length."""
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements) if elements:
            return True
        case ast.Call(func=ast.Name(id="range"), args=[*_, ast.Constant(value=int(last))]) if last > 0:
            return True
    return bool({n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - _PLAIN)


def names(nodes: Sequence[ast.AST]) -> set[str]:
    """Names and attributes that these nodes read."""
    read = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return read | {n.attr for n in nodes if isinstance(n, ast.Attribute)}


def assigned(body: Sequence[ast.stmt]) -> set[str]:
    """Names of the variables that these statements give a value at their top level."""
    targets = [t for s in body if isinstance(s, ast.Assign) for t in s.targets]
    return {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}


def looked_at(body: Sequence[ast.stmt]) -> Iterator[tuple[str, set[str]]]:
    """The expressions that stand on a line of their own, to be seen, and the names that each reads."""
    for value in (statement.value for statement in body if isinstance(statement, ast.Expr)):
        for node in value.elts if isinstance(value, ast.Tuple) else [value]:
            try:
                yield ast.unparse(node), _read(node)
            except RecursionError:  # nested deeper than it can be written down
                continue


def derived(bodies: Sequence[Sequence[ast.stmt]], roots: set[str]) -> set[str]:
    """Every name whose value may come from one of `roots`: by assignment, in a loop, as an argument."""
    return reached(_flows_of(bodies), roots)


@cached(LRUCache(KEPT_NOTEBOOKS), key=lambda bodies: hashkey(*(s for b in bodies for s in b)), lock=Lock())
def _flows_of(bodies: Sequence[Sequence[ast.stmt]]) -> list[Flow]:
    """Of a whole notebook, which several checks follow from different names."""
    made = {f.name: f for body in bodies for f in functions(body)}
    inner = [f.body for f in made.values()]
    nodes = [n for body in (*bodies, *inner) for n in executed(body, perhaps=True)]
    return [flow for node in nodes for flow in _flows(node, made)]


def returned(bodies: Sequence[Sequence[ast.stmt]], called: str) -> set[str]:
    """Every name that is given what a function of that name returns, whole or in parts."""
    calls = {
        called,
        *(f.name for body in bodies for f in functions(body) if called in names(list(executed(f.body)))),
    }
    flows = []
    for node in (n for body in bodies for n in executed(body, perhaps=True)):
        if isinstance(node, ast.Assign):
            read = _read(node.value)
            parts = not any(isinstance(n, ast.Call) for n in ast.walk(node.value))
            flows.append((read if parts else read & calls, {t for one in node.targets for t in bound(one)}))
    return reached(flows, calls)


def reached(flows: Iterable[Flow], roots: set[str]) -> set[str]:
    """The roots, and every name that something of them flows to."""
    leads: dict[str, set[str]] = {}
    for sources, targets in flows:
        for source in sources:
            leads.setdefault(source, set()).update(targets)
    found, waiting = set[str](), set(roots)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= leads.get(name, set()) - found
    return found


def _flows(node: ast.AST, made: Mapping[str, ast.FunctionDef]) -> Iterator[Flow]:
    """(names that are read, names that get what comes of them) of one node."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield _read(value), {name for target in targets for name in bound(target)}
        case ast.AugAssign(target=target, value=value) | ast.NamedExpr(target=target, value=value):
            yield _read(value), bound(target)
        case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
            yield _read(value), bound(target)
        case ast.Call(func=ast.Attribute(value=held, attr=name), args=[_, *_] as given) if name in _PUTS:
            yield {one for value in given for one in _read(value)}, bound(held)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in made:
            yield _read(node), {a.arg for a in ast.walk(made[name].args) if isinstance(a, ast.arg)}
        case ast.FunctionDef() | ast.ClassDef():
            for function in functions([node]):
                inner = executed(function.body, perhaps=True)
                given = [n.value for n in inner if isinstance(n, ast.Return) and n.value]
                yield {one for value in given for one in _read(value)}, {function.name}


def _read(node: ast.AST) -> set[str]:
    return names(list(ast.walk(node)))


def bound(target: ast.AST) -> set[str]:
    """Names and attributes that an assignment gives a value."""
    nodes = list(ast.walk(target))
    return {n.id for n in nodes if isinstance(n, ast.Name)} | {
        n.attr for n in nodes if isinstance(n, ast.Attribute)
    }

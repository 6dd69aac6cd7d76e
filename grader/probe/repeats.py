"""How often a student's loop goes round, by what its source says: `for epoch in range(10)`.

A loop says nothing of itself before its end, and a budget is to last for all its rounds. Only names, numbers
and `range` are read; nothing of the student's is called. A wrong answer spreads the rows differently and
changes nothing else.
"""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import FrameType
from typing import Any

from .watch import trusted

_MAX_FRAMES = 80
_RANGES = frozenset({"range", "trange"})
_getframe = sys._getframe
"""Bound before any student code runs."""


@dataclass(frozen=True)
class Place:
    """Where in the student's code a call came from."""

    loops: bool = False
    """Whether a `for` statement goes over what is asked for."""
    times: int | None = None
    """Rounds of the nearest counted loop around it; None when there is none that can be read."""


def around(*, inner: int = 0) -> Place:
    """The place that the call under way came from.

    Args:
        inner: loops nearest to the call that are not counted: those that go over the batches of a round.
    """
    loops: bool | None = None
    for frame in _student_frames():
        tree = _tree(frame.f_code.co_filename)
        if tree is None:
            continue
        found = [node for node in ast.walk(tree) if isinstance(node, ast.For)]
        if loops is None:
            loops = any(_holds([node.iter], frame.f_lineno) for node in found)
        inside = [node for node in found if _holds(node.body, frame.f_lineno)]
        # A method of a class has its own lines: loops around the definition are not around the call.
        start = frame.f_code.co_firstlineno if frame.f_code.co_name != "<module>" else 0
        for node in sorted(inside, key=lambda node: -node.lineno):
            if node.lineno < start:
                continue
            times = _times(node.iter, frame) if inner <= 0 else None
            inner -= 1
            if times:
                return Place(bool(loops), times)
    return Place(bool(loops))


def _student_frames() -> Iterator[FrameType]:
    frame: FrameType | None = _getframe(1)
    for _ in range(_MAX_FRAMES):
        if frame is None:
            return
        if not frame.f_code.co_filename.startswith(trusted()):
            yield frame
        frame = frame.f_back


@lru_cache(maxsize=64)
def _tree(file: str) -> ast.Module | None:
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _holds(nodes: list[Any], line: int) -> bool:
    return any(node.lineno <= line <= (node.end_lineno or node.lineno) for node in nodes)


def _times(node: ast.expr, frame: FrameType) -> int | None:
    """Rounds of `range(…)`, also inside `tqdm(…)` and `enumerate(…)`."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=args) if name in _RANGES and args:
            numbers = [number for argument in args if (number := _number(argument, frame)) is not None]
            if len(numbers) < len(args):
                return None
            try:
                return len(range(*numbers))
            except (TypeError, ValueError, OverflowError):
                return None
        case ast.Call(args=[first, *_]):
            return _times(first, frame)
        case ast.Name(id=name):
            held = _held(name, frame)
            return len(held) if type(held) is range else None
    return None


def _number(node: ast.expr, frame: FrameType) -> int | None:
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name):
            return _whole(_held(name, frame))
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            return _whole(_attributes(_held(name, frame)).get(attribute))
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=key)):
            held = _held(name, frame)
            return _whole(held.get(key)) if type(held) is dict else None
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as operator, right=right):
            first, second = _number(left, frame), _number(right, frame)
            if first is None or second is None:
                return None
            return first + second if isinstance(operator, ast.Add) else first - second
    return None


def _attributes(value: Any) -> dict[str, Any]:
    try:
        found: Any = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return dict(found)


def _whole(value: Any) -> int | None:
    return value if type(value) is int else None


def _held(name: str, frame: FrameType) -> Any:
    return frame.f_locals.get(name, frame.f_globals.get(name))

"""Doors between the student's code and the probe: they can be gone through, and not looked into.

A Python function shows its cells and globals to whoever holds it, and the probe's wrappers stand where
students' code can take hold of them. `functools.lru_cache` without a cache is a callable in C that binds
like a function and holds the one behind it where no attribute leads. Who may say something in evidence's
name is told from where a call came in: frames know, and code objects are compared by identity.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_PACKAGE = __name__.rpartition(".")[0]
_entrances: set[CodeType] = set()
_hidden: dict[str, ModuleType] = {}
_getframe = sys._getframe
"""Bound before any student code runs."""


def shut(function: F) -> F:
    """The function behind a door. What it wraps (`functools.wraps`) stays visible: it is the library's."""
    closed: Any = functools.lru_cache(maxsize=0)(function)
    del closed.__wrapped__, closed.cache_parameters
    vars(closed).update(vars(function))
    return cast(F, closed)


def door(function: F) -> F:
    """The same for what libraries call: evidence may come of it."""
    assert isinstance(function, FunctionType)
    _entrances.add(function.__code__)
    return shut(function)


def came_through() -> bool:
    """Whether the probe's frames that called this begin at a door."""
    outermost: CodeType | None = None
    frame: FrameType | None = _getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        outermost = frame.f_code
        frame = frame.f_back
    return outermost in _entrances


def hide() -> None:
    """Take the probe's modules from where `import` finds them."""
    inside = f"{_PACKAGE}."
    for name in [name for name in sys.modules if name == _PACKAGE or name.startswith(inside)]:
        _hidden[name] = sys.modules.pop(name)


@contextmanager
def shown() -> Iterator[None]:
    """Back in their place, while the probe imports more of itself."""
    hidden = _PACKAGE not in sys.modules  # in a warm process the libraries are there before the probe starts
    sys.modules.update(_hidden)
    try:
        yield
    finally:
        if hidden:
            hide()

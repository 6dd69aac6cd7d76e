"""Remembers what was computed of values that are never changed, but cannot be hashed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from cachetools import LRUCache

P = ParamSpec("P")
T = TypeVar("T")


def by_identity(most: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A pure function that keeps its last `most` results, by the very objects it was given.

    The objects are kept as well, so that an id means one of them.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        known: LRUCache[Any, tuple[tuple[object, ...], T]] = LRUCache(most)
        lock = Lock()

        @functools.wraps(function)
        def remembered(*args: P.args, **kwargs: P.kwargs) -> T:
            key = (*map(id, args), *((name, id(value)) for name, value in kwargs.items()))
            with lock:
                found = known.get(key)
            if found is None:
                found = ((*args, *kwargs.values()), function(*args, **kwargs))
                with lock:
                    known[key] = found
            return found[1]

        return remembered

    return decorate

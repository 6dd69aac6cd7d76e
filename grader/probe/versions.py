"""Versions of the libraries that evidence depends on."""

from __future__ import annotations

import importlib.metadata
import sys
from functools import cache

NAMED = ("ipykernel", "keras", "matplotlib", "numpy", "scikit-learn", "tensorflow", "torch")


@cache
def versions() -> dict[str, str]:
    """Versions of what is installed, without importing it."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in NAMED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found

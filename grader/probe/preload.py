"""Run in a warm process before any job is known: the probe's own modules, so that no kernel compiles them.

Nothing is hooked yet, and no operation of a library runs.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

PACKAGE = "_probe"


def preload() -> None:
    folder = Path(__file__).parent
    spec = importlib.util.spec_from_loader(PACKAGE, loader=None, is_package=True)
    assert spec is not None
    spec.submodule_search_locations = [str(folder)]
    sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    for path in sorted(folder.glob("*.py")):
        if path.stem not in ("__init__", "boot", "preload"):
            importlib.import_module(f"{PACKAGE}.{path.stem}")
    # These remember their answers, and a kernel asks for them as it starts.
    sys.modules[f"{PACKAGE}.versions"].versions()
    for name in sys.modules[f"{PACKAGE}.hooks"].imported("sklearn."):
        sys.modules[f"{PACKAGE}.sklearn"].methods(sys.modules[name])


preload()

"""Runs a function right after a module was imported, or at once when it already is.

A finder in front of `sys.meta_path` lets the usual finders find the module and then hooks the loader's
`exec_module` for that one import, so that loaders keep their types and everything else works as before.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from functools import cache
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

from .doors import door, shut

Action = Callable[[ModuleType], None]


@cache
def imported(prefix: str) -> list[str]:
    """Modules of a package that were imported when this was first asked: in a warm process, before the fork.

    A look at every module in a forked process copies the memory that each of them is in.
    """
    return [name for name, module in sys.modules.items() if name.startswith(prefix) and module is not None]


class AfterImport:
    """The finder. `run` calls an action so that its faults do not break the import."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run
        self._actions: dict[str, list[Action]] = {}
        self._prefixes: dict[str, list[Action]] = {}

        def find_spec(fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
            return self.find_spec(fullname, path, target)

        self.listed: Any = SimpleNamespace(find_spec=shut(find_spec))
        """What stands in `sys.meta_path`, where everybody can take hold of it."""

    def install(self) -> None:
        sys.meta_path.insert(0, self.listed)

    def after(self, name: str, action: Action) -> None:
        """Run `action(module)` once `name` is imported."""
        if name in sys.modules:
            self._run(action, sys.modules[name])
        else:
            self._actions.setdefault(name, []).append(action)

    def after_each(self, prefix: str, action: Action) -> None:
        """Run `action(module)` for every module of a package, `prefix` ending in a dot."""
        for name in imported(prefix):
            self._run(action, sys.modules[name])
        self._prefixes.setdefault(prefix, []).append(action)

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        actions = self._actions.get(fullname, []) + [
            action
            for prefix, found in self._prefixes.items()
            if fullname.startswith(prefix)
            for action in found
        ]
        if not actions:
            return None
        for finder in sys.meta_path:
            if finder is self.listed or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                self._hook(spec, actions)
                return spec
        return None

    def _hook(self, spec: ModuleSpec, actions: list[Action]) -> None:
        loader = spec.loader
        execute = getattr(loader, "exec_module", None)
        if execute is None:
            return

        @door
        def exec_module(module: ModuleType) -> None:
            # TensorFlow's import draws from it: what a seed gives must not depend on when that happens.
            state = random.getstate()
            execute(module)
            random.setstate(state)
            if "exec_module" in vars(loader):
                del loader.exec_module  # type: ignore[union-attr]
            for action in actions:
                self._run(action, module)

        # Built-in and frozen loaders are classes shared by all modules: those are not hooked.
        if not isinstance(loader, type) and hasattr(loader, "__dict__"):
            loader.exec_module = exec_module  # type: ignore[union-attr, method-assign]

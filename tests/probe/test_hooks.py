"""Hooks run after an import, and importing works as ever."""

from __future__ import annotations

import importlib
import sys

import pytest

from grader.probe.hooks import AfterImport


@pytest.fixture
def finder(tmp_path, monkeypatch):
    (tmp_path / "hooked_one.py").write_text("value = 1\n")
    package = tmp_path / "hooked_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text("value = 2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    heard = []

    def run(action, *args):
        try:
            action(*args)
        except Exception as error:
            heard.append(error)

    made = AfterImport(run)
    made.install()
    made.heard = heard
    yield made
    sys.meta_path.remove(made.listed)
    for name in [name for name in sys.modules if name.startswith("hooked_")]:
        del sys.modules[name]


def test_an_action_sees_the_finished_module(finder):
    """It runs once, after the module's own code, and the loader keeps its type."""
    seen = []
    finder.after("hooked_one", lambda module: seen.append(module.value))
    module = importlib.import_module("hooked_one")
    assert seen == [1]
    assert type(module.__loader__).__name__ == "SourceFileLoader"
    assert "exec_module" not in vars(module.__loader__)


def test_an_imported_module_is_acted_on_at_once(finder):
    """A warm process has imported the libraries already."""
    importlib.import_module("hooked_one")
    seen = []
    finder.after("hooked_one", lambda module: seen.append(module.value))
    assert seen == [1]


def test_every_module_of_a_package(finder):
    """A prefix hears of each module below it."""
    seen = []
    finder.after_each("hooked_package.", lambda module: seen.append(module.__name__))
    importlib.import_module("hooked_package.inner")
    assert seen == ["hooked_package.inner"]


def test_a_failing_action_does_not_break_the_import(finder):
    """The probe's faults stay its own."""
    finder.after("hooked_one", lambda module: 1 / 0)
    assert importlib.import_module("hooked_one").value == 1
    assert isinstance(finder.heard[0], ZeroDivisionError)


def test_a_missing_module_is_missing_as_ever(finder):
    """ModuleNotFoundError, not something of ours."""
    finder.after("hooked_absent", lambda module: None)
    with pytest.raises(ModuleNotFoundError, match="hooked_absent"):
        importlib.import_module("hooked_absent")

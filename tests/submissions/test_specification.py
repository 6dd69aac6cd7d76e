"""The sample hand-ins say what they are meant to say: whoever adds one learns here what is wrong with it."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import numpy as np
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from grader.course import Loaded, find_course
from grader.evidence import wire
from grader.evidence.gate import read_frame, read_frames
from grader.intake.collect import collect
from grader.model.outcome import State
from grader.model.result import Status
from grader.probe.rows import row_hashes

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
NOBODY = 61234
KEYS = {
    "why": str,
    "assignment": str,
    "state": str,
    "problem": str,
    "problems": list,
    "checks": dict,
    "fraction": dict,
    "equals": str,
    "aims": list,
    "built": bool,
    "slow": bool,
    "not_in_output": list,
    "not_in_report": list,
}
NO_NOTEBOOK = {"json-truncado", "fichero-vacio", "pagina-guardada"}
"""Files that are broken on purpose so far that there is no JSON in them."""
DOES_NOT_PARSE = {("error-de-sintaxis", "modelo_5x5_16"), ("kernel-de-r", "library(keras)")}
"""Cells that are no Python on purpose, by how they begin."""


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = _module(HERE / "build.py")
SLUGS: tuple[str, ...] = build.slugs()
HOSTILE = tuple(s for s in SLUGS if build.case(s).parent.name == "hostile")
NOTEBOOKS = tuple(p for s in SLUGS for p in sorted(build.case(s).iterdir()) if ".ipynb" in p.name)


@cache
def expected(slug: str) -> dict[str, Any]:
    return tomllib.loads((build.case(slug) / "expected.toml").read_text(encoding="utf-8"))


@cache
def assignment(id: str) -> Loaded:
    return find_course(ROOT).load(id)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every case that this platform can hold, built into one class."""
    into = tmp_path_factory.mktemp("class")
    folders = {}
    for slug in SLUGS:
        try:
            folders[slug] = build.build(slug, into)
        except build.CannotBuild as error:
            print(f"not built here: {error}")
    return folders


def test_slugs_are_unique_and_many() -> None:
    """One name, one case; at least 20 attacks each with an honest twin."""
    assert len(SLUGS) == len(set(SLUGS))
    assert sum("equals" in expected(slug) for slug in HOSTILE) >= 20


@pytest.mark.parametrize("slug", SLUGS)
def test_expected_has_its_form(slug: str) -> None:
    """Known keys of the right type, and a state and verdicts that exist."""
    case = expected(slug)
    assert {"why", "state"} <= case.keys() <= KEYS.keys()
    assert all(isinstance(value, KEYS[key]) for key, value in case.items())
    State(case["state"])
    assert {*case.get("checks", {}).values()} <= set(Status)
    assert bool(case.get("checks")) == (case["state"] == State.GRADED)
    partial = {check for check, status in case.get("checks", {}).items() if status == Status.PARTIAL}
    assert set(case.get("fraction", {})) <= partial


@pytest.mark.parametrize("slug", [s for s in SLUGS if "assignment" in expected(s)])
def test_verdicts_are_about_checks_that_exist(slug: str) -> None:
    """Every check id is one of the assignment's."""
    case = expected(slug)
    known = {check.id for check in assignment(case["assignment"]).assignment.checks}
    assert {*case.get("checks", {}), *case.get("aims", [])} <= known


@pytest.mark.parametrize("slug", [s for s in HOSTILE if "equals" in expected(s)])
def test_an_attack_has_an_honest_twin(slug: str) -> None:
    """The twin is there, is honest, of the same assignment, another notebook, and says the same verdicts."""
    case, twin = expected(slug), expected(expected(slug)["equals"])
    assert "equals" not in twin
    assert case["assignment"] == twin["assignment"]
    assert case["aims"]
    earning = {Status.PASSED, Status.PARTIAL}
    for check, verdict in case["checks"].items():
        honest = twin["checks"].get(check)
        assert (verdict in earning) == (honest in earning), check


@pytest.mark.parametrize("slug", [s for s in HOSTILE if "equals" in expected(s)])
def test_an_attack_is_its_twin_with_a_trick(slug: str, built: dict[str, Path]) -> None:
    """All the twin's prose is there, and something that the twin has not."""
    if slug not in built:
        pytest.skip("cannot be built on this platform")
    mine, twin = (_cells(_notebook(built[s])) for s in (slug, expected(slug)["equals"]))
    assert {c for k, c in twin if k == "markdown"} <= {c for k, c in mine if k == "markdown"}
    same = mine == twin
    assert not same or slug in {"etiquetas-de-celda", "kernelspec-ajeno", "formulas-de-hoja"}


def _notebook(folder: Path) -> Path:
    return next(p for p in sorted(folder.iterdir()) if p.name.endswith(".ipynb"))


def _cells(path: Path) -> list[tuple[str, str]]:
    return [(c["cell_type"], "".join(c["source"])) for c in json.loads(path.read_text("utf-8"))["cells"]]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.parent.name)
def test_notebooks_are_valid(path: Path) -> None:
    """What is not broken on purpose is a notebook by nbformat's own schema."""
    if path.parent.name in NO_NOTEBOOK:
        with pytest.raises(nbformat.reader.NotJSONError):
            nbformat.reads(path.read_text(encoding="utf-8"), nbformat.NO_CONVERT)
    elif path.parent.name == "ids-repetidos":
        with pytest.warns(nbformat.warnings.DuplicateCellId):
            nbformat.validate(json.loads(path.read_text(encoding="utf-8")))
    else:
        nbformat.validate(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.parent.name)
def test_cells_parse(path: Path) -> None:
    """An attack that is a syntax error attacks nothing."""
    slug = path.parent.name
    if slug in NO_NOTEBOOK or slug == "nbformat-3":
        pytest.skip("no cells in today's format")
    for kind, source in _cells(path):
        if kind == "code" and not any(slug == s and source.startswith(start) for s, start in DOES_NOT_PARSE):
            ast.parse(TransformerManager().transform_cell(source))


@pytest.mark.parametrize("slug", build.BUILDERS)
def test_building_is_deterministic(slug: str, built: dict[str, Path], tmp_path: Path) -> None:
    """The same slug gives the same bytes under the same names."""
    if slug not in built:
        pytest.skip("cannot be built on this platform")
    assert _digests(build.build(slug, tmp_path)) == _digests(built[slug])


def _digests(folder: Path) -> dict[str, str]:
    files = [p for p in sorted(folder.rglob("*")) if p.is_symlink() or p.is_file() or p.is_fifo()]
    return {p.name: _digest(p) for p in files}


def _digest(path: Path) -> str:
    if path.is_symlink():
        return str(path.readlink())
    return "" if path.is_fifo() else hashlib.sha256(path.read_bytes()).hexdigest()


def test_built_cases_say_so() -> None:
    """`built = true` and a builder go together."""
    assert {s for s in SLUGS if expected(s).get("built")} == set(build.BUILDERS)


def test_intake_says_what_is_wrong(built: dict[str, Path], tmp_path: Path) -> None:
    """One class of all cases: everyone has a submission, and the problem that was written down beforehand."""
    class_folder = next(iter(built.values())).parent
    found = {_student(s.origin): s for s in collect(class_folder, scratch=tmp_path)}
    assert len(found) == len(built)
    for slug, folder in built.items():
        case, submission = expected(slug), found[_student(folder.name)]
        readable = submission.document is not None and submission.fatal is None
        assert readable == (case["state"] == State.GRADED or "assignment" not in case), slug
        keys = [problem.message.key for problem in submission.problems]
        wanted = [case.get("problem", ""), *case.get("problems", [])]
        assert all(any(w in key for key in keys) for w in wanted if w.startswith("intake.")), (slug, keys)
    left = {p.name for p in class_folder.parent.iterdir()} - {class_folder.name, tmp_path.name}
    assert not {name for name in left if "fuera" in name or "absoluta" in name}


def _student(origin: str) -> str:
    """The number that Moodle's folder name carries."""
    return origin.split("_assignsubmission")[0].rsplit("_", 1)[1]


def test_forged_frames_would_pass_the_gate() -> None:
    """The forgeries are as by someone who has read our source: no frame is refused for its form."""
    forged = _run_apart(
        _cell_with("tramas-por-descriptores", "def tramas"),
        "x = np.random.RandomState(1).randint(0, 256, (500, 28, 28)) / 255.0",
        "sys.stdout.buffer.write(b''.join(tramas(x, np.arange(500, dtype=np.uint8) % 10)))",
    )
    frames = read_frames(forged)
    assert not frames.refused
    assert {type(f.event) for f in frames.frames} == {
        wire.Data, wire.Labels, wire.Model, wire.Fit, wire.Evaluate, wire.Predict
    }  # fmt: skip
    hashes = next(f.arrays["hashes"] for f in frames.frames if "hashes" in f.arrays)
    images = np.random.RandomState(1).randint(0, 256, (500, 28, 28))
    assert np.array_equal(hashes, row_hashes(images))


def test_the_forged_alexnet_is_the_one_asked_for() -> None:
    """Its frames pass the gate, and its layers have the 58,299,082 parameters of the real one."""
    forged = _run_apart(
        _cell_with("alexnet-de-papel", "def alexnet"),
        "import json",
        "for n, (kind, header) in enumerate(falsificaciones()):",
        "    print(json.dumps({'type': kind, 'seq': n, **header}))",
    )
    events = [read_frame(memoryview(line), memoryview(b"")).event for line in forged.splitlines()]
    assert [type(e) for e in events] == [wire.Model, wire.Fit, wire.Names, wire.Evaluate, wire.Figure]
    assert sum(e.graph.params for e in events if isinstance(e, wire.Model)) == 58_299_082


def _cell_with(slug: str, text: str) -> str:
    cells = _cells(build.case(slug) / "practica.ipynb")
    return next(source for kind, source in cells if kind == "code" and text in source)


def _run_apart(*lines: str) -> bytes:
    """What a student's code writes, run in a process of its own without root's rights."""
    drop: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if _is_root() else {}
    command = [sys.executable, "-c", "\n".join(lines)]
    try:
        return subprocess.run(
            command, capture_output=True, check=True, timeout=120, cwd=os.sep, **drop
        ).stdout
    except PermissionError:
        pytest.skip("the interpreter cannot be read without root's rights")


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0

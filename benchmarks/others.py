"""nbgrader and otter-grader on the same notebooks, each as its documentation says, with two processes.

Both come from the package index into environments of their own, with the TensorFlow that we run on. The
tests they get ask for what `course/` asks for: parameters, epochs, predictions.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import venv
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell
from workload import PARAMS, notebook

TESTS = {
    "net": f"assert modelo.count_params() == {PARAMS}",
    "epochs": 'assert len(historia.history["loss"]) == 3',
    "predict": "assert predicciones.shape == (297, 10)",
}
PINNED = ("numpy", "scikit-learn", "matplotlib", "ipykernel")


def environment(tool: str, folder: Path) -> Path:
    """A virtual environment with the tool; returns its folder of programs."""
    programs = folder / tool / "bin"
    if not (programs / ".made").exists():
        venv.create(folder / tool, with_pip=True)
        same = [f"tensorflow=={version('tensorflow')}", *PINNED]
        subprocess.run([programs / "pip", "install", "-q", tool, *same], check=True)
        (programs / ".made").touch()
    return programs


def both(commands: Sequence[Sequence[str | Path]], cwd: Sequence[Path], programs: Path) -> None:
    """Run the commands, at most two at a time. Raises CalledProcessError."""
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "TF_CPP_MIN_LOG_LEVEL": "3"}
    env |= dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")

    def go(place: tuple[Sequence[str | Path], Path]) -> None:
        command, folder = place
        done = subprocess.run(list(map(str, command)), cwd=folder, env=env, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:].decode())

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(go, zip(commands, cwd, strict=True)))


class NbGrader:
    """Two course folders with half of the class each: nbgrader grades one notebook after the other."""

    name = "nbgrader"

    def __init__(self, programs: Path, folder: Path, count: int) -> None:
        self.programs = programs
        self.halves = [folder / "half-0", folder / "half-1"]
        for half, place in enumerate(self.halves):
            (place / "source" / "ps1").mkdir(parents=True)
            nbformat.write(self._with_tests(0), place / "source" / "ps1" / "practica.ipynb")
            config = "c = get_config()\nc.CourseDirectory.course_id = 'bench'\n"
            (place / "nbgrader_config.py").write_text(config)
            both([[programs / "nbgrader", "generate_assignment", "ps1"]], [place], programs)
            for number in range(half, count, 2):
                handed_in = place / "submitted" / f"s{number:03}" / "ps1"
                handed_in.mkdir(parents=True)
                nbformat.write(self._with_tests(number), handed_in / "practica.ipynb")

    def grade(self) -> None:
        """Autograde and write the feedback."""
        autograde = [self.programs / "nbgrader", "autograde", "ps1"]
        both([autograde] * 2, self.halves, self.programs)
        both([[self.programs / "nbgrader", "generate_feedback", "ps1"]] * 2, self.halves, self.programs)

    def points(self) -> float:
        total = 0.0
        for half in self.halves:
            with sqlite3.connect(half / "gradebook.db") as book:
                total += book.execute("select sum(auto_score) from grade").fetchone()[0] or 0.0
        return total

    @staticmethod
    def _with_tests(number: int) -> nbformat.NotebookNode:
        made = notebook(number)
        for name, source in TESTS.items():
            cell = new_code_cell(source)
            cell.metadata.nbgrader = {
                "grade": True, "grade_id": name, "locked": True, "points": 1, "schema_version": 3,
                "solution": False, "task": False,
            }  # fmt: skip
            made.cells.append(cell)
        return made


class Otter:
    """`otter run` for each notebook, two at a time, without its containers."""

    name = "otter-grader"

    def __init__(self, programs: Path, folder: Path, count: int) -> None:
        self.programs = programs
        self.folder = folder
        folder.mkdir(parents=True)
        self.archive = folder / "autograder.zip"
        with zipfile.ZipFile(self.archive, "w") as archive:
            archive.writestr("otter_config.json", json.dumps({"lang": "python"}))
            for name, source in TESTS.items():
                archive.writestr(f"tests/{name}.py", self._test(name, source))
        self.places = []
        for number in range(count):
            place = folder / f"s{number:03}"
            place.mkdir()
            made = notebook(number)
            made.cells.insert(0, new_code_cell("import otter\ngrader = otter.Notebook()"))
            made.cells += [new_code_cell(f'grader.check("{name}")') for name in TESTS]
            nbformat.write(made, place / "practica.ipynb")
            shutil.copy(self.archive, place / "autograder.zip")
            self.places.append(place)

    def grade(self) -> None:
        run = [self.programs / "otter", "run", "-a", "autograder.zip", "--no-logo", "practica.ipynb"]
        both([run] * len(self.places), self.places, self.programs)

    def points(self) -> float:
        found = (json.loads((place / "results.json").read_text()) for place in self.places)
        return sum(test.get("score", 0.0) for results in found for test in results["tests"])

    @staticmethod
    def _test(name: str, source: str) -> str:
        case = {"code": f">>> {source}\n", "hidden": False, "locked": False}
        suite = {"cases": [case], "scored": True, "setup": "", "teardown": "", "type": "doctest"}
        return f"OK_FORMAT = True\ntest = {{'name': {name!r}, 'points': 1, 'suites': [{suite!r}]}}\n"

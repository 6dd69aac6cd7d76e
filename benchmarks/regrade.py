"""How long a changed rubric takes for a class that is graded already: judged again on stored evidence.

    python benchmarks/regrade.py [--count 300] [--distinct 10]

Hands in `count` notebooks, of which `distinct` differ (evidence is kept by content, so that many are run),
changes the points of a check, and times `grade regrade`, reports included.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import workload

HERE = Path(__file__).parent


def grade(*words: str | Path) -> float:
    """Seconds of one command. Raises CalledProcessError."""
    began = time.monotonic()
    command = [sys.executable, "-m", "grader", *map(str, words)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--distinct", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        course, out = folder / "course", folder / "grades"
        shutil.copytree(HERE / "course", course)
        for number in range(options.count):
            place = folder / "submissions" / f"student-{number:03}"
            place.mkdir(parents=True)
            nbformat.write(workload.notebook(number % options.distinct), place / "practica.ipynb")
        common = ("--course", course, "--out", out)
        first = grade("run", folder / "submissions", *common, "--data", "stand-in", "-j", "2")
        again = grade("run", folder / "submissions", *common, "--data", "stand-in", "-j", "2")
        rubric = course / "assignments" / "tiny-cnn" / "assignment.py"
        rubric.write_text(rubric.read_text().replace('points=Decimal("4")', 'points=Decimal("5")'))
        changed = grade("regrade", *common)
        print(f"{options.count} submissions, {options.distinct} of them run: {first:.1f} s")
        print(f"again, nothing changed: {again:.1f} s")
        print(f"regrade after a change of the rubric: {changed:.1f} s")


if __name__ == "__main__":
    main()

"""A class of thirty, killed again and again at random moments: nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from grader.demo import unpack
from tests import sandbox

pytestmark = pytest.mark.sandbox

KILLS = int(os.environ.get("GRADER_TEST_KILLS", "50"))
STUDENTS = 30
ROOT = Path(__file__).parents[2]


@pytest.fixture
def course(tmp_path: Path) -> Path:
    sandbox.require()
    made = unpack(tmp_path / "course")
    shutil.rmtree(made / "submissions")
    (made / "course.toml").write_text("")
    for number in range(STUDENTS):
        place = made / "submissions" / f"student-{number:02}"
        place.mkdir(parents=True)
        sources = (f"x = {number}", "print(x, (60000, 28, 28), 10000)", "import time; time.sleep(0.05)")
        nbformat.write(new_notebook(cells=[new_code_cell(s) for s in sources]), place / "practica.ipynb")
    return made


@pytest.fixture
def grading(course: Path) -> Iterator[subprocess.Popen[str]]:
    words = [str(course), str(course / "submissions"), str(course / "grades")]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.pipeline.many_kills", *words],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    yield process
    process.communicate(timeout=60)


def go(process: subprocess.Popen[str], moment: str) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{moment}\n")
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    return answer


def evidence(course: Path) -> dict[str, int]:
    """Every piece of evidence and when it was written, in nanoseconds."""
    return {p.name: p.stat().st_mtime_ns for p in (course / "grades" / "evidence").rglob("*.json.gz")}


def test_fifty_kills(course: Path, grading: subprocess.Popen[str]) -> None:
    """What was reached stays reached and is not run again; no process outlives its grader."""
    moments = random.Random(3)  # noqa: S311 - no secret
    fresh: Counter[str] = Counter()
    kept: dict[str, int] = {}
    killed = classes = 0
    for _ in range(KILLS):
        done = go(grading, f"{moments.uniform(0.3, 2.5):.3f}")
        assert done["status"] in {0, -signal.SIGKILL}
        assert done["left"] == []
        killed += done["status"] == -signal.SIGKILL
        fresh.update(done["fresh"])
        assert max(fresh.values(), default=0) <= 1, "run again though it was done"
        now = evidence(course)
        assert {name: now.get(name) for name in kept} == kept, "evidence was lost or collected again"
        kept = now
        if len(fresh) == STUDENTS:
            shutil.rmtree(course / "grades")
            fresh, kept, classes = Counter(), {}, classes + 1
    assert killed > KILLS // 2, "they came after the end"
    last = go(grading, "never")
    assert last["status"] == 0
    assert len(last["done"]) == STUDENTS
    assert set(last["states"]) == {"graded"}
    assert len(evidence(course)) == STUDENTS
    print(f"{killed} kills in {classes + 1} classes of {STUDENTS}")
    with sqlite3.connect(course / "grades" / "gradebook.sqlite") as book:
        assert book.execute("pragma integrity_check").fetchone() == ("ok",)

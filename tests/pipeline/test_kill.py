"""A grading that is killed and started again: nothing lost, nothing twice, nothing left running."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from grader.demo import unpack
from tests import sandbox

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sandbox.require()
    made = unpack(tmp_path_factory.mktemp("killed") / "course")
    for folder in sorted((made / "submissions").iterdir())[3:]:
        shutil.rmtree(folder)
    return made


def start(course: Path) -> subprocess.Popen[bytes]:
    words = ["run", str(course / "submissions"), "--course", str(course), "--out", str(course / "grades")]
    words += ["--level", "structure", "--data", "stand-in", "--workers", "2"]
    return subprocess.Popen(
        [sys.executable, "-m", "grader", *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def evidence(course: Path) -> dict[str, int]:
    """Every piece of evidence and when it was written, in nanoseconds."""
    return {p.name: p.stat().st_mtime_ns for p in (course / "grades" / "evidence").rglob("*.json.gz")}


def states(course: Path) -> dict[str, str]:
    files = (course / "grades" / "json").glob("*.json")
    return {path.stem: json.loads(path.read_text(encoding="utf-8"))["state"] for path in files}


def test_killed_and_started_again(course: Path) -> None:
    """SIGKILL once one was done: the second run does the rest and leaves that as it is."""
    run = start(course)
    children: list[psutil.Process] = []
    deadline = time.monotonic() + 120
    while not evidence(course) and time.monotonic() < deadline:
        assert run.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    children = psutil.Process(run.pid).children(recursive=True)
    done = evidence(course)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert [p.cmdline() for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []

    assert start(course).wait(timeout=300) in {0, 3}  # 3: `structure` measures no accuracy
    after = evidence(course)
    assert {name: after[name] for name in done} == done
    found = states(course)
    assert len(found) == 6
    assert set(found.values()) <= {"graded", "unreadable", "absent"}

    assert start(course).wait(timeout=60) in {0, 3}
    assert evidence(course) == after

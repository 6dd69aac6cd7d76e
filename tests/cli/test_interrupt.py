"""Ctrl-C in the middle of a class: said at once, over in seconds, and known afterwards."""

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

from grader.cli.exits import Exit
from grader.demo import unpack
from tests import sandbox
from tests.cli.test_commands import typed

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).parents[2]


def test_ctrl_c(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 130 within seconds, no process left, and `regrade` names who is not graded yet."""
    sandbox.require()
    course = unpack(tmp_path / "course")
    for folder in (course / "submissions").iterdir():
        if not folder.name.startswith(("Alba", "Carla")):
            shutil.rmtree(folder)
            continue
        path = folder / "practica.ipynb"
        book = json.loads(path.read_text(encoding="utf-8"))
        endless = {"cell_type": "code", "source": "while True: pass", "metadata": {}, "outputs": []}
        book["cells"].insert(0, endless | {"execution_count": None})
        path.write_text(json.dumps(book), encoding="utf-8")
    place = ["--course", str(course), "--out", str(course / "grades"), "--data", "stand-in"]
    run = subprocess.Popen(
        [sys.executable, "-m", "grader", "run", str(course / "submissions"), *place, "--workers", "1"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore it, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 90
    while not endless_runs(run.pid) and time.monotonic() < deadline:
        assert run.poll() is None, "it ended before it could be interrupted"
        time.sleep(0.2)
    children = psutil.Process(run.pid).children(recursive=True)
    os.kill(run.pid, signal.SIGINT)
    _, told = run.communicate(timeout=60)
    assert run.returncode == Exit.INTERRUPTED
    assert "vuelve a ejecutar la misma orden" in told
    _, alive = psutil.wait_procs(children, timeout=5)
    assert [p.cmdline() for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []

    assert typed("regrade", *place) == Exit.UNGRADED
    said = " ".join(capsys.readouterr().err.split())
    assert "Alba Torres Gil" in said
    assert "Carla Vega Ruiz" in said


def endless_runs(pid: int) -> bool:
    """Whether a kernel below has used two seconds of processor time since its fork or start."""
    try:
        below = psutil.Process(pid).children(recursive=True)
        return any(p.cpu_times().user > 6 for p in below)
    except psutil.Error:
        return False

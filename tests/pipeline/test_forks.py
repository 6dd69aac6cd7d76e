"""Work of ours in forked processes: the same answers as in this one, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from grader.forks import Forks
from grader.schedule import Task

ROOT = Path(__file__).parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux only")


def answers(workers: int, count: int) -> list[tuple[int, int]]:
    held = {"factor": 3}  # inherited, not sent

    def work(number: int) -> tuple[int, int]:
        return number * held["factor"], os.getpid()

    return list(Forks(workers).results([Task(partial(work, n), 1.0) for n in range(count)]))


@linux
def test_each_task_is_done_once_in_other_processes() -> None:
    before = psutil.Process().children()
    found = answers(2, 100)
    assert sorted(value for value, _ in found) == [3 * n for n in range(100)]
    assert os.getpid() not in {pid for _, pid in found}
    assert set(psutil.Process().children()) <= set(before)


@pytest.mark.parametrize(("workers", "count"), [(1, 100), (2, 3)])
def test_little_work_stays_in_this_process(workers: int, count: int) -> None:
    assert {pid for _, pid in answers(workers, count)} == {os.getpid()}


@linux
def test_what_a_task_raises_is_raised() -> None:
    """A page that cannot be made is not one that nobody misses."""

    def fail() -> None:
        raise ValueError("this page")

    before = psutil.Process().children()
    with pytest.raises(ValueError, match="this page"):
        Forks(2).do_all([lambda: None] * 20 + [fail])
    assert set(psutil.Process().children()) <= set(before)


_KILLED = """
import os, time
from grader.forks import Forks
from grader.schedule import Task
def work():
    os.write(1, f'{os.getpid()}\\n'.encode())
    time.sleep(60)
list(Forks(2).results([Task(work, 1.0)] * 20))
"""


@linux
def test_they_end_with_a_killed_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", _KILLED], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while any(map(psutil.pid_exists, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(psutil.pid_exists, pids))

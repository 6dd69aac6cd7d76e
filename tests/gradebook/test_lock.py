"""One run at a time, and no lock that outlives its run."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

import grader
from grader.gradebook import Gradebook, GradebookBusy
from grader.gradebook import lock as module
from grader.gradebook.lock import Owner, stale
from grader.gradebook.tables import LockRow, now
from grader.messages import render

from .samples import ASSIGNMENT, submission

HOLDER = """
import sys, time
from grader.gradebook import Gradebook
with Gradebook.open(sys.argv[1]) as book, book.run("grade", by="otra"):
    print("held", flush=True)
    time.sleep(600)
"""


def python(source: str, *args: str) -> subprocess.Popen[str]:
    """Another process with this package."""
    root = str(Path(grader.__file__).parent.parent)
    env = os.environ | {"PYTHONPATH": root}
    command = [sys.executable, "-c", source, *args]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)


@contextmanager
def held_elsewhere(path: Path) -> Iterator[subprocess.Popen[str]]:
    with python(HOLDER, str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Gradebook]:
    with Gradebook.open(tmp_path / "gradebook.sqlite") as opened:
        yield opened


def test_a_second_run_is_refused_and_told_who_holds_it(book: Gradebook, tmp_path: Path) -> None:
    """Process, machine and since when, in both languages; reading goes on."""
    with held_elsewhere(tmp_path / "gradebook.sqlite") as process:
        with pytest.raises(GradebookBusy) as error, book.run("grade"):
            raise AssertionError("two runs at once")
        assert error.value.message.args["pid"] == process.pid
        for language in ("es", "en"):
            assert str(process.pid) in render(error.value.message, language)  # type: ignore[arg-type]
        assert book.entries() == ()


def test_a_killed_run_does_not_keep_it(book: Gradebook, tmp_path: Path) -> None:
    """After kill -9 the next run starts at once, also while nobody has reaped the dead process."""
    with held_elsewhere(tmp_path / "gradebook.sqlite") as process:
        process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        until = time.monotonic() + 10
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
            time.sleep(0.01)
        with book.run("grade"):
            pass
    assert [(r.by == "otra", r.ended is None) for r in book.runs()] == [(True, True), (False, False)]


def test_two_runs_in_one_process_are_two(book: Gradebook) -> None:
    """The same process is no excuse; after the first has ended, the second may."""
    with book.run("grade"), pytest.raises(GradebookBusy), book.run("regrade"):
        pass
    with book.run("regrade"):
        pass


def lock_row(**changes: object) -> LockRow:
    me = Owner.this_process()
    values = {"host": me.host, "pid": me.pid, "started": me.started, "since": now(), "beat": now()}
    return LockRow(id=1, token="t", **(values | changes))  # noqa: S106 (a lock's token, not a password)


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({}, False),
        ({"started": 12345.0}, True),  # the pid was given to another process since
        ({"pid": 2**22 + 12345}, True),
        ({"beat": now() - timedelta(hours=5)}, False),  # a laptop that slept: the process is there
        ({"host": "elsewhere"}, False),
        ({"host": "elsewhere", "pid": 2**22 + 12345}, False),
        ({"host": "elsewhere", "beat": now() - timedelta(seconds=module.STALE_SECONDS + 5)}, True),
    ],
)
def test_what_counts_as_gone(changes: dict[str, object], gone: bool) -> None:
    """On this machine the process decides, on another the time of its last sign of life."""
    assert stale(lock_row(**changes), Owner.this_process()) is gone


def test_a_run_that_lost_its_lock_writes_nothing_more(book: Gradebook, tmp_path: Path) -> None:
    """Taken over from another machine, the first run stops at its next write."""
    with book.run("grade") as run:
        other = sqlite3.connect(tmp_path / "gradebook.sqlite")
        other.execute("UPDATE run_lock SET token = 'theirs', host = 'elsewhere'")
        other.commit()
        with pytest.raises(GradebookBusy) as error:
            run.record_submission(submission(), ASSIGNMENT.id)
        assert error.value.message.key == "gradebook.taken_over"
        assert book.entries() == ()
    assert other.execute("SELECT token FROM run_lock").fetchall() == [("theirs",)]
    other.close()


def test_it_is_renewed_while_nothing_is_written(
    book: Gradebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training of an hour does not look like a dead run to another machine."""
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.05)
    with book.run("grade"):
        other = sqlite3.connect(tmp_path / "gradebook.sqlite")
        other.execute("UPDATE run_lock SET beat = '2020-01-01 00:00:00.000000'")
        other.commit()
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if not other.execute("SELECT beat FROM run_lock").fetchone()[0].startswith("2020"):
                break
            time.sleep(0.02)
        else:
            raise AssertionError("never renewed")
        other.close()


def test_nothing_unix_only_is_imported() -> None:
    """The gradebook opens on Windows: the modules that only Unix has are not asked for.

    (`resource` is missing here because psutil itself imports it, on Linux only.)
    """
    source = (
        "import sys\n"
        "for name in ('fcntl', 'termios', 'grp', 'pwd'):\n"
        "    sys.modules[name] = None\n"
        "import grader.gradebook.lock, grader.gradebook.database, grader.evidence.store, grader.lms.ci\n"
        "print('imported')\n"
    )
    with python(source) as process:
        assert process.communicate(timeout=120)[0] == "imported\n"

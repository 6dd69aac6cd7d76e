"""The self-check runs where nothing Unix-only can be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.cli import main
from grader.cli.exits import Exit
from grader.demo import unpack
from tests import unprivileged

UNIX_ONLY = (
    *("fcntl", "grp", "pwd", "termios", "tty", "pty", "posix_spawn", "syslog", "nis", "crypt"),
    "spwd",
)
BLOCKED = f"""
import importlib.abc, os, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {UNIX_ONLY!r}:
            raise ModuleNotFoundError("blocked as on Windows: " + name, name=name)

sys.meta_path.insert(0, Blocked())
for name in {UNIX_ONLY!r}:
    sys.modules.pop(name, None)
"""
NO_LIBC = """
import ctypes

class NoLibc(ctypes.CDLL):
    def __init__(self, name, *args, **kwargs):
        if name is None:
            raise TypeError("as on Windows: there is no library of that name")
        super().__init__(name, *args, **kwargs)

ctypes.CDLL = NoLibc
"""


def test_every_module_on_its_path_imports_without_unix(tmp_path: Path) -> None:
    """What `grade check` imports, in an interpreter that has none of Unix's own modules."""
    program = BLOCKED + NO_LIBC + "import grader.cli.app, grader.cli.checking, grader.execution.unprotected\n"
    program += "import grader.verification.rebuild\nprint('imported')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "imported", done.stderr[-2000:]


@pytest.mark.sandbox
def test_a_student_checks_their_own_notebook(tmp_path: Path) -> None:
    """The demo's sound notebook, by the command line, with those modules blocked: every line is right.

    The run itself is the unprotected one, as on Windows and macOS. As root it is refused a box-less
    kernel of uid 0 in real use; here the command runs as an unprivileged user.
    """
    course = unpack(tmp_path / "course")
    good = next((course / "submissions").glob("Alba*")) / "practica.ipynb"
    program = BLOCKED + (
        "from grader.cli import main\n"
        f"main(['check', {str(good)!r}, '--course', {str(course)!r},"
        " '--language', 'en', '--data', 'stand-in'])"
    )
    done = as_ordinary_user(program, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not right" not in done.stdout
    assert "passed" in done.stdout


def test_a_file_that_cannot_be_read_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script that checks before it uploads learns it from the status, the student from the sentence."""
    broken = tmp_path / "practica.ipynb"
    broken.write_text('{"cells": [')
    with pytest.raises(SystemExit) as ended:
        main(["check", str(broken), "--course", str(unpack(tmp_path / "course")), "--language", "en"])
    assert ended.value.code == Exit.UNSOUND
    assert "practica.ipynb" in capsys.readouterr().out


def as_ordinary_user(program: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run Python source as uid 61234 when we are root, else as ourselves."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    unprivileged.require(ROOT / "grader" / "__init__.py")
    for path in [home, *home.rglob("*")]:
        os.chown(path, 61234, 61234)
    for parent in home.parents:
        if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001 and "pytest" in str(parent):
            parent.chmod(parent.stat().st_mode | 0o011)
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        user=61234,
        group=61234,
        extra_groups=[],
        cwd=home,
        env={"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)},
    )


ROOT = Path(__file__).parents[2]

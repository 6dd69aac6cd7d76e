"""The same suite as an ordinary user, when the tests themselves run as root."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parent
_ATTACKS = _HERE.parent / "attacks"
_SUITE = (
    *(_HERE / name for name in ("test_isolated.py", "test_box.py", "test_contract.py", "test_warm.py")),
    *(_ATTACKS / name for name in ("test_inside.py", "test_watchdogs.py")),
)
_CHOSEN = (
    "(test_isolated or test_box or dies_with or children_of or dead_kernel or ignores or killed_zygote "
    "or attack or it_ends) "
    "and not (unprotected or installed_copy or planted)"
)
"""What may differ between users; the rest would only cost time again."""
_UID = 61234


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of that user's own; pytest's are root's, behind a private one."""
    folder = Path(tempfile.mkdtemp(prefix="ordinary-"))
    os.chown(folder, _UID, _UID)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.sandbox
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="no root to step down from")
def test_the_isolated_tier_holds_for_an_ordinary_user(home: Path) -> None:
    """Without root there is no uid to drop to, and /proc is seen with fewer rights."""
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    account = {"user": _UID, "group": _UID, "extra_groups": []}
    ordinary = functools.partial(subprocess.run, **account, env=env, cwd=home, capture_output=True, text=True)
    if ordinary([sys.executable, "-c", f"import pytest; open({__file__!r})"]).returncode != 0:
        pytest.skip(f"an ordinary user cannot reach {sys.executable} or {_HERE}")
    options = ["-n", "0", "-p", "no:cacheprovider", "--basetemp", str(home / "t"), "-k", _CHOSEN]
    options += ["-c", str(_HERE.parent.parent / "pyproject.toml")]
    done = ordinary([sys.executable, "-B", "-m", "pytest", *options, *map(str, _SUITE)])
    assert done.returncode == 0, done.stdout[-4000:]
    assert "[100%]" in done.stdout

"""The self-check's path imports nothing that only Unix has."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

_BLOCKED = ("fcntl", "resource", "pwd", "grp", "termios", "pty", "tty")


@pytest.mark.sandbox
def test_an_unprotected_run_without_unix_modules(data: Path) -> None:
    """Our modules, imported with those blocked, run a notebook."""
    script = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        # The standard library and zmq may import them where they exist; ours may not.
        import asyncio, psutil, subprocess, tempfile, jupyter_client.manager, nbclient, ipykernel, pytest

        class Blocked:
            def find_spec(self, name, *rest):
                if name in {_BLOCKED!r}:
                    raise ModuleNotFoundError(name)

        for name in {_BLOCKED!r}:
            sys.modules.pop(name, None)
        sys.meta_path.insert(0, Blocked())
        from pathlib import Path
        from runs import executor_of, job
        done = executor_of('unprotected').run(job('print(6 * 7)', data=Path({str(data)!r})))
        print(done.ended, done.cells[0].output_text, done.isolation)
    """
    env = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    argv = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(argv, capture_output=True, text=True, env=env, check=False)
    assert done.stdout.startswith("completed 42"), done.stderr
    assert "UNPROTECTED" in done.stdout

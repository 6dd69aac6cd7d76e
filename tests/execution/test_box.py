"""Clean processes for other packages."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from runs import MIB, TIERS, executor_of

from grader.execution.box import open_box, open_unboxed
from grader.execution.port import Limits

pytestmark = pytest.mark.sandbox

Open = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(params=TIERS)
def start(request: pytest.FixtureRequest, data: Path) -> Open:
    """Starts Python source in either kind of clean process."""

    def start(source: str, limits: Limits | None = None) -> subprocess.Popen[bytes]:
        argv = (sys.executable, "-I", "-c", source)
        if request.param == "isolated":
            executor_of("isolated")
            return open_box(argv, readable=[data], limits=limits or Limits(), threads=1)
        return open_unboxed(argv, limits=limits or Limits(), threads=1)

    return start


def test_a_worker_answers_over_its_pipes(start: Open, data: Path) -> None:
    """Bytes in, bytes out, for as long as both want; it reads what it was given to read."""
    source = f"""
import sys
while (byte := sys.stdin.buffer.read(1)):
    sys.stdout.buffer.write(byte * 2)
    sys.stdout.buffer.flush()
print(open({str(data / "letters" / "x_train.npy")!r}).read(), end='')
"""
    with start(source) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        for byte in (b"a", b"\x00"):
            worker.stdin.write(byte)
            worker.stdin.flush()
            assert worker.stdout.read(2) == byte * 2
        worker.stdin.close()
        assert worker.stdout.read() == b"served"
    assert worker.returncode == 0


def test_it_outlives_the_thread_that_asked_for_it(start: Open) -> None:
    """The parent-death signal is sent when the launching thread ends."""
    opened: list[subprocess.Popen[bytes]] = []
    thread = threading.Thread(target=lambda: opened.append(start("print(input())")))
    thread.start()
    thread.join()
    assert opened[0].communicate(b"alive\n")[0].strip() == b"alive"


def test_a_hog_is_killed(start: Open) -> None:
    """By the watchdog of memory, which needs no help from the caller."""
    source = "import mmap\nm = mmap.mmap(-1, 2 << 30)\nfor i in range(0, 2 << 30, 4096): m[i] = 1\ninput()"
    worker = start(source, Limits(memory_bytes=200 * MIB))
    assert worker.communicate(timeout=30)[0] == b""
    assert worker.returncode != 0

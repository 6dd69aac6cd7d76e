"""Clean processes for other packages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from runs import MIB, SCRIPT, TIERS, executor_of

from grader.execution.port import Clean, Limits
from grader.execution.processes import Piped

pytestmark = pytest.mark.sandbox

Open = Callable[..., Piped]


@pytest.fixture(params=TIERS)
def start(request: pytest.FixtureRequest, data: Path, warmed: None) -> Open:
    """Starts Python source in a clean process of each kind."""
    executor = executor_of(request.param)

    def start(source: str, limits: Limits | None = None) -> Piped:
        SCRIPT.write_text(source)
        return executor.clean(Clean(SCRIPT, data, (), limits or Limits()))

    return start


def answer(worker: Piped, said: bytes = b"") -> bytes:
    """All it prints until it ends by itself, or is ended."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    with worker.stdout, worker.stdin:
        worker.stdin.write(said)
        worker.stdin.flush()
        text = worker.stdout.read()
    worker.wait(30)
    return text


def test_a_worker_answers_over_its_pipes(start: Open) -> None:
    """Bytes in, bytes out, for as long as both want; it reads what it was given to read."""
    source = """
import sys
while (byte := sys.stdin.buffer.read(1)):
    sys.stdout.buffer.write(byte * 2)
    sys.stdout.buffer.flush()
print(open(sys.argv[1] + '/letters/x_train.npy').read(), end='')
"""
    worker = start(source)
    assert worker.stdin is not None
    assert worker.stdout is not None
    with worker.stdin, worker.stdout:
        for byte in (b"a", b"\x00"):
            worker.stdin.write(byte)
            worker.stdin.flush()
            assert worker.stdout.read(2) == byte * 2
        worker.stdin.close()
        assert worker.stdout.read() == b"served"
    worker.wait(10)


def test_it_outlives_the_thread_that_asked_for_it(start: Open) -> None:
    """The parent-death signal is sent when the launching thread ends."""
    opened: list[Piped] = []
    thread = threading.Thread(target=lambda: opened.append(start("print(input())")))
    thread.start()
    thread.join()
    assert answer(opened[0], b"alive\n").strip() == b"alive"


def test_a_hog_is_killed(start: Open) -> None:
    """By the watchdog of memory, which needs no help from the caller."""
    source = "import mmap\nm = mmap.mmap(-1, 2 << 30)\nfor i in range(0, 2 << 30, 4096): m[i] = 1\ninput()"
    worker = start(source, Limits(memory_bytes=200 * MIB))
    assert answer(worker) == b""
    assert worker.returncode != 0

"""What no wall holds, a watchdog ends: that run only, saying which limit, with what came before kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import MIB, TIERS, executor_of, job

from grader.execution.port import Executor, Limits, RawRun
from grader.messages import render
from grader.model.evidence import Ended

pytestmark = pytest.mark.sandbox

FILL = """
    import os, time
    for number in range(200):
        with open(os.path.join(os.environ['HOME'], f'{number}.bin'), 'wb') as stream:
            stream.write(bytes(2**20))
        time.sleep(0.01)
    time.sleep(5)
"""
MANY = """
    import subprocess, time
    held = [subprocess.Popen(['sleep', '60']) for _ in range(60)]
    time.sleep(5)
"""
SPIN = """
    import subprocess, sys, time
    held = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range(3)]
    time.sleep(60)
"""
ORPHAN = """
    import os, time
    def leave():
        if os.fork() == 0:
            if os.fork() == 0:
                os.setsid()
                held = bytearray(600 * 2**20)
                for at in range(0, len(held), 4096):
                    held[at] = 1
                time.sleep(60)
            os._exit(0)
        os.wait()
    leave()
    time.sleep(8)
"""
UNNAMED = """
    import os, tempfile, time
    held = []
    for _ in range(200):
        held.append(tempfile.TemporaryFile(dir=os.environ['HOME']))
        held[-1].write(bytes(2**20)); held[-1].flush()
        time.sleep(0.01)
    time.sleep(5)
"""
HOARD = """
    import mmap, time
    held = mmap.mmap(-1, 600 * 2**20)
    for at in range(0, len(held), 4096):
        held[at] = 1
    time.sleep(5)
"""


@pytest.fixture(scope="module", params=TIERS)
def executor(request: pytest.FixtureRequest) -> Executor:
    return executor_of(request.param)


def ran(executor: Executor, data: Path, source: str, limits: Limits) -> RawRun:
    body = "\n".join(line[4:] for line in source.strip("\n").split("\n"))
    return executor.run(job("print('before')", body, data=data, wall=60, limits=limits))


@pytest.mark.parametrize(
    ("source", "limits", "ended", "error"),
    [
        (FILL, Limits(scratch_bytes=64 * MIB), Ended.SCRATCH, "OSError"),
        (MANY, Limits(processes=30), Ended.PROCESSES, None),
        (SPIN, Limits(cpu_seconds=3), Ended.CPU, None),
        (ORPHAN, Limits(memory_bytes=300 * MIB), Ended.MEMORY, None),
        (UNNAMED, Limits(scratch_bytes=64 * MIB), Ended.SCRATCH, "OSError"),
        (HOARD, Limits(memory_bytes=300 * MIB), Ended.MEMORY, None),
    ],
    ids=["disk", "processes", "processor", "orphan", "unnamed files", "shared memory"],
)
def test_it_ends(
    executor: Executor, data: Path, source: str, limits: Limits, ended: Ended, error: str | None
) -> None:
    """By the watchdog; or, where a namespace bounds it already, in an error of the cell's own."""
    if source is ORPHAN and executor.tier == "unprotected":
        pytest.skip("without a sandbox nobody keeps what leaves its parent")
    done = ran(executor, data, source, limits)
    assert done.cells[0].output_text == "before\n"
    if done.ended is Ended.COMPLETED:
        assert error is not None
        assert done.cells[1].error == error
        return
    assert done.ended is ended
    assert done.detail is not None
    for language in ("es", "en"):
        text = render(done.detail, language)
        assert "--" in text or "course.toml" in text
    assert executor.run(job("print(1)", data=data)).cells[0].output_text == "1\n"

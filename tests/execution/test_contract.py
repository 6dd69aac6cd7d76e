"""What every executor promises, whatever its isolation."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from runs import MIB, TIERS, by_index, executor_of, job

from grader.execution.port import Executor, Limits, RawRun
from grader.execution.processes import alive
from grader.messages import render
from grader.model.evidence import Ended
from grader.model.submission import CellKind, SourceCell

pytestmark = pytest.mark.sandbox

Run = Callable[..., RawRun]


def descendants() -> set[int]:
    return {process.pid for process in alive(psutil.Process().children(recursive=True))}


@pytest.fixture(autouse=True)
def nothing_left(warmed: None) -> object:
    """After each run no process of it is left, not even one that left its parent."""
    before = descendants()
    yield
    deadline = time.monotonic() + 5
    while (left := descendants() - before) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


@pytest.fixture(scope="module", params=TIERS)
def plain(request: pytest.FixtureRequest, warmed: None, data: Path) -> RawRun:
    """One run of a notebook with ordinary mistakes, looked at by several tests."""
    sources = ["x = 20", "x += 1; print('first', x)", "x * 2", "1 / 0", "def f(:", "%no_such_magic"]
    sources += ["import sys; sys.exit(0)", "print('after')"]
    kinds = [(CellKind.CODE, source, ()) for source in sources]
    kinds += [(CellKind.MARKDOWN, "# x", ()), (CellKind.CODE, " \n", ()), (CellKind.RAW, "2", ())]
    kinds += [(CellKind.CODE, "print('ran')", ("skip-execution",))]
    kinds += [(CellKind.CODE, "1 / 0", ("raises-exception",))]
    cells = tuple(SourceCell(index, *kind[:2], tags=kind[2]) for index, kind in enumerate(kinds))
    asked = job(data=data)
    return executor_of(request.param).run(dataclasses.replace(asked, cells=cells))


def test_cells_run_in_order_in_one_kernel(plain: RawRun) -> None:
    """Later cells see what earlier ones defined, and what each printed is its own."""
    assert plain.ended is Ended.COMPLETED
    assert [cell.output_text for cell in plain.cells[:3]] == ["", "first 21\n", "42\n"]
    assert all(cell.ok and 0 <= cell.seconds < 30 for cell in plain.cells[:3])


def test_a_failing_cell_does_not_stop_the_rest(plain: RawRun) -> None:
    """Errors and syntax errors are told by name, and the cells after them run."""
    assert [cell.error for cell in plain.cells[3:5]] == ["ZeroDivisionError", "SyntaxError"]
    assert "division by zero" in plain.cells[3].error_text
    assert "\x1b" not in plain.cells[3].error_text
    assert by_index(plain)[7].output_text == "after\n"


def test_an_unknown_magic_is_an_error(plain: RawRun) -> None:
    """Jupyter calls it a success; the student's cell did nothing."""
    assert (plain.cells[5].ok, plain.cells[5].error) == (False, "UsageError")


def test_sys_exit_is_an_error_of_its_cell(plain: RawRun) -> None:
    """It ends neither the kernel nor the run."""
    assert plain.cells[6].error == "SystemExit"
    assert plain.cells[7].ok


def test_blank_and_other_cells_are_not_begun(plain: RawRun) -> None:
    """The n-th cell run is the n-th that Jupyter would run; Markdown, raw and blank cells are none."""
    assert [cell.index for cell in plain.cells] == [*range(8), 11, 12]


def test_tags_of_the_notebook_are_not_obeyed(plain: RawRun) -> None:
    """A cell tagged to be skipped runs, and an error tagged as expected is still an error."""
    found = by_index(plain)
    assert (found[11].output_text, found[12].error) == ("ran\n", "ZeroDivisionError")


def test_progress_is_told(executor: Executor, data: Path) -> None:
    """Before each cell: how many were begun, of how many that will run."""
    begun: list[tuple[int, int]] = []
    asked = job("1", " ", "2", data=data)
    executor.run(dataclasses.replace(asked, on_cell=lambda n, of: begun.append((n, of))))
    assert begun == [(1, 2), (2, 2)]


@pytest.mark.parametrize("how", ["import os; os._exit(0)", "import os; os.kill(os.getpid(), 9)"])
def test_a_dead_kernel_keeps_what_came_before(run: Run, how: str) -> None:
    """Exit status 0 is no success; nothing is restarted."""
    done = run("print('before')", how, "print('after')")
    assert done.ended is Ended.KERNEL_DIED
    assert [cell.output_text for cell in done.cells] == ["before\n", ""]
    assert (done.cells[1].ok, done.cells[1].error) == (False, "KernelDied")


def test_an_endless_cell_is_interrupted_and_the_rest_runs(run: Run) -> None:
    """A kernel that obeys the interrupt goes on."""
    done = run("while True: pass", "print('after')", cell=1)
    assert done.ended is Ended.COMPLETED
    assert [cell.error for cell in done.cells] == ["CellTimeout", ""]
    assert done.detail is not None
    assert "1" in render(done.detail, "en")


def test_a_cell_that_ignores_interrupts_ends_the_run(run: Run) -> None:
    """The run returns all the same, with the earlier cells."""
    stubborn = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    done = run("print('before')", stubborn, "print('after')", cell=1)
    assert done.ended is Ended.WALL_CLOCK
    assert by_index(done)[0].output_text == "before\n"
    assert [cell.error for cell in done.cells] == ["", "Stopped"]


def test_the_wall_clock_holds_for_the_whole_run(run: Run) -> None:
    """Many short cells cannot outlast it."""
    done = run(*["import time; time.sleep(1)"] * 8, wall=2.5)
    assert done.ended is Ended.WALL_CLOCK
    assert 2 <= len(done.cells) <= 4
    assert done.detail is not None
    assert "--timeout" in render(done.detail, "es")


def test_a_flood_of_output_ends_the_run(run: Run) -> None:
    """50 MB of prints cost the grader a bounded amount of memory, and the cell before is kept."""
    before = psutil.Process().memory_info().rss
    flood = "for _ in range(500_000): print('x' * 100)"
    done = run("print('before')", flood, "print('after')", limits=Limits(output_bytes=2 * MIB))
    assert done.ended is Ended.OUTPUT
    assert by_index(done)[0].output_text == "before\n"
    assert len(by_index(done)[1].output_text) <= 20_000
    assert psutil.Process().memory_info().rss - before < 150 * MIB


def test_one_huge_output_ends_the_run(run: Run) -> None:
    """A single result of 50 MB is not taken in."""
    done = run("print('before')", "'x' * 50_000_000")
    assert done.ended is Ended.OUTPUT
    assert by_index(done)[0].output_text == "before\n"


def test_memory_is_bounded(run: Run) -> None:
    """Shared anonymous memory counts: no resource limit of the kernel's sees it."""
    hog = """
        import mmap
        held = mmap.mmap(-1, 2 << 30)
        for page in range(0, 2 << 30, 4096):
            held[page] = 1
    """
    done = run("print('before')", textwrap.dedent(hog), limits=Limits(memory_bytes=400 * MIB))
    assert done.ended is Ended.MEMORY
    assert by_index(done)[0].output_text == "before\n"


def test_children_of_the_kernel_end_with_the_run(run: Run) -> None:
    """So does a daemon that left its session and its parent (see `nothing_left`)."""
    daemon = """
        import os, time, signal
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                time.sleep(300)
            time.sleep(300)
        time.sleep(1)
    """
    marker = str(time.monotonic_ns())
    sleeper = f"import subprocess, time; subprocess.Popen(['sleep', '30{marker[-6:]}']); time.sleep(1)"
    assert run(textwrap.dedent(daemon), sleeper).ended is Ended.COMPLETED
    time.sleep(0.5)
    running = [p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])]
    assert not [words for words in running if f"30{marker[-6:]}" in words]


def test_evidence_comes_back_unread(run: Run) -> None:
    """The bytes that the probe sent, in order, and the job it was given."""
    done = run("import os; os.write(int(os.environ['EVIDENCE']), b'\\x00\\xffend')")
    assert done.frames.endswith(b"\x00\xffend")
    told = json.loads(done.frames[:-5])
    assert (told["seed"], told["dataset"], told["threads"]) == (7, "letters", 1)
    assert told["budget"]["fit_rows"] == 12_000


def test_evidence_survives_a_dead_kernel(run: Run) -> None:
    """What was sent before the end is not lost with the kernel."""
    done = run("import os; os.write(int(os.environ['EVIDENCE']), b'last'); os._exit(1)")
    assert done.frames.endswith(b"last")


def test_too_much_evidence_ends_the_run(run: Run) -> None:
    """What came up to the cap is kept."""
    flood = "import os\nwhile True: os.write(int(os.environ['EVIDENCE']), b'x' * 65536)"
    done = run(flood, limits=Limits(evidence_bytes=MIB))
    assert done.ended is Ended.OUTPUT
    assert len(done.frames) == MIB


def test_the_served_data_is_there(run: Run) -> None:
    """Read from the folder that the job file names."""
    read = """
        import json, os, pathlib
        job = json.loads(os.environ['JOB'])
        print(pathlib.Path(job['data'], job['dataset'], 'x_train.npy').read_text())
    """
    done = run(textwrap.dedent(read))
    assert done.cells[0].output_text == "served\n", done.cells[0].error_text


def test_forged_messages_hurt_only_the_forger(run: Run) -> None:
    """A cell that sends malformed messages in the kernel's name ends its own run at worst."""
    forge = """
        kernel = get_ipython().kernel
        for content in ({}, {'execution_state': 3}, {'name': ['x'], 'text': {'a': 1}}, {'data': 7}):
            for kind in ('stream', 'status', 'display_data', 'error', 'comm_open', 'nonsense'):
                kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent())
    """
    done = run("print('before')", textwrap.dedent(forge), "print('after')")
    assert by_index(done)[0].output_text == "before\n"
    assert done.ended in {Ended.COMPLETED, Ended.KERNEL_DIED}


def test_two_runs_at_once(executor: Executor, data: Path) -> None:
    """Runs in two threads do not meet, and a run outlives the thread that another one used."""
    found: dict[int, RawRun] = {}

    def go(number: int) -> None:
        source = f"import time; open('mine{number}', 'x'); time.sleep({number}); print({number})"
        found[number] = executor.run(job(source, "import os; len(os.listdir())", data=data))

    threads = [threading.Thread(target=go, args=(number,)) for number in (0, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {n: r.cells[0].output_text for n, r in found.items()} == {0: "0\n", 2: "2\n"}


@pytest.mark.parametrize("tier", TIERS)
def test_a_kernel_dies_with_the_grader(tier: str, data: Path) -> None:
    """kill -9 of the grader leaves nothing running."""
    executor_of(tier)
    mark = f"{time.monotonic_ns()}"
    script = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from runs import executor_of, job
        executor_of({tier!r}).run(job("import time; time.sleep(300) # {mark}", data=Path({str(data)!r})))
    """
    env = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    grader = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], env=env)
    try:
        deadline = time.monotonic() + 30
        while not (kernels := kernels_of(grader.pid)) and time.monotonic() < deadline:
            time.sleep(0.3)
        # Long enough to be through its start, where it would die of other causes.
        time.sleep(2)
        kernels = psutil.Process(grader.pid).children(recursive=True)
    finally:
        grader.kill()
        grader.wait()
    _, left = psutil.wait_procs(kernels, timeout=10)
    assert kernels
    assert not left


def kernels_of(pid: int) -> list[psutil.Process]:
    """Descendants that are being, or have been, started as a kernel."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        # The canary's processes come and go meanwhile.
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if "--job" in words or any(word.endswith("/sandbox/zygote.py") for word in words):
                found.append(process)
    return found

"""What forking adds to the promise: the same results as a cold kernel, and nothing left or shared."""

from __future__ import annotations

import logging
import os
import textwrap
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from runs import executor_of, job

from grader.execution.canary import prove_box
from grader.execution.isolated import PROBE, BoxedKernelExecutor
from grader.execution.layout import Mount
from grader.execution.port import Executor, Limits, RawRun
from grader.execution.processes import alive
from grader.execution.warm.boxes import Boxes
from grader.execution.warm.executor import WarmKernelExecutor
from grader.execution.warm.frameworks import libraries
from grader.execution.warm.host import Order, Zygote
from grader.execution.warm.precede import must_precede_imports
from grader.execution.warm.shelter import Place
from grader.execution.warm.zygotes import Zygotes
from grader.model.evidence import Ended
from grader.model.submission import CellKind, SourceCell
from tests import unprivileged

_FORKS = int(os.environ.get("GRADER_TEST_FORKS", "30"))


@pytest.fixture
def warm(warmed: None) -> WarmKernelExecutor:
    executor = executor_of("warm")
    assert isinstance(executor, WarmKernelExecutor)
    return executor


@pytest.fixture(scope="module")
def full(data: Path) -> Iterator[WarmKernelExecutor]:
    """With the libraries and the real probe, as it grades."""
    unprivileged.require(PROBE)
    small = executor_of("warm")
    assert isinstance(small, WarmKernelExecutor)
    executor = WarmKernelExecutor(small._proven, Zygotes(small._zygotes.shelter), small._cold)
    executor.run(job("1", data=data))  # no test is charged with the imports
    yield executor
    executor.close()


def texts(run: RawRun) -> list[str]:
    assert not [cell.error_text for cell in run.cells if not cell.ok]
    return [cell.output_text for cell in run.cells]


def cell(source: str, kind: CellKind = CellKind.CODE) -> tuple[SourceCell, ...]:
    return (SourceCell(0, kind, source),)


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.environ['KERAS_BACKEND'] = 'torch'",
        "%env TF_USE_LEGACY_KERAS=1",
        "os.environ.update(TF_DETERMINISTIC_OPS='1')",
        "os.putenv('CUDA_VISIBLE_DEVICES', '0')",
        "import os; os.environ['XLA_FLAGS'] = '--x'",
        "%set_env OMP_NUM_THREADS 4",
    ],
)
def test_settings_that_precede_an_import_are_found(source: str) -> None:
    """However they are written: the name is enough."""
    assert must_precede_imports(cell(source))


@pytest.mark.parametrize(
    "source",
    [
        "import tensorflow as tf\ntf.keras.Model",
        "os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'",
        "MY_TF_MODEL = 1; NOTF_X = 2; TF_ = 3",
    ],
)
def test_other_cells_may_be_warm(source: str) -> None:
    """How much is logged has been set already, and most notebooks set it."""
    assert not must_precede_imports(cell(source))
    assert not must_precede_imports(cell("KERAS_BACKEND", CellKind.MARKDOWN))


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("import torch", {"torch"}),
        ("  from torch import nn", {"torch"}),
        ("import keras\nimport torch.nn as nn", {"keras", "torch"}),
        ("from tensorflow.keras import layers", {"keras"}),
        ("import numpy as np", {"keras"}),
        ("# import torch\nimport pytorch_lightning", {"keras"}),
    ],
)
def test_each_notebook_gets_the_frameworks_it_names(source: str, asked: set[str]) -> None:
    """No notebook waits for the import of a framework that it does not use."""
    if find_spec("torch") is None:
        asked = (asked - {"torch"}) | {"keras"}
    assert {"keras", "torch"} & set(libraries(cell(source))) == asked


@pytest.mark.sandbox
def test_such_a_notebook_runs_cold(warm: WarmKernelExecutor, data: Path) -> None:
    """And the line on isolation does not call it warm."""
    source = "import os; os.environ['KERAS_BACKEND'] = 'numpy'"
    assert "warm" not in warm.run(job(source, data=data)).isolation
    assert "(warm, " in warm.run(job("1", data=data)).isolation


def is_warm(process: psutil.Process) -> bool:
    """A zygote of boxes, or what it forked."""
    return "/opt/kernel/sandbox/zygote.py" in process.cmdline()


def held() -> tuple[int, int, int]:
    """Processes below us, and the open descriptors of ours and of the zygotes."""
    ours = list(alive(psutil.Process().children(recursive=True)))
    zygotes = [process for process in ours if is_warm(process)]
    return len(ours), psutil.Process().num_fds(), sum(p.num_fds() for p in zygotes)


@pytest.mark.sandbox
def test_many_forks_leave_nothing(warm: WarmKernelExecutor, data: Path) -> None:
    """No process, descriptor or mount; GRADER_TEST_FORKS=200 for the long version."""
    asked = job("print(open('/proc/self/mounts').read())", data=data)
    first = texts(warm.run(asked))
    settle()
    before = held()
    for _ in range(_FORKS):
        assert texts(warm.run(asked)) == first
    settle()
    assert held() == before


def settle() -> None:
    """Keepers and evidence threads end a moment after the run."""
    time.sleep(0.5)


@pytest.mark.sandbox
def test_runs_at_once_do_not_meet(warm: WarmKernelExecutor, data: Path) -> None:
    """Neither files, processes, terminals, sockets nor shared memory of another one."""
    leave = """
        import os, pty, socket, subprocess, time
        for folder in ('/tmp', os.environ['HOME'], '/dev/shm', '/run/k'):
            open(folder + '/mine', 'w').close()
        master, slave = pty.openpty()
        heard = socket.socket(socket.AF_UNIX)
        heard.bind('\\0mine')
        subprocess.Popen(['sleep', '77'])
        time.sleep(6)
    """
    look = """
        import os
        print([f for f in ('/tmp', os.environ['HOME'], '/dev/shm', '/run/k') if os.path.exists(f + '/mine')])
        print(os.listdir('/dev/pts'), 'mine' in open('/proc/net/unix').read())
        print([p for p in os.listdir('/proc') if p.isdigit()])
        print(os.getcwd(), os.listdir('.') == os.listdir(os.environ['HOME']))
    """
    other = threading.Thread(target=lambda: warm.run(job(textwrap.dedent(leave), data=data)))
    other.start()
    time.sleep(3)
    found = texts(warm.run(job(textwrap.dedent(look), data=data)))
    other.join()
    assert found == ["[]\n['ptmx'] False\n['1', '2']\n/home/student True\n"]


@pytest.mark.sandbox
def test_a_killed_zygote_takes_its_children_and_is_replaced(warm: WarmKernelExecutor, data: Path) -> None:
    """The run under way ends as one whose kernel died; the next one works."""
    warm._zygotes.begin(data, threads=1)
    kernels: list[psutil.Process] = []
    begun = threading.Event()

    def kill() -> None:
        begun.wait(30)
        kernels.extend(p for p in psutil.Process().children(recursive=True) if is_warm(p))
        # The oldest of them is the zygote, since parents come first.
        next(p for p in kernels if p.name().startswith("python")).kill()

    killer = threading.Thread(target=kill)
    killer.start()
    asked = job("import time; time.sleep(60)", data=data)
    asked = type(asked)(asked.cells, asked.budget, 1, data, "letters", on_cell=lambda *_: begun.set())
    done = warm.run(asked)
    killer.join()
    assert done.ended is Ended.KERNEL_DIED
    _, left = psutil.wait_procs(kernels, timeout=5)
    assert len(kernels) >= 3
    assert not left
    again = warm.run(job("print(1)", data=data))
    assert texts(again) == ["1\n"]
    assert "(warm, " in again.isolation


_LATE = """
import signal, threading, time
late = threading.Thread(target=time.sleep, args=(99,), daemon=True)
def begin(number, frame):
    while frame is not None and frame.f_code.co_name != "serve":
        frame = frame.f_back
    late.start() if frame else signal.alarm(1)
signal.signal(signal.SIGALRM, begin)
signal.alarm(2)
"""
"""A thread that starts when the zygote has counted its own."""


@pytest.mark.sandbox
def test_more_threads_than_after_the_imports_refuse_the_fork(
    tmp_path: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A forked child would lack them and hang: the job runs cold."""
    small = executor_of("warm")
    assert isinstance(small, WarmKernelExecutor)
    tmp_path.chmod(0o755)
    (tmp_path / "boot.py").write_text((small._zygotes.probe / "boot.py").read_text())
    (tmp_path / "preload.py").write_text(_LATE)
    zygotes = Zygotes(small._zygotes.shelter, probe=tmp_path, modules=())
    executor = WarmKernelExecutor(small._proven, zygotes, small._cold)
    try:
        with zygotes.lease(data, 1):
            time.sleep(3)
        with caplog.at_level(logging.WARNING):
            done = executor.run(job("print(1)", data=data))
        # Another one takes its place, as long as that one has not refused too.
        assert "warm" in executor.run(job("print(1)", data=data)).isolation
        time.sleep(3)
        assert "warm" not in executor.run(job("print(1)", data=data)).isolation
        assert "warm" not in executor.run(job("print(1)", data=data)).isolation
    finally:
        executor.close()
    assert texts(done) == ["1\n"]
    assert "threads" in caplog.text
    assert "warm" not in done.isolation


_DRAWS = (
    "import random, numpy as np\nprint(random.random(), np.random.rand(), hash('x'))",
    "import tensorflow as tf, keras\nprint(random.random(), np.random.rand(), tf.random.uniform([1]))",
    "print(keras.layers.Dense(2).build((None, 2)), keras.random.uniform((1,)).numpy())\n"
    "layer = keras.layers.Dense(2); layer.build((None, 2)); print(layer.kernel.numpy())",
)


@pytest.mark.sandbox
def test_the_seed_decides_warm_and_cold(full: WarmKernelExecutor, data: Path) -> None:
    """The same draws in both; other ones for another seed."""
    asked = job(*_DRAWS, data=data)
    executors: tuple[Executor, ...] = (full, BoxedKernelExecutor(*prove_box()))
    warm, cold = (texts(executor.run(asked)) for executor in executors)
    assert warm == cold
    other = type(asked)(asked.cells, asked.budget, 8, data, "letters")
    assert texts(full.run(other))[0].split()[:2] != warm[0].split()[:2]


@pytest.mark.sandbox
def test_libraries_work_in_a_forked_kernel(full: WarmKernelExecutor, data: Path) -> None:
    """A fit, a figure shown, a report of scikit-learn's, a shell command; each told to the probe."""
    done = full.run(
        job(
            "import numpy as np, keras\nfrom keras import layers\nimport matplotlib.pyplot as plt",
            "m = keras.Sequential([layers.Input((4,)), layers.Dense(1)]); m.compile('sgd', 'mse')\n"
            "h = m.fit(np.ones((8, 4)), np.ones(8), epochs=2, verbose=0); print(len(h.history['loss']))",
            "%matplotlib inline\nplt.plot([1, 2]); plt.title('mine'); plt.show()",
            "from sklearn.metrics import accuracy_score\nprint(accuracy_score([1, 0], [1, 0]))",
            "!echo shell",
            data=data,
        )
    )
    assert texts(done) == ["", "2\n", "<Figure size 640x480 with 1 Axes>\n", "1.0\n", "shell\n"]
    for kind in (b'"type":"fit', b'"type":"figure"', b'"estimator":"accuracy_score"'):
        assert kind in done.frames


@pytest.mark.sandbox
@pytest.mark.parametrize("frameworks", ["import torch", "import torch, keras"])
@pytest.mark.parametrize("tier", ["warm", "confined"])
def test_torch_works_in_a_forked_kernel(tier: str, frameworks: str, data: Path, warmed: None) -> None:
    """Imported before the fork, it trains after it; beside TensorFlow too."""
    pytest.importorskip("torch")
    unprivileged.require(PROBE)
    small = executor_of(tier)
    assert isinstance(small, WarmKernelExecutor)
    zygotes = Zygotes(small._zygotes.shelter, probe=small._zygotes.probe)
    executor = WarmKernelExecutor(small._proven, zygotes)
    sources = (
        f"{frameworks}\nfrom torch import nn\nfrom torch.utils.data import DataLoader, TensorDataset",
        "torch.manual_seed(0)\nx = torch.randn(256, 20); y = x.sum(1, keepdim=True)\n"
        "net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))\n"
        "step = torch.optim.Adam(net.parameters(), 0.01)",
        "for _ in range(20):\n"
        "    for a, b in DataLoader(TensorDataset(x, y), batch_size=64):\n"
        "        step.zero_grad(); loss = ((net(a) - b) ** 2).mean(); loss.backward(); step.step()\n"
        "print(loss.item() < 5)",
    )
    try:
        done = executor.run(job(*sources, data=data))
    finally:
        zygotes._pool.close_zygotes()
    assert texts(done) == ["", "", "True\n"]
    assert "(warm, " in done.isolation


@pytest.mark.sandbox
def test_libraries_that_cannot_be_imported_are_tried_once(
    data: Path, warmed: None, caplog: pytest.LogCaptureFixture
) -> None:
    """The jobs run cold, and say nothing of a fork."""
    small = executor_of("warm")
    assert isinstance(small, WarmKernelExecutor)
    zygotes = Zygotes(small._zygotes.shelter, probe=small._zygotes.probe, modules=("no_such",))
    executor = WarmKernelExecutor(small._proven, zygotes, small._cold)
    with caplog.at_level(logging.WARNING):
        runs = [executor.run(job("print(1)", data=data)) for _ in range(2)]
    assert [texts(run) for run in runs] == [["1\n"]] * 2
    assert "No module named" in caplog.text
    assert "warm" not in runs[0].isolation


@pytest.mark.sandbox
def test_a_program_gets_its_own_descriptors_only(tmp_path: Path, warmed: None) -> None:
    """Not the zygote's control socket, by which it could take part in other runs."""
    route, _ = prove_box()
    script = tmp_path / "look.py"
    script.write_text(
        "import os\n"
        # Without the one that lists them.
        "fds = ['/proc/self/fd/' + name for name in sorted(os.listdir('/proc/self/fd'))]\n"
        "print([(path[-1:], os.readlink(path).split(':')[0]) for path in fds if os.access(path, 0)])\n"
        "status = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
        "print({int(status[name], 16) for name in status if name.startswith('Cap')})\n"
        "print(status['NoNewPrivs'].strip(), os.getresuid(), os.getsid(0) == os.getpid())\n"
        "try:\n    open('/proc/1/mem', 'rb')\nexcept OSError:\n    print('held')\n"
    )
    zygote = Zygote(Place((Mount(str(script), "/opt/kernel/look.py"),)), Boxes(route))
    try:
        zygote.wait()
        process = zygote.fork(Order(("/opt/kernel/look.py",), Limits(), zygote.room(), piped=True))
        assert process.stdin
        assert process.stdout
        assert process.stderr
        with process.stdin, process.stdout, process.stderr:
            said = process.stdout.read().decode().splitlines()
            assert not process.stderr.read()
        process.wait(10)
    finally:
        zygote.close()
    assert said == [
        "[('0', 'pipe'), ('1', 'pipe'), ('2', 'pipe')]",
        "{0}",
        "1 (1000, 1000, 1000) True",
        "held",
    ]

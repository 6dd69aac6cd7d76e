"""Runs cells in a real kernel with the probe in it, as an unprivileged user, and reads its frames."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

import grader.probe
from grader.evidence import wire
from grader.evidence.gate import Frame, read_frames
from tests import unprivileged

PROBE = Path(grader.probe.__file__).parent
UNPRIVILEGED = 61234
NO_CAPS: dict[str, Any] = {"level": "full"}
QUICK: dict[str, Any] = {
    "level": "quick",
    "fit_rows": 240,
    "fit_macs": 1.2e10,
    "validation_rows": 32,
    "evaluate_rows": 50,
    "predict_macs": 2e11,
    "total_macs": 4e12,
}
SHAPES = {"mnist": (28, 28), "fashion_mnist": (28, 28), "cifar10": (32, 32, 3)}

E = TypeVar("E")


@dataclass(frozen=True)
class CellResult:
    ok: bool
    text: str
    error: str


@dataclass(frozen=True)
class Run:
    """What came out: frames that passed the gate, the cells' outputs, the probe's own faults."""

    frames: tuple[Frame, ...]
    cells: tuple[CellResult, ...]
    trouble: str

    def all(self, kind: type[E]) -> list[E]:
        return [f.event for f in self.frames if isinstance(f.event, kind)]

    def arrays(self, kind: type[E]) -> list[dict[str, Any]]:
        return [f.arrays for f in self.frames if isinstance(f.event, kind)]

    def model(self, name: str) -> wire.Model:
        """The last description of the model that a variable held."""
        serial = next(
            int(key)
            for names in reversed(self.all(wire.Names))
            for key, held in names.names.items()
            if name in held
        )
        return [m for m in self.all(wire.Model) if m.serial == serial][-1]


def served(folder: Path, train: int = 600, test: int = 200) -> Path:
    """Small random data sets of the official shapes and types."""
    generator = np.random.default_rng(0)
    for name, shape in SHAPES.items():
        (folder / name).mkdir(parents=True)
        for part, rows in (("train", train), ("test", test)):
            images = generator.integers(0, 256, (rows, *shape), dtype=np.uint8)
            labels = (np.arange(rows) % 10).astype(np.uint8)
            np.save(folder / name / f"x_{part}.npy", images)
            np.save(folder / name / f"y_{part}.npy", labels)
    return folder


def run_cells(
    cells: Sequence[str],
    budget: dict[str, Any] = QUICK,
    *,
    data: Path | None = None,
    seed: int = 1,
    by_file: bool = False,
    **job: Any,
) -> Run:
    """Run each cell in order in one fresh kernel; failing cells do not stop the rest."""
    with _folder() as folder:
        if data is None:
            data = served(folder / "data")
        trouble = folder / "trouble"
        (folder / "job.json").write_text(
            json.dumps(
                {"seed": seed, "dataset": "fashion_mnist", "data": str(data), "threads": 1, "budget": budget,
                 "trouble": str(trouble), **job}
            )
        )  # fmt: skip
        evidence = folder / "evidence"
        with _kernel(folder, evidence, by_file=by_file) as client:
            results = tuple(_run(client, cell) for cell in cells)
        frames = read_frames(evidence.read_bytes())
        assert not frames.refused, frames.refused
        return Run(frames.frames, results, trouble.read_text() if trouble.exists() else "")


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="probe-"))
    try:
        folder.chmod(0o755)
        (folder / "home").mkdir()
        if os.getuid() == 0:
            os.chown(folder, UNPRIVILEGED, UNPRIVILEGED)
            os.chown(folder / "home", UNPRIVILEGED, UNPRIVILEGED)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _kernel(folder: Path, evidence: Path, *, by_file: bool) -> Iterator[BlockingKernelClient]:
    connection, _ = write_connection_file(
        str(folder / "connection.json"), transport="ipc", ip=str(folder / "k"), key=b"test"
    )
    os.chmod(connection, 0o644)
    descriptor = os.open(evidence, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    if os.getuid() == 0:
        os.chown(evidence, UNPRIVILEGED, UNPRIVILEGED)
    how = ["--evidence-file", str(evidence)] if by_file else ["--evidence-fd", str(descriptor)]
    # The checkout may lie where an unprivileged user cannot go: the probe is all it needs of it.
    shutil.copytree(PROBE, folder / "probe")
    unprivileged.require()
    command = [sys.executable, "-I", str(folder / "probe" / "boot.py"), *how]
    process = subprocess.Popen(
        [*command, "--job", str(folder / "job.json"), "-f", connection],
        pass_fds=[descriptor],
        cwd=folder / "home",
        env={"HOME": str(folder / "home"), "PATH": os.environ["PATH"], "TF_CPP_MIN_LOG_LEVEL": "3",
             "CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=None if os.environ.get("PROBE_STDERR") else subprocess.DEVNULL,
        **({"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []} if os.getuid() == 0 else {}),
    )  # fmt: skip
    os.close(descriptor)
    client = BlockingKernelClient(connection_file=connection)
    client.load_connection_file()
    try:
        # A client that starts before the kernel listens takes it for dead.
        deadline = time.monotonic() + 60
        while len(list(folder.glob("k-*"))) < 5 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        client.start_channels()
        client.wait_for_ready(timeout=60)
        yield client
        client.shutdown()
        process.wait(timeout=20)
    finally:
        client.stop_channels()
        process.kill()
        process.wait()


def _run(client: BlockingKernelClient, cell: str) -> CellResult:
    texts: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        content = message["content"]
        if content.get("name") != "stderr":  # TensorFlow's chatter
            texts.append(content.get("text", "") or content.get("data", {}).get("text/plain", ""))

    reply = client.execute_interactive(cell, output_hook=hear, timeout=120, stop_on_error=False)
    content = reply["content"]
    error = "" if content["status"] == "ok" else f"{content.get('ename')}: {content.get('evalue')}"
    return CellResult(content["status"] == "ok", "".join(texts), error)

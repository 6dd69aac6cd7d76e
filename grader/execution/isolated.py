"""The isolated executor: a cold kernel in a bubblewrap box."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from grader.execution.address import Address, RunningKernel, ipc_ports, listening
from grader.execution.bubblewrap import HOME, SOCKETS, Account, Boxed, Route, launch_boxed
from grader.execution.canary import Proven
from grader.execution.environment import environment
from grader.execution.evidence_pipe import EvidencePipe
from grader.execution.layout import Mount, same_place
from grader.execution.port import CellRun, Clean, Job, Limits, RawRun
from grader.execution.processes import ErrorTail, Piped, guard_memory, tree
from grader.execution.watchdog import Stop, Watchdog
from grader.model.evidence import Ended
from grader.model.text import Message

PROBE = Path(__file__).resolve().parent.parent / "probe"

DATA_FOLDER = "/data"
PROBE_FOLDER = "/opt/kernel/probe"
JOB_FILE = "/opt/kernel/job.json"
CONNECTION_FILE = "/opt/kernel/connection.json"


class BoxedKernelExecutor:
    """Runs each job in a kernel and a box of its own. Safe to use from several threads at once."""

    tier = "isolated"

    def __init__(
        self, route: Route, proven: Proven, *, probe: Path = PROBE, account: Account | None = None
    ) -> None:
        self._route = route
        self._proven = proven
        self._probe = probe
        self._account = account or Account()

    def run(self, job: Job) -> RawRun:
        return run_kernel(job, lambda pipe: self._start(job, pipe), self.isolation(job.limits))

    def clean(self, work: Clean) -> Piped:
        argv = (sys.executable, "-I", str(work.script), str(work.data), *work.arguments)
        env = environment(work.limits.threads, HOME)
        boxed = Boxed(argv, work.limits, env, same_place((work.script, work.data)))
        process = launch_boxed(boxed, self._route, self._account, stdio=subprocess.PIPE)
        guard_memory(process, work.limits.memory_bytes)
        return process

    def close(self) -> None:
        """Nothing is held between runs."""

    def isolation(self, limits: Limits) -> str:
        """The tier, what it enforces, and how many canary attacks it held."""
        return self._proven.line(f"memory={limits.memory_bytes / 2**30:.3g} GiB by watchdog")

    def _start(self, job: Job, pipe: EvidencePipe) -> RunningKernel:
        prefix = f"{SOCKETS}/{secrets.token_hex(4)}"
        address = Address("ipc", prefix, ipc_ports(), secrets.token_hex(16))
        boxed = Boxed(
            argv=kernel_command(f"{PROBE_FOLDER}/boot.py", pipe.arguments, JOB_FILE, CONNECTION_FILE),
            limits=job.limits,
            env=kernel_environment(job.limits.threads, HOME),
            readable=(
                Mount(os.path.realpath(job.data), DATA_FOLDER),
                Mount(os.path.realpath(self._probe), PROBE_FOLDER),
            ),
            files={JOB_FILE: job_file(job, DATA_FOLDER), CONNECTION_FILE: json.dumps(address.connection())},
            pass_fds=pipe.pass_fds,
        )
        process = launch_boxed(
            boxed, self._route, self._account, stdio=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        said = ErrorTail(process)
        return RunningKernel(process, lambda: _seen_from_outside(process.pid, address), said)


def run_kernel(job: Job, start: Callable[[EvidencePipe], RunningKernel], isolation: str) -> RawRun:
    """Run a job in the kernel that `start` gives, and leave no process of it."""
    from grader.execution.driver import Drive  # brings nbclient: the first zygote imports meanwhile

    began = time.monotonic()
    over: list[Watchdog] = []
    pipe = EvidencePipe(job.limits.evidence_bytes, lambda: over[0].end(too_much_evidence(job)))
    try:
        running = start(pipe)
        watchdog = Watchdog(running.process, job.limits, running.scratch)
        over.append(watchdog)
        pipe.started()
        try:
            cells, stop = Drive(job, running, watchdog).run()
        finally:
            watchdog.finish()
    finally:
        frames = pipe.collected()
    run = raw_run(stop, frames, cells, isolation, time.monotonic() - began)
    return replace(run, key=pipe.key, peak_bytes=watchdog.peak)


def _seen_from_outside(pid: int, address: Address) -> Address | None:
    """The kernel's address once it listens, by way of /proc/<pid>/root of a process inside the box.

    So no folder of this machine is writable from the box, not even for the sockets.
    """
    for process in tree(pid):
        outside = replace(address, ip=f"/proc/{process.pid}/root{address.ip}")
        if listening(outside):
            return outside
    return None


def kernel_command(boot: str, evidence: tuple[str, ...], job: str, connection: str) -> tuple[str, ...]:
    """Like `python -I`, but PYTHONHASHSEED is heeded: the environment is ours, built from nothing."""
    python = (sys.executable, "-P", "-s", "-B", "-X", "utf8")
    return (*python, boot, *evidence, "--job", job, "-f", connection)


def kernel_environment(threads: int, home: str) -> dict[str, str]:
    return environment(threads, home) | {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": os.path.join(home, ".matplotlib"),
        "KERAS_HOME": os.path.join(home, ".keras"),
        "IPYTHONDIR": os.path.join(home, ".ipython"),
    }


def job_file(job: Job, data: str) -> str:
    """What boot.py reads; see its docstring."""
    facts = {"seed": job.seed, "dataset": job.dataset, "data": data, "threads": job.limits.threads}
    return json.dumps({**facts, "budget": asdict(job.budget), "evidence_bytes": job.limits.evidence_bytes})


def too_much_evidence(job: Job) -> Stop:
    mib = round(job.limits.evidence_bytes / 2**20, 1)
    return Stop(Ended.OUTPUT, Message("execution.evidence", {"mib": mib}))


def raw_run(
    stop: Stop | None, frames: bytes, cells: tuple[CellRun, ...], isolation: str, seconds: float
) -> RawRun:
    ended = stop.ended if stop else Ended.COMPLETED
    return RawRun(ended, frames, cells, isolation, seconds, stop.detail if stop else None)

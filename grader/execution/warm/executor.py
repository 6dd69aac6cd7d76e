"""The warm executor: kernels forked from a zygote that has imported the libraries."""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from grader.execution.bubblewrap import SOCKETS, Account
from grader.execution.canary import Proven
from grader.execution.evidence_pipe import EvidencePipe
from grader.execution.isolated import (
    CONNECTION_FILE,
    DATA_FOLDER,
    JOB_FILE,
    PROBE,
    PROBE_FOLDER,
    BoxedKernelExecutor,
    job_file,
    run_kernel,
)
from grader.execution.kernel import Address, RunningKernel, ipc_ports, listening
from grader.execution.layout import Mount
from grader.execution.port import Job, Limits, RawRun
from grader.execution.processes import ErrorTail
from grader.execution.warm.host import FIRST_EXTRA, Order, Place, Refused, Zygote
from grader.execution.warm.pool import Pool
from grader.execution.warm.precede import must_precede_imports
from grader.model.errors import ExecutionError

_LOG = logging.getLogger(__name__)

KERNEL = (
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger", "sqlite3"),
    *("IPython.core.completerlib", "IPython.core.magics", "IPython.extensions.storemagic"),
    "tornado.platform.asyncio",
)
"""What a kernel imports as it starts."""
LIBRARIES = (
    *("numpy", "tensorflow", "keras", "sklearn.metrics", "matplotlib.pyplot"),
    "matplotlib_inline.backend_inline",
)
"""What practicals import. No operation of any of these may run in a zygote."""
_PRELOAD = "preload.py"


class WarmKernelExecutor:
    """Forks each job's kernel; what cannot be forked runs in `cold`. Safe to use from several threads.

    There is one zygote for each data folder and number of threads, started by the first job that needs it
    (see `Pool`).
    """

    tier = "isolated"

    def __init__(
        self,
        proven: Proven,
        cold: BoxedKernelExecutor,
        *,
        probe: Path = PROBE,
        modules: Sequence[str] = (*KERNEL, *LIBRARIES),
        account: Account | None = None,
    ) -> None:
        self._proven = proven
        self._cold = cold
        self._probe = probe
        self._modules = tuple(modules)
        self._pool = Pool(proven.route, account or Account())

    def isolation(self, limits: Limits) -> str:
        """The tier, what it enforces, and how many canary attacks it held."""
        return self._proven.line(f"memory={limits.memory_bytes / 2**30:.3g} GiB by watchdog")

    def run(self, job: Job) -> RawRun:
        if must_precede_imports(job.cells):
            return self._cold.run(job)
        line = self.isolation(job.limits)
        try:
            with self._pool.lease(self._place(job.data, job.limits.threads)) as zygote:
                return run_kernel(job, lambda pipe: self._start(zygote, job, pipe), line)
        except (Refused, ExecutionError) as error:
            # None of the job's code has run yet.
            _LOG.warning("not forked, started anew instead: %s", error)
            return self._cold.run(job)

    def ready(self, data: Path, threads: int) -> None:
        """Start ahead of the first job the zygote that it will need."""
        with self._pool.lease(self._place(data, threads)):
            pass

    def close(self) -> None:
        """End the zygotes and whatever they forked."""
        self._pool.close()

    def _start(self, zygote: Zygote, job: Job, pipe: EvidencePipe) -> RunningKernel:
        address = Address("ipc", f"{SOCKETS}/{secrets.token_hex(4)}", ipc_ports(), secrets.token_hex(16))
        evidence, key = str(FIRST_EXTRA), str(FIRST_EXTRA + 1)
        boot = (f"{PROBE_FOLDER}/boot.py", "--evidence-fd", evidence, "--key-fd", key)
        order = Order(
            (*boot, "--job", JOB_FILE, "-f", CONNECTION_FILE),
            job.limits,
            {JOB_FILE: job_file(job, DATA_FOLDER), CONNECTION_FILE: json.dumps(address.connection())},
            pipe.pass_fds,
        )
        process = zygote.fork(order)
        # By way of the first process of the box, whose file tree is the kernel's.
        outside = replace(address, ip=f"/proc/{process.pid}/root{address.ip}")
        return RunningKernel(process, lambda: outside if listening(outside) else None, ErrorTail(process))

    def _place(self, data: Path, threads: int) -> Place:
        readable = (
            Mount(os.path.realpath(data), DATA_FOLDER),
            Mount(os.path.realpath(self._probe), PROBE_FOLDER),
        )
        own = (f"{PROBE_FOLDER}/{_PRELOAD}",) if (self._probe / _PRELOAD).is_file() else ()
        return Place(readable, threads, (JOB_FILE, CONNECTION_FILE), (*self._modules, *own))

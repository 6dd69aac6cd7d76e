"""The warm executor: kernels forked from a zygote that has imported the libraries."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from grader.execution.address import Address, RunningKernel, ipc_ports, listening
from grader.execution.canary import Proven
from grader.execution.evidence_pipe import EvidencePipe
from grader.execution.isolated import (
    DATA_FOLDER,
    PROBE,
    PROBE_FOLDER,
    BoxedKernelExecutor,
    job_file,
    run_kernel,
)
from grader.execution.layout import Mount
from grader.execution.port import Clean, Job, Limits, RawRun
from grader.execution.processes import ErrorTail, Piped, guard_memory
from grader.execution.warm.frameworks import libraries
from grader.execution.warm.host import FIRST_EXTRA, Order, Refused, Zygote
from grader.execution.warm.pool import Pool
from grader.execution.warm.precede import must_precede_imports
from grader.execution.warm.shelter import FILES, Place, Shelter
from grader.model.errors import ExecutionError
from grader.model.submission import SourceCell

_LOG = logging.getLogger(__name__)

_PRELOAD = "preload.py"


class WarmKernelExecutor:
    """Forks each job's kernel. Safe to use from several threads.

    There is one zygote for each data folder, number of threads and set of frameworks, started by `prepare` or
    by the first job that needs it (see `Pool`). What must precede an import, or cannot be forked, runs in
    `cold`; without one, in a child of a zygote that imported nothing.
    """

    def __init__(
        self,
        proven: Proven,
        shelter: Shelter,
        cold: BoxedKernelExecutor | None = None,
        *,
        probe: Path = PROBE,
        modules: Sequence[str] | None = None,
        scripts: Sequence[Path] = (),
    ) -> None:
        """`modules` are imported before the fork; None: those that the notebook asks for. `scripts` are
        those that clean processes run."""
        self.tier = shelter.tier
        self._proven = proven
        self._shelter = shelter
        self._cold = cold
        self._probe = probe
        self._modules = None if modules is None else tuple(modules)
        self._scripts = tuple(scripts)
        self._pool = Pool(shelter)

    def isolation(self, limits: Limits) -> str:
        """The tier, what it enforces, and how many canary attacks it held."""
        return self._proven.line(f"memory={limits.memory_bytes / 2**30:.3g} GiB by watchdog")

    def run(self, job: Job) -> RawRun:
        if must_precede_imports(job.cells):
            return self._anew(job)
        try:
            return self._forked(job, self._imports(job.cells))
        except (Refused, ExecutionError) as error:
            if self._pool.closed:
                raise ExecutionError("pipeline.interrupted") from error
            # None of the job's code has run yet.
            _LOG.warning("not forked, started anew instead: %s", error)
            return self._anew(job)

    def prepare(self, data: Path, threads: int) -> None:
        self._pool.begin(self._place(data, threads, self._imports(())))

    def clean(self, work: Clean) -> Piped:
        try:
            if work.script in self._scripts:
                return self._clean_fork(work)
            reason = f"{work.script.name} is not shown"
        except Refused as refused:
            reason = str(refused)
        if self._cold is None:
            raise ExecutionError("execution.box_refused", reason=reason)
        return self._cold.clean(work)

    def _clean_fork(self, work: Clean) -> Piped:
        """The zygote is held until the process has ended. Raises Refused."""
        place = self._place(work.data, work.limits.threads, self._imports(()))
        with ExitStack() as held:
            zygote = held.enter_context(self._pool.lease(place))
            words = (self._script(work.script).target, self._shelter.shown(work.data, DATA_FOLDER).target)
            order = Order((*words, *work.arguments), work.limits, zygote.room(), piped=True)
            process = zygote.fork(order)
            lease = held.pop_all()
        lease.callback(process.release)
        process.release = lease.close
        ErrorTail(process)
        guard_memory(process, work.limits.memory_bytes)
        return process

    def close(self) -> None:
        """End the zygotes and whatever they forked."""
        self._pool.close()

    def _anew(self, job: Job) -> RawRun:
        if self._cold is not None:
            return self._cold.run(job)
        try:
            return self._forked(job, ())
        except Refused as error:
            raise ExecutionError("execution.no_kernel", reason=str(error)) from error

    def _forked(self, job: Job, modules: tuple[str, ...]) -> RawRun:
        with self._pool.lease(self._place(job.data, job.limits.threads, modules)) as zygote:
            return run_kernel(job, lambda pipe: self._start(zygote, job, pipe), self.isolation(job.limits))

    def _start(self, zygote: Zygote, job: Job, pipe: EvidencePipe) -> RunningKernel:
        room = zygote.room()
        prefix = f"{room.sockets}/{secrets.token_hex(4)}"
        address = Address("ipc", prefix, ipc_ports(), secrets.token_hex(16))
        job_name, connection = (room.file(name) for name in FILES)
        boot = f"{self._shown_probe().target}/boot.py"
        data = self._shelter.shown(job.data, DATA_FOLDER).target
        evidence, key = str(FIRST_EXTRA), str(FIRST_EXTRA + 1)
        order = Order(
            (boot, "--evidence-fd", evidence, "--key-fd", key, "--job", job_name, "-f", connection),
            job.limits,
            room,
            dict(zip(FILES, (job_file(job, data), json.dumps(address.connection())), strict=True)),
            pipe.pass_fds,
        )
        process = zygote.fork(order)
        outside = replace(address, ip=room.outside(process.pid, prefix))
        said = ErrorTail(process)
        return RunningKernel(process, lambda: outside if listening(outside) else None, said, room.scratch)

    def _imports(self, cells: Sequence[SourceCell]) -> tuple[str, ...]:
        preload = f"{self._shown_probe().target}/{_PRELOAD}"
        own = (preload,) if (self._probe / _PRELOAD).is_file() else ()
        return (*(libraries(cells) if self._modules is None else self._modules), *own)

    def _shown_probe(self) -> Mount:
        return self._shelter.shown(self._probe, PROBE_FOLDER)

    def _place(self, data: Path, threads: int, modules: tuple[str, ...]) -> Place:
        shown = (
            self._shelter.shown(data, DATA_FOLDER),
            self._shown_probe(),
            *map(self._script, self._scripts),
        )
        return Place(shown, threads, modules)

    def _script(self, path: Path) -> Mount:
        return self._shelter.shown(path, f"/opt/kernel/{path.name}")

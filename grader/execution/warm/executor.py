"""The warm executor: kernels forked from a zygote that has imported the libraries."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from grader.execution.address import Address, RunningKernel, ipc_ports, listening
from grader.execution.canary import Proven
from grader.execution.evidence_pipe import EvidencePipe
from grader.execution.isolated import BoxedKernelExecutor, job_file, run_kernel
from grader.execution.port import Clean, Job, Limits, RawRun
from grader.execution.processes import ErrorTail, Piped, guard_memory
from grader.execution.warm.host import FIRST_EXTRA, Order, Refused, Zygote
from grader.execution.warm.precede import must_precede_imports
from grader.execution.warm.shelter import FILES
from grader.execution.warm.zygotes import Zygotes
from grader.model.errors import ExecutionError
from grader.model.submission import SourceCell

_LOG = logging.getLogger(__name__)


class WarmKernelExecutor:
    """Forks each job's kernel. Safe to use from several threads.

    What must precede an import, or cannot be forked, runs in `cold`; without one, in a child of a zygote
    that imported nothing.
    """

    def __init__(self, proven: Proven, zygotes: Zygotes, cold: BoxedKernelExecutor | None = None) -> None:
        """`zygotes` are closed with it."""
        self.tier = zygotes.shelter.tier
        self._proven = proven
        self._zygotes = zygotes
        self._cold = cold

    def isolation(self, limits: Limits) -> str:
        """The tier, what it enforces, and how many canary attacks it held."""
        return self._proven.line(f"memory={limits.memory_bytes / 2**30:.3g} GiB by watchdog")

    def run(self, job: Job) -> RawRun:
        if must_precede_imports(job.cells):
            return self._anew(job)
        try:
            return self._forked(job, job.cells)
        except (Refused, ExecutionError) as error:
            if self._zygotes.closed:
                raise ExecutionError("pipeline.interrupted") from error
            # None of the job's code has run yet.
            _LOG.warning("not forked, started anew instead: %s", error)
            return self._anew(job)

    def clean(self, work: Clean) -> Piped:
        try:
            if work.script in self._zygotes.scripts:
                return self._clean_fork(work)
            reason = f"{work.script.name} is not shown"
        except Refused as refused:
            reason = str(refused)
        if self._cold is None:
            raise ExecutionError("execution.box_refused", reason=reason)
        return self._cold.clean(work)

    def _clean_fork(self, work: Clean) -> Piped:
        """The zygote is held until the process has ended. Raises Refused."""
        with ExitStack() as held:
            zygote = held.enter_context(self._zygotes.lease(work.data, work.limits.threads))
            words = (self._zygotes.script(work.script).target, self._zygotes.data(work.data).target)
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
        self._zygotes.close()

    def _anew(self, job: Job) -> RawRun:
        if self._cold is not None:
            return self._cold.run(job)
        try:
            return self._forked(job, None)
        except Refused as error:
            raise ExecutionError("execution.no_kernel", reason=str(error)) from error

    def _forked(self, job: Job, cells: Sequence[SourceCell] | None) -> RawRun:
        with self._zygotes.lease(job.data, job.limits.threads, cells) as zygote:
            return run_kernel(job, lambda pipe: self._start(zygote, job, pipe), self.isolation(job.limits))

    def _start(self, zygote: Zygote, job: Job, pipe: EvidencePipe) -> RunningKernel:
        room = zygote.room()
        prefix = f"{room.sockets}/{secrets.token_hex(4)}"
        address = Address("ipc", prefix, ipc_ports(), secrets.token_hex(16))
        job_name, connection = (room.file(name) for name in FILES)
        data = self._zygotes.data(job.data).target
        evidence, key = str(FIRST_EXTRA), str(FIRST_EXTRA + 1)
        order = Order(
            (
                self._zygotes.boot(),
                "--evidence-fd",
                evidence,
                "--key-fd",
                key,
                "--job",
                job_name,
                "-f",
                connection,
            ),
            job.limits,
            room,
            dict(zip(FILES, (job_file(job, data), json.dumps(address.connection())), strict=True)),
            pipe.pass_fds,
        )
        process = zygote.fork(order)
        outside = replace(address, ip=room.outside(process.pid, prefix))
        said = ErrorTail(process)
        return RunningKernel(process, lambda: outside if listening(outside) else None, said, room.scratch)

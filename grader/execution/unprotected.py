"""The unprotected executor: the same driver without a box, for a student's own code.

It runs on Linux, macOS, Windows and Colab, so nothing Unix-only is imported here. It promises time,
memory and output limits and a process of its own, nothing more.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from grader.execution.address import Address, RunningKernel, free_tcp_ports, ipc_ports, listening
from grader.execution.bubblewrap import Account
from grader.execution.environment import environment, inherited
from grader.execution.evidence_pipe import EvidenceChannel, EvidenceFile, EvidencePipe
from grader.execution.isolated import (
    PROBE,
    job_file,
    kernel_command,
    kernel_environment,
    raw_run,
    too_much_evidence,
)
from grader.execution.launcher import Launch, launch
from grader.execution.layout import open_to_all
from grader.execution.port import Clean, Job, Limits, RawRun
from grader.execution.processes import ErrorTail, Piped, guard_memory
from grader.execution.watchdog import Watchdog

_SOCKET_PATH_LIMIT = 100
"""Bytes a Unix socket's path may have: 104 on macOS, 108 on Linux."""


class UnprotectedExecutor:
    """Runs each job in a plain process. Root drops to `account` first: never as real uid 0."""

    def __init__(
        self, *, probe: Path = PROBE, account: Account | None = None, tier: str = "unprotected"
    ) -> None:
        self.tier = tier
        self._probe = probe
        self._account = (account or Account()) if _is_root() else None

    def isolation(self, limits: Limits) -> str:
        """A warning: nothing is isolated, unless somebody vouches for a container around us."""
        if self.tier == "container":
            return (
                "isolation: container (what is around this process, as you say, is thrown away after this "
                "run) own process, time, memory and output limits"
            )
        return (
            f"isolation: UNPROTECTED ({platform.system()}): this code ran with your rights. "
            "Fine for your own work; do not grade others this way."
        )

    def run(self, job: Job) -> RawRun:
        from grader.execution.driver import Drive  # brings nbclient, which most commands do without

        began = time.monotonic()
        # ignore_cleanup_errors: Windows keeps files of a dying process for a moment.
        with tempfile.TemporaryDirectory(prefix="run-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            over: list[Watchdog] = []
            evidence = self._evidence(job, folder, over)
            try:
                running = self._start(job, folder, evidence)
                watchdog = Watchdog(running.process, job.limits, folder / "home")
                over.append(watchdog)
                evidence.started()
                try:
                    cells, stop = Drive(job, running, watchdog).run()
                finally:
                    watchdog.finish()
            finally:
                frames = evidence.collected()
        seconds = time.monotonic() - began
        run = raw_run(stop, frames, cells, self.isolation(job.limits), seconds)
        return replace(run, key=evidence.key, peak_bytes=watchdog.peak)

    def clean(self, work: Clean) -> Piped:
        argv = (sys.executable, "-I", str(work.script), str(work.data), *work.arguments)
        env = inherited() | environment(work.limits.threads, os.path.expanduser("~"))
        start = Launch(argv, env, subprocess.PIPE)
        if self._account is not None and open_to_all(work.script) and open_to_all(work.data):
            start = replace(start, user=self._account.uid, group=self._account.gid)
        process = launch(start)
        guard_memory(process, work.limits.memory_bytes)
        return process

    def close(self) -> None:
        """Nothing is held between runs."""

    def _evidence(self, job: Job, folder: Path, over: list[Watchdog]) -> EvidenceChannel:
        if os.name == "nt":
            return EvidenceFile(folder / "evidence", job.limits.evidence_bytes)
        return EvidencePipe(job.limits.evidence_bytes, lambda: over[0].end(too_much_evidence(job)))

    def _start(self, job: Job, folder: Path, evidence: EvidenceChannel) -> RunningKernel:
        home = folder / "home"
        home.mkdir()
        address = _address(folder)
        data = self._reachable(job.data, folder)
        job_json, connection = folder / "job.json", folder / "kernel.json"
        job_json.write_text(job_file(job, str(data)), encoding="utf-8")
        connection.write_text(json.dumps(address.connection()), encoding="utf-8")
        if self._account is not None:
            for path in (folder, home):
                os.chown(path, self._account.uid, self._account.gid)
        boot = str(self._probe / "boot.py")
        command = kernel_command(boot, evidence.arguments, str(job_json), str(connection))
        start = Launch(
            command,
            inherited() | kernel_environment(job.limits.threads, str(home)) | _plain(home),
            subprocess.DEVNULL,
            subprocess.PIPE,
            cwd=str(home),
            pass_fds=evidence.pass_fds,
            user=self._account.uid if self._account else None,
            group=self._account.gid if self._account else None,
        )
        process = launch(start)
        said = ErrorTail(process)
        return RunningKernel(process, lambda: address if listening(address) else None, said)

    def _reachable(self, data: Path, folder: Path) -> Path:
        """The data folder, or a copy where the account that root drops to cannot go (Colab's /root)."""
        place = data.resolve()
        if self._account is None or open_to_all(place):
            return data
        return Path(shutil.copytree(data, folder / "data"))


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _address(folder: Path) -> Address:
    key = secrets.token_hex(16)
    prefix = str(folder / "k")
    if os.name == "nt" or len(os.fsencode(prefix)) > _SOCKET_PATH_LIMIT:
        return Address("tcp", "127.0.0.1", free_tcp_ports(), key)
    return Address("ipc", prefix, ipc_ports(), key)


def _plain(home: Path) -> dict[str, str]:
    """What a kernel without a box needs besides: its temporary folder, and to end when we are killed."""
    parent = {} if os.name == "nt" else {"JPY_PARENT_PID": str(os.getpid())}
    return {name: str(home) for name in ("TMPDIR", "TEMP", "TMP")} | parent

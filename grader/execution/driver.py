"""The driver: runs a notebook's cells through nbclient, in a thread and an event loop of its own.

nbclient is no guard: a cell that ignores interrupts keeps it waiting for ever, and it has no output cap.
Limits are the watchdog's, which kills the kernel; `Drive.run` returns then even if nbclient does not.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq.asyncio
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from grader.execution.address import RunningKernel
from grader.execution.kernel import MESSAGE_BYTES, bounded_context, connect, disconnected
from grader.execution.outputs import outcome
from grader.execution.port import CellRun, Job
from grader.execution.watchdog import Stop, Watchdog
from grader.model.errors import ExecutionError
from grader.model.evidence import CELL_TIMED_OUT, Ended
from grader.model.submission import CellKind, SourceCell
from grader.model.text import Message

_LOG = logging.getLogger(__name__)
_NBCLIENT_LOG = logging.getLogger("grader.execution.nbclient")
_NBCLIENT_LOG.setLevel(logging.CRITICAL)
"""nbclient logs every dead kernel as an error; we report each in words."""
START_SECONDS = 90
"""A kernel takes 0.5 s; a loaded machine with a cold disk has been seen to take 20 s."""
_GRACE_SECONDS = 5
"""For a cell that was interrupted to end."""
_RETURN_SECONDS = 15
"""For nbclient to return once its kernel is dead."""
MESSAGES = 50_000
"""Messages of one run; a notebook with several long trainings sends some thousands."""

STOPPED, TIMED_OUT, DIED = "Stopped", CELL_TIMED_OUT, "KernelDied"
"""`CellRun.error` of a cell cut by a limit of the run, by its own limit, or by its kernel's end."""


class Client(NotebookClient):
    """nbclient's client, counting what it is sent."""

    on_flood: Callable[[Message], None]
    room: int
    messages: int = MESSAGES

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        self.room -= _size(msg.get("content"))
        self.messages -= 1
        if self.room < 0:
            self.on_flood(Message("execution.output"))
        elif self.messages < 0:
            self.on_flood(Message("execution.messages", {"messages": MESSAGES}))
        elif msg.get("msg_type") in ("comm_open", "comm_msg", "comm_close"):
            # Widgets: nothing of them is kept, and nbclient would answer them.
            return None
        if self.room < 0 or self.messages < 0:
            return None
        return super().process_message(msg, cell, cell_index)


def _size(value: object) -> int:
    """Rough bytes of a JSON value, by its texts and the number of its parts."""
    total, todo = 0, [value]
    while todo:
        part = todo.pop()
        total += 8
        if isinstance(part, str):
            total += len(part)
        elif isinstance(part, dict):
            todo += [*part.keys(), *part.values()]
        elif isinstance(part, list):
            todo += part
    return total


@dataclass
class Drive:
    """One run of one job in one kernel."""

    job: Job
    running: RunningKernel
    watchdog: Watchdog
    done: list[CellRun] = field(default_factory=list)
    _begun: tuple[SourceCell, float] | None = None
    _notebook: Any = None
    _timed_out: int = 0
    _connected: bool = False
    _failure: str = ""

    def run(self) -> tuple[tuple[CellRun, ...], Stop | None]:
        """All cells that were begun, and what ended the run early, if anything did.

        Raises ExecutionError when the kernel does not start.
        """
        thread = threading.Thread(target=self._thread, name="notebook", daemon=True)
        stopped = threading.Event()
        self.watchdog.on_stop = stopped.set
        self.watchdog.deadline(START_SECONDS, Stop(Ended.FAILED, Message("")))
        self.watchdog.start()
        thread.start()
        while thread.is_alive() and not stopped.is_set():
            thread.join(0.05)
        thread.join(_RETURN_SECONDS)
        if thread.is_alive():
            _LOG.warning("nbclient did not return %s s after its kernel was killed", _RETURN_SECONDS)
        stop = self.watchdog.stop
        if not self._connected and (stop is None or stop.ended is Ended.FAILED):
            reason = " ".join(f"{self._failure} {self.running.said()}".split())
            raise ExecutionError("execution.no_kernel", reason=reason or "timeout")
        return self._cells(), stop or self._note()

    def _thread(self) -> None:
        try:
            # zmq cannot use the proactor loop, which is Windows' default.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._session())
        except Exception as error:
            _LOG.exception("the driver failed")
            self.watchdog.end(
                Stop(Ended.FAILED, Message("execution.driver", {"reason": type(error).__name__}))
            )

    async def _session(self) -> None:
        context = bounded_context()
        # ignore_cleanup_errors: Windows keeps files of a dying process for a moment.
        with tempfile.TemporaryDirectory(prefix="run-", ignore_cleanup_errors=True) as folder:
            try:
                await self._drive(context, str(Path(folder) / "connection.json"))
            finally:
                context.destroy(linger=0)

    async def _drive(self, context: zmq.asyncio.Context, connection_file: str) -> None:
        try:
            manager, client = await connect(self.running, connection_file, context)
        except RuntimeError as error:
            self._failure = str(error)
            return
        self._connected = True
        broken = asyncio.ensure_future(self._watch_connection(context, client))
        try:
            budget = self.job.budget
            limit = Message("execution.wall_clock", {"seconds": round(budget.wall_seconds)})
            self.watchdog.deadline(budget.wall_seconds, Stop(Ended.WALL_CLOCK, limit))
            await self._run_cells(manager, client)
        finally:
            broken.cancel()
            client.stop_channels()

    async def _run_cells(self, manager: Any, client: Any) -> None:
        # Blank cells are no cells to Jupyter either. Tags and metadata stay behind: "skip-execution" and
        # "raises-exception" are the student's to write, not to be obeyed.
        todo = [c for c in self.job.cells if c.kind is CellKind.CODE and c.source.strip()]
        self._notebook = new_notebook(cells=[new_code_cell(c.source) for c in todo])
        runner = Client(self._notebook, km=manager, allow_errors=True, timeout=None, store_widget_state=False)
        runner.kc = client
        runner.log = _NBCLIENT_LOG
        runner.room = self.job.limits.output_bytes
        runner.on_flood = self._flood
        runner.reset_execution_trackers()
        for number, cell in enumerate(todo):
            if self.watchdog.stop is not None:
                return
            if self.job.on_cell is not None:
                self.job.on_cell(number + 1, len(todo))
            self._begun = cell, time.monotonic()
            error = await self._run_cell(runner, number, manager)
            if self.watchdog.stop is not None:
                return
            self.done.append(self._cell_run(number, error))
            self._begun = None

    async def _run_cell(self, runner: Client, number: int, manager: Any) -> str:
        """Run one cell; "" or what the driver itself has to say about its end."""
        task = asyncio.ensure_future(runner.async_execute_cell(self._notebook.cells[number], number))
        seconds = self.job.budget.cell_seconds
        error = ""
        await self._finished(task, seconds)
        if not task.done() and self.watchdog.stop is None:
            error = TIMED_OUT
            self._timed_out += 1
            await manager.interrupt_kernel()
            await self._finished(task, _GRACE_SECONDS)
            if not task.done() and self.watchdog.stop is None:
                ignored = Message("execution.ignored_interrupt", {"seconds": round(seconds)})
                self.watchdog.end(Stop(Ended.WALL_CLOCK, ignored))
        if not task.done():
            task.cancel()
        [failure] = await asyncio.gather(task, return_exceptions=True)
        if isinstance(failure, BaseException) and self.watchdog.stop is None:
            await self._explain(failure)
        return error

    async def _finished(self, task: asyncio.Future[Any], seconds: float) -> None:
        """Wait for the task, the time or the watchdog, whichever comes first."""
        until = time.monotonic() + seconds
        while self.watchdog.stop is None and (left := until - time.monotonic()) > 0:
            if (await asyncio.wait({task}, timeout=min(left, 0.2)))[0]:
                return

    async def _explain(self, failure: BaseException) -> None:
        """nbclient gave up: the kernel is dead, or sent what no kernel sends."""
        _LOG.info("nbclient gave up: %s", type(failure).__name__)
        if await self._is_dead():
            self.watchdog.end(Stop(Ended.KERNEL_DIED, Message("execution.kernel_died")))
        else:
            self.watchdog.end(Stop(Ended.KERNEL_DIED, Message("execution.garbled")))

    async def _is_dead(self) -> bool:
        for _ in range(20):
            if self.running.process.poll() is not None:
                return True
            await asyncio.sleep(0.1)
        return False

    async def _watch_connection(self, context: zmq.asyncio.Context, client: Any) -> None:
        await disconnected(context, [client.shell_channel.socket, client.iopub_channel.socket])
        if await self._is_dead():
            self.watchdog.end(Stop(Ended.KERNEL_DIED, Message("execution.kernel_died")))
        else:
            self.watchdog.end(
                Stop(Ended.OUTPUT, Message("execution.disconnected", {"mib": MESSAGE_BYTES // 2**20}))
            )

    def _flood(self, message: Message) -> None:
        args = {"mib": round(self.job.limits.output_bytes / 2**20, 1), **message.args}
        self.watchdog.end(Stop(Ended.OUTPUT, Message(message.key, args)))

    def _cell_run(self, number: int, error: str) -> CellRun:
        assert self._begun is not None
        cell, began = self._begun
        found = outcome(list(self._notebook.cells[number].outputs))
        error = error or found.error
        seconds = time.monotonic() - began
        return CellRun(cell.index, not error, error, found.error_text, found.output_text, seconds)

    def _cells(self) -> tuple[CellRun, ...]:
        """The finished cells, and the one that the end of the run cut short."""
        done = list(self.done)
        stop = self.watchdog.stop
        if self._begun is not None and stop is not None:
            dead = stop.ended is Ended.KERNEL_DIED
            done.append(self._cell_run(len(done), DIED if dead else STOPPED))
        return tuple(done)

    def _note(self) -> Stop | None:
        """A run that reached its last cell, some of them interrupted."""
        if not self._timed_out:
            return None
        seconds = round(self.job.budget.cell_seconds)
        args = {"cells": self._timed_out, "seconds": seconds}
        return Stop(Ended.COMPLETED, Message("execution.cells_timed_out", args))

"""A kernel for nbclient whose process we started ourselves: no kernelspec is read, nothing is restarted."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import time
from collections.abc import Sequence
from typing import Any

import zmq
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from grader.execution.address import RunningKernel

MESSAGE_BYTES = 8 * 2**20
"""Longest message taken from a kernel; a longer one breaks the connection, which ends the run."""
_QUEUE = 32
"""Messages zmq may hold for us; with MESSAGE_BYTES this bounds what a flood costs the grader."""
_POLL_SECONDS = 0.01
_READY_SECONDS = 60


class Provisioner(KernelProvisionerBase):
    """Hands jupyter_client a process that runs already; only we end it."""

    running: RunningKernel

    @property
    def has_process(self) -> bool:
        return True

    async def poll(self) -> int | None:
        return self.running.process.poll()

    async def wait(self) -> int | None:
        return self.running.process.poll()

    async def send_signal(self, signum: int) -> None:
        """Signals would reach bubblewrap, not the kernel: interrupts go by message."""

    async def kill(self, restart: bool = False) -> None:
        self.running.process.kill()

    async def terminate(self, restart: bool = False) -> None:
        self.running.process.kill()

    async def cleanup(self, restart: bool = False) -> None:
        return None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        return {**kwargs, "cmd": []}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Wait until the kernel listens. Raises RuntimeError when it ends first."""
        while (address := self.running.find()) is None:
            if self.running.process.poll() is not None:
                raise RuntimeError("the kernel ended before it listened")
            await asyncio.sleep(_POLL_SECONDS)
        return {**address.connection(), "key": address.key.encode()}


async def connect(
    running: RunningKernel, connection_file: str, context: zmq.asyncio.Context
) -> tuple[AsyncKernelManager, AsyncKernelClient]:
    """A manager and a ready client for a kernel.

    `connection_file` is a private name that jupyter_client writes its copy to. Raises RuntimeError when
    the kernel ends or does not answer.
    """
    manager = AsyncKernelManager(kernel_name="", context=context, connection_file=connection_file)
    manager._kernel_spec = KernelSpec(argv=[], language="python", interrupt_mode="message")
    manager.provisioner = Provisioner(parent=manager, kernel_spec=manager._kernel_spec)
    manager.provisioner.running = running
    await manager.start_kernel()
    client: AsyncKernelClient = manager.client()
    # No heartbeat: its channel would connect again and again to a path that the student can replace.
    client.start_channels(hb=False, stdin=False, control=False)
    await _ready(client, running)
    client.allow_stdin = False
    return manager, client


async def _ready(client: AsyncKernelClient, running: RunningKernel) -> None:
    """Wait until the kernel answers on both channels. Raises RuntimeError when it does not.

    The client's own `wait_for_ready` ends by waiting 0.2 s for silence. Here it is the status that belongs
    to our question which shows that what the kernel publishes reaches us.
    """
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until and running.process.poll() is None:
        asked = client.kernel_info()
        with contextlib.suppress(queue.Empty):
            while _parent(await client.shell_channel.get_msg(timeout=1)) != asked:
                pass
            while True:
                message = await client.iopub_channel.get_msg(timeout=1)
                if _parent(message) == asked and message["content"].get("execution_state") == "idle":
                    return
    raise RuntimeError("the kernel did not answer")


def _parent(message: dict[str, Any]) -> object:
    return message["parent_header"].get("msg_id")


def bounded_context() -> zmq.asyncio.Context:
    """A zmq context whose sockets take bounded messages and never connect a second time.

    The kernel's sockets are files in a folder that the student's code can write: connecting again might
    follow a link planted there. The first connection is made before any of that code runs.
    """
    context = zmq.asyncio.Context()
    context.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES)
    context.setsockopt(zmq.RCVHWM, _QUEUE)
    context.setsockopt(zmq.RECONNECT_IVL, -1)
    context.setsockopt(zmq.LINGER, 0)
    return context


async def disconnected(context: zmq.asyncio.Context, watched: Sequence[Any]) -> None:
    """Return when the connection of one of the sockets breaks."""
    poller = zmq.asyncio.Poller()
    pairs = []
    for number, channel in enumerate(watched):
        name = f"inproc://monitor-{number}-{time.monotonic_ns()}"
        channel.monitor(name, zmq.EVENT_DISCONNECTED)
        pair = context.socket(zmq.PAIR)
        pair.connect(name)
        pairs.append(pair)
        poller.register(pair, zmq.POLLIN)
    try:
        await poller.poll()
    finally:
        for channel, pair in zip(watched, pairs, strict=True):
            if not channel.closed:
                channel.disable_monitor()
            pair.close(linger=0)

"""Where a kernel listens, and whether it does: all that is known of it before a client connects."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from grader.execution.processes import Process

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a kernel listens. `ip` is a path prefix when `transport` is "ipc"; ports go by CHANNELS."""

    transport: str
    ip: str
    ports: tuple[int, ...]
    key: str

    def connection(self) -> dict[str, str | int]:
        """As the JSON of a connection file."""
        ports = {f"{name}_port": port for name, port in zip(CHANNELS, self.ports, strict=True)}
        signed = {"key": self.key, "signature_scheme": "hmac-sha256", "kernel_name": ""}
        return {"transport": self.transport, "ip": self.ip, **ports, **signed}


@dataclass(frozen=True, slots=True)
class RunningKernel:
    """A kernel's process, how to learn where it listens (None: not yet), and what it wrote to stderr."""

    process: Process
    find: Callable[[], Address | None]
    said: Callable[[], str]
    scratch: Path | None = None
    """Folder on this machine's disk that only a watchdog bounds, if there is one."""


def listening(address: Address) -> bool:
    """Whether a kernel accepts connections on all its sockets."""
    if address.transport == "tcp":
        return all(_accepts(socket.AF_INET, (address.ip, port)) for port in address.ports)
    paths = [f"{address.ip}-{port}" for port in address.ports]
    return all(_is_socket(path) and _accepts(socket.AF_UNIX, path) for path in paths)


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return False


def _accepts(family: int, address: str | tuple[str, int]) -> bool:
    # A socket's file appears before the socket listens, and a refused connection is not tried again.
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.settimeout(1)
            trial.connect(address)
    except OSError:
        return False
    return True


def ipc_ports() -> tuple[int, ...]:
    return tuple(range(1, len(CHANNELS) + 1))


def free_tcp_ports() -> tuple[int, ...]:
    """Ports of this machine's loopback that were free a moment ago."""
    holders = [socket.create_server(("127.0.0.1", 0)) for _ in CHANNELS]
    try:
        return tuple(int(holder.getsockname()[1]) for holder in holders)
    finally:
        for holder in holders:
            holder.close()

"""The zygote: imports libraries, then forks, for each order, a process that shuts itself in.

    python -P zygote.py CONTROL_FD nest|fence MODULE_OR_SCRIPT_OR_LIBRARY...

`nest` runs inside bubblewrap's box and `fence` in none; the modules of these names say how a child shuts
itself in. First the zygote imports the modules, and runs the scripts (absolute paths) as modules of no name.
The shared libraries among them (`package/file`) are read in meanwhile, for the import that will need them.

It answers b"ready" on the control socket (SEQPACKET). Each order is a message with descriptors: a file with
one JSON object, stdin, stdout, stderr, the order's own socket, then those that the program gets as 4, 5 and
so on. In the object `argv` is the program to run, as a script in this very interpreter, and its arguments;
the rest is for `shut_in` of the module. On its own socket the order is answered b"started" with a pidfd of
its first process, or b"refused ..."; all its processes end when the other end of that socket is closed, and
then it is closed here.

Only imports may run here. After a framework's first operation its threads exist, and a forked child without
them would hang for ever: with one thread more than after the imports nothing is forked any more.

Up to three processes come of an order. The *keeper* holds the first process's pid, unreaped, until the host
lets go. The *first* process shuts itself in. It runs the program, or, in a pid namespace of its own, reaps
while its child does.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import importlib
import importlib.util
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

_PACKAGE = "_sandbox"
_STDIO = (0, 1, 2)
_SOCKET = 3
_MOST_DESCRIPTORS = 9
_ABOVE = 256
"""Descriptors are parked from here on while they change places."""
_LAST = 2**30
"""Above every descriptor; closing a range that is empty costs nothing."""


def main(control: int, kind: str, modules: list[str]) -> None:
    shelter, calls = _beside(kind), _beside("calls")
    calls.die_with_parent()
    load(modules)
    # The kernel reaps the keepers.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Objects alive now stay out of collections: a collection in a child would write to every shared page.
    gc.collect()
    gc.freeze()
    order = serve(socket.socket(fileno=control), threads())
    box(order, shelter, calls)
    sys.argv[:] = order["argv"]
    sys.orig_argv[:] = [sys.orig_argv[0], *order["argv"]]
    runpy.run_path(order["argv"][0], run_name="__main__")


def load(names: list[str]) -> None:
    """Import, run and read in what these are, without a thread that stays."""
    libraries = [name for name in names if "/" in name and not name.startswith("/")]
    beside = threading.Thread(target=read_in, args=(libraries,))
    beside.start()
    # What an import makes stays; looking through it again and again takes a fifth of TensorFlow's import.
    gc.disable()
    for name in names:
        if name.startswith("/"):
            runpy.run_path(name)
        elif name not in libraries:
            importlib.import_module(name)
    gc.enable()
    beside.join()


def read_in(libraries: list[str]) -> None:
    """Link shared libraries, which takes half a second of the other core for TensorFlow's gigabyte.

    What cannot be had here the import itself will miss, or not.
    """
    for package, _, file in (name.partition("/") for name in libraries):
        with contextlib.suppress(OSError, ImportError):
            found = importlib.util.find_spec(package)
            for folder in (found and found.submodule_search_locations) or ():
                ctypes.CDLL(os.path.join(folder, file))


def serve(control: socket.socket, baseline: int) -> dict[str, Any]:
    """Fork for each order; returns only in the forked children, with their order."""
    control.send(b"ready")
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 64, _MOST_DESCRIPTORS)
        if not message:
            sys.exit()
        why, child = "", -1
        if threads() > baseline:
            why = f"{threads()} threads, {baseline} after the imports"
        else:
            try:
                child = os.fork()
            except OSError as error:
                why = str(error)
        if child == 0:
            # Not closed by name but with all that is not the order's: its number may be another's by then.
            control.detach()
            text, *given = descriptors
            arrange([*given, text])
            return read(len(given))
        if why:
            refuse(descriptors[1 + _SOCKET], why)
        for descriptor in descriptors:
            os.close(descriptor)


def read(descriptor: int) -> dict[str, Any]:
    """The order in a file that its host has written to the end."""
    with open(descriptor, encoding="utf-8") as text:
        text.seek(0)
        order: dict[str, Any] = json.load(text)
        return order


def refuse(descriptor: int, why: str) -> None:
    """Tell the order's host, who may be gone."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as own:
        own.send(f"refused: {why}".encode())


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def arrange(descriptors: list[int]) -> None:
    """Make them 0, 1, 2, ... and close every other one."""
    parked = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, _ABOVE) for descriptor in descriptors]
    for place, descriptor in enumerate(parked):
        os.dup2(descriptor, place, inheritable=place in _STDIO)
    os.closerange(len(parked), _LAST)


def box(order: dict[str, Any], shelter: Any, calls: Any) -> None:
    """Returns only in the process that is to run the program, shut in."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _or_exit(shelter.separate)
    # Ends when the keeper does, whose death signal may come too early to be asked for.
    watched, held = os.pipe()
    if (first := os.fork()) != 0:
        _or_exit(lambda: keep(first, held, shelter))
    os.close(held)
    os.close(_SOCKET)
    _or_exit(lambda: enter(order, watched, shelter, calls))
    if shelter.OWN_PIDS and (program := os.fork()) != 0:
        _or_exit(lambda: reap(program, calls))
    os.setsid()


def keep(first: int, held: int, shelter: Any) -> NoReturn:
    """Tell the host of the first process, and end all of the order when the host lets go or is gone."""
    pidfd = os.pidfd_open(first)
    own = socket.socket(fileno=os.dup(_SOCKET))
    try:
        shelter.become_keeper()
        _close_all_but(own.fileno(), pidfd, held)
        socket.send_fds(own, [b"started"], [pidfd])
        os.close(pidfd)
        own.recv(1)
    finally:
        shelter.clear(first)
    os._exit(0)


def enter(order: dict[str, Any], watched: int, shelter: Any, calls: Any) -> None:
    """As the first process: shut oneself in, for good."""
    calls.die_with_parent()
    if select.select([watched], [], [], 0)[0]:
        raise ProcessLookupError("the keeper is gone")
    os.close(watched)
    shelter.shut_in(order)


def reap(program: int, calls: Any) -> NoReturn:
    """Wait for the program and for orphans; the namespace ends with this process."""
    calls.hide_memory()
    # The first process of a namespace is sent no signal from inside that it does not handle.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _close_all_but()
    while True:
        pid, status = os.wait()
        if pid == program:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _or_exit(step: Callable[[], object]) -> None:
    """Run a step; its failure is told on the order's stderr and ends this process."""
    try:
        step()
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def _close_all_but(*kept: int) -> None:
    # Not by listing /proc: it may be the new one, in which the keeper is not.
    low = 0
    for descriptor in (*sorted(kept), _LAST):
        os.closerange(low, descriptor)
        low = descriptor + 1


def _beside(name: str) -> Any:
    """A module of this folder, which is on no path."""
    if _PACKAGE not in sys.modules:
        spec = importlib.util.spec_from_loader(_PACKAGE, loader=None, is_package=True)
        assert spec is not None
        spec.submodule_search_locations = [str(Path(__file__).parent)]
        sys.modules[_PACKAGE] = importlib.util.module_from_spec(spec)
    return importlib.import_module(f"{_PACKAGE}.{name}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])

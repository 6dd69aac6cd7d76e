"""Calls to the kernel that both ways of shutting in need. Each raises OSError when it is refused."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from collections.abc import Mapping

_SET_PDEATHSIG, _SET_DUMPABLE, _SET_SECCOMP, _SET_SUBREAPER, _SET_NO_NEW_PRIVS = 1, 4, 22, 36, 38
_MODE_FILTER = 2

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def libc(function: str, *arguments: object, about: str = "") -> None:
    """Call a function that answers -1 when it fails."""
    if getattr(_libc, function)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}", about)


def prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    libc("prctl", option, ctypes.c_ulong(value), zero, zero, zero)


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Get a signal when the parent ends. Of no use if it has ended already: the caller checks that after."""
    prctl(_SET_PDEATHSIG, number)


def hide_memory() -> None:
    """No process without capabilities may read or write this one's memory from now on."""
    prctl(_SET_DUMPABLE, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends."""
    prctl(_SET_SUBREAPER, 1)


def no_new_privileges() -> None:
    prctl(_SET_NO_NEW_PRIVS, 1)


def load_filter(program: bytes) -> None:
    """A system-call filter, for good; privileges must have been given up before."""
    fprog = _Program(len(program) // 8, program)
    libc("prctl", _SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), ctypes.byref(fprog))


def limit(limits: Mapping[str, int]) -> None:
    """Resource limits by their lower-case names, hard and soft."""
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (value, value))

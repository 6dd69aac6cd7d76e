"""Landlock: a process gives up files, connections and signals, for good. Standard library only.

As a script, in a box: `landlock.py GRANTED PROGRAM ARGUMENT...` runs the program so restricted, where GRANTED
is the JSON of `restrict`.

The kernel's answer (https://docs.kernel.org/userspace-api/landlock.html) is unprivileged, needs no
namespaces and covers whatever the process starts. It does not hide that a file is there: `stat` of a known
path still answers. What a kernel cannot do (it tells by the version of its interface) is left out; whether
the rest holds is for the canary to say.
"""

from __future__ import annotations

import ctypes
import json
import os
import stat
import struct
import sys
from collections.abc import Iterable, Mapping
from functools import cache

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""Numbers of system calls are the same on every architecture since 424."""
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
_MAKE_DEVICES = 1 << 6 | 1 << 11
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_SINCE = {1: (1 << 13) - 1, 2: _REFER, 3: _TRUNCATE, 5: _IOCTL_DEV}
"""Rights over files that each version added."""
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_TCP, _TCP_SINCE = 1 << 0 | 1 << 1, 4
_SCOPES, _SCOPES_SINCE = 1 << 0 | 1 << 1, 6
"""No abstract Unix socket and no signal beyond the processes restricted together."""

RIGHTS = {
    "list": _READ_DIR,
    "read": _EXECUTE | _READ_FILE | _READ_DIR,
    "use": _WRITE_FILE | _READ_FILE | _IOCTL_DEV,
    "write": _EXECUTE
    | _WRITE_FILE
    | _READ_FILE
    | _READ_DIR
    | (_REMOVE_AND_MAKE & ~_MAKE_DEVICES)
    | _REFER
    | _TRUNCATE,
}
"""What may be granted over a path and all below it. `use` is for devices."""


@cache
def _libc() -> ctypes.CDLL:
    # When it is first asked for: on Windows, where nothing asks, there is none.
    return ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """Of the kernel's interface; 0 where there is none, or it is switched off."""
    found: int = _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    return max(found, 0)


def stops_signals() -> bool:
    """Whether it keeps signals among the processes restricted together."""
    return version() >= _SCOPES_SINCE


def restrict(granted: Mapping[str, Iterable[str]], *, tcp: bool) -> None:
    """Keep from now on only what is granted: names of RIGHTS -> paths. Paths that are missing are skipped.

    Unless `tcp`, for who has a network of his own, TCP can neither connect nor be connected to. Only the
    calling thread and what it starts are restricted: call it before there are others. Raises OSError when
    it is refused.
    """
    known = version()
    rights = sum(bits for since, bits in _SINCE.items() if since <= known)
    network = 0 if tcp or known < _TCP_SINCE else _TCP
    scopes = _SCOPES if known >= _SCOPES_SINCE else 0
    attributes = struct.pack("=QQQ", rights, network, scopes)
    size = 24 if known >= _SCOPES_SINCE else 16 if known >= _TCP_SINCE else 8
    ruleset = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0)
    try:
        for right, paths in granted.items():
            for path in paths:
                _grant(ruleset, path, RIGHTS[right] & rights)
        if _libc().prctl(_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), *[ctypes.c_ulong(0)] * 3) == -1:
            raise OSError(ctypes.get_errno(), "no_new_privs")
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _grant(ruleset: int, path: str, rights: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(beneath).st_mode):
            rights &= _OF_FILES
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, beneath), 0)
    finally:
        os.close(beneath)


def _call(number: int, *arguments: object) -> int:
    found: int = _libc().syscall(number, *arguments)
    if found == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"landlock: {os.strerror(code)}")
    return found


if __name__ == "__main__":
    restrict(json.loads(sys.argv[1]), tcp=True)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is what is wanted

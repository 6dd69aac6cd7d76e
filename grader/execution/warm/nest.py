"""A box inside the zygote's box, made by a freshly forked child for itself. Standard library only.

Bubblewrap has built the read-only tree and dropped the uid. What is left to do for each child is what must
not be shared: namespaces, writable folders, /proc, limits. Each step raises OSError when it is refused, and
the child then ends: nothing goes on half boxed.

User code must not regain what is given up here: `seal` comes last and cannot be undone.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

_USER, _MOUNT, _PID, _NET = 0x10000000, 0x00020000, 0x20000000, 0x40000000
_IPC, _UTS, _CGROUP = 0x08000000, 0x04000000, 0x02000000

_READ_ONLY, _NO_SUID, _NO_DEV, _NO_EXEC = 1, 2, 4, 8
_REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 32, 4096, 16384, 1 << 18

_SET_PDEATHSIG, _SET_DUMPABLE, _SET_SECCOMP = 1, 4, 22
_CAPBSET_DROP, _SET_NO_NEW_PRIVS, _CAP_AMBIENT, _AMBIENT_CLEAR = 24, 38, 47, 4
_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_GET_FLAGS, _SET_FLAGS, _IFF_UP = 0x8913, 0x8914, 1

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def unshare() -> None:
    """New namespaces of every kind; the next child is the first process of the new pid namespace.

    The caller keeps its uid and gains, inside the new user namespace only, all capabilities.
    """
    uid, gid = os.geteuid(), os.getegid()
    _do("unshare", _USER | _MOUNT | _PID | _NET | _IPC | _UTS | _CGROUP)
    # A process without CAP_SETGID above may map its group only once setgroups is refused.
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        _write(f"/proc/self/{name}", text)


def furnish(folders: Mapping[str, int], files: Mapping[str, str], spare: str) -> None:
    """Cover what the children of a zygote would share: writable folders (name -> bytes), /proc, terminals.

    `files` (name -> content) are shown read-only over files that are there already; they are written to the
    folder `spare` first.
    """
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)
    _mount("proc", "/proc", "proc", _NO_SUID | _NO_DEV | _NO_EXEC)
    _mount("devpts", "/dev/pts", "devpts", _NO_SUID | _NO_EXEC, "newinstance,ptmxmode=0666,mode=620")
    for name, size in folders.items():
        _mount("tmpfs", name, "tmpfs", _NO_SUID | _NO_DEV, f"mode=0700,size={size}")
    for name, text in files.items():
        source = os.path.join(spare, "file")
        _write(source, text)
        _mount(source, name, None, _BIND)
        _mount(None, name, None, _BIND | _REMOUNT | _READ_ONLY | _NO_SUID | _NO_DEV)
        os.unlink(source)
    _loopback_up()


def limit(limits: Mapping[str, int]) -> None:
    """Resource limits by their lower-case names. RLIMIT_NPROC counts within this user namespace."""
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (value, value))


def seal(program: bytes | None, landlock: Any, granted: Mapping[str, Sequence[str]]) -> None:
    """Give up every capability and the making of namespaces, and load the system-call filter.

    `landlock` is the module of that name; `granted` goes to its `restrict`.
    """
    # Heeded in this user namespace and below; raising it again takes a capability dropped next.
    _write("/proc/sys/user/max_user_namespaces", "0")
    _prctl(_SET_NO_NEW_PRIVS, 1)
    drop_capabilities()
    if landlock.version():
        landlock.restrict(granted, tcp=True)
    if program is not None:
        fprog = _Program(len(program) // 8, program)
        _do("prctl", _SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), ctypes.byref(fprog))


def drop_capabilities() -> None:
    """From every set, for good: the bounding set too."""
    _prctl(_CAP_AMBIENT, _AMBIENT_CLEAR)
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as stream:
        last = int(stream.read())
    for capability in range(last + 1):
        _prctl(_CAPBSET_DROP, capability)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    _do("capset", ctypes.c_char_p(header), ctypes.c_char_p(bytes(24)))


def die_with_parent() -> None:
    """SIGKILL when the parent ends. Of no use if it has ended already: the caller checks that after."""
    _prctl(_SET_PDEATHSIG, signal.SIGKILL)


def hide_memory() -> None:
    """No process without capabilities may read or write this one's memory from now on."""
    _prctl(_SET_DUMPABLE, 0)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(control, _GET_FLAGS, request))[1]
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    words = [None if word is None else word.encode() for word in (source, target, kind, options)]
    _do("mount", *words[:3], ctypes.c_ulong(flags), words[3], about=target)


def _prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    _do("prctl", option, ctypes.c_ulong(value), zero, zero, zero)


def _do(function: str, *arguments: object, about: str = "") -> None:
    if getattr(_libc, function)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}", about)


def _write(name: str, text: str) -> None:
    with open(name, "w", encoding="utf-8") as stream:
        stream.write(text)

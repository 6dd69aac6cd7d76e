"""A box inside the zygote's box, made by a freshly forked child for itself.

Bubblewrap has built the read-only tree and dropped the uid. What is left to do for each child is what must
not be shared: namespaces, writable folders, /proc, limits. Each step raises OSError when it is refused, and
the child then ends: nothing goes on half boxed.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from . import calls, landlock, seccomp

OWN_PIDS = True
"""The program is in a pid namespace, whose first process must reap."""

_USER, _MOUNT, _PID, _NET = 0x10000000, 0x00020000, 0x20000000, 0x40000000
_IPC, _UTS, _CGROUP = 0x08000000, 0x04000000, 0x02000000

_READ_ONLY, _NO_SUID, _NO_DEV, _NO_EXEC = 1, 2, 4, 8
_REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 32, 4096, 16384, 1 << 18

_CAPBSET_DROP, _CAP_AMBIENT, _AMBIENT_CLEAR = 24, 47, 4
_CAPABILITY_VERSION_3 = 0x20080522
_GET_FLAGS, _SET_FLAGS, _IFF_UP = 0x8913, 0x8914, 1


def separate() -> None:
    """New namespaces of every kind; the next child is the first process of the new pid namespace.

    The caller keeps its uid and gains, inside the new user namespace only, all capabilities.
    """
    uid, gid = os.geteuid(), os.getegid()
    calls.libc("unshare", _USER | _MOUNT | _PID | _NET | _IPC | _UTS | _CGROUP)
    # A process without CAP_SETGID above may map its group only once setgroups is refused.
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        _write(f"/proc/self/{name}", text)


def become_keeper() -> None:
    """As the process that outlives the box to clear it away: keep no rights in its namespaces."""
    _drop_capabilities()
    calls.die_with_parent()


def clear(first: int) -> None:
    """End the box: with the first process of a pid namespace, the kernel ends all others."""
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)


def shut_in(order: Mapping[str, Any]) -> None:
    """As the first process of the box. What is given up here cannot be had again; sealing comes last.

    `folders` (name -> bytes) are fresh and writable, `home` is one of them; `files` (name -> content) are
    shown read-only over files that are there already, and are written to the folder `spare` first;
    `granted` goes to Landlock, `limits` are resource limits.
    """
    _furnish(order["folders"], order["files"], order["spare"])
    # Until now the working folder was the zygote's, which all its children can reach.
    os.chdir(order["home"])
    calls.limit(order["limits"])
    _seal(order["granted"])


def _furnish(folders: Mapping[str, int], files: Mapping[str, str], spare: str) -> None:
    """Cover what the children of a zygote would share: writable folders, /proc, terminals."""
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


def _seal(granted: Mapping[str, Sequence[str]]) -> None:
    """Give up every capability and the making of namespaces, and load the system-call filter."""
    # Heeded in this user namespace and below; raising it again takes a capability dropped next.
    _write("/proc/sys/user/max_user_namespaces", "0")
    calls.no_new_privileges()
    _drop_capabilities()
    if landlock.version():
        landlock.restrict(granted, tcp=True)
    calls.load_filter(seccomp.box_filter())


def _drop_capabilities() -> None:
    """From every set, for good: the bounding set too."""
    calls.prctl(_CAP_AMBIENT, _AMBIENT_CLEAR)
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as stream:
        last = int(stream.read())
    for capability in range(last + 1):
        calls.prctl(_CAPBSET_DROP, capability)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    calls.libc("capset", ctypes.c_char_p(header), ctypes.c_char_p(bytes(24)))


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(control, _GET_FLAGS, request))[1]
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    words = [None if word is None else word.encode() for word in (source, target, kind, options)]
    calls.libc("mount", *words[:3], ctypes.c_ulong(flags), words[3], about=target)


def _write(name: str, text: str) -> None:
    with open(name, "w", encoding="utf-8") as stream:
        stream.write(text)

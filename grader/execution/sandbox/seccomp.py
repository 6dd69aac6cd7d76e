"""The system-call filter of the box: what namespaces alone leave open.

Plain bubblewrap lets through AF_VSOCK, kernel keyrings, io_uring, bpf, userfaultfd and perf; memory in a
memfd belongs to no process's resident set, so no memory guard sees it. The filter is classic BPF, written
here as bytes: no library is needed, and the same bytes serve `bwrap --seccomp FD` and prctl.
"""

from __future__ import annotations

import errno
import platform
import struct

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000

# Offsets in struct seccomp_data; of the 64-bit arguments the low half is enough for the flags looked at.
_NUMBER, _ARCH, _ARG0, _ARG1, _ARG2, _ARG3 = 0, 4, 16, 24, 32, 40

_X86_64 = 0xC000003E
_X32_BIT = 0x40000000

_NAMESPACE_FLAGS = 0x7E020000
"""CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}; NEWTIME cannot be asked of clone, only of clone3 and unshare."""

_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_FAMILIES = (_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK)
"""Netlink for getifaddrs. All end at the box's own empty network."""
_STREAM, _SEQPACKET, _TYPE_MASK = 1, 5, 0xF
_IPPROTO_TCP = 6
_MSG_FASTOPEN = 0x20000000

_CLONE, _CLONE3, _IOCTL, _SOCKET, _CONNECT = 56, 435, 16, 41, 42
_SOCKETPAIR, _SENDTO, _SENDMSG, _SENDMMSG = 53, 44, 46, 307
_SIGNALLING = (62, 129, 200, 234, 297)
"""kill, rt_sigqueueinfo, tkill, tgkill, rt_tgsigqueueinfo: of each the first argument is a process."""
_PIDFD_SEND_SIGNAL = 424
_BY_PATH = (76, 92, 93, 94, 260, 188, 189, 190, 197, 198, 199)
"""truncate, chown and its like, setxattr and removexattr and theirs: Landlock does not cover them all."""
_MODES_AND_TIMES = (90, 91, 268, 452, 132, 235, 261, 280)
"""chmod and utime and their like: nor these. They do nothing, and say that they did: to copy a file or to
unpack an archive calls them, and no run depends on what they do."""
_MEDDLING = {_ARG0: (302, 314), _ARG1: (141, 251)}
"""prlimit64, sched_setattr; setpriority, ioprio_set: by the place of the process they are about, where 0 is
the caller. Another process of the same user could be ended by the first. (ZeroMQ needs sched_setscheduler.)
"""

DENIED = {
    "acct": 163, "add_key": 248, "bpf": 321, "cachestat": 451, "chroot": 161, "clock_adjtime": 305,
    "clock_settime": 227, "create_module": 174, "delete_module": 176, "fanotify_init": 300,
    "finit_module": 313, "fsconfig": 431, "fsmount": 432, "fsopen": 430, "fspick": 433,
    "init_module": 175, "io_uring_enter": 426, "io_uring_register": 427, "io_uring_setup": 425,
    "ioperm": 173, "iopl": 172, "kcmp": 312, "kexec_file_load": 320, "kexec_load": 246, "keyctl": 250,
    "listmount": 458, "lookup_dcookie": 212, "memfd_create": 319, "memfd_secret": 447,
    "migrate_pages": 256, "modify_ldt": 154, "mount": 165, "mount_setattr": 442, "move_mount": 429,
    "move_pages": 279, "name_to_handle_at": 303, "nfsservctl": 180, "open_by_handle_at": 304,
    "open_tree": 428, "perf_event_open": 298, "pidfd_getfd": 438, "pivot_root": 155,
    "process_madvise": 440, "process_vm_readv": 310, "process_vm_writev": 311, "ptrace": 101,
    "query_module": 178, "quotactl": 179, "quotactl_fd": 443, "reboot": 169, "remap_file_pages": 216,
    "request_key": 249, "setdomainname": 171, "sethostname": 170, "setns": 308, "settimeofday": 164,
    "statmount": 457, "swapoff": 168, "swapon": 167, "sysfs": 139, "syslog": 103, "umount2": 166,
    "unshare": 272, "uselib": 134, "userfaultfd": 323, "vhangup": 153, "_sysctl": 156,
    # What outlives a process and is in no resident set, shared by all of one user.
    "shmget": 29, "shmat": 30, "shmctl": 31, "shmdt": 67, "semget": 64, "semop": 65, "semctl": 66,
    "semtimedop": 220, "msgget": 68, "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "mq_open": 240,
    "mq_unlink": 241, "mq_timedsend": 242, "mq_timedreceive": 243, "mq_notify": 244, "mq_getsetattr": 245,
}  # fmt: skip
"""System calls refused with EPERM, with their x86_64 numbers (arch/x86/entry/syscalls/syscall_64.tbl)."""


def known() -> bool:
    """Whether the system-call numbers of this machine are known (x86_64)."""
    return platform.machine() == "x86_64"


def box_filter() -> bytes:
    """For who has namespaces of his own."""
    return _program([_when_equal(_SOCKET, _only_families())])


def fence_filter(own_pid: int | None) -> bytes:
    """For who shares this machine's network and processes: no connection to anything.

    Given `own_pid`, signals reach that process and its group only: for kernels whose Landlock does not stop
    them.
    """
    refuse = _ERRNO | errno.EPERM
    rules = [
        _when_equal(_SOCKET, _only_streams()),
        _when_equal(_SOCKETPAIR, _only_streams()),
        _when_equal(_CONNECT, [_op(_RETURN, _ERRNO | errno.EACCES)]),
        # TCP's fast open connects as it sends.
        _when_equal(_SENDTO, _by_argument(_ARG3, _ANY_BIT, (_MSG_FASTOPEN,), refuse)),
        _when_equal(_SENDMSG, _by_argument(_ARG2, _ANY_BIT, (_MSG_FASTOPEN,), refuse)),
        _when_equal(_SENDMMSG, _by_argument(_ARG3, _ANY_BIT, (_MSG_FASTOPEN,), refuse)),
    ]
    rules += [_when_equal(number, [_op(_RETURN, refuse)]) for number in _BY_PATH]
    rules += [_when_equal(number, [_op(_RETURN, _ERRNO)]) for number in _MODES_AND_TIMES]
    for argument, numbers in _MEDDLING.items():
        rules += [_when_equal(number, _only_arguments(argument, (0,), refuse)) for number in numbers]
    if own_pid is not None:
        allowed = (own_pid, 0, -own_pid & 0xFFFFFFFF)
        rules += [_when_equal(number, _only_arguments(_ARG0, allowed, refuse)) for number in _SIGNALLING]
        rules += [_when_equal(_PIDFD_SEND_SIGNAL, [_op(_RETURN, refuse)])]
    return _program(rules)


def _program(rules: list[list[bytes]]) -> bytes:
    """The rules that differ, and those that all share."""
    refuse = _ERRNO | errno.EPERM
    program = [
        _op(_LOAD, _ARCH),
        _op(_EQUAL, _X86_64, true=1),
        _op(_RETURN, _KILL_PROCESS),
        _op(_LOAD, _NUMBER),
        # x32 calls have their own numbers for the same services.
        _op(_AT_LEAST, _X32_BIT, false=1),
        _op(_RETURN, _ERRNO | errno.ENOSYS),
        # Its flags lie in memory, out of the filter's sight; glibc falls back to clone on ENOSYS.
        *_when_equal(_CLONE3, [_op(_RETURN, _ERRNO | errno.ENOSYS)]),
        *_when_equal(_CLONE, _by_argument(_ARG0, _ANY_BIT, (_NAMESPACE_FLAGS,), refuse)),
        *_when_equal(_IOCTL, _by_argument(_ARG1, _EQUAL, (_TIOCSTI, _TIOCLINUX), refuse)),
    ]
    for rule in rules:
        program += rule
    for number in sorted(DENIED.values()):
        program += _when_equal(number, [_op(_RETURN, refuse)])
    return b"".join([*program, _op(_RETURN, _ALLOW)])


def _op(code: int, value: int, *, true: int = 0, false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, true, false, value)


def _when_equal(number: int, then: list[bytes]) -> list[bytes]:
    """Run `then`, which must return, when the loaded word is `number`; else go on after it."""
    return [_op(_EQUAL, number, false=len(then)), *then]


def _by_argument(offset: int, test: int, values: tuple[int, ...], refuse: int) -> list[bytes]:
    tests = [op for value in values for op in (_op(test, value, false=1), _op(_RETURN, refuse))]
    return [_op(_LOAD, offset), *tests, _op(_RETURN, _ALLOW)]


def _only_arguments(offset: int, values: tuple[int, ...], refuse: int) -> list[bytes]:
    tests = [op for value in values for op in (_op(_EQUAL, value, false=1), _op(_RETURN, _ALLOW))]
    return [_op(_LOAD, offset), *tests, _op(_RETURN, refuse)]


def _only_families() -> list[bytes]:
    return _only_arguments(_ARG0, _FAMILIES, _ERRNO | errno.EAFNOSUPPORT)


def _only_streams() -> list[bytes]:
    """Streams, Unix's and plain TCP's, and the list of network interfaces. No datagrams: they need no
    connection."""
    refuse = _ERRNO | errno.EACCES
    unix = [
        _op(_LOAD, _ARG1),
        _op(_AND, _TYPE_MASK),
        *(op for kind in (_STREAM, _SEQPACKET) for op in (_op(_EQUAL, kind, false=1), _op(_RETURN, _ALLOW))),
        _op(_RETURN, refuse),
    ]
    inet = [
        _op(_LOAD, _ARG1),
        _op(_AND, _TYPE_MASK),
        _op(_EQUAL, _STREAM, true=1),
        _op(_RETURN, refuse),
        *_only_arguments(_ARG2, (0, _IPPROTO_TCP), refuse),
    ]
    return [
        _op(_LOAD, _ARG0),
        *_when_equal(_AF_UNIX, unix),
        *_when_equal(_AF_INET, inet),
        *_when_equal(_AF_NETLINK, _only_arguments(_ARG2, (0,), refuse)),
        _op(_RETURN, _ERRNO | errno.EAFNOSUPPORT),
    ]

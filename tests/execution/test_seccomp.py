"""The filter as bytes: what the kernel would run, run here by a small interpreter."""

from __future__ import annotations

import struct

import pytest

from grader.execution.sandbox.seccomp import DENIED, box_filter, fence_filter

ALLOW, KILL, EPERM, ENOSYS, NO_FAMILY = 0x7FFF0000, 0x80000000, 0x50001, 0x50026, 0x50061
X86_64, I386 = 0xC000003E, 0x40000003


def verdict(number: int, *args: int, arch: int = X86_64, program: bytes = b"") -> int:
    """What a filter answers to one system call; the boxes' unless another one is given."""
    program = program or box_filter()
    words = [struct.unpack_from("<HBBI", program, at) for at in range(0, len(program), 8)]
    packed = struct.pack("<IIQ6Q", number, arch, 0, *args, *[0] * (6 - len(args)))
    at = held = 0
    while True:
        code, true, false, value = words[at]
        at += 1
        if code == 0x20:
            (held,) = struct.unpack_from("<I", packed, value)
        elif code == 0x54:
            held &= value
        elif code == 0x06:
            return int(value)
        else:
            holds = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[code]
            at += true if holds else false


@pytest.mark.parametrize("name", DENIED)
def test_denied_calls_are_refused(name: str) -> None:
    """Each of them, by its number."""
    assert verdict(DENIED[name]) == EPERM


@pytest.mark.parametrize("number", [0, 1, 2, 9, 57, 59, 231, 257])
def test_ordinary_calls_pass(number: int) -> None:
    """read, write, open, mmap, fork, execve, exit_group, openat."""
    assert verdict(number) == ALLOW


@pytest.mark.parametrize(
    ("number", "args", "answer"),
    [
        (56, (0x11,), ALLOW),  # clone, as fork does it
        (56, (0x3D0F00,), ALLOW),  # clone, as pthread_create does it
        (56, (0x10000011,), EPERM),  # clone into a new user namespace
        (435, (), ENOSYS),  # clone3
        (16, (0, 0x5401), ALLOW),  # ioctl TCGETS
        (16, (0, 0x5412), EPERM),  # ioctl TIOCSTI
        (16, (0, 0x1_0000_541C), EPERM),  # TIOCLINUX: the kernel looks at the low half only
        (41, (1,), ALLOW),  # socket AF_UNIX
        (41, (10,), ALLOW),  # socket AF_INET6
        (41, (40,), NO_FAMILY),  # socket AF_VSOCK
        (0x40000000 + 1, (), ENOSYS),  # an x32 call
    ],
)
def test_calls_by_their_arguments(number: int, args: tuple[int, ...], answer: int) -> None:
    """Flags, requests and address families decide."""
    assert verdict(number, *args) == answer


def test_another_architecture_is_killed() -> None:
    """32-bit calls have other numbers: none of the rules would mean what it says."""
    assert verdict(1, arch=I386) == KILL


UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
STREAM, DGRAM, RAW, SEQPACKET, NONBLOCK = 1, 2, 3, 5, 0o4000
EACCES, MPTCP = 0x5000D, 262


@pytest.mark.parametrize(
    ("number", "args", "answer"),
    [
        (41, (UNIX, STREAM | NONBLOCK, 0), ALLOW),
        (41, (UNIX, SEQPACKET, 0), ALLOW),
        (41, (UNIX, DGRAM, 0), EACCES),
        (41, (INET, STREAM, 6), ALLOW),
        (41, (INET, STREAM, MPTCP), EACCES),
        (41, (INET, DGRAM, 0), EACCES),
        (41, (INET, RAW, 1), EACCES),
        (41, (INET6, STREAM, 0), NO_FAMILY),
        (41, (NETLINK, RAW, 0), ALLOW),
        (41, (NETLINK, RAW, 9), EACCES),
        (42, (3,), EACCES),
        (44, (3, 0, 0, 0x20000000), EPERM),
        (44, (3, 0, 0, 0x4000), ALLOW),
        (46, (3, 0, 0x20000000), EPERM),
        (307, (3, 0, 0, 0x20000000), EPERM),
        (319, (), EPERM),
        (62, (1, 9), ALLOW),
    ],
)
def test_a_fence_shuts_the_network(number: int, args: tuple[int, ...], answer: int) -> None:
    """Streams that wait to be connected to, as a kernel's own; nothing that reaches anybody."""
    assert verdict(number, *args, program=fence_filter(None)) == answer


@pytest.mark.parametrize(
    ("number", "target", "answer"),
    [
        (62, 70, ALLOW),
        (62, 0, ALLOW),
        (62, 2**32 - 70, ALLOW),
        (62, 1, EPERM),
        (62, 2**32 - 1, EPERM),
        (200, 71, EPERM),
        (234, 70, ALLOW),
        (424, 3, EPERM),
    ],
)
def test_signals_stay_with_their_process(number: int, target: int, answer: int) -> None:
    """Where Landlock does not see to it: to itself and its group, to no other, not by descriptor."""
    assert verdict(number, target, 9, program=fence_filter(70)) == answer

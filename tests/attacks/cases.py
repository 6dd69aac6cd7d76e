"""What students' code may try from inside a sandbox, and what must come of it.

A case is the body of a function that raises OSError (or ends in an error of ctypes' errno through `call`)
where it is held, and returns where it gets through. `T` is the table of targets on the host, all of which
any process of the same user could reach; `call` makes a system call by its number.
"""

from __future__ import annotations

from dataclasses import dataclass

PRELUDE = '''
import ctypes, fcntl, os, socket, struct, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    if libc.syscall(number, *arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def connect(family, kind, address, protocol=0):
    with socket.socket(family, kind, protocol) as trial:
        trial.settimeout(2)
        trial.connect(address)
def alone(attack):
    """In a process with one thread."""
    child = os.fork()
    if child == 0:
        try:
            attack()
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise OSError(code, os.strerror(code))
def held(attack):
    try:
        attack()
    except OSError as error:
        return True
    return False
'''


@dataclass(frozen=True)
class Case:
    """`through`: the tiers in which it gets through, which `why` explains; in all others it is held."""

    name: str
    source: str
    through: frozenset[str] = frozenset()
    why: str = ""
    plain: bool = True
    """Whether it gets through without a sandbox, for an ordinary user on any machine."""


def _case(name: str, source: str, *through: str, why: str = "") -> Case:
    return Case(name, source, frozenset(through), why)


def _rights(name: str, source: str) -> Case:
    """What takes rights, or a network, that not everybody has."""
    return Case(name, source, plain=False)


BOXES = ("isolated", "warm")

FILES = (
    _case("read the reference", "open(T['reference']).close()"),
    _case("list another's submissions", "os.listdir(T['submissions'])"),
    _case("read another's submission", "open(T['submission']).close()"),
    _case(
        "learn that a known file exists",
        "os.stat(T['submission'])",
        "confined",
        why="Landlock does not cover stat: names can be guessed, contents not read",
    ),
    _case("read a key in the home folder", "open(T['key']).close()"),
    _case("read the grader's own code", "open(T['code']).close()"),
    _rights("write beside the libraries", "open(os.path.join(T['libraries'], 'planted.py'), 'w').close()"),
    _rights("write beside the interpreter", "open(os.path.join(sys.prefix, 'bin', 'planted'), 'w').close()"),
    _case("take all rights from another's file", """
        os.chmod(T['open_file'], 0)
        if os.stat(T['open_file']).st_mode & 0o777: raise OSError  # said to be done, and not done
        os.chmod(T['open_file'], 0o777)"""),
    _case("change another's file's times", """
        os.utime(T['open_file'], (1, 1))
        if os.stat(T['open_file']).st_mtime != 1: raise OSError"""),
    _case("cut another's file short", "os.truncate(T['open_file'], 0)"),
    _case("mark another's file", "os.setxattr(T['open_file'], 'user.mark', b'x')"),
    _rights("change the probe", "open(T['probe'] + '/boot.py', 'a').close()"),
    _rights("change the served data", "open(T['data'] + '/letters/x_train.npy', 'r+b').close()"),
    _rights("write into the root", "open('/planted', 'w').close()"),
    _case("write where everybody may", "open(T['open_folder'] + '/planted', 'w').close()"),
    _rights("write /etc", "open('/etc/planted', 'w').close()"),
    _rights("set how the kernel dumps cores", "open('/proc/sys/kernel/core_pattern', 'w').close()"),
    _rights("press the magic key", "open('/proc/sysrq-trigger', 'w').close()"),
    _rights("read the kernel's memory map", "open('/proc/kcore', 'rb').read(1)"),
    _rights("open a disk", "open('/dev/' + [n for n in os.listdir('/sys/block')][0], 'rb').close()"),
    _rights("make a device", "os.mknod(os.path.join(os.environ['HOME'], 'disk'), 0o60600, os.makedev(8, 0))"),
    _rights("chroot", "os.chroot('/tmp')"),
    _case("follow a link of its own outside", """
        link = os.path.join(os.environ['HOME'], 'link')
        os.path.lexists(link) or os.symlink(T['reference'], link)
        open(link).close()"""),
    _case("climb out by ..", "open('../' * 20 + T['reference']).close()"),
    _case(
        "climb out by the root of another process",
        "os.listdir(f\"/proc/{T['victim']}/root/\" + T['submissions'])",
    ),
    _case(
        "lock a file that others see (a slow channel between two at once)",
        "fcntl.flock(open(T['data'] + '/letters/x_train.npy'), fcntl.LOCK_EX | fcntl.LOCK_NB)",
        *BOXES,
        "confined",
        why="flock needs no right but to read; it carries bits between submissions that run at once",
    ),
)  # fmt: skip

NETWORK = (
    _rights("connect to the Internet", "connect(socket.AF_INET, socket.SOCK_STREAM, ('192.0.2.1', 80))"),
    _rights("connect by IPv6", "connect(socket.AF_INET6, socket.SOCK_STREAM, ('2001:db8::1', 80))"),
    _case(
        "send a datagram",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    ),
    _rights("ask for a name", "socket.getaddrinfo('example.org', 80)"),
    _case(
        "connect to a service of the host's",
        "connect(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', T['port']))",
    ),
    _rights(
        "ask the cloud for its secrets",
        "connect(socket.AF_INET, socket.SOCK_STREAM, ('169.254.169.254', 80))",
    ),
    _case(
        "connect by multipath TCP",
        "connect(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', T['port']), 262)",
    ),
    _case("connect as it sends (fast open)", """
        with socket.socket() as trial:
            trial.sendto(b'x', 0x20000000, ('127.0.0.1', T['port']))"""),
    _case("connect as it sends, by message", """
        with socket.socket() as trial:
            trial.sendmsg([b'x'], [], 0x20000000, ('127.0.0.1', T['port']))"""),
    _rights("open a raw socket", "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()"),
    _rights("open a packet socket", "socket.socket(17, socket.SOCK_RAW, 3).close()"),
    _case("talk to the hypervisor", "socket.socket(40, socket.SOCK_STREAM).close()"),
    _case(
        "connect to an abstract socket",
        "connect(socket.AF_UNIX, socket.SOCK_STREAM, '\\0' + T['abstract'])",
    ),
    _case("connect to a socket in a folder", "connect(socket.AF_UNIX, socket.SOCK_STREAM, T['socket'])"),
    _case("send to a socket in a folder", "connect(socket.AF_UNIX, socket.SOCK_DGRAM, T['datagrams'])"),
    _case("send to a socket in a folder from a pair", """
        socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', T['datagrams'])"""),
    _case("be connected to from outside", """
        with socket.socket() as trial:
            trial.bind(('0.0.0.0', 0))
            trial.listen()""", *BOXES, why="in the box's own network namespace, which nobody else is in"),
    _case("listen to what happens to devices", "socket.socket(16, socket.SOCK_RAW, 15).bind((0, 1))",
          *BOXES, why="of the box's own empty network namespace: nothing is ever sent there"),
)  # fmt: skip

PROCESSES = (
    _case("signal a process of the same user's", "os.kill(T['victim'], 0)"),
    _case("stop it", "os.kill(T['victim'], 19)"),
    _rights("signal the grader", "os.kill(T['grader'], 0)"),
    _case("signal by descriptor", "call(424, os.pidfd_open(T['victim']), 0, None, 0)"),
    _case("read its memory", "open(f\"/proc/{T['victim']}/mem\", 'rb').close()"),
    _case("read its variables", "open(f\"/proc/{T['victim']}/environ\", 'rb').read()"),
    _case("read its command line", "open(f\"/proc/{T['victim']}/cmdline\", 'rb').read()"),
    _case("open its files", "os.listdir(f\"/proc/{T['victim']}/fd\")"),
    _case("trace it", "call(101, 16, T['victim'], 0, 0)"),
    _case("read its memory by a call", """
        room = ctypes.create_string_buffer(8)
        mine, one = struct.pack('QQ', ctypes.addressof(room), 8), ctypes.c_ulong(1)
        try:
            call(310, T['victim'], mine, one, struct.pack('QQ', 4096, 8), one, ctypes.c_ulong(0))
        except OSError as error:
            if error.errno != 14: raise  # a bad address is looked at once one may look"""),
    _case("take a descriptor of its", "call(438, os.pidfd_open(T['victim']), 0, 0)"),
    _case("list other processes", """
        others = [n for n in os.listdir('/proc') if n.isdigit() and int(n) > 20]
        if str(T['victim']) not in others: raise OSError"""),
    _case("lower its priority", "os.setpriority(os.PRIO_PROCESS, T['victim'], 5)"),
    _case("make it wait for the disk", "call(251, 1, T['victim'], 3 << 13)"),
    _case("change its limits", "import resource; resource.prlimit(T['victim'], resource.RLIMIT_CPU, (1, 1))"),
    _case("change its scheduling", "os.sched_setscheduler(T['victim'], os.SCHED_IDLE, os.sched_param(0))",
          "confined", why="libraries set it for threads of their own by number; it slows, and ends nothing"),
    _case("chain it to one core", "os.sched_setaffinity(T['victim'], {0})", "confined", why="as above"),
)  # fmt: skip

KERNEL = (
    _rights("become root", "os.setuid(0)"),
    _rights("take a capability back", "call(126, struct.pack('=Ii', 0x20080522, 0), b'\\xff' * 24)"),
    _case("make a user namespace", "alone(lambda: call(272, 0x10000000))"),
    _case("make a namespace by clone", "call(56, 0x10000000 | 17, 0, 0, 0, 0)"),
    _case("make a namespace by clone3", "call(435, struct.pack('8Q', 0x10000000, 0, 0, 0, 17, 0, 0, 0), 64)"),
    _rights("join a namespace", "call(308, os.open('/proc/self/ns/net', os.O_RDONLY), 0)"),
    _rights("mount", "call(165, b'none', b'/tmp', b'tmpfs', 0, 0)"),
    _rights("unmount", "call(166, b'/tmp', 2)"),
    _case("set up io_uring", "call(425, 8, bytes(120))"),
    _rights("load a program into the kernel", "call(321, 0, bytes(64), 64)"),
    _case("handle page faults", "call(323, 1)"),
    _rights("count events of the machine", "call(298, bytes(128), 0, -1, -1, 0)"),
    _case("use a keyring", "call(250, 0, -3, 0)"),
    _case("keep a key between students", "call(248, b'user', b'canary', b'x', 1, -3)"),
    _case("hide memory in a file of none", "os.memfd_create('hidden')"),
    _case("hide memory from everybody", "call(447, 0)"),
    _rights("set the clock", "call(227, 0, struct.pack('qq', 0, 0))"),
    _rights("name the machine", "socket.sethostname('mine')"),
    _case("type into a terminal", """
        ours, theirs = os.openpty()
        def type_there():
            os.setsid()
            fcntl.ioctl(theirs, 0x540E, 0)
            fcntl.ioctl(theirs, 0x5412, b'x')
        alone(type_there)"""),
    _rights("another architecture's calls (x32)", "call(0x40000000 | 39)"),
    _rights("load a module", "call(313, 0, b'', 0)"),
    _rights("reboot", "call(169, 0xfee1dead, 672274793, 0, 0)"),
    _rights("open files by handle", "call(304, -100, bytes(16), 0)"),
)  # fmt: skip

SHARED = (
    _case("share memory that outlives it", "call(29, 0, 1 << 20, 0o1600)"),
    _case("leave a message for the next", "call(68, 0, 0o1600)"),
    _case("leave a semaphore", "call(64, 0, 1, 0o1600)"),
    _case("open a queue", "call(240, b'left', 0o102, 0o600, None)"),
)  # fmt: skip

CASES = (*FILES, *NETWORK, *PROCESSES, *KERNEL, *SHARED)

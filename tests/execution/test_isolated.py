"""What the box adds: the student's code sees and reaches nothing of ours."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from runs import BOXED, MIB, executor_of, job

import grader
from grader.execution import find_executor
from grader.execution.port import Limits
from grader.execution.warm.executor import WarmKernelExecutor

pytestmark = pytest.mark.sandbox

Cell = Callable[..., str]


@pytest.fixture(params=BOXED)
def boxed(request: pytest.FixtureRequest, data: Path, warmed: None) -> Cell:
    """Runs one cell in the box and gives what it printed."""
    executor = executor_of(request.param)

    def run(source: str, limits: Limits | None = None) -> str:
        done = executor.run(job(textwrap.dedent(source), data=data, limits=limits))
        assert not done.cells[0].error_text, done.cells[0].error_text
        return done.cells[0].output_text

    return run


def test_find_executor_says_what_it_enforces(data: Path) -> None:
    """The best tier is found by attacking it, and each run carries one line about it."""
    executor_of("isolated")
    with contextlib.closing(find_executor(allow_unprotected=False)) as executor:
        assert executor.tier == "isolated"
        assert isinstance(executor, WarmKernelExecutor)
        line = executor.isolation(Limits())
    assert re.search(
        r"isolated \(warm, bubblewrap: .*\) net=off .* memory=4 GiB .* self-test (\d+)/\1$", line
    )
    assert "\n" not in line


def test_files_outside_are_not_there(boxed: Cell, tmp_path: Path) -> None:
    """A secret beside the course, our package and the home folder, by path; nothing can be written back."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    secret.chmod(0o644)
    targets = [secret, Path(grader.__file__), Path(__file__), Path.home(), Path("/etc/shadow"), Path("/root")]
    source = f"""
        import os
        print([os.path.exists(path) for path in {[str(path) for path in targets]!r}])
        for name in ('/x', '/etc/x', '/usr/lib/x', '/opt/kernel/x', '/data/x', '/dev/x', '/run/x'):
            try:
                open(name, 'w')
                print('wrote', name)
            except OSError:
                pass
    """
    answer = boxed(source)
    present = json.loads(answer.splitlines()[0].lower())
    # The interpreter may live below the home folder, or below /root: then the folder is there, and empty
    # but for it.
    assert present[:3] == [False, False, False]
    assert not present[4]
    assert "wrote" not in answer


def test_no_network(boxed: Cell) -> None:
    """Neither the host's loopback nor its abstract sockets nor the world."""
    name = f"x-{secrets.token_hex(6)}"
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(f"\0{name}")
        unix.listen()
        source = f"""
            import socket
            for family, address in ((2, ('127.0.0.1', {tcp.getsockname()[1]})), (2, ('192.0.2.1', 80)),
                                    (1, '\\0{name}')):
                try:
                    with socket.socket(family) as trial:
                        trial.settimeout(2)
                        trial.connect(address)
                    print('reached', address)
                except OSError:
                    print('held')
        """
        assert boxed(source) == "held\n" * 3


@pytest.mark.parametrize("tier", BOXED)
def test_never_real_root(tier: str, data: Path, warmed: None) -> None:
    """Neither inside nor as the host sees the kernel's processes."""
    executor = executor_of(tier)
    seen: set[tuple[int, ...]] = set()

    def look(_: int, __: int) -> None:
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                command = status.with_name("cmdline").read_bytes()
                if b"/opt/kernel/probe/boot.py\0" in command or b"/opt/kernel/sandbox/zygote.py\0" in command:
                    words = status.read_text()
                    if "python" in words.split("\n", 1)[0]:
                        seen.add(tuple(map(int, re.findall(r"^Uid:\s(.*)$", words, re.M)[0].split())))
            except OSError:
                continue

    asked = job("import os; os.getuid(), os.geteuid()", data=data)
    done = executor.run(type(asked)(asked.cells, asked.budget, 1, data, "letters", on_cell=look))
    assert done.cells[0].output_text == "(1000, 1000)\n"
    assert seen
    assert all(0 not in uids for uids in seen)


def test_only_its_own_processes_and_variables(boxed: Cell) -> None:
    """No process, variable, argument or descriptor of the grader's."""
    os.environ["GRADER_CANARY"] = "planted"
    try:
        answer = boxed("""
            import glob, os
            print(len(glob.glob('/proc/[0-9]*')) <= 3, os.getppid())
            def text(name):
                try:
                    return open(name, 'rb').read()
                except PermissionError:
                    return b''
            texts = [text(name) for kind in ('environ', 'cmdline') for name in glob.glob('/proc/*/' + kind)]
            print(any(b'planted' in text or b'--ro-bind' in text for text in texts))
            print([name for name in os.environ if name.startswith(('JPY', 'GRADER', 'PYTEST'))])
        """)
    finally:
        del os.environ["GRADER_CANARY"]
    assert answer == "True 1\nFalse\n[]\n"


def test_system_calls_that_namespaces_leave_open_are_refused(boxed: Cell) -> None:
    """Keyrings, new namespaces, memfd, io_uring, bpf and vsock; ordinary programs still start."""
    answer = boxed("""
        import ctypes, os, platform, socket, subprocess, threading
        libc = ctypes.CDLL(None, use_errno=True)
        if platform.machine() == 'x86_64':
            calls = {'unshare': 272, 'keyctl': 250, 'memfd': 319, 'io_uring': 425, 'bpf': 321, 'ptrace': 101}
            print([name for name, number in calls.items() if libc.syscall(number, 0x10000000, 0, 0, 0) != -1])
            try:
                socket.socket(40, socket.SOCK_STREAM)
                print('vsock')
            except OSError:
                pass
        else:
            print([])
        thread = threading.Thread(target=print, args=('thread',))
        thread.start()
        thread.join()
        print(subprocess.run(['echo', 'child'], capture_output=True, text=True).stdout, end='')
    """)
    assert answer == "[]\nthread\nchild\n"


def test_processes_and_disk_are_bounded(boxed: Cell) -> None:
    """A small fork bomb meets its end, and every writable folder is a small one in memory."""
    answer = boxed(
        """
        import os, signal, time
        children = []
        try:
            while len(children) < 400:
                if (pid := os.fork()) == 0:
                    time.sleep(60)
                    os._exit(0)
                children.append(pid)
            print('unbounded')
        except BlockingIOError:
            print('bounded')
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for folder in ('/tmp', os.environ['HOME'], '/dev/shm', '/run/k'):
            try:
                with open(folder + '/fill', 'wb') as stream:
                    for _ in range(200):
                        stream.write(bytes(2**20))
                print('unbounded', folder)
            except OSError:
                print('bounded')
            os.remove(folder + '/fill')
        """,
        Limits(processes=1000, tasks=100, scratch_bytes=64 * MIB),
    )
    assert answer == "bounded\n" * 5


def test_private_memory_ends_in_a_python_error(boxed: Cell) -> None:
    """Which the student can read, where shared memory needs the watchdog."""
    source = """
        try:
            held = bytearray(3 << 30)
        except MemoryError:
            print('MemoryError')
    """
    assert boxed(source, Limits(memory_bytes=1100 * MIB)) == "MemoryError\n"


_SEARCH = """
    import os, stat, sys
    skipped = ('/proc/sys', '/proc/kcore', '/proc/kmsg', '/sys')
    found, looked = [], 0
    for top, folders, files in os.walk('/', followlinks=False):
        if top.startswith(skipped) or '/task' in top or '/fd' in top or '/map_files' in top:
            folders[:] = []
            continue
        for name in files:
            path = os.path.join(top, name)
            try:
                about = os.stat(path)
                # A file that changed last before the string was thought of cannot hold it.
                if top.startswith('/proc') or (stat.S_ISREG(about.st_mode) and about.st_ctime >= SINCE):
                    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                    try:
                        text = os.read(fd, 2**22)
                    finally:
                        os.close(fd)
                    looked += 1
                    if PLANTED.encode() in text:
                        found.append(path)
            except OSError:
                pass
    print(looked > 20, found)
"""


def test_no_readable_file_holds_a_planted_string(boxed: Cell, tmp_path: Path) -> None:
    """Searched from inside, over every file; planted in a course, beside the probe's package, and in /tmp."""
    since = time.time() - 2
    half = secrets.token_hex(16), secrets.token_hex(16)
    planted = "".join(half)
    course = tmp_path / "course" / "reference" / "letters"
    course.mkdir(parents=True)
    package = Path(grader.__file__).parent / "execution" / f".planted-{half[0][:8]}"
    places = [course / "expected.json", Path(tempfile.gettempdir()) / f"planted-{half[0][:8]}", package]
    places = [place for place in places if os.access(place.parent, os.W_OK)]
    for place in places:
        place.write_text(planted)
        place.chmod(0o644)
    try:
        source = textwrap.dedent(_SEARCH).replace("SINCE", str(since))
        # In two halves: IPython keeps the cells it was given in a history file, which is searched too.
        answer = boxed(source.replace("PLANTED", f"({half[0]!r} + {half[1]!r})"))
    finally:
        for place in places:
            place.unlink()
    assert answer == "True []\n"


_LOOK = """
    import sys
    from pathlib import Path
    sys.path += ours
    from grader.execution.bubblewrap import Account, Boxed, launch_boxed, routes
    from grader.execution.canary import prove_box
    from grader.execution.layout import same_place
    from grader.execution.port import Limits
    from grader.model.errors import ExecutionError

    shown = same_place([Path(sys.prefix, worker)])
    boxed = Boxed((sys.executable, "-I", "-c", look), Limits(), {}, shown)
    print(launch_boxed(boxed, routes()[0], Account(), stdio=-1).communicate()[0].decode(), end="")
    try:
        prove_box()
    except ExecutionError as error:
        print(error.message.key)
"""


def test_an_installed_copy_of_the_package_is_masked(tmp_path: Path) -> None:
    """Installed as a wheel, in an environment below the home folder: of both only what is meant is shown.

    Of the package that is one program here. The canary agrees: it finds no fault but that this bare
    environment has no ipykernel.
    """
    executor_of("isolated")
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    site = next((environment / "lib").glob("python*/site-packages"))
    shutil.copytree(Path(grader.__file__).parent, site / "grader")
    (site / "other.txt").write_text("other")
    (tmp_path / "private.txt").write_text("private")
    ours = [path for path in sys.path if "-packages" in path]
    worker = site / "grader" / "verification" / "worker.py"
    folders = [str(site / "grader"), str(worker.parent), str(tmp_path)]
    look = f"import os; print(*map(os.listdir, {folders!r}), open({str(site / 'other.txt')!r}).read())"
    script = f"ours, look, worker = {ours!r}, {look!r}, {str(worker)!r}\n{textwrap.dedent(_LOOK)}"
    argv = [environment / "bin" / "python", "-c", script]
    env = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": ""}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, cwd=tmp_path)
    listed, found = done.stdout.splitlines()
    assert listed == "['verification'] ['worker.py'] ['env'] other", done.stderr
    assert found == "execution.box_no_kernel"

"""The sandboxes that are attacked, and what on the host they are to keep from harm."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "execution"))

from runs import PROBE, SHUT, close_all, executor_of

from grader.execution.bubblewrap import Account
from grader.execution.port import Executor


@pytest.fixture(scope="session")
def data() -> Iterator[Path]:
    """A folder of served data, open to all, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="served-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "letters").mkdir()
        (folder / "letters" / "x_train.npy").write_bytes(b"served")
        yield folder


@pytest.fixture(scope="session", autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_all()


@pytest.fixture(scope="module", params=SHUT)
def tier(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def executor(tier: str) -> Executor:
    return executor_of(tier)


@pytest.fixture(scope="session")
def targets() -> Iterator[dict[str, Any]]:
    """Files, sockets and a process of the very user that student code runs as, open to all."""
    # Not pytest's own folder, which is closed to others: only the sandbox may stand before these.
    folder = Path(tempfile.mkdtemp(prefix="attacked-"))
    victim = _victim()
    abstract = f"attacked-{secrets.token_hex(8)}"
    with (
        socket.create_server(("127.0.0.1", 0)) as port,
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
        socket.socket(socket.AF_UNIX) as nameless,
    ):
        for name in ("reference/solution.ipynb", "submissions/Ada/practica.ipynb", "home/.ssh/id_rsa"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("secret")
        (folder / "of-the-user").write_text("mine")
        if os.geteuid() == 0:
            os.chown(folder / "of-the-user", Account().uid, Account().gid)
        named.bind(str(folder / "socket"))
        datagrams.bind(str(folder / "datagrams"))
        nameless.bind(f"\0{abstract}")
        named.listen()
        nameless.listen()
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o777)
        yield {
            "reference": str(folder / "reference/solution.ipynb"),
            "submissions": str(folder / "submissions"),
            "submission": str(folder / "submissions/Ada/practica.ipynb"),
            "key": str(folder / "home/.ssh/id_rsa"),
            "open_folder": str(folder),
            "open_file": str(folder / "of-the-user"),
            "socket": str(folder / "socket"),
            "datagrams": str(folder / "datagrams"),
            "code": str(Path(sys.modules["grader"].__file__ or "").with_name("collect.py")),
            "libraries": str(Path(numpy.__file__).parent.parent),
            "probe": str(PROBE),
            "port": port.getsockname()[1],
            "abstract": abstract,
            "victim": victim.pid,
            "grader": os.getpid(),
        }
    victim.kill()
    victim.wait()
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def _victim() -> subprocess.Popen[bytes]:
    """A process of the user that student code runs as: ours, or the one that root drops to."""
    account = Account()
    ids: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []}
    return subprocess.Popen(["/bin/sleep", "600"], **(ids if os.geteuid() == 0 else {}))

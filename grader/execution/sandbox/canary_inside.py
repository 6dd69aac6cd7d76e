"""The canary: tries, inside a box, what student code must not be able to do. Runs as a script.

Its argument is one JSON object about the host: `secret` (a file), `package` (the grader's folder), `home`
and `private` (a folder and names in it), `pid` (the grader's), `port` (of a listener on loopback),
`abstract` (a socket's name) and `tier`.
It prints one JSON object (attack -> whether it failed, as it should) and waits for the end of its stdin.
"""

import ctypes
import errno
import importlib.util
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any


def main(target: Mapping[str, Any]) -> None:
    attacks: dict[str, Callable[[], object]] = {
        "read a file outside": lambda: open(target["secret"]).close(),
        "read the grader's code": lambda: open(os.path.join(target["package"], "canary.py")).close(),
        "list the user's home": lambda: _list_any(target["home"], target["private"]),
        "connect to the host": lambda: _connect(socket.AF_INET, ("127.0.0.1", target["port"])),
        "connect to an abstract socket": lambda: _connect(socket.AF_UNIX, f"\0{target['abstract']}"),
        "write beside the interpreter": lambda: _write(os.path.join(sys.prefix, "lib", "canary")),
        "write to the root": lambda: _write("/canary"),
        "see the grader's processes": _see_processes,
        "be root": _be_root,
        "make a namespace": _make_namespace,
        "make a memfd": lambda: os.memfd_create("canary"),
    }
    if target["tier"] == "isolated":
        # Landlock alone does not hide names.
        attacks["name files of the user's"] = lambda: _name_any(target["home"], target["private"])
        attacks["name the grader's code"] = lambda: os.stat(os.path.join(target["package"], "canary.py"))
    else:
        # In a pid namespace that number is another process's.
        attacks["signal the grader"] = lambda: os.kill(target["pid"], 0)
    held = {name: _failed(attack) for name, attack in attacks.items()}
    held["use a keyring"] = _keyring_refused()
    kernel = importlib.util.find_spec("ipykernel") is not None
    print(json.dumps({"held": held, "kernel": kernel}), flush=True)
    sys.stdin.read()


def _failed(attack: Callable[[], object]) -> bool:
    try:
        attack()
    except OSError:
        return True
    return False


def _list_any(folder: str, names: list[str]) -> None:
    # The folder itself may be there: empty, or with the way to an interpreter below it.
    if not set(names) & set(os.listdir(folder)):
        raise FileNotFoundError(folder)


def _name_any(folder: str, names: list[str]) -> None:
    if not any(os.path.lexists(os.path.join(folder, name)) for name in names):
        raise FileNotFoundError(folder)


def _connect(family: int, address: Any) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.settimeout(2)
        trial.connect(address)


def _write(path: str) -> None:
    with open(path, "x"):
        pass
    os.remove(path)


def _see_processes() -> None:
    # The box's first process and this one.
    if sum(name.isdigit() for name in os.listdir("/proc")) <= 3:
        raise PermissionError


def _be_root() -> None:
    if os.getuid() != 0:
        raise PermissionError
    os.setuid(0)


def _make_namespace() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(0x10000000) != 0:
        raise PermissionError


def _keyring_refused() -> bool:
    keyctl, session_keyring = 250, -3
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(keyctl, 0, session_keyring, 0) == -1 and ctypes.get_errno() == errno.EPERM


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

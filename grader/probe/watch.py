"""Refuses, while student code runs, what its source did not show: an audit hook.

Python tells audit hooks of everything that is compiled, and of calls that walk frames, objects or native
code; a hook cannot be taken out again. It looks at who asks: libraries do all of this rightly.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import threading
from collections.abc import Callable
from functools import cache
from types import FrameType
from typing import Any

from .doors import door
from .inside import INSIDE, means

REFUSED = frozenset(
    """sys._getframe marshal.load marshal.loads code.__new__ function.__new__ object.__getattr__""".split()
)
"""Events (Python's "Audit events table") that nobody's homework causes by its own hand."""
NEVER = frozenset(
    """gc.get_objects gc.get_referrers gc.get_referents sys._current_frames sys._current_exceptions
    sys.settrace sys.setprofile sys.addaudithook sys.monitoring.register_callback""".split()
)
"""Events that hand over everything there is, or all that happens: for whom does not matter."""
_TOOLS = re.compile(r"/(cProfile\.py|IPython/(core/magics/execution|extensions/autoreload)\.py|debugpy/)")
"""What may cause them all the same: %prun, %autoreload, and a debugger that asks as it is imported."""
_PRIVATE = re.compile(r"/proc/[^/]+/(?:fd|mem|environ|maps)|/dev/fd/")
_MAPS = "/proc/self/maps"
"""PyTorch reads there, as it is imported, which libraries are loaded."""
_RUNS_TEXT_FOR_OTHERS = ("<timeit-src>", "<input>", "<console>", "<stdin>")
_IN_BETWEEN = tuple(
    f"/{name}.py" for name in "inspect operator functools pickle os codecs bdb pdb trace".split()
)
"""Libraries that do what they are told: who called them is asked."""
_HAND_ON = frozenset(
    {"walk_tb", "walk_stack", "currentframe", "<lambda>", "_task_get_stack", "_modified_open"}
)
"""Functions of other libraries that do so: of `traceback`, `logging`, `asyncio` and IPython."""
_STREAMS = 2
"""The last descriptor that is everybody's."""


_DEPTH = 3
"""Frames between whoever caused an event and `asker`: the hook, `looked_at` and itself."""


class Refused(ValueError):
    """Student code reached into the interpreter. A ValueError, which IPython reports like any other."""


class RefusedFile(OSError):
    """A file that is not read, as if it were not there."""


def watch(tell: Callable[[str], object]) -> None:
    """Look on from now until the process ends; what is refused is told."""
    sys.addaudithook(_hook(trusted(), sys._getframe, tell))


def attributes(tell: Callable[[str], object]) -> Callable[..., Any]:
    """`getattr` as student code gets it: a name put together while it runs is looked at as well."""
    original = getattr

    def attribute(value: object, name: str, *default: object) -> object:
        if isinstance(name, str) and str.__str__(name) in INSIDE:
            tell(name)
            raise Refused(f"not allowed here: {name}")
        return original(value, name, *default)

    return door(attribute)


@cache
def trusted() -> tuple[str, ...]:
    """Where code of ours and of libraries lies."""
    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [sys.prefix, sys.base_prefix, "/usr/lib/python3", os.path.dirname(__file__)]
    real = [os.path.realpath(path) for path in paths]
    return ("<frozen", *dict.fromkeys([*paths, *real]))


def _hook(
    trusted: tuple[str, ...], frame_of: Callable[[int], FrameType], tell: Callable[[str], object]
) -> Callable[[str, Any], None]:
    # Of each thread: one that keeps the hook busy must not blind it to the others.
    local = threading.local()

    def strange(name: str) -> bool:
        return not name.startswith(trusted)

    def asker(named: str = "") -> str:
        """File of the code that caused the event, past libraries that only hand on.

        "" is nobody's: a library that does not so much as name what it calls was given it to call.
        """
        frame: FrameType | None = frame_of(_DEPTH)
        if frame is not None and named and named not in frame.f_code.co_names:
            return frame.f_code.co_filename if strange(frame.f_code.co_filename) else ""
        while frame is not None and _hands_on(frame, strange):
            frame = frame.f_back
        return frame.f_code.co_filename if frame is not None else ""

    def looked_at(event: str, args: Any) -> str:
        if event == "compile":
            return _compiled(args[0], str(args[1]), asker(), strange)
        if event == "open":
            if isinstance(args[0], int):
                return f"descriptor {args[0]}" if args[0] > _STREAMS and strange(asker()) else ""
            if args[0] == _MAPS and (cause := asker()).endswith("/torch/__init__.py") and not strange(cause):
                return ""
            return _opened(args[0], strange)
        if event in NEVER:
            return "" if _TOOLS.search(cause := asker()) and not strange(cause) else event
        if event not in REFUSED and not event.startswith("ctypes."):
            return ""
        named = ""
        if event == "object.__getattr__":
            named = str(args[1])
            if not named.endswith("frame"):
                return ""  # `inspect.signature` reads `__code__` for whoever asks
        elif event == "sys._getframe":
            named = "_getframe"
        return event if _unpacks(event, asker(named)) or strange(asker(named)) else ""

    @door
    def hook(event: str, args: Any) -> None:
        if getattr(local, "busy", False):
            return
        local.busy = True
        try:
            found = looked_at(event, args)
        finally:
            local.busy = False
        if found == _BYTECODE:
            raise RefusedFile(f"not allowed here: {found}")
        if found:
            tell(found)
            raise Refused(f"not allowed here: {found}")

    return hook


def _hands_on(frame: FrameType, strange: Callable[[str], bool]) -> bool:
    """Whether a library's function only does what its caller wants; a student's file is never one."""
    if strange(frame.f_code.co_filename):
        return False
    return frame.f_code.co_filename.endswith(_IN_BETWEEN) or frame.f_code.co_name in _HAND_ON


def _unpacks(event: str, asker: str) -> bool:
    """Whether bytecode comes out of an archive: no source of it is ever read."""
    return event.startswith("marshal.") and asker == "<frozen zipimport>"


_BYTECODE = "bytecode without a source"


def _opened(path: object, strange: Callable[[str], bool]) -> str:
    """What is wrong with opening a file; "" for nothing."""
    text = os.fsdecode(path) if isinstance(path, str | bytes) else ""
    if _PRIVATE.match(text):
        return text
    # Python reads it instead of a source that could be looked at.
    return _BYTECODE if text.endswith(".pyc") and strange(os.path.abspath(text)) else ""


def _compiled(source: object, file: str, asker: str, strange: Callable[[str], bool]) -> str:
    """What is wrong with a text about to be compiled; "" for a library's own."""
    from_student = strange(asker)
    borrowed = not strange(file) and not file.startswith("<frozen")
    if borrowed and (from_student or (asker.startswith("<frozen importlib") and not _holds(file, source))):
        return "compile(…) in a library's name"
    is_file = strange(file) and (not file.startswith("<") or file in _RUNS_TEXT_FOR_OTHERS)
    if not (from_student or is_file or "/IPython/" in asker):
        return ""
    if isinstance(source, bytes):
        source = source.decode("utf-8", "replace")
    if isinstance(source, str):
        return means(source)
    return "compile(…) of a syntax tree" if from_student else ""


def _holds(file: str, source: object) -> bool:
    """Whether a file holds this source: only then is it that file's."""
    try:
        with open(file, "rb") as stream:
            return stream.read() == source
    except OSError:
        return False

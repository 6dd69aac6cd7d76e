"""Refuses, while student code runs, what its source did not show: an audit hook.

Python tells audit hooks of everything that is compiled, and of calls that walk frames, objects or native
code; a hook cannot be taken out again. It looks at who asks: libraries do all of this rightly.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Callable
from types import FrameType
from typing import Any

from .inside import means

REFUSED = frozenset(
    """gc.get_objects gc.get_referrers gc.get_referents sys._getframe sys._current_frames sys.settrace
    sys.setprofile sys.addaudithook marshal.load marshal.loads code.__new__ function.__new__
    object.__getattr__""".split()
)
"""Events (Python's "Audit events table") that nobody's homework causes by its own hand."""
_PRIVATE = re.compile(r"/proc/[^/]+/(?:fd|mem|environ|maps)|/dev/fd/")
_RUNS_TEXT_FOR_OTHERS = ("<timeit-src>", "<input>", "<console>", "<stdin>")
_IN_BETWEEN = ("inspect.py", "operator.py", "functools.py")
"""Libraries that do what they are told: who called them is asked."""


_DEPTH = 3
"""Frames between whoever caused an event and `asker`: the hook, `looked_at` and itself."""


class Refused(ValueError):
    """Student code reached into the interpreter. A ValueError, which IPython reports like any other."""


def watch() -> None:
    """Look on from now until the process ends."""
    sys.addaudithook(_hook(_trusted(), sys._getframe))


def _trusted() -> tuple[str, ...]:
    """Where code of ours and of libraries lies."""
    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [sys.prefix, sys.base_prefix, "/usr/lib/python3", os.path.dirname(__file__)]
    real = [os.path.realpath(path) for path in paths]
    return ("<frozen", *dict.fromkeys([*paths, *real]))


def _hook(trusted: tuple[str, ...], frame_of: Callable[[int], FrameType]) -> Callable[[str, Any], None]:
    busy = False

    def strange(name: str) -> bool:
        return not name.startswith(trusted)

    def asker() -> str:
        """File of the code that caused the event, past libraries that only hand on."""
        frame: FrameType | None = frame_of(_DEPTH)
        while frame is not None and frame.f_code.co_filename.endswith(_IN_BETWEEN):
            frame = frame.f_back
        return frame.f_code.co_filename if frame is not None else ""

    def looked_at(event: str, args: Any) -> str:
        if event == "compile":
            return _compiled(args[0], str(args[1]), asker(), strange)
        if event == "open":
            path = args[0]
            return path if isinstance(path, str) and _PRIVATE.match(path) else ""
        if event == "object.__getattr__" and not str(args[1]).endswith("frame"):
            return ""  # `inspect.signature` reads `__code__` for whoever asks
        if event in REFUSED or event.startswith("ctypes."):
            return event if strange(asker()) else ""
        return ""

    def hook(event: str, args: Any) -> None:
        nonlocal busy
        if busy:
            return
        busy = True
        try:
            found = looked_at(event, args)
        finally:
            busy = False
        if found:
            raise Refused(f"not allowed here: {found}")

    return hook


def _compiled(source: object, file: str, asker: str, strange: Callable[[str], bool]) -> str:
    """What is wrong with a text about to be compiled; "" for a library's own."""
    from_student = strange(asker)
    is_file = strange(file) and (not file.startswith("<") or file in _RUNS_TEXT_FOR_OTHERS)
    if not (from_student or is_file) or "__autograph_generated" in file:
        return ""
    if isinstance(source, bytes):
        source = source.decode("utf-8", "replace")
    if isinstance(source, str):
        return means(source)
    return "compile(…) of a syntax tree" if from_student else ""

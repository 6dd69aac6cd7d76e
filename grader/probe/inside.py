"""What source code uses to reach into the interpreter that it runs in.

Evidence comes from a process that runs the student's code too, so code that walks closures, frames or
open descriptors could make the probe say anything. Homework about neural networks needs none of that. Read
before a run (`grader.screening`) and once more while it runs (`watch`), where text becomes code that no cell
showed. A parser cannot see everything: what carries points is verified by the rebuild besides.

Standard library only: this runs on both sides.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

INSIDE = frozenset(
    """__closure__ cell_contents __globals__ f_globals f_locals f_back f_builtins gi_frame tb_frame _getframe
    _current_frames settrace setprofile addaudithook get_objects get_referrers get_referents ctypes _ctypes
    __subclasses__ __builtins__ __getattribute__ attrgetter getattr_static getclosurevars currentframe
    meta_path path_hooks dup2 closerange fdopen sendmsg posix FunctionType CodeType marshal
    iopub_socket iopub_thread kernel_app""".split()
)
"""Names and attributes by which code gets at the interpreter, other frames, or open descriptors."""

DESCRIPTORS = frozenset({"write", "dup", "close", "pipe", "sendfile", "writev", "pwrite"})
"""Functions of `os` that take a bare descriptor."""

RUNS_TEXT = frozenset({"exec", "eval", "compile"})
"""A literal is read here; other text is read when it is compiled."""

SYSTEM = frozenset({"sys", "os", "gc", "builtins", "inspect", "types", "importlib", "posix"})
ONLY_DOTTED = frozenset({"sys", "os", "gc", "builtins"})
"""Modules that homework writes a dot after: handing one on, or renaming it, hides what is done with it."""

_TEXT = re.compile(r"_probe\b|evidence[-_]fd|/proc/[^/\s]+/(?:fd|mem|environ|maps)|/dev/fd")
_MAGIC = re.compile(r"^\s*[%!?].*$", re.MULTILINE)
_DEPTH = 3
Parse = Callable[[str], ast.Module | None]


def parsed(source: str) -> ast.Module | None:
    """The syntax tree; None for what is no Python."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def means(source: str, parse: Parse = parsed, depth: int = 0) -> str:
    """What a text of Python uses to reach into the interpreter; "" for ordinary code."""
    found = _TEXT.search(source)
    if found:
        return found[0]
    tree = parse(_MAGIC.sub("pass", source))
    if tree is None:
        return ""  # it will not run either, or IPython rewrites it: its names are ordinary text then
    for node, parent in _pairs(tree):
        used = _used(node, parent)
        if not used and isinstance(node, ast.Call):
            used = _read(node, parse, depth)
        if used:
            return used
    return ""


def _pairs(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    for parent in ast.walk(tree):
        for node in ast.iter_child_nodes(parent):
            yield node, parent


def _used(node: ast.AST, parent: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in INSIDE:
            return name
        case ast.Name(id=name) if name in ONLY_DOTTED and not isinstance(parent, ast.Attribute):
            return f"{name} as a value"
        case ast.Import(names=names):
            return _imported({n.name: n.asname for n in names})
        case ast.ImportFrom(module=module, names=names):
            return _imported_from(module or "", {n.name for n in names})
        case ast.Attribute(value=ast.Name(id=base), attr=name) if base in SYSTEM:
            return _of_system(base, name, parent)
        case ast.Attribute(value=ast.Attribute(attr="kernel"), attr=name) if (
            "session" in name or "pub" in name
        ):
            return f"kernel.{name}"
        case ast.Constant(value=str(text)) if text in INSIDE:
            return text
    return ""


def _imported(names: dict[str, str | None]) -> str:
    for name, renamed in names.items():
        if set(name.split(".")) & INSIDE:
            return name
        if renamed not in (None, name) and name in ONLY_DOTTED:
            return f"import {name} as {renamed}"
    return ""


def _imported_from(module: str, names: set[str]) -> str:
    found = {*module.split("."), *names} & INSIDE
    if module in ONLY_DOTTED:
        found |= names & {*DESCRIPTORS, "*", "modules", *RUNS_TEXT, "getattr"}
    return next((f"from {module} import {name}" for name in sorted(found)), "")


def _of_system(base: str, name: str, parent: ast.AST) -> str:
    told = f"{base}.{name}"
    if (base == "os" and name in DESCRIPTORS) or name == "__dict__":
        return told
    if base == "builtins" and name in {*RUNS_TEXT, "getattr", "vars"}:
        return told
    if told != "sys.modules" or isinstance(parent, ast.Compare):
        return ""  # "google.colab" in sys.modules is how notebooks ask where they are
    match parent:
        case ast.Subscript(slice=ast.Constant(value=named)) if named not in ONLY_DOTTED:
            return ""
    return told


def _read(call: ast.Call, parse: Parse, depth: int) -> str:
    """Calls that make a name or code out of text."""
    match call:
        case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(text)), *_]) if name in RUNS_TEXT:
            return means(text, parse, depth + 1) if depth < _DEPTH else name
        case ast.Call(func=ast.Name(id="__import__"), args=[first, *_]) if not isinstance(
            first, ast.Constant
        ):
            return "__import__(…)"
        case ast.Call(func=ast.Name(id="getattr"), args=[_, second, *_]) if _hides(second):
            return "getattr(…)"
    return ""


def _hides(name: ast.expr) -> bool:
    """Whether a name is put together in place, underscores among its pieces: f"Conv{n}D" is no such thing."""
    if isinstance(name, ast.Constant | ast.Name | ast.Attribute):
        return False
    pieces = [n.value for n in ast.walk(name) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    plain = isinstance(name, ast.JoinedStr | ast.Subscript) and not any("_" in piece for piece in pieces)
    return not plain

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
import unicodedata
from collections.abc import Callable, Iterator

INSIDE = frozenset(
    """__closure__ cell_contents __globals__ f_globals f_locals f_back f_builtins f_code f_generator gi_frame
    cr_frame ag_frame tb_frame _getframe _getframemodulename _current_frames _current_exceptions settrace
    setprofile settrace_all_threads setprofile_all_threads addaudithook get_objects get_referrers
    get_referents ctypes _ctypes cffi _cffi_backend __subclasses__ __builtins__ __getattribute__ __get__
    attrgetter getattr_static getclosurevars getinnerframes getouterframes getgeneratorlocals
    getcoroutinelocals currentframe walk_tb walk_stack meta_path path_hooks path_importer_cache dup2
    closerange fdopen sendmsg posix FunctionType LambdaType CodeType marshal SourcelessFileLoader py_compile
    zipimport process_vm_readv pidfd_getfd iopub_socket iopub_thread kernel_app""".split()
)
"""Names and attributes by which code gets at the interpreter, other frames, or open descriptors."""

DESCRIPTORS = frozenset({"write", "dup", "close", "pipe", "sendfile", "writev", "pwrite"})
"""Functions of `os` that take a bare descriptor."""

RUNS_TEXT = frozenset({"exec", "eval", "compile"})
"""A literal is read here; other text is read when it is compiled."""

_LOOKS_UP = frozenset({"methodcaller", "resolve_name", "locate"})
"""Functions that take a name as text."""

SYSTEM = frozenset({"sys", "os", "gc", "builtins", "inspect", "types", "importlib", "posix"})
ONLY_DOTTED = frozenset({"sys", "os", "builtins"})
"""Modules that homework writes a dot after: handing one on, or renaming it, hides what is done with it."""

_TEXT = re.compile(r"(?<!\w)_probe\b|evidence[-_]fd|/proc/[^/\s]+/(?:fd|mem|environ|maps)|/dev/fd")
_MAGIC = re.compile(r"^([ \t]*)([%!?].*)$", re.MULTILINE)
_WORD = re.compile(r"\w+")
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
    tree = parse(source)
    if tree is None:
        # IPython rewrites it: a line that begins with %, ! or ? is a command, and holds text of any kind.
        commands = " ".join(command for _, command in _MAGIC.findall(source))
        tree = parse(_MAGIC.sub(r"\1pass", source))
        named = _named(source if tree is None else commands)
        if named or tree is None:
            return named
    for node, parent in _pairs(tree):
        used = _used(node, parent)
        if not used and isinstance(node, ast.Call):
            used = _read(node, parse, depth)
        if used:
            return used
    return ""


def _named(text: str) -> str:
    """The first of the names above among the words of a text that no parser reads."""
    # As Python reads identifiers: other letters of the same meaning are the same letters (PEP 3131).
    words = _WORD.findall(unicodedata.normalize("NFKC", text))
    return next((word for word in words if word in INSIDE), "")


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
        case ast.MatchClass(kwd_attrs=names) if found := INSIDE.intersection(names):
            return min(found)
        case ast.Constant(value=str(text)):
            return _in_text(text)
    return ""


def _in_text(text: str) -> str:
    """A name in a string literal: the whole of it, or between underscores, as in "{0.__closure__}"."""
    if text in INSIDE:
        return text
    return next((word for word in _WORD.findall(text) if word.startswith("__") and word in INSIDE), "")


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
    if told == "sys.monitoring":
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
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *_]) if (
            name in _LOOKS_UP and _hides(first)
        ):
            return f"{name}(…)"
    return ""


def _hides(name: ast.expr) -> bool:
    """Whether a name is put together in place, underscores among its pieces: f"Conv{n}D" is no such thing."""
    if isinstance(name, ast.Constant | ast.Name | ast.Attribute):
        return False
    pieces = [n.value for n in ast.walk(name) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    plain = isinstance(name, ast.JoinedStr | ast.Subscript) and not any("_" in piece for piece in pieces)
    return not plain

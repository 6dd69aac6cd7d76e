"""Cells that reach into the interpreter are not run: the grade is that of the submission without them.

The probe shares a process with the student's code, so code that walks its closures or writes to its
descriptor can make it say anything. Homework about neural networks needs none of the means for that. A
cell that uses one is blanked before the run and named to the instructor: what it would have gained is not
gained, and the other cells are graded. This reads source, so it can be evaded by whoever tries hard; what
carries points is verified by the rebuild besides, and contradictions of that go to a person.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace

from grader.model.source import parse
from grader.model.submission import CellKind, Document

INSIDE = frozenset(
    """__closure__ cell_contents __globals__ f_globals f_locals f_back f_builtins gi_frame tb_frame _getframe
    _current_frames settrace setprofile addaudithook get_objects get_referrers get_referents ctypes _ctypes
    __subclasses__ meta_path path_hooks dup2 closerange fdopen sendmsg posix
    iopub_socket iopub_thread kernel_app""".split()
)
"""Names and attributes by which code gets at the interpreter, other frames, or open descriptors."""

DESCRIPTORS = frozenset({"write", "dup", "close", "pipe", "sendfile", "writev", "pwrite"})
"""Functions of `os` that take a bare descriptor."""

HIDDEN = frozenset({"exec", "eval", "compile", "__import__"})
"""They run text: a literal is read here too, anything else is code that nobody can see."""

SYSTEM = frozenset({"sys", "os", "gc", "builtins", "inspect", "types", "importlib", "posix"})

_TEXT = re.compile(r"_probe\b|evidence[-_]fd|/proc/(?:self|\d+)/(?:fd|mem|environ|maps)|/dev/fd")


@dataclass(frozen=True, slots=True)
class Screened:
    """The document to run, and (cell index, what it used) of every cell that was blanked."""

    document: Document
    blanked: tuple[tuple[int, str], ...] = ()


def screen(document: Document) -> Screened:
    """The document without the cells that reach into the interpreter."""
    cells = []
    blanked = []
    for cell in document.cells:
        means = _means(cell.source) if cell.kind is CellKind.CODE else ""
        if means:
            blanked.append((cell.index, means))
            cell = replace(cell, source="")
        cells.append(cell)
    return Screened(replace(document, cells=tuple(cells)), tuple(blanked))


def _means(source: str, depth: int = 0) -> str:
    """What a cell uses to reach into the interpreter; "" for an ordinary one."""
    found = _TEXT.search(source)
    if found:
        return found[0]
    tree = parse(re.sub(r"^\s*[%!?].*$", "pass", source, flags=re.MULTILINE))
    if tree is None:
        return ""  # it will not run either, or IPython rewrites it: its names are ordinary text then
    for node in ast.walk(tree):
        means = _of(node, depth)
        if means:
            return means
    return ""


def _of(node: ast.AST, depth: int) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in INSIDE:
            return name
        case ast.Import(names=names):
            return next((n.name for n in names if set(n.name.split(".")) & INSIDE), "")
        case ast.ImportFrom(module=module, names=names):
            said = {*(module or "").split("."), *(n.name for n in names)}
            return next(iter(said & INSIDE), "")
        case ast.Attribute(value=ast.Name(id="os"), attr=name) if name in DESCRIPTORS:
            return f"os.{name}"
        case ast.Attribute(value=ast.Attribute(attr="kernel"), attr=name) if (
            "session" in name or "pub" in name
        ):
            return f"kernel.{name}"
        case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in HIDDEN:
            return _run_text(name, first, depth)
        case ast.Call(func=ast.Name(id="getattr"), args=[ast.Name(id=name), second, *_]) if (
            name in SYSTEM and not isinstance(second, ast.Constant)
        ):
            return f"getattr({name}, …)"
        case ast.Constant(value=str(text)) if text in INSIDE:
            return text
    return ""


def _run_text(name: str, text: ast.expr, depth: int) -> str:
    if name == "eval" and _is_name(text):
        return ""
    if not isinstance(text, ast.Constant) or not isinstance(text.value, str) or depth > 3:
        return f"{name}(…)"
    return _means(text.value, depth + 1)


def _is_name(text: ast.expr) -> bool:
    """Whether a text can only be the name of a variable: eval(f"modelo_{i}") is clumsy, not hidden."""
    if not isinstance(text, ast.JoinedStr):
        return False
    parts = [part.value for part in text.values if isinstance(part, ast.Constant)]
    return bool(parts) and all(str(part).replace("_", "a").isalnum() for part in parts)

"""The notebooks of a reference folder: solution, accepted variants, mutants, and the starter."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from grader.course import Loaded
from grader.intake.limits import IntakeLimits
from grader.intake.notebook import parse_notebook
from grader.model.errors import CourseError, IntakeError
from grader.model.result import Status
from grader.model.submission import CellKind, Document


@dataclass(frozen=True, slots=True)
class Source:
    """One notebook of the instructor's, by the name it goes under in results."""

    name: str
    document: Document


@dataclass(frozen=True, slots=True)
class Mutant:
    """A solution with one fault, and the verdicts that must differ from the reference's.

    `equals` names the mutant that is the same without the trick: tampering must earn what that one does.
    """

    id: str
    why: str
    document: Document
    checks: Mapping[str, Status] = field(default_factory=dict)
    accuracy: bool = False
    tampering: bool = False
    equals: str | None = None


def solution(loaded: Loaded) -> Source:
    """The reference solution. Raises CourseError when it is missing."""
    return Source("reference", _read(loaded.reference / "solution.ipynb"))


def variants(loaded: Loaded) -> tuple[Source, ...]:
    """Accepted variants: correct and different."""
    return tuple(Source(p.stem, _read(p)) for p in sorted((loaded.reference / "variants").glob("*.ipynb")))


def starter(loaded: Loaded) -> Source | None:
    path = loaded.folder / "starter.ipynb"
    return Source("starter", _read(path)) if path.is_file() else None


def mutants(loaded: Loaded) -> tuple[Mutant, ...]:
    """Hand-written mutants of `mutants.toml`, in its order.

    Raises:
        CourseError: an edit that does not match exactly once, or an unknown status.
    """
    path = loaded.reference / "mutants.toml"
    if not path.is_file():
        return ()
    base = solution(loaded).document
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", [])
    return tuple(_mutant(entry, base, loaded.reference, path) for entry in entries)


def _mutant(entry: dict[str, object], base: Document, folder: Path, path: Path) -> Mutant:
    id = str(entry.get("id", "?"))
    try:
        document = _read(folder / str(entry["notebook"])) if "notebook" in entry else base
        for edit in _list(entry.get("edits")):
            document = _edited(document, str(edit["find"]), str(edit["replace"]))
        checks = {str(k): Status(str(v)) for k, v in _table(entry.get("checks")).items()}
    except (KeyError, ValueError, TypeError) as error:
        raise CourseError("course.bad_mutant", file=str(path), id=id, why=str(error)) from None
    equals = entry.get("equals")
    return Mutant(
        id,
        str(entry.get("why", "")),
        document,
        checks,
        bool(entry.get("accuracy", False)),
        bool(entry.get("tampering", False)),
        str(equals) if equals else None,
    )


def _list(value: object) -> list[dict[str, object]]:
    return [dict(item) for item in value] if isinstance(value, list) else []


def _table(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, dict) else {}


def _edited(document: Document, find: str, text: str) -> Document:
    """The document with one text replaced; it must stand there exactly once."""
    hits = sum(cell.source.count(find) for cell in document.cells)
    if hits != 1:
        raise ValueError(f"{find[:60]!r} stands {hits} times in the solution, not once")
    cells = tuple(replace(c, source=c.source.replace(find, text), saved=()) for c in document.cells)
    return replace(document, cells=cells)


def _read(path: Path) -> Document:
    try:
        return parse_notebook(path.read_bytes(), path.name, IntakeLimits()).document
    except (OSError, IntakeError) as error:
        raise CourseError("course.bad_reference", file=str(path), why=str(error)) from None


def until(document: Document, cell: int) -> Document:
    """The document's code up to a cell: enough to train again what an accuracy check looks at."""
    return replace(
        document, cells=tuple(c for c in document.cells if c.kind is not CellKind.CODE or c.index <= cell)
    )


def inputs_digest(loaded: Loaded) -> str:
    """SHA-256 over what expected values depend on: the definition, the starter and every reference source."""
    digest = hashlib.sha256()
    for path in sorted(_inputs(loaded)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _inputs(loaded: Loaded) -> Iterator[Path]:
    yield loaded.folder / "assignment.py"
    yield from loaded.folder.glob("starter.ipynb")
    yield from loaded.reference.glob("*.toml")
    yield from loaded.reference.rglob("*.ipynb")

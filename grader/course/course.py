"""Finds a course and loads its assignments, expected values and roster."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import msgspec

from grader.checks.regions import normal
from grader.model.assignment import Assignment
from grader.model.errors import CourseError
from grader.model.expected import Expected
from grader.model.submission import Student
from grader.model.text import LANGUAGES, Language

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """An assignment with what its references supply."""

    assignment: Assignment
    expected: Expected
    folder: Path
    reference: Path
    digest: str
    """Rubric digest: SHA-256 over the definition and the expected values; verdicts hold while it does."""


LIMITS = {
    "memory_gib": "memory_bytes",
    "scratch_gib": "scratch_bytes",
    "output_mib": "output_bytes",
    "evidence_mib": "evidence_bytes",
    "processes": "processes",
}
"""What [limits] of course.toml may hold, and the limit it is."""


@dataclass(frozen=True, slots=True)
class Course:
    """A folder of assignments. `language` is that of reports; the roster may be empty."""

    root: Path
    language: Language = "es"
    roster: tuple[Student, ...] = ()
    title: str = ""
    csv: str = ""
    """"comma" or "semicolon", for grades.csv; "": as the language does."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Limits of one submission's run that differ from the usual ones, in the units of LIMITS."""
    _cache: dict[str, Loaded] = field(default_factory=dict, repr=False, compare=False)

    def ids(self) -> tuple[str, ...]:
        folder = self.root / "assignments"
        return tuple(sorted(p.parent.name for p in folder.glob("*/assignment.py")))

    def load(self, id: str) -> Loaded:
        """The assignment of that id.

        Raises:
            CourseError: there is none, or its definition or expected values are wrong.
        """
        if id not in self._cache and id not in self.ids():
            raise _unknown(id, self.ids(), self.root / "assignments")
        if id not in self._cache:
            self._cache[id] = _load(self.root, id)
        return self._cache[id]

    def __iter__(self) -> Iterator[Loaded]:
        return (self.load(id) for id in self.ids())


def _unknown(id: str, known: tuple[str, ...], folder: Path) -> CourseError:
    meant = get_close_matches(id.casefold(), known, 3, 0.5)
    if meant:
        return CourseError("course.unknown_assignment.near", id=id, folder=str(folder), near=", ".join(meant))
    return CourseError("course.unknown_assignment", id=id, folder=str(folder))


def find_course(explicit: Path | None = None, *, start: Path | None = None) -> Course:
    """The course at `explicit`, else at the nearest folder upwards of `start` that has assignments.

    Raises:
        CourseError: no such folder, or a `course.toml` that is wrong.
    """
    if explicit is not None:
        if not (explicit / "assignments").is_dir():
            raise CourseError("course.no_assignments", folder=str(explicit))
        return _open(explicit.resolve())
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if any((folder / "assignments").glob("*/assignment.py")):
            return _open(folder)
    raise CourseError("course.not_found", folder=str(here))


def _open(root: Path) -> Course:
    path = root / "course.toml"
    if not path.is_file():
        return Course(root)
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CourseError("course.bad_toml", file=str(path), why=str(error)) from None
    language = settings.get("language", "es")
    if language not in LANGUAGES:
        raise CourseError("course.bad_language", file=str(path), language=str(language))
    csv = settings.get("csv", "")
    if csv not in {"", "comma", "semicolon"}:
        raise CourseError("course.bad_csv", file=str(path), csv=str(csv))
    roster, title = _roster(settings.get("roster", []), path), str(settings.get("title", ""))
    return Course(root, language, roster, title, csv, _limits(settings.get("limits", {}), path))


def _limits(given: object, path: Path) -> dict[str, float]:
    """By the names of `grader.execution.port.Limits`."""
    known = ", ".join(LIMITS)
    if not isinstance(given, dict) or not set(given) <= set(LIMITS):
        raise CourseError("course.bad_limits", file=str(path), limits=str(given)[:80], known=known)
    if not all(isinstance(value, int | float) and value > 0 for value in given.values()):
        raise CourseError("course.bad_limits", file=str(path), limits=str(given)[:80], known=known)
    return {LIMITS[name]: float(value) for name, value in given.items()}


def _roster(entries: object, path: Path) -> tuple[Student, ...]:
    if not isinstance(entries, list):
        raise CourseError("course.bad_roster", file=str(path), entry=str(entries)[:80])
    students = tuple(_student(entry, path) for entry in entries)
    keys = [student.key for student in students]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise CourseError("course.same_key", file=str(path), keys=", ".join(twice))
    return students


def _student(entry: object, path: Path) -> Student:
    """One `[[roster]]` entry: name, and any of id (the LMS's number), email, key."""
    kinds: dict[str, type | tuple[type, ...]] = {"name": str, "id": (str, int), "email": str, "key": str}
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise CourseError("course.bad_roster", file=str(path), entry=str(entry)[:80])
    if any(not isinstance(entry[field], kind) for field, kind in kinds.items() if field in entry):
        raise CourseError("course.bad_roster", file=str(path), entry=str(entry)[:80])
    key = entry.get("key", normal(entry["name"]).replace(" ", "-")[:KEY_LENGTH])
    if not _KEY.fullmatch(key):  # it becomes the name of files
        raise CourseError("course.bad_key", file=str(path), name=entry["name"], stem=key)
    lms_id = entry.get("id")
    return Student(key, entry["name"], str(lms_id) if lms_id is not None else None, entry.get("email"))


KEY_LENGTH = 60
_KEY = re.compile(rf"[a-z0-9](?:[a-z0-9-]{{0,{KEY_LENGTH - 1}}})")


def _load(root: Path, id: str) -> Loaded:
    folder, reference = root / "assignments" / id, root / "reference" / id
    definition = folder / "assignment.py"
    assignment = _execute(definition, id)
    expected = _expected(folder, reference, assignment)
    boilerplate = tuple(sorted(_boilerplate(folder)))
    stored = msgspec.json.encode(expected)
    digest = hashlib.sha256(definition.read_bytes() + b"\0" + stored).hexdigest()
    expected = msgspec.structs.replace(expected, boilerplate=boilerplate)
    return Loaded(assignment, expected, folder, reference, digest)


def _execute(definition: Path, id: str) -> Assignment:
    """Run an instructor's `assignment.py`: trusted code, unlike anything a student hands in."""
    name = f"_assignment_{normal(id).replace(' ', '_')}"
    spec = importlib.util.spec_from_file_location(name, definition)
    if spec is None or spec.loader is None:
        raise CourseError("course.bad_assignment", file=str(definition), why="not importable")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise CourseError("course.bad_assignment", file=str(definition), why=repr(error)[:300]) from error
    assignment = getattr(module, "assignment", None)
    if not isinstance(assignment, Assignment):
        raise CourseError("course.bad_assignment", file=str(definition), why="no `assignment` in it")
    problems = _problems(assignment, id)
    if problems:
        raise CourseError("course.bad_assignment", file=str(definition), why="; ".join(problems))
    return assignment


def _problems(assignment: Assignment, id: str) -> list[str]:
    """What is wrong with a definition, all of it."""
    found = [] if assignment.id == id else [f"id {assignment.id!r} is not the folder's name {id!r}"]
    ids = [check.id for check in assignment.checks]
    found += [f"check {c!r} appears twice" for c in sorted({c for c in ids if ids.count(c) > 1})]
    for exercise in assignment.exercises:
        found += [
            f"check {check.id!r} does not belong to exercise {exercise.id!r}"
            for check in exercise.checks
            if check.id.rpartition(".")[0] != exercise.id
        ]
    for check in assignment.checks:
        found += [f"check {check.id!r} needs {n!r}, which is not there" for n in check.needs if n not in ids]
        if check.points < 0:
            found.append(f"check {check.id!r} has negative points")
    return found


def _expected(folder: Path, reference: Path, assignment: Assignment) -> Expected:
    """Staff's expected values; on a student's machine only those of the visible checks."""
    for path in (reference / "expected.json", folder / "public.json"):
        if path.is_file():
            try:
                return msgspec.json.decode(path.read_bytes(), type=Expected)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise CourseError("course.bad_expected", file=str(path), why=str(error)) from None
    log.warning("assignment %s has no expected values yet", assignment.id)
    return Expected(assignment.id)


def _boilerplate(folder: Path) -> set[str]:
    """Normalised lines of the starter's prose and of the statements."""
    texts: list[str] = []
    for path in (folder / "starter.ipynb", *sorted(folder.glob("statement.*.md"))):
        if path.is_file():
            try:
                texts += _sources(path) if path.suffix == ".ipynb" else [path.read_text(encoding="utf-8")]
            except (ValueError, msgspec.DecodeError) as error:
                raise CourseError("course.bad_text", file=str(path), why=str(error)[:200]) from None
    lines = {line for text in texts for raw in text.splitlines() if (line := normal(raw))}
    digests = folder / "source-lines.txt"
    if digests.is_file():  # the original statement's lines, which are not ours to copy
        lines.update(digests.read_text(encoding="ascii").split())
    return lines


class _StarterCell(msgspec.Struct):
    source: str | list[str] = ""


class _Starter(msgspec.Struct):
    cells: list[_StarterCell]


def _sources(notebook: Path) -> list[str]:
    cells = msgspec.json.decode(notebook.read_bytes(), type=_Starter).cells
    return [cell.source if isinstance(cell.source, str) else "".join(cell.source) for cell in cells]

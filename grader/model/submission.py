"""What a student handed in, after intake and before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from grader.model.text import Message


class CellKind(StrEnum):
    CODE = "code"
    MARKDOWN = "markdown"
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class SavedOutput:
    """The text of one output as it was saved in the file: a claim, not a measurement."""

    text: str
    is_error: bool = False
    has_image: bool = False


@dataclass(frozen=True, slots=True)
class SourceCell:
    """One cell of the notebook as handed in. `index` counts all cells from 0."""

    index: int
    kind: CellKind
    source: str
    tags: tuple[str, ...] = ()
    saved: tuple[SavedOutput, ...] = ()


class Severity(StrEnum):
    NOTE = "note"
    WARNING = "warning"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about the hand-in that people must be told; FATAL means nothing can be graded."""

    severity: Severity
    message: Message


@dataclass(frozen=True, slots=True)
class Student:
    """Who a submission belongs to. `key` is a safe, unique file stem; `name` is for people."""

    key: str
    name: str
    lms_id: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One notebook or module. `cells` of a module are its `# %%` blocks (or one)."""

    path: str
    """Name within the submission, for people; never opened again."""
    cells: tuple[SourceCell, ...]
    language: str = "python"


@dataclass(frozen=True, slots=True)
class Submission:
    """Everything known about one hand-in without running it."""

    student: Student
    origin: str
    """The folder, archive member or file it came from, for people."""
    document: Document | None
    """The one document to grade; None when there is none (see `problems`)."""
    other_files: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    digest: str = ""
    """SHA-256 over the graded document's bytes (or over all bytes when there is no document)."""

    @property
    def fatal(self) -> Problem | None:
        return next((p for p in self.problems if p.severity is Severity.FATAL), None)

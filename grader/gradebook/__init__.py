"""The gradebook: SQLite by default, any SQLAlchemy URL; the one source of truth, with its audit log."""

from grader.gradebook.book import Gradebook
from grader.gradebook.errors import GradebookBusy, GradebookError
from grader.gradebook.run import Run
from grader.gradebook.values import Basis, Change, Entry, HandMark, Purged, RunRecord, Stored

__all__ = [
    "Basis",
    "Change",
    "Entry",
    "Gradebook",
    "GradebookBusy",
    "GradebookError",
    "HandMark",
    "Purged",
    "Run",
    "RunRecord",
    "Stored",
]

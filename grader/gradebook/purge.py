"""Removing a class's personal data, with nothing of it left in the file's free pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import delete, func, select

from grader.evidence.store import EvidenceStore
from grader.gradebook.database import Database
from grader.gradebook.errors import GradebookError
from grader.gradebook.tables import (
    AuditRow,
    GradingRow,
    HandMarkRow,
    ResultRow,
    RunRow,
    SubmissionRow,
    Table,
)
from grader.gradebook.values import Purged

_PERSONAL: tuple[type[Table], ...] = (ResultRow, GradingRow, HandMarkRow, SubmissionRow, AuditRow, RunRow)
"""Children first. Run rows name the staff who graded."""


def purge(database: Database, evidence: EvidenceStore | None, written: Sequence[Path]) -> Purged:
    """Remove files first, then rows: a purge that is interrupted leaves a gradebook that shows it.

    A link is removed, not followed. The caller holds the lock, and vacuums afterwards.

    Raises:
        GradebookError: a folder holds the gradebook, the current folder or the home folder, or a file
            cannot be removed. In the first case nothing at all was removed.
    """
    for path in written:
        _refuse_precious(path, database.file)
    try:
        pieces = 0 if evidence is None else evidence.clear()
        files = sum(_remove(path) for path in written)
    except OSError as error:
        raise GradebookError(
            "gradebook.not_removed", path=str(error.filename), why=str(error.strerror)
        ) from error
    students, rows = _remove_rows(database)
    return Purged(students=students, rows=rows, evidence=pieces, files=files)


def _remove_rows(database: Database) -> tuple[int, int]:
    with database.write() as session:
        students = session.scalar(select(func.count(SubmissionRow.student.distinct()))) or 0
        database.allow_audit_removal(session)
        rows = 0
        for table in _PERSONAL:
            rows += session.scalar(select(func.count()).select_from(table)) or 0
            session.execute(delete(table))
        database.guard_audit(session.connection())
    return students, rows


def _refuse_precious(path: Path, gradebook: Path | None) -> None:
    if path.is_symlink():
        return  # only the link itself goes
    folder = path.resolve()
    precious = [Path.cwd(), Path.home(), *([gradebook] if gradebook else [])]
    if any(other.resolve().is_relative_to(folder) for other in precious):
        raise GradebookError("gradebook.purge_refused", path=str(path))


def _remove(path: Path) -> int:
    """Remove a file, or a folder with all in it; how many files went. 0 when there is nothing."""
    if path.is_symlink() or path.is_file():
        path.unlink()
        return 1
    if not path.is_dir():
        return 0
    removed = sum(_remove(inner) for inner in list(path.iterdir()))
    path.rmdir()
    return removed

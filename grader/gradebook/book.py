"""The gradebook: the one source of truth about a class's grades."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType

import msgspec
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from grader.evidence.store import EvidenceStore
from grader.gradebook import codec
from grader.gradebook.database import Database
from grader.gradebook.errors import GradebookError
from grader.gradebook.lock import RunLock
from grader.gradebook.purge import purge
from grader.gradebook.run import Run, basis_of, current, find, recorded
from grader.gradebook.tables import AuditRow, GradingRow, HandMarkRow, RunRow, SubmissionRow, now
from grader.gradebook.values import Basis, Change, Entry, HandMark, Purged, RunRecord, Stored
from grader.model.budget import Level
from grader.model.outcome import State
from grader.model.result import ExerciseGrade, Grade


class Gradebook:
    """Open with `Gradebook.open`; close it, or use it in a `with` block.

    Reading and marking by hand work at any time, also beside a run; grading needs `run`.
    Every method raises GradebookError when the database fails.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, where: str | Path) -> Gradebook:
        """Open or make a gradebook: the path of an SQLite file, or any SQLAlchemy URL.

        Raises:
            GradebookError: it is something else, of another version, or cannot be reached.
        """
        return cls(Database(where))

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Gradebook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def run(self, command: str, by: str | None = None) -> Iterator[Run]:
        """Hold the gradebook for one command that grades.

        Raises:
            GradebookBusy: another run is working on it; the message names it.
        """
        by = by or user()
        with RunLock(self._database) as lock:
            number = self._begin_run(command, by)
            yield Run(self._database, lock, by)
            with self._database.write() as session:
                session.execute(update(RunRow).where(RunRow.id == number).values(ended=now()))

    def entries(self, assignment: str | None = None) -> tuple[Entry, ...]:
        """One line per student and assignment, by student key."""
        wanted = select(SubmissionRow).order_by(SubmissionRow.student, SubmissionRow.assignment)
        if assignment is not None:
            wanted = wanted.where(SubmissionRow.assignment == assignment)
        with self._database.read() as session:
            return tuple(_entry(session, row) for row in session.scalars(wanted))

    def is_done(self, student: str, assignment: str, basis: Basis) -> bool:
        """Whether the grading that counts was finished on just this basis, and not by a failure of ours."""
        wanted = basis.digest, basis.evidence, basis.rubric, basis.level.value
        with self._database.read() as session:
            row = find(session, student, assignment)
            grading = None if row is None else current(session, row)
            if grading is None or not grading.finished or grading.state == State.FAILED.value:
                return False
            return basis_of(grading) == wanted

    def seconds(self, student: str, assignment: str) -> float | None:
        """What the last finished grading of a work took; None when there was none."""
        with self._database.read() as session:
            row = find(session, student, assignment)
            grading = None if row is None else current(session, row)
            return grading.seconds if grading is not None and grading.finished else None

    def load(self, student: str, assignment: str) -> Stored:
        """All that is known of one student's work, every value as it was recorded.

        Raises:
            GradebookError: no such student.
        """
        with self._database.read() as session:
            row = recorded(session, self._database.name, student, assignment)
            return _stored(row, current(session, row), _marks(session, student, assignment))

    def marks(self, student: str, assignment: str) -> tuple[HandMark, ...]:
        """What people gave by hand to one student's work, by part."""
        with self._database.read() as session:
            return _marks(session, student, assignment)

    def mark(
        self, student: str, assignment: str, part: str, points: Decimal, *, by: str, comment: str = ""
    ) -> HandMark:
        """Give points by hand to a check or an exercise, in place of any given before.

        Raises:
            GradebookError: no such student, or points that are negative or not a number.
        """
        if not points.is_finite() or points < 0:
            raise GradebookError("gradebook.bad_points", points=str(points), part=part)
        with self._database.write() as session:
            submission = recorded(session, self._database.name, student, assignment)
            row = _mark_row(session, student, assignment, part)
            old = _mark_line(row)
            if row is None:
                row = HandMarkRow(student=student, assignment=assignment, part=part)
                session.add(row)
            row.points, row.by, row.comment = points, codec.column(by), codec.column(comment)
            row.digest, row.given = submission.digest, now()
            self._audit_mark(session, row, by=row.by, old=old, new=_mark_line(row))
            return codec.hand_mark(row)

    def unmark(self, student: str, assignment: str, part: str, *, by: str) -> bool:
        """Take a mark given by hand back; whether there was one."""
        with self._database.write() as session:
            row = _mark_row(session, student, assignment, part)
            if row is None:
                return False
            self._audit_mark(session, row, by=codec.column(by), old=_mark_line(row), new="")
            session.delete(row)
            return True

    def changes(self, student: str | None = None) -> tuple[Change, ...]:
        """The audit log, oldest first."""
        wanted = select(AuditRow).order_by(AuditRow.id)
        if student is not None:
            wanted = wanted.where(AuditRow.student == student)
        with self._database.read() as session:
            return tuple(
                Change(a.at, a.by, a.student, a.assignment, a.what, a.part, a.old, a.new)
                for a in session.scalars(wanted)
            )

    def runs(self) -> tuple[RunRecord, ...]:
        """Every command that graded into this gradebook, oldest first."""
        with self._database.read() as session:
            rows = session.scalars(select(RunRow).order_by(RunRow.id))
            return tuple(RunRecord(r.command, r.by, r.host, r.version, r.began, r.ended) for r in rows)

    def purge(self, evidence: EvidenceStore | None = None, written: Sequence[Path] = ()) -> Purged:
        """Remove every personal datum of the class: all rows, evidence, and the files written for people.

        `written` are the files and folders that reports went to; everything in those folders goes.
        Nothing is kept but an empty gradebook. See `grader.gradebook.purge` for what is refused.
        """
        with RunLock(self._database):
            purged = purge(self._database, evidence, written)
        self._database.vacuum()
        return purged

    def _begin_run(self, command: str, by: str) -> int:
        with self._database.write() as session:
            row = RunRow(
                command=codec.column(command), by=codec.column(by), host=socket.gethostname(),
                version=_version(), began=now(), ended=None,
            )  # fmt: skip
            session.add(row)
            session.flush()
            return row.id

    def _audit_mark(self, session: Session, mark: HandMarkRow, *, by: str, old: str, new: str) -> None:
        session.add(
            AuditRow(
                at=now(), by=by, student=mark.student, assignment=mark.assignment,
                what="hand_mark", part=mark.part, old=old, new=new,
            )
        )  # fmt: skip


def user() -> str:
    """The name of whoever runs this, for the audit log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"  # a container's user id without a name


def _version() -> str:
    try:
        return version("practical-grader")
    except PackageNotFoundError:
        return "source"


def _entry(session: Session, row: SubmissionRow) -> Entry:
    grading = current(session, row)
    state = None if grading is None or grading.state is None else State(grading.state)
    return Entry(row.student, row.name, row.assignment, state)


def _stored(row: SubmissionRow, grading: GradingRow | None, marks: tuple[HandMark, ...]) -> Stored:
    submission = codec.submission(row)
    if grading is None:
        return Stored(submission, row.assignment, None, None, None, submission.problems, 0.0, marks)
    state = State(grading.state) if grading.finished and grading.state else None
    return Stored(
        submission=submission,
        assignment=row.assignment,
        basis=Basis(grading.digest, grading.evidence, grading.rubric, Level(grading.level)),
        state=state,
        grade=_grade(grading),
        problems=codec.problems(grading.problems) if state else submission.problems,
        seconds=grading.seconds,
        marks=marks,
    )


def _grade(grading: GradingRow) -> Grade | None:
    """The grade as it was finished, or of what was journalled so far."""
    order: list[str] | None = msgspec.json.decode(grading.exercises, type=list[str] | None)
    if order is None:
        if grading.finished:
            return None
        order = list(dict.fromkeys(row.exercise for row in grading.results))
    parts = {
        exercise: tuple(codec.scored(row) for row in grading.results if row.exercise == exercise)
        for exercise in order
    }
    return Grade(tuple(ExerciseGrade(exercise, scored) for exercise, scored in parts.items()))


def _marks(session: Session, student: str, assignment: str) -> tuple[HandMark, ...]:
    wanted = (
        select(HandMarkRow)
        .where(HandMarkRow.student == student, HandMarkRow.assignment == assignment)
        .order_by(HandMarkRow.part)
    )
    return tuple(codec.hand_mark(row) for row in session.scalars(wanted))


def _mark_row(session: Session, student: str, assignment: str, part: str) -> HandMarkRow | None:
    wanted = select(HandMarkRow).where(
        HandMarkRow.student == student, HandMarkRow.assignment == assignment, HandMarkRow.part == part
    )
    return session.scalars(wanted).one_or_none()


def _mark_line(row: HandMarkRow | None) -> str:
    if row is None:
        return ""
    return f"{row.points} ({row.by}) {row.comment}".rstrip()

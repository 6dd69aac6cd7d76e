"""The tables of the gradebook, as typed mapped classes.

Numbers that carry marks are kept as text ("0.30", "1/3"): a database's own decimals are floats in
SQLite. Structured values are JSON, see `grader.gradebook.codec`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import DateTime, Dialect, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.dialects.mysql import LONGTEXT
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

SCHEMA = 1
"""Version of these tables, kept in `meta`."""

Id = String(255)
"""Keys have a length: MySQL cannot index text without one."""
Json = Text().with_variant(LONGTEXT(), "mysql", "mariadb")
"""Text in every database; MySQL's own TEXT ends at 64 kB and a notebook does not."""


class Exact(TypeDecorator[Decimal]):
    """A Decimal digit for digit: 0.30 stays 0.30."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class Ratio(TypeDecorator[Fraction]):
    """A Fraction as "n/d"."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Fraction | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Fraction | None:
        return None if value is None else Fraction(value)


class Utc(TypeDecorator[datetime]):
    """A moment in UTC. Not every database keeps the time zone, so none is asked to."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def now() -> datetime:
    return datetime.now(UTC)


class Table(DeclarativeBase):
    pass


class MetaRow(Table):
    """Name -> value: "schema"."""

    __tablename__ = "grader_meta"

    name: Mapped[str] = mapped_column(Id, primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class LockRow(Table):
    """At most one row: the run that works on this gradebook now."""

    __tablename__ = "run_lock"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    token: Mapped[str] = mapped_column(Id)
    host: Mapped[str] = mapped_column(Id)
    pid: Mapped[int]
    started: Mapped[float]
    """When that process started, seconds since 1970: tells it from a later one of the same pid."""
    since: Mapped[datetime] = mapped_column(Utc)
    beat: Mapped[datetime] = mapped_column(Utc)


class RunRow(Table):
    """One `grade` command. `ended` stays empty when it was stopped before its end."""

    __tablename__ = "run"

    id: Mapped[int] = mapped_column(primary_key=True)
    command: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Text)
    host: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    began: Mapped[datetime] = mapped_column(Utc)
    ended: Mapped[datetime | None] = mapped_column(Utc)


class SubmissionRow(Table):
    """The latest hand-in of one student for one assignment ("" when it was not recognised)."""

    __tablename__ = "submission"
    __table_args__ = (UniqueConstraint("student", "assignment"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    student: Mapped[str] = mapped_column(Id)
    assignment: Mapped[str] = mapped_column(Id)
    name: Mapped[str] = mapped_column(Text)
    lms_id: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    origin: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Id)
    document: Mapped[str | None] = mapped_column(Json, deferred=True)
    """Read only when it is asked for: it is most of the row, and journalling a check needs the rest."""
    other_files: Mapped[str] = mapped_column(Json)
    problems: Mapped[str] = mapped_column(Json)
    recorded: Mapped[datetime] = mapped_column(Utc)
    gradings: Mapped[list[GradingRow]] = relationship(
        back_populates="submission", cascade="all, delete-orphan", passive_deletes=True
    )


class GradingRow(Table):
    """Grading one submission on one basis. At most one is finished and one begun per submission."""

    __tablename__ = "grading"
    __table_args__ = (UniqueConstraint("submission_id", "finished"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(Id)
    evidence: Mapped[str] = mapped_column(Id)
    rubric: Mapped[str] = mapped_column(Id)
    level: Mapped[str] = mapped_column(Id)
    finished: Mapped[bool]
    state: Mapped[str | None] = mapped_column(Id)
    """Empty until it is finished."""
    exercises: Mapped[str] = mapped_column(Json)
    """Ids in the order of the grade; null for a grade that does not exist."""
    problems: Mapped[str] = mapped_column(Json)
    """All of them: the submission's and those met while it ran."""
    seconds: Mapped[float]
    began: Mapped[datetime] = mapped_column(Utc)
    ended: Mapped[datetime | None] = mapped_column(Utc)
    submission: Mapped[SubmissionRow] = relationship(back_populates="gradings")
    results: Mapped[list[ResultRow]] = relationship(
        back_populates="grading",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="ResultRow.position, ResultRow.id",
    )


class ResultRow(Table):
    """One check of one grading, written as soon as it was reached."""

    __tablename__ = "result"
    __table_args__ = (UniqueConstraint("grading_id", "check_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    grading_id: Mapped[int] = mapped_column(ForeignKey("grading.id", ondelete="CASCADE"))
    exercise: Mapped[str] = mapped_column(Id)
    check_id: Mapped[str] = mapped_column(Id)
    position: Mapped[int]
    status: Mapped[str] = mapped_column(Id)
    fraction: Mapped[Fraction] = mapped_column(Ratio)
    points: Mapped[Decimal] = mapped_column(Exact)
    earned: Mapped[Decimal] = mapped_column(Exact)
    message: Mapped[str] = mapped_column(Json)
    comparisons: Mapped[str] = mapped_column(Json)
    hint: Mapped[str] = mapped_column(Json)
    episode: Mapped[int | None]
    wants_retraining: Mapped[int | None]
    reached: Mapped[datetime] = mapped_column(Utc)
    grading: Mapped[GradingRow] = relationship(back_populates="results")


class HandMarkRow(Table):
    """A mark a person gave. Bound to student and part, not to a grading: it survives every regrade."""

    __tablename__ = "hand_mark"
    __table_args__ = (UniqueConstraint("student", "assignment", "part"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    student: Mapped[str] = mapped_column(Id)
    assignment: Mapped[str] = mapped_column(Id)
    part: Mapped[str] = mapped_column(Id)
    points: Mapped[Decimal] = mapped_column(Exact)
    by: Mapped[str] = mapped_column(Text)
    comment: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Id)
    """Of the hand-in the person saw: a newer one may need another look."""
    given: Mapped[datetime] = mapped_column(Utc)


class AuditRow(Table):
    """What changed, from what to what, by whom. Rows are added and never changed."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_student", "student", "assignment"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc)
    by: Mapped[str] = mapped_column(Text)
    student: Mapped[str] = mapped_column(Id)
    assignment: Mapped[str] = mapped_column(Id)
    what: Mapped[str] = mapped_column(Id)
    part: Mapped[str] = mapped_column(Id)
    old: Mapped[str] = mapped_column(Text)
    new: Mapped[str] = mapped_column(Text)

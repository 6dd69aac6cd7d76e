"""Opening the database: settings, schema version, and transactions.

SQLite runs in WAL mode with `synchronous=FULL`: what was committed survives `kill -9` and a power cut.
A write transaction begins with BEGIN IMMEDIATE, because one that starts as a reader and then writes
is refused at once, busy timeout or not, when another wrote in between.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from grader.gradebook.errors import GradebookError, database_errors
from grader.gradebook.tables import SCHEMA, MetaRow, Table

BUSY_SECONDS = 30.0
"""How long a write waits for another process's."""

_AUDIT_GUARDS = {
    "audit_no_update": "BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END",
    "audit_no_delete": "BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END",
}


class Database:
    """Sessions over one database. Threads of this process write one at a time."""

    def __init__(self, where: str | Path) -> None:
        """Open it, with its tables made when it is new.

        Raises:
            GradebookError: it is not a gradebook, is of a newer version, or cannot be opened.
        """
        url = _url(where)
        self.name = url.render_as_string(hide_password=True)
        self.file = _file(url)
        self._writing = threading.Lock()
        with database_errors(self.name):
            self._engine = _engine(url, self.file)
            self._writer = self._engine.execution_options(grader_write=True)
            try:
                self._prepare()
            except BaseException:
                self._engine.dispose()
                raise

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One snapshot: nothing another process commits meanwhile is seen."""
        with database_errors(self.name), Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: all of it is committed at the end, or none of it. Keep it short."""
        with self._writing, database_errors(self.name), Session(self._writer) as session, session.begin():
            yield session

    def allow_audit_removal(self, session: Session) -> None:
        """For a purge only: lift, until `guard_audit`, what keeps the audit log from shrinking."""
        if self.file is not None:
            for name in _AUDIT_GUARDS:
                session.execute(text(f"DROP TRIGGER IF EXISTS {name}"))

    def guard_audit(self, connection: Connection) -> None:
        if self.file is not None:
            for name, rule in _AUDIT_GUARDS.items():
                connection.execute(text(f"CREATE TRIGGER IF NOT EXISTS {name} {rule}"))

    def vacuum(self) -> None:
        """Rewrite the file without what was deleted, and empty the log beside it (SQLite only)."""
        if self.file is None:
            return
        with self._writing, database_errors(self.name):
            raw = self._engine.raw_connection()
            try:
                for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                    raw.cursor().execute(statement)
            except sqlite3.Error as error:
                raise GradebookError("gradebook.database", where=self.name, why=str(error)) from error
            finally:
                raw.close()

    def _prepare(self) -> None:
        with self._engine.connect() as connection:
            known = inspect(connection).has_table(MetaRow.__tablename__)
        if not known:
            with self._writer.begin() as connection:
                self._create(connection)
        with self.read() as session:
            stored = session.get(MetaRow, "schema")
        version = stored.value if stored else "?"
        if version != str(SCHEMA):
            raise GradebookError("gradebook.version", where=self.name, found=version, known=SCHEMA)

    def _create(self, connection: Connection) -> None:
        tables = inspect(connection).get_table_names()
        if MetaRow.__tablename__ in tables:
            return  # another process made them between our look and our transaction
        if tables:
            raise GradebookError("gradebook.not_ours", where=self.name)
        Table.metadata.create_all(connection)
        connection.execute(MetaRow.__table__.insert().values(name="schema", value=str(SCHEMA)))  # type: ignore[attr-defined]
        self.guard_audit(connection)


def _url(where: str | Path) -> URL:
    if isinstance(where, Path) or "://" not in where:
        return URL.create("sqlite", database=str(Path(where).absolute()))
    try:
        return make_url(where)
    except ArgumentError as error:
        raise GradebookError("gradebook.bad_url", why=str(error)[:200]) from error


def _file(url: URL) -> Path | None:
    """The file of an SQLite database; None for a server."""
    if url.get_backend_name() != "sqlite":
        return None
    if not url.database or url.database == ":memory:":
        # Each thread would get an empty database of its own.
        raise GradebookError("gradebook.in_memory")
    return Path(url.database)


def _engine(url: URL, file: Path | None) -> Engine:
    if file is not None:
        _make_private(file)
    try:
        # hide_parameters: neither logs nor errors repeat a student's data.
        engine = create_engine(url, hide_parameters=True, pool_pre_ping=file is None)
    except (NoSuchModuleError, ImportError) as error:
        raise GradebookError("gradebook.no_driver", where=url.drivername, why=str(error)[:200]) from error
    if file is not None:
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
    return engine


def _make_private(file: Path) -> None:
    """Make the file readable by its owner only; SQLite gives its log files the same mode."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise GradebookError("gradebook.database", where=str(file), why=str(error)) from error


def _configure(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the module must not begin transactions: `_begin` does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """Two processes that open a new file together: SQLite refuses one at once, without waiting."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(0.02)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("grader_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

"""One run at a time on a gradebook: a row that says who, which every database can hold.

On the same machine a lock is stale when its process is gone (same pid, other start time: gone too).
On another machine it is stale when its owner has not renewed it for `STALE_SECONDS`. A run that lost
its lock, say on a laptop that slept, finds out at its next write and stops.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import uuid
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType

import psutil
from sqlalchemy import delete, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from grader.gradebook.database import Database
from grader.gradebook.errors import GradebookBusy, GradebookError
from grader.gradebook.tables import LockRow, now

BEAT_SECONDS = 20.0
STALE_SECONDS = 180.0

_RANDOM_NODE = 1 << 40
"""Set in `uuid.getnode()` when the machine has no network card and the number is made up."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told apart from every other."""

    host: str
    pid: int
    started: float
    """Seconds since 1970."""

    @classmethod
    def this_process(cls) -> Owner:
        node = uuid.getnode()
        # Many machines are called "localhost": the network card's number tells them apart.
        card = "" if node & _RANDOM_NODE else f" {node:012x}"
        pid = os.getpid()
        return cls(socket.gethostname() + card, pid, psutil.Process(pid).create_time())


class RunLock:
    """Held from `acquire` to `release`, renewed by a thread of its own meanwhile."""

    def __init__(self, database: Database, owner: Owner | None = None) -> None:
        self._database = database
        self._owner = owner or Owner.this_process()
        self._token = secrets.token_hex(16)
        self._stop = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="gradebook-lock", daemon=True)

    def __enter__(self) -> RunLock:
        """Raises GradebookBusy, naming the owner, while another run holds it."""
        with self._database.write() as session:
            self._take(session)
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._stop.set()
        self._beating.join()
        with self._database.write() as session:
            session.execute(delete(LockRow).where(LockRow.token == self._token))

    def hold(self, session: Session) -> None:
        """Renew it within a write. Raises GradebookBusy when another run has taken it over."""
        renewed = session.execute(update(LockRow).where(LockRow.token == self._token).values(beat=now()))
        if isinstance(renewed, CursorResult) and renewed.rowcount != 1:
            raise GradebookBusy("gradebook.taken_over", where=self._database.name)

    def _take(self, session: Session) -> None:
        held = session.get(LockRow, 1, with_for_update=True)
        if held is not None:
            if not stale(held, self._owner):
                raise _busy(self._database.name, held)
            _log.warning("taking over the lock that pid %s on %s left behind", held.pid, held.host)
            session.delete(held)
            session.flush()
        owner, moment = self._owner, now()
        session.add(
            LockRow(
                id=1, token=self._token, host=owner.host, pid=owner.pid,
                started=owner.started, since=moment, beat=moment,
            )
        )  # fmt: skip

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            try:
                with self._database.write() as session:
                    self.hold(session)
            except GradebookError as error:
                # The next write of the run meets the same and raises it where someone listens.
                _log.warning("the gradebook's lock could not be renewed: %s", error)


def stale(held: LockRow, asking: Owner) -> bool:
    """Whether the owner of a lock is gone, as far as `asking`'s machine can tell."""
    if held.host != asking.host:
        return now() - held.beat > timedelta(seconds=STALE_SECONDS)
    try:
        process = psutil.Process(held.pid)
        same = abs(process.create_time() - held.started) < 2.0
        return not same or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def _busy(where: str, held: LockRow) -> GradebookBusy:
    return GradebookBusy(
        "gradebook.busy",
        where=where,
        pid=held.pid,
        host=held.host.split(" ")[0],
        since=held.since.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        minutes=round(STALE_SECONDS / 60),
    )

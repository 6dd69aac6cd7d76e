"""The zygotes of one executor: started ahead or when needed, replaced when dead, few at a time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from grader.execution.warm.host import Refused, Zygote
from grader.execution.warm.shelter import Place, Shelter
from grader.model.errors import ExecutionError

_IDLE = 1
"""Zygotes kept beside one that starts; each holds some 600 MB."""


@dataclass
class _Held:
    zygote: Zygote
    users: int = 0
    retired: bool = False
    """Gets no more jobs, and is closed when it has no users."""


class Pool:
    """Safe to use from several threads."""

    def __init__(self, shelter: Shelter) -> None:
        self._shelter = shelter
        self._held: dict[Place, _Held] = {}
        self._broken: dict[Place, str] = {}
        self._refusals: dict[Place, int] = {}
        self._lock = threading.Lock()
        self.closed = False

    @contextlib.contextmanager
    def lease(self, place: Place) -> Iterator[Zygote]:
        """The zygote of a place, which is not closed for another's sake meanwhile. Raises Refused."""
        with self._lock:
            held = self._find(place)
            held.users += 1
        try:
            self._wait(place, held)
            yield held.zygote
        except Refused as refused:
            with self._lock:
                self._retire(place, held, str(refused))
            raise
        finally:
            with self._lock:
                held.users -= 1
                if held.retired and held.users == 0:
                    held.zygote.close()

    def begin(self, place: Place) -> None:
        """Have the zygote of a place import while we go on; what becomes of it the first lease tells."""
        with contextlib.suppress(Refused), self._lock:
            self._find(place)

    def _wait(self, place: Place, held: _Held) -> None:
        """Until it has imported; others go on meanwhile. Raises Refused."""
        try:
            held.zygote.wait()
        except ExecutionError as error:
            with self._lock:
                # Not tried again for each job: an import that fails takes seconds to do so.
                self._broken[place] = str(error)
            raise Refused(str(error)) from error

    def close(self) -> None:
        """End them, and whatever they forked; the shelter too."""
        self.closed = True
        self.close_zygotes()
        self._shelter.close()

    def close_zygotes(self) -> None:
        """End them, and whatever they forked."""
        with self._lock:
            for held in self._held.values():
                held.zygote.close()
            self._held.clear()

    def _find(self, place: Place) -> _Held:
        if place in self._broken:
            raise Refused(self._broken[place])
        # The last in the order of the dictionary is the last one used.
        held = self._held.pop(place, None)
        if held is not None and not held.zygote.alive():
            held.zygote.close()
            held = None
        if held is None:
            self._make_room()
            held = _Held(self._start(place))
        self._held[place] = held
        return held

    def _retire(self, place: Place, held: _Held, why: str) -> None:
        """What refused once will refuse again; a second one that does is no accident."""
        held.retired = True
        if self._held.get(place) is held:
            del self._held[place]
        self._refusals[place] = self._refusals.get(place, 0) + 1
        if self._refusals[place] > 1:
            self._broken[place] = why

    def _start(self, place: Place) -> Zygote:
        try:
            return Zygote(place, self._shelter)
        except ExecutionError as error:
            self._broken[place] = str(error)
            raise Refused(str(error)) from error

    def _make_room(self) -> None:
        idle = [place for place, held in self._held.items() if held.users == 0]
        for place in idle[: max(0, len(idle) - _IDLE)]:
            self._held.pop(place).zygote.close()

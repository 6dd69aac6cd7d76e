"""`kill -9` in the middle of journalling: nothing committed is lost, nothing half written, nothing twice."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
from pathlib import Path

import pytest

from grader.gradebook import Gradebook
from grader.model.outcome import State

from .samples import ASSIGNMENT, BASIS, grade, outcome, submission
from .test_lock import python

KILLS = 20
STUDENTS = 12

# One warm process, so that the imports are paid once. It forks a child for each line it reads; the child
# grades the class as `grade` would, and is killed after so many seconds ("never" lets it finish).
FORK_AND_KILL = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[2])
from gradebook.samples import ASSIGNMENT, BASIS, grade, outcome, submission
from grader.gradebook import Gradebook

def grade_a_class(path, students, say):
    with Gradebook.open(path) as book, book.run("grade", by="marta") as run:
        say("started")
        for key in (f"s{number:02}" for number in range(students)):
            run.record_submission(submission(key), ASSIGNMENT.id)
            if book.is_done(key, ASSIGNMENT.id, BASIS):
                continue
            for exercise in grade().exercises:
                for one in exercise.scored:
                    run.journal(key, ASSIGNMENT.id, BASIS, exercise.exercise, [one])
                    say(f"{key} {one.result.check}")
            run.finish(outcome(submission(key)), BASIS)
            say(f"{key} finished")

print("ready", flush=True)
for line in sys.stdin:
    listen, speak = os.pipe()
    child = os.fork()
    if child == 0:
        grade_a_class(sys.argv[1], int(sys.argv[3]), lambda what: os.write(speak, (what + ";").encode()))
        os._exit(0)
    os.close(speak)
    said = os.read(listen, 65536)
    if line.strip() != "never":
        time.sleep(float(line))
        os.kill(child, signal.SIGKILL)
    while piece := os.read(listen, 65536):
        said += piece
    os.close(listen)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(status, said.decode(), flush=True)
"""

Said = list[tuple[str, str]]


class Grading:
    """The warm process, seen from the test."""

    def __init__(self, path: Path) -> None:
        self._process = python(FORK_AND_KILL, str(path), str(Path(__file__).parents[1]), str(STUDENTS))
        assert self._read() == "ready"

    def go(self, kill_after: str) -> tuple[int, Said]:
        """Grade the class, to its end or to a kill: the exit code and the whole sentences it said."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{kill_after}\n")
        self._process.stdin.flush()
        status, _, said = self._read().partition(" ")
        words = [tuple(sentence.split()) for sentence in said.split(";")[:-1]]
        return int(status), [(w[0], w[1]) for w in words if len(w) == 2]

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def stored(path: Path) -> tuple[set[tuple[str, str]], set[str]]:
    """(student, check) of every result there is, and the students whose grading is finished."""
    with Gradebook.open(path) as book:
        loaded = {e.student: book.load(e.student, e.assignment) for e in book.entries()}
    checks = [
        (key, s.result.check)
        for key, one in loaded.items()
        if one.grade
        for e in one.grade.exercises
        for s in e.scored
    ]
    assert len(checks) == len(set(checks))
    return set(checks), {key for key, one in loaded.items() if one.complete}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks a warm process, which Windows cannot")
def test_a_class_survives_twenty_kills(tmp_path: Path) -> None:
    """Killed at random moments and started again, a class is graded once and whole.

    After each kill, whatever the dead process had said was committed is there, and no grading that it
    had finished is done again.
    """
    path = tmp_path / "gradebook.sqlite"
    moments = random.Random(7)  # noqa: S311 (no secret)
    grading = Grading(path)
    done: set[str] = set()
    killed = 0
    for _ in range(KILLS):
        status, said = grading.go(f"{moments.uniform(0, 0.2):.4f}")
        killed += status == -signal.SIGKILL
        assert status in {0, -signal.SIGKILL}
        assert {key for key, _ in said} & done == set()
        done |= {key for key, what in said if what == "finished"}
        checks, finished = stored(path)
        assert done <= finished
        assert {one for one in said if one[1] != "finished"} <= checks
        _is_sound(path)
        if len(done) == STUDENTS:  # a fast machine: begin a new class, and go on killing
            _is_whole(path)
            _start_over(path)
            done = set()
    assert killed >= KILLS // 2  # they came in the middle, not after the end
    assert grading.go("never")[0] == 0
    grading.close()
    _is_whole(path)


def _start_over(path: Path) -> None:
    with Gradebook.open(path) as book:
        book.purge()


def _is_sound(path: Path) -> None:
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    database.close()


def _is_whole(path: Path) -> None:
    with Gradebook.open(path) as book:
        entries = book.entries()
        assert [e.student for e in entries] == [f"s{n:02}" for n in range(STUDENTS)]
        assert {e.state for e in entries} == {State.GRADED}
        for entry in entries:
            one = book.load(entry.student, ASSIGNMENT.id)
            assert one.grade == grade()
            assert one.basis == BASIS
            assert one.submission == submission(entry.student)
            assert one.problems == outcome().problems
        grades = [c.student for c in book.changes() if c.what == "grade"]
        assert sorted(grades) == sorted(set(grades))

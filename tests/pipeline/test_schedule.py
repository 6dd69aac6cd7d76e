"""Order, room and time of the submissions of a class."""

from __future__ import annotations

import threading
import time

import pytest

from grader.schedule import Admission, Estimate, Task, Threads, costs, in_order

GIB = 2**30


def test_what_is_done_comes_first_then_the_longest() -> None:
    """A second run shows its grades at once; a long one begun last would run alone at the end."""
    tasks = [Task(lambda: 0, cost) for cost in (3.0, 0.0, 9.0, 1.0)]
    assert [task.cost for task in in_order(tasks)] == [0.0, 9.0, 3.0, 1.0]


def test_costs_follow_earlier_runs() -> None:
    """Known seconds stay; others are judged by size at the median pace; without any, by size alone."""
    assert costs([10.0, None, 30.0, 0.0], [10, 5, 10, 4]) == [10.0, 15.0, 30.0, 0.0]
    assert costs([None, None], [7, 0]) == [7.0, 1.0]


def test_no_more_at_once_than_workers_and_all_results() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1
        return number

    tasks = [Task(lambda n=n: work(n), 1.0) for n in range(20)]  # type: ignore[misc]
    assert sorted(Threads(3, "test").results(tasks)) == list(range(20))
    assert most == 3


def test_memory_decides_who_may_begin() -> None:
    """The first always may; others where as much is free as runs take, those just begun counted too."""
    free, now = [5 * GIB], [0.0]
    admission = Admission(lambda: free[0], lambda: now[0])
    for peak in (3 * GIB, *[2 * GIB] * 18, 50 * GIB):
        admission.learn(peak)
    begun: list[str] = []

    def another(name: str) -> threading.Thread:
        def run() -> None:
            with admission:
                begun.append(name)
                time.sleep(0.6)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    with admission:
        # Of the five, two are the first one's to take yet.
        free[0] = 6 * GIB
        threads = [another("a")]
        time.sleep(0.2)
        assert begun == []
        now[0] = 30.0
        threads[0].join(5)
        assert begun == ["a"]
    free[0] = 0
    with admission:
        begun.append("first")
    assert begun == ["a", "first"]


def test_the_estimate_follows_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of what was expected took 30 s: the other half will, too."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    estimate = Estimate(20.0, _started=100.0)
    assert estimate.remaining() is None
    now[0] = 130.0
    estimate.finished(10.0)
    assert estimate.remaining() == pytest.approx(30.0)
    estimate.finished(10.0)
    assert estimate.remaining() == pytest.approx(0.0)

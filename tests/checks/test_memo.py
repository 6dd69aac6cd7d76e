"""What is remembered is what was computed of just these objects."""

from __future__ import annotations

from grader.checks.memo import by_identity


def test_the_same_objects_are_computed_once_and_equal_ones_anew() -> None:
    """Also when an object is gone and another has its place in memory."""
    calls: list[list[int]] = []

    @by_identity(2)
    def total(values: list[int], *, twice: bool = False) -> int:
        calls.append(values)
        return sum(values) * (2 if twice else 1)

    first, second = [1, 2], [1, 2]
    assert [total(first), total(first), total(second), total(first, twice=True)] == [3, 3, 3, 6]
    assert len(calls) == 3
    assert [total([n]) for n in range(100)] == list(range(100))

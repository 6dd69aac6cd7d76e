"""Source is read from several grading threads at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from grader.model.source import parse

LONG = "\n".join(f"x_{i} = [f({i}, {{'a': ({i}, -{i})}}) for _ in range(3)]" for i in range(400))


def test_many_threads_read_at_once() -> None:
    """Without the lock CPython 3.11 raises SystemError here within a few rounds."""
    with ThreadPoolExecutor(8) as pool:
        trees = list(pool.map(parse, [LONG] * 64))
    assert all(tree is not None and len(tree.body) == 400 for tree in trees)


def test_what_is_no_python_is_none() -> None:
    for source in ("a b c (", "x = \0", "(" * 5000 + ")" * 5000):
        assert parse(source) is None

"""For all tests: the files that take longest run first, so that none of them runs alone at the end."""

from __future__ import annotations

import pytest

LONGEST = (
    "pipeline/test_many_kills.py",
    "pipeline/test_class.py",
    "execution/test_ordinary_user.py",
    "cli/test_commands.py",
    "execution/test_contract.py",
    "execution/test_warm.py",
    "pipeline/test_kill.py",
    "cli/test_self_check.py",
    "attacks/",
    "probe/",
    "cli/",
)
"""The ends of their paths, or folders: two minutes to some ten seconds on two cores."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _place(item.nodeid))


def _place(node: str) -> int:
    return next((place for place, part in enumerate(LONGEST) if f"/{part}" in node), len(LONGEST))

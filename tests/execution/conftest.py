"""Fixtures shared by the tests of execution."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from runs import TIERS, executor_of, job

from grader.execution.port import Executor, Limits, RawRun


@pytest.fixture
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of served data, with one file that a cell can read; pytest's own folders are private."""
    folder = tmp_path_factory.mktemp("served")
    folder.chmod(0o755)
    (folder / "letters").mkdir()
    (folder / "letters" / "x_train.npy").write_bytes(b"served")
    return folder


@pytest.fixture(params=TIERS)
def executor(request: pytest.FixtureRequest) -> Executor:
    return executor_of(request.param)


@pytest.fixture
def run(executor: Executor, data: Path) -> Callable[..., RawRun]:
    """Runs sources as the code cells of one notebook."""

    def run(*sources: str, wall: float = 60, cell: float = 30, limits: Limits | None = None) -> RawRun:
        return executor.run(job(*sources, data=data, wall=wall, cell=cell, limits=limits))

    return run

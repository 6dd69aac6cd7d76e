"""Fixtures shared by the tests of execution."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from runs import TIERS, close_all, executor_of, job

from grader.execution.port import Executor, Limits, RawRun
from grader.execution.warm.executor import WarmKernelExecutor


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of served data, with one file that a cell can read; pytest's own folders are private."""
    folder = tmp_path_factory.mktemp("served")
    folder.chmod(0o755)
    (folder / "letters").mkdir()
    (folder / "letters" / "x_train.npy").write_bytes(b"served")
    return folder


@pytest.fixture(scope="session")
def warmed(data: Path) -> Iterator[None]:
    """Zygotes that run already, and until the end: no test is charged with their start."""
    for tier in ("warm", "confined"):
        with contextlib.suppress(pytest.skip.Exception):
            executor = executor_of(tier)
            assert isinstance(executor, WarmKernelExecutor)
            executor.run(job("1", data=data))
    yield
    close_all()


@pytest.fixture(params=TIERS)
def executor(request: pytest.FixtureRequest, warmed: None) -> Executor:
    return executor_of(request.param)


@pytest.fixture
def run(executor: Executor, data: Path) -> Callable[..., RawRun]:
    """Runs sources as the code cells of one notebook."""

    def run(*sources: str, wall: float = 60, cell: float = 30, limits: Limits | None = None) -> RawRun:
        return executor.run(job(*sources, data=data, wall=wall, cell=cell, limits=limits))

    return run

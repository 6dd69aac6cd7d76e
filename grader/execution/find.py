"""Finds the best executor of this machine: the first tier that holds when it is attacked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from grader.execution.canary import prove_box
from grader.execution.isolated import BoxedKernelExecutor
from grader.execution.port import Executor
from grader.execution.unprotected import UnprotectedExecutor
from grader.execution.warm.boxes import Boxes
from grader.execution.warm.executor import WarmKernelExecutor
from grader.execution.warm.fences import Fences
from grader.execution.warm.prove import prove_fork
from grader.model.errors import ExecutionError

_LOG = logging.getLogger(__name__)


def best_executor(
    *, allow_unprotected: bool, container: bool = False, scripts: Sequence[Path] = ()
) -> Executor:
    """See `grader.execution.find_executor`."""
    tiers: tuple[Callable[[Sequence[Path]], Executor], ...] = (isolated, confined)
    refused: list[ExecutionError] = []
    for tier in tiers:
        try:
            return tier(scripts)
        except ExecutionError as error:
            _LOG.info("no %s tier: %s", tier.__name__, error)
            refused.append(error)
    if container:
        return UnprotectedExecutor(tier="container")
    if not allow_unprotected:
        raise refused[0]  # the remedy of the better tier
    _LOG.warning("running unprotected: %s", "; ".join(map(str, refused)))
    return UnprotectedExecutor()


def isolated(scripts: Sequence[Path] = ()) -> Executor:
    """In boxes; each kernel started anew where none can be forked. Raises ExecutionError."""
    route, proven = prove_box()
    cold = BoxedKernelExecutor(route, proven)
    shelter = Boxes(route)
    try:
        return WarmKernelExecutor(prove_fork(shelter), shelter, cold, scripts=scripts)
    except ExecutionError as error:
        _LOG.warning("no kernel is forked on this machine, each is started anew: %s", error)
        return cold


def confined(scripts: Sequence[Path] = ()) -> Executor:
    """Behind fences, where no box can be made. Raises ExecutionError."""
    shelter = Fences()
    try:
        return WarmKernelExecutor(prove_fork(shelter), shelter, scripts=scripts)
    except ExecutionError:
        shelter.close()
        raise

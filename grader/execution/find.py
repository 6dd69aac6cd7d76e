"""Finds the best executor of this machine: the first tier that holds when it is attacked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from grader.execution.bubblewrap import routes
from grader.execution.canary import prove_box
from grader.execution.isolated import BoxedKernelExecutor
from grader.execution.port import Executor, First
from grader.execution.unprotected import UnprotectedExecutor
from grader.execution.warm.boxes import Boxes
from grader.execution.warm.executor import WarmKernelExecutor
from grader.execution.warm.fences import Fences
from grader.execution.warm.prove import prove_fork
from grader.execution.warm.shelter import Shelter
from grader.execution.warm.zygotes import Zygotes
from grader.model.errors import ExecutionError

_LOG = logging.getLogger(__name__)


def best_executor(
    *,
    allow_unprotected: bool,
    container: bool = False,
    scripts: Sequence[Path] = (),
    first: First | None = None,
) -> Executor:
    """See `grader.execution.find_executor`."""
    tiers: tuple[Callable[[Sequence[Path], First | None], Executor], ...] = (isolated, confined)
    refused: list[ExecutionError] = []
    for tier in tiers:
        try:
            return tier(scripts, first)
        except ExecutionError as error:
            _LOG.info("no %s tier: %s", tier.__name__, error)
            refused.append(error)
    if container:
        return UnprotectedExecutor(tier="container")
    if not allow_unprotected:
        raise refused[0]  # the remedy of the better tier
    _LOG.warning("running unprotected: %s", "; ".join(map(str, refused)))
    return UnprotectedExecutor()


def isolated(scripts: Sequence[Path] = (), first: First | None = None) -> Executor:
    """In boxes; each kernel started anew where none can be forked. Raises ExecutionError."""
    likely, *_ = routes()
    zygotes = _begun(Boxes(likely), scripts, first)
    try:
        route, proven = prove_box()
    except ExecutionError:
        zygotes.close()
        raise
    if route is not likely:
        zygotes.close()
        zygotes = _begun(Boxes(route), scripts, first)
    cold = BoxedKernelExecutor(route, proven)
    try:
        return _proved(zygotes, cold)
    except ExecutionError as error:
        _LOG.warning("no kernel is forked on this machine, each is started anew: %s", error)
        return cold


def confined(scripts: Sequence[Path] = (), first: First | None = None) -> Executor:
    """Behind fences, where no box can be made. Raises ExecutionError."""
    return _proved(_begun(Fences(), scripts, first))


def _begun(shelter: Shelter, scripts: Sequence[Path], first: First | None) -> Zygotes:
    """They import while the canary attacks their shelter: nobody's code is in it before that is over."""
    zygotes = Zygotes(shelter, scripts=scripts)
    if first is not None:
        zygotes.begin(first.data, first.threads)
    return zygotes


def _proved(zygotes: Zygotes, cold: BoxedKernelExecutor | None = None) -> WarmKernelExecutor:
    """Raises ExecutionError when the shelter does not hold."""
    try:
        return WarmKernelExecutor(prove_fork(zygotes.shelter), zygotes, cold)
    except ExecutionError:
        zygotes.close()
        raise

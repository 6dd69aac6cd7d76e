"""Finds the best executor of this machine."""

from __future__ import annotations

import logging

from grader.execution.canary import prove_box
from grader.execution.isolated import BoxedKernelExecutor
from grader.execution.port import Executor
from grader.execution.unprotected import UnprotectedExecutor
from grader.execution.warm.executor import WarmKernelExecutor
from grader.execution.warm.prove import prove_fork
from grader.model.errors import ExecutionError

_LOG = logging.getLogger(__name__)


def best_executor(*, allow_unprotected: bool) -> Executor:
    """See `grader.execution.find_executor`."""
    try:
        proven = prove_box()
    except ExecutionError as error:
        if not allow_unprotected:
            raise
        _LOG.warning("running unprotected: %s", error)
        return UnprotectedExecutor()
    cold = BoxedKernelExecutor(proven)
    try:
        return WarmKernelExecutor(prove_fork(proven.route), cold)
    except ExecutionError as error:
        _LOG.warning("no kernel is forked on this machine, each is started anew: %s", error)
        return cold

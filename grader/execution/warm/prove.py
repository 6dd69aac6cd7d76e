"""Whether boxes forked from a zygote hold on this machine, found by attacking one."""

from __future__ import annotations

from functools import cache

from grader.execution.bubblewrap import Account, Route
from grader.execution.canary import CANARY, Proven, prove
from grader.execution.port import Limits
from grader.execution.warm.host import Order, Place, Refused, Zygote
from grader.execution.warm.process import WarmProcess
from grader.model.errors import ExecutionError


@cache
def prove_fork(route: Route) -> Proven:
    """Attack from a box that a zygote without libraries forked. Once per process.

    Raises ExecutionError when it is not forked or an attack succeeds.
    """
    zygote = Zygote(Place((CANARY,)), route, Account())

    def start(argv: tuple[str, ...]) -> WarmProcess:
        return zygote.fork(Order(argv, Limits(), piped=True))

    try:
        return prove(route, start, warm=True)
    except Refused as refused:
        raise ExecutionError("execution.box_refused", reason=str(refused)) from refused
    finally:
        zygote.close()

"""Whether what a zygote forks is kept in on this machine, found by attacking from one."""

from __future__ import annotations

from grader.execution.canary import SCRIPT, Proven, prove
from grader.execution.port import Limits
from grader.execution.processes import Piped
from grader.execution.warm.host import Order, Refused, Zygote
from grader.execution.warm.shelter import Place, Shelter
from grader.model.errors import ExecutionError


def prove_fork(shelter: Shelter) -> Proven:
    """Attack from a child of a zygote without libraries.

    Raises ExecutionError when it is not forked or an attack succeeds.
    """
    shown = shelter.shown(SCRIPT, "/opt/kernel/canary.py")
    zygote = Zygote(Place((shown,)), shelter)

    def start(arguments: tuple[str, ...]) -> Piped:
        return zygote.fork(Order((shown.target, *arguments), Limits(), zygote.room(), piped=True))

    try:
        zygote.wait()
        return prove(shelter.tier, start, warm=True)
    except Refused as refused:
        raise ExecutionError("execution.box_refused", reason=str(refused)) from refused
    finally:
        zygote.close()

"""The notebooks' own work in a warm process: no kernel, no sandbox, no evidence. What no grader can beat.

    python benchmarks/limit.py COUNT WORKERS

Imports the libraries, then forks a process for each notebook that runs its cells one after the other, so
many at once. Prints the seconds it took after the imports.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time

import workload


def run(number: int) -> None:
    names: dict[str, object] = {}
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        for source in workload.CELLS:
            exec(source.replace("{number}", str(number)), names)  # noqa: S102 - our own
        # A notebook shows its figure, which draws it.
        exec("plt.gcf().savefig(io.BytesIO(), bbox_inches='tight')", names | {"io": io})  # noqa: S102


def main(count: int, workers: int) -> None:
    os.environ["MPLBACKEND"] = "agg"
    exec(workload.IMPORTS, {})  # noqa: S102 - our own
    began = time.monotonic()
    alive = 0
    for number in range(count):
        if alive == workers:
            os.wait()
            alive -= 1
        if os.fork() == 0:
            run(number)
            os._exit(0)
        alive += 1
    for _ in range(alive):
        os.wait()
    print(f"{time.monotonic() - began:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

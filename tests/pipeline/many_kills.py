"""Grades a class in a forked child for each line it reads, and kills the child after so many seconds.

    python -m tests.pipeline.many_kills COURSE SUBMISSIONS OUT

A line is a number of seconds, or "never". The answer is one line of JSON: {"status": exit status,
"done": keys of the students whose grades were said to be reached, "fresh": those that something was run
for, "left": command lines of the child's processes that outlived it}.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import psutil

from grader.cli.workshop import Workshop
from grader.course import find_course
from grader.execution.canary import prove_box
from grader.execution.warm.boxes import Boxes
from grader.execution.warm.executor import WarmKernelExecutor
from grader.execution.warm.frameworks import KERNEL
from grader.execution.warm.prove import prove_fork
from grader.execution.warm.zygotes import Zygotes
from grader.intake import collect
from grader.model.budget import Level
from grader.pipeline import Grader


def grade(course: Path, submissions: Path, out: Path, speak: int) -> None:
    """As `grade` does it; the zygote imports no framework, since these notebooks use none."""
    found = find_course(course)
    shelter = Boxes(prove_box()[0])
    executor = WarmKernelExecutor(prove_fork(shelter), Zygotes(shelter, modules=KERNEL))
    shop = Workshop(found, out, Level.QUICK, 1, 2, _executor=executor)
    handed_in = collect(submissions, scratch=out / "scratch")
    with shop, shop.book() as book, book.run("grade") as run:
        grader = Grader(found, book, shop.store, shop.served, shop.bench, shop.settings)
        for outcome in grader.grade(run, handed_in):
            word = "reused" if outcome.reused else "fresh"
            os.write(speak, f"{outcome.submission.student.key} {word} {outcome.state}\n".encode())


def main(course: Path, submissions: Path, out: Path) -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        listen, speak = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(listen)
            grade(course, submissions, out, speak)
            os._exit(0)
        os.close(speak)
        below: list[psutil.Process] = []
        if line.strip() != "never":
            time.sleep(float(line))
            below = psutil.Process(child).children(recursive=True)
            os.kill(child, signal.SIGKILL)
        said = os.fdopen(listen).read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        _, left = psutil.wait_procs(below, timeout=5)
        words = [sentence.split() for sentence in said.splitlines()]
        answer = {
            "status": status,
            "done": [key for key, _, _ in words],
            "fresh": [key for key, word, _ in words if word == "fresh"],
            "states": sorted({state for _, _, state in words}),
            "left": [str(process) for process in left],
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

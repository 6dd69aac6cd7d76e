"""Grades the same notebooks with us, nbgrader and otter-grader, in one run, and prints the table.

    python benchmarks/compare.py [--counts 10 30 100] [--tools nbgrader otter-grader] [--keep FOLDER]

Ours runs with its sandbox, probe, evidence, checks and reports, from an empty output folder, its start-up
included. Each tool has two processes, or as many as there are cores when that is fewer. The limit is the
notebooks' own work in a warm process (`limit.py`). Machines are shared and noisy: ratios within one run are
what counts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Protocol

import others
import psutil
import workload

HERE = Path(__file__).parent
WORKERS = 2
THREADS = {
    **dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"),
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
}


class Tool(Protocol):
    """A grader with its class ready to be graded."""

    name: str

    def grade(self) -> None: ...
    def points(self) -> float: ...


class Ours:
    """`grade` as an instructor types it."""

    name = "practical-grader"

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.peak = 0
        workload.write(folder / "submissions", count)

    def grade(self) -> None:
        words = ["run", str(self.folder / "submissions"), "--course", str(HERE / "course")]
        words += ["--out", str(self.folder / "grades"), "--data", "stand-in", "-j", str(WORKERS)]
        process = subprocess.Popen(
            [sys.executable, "-m", "grader", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        watch = threading.Thread(target=self._watch, args=(psutil.Process(process.pid),), daemon=True)
        watch.start()
        _, said = process.communicate()
        if process.returncode:
            raise RuntimeError(said.decode()[-2000:])

    def _watch(self, process: psutil.Process) -> None:
        """The most that the grader's own process held."""
        while True:
            try:
                self.peak = max(self.peak, process.memory_info().rss)
            except psutil.Error:
                return
            time.sleep(0.2)

    def points(self) -> float:
        """Of the students who have all of theirs."""
        import csv

        with (self.folder / "grades" / "grades.csv").open(encoding="utf-8-sig") as stream:
            return float(sum(row["earned"] == "10" for row in csv.DictReader(stream)))


def limit(count: int) -> float:
    """Seconds of the notebooks' own work."""
    command = [sys.executable, str(HERE / "limit.py"), str(count), str(WORKERS)]
    done = subprocess.run(command, env=os.environ | THREADS, capture_output=True, text=True, check=True)
    return float(done.stdout)


def timed(tool: Tool) -> float:
    began = time.monotonic()
    tool.grade()
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--tools", nargs="*", default=["nbgrader", "otter-grader"])
    parser.add_argument("--keep", type=Path, default=HERE / ".environments")
    options = parser.parse_args()
    programs = {tool: others.environment(tool, options.keep) for tool in options.tools}
    print("| notebooks | limit | ours | × limit | " + " | ".join(f"{t} | × ours" for t in programs) + " |")
    print("|---" * (4 + 2 * len(programs)) + "|")
    for count in options.counts:
        folder = Path(tempfile.mkdtemp(prefix="bench-"))
        ours = Ours(folder / "ours", count)
        least, taken = limit(count), timed(ours)
        assert ours.points() == count, "not every notebook got all its points"
        cells = [f"{count}", f"{least:.1f} s", f"{taken:.1f} s", f"{taken / least:.2f}"]
        for name, place in programs.items():
            kind = others.NbGrader if name == "nbgrader" else others.Otter
            other: Tool = kind(place, folder / name, count)
            seconds = timed(other)
            assert other.points() == len(others.TESTS) * count, f"{name} did not grade every notebook"
            cells += [f"{seconds:.1f} s", f"{seconds / taken:.1f}"]
        print(f"| {' | '.join(cells)} |   peak of the grader itself {ours.peak / 2**20:.0f} MiB", flush=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

"""Grades every sample submission as one class and compares it with what was written down: `make samples`.

    python -m tests.grade_samples OUT [SLUG ...]

Prints each difference, the review rate of the checks that a machine can decide, and how long it took; a
second call with the same OUT runs nothing. Exit status 1 when anything differs.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from grader.cli.workshop import Workshop, cores
from grader.course import find_course
from grader.model.budget import Level
from grader.report.write import write_reports
from tests.samples import Sample, build, differences, grade, review_rate, samples

SECONDS = 240.0
"""Enough for every sample that ends; those that never do should not hold up the class for longer."""


def main(out: Path, slugs: list[str]) -> int:
    wanted = [s for s in samples() if not slugs or s.slug in slugs]
    folder = out / "submissions"
    shutil.rmtree(folder, ignore_errors=True)
    wanted = [s for s in wanted if _handed_in(s, folder)]
    shop = Workshop(
        find_course(Path(__file__).parents[1]), out / "grades", Level.QUICK, 1, cores(), timeout=SECONDS
    )
    started = time.monotonic()
    with shop:
        outcomes = grade(shop, folder)
    taken = time.monotonic() - started
    expected = {loaded.assignment.id: loaded.expected for loaded in shop.course}
    page = write_reports(list(outcomes.values()), shop.out, expected, "es")
    found = differences(wanted, outcomes)
    print("\n".join(found))
    blind = [outcomes[s.number] for s in wanted if s.blind and s.number in outcomes]
    rate, points = review_rate(blind)
    print(f"{len(outcomes)} submissions of {len(wanted)} in {taken:.1f} s, {len(found)} differences; {page}")
    print(f"review rate of machine checks, blind samples: {rate:.1%} of {points} points")
    return 1 if found else 0


def _handed_in(sample: Sample, folder: Path) -> bool:
    try:
        sample.hand_in(folder)
    except build.CannotBuild as error:
        print(f"left out: {error}")
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))

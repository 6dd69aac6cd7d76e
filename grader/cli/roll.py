"""Who is graded now: nobody's grade is replaced by "not handed in" unless that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.gradebook.values import Entry
from grader.model.errors import UsageError
from grader.model.outcome import State
from grader.model.submission import Submission
from grader.pipeline import ABSENT

_WORK = frozenset({State.GRADED, State.UNREADABLE, State.FAILED})


@dataclass(frozen=True, slots=True)
class Roll:
    submissions: tuple[Submission, ...]
    """To be graded or recorded as absent."""
    kept: tuple[str, ...] = ()
    """Names of those who are not among the hand-ins and keep the grade they have."""
    absent_from: str | None = None
    """The practical that the absent are absent from, where it is known."""


def call_roll(
    handed_in: Sequence[Submission],
    entries: Sequence[Entry],
    practicals: Sequence[str],
    path: Path,
    *,
    replace: bool,
) -> Roll:
    """Compare the hand-ins with the gradebook.

    Args:
        practicals: ids that the hand-ins were recognised as (or the one that was named); none when there
            is nothing to recognise.
        replace: whether an absence may take the place of a grade.

    Raises:
        UsageError: none of the students graded before is among the hand-ins: a wrong or empty folder; or
            their grades are to be replaced and it is not known for which practical.
    """
    graded = _graded(entries, practicals)
    missing = [s for s in handed_in if is_absent(s) and s.student.key in graded]
    present = {s.student.key for s in handed_in if not is_absent(s)}
    if missing and not replace and present.isdisjoint(graded):
        raise UsageError("cli.would_replace", n=len(missing), path=str(path))
    home = sorted(set(practicals) or {e.assignment for e in entries if e.assignment})
    if replace and missing and len(home) != 1:
        raise UsageError("cli.replace_which", known=", ".join(home))
    stay = set() if replace else {s.student.key for s in missing}
    return Roll(
        tuple(s for s in handed_in if s.student.key not in stay),
        tuple(s.student.name for s in handed_in if s.student.key in stay),
        home[0] if len(home) == 1 else None,
    )


def is_absent(submission: Submission) -> bool:
    fatal = submission.fatal
    return fatal is not None and fatal.message.key == ABSENT


def _graded(entries: Sequence[Entry], practicals: Sequence[str]) -> set[str]:
    """Students with work of these practicals in the gradebook; of any, when none is known."""
    return {e.student for e in entries if e.state in _WORK and (not practicals or e.assignment in practicals)}

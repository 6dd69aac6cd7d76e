"""Which assignment a document belongs to, from what is in it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from grader.model.assignment import Assignment
from grader.model.submission import Document

ENOUGH = 0.5
"""Share of an assignment's words that must appear before a document is taken for it."""


def score(document: Document, assignment: Assignment) -> float:
    """0 to 1: the share of the assignment's telling words found; spaces and case do not count.

    The starter's contract names and a name that says which practical it is settle ties.
    """
    text = "\n".join(cell.source for cell in document.cells).casefold()
    source = re.sub(r"\s+", "", text)
    words = assignment.recognise or (assignment.data,)
    found = sum(word in source for word in words) / len(words)
    names = {name for exercise in assignment.exercises for name in exercise.contract}
    used = sum(bool(re.search(rf"\b{re.escape(name)}\b", text)) for name in names)
    named = assignment.id.casefold() in document.path.casefold()
    return min(1.0, found + 0.02 * used + 0.3 * named)


def recognise(document: Document, assignments: Iterable[Assignment]) -> Assignment | None:
    """The assignment a document fits best; None when none fits well or two fit alike."""
    ranked = sorted(((score(document, a), a.id, a) for a in assignments), reverse=True, key=lambda r: r[:2])
    if not ranked or ranked[0][0] < ENOUGH:
        return None
    if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
        return None
    return ranked[0][2]

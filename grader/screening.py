"""Cells that reach into the interpreter are not run: the grade is that of the submission without them.

A cell that uses one of the means of `grader.probe.inside` is blanked before the run and named to the
instructor: what it would have gained is not gained, and the other cells are graded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from grader.model.source import parse
from grader.model.submission import CellKind, Document
from grader.probe.inside import means


@dataclass(frozen=True, slots=True)
class Screened:
    """The document to run, and (cell index, what it used) of every cell that was blanked."""

    document: Document
    blanked: tuple[tuple[int, str], ...] = ()


def screen(document: Document) -> Screened:
    """The document without the cells that reach into the interpreter."""
    cells = []
    blanked = []
    for cell in document.cells:
        used = means(cell.source, parse) if cell.kind is CellKind.CODE else ""
        if used:
            blanked.append((cell.index, used))
            cell = replace(cell, source="")
        cells.append(cell)
    return Screened(replace(document, cells=tuple(cells)), tuple(blanked))

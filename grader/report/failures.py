"""The cells that failed: the first causes, in plain words, apart from what only follows from them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from grader.model.evidence import Cell, Ended, Evidence
from grader.report import clean
from grader.report.words import Words

EXPLAINED = frozenset(
    {
        "AttributeError",
        "FileNotFoundError",
        "ImportError",
        "IndentationError",
        "IndexError",
        "KeyError",
        "MemoryError",
        "ModuleNotFoundError",
        "NameError",
        "ResourceExhaustedError",
        "ResultTooLarge",
        "SyntaxError",
        "TimeoutError",
        "TypeError",
        "UsageError",
        "ValueError",
        "ZeroDivisionError",
    }
)
"""Exceptions with a sentence of their own, `report.error.<name>`; the others share `report.error.other`."""

_NOT_DEFINED = re.compile(r"name '(\w{1,100})' is not defined")
_CASCADES = frozenset({"NameError", "UnboundLocalError"})
_DEFINES = re.compile(r"(?:async |def |class |import |from |for |with )")
_NAME = re.compile(r"[^\W\d]\w*")
_SOURCE_LINES = 12
_SOURCE_CHARS = 1_200


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed cell. `follows` is the number of the cell whose failure explains it, None for a cause."""

    number: int
    """Counts the code cells of the notebook from 1."""
    kind: str
    sentence: str
    words: str
    """The last line of the error: what Python itself says."""
    source: str
    details: str
    follows: int | None


def failures(evidence: Evidence, words: Words) -> tuple[Failure, ...]:
    """Every failed cell, in the order of the notebook."""
    failed = [cell for cell in evidence.cells if cell.kind == "code" and not cell.ok]
    numbers = code_numbers(evidence)
    givers: dict[str, int] = {}
    found: list[Failure] = []
    for cell in failed:
        found.append(_failure(cell, numbers[cell.index], givers, words))
        for name in _given_names(cell.source):
            givers.setdefault(name, numbers[cell.index])
    return tuple(found)


def code_numbers(evidence: Evidence) -> dict[int, int]:
    """The number of each code cell by its index: counted from 1 among code cells, as Jupyter's `[n]` counts
    them when the notebook is run from the top."""
    code = (cell.index for cell in evidence.cells if cell.kind == "code")
    return {index: number for number, index in enumerate(code, 1)}


def code_cells(evidence: Evidence) -> tuple[int, int]:
    """(code cells that ran, code cells in all)."""
    code = [cell for cell in evidence.cells if cell.kind == "code"]
    return sum(cell.ran for cell in code), len(code)


def stopped_early(evidence: Evidence) -> bool:
    """Whether the run ended before the notebook did."""
    return evidence.ended not in {Ended.COMPLETED, Ended.NOT_RUN}


def _failure(cell: Cell, number: int, givers: dict[str, int], words: Words) -> Failure:
    kind = clean.line(cell.error, 80)
    known = kind if kind in EXPLAINED else "other"
    return Failure(
        number=number,
        kind=kind,
        sentence=words.say(f"report.error.{known}", error=kind or "?"),
        words=_last_line(cell.error_text),
        source=_excerpt(cell.source),
        details=clean.block(cell.error_text[-clean.BLOCK_CHARS :]),
        follows=_cause(cell, givers),
    )


def _cause(cell: Cell, givers: dict[str, int]) -> int | None:
    """The earlier failed cell that should have given the missing name its value."""
    missing = _NOT_DEFINED.search(cell.error_text[-2_000:]) if cell.error in _CASCADES else None
    return givers.get(missing[1]) if missing else None


def _given_names(source: str) -> set[str]:
    """Names that a cell would have defined, by a rough but linear reading: a student wrote the text."""
    heads = (
        text if _DEFINES.match(text) else text.partition("=")[0] if "=" in text else ""
        for text in (row.strip()[:1_000] for row in source.splitlines())
    )
    return {name for head in heads for name in _NAME.findall(head)}


def _last_line(text: str) -> str:
    lines = [x for x in clean.block(text[-clean.BLOCK_CHARS :]).splitlines() if x.strip()]
    return clean.line(lines[-1]) if lines else ""


def _excerpt(source: str) -> str:
    lines = clean.block(source, _SOURCE_CHARS).strip("\n").splitlines()
    more = ["…"] if len(lines) > _SOURCE_LINES else []
    return "\n".join(lines[:_SOURCE_LINES] + more)

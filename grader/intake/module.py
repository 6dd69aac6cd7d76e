"""A Python module to a Document: its `# %%` blocks are the cells, as editors and jupytext write them."""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from dataclasses import dataclass

from grader.intake.limits import IntakeLimits
from grader.intake.notebook import Parsed
from grader.intake.text import decode, source_text
from grader.model.errors import IntakeError
from grader.model.submission import CellKind, Document, Problem, Severity, SourceCell
from grader.model.text import Message

_MARKER = re.compile(r"^#\s*(?:%%(?P<title>.*)|In\s?\[[ \d*]*\]:?\s*|<(?P<old>codecell|markdowncell)>\s*)$")
"""`# %%` of VS Code, Spyder and jupytext; `# In[3]:` of nbconvert; `# <codecell>` of old exports."""
_KIND = re.compile(r"\[(?P<kind>markdown|md|raw)\]")
_TAGS = re.compile(r"\btags=\[(?P<tags>[^\]]*)\]")
_HEADER = re.compile(r"\A# ---\n(?:#.*\n)*?# ---\n")
"""jupytext's own metadata at the top of a file."""
_DECLARED = frozenset({"ascii", "iso8859-1", "iso8859-15", "cp1252", "cp850", "mac-roman"})
"""Encodings taken from a `coding:` line. Not every codec is harmless: idna is quadratic."""
_TOKENIZED_CHARS = 500_000
"""Above this the tokenizer, which is slow, is not asked."""


def parse_module(data: bytes, path: str, limits: IntakeLimits) -> Parsed:
    """The module in these bytes; raises IntakeError when it is empty or no text."""
    if not data.strip(b" \t\r\n\0"):
        raise IntakeError("intake.empty_file", file=path)
    if b"\0" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise IntakeError("intake.not_a_module", file=path)
    text, whole = _text(data)
    if len(text) > limits.cell_source_chars:
        raise IntakeError("intake.module_too_long", file=path, limit=limits.cell_source_chars)
    cells = _cells(_HEADER.sub("", source_text(text)), limits)
    if not any(cell.kind is CellKind.CODE and cell.source.strip() for cell in cells):
        raise IntakeError("intake.empty_file", file=path)
    problems = () if whole else (Problem(Severity.WARNING, Message("intake.encoding", {"file": path})),)
    return Parsed(Document(path, cells), problems)


def _text(data: bytes) -> tuple[str, bool]:
    """By the file's `coding:` line when it has one that holds, else as any other text."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if codecs.lookup(encoding).name in _DECLARED:
            return data.decode(encoding), True
    except (SyntaxError, UnicodeError, LookupError):
        pass
    return decode(data)


@dataclass(frozen=True, slots=True)
class _Block:
    marker: str
    """The marker's text after `# %%`; "" before the first one."""
    lines: tuple[str, ...]


def _cells(source: str, limits: IntakeLimits) -> tuple[SourceCell, ...]:
    blocks = _blocks(source)
    if len(blocks) > limits.cells:
        # No person writes so many: without cells nothing is lost but the places of errors.
        blocks = [_Block("", tuple(source.split("\n")))]
    return tuple(_cell(index, block) for index, block in enumerate(blocks))


def _blocks(source: str) -> list[_Block]:
    lines = source.split("\n")
    rows = [row for row in _comment_rows(source, lines) if _MARKER.match(lines[row].rstrip())]
    first = _Block("", tuple(lines[: rows[0]] if rows else lines))
    ends = [*rows[1:], len(lines)]
    blocks = [
        _Block(_title(lines[row]), tuple(lines[row + 1 : end])) for row, end in zip(rows, ends, strict=False)
    ]
    before = [first] if not rows or any(line.strip() for line in first.lines) else []
    return before + blocks


def _comment_rows(source: str, lines: list[str]) -> list[int]:
    """Rows (from 0) that begin with a comment: `# %%` within a string literal divides nothing."""
    starting = [row for row, line in enumerate(lines) if line.startswith("#")]
    if not starting or len(source) > _TOKENIZED_CHARS:
        return starting
    try:
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        comments = {t.start[0] - 1 for t in tokens if t.type == tokenize.COMMENT and t.start[1] == 0}
    except (tokenize.TokenError, SyntaxError, ValueError, RecursionError):
        # Magics and unfinished code do not tokenize; the student's blocks are still there.
        return starting
    return [row for row in starting if row in comments]


def _title(line: str) -> str:
    found = _MARKER.match(line.rstrip())
    if found is None:
        return ""
    return "[markdown]" if found["old"] == "markdowncell" else (found["title"] or "").lstrip("%")


def _cell(index: int, block: _Block) -> SourceCell:
    kind = _KIND.search(block.marker)
    tags = _TAGS.search(block.marker)
    names = tuple(t.strip(" '\"") for t in tags["tags"].split(",")) if tags else ()
    body = "\n".join(block.lines).strip("\n")
    tags_kept = tuple(name[:100] for name in names[:32] if name)
    if kind is None:
        return SourceCell(index, CellKind.CODE, body, tags_kept)
    cell_kind = CellKind.RAW if kind["kind"] == "raw" else CellKind.MARKDOWN
    return SourceCell(index, cell_kind, _uncommented(body), tags_kept)


def _uncommented(body: str) -> str:
    """Markdown written as comments, or between triple quotes."""
    for quotes in ('"""', "'''"):
        if body.startswith(quotes) and body.rstrip().endswith(quotes) and len(body) >= 6:
            return body.rstrip()[3:-3].strip("\n")
    return "\n".join(re.sub(r"^#\s?", "", line) for line in body.split("\n"))

"""A notebook's bytes to a Document, or to a plain sentence that says why not.

Read by our own few lines and not by `nbformat.read`: that raises on what students really hand in
(missing ids, a cell without outputs, no `nbformat_minor`), validates 50 MB of saved outputs we do not
keep, and here nothing needs more than source, tags and text. A test holds this reader to nbformat's
own upgrade on every version that is in use. Nothing in a notebook is obeyed: not its kernel, not tags.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from grader.intake.limits import IntakeLimits
from grader.intake.outputs import OutputReader, text_of
from grader.intake.text import decode, for_people, source_text
from grader.model.errors import IntakeError
from grader.model.submission import CellKind, Document, Problem, Severity, SourceCell
from grader.model.text import Message

_KINDS = {
    "code": CellKind.CODE,
    "markdown": CellKind.MARKDOWN,
    "heading": CellKind.MARKDOWN,  # nbformat 3
    "html": CellKind.MARKDOWN,  # nbformat 3
    "raw": CellKind.RAW,
}
_PYTHON = re.compile(r"^(i?python|cpython|pypy|sage)", re.IGNORECASE)
_EMBEDDED = re.compile(r"(data:image/[\w.+-]{1,40};base64,)[A-Za-z0-9+/=\s]{1000,}")
"""A picture pasted into markdown: its bytes would count as words of the answer."""
_MAX_TAGS = 32
_MAX_TAG_LENGTH = 100
_SOURCE_NAMES = ("source", "input")
"""Where a cell's source is: nbformat 4, and code cells of nbformat 3."""
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "intake.is_image"),
    (b"\xff\xd8\xff", "intake.is_image"),
    (b"GIF8", "intake.is_image"),
    (b"%PDF", "intake.is_pdf"),
    (b"PK\x03\x04", "intake.is_zip"),
    (b"\x1f\x8b", "intake.is_zip"),
    (b"Rar!", "intake.is_zip"),
    (b"7z\xbc\xaf", "intake.is_zip"),
)
_HTML = re.compile(rb"^(\xef\xbb\xbf)?\s*<(!doctype|html|head|\?xml)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document that can be graded, with what people must be told about it."""

    document: Document
    problems: tuple[Problem, ...]


def parse_notebook(data: bytes, path: str, limits: IntakeLimits) -> Parsed:
    """The notebook in these bytes; raises IntakeError with the sentence for people when there is none."""
    notebook, text_is_whole, repeated = _load(data, path, limits)
    _require_python(notebook, path)
    reader = _CellReader(OutputReader(limits), limits)
    cells = reader.cells(_raw_cells(notebook, path))
    if not any(cell.kind is CellKind.CODE and cell.source.strip() for cell in cells):
        raise IntakeError("intake.empty_notebook", file=path)
    said = [] if text_is_whole else [_warning("intake.encoding", file=path)]
    said += [_warning("intake.repeated_keys", file=path)] if repeated else []
    said += reader.problems(path)
    return Parsed(Document(path, cells), tuple(said))


def _warning(key: str, **args: str | int) -> Problem:
    return Problem(Severity.WARNING, Message(key, args))


def _load(data: bytes, path: str, limits: IntakeLimits) -> tuple[dict[str, object], bool, bool]:
    """The JSON object, whether its text was undamaged, and whether a key came twice in an object."""
    if not data.strip(b" \t\r\n\0"):
        raise IntakeError("intake.empty_file", file=path)
    _refuse_other_kinds(data, path)
    if data.count(b"{") + data.count(b"[") > limits.json_containers or data.count(b'"') > limits.json_quotes:
        raise IntakeError("intake.too_complex", file=path)
    text, whole = decode(data)
    pairs = _Pairs()
    try:
        value = json.loads(
            text,
            object_pairs_hook=pairs,
            parse_constant=_no_number,
            parse_float=_no_number,
            parse_int=_small_int,
        )
    except json.JSONDecodeError as error:
        raise _broken(text, error, path) from error
    except (RecursionError, MemoryError) as error:
        raise IntakeError("intake.too_complex", file=path) from error
    if not isinstance(value, dict):
        raise IntakeError("intake.no_cells", file=path)
    return value, whole, pairs.repeated


@dataclass(slots=True)
class _Pairs:
    """Builds objects; the last of two equal keys wins, as in Jupyter's own reader."""

    repeated: bool = False

    def __call__(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        self.repeated |= len(made) < len(pairs)
        return made


def _no_number(_text: str) -> None:
    """NaN, Infinity and fractions stand in plots' data only; none is read."""
    return


def _small_int(text: str) -> int | None:
    """Only a heading's level is read. Plots hold millions of numbers, and int() of 5,000 digits raises."""
    return int(text) if len(text) == 1 else None


def _refuse_other_kinds(data: bytes, path: str) -> None:
    for magic, key in _MAGIC:
        if data.startswith(magic):
            raise IntakeError(key, file=path)
    if _HTML.match(data[:200]):
        raise IntakeError("intake.is_html", file=path)


def _broken(text: str, error: json.JSONDecodeError, path: str) -> IntakeError:
    end = text.rstrip(" \t\r\n\0")
    if not end.lstrip("\ufeff").startswith("{"):
        return IntakeError("intake.not_a_notebook", file=path)
    if not end.endswith("}") or error.pos >= len(end):
        return IntakeError("intake.truncated", file=path)
    return IntakeError("intake.damaged", file=path, line=error.lineno)


def _raw_cells(notebook: dict[str, object], path: str) -> list[object]:
    """The cells of nbformat 4, or of all worksheets of nbformat 2 and 3."""
    cells = notebook.get("cells")
    if isinstance(cells, list):
        return cells
    sheets = notebook.get("worksheets")
    if not isinstance(sheets, list):
        raise IntakeError("intake.no_cells", file=path)
    found = (sheet.get("cells") for sheet in sheets if isinstance(sheet, dict))
    return [_with_line_ends(cell) for cells in found if isinstance(cells, list) for cell in cells]


def _with_line_ends(cell: object) -> object:
    """In nbformat 3 the lines of a list may have no line ends; nbformat.v3 tells by the first one."""
    if not isinstance(cell, dict):
        return cell
    mended = dict(cell)
    for name in _SOURCE_NAMES:
        lines = [line for line in _list(cell.get(name)) if isinstance(line, str)]
        if lines and not lines[0].endswith(("\n", "\r")):
            mended[name] = "\n".join(lines)
    return mended


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _require_python(notebook: dict[str, object], path: str) -> None:
    """Refuse a notebook of another language. Which Python kernel it names does not matter."""
    languages = [name for name in _languages(notebook) if name]
    if languages and not any(_PYTHON.match(name) for name in languages):
        raise IntakeError("intake.other_language", file=path, language=for_people(languages[0], limit=40))


def _languages(notebook: dict[str, object]) -> list[str]:
    metadata = _object(notebook.get("metadata"))
    kernel = _object(metadata.get("kernelspec"))
    said = (
        kernel.get("language"),
        _object(metadata.get("language_info")).get("name"),
        metadata.get("language"),  # nbformat 3
    )
    languages = [value.strip() for value in said if isinstance(value, str)]
    # Some kernels of other languages leave the language out; an unknown name proves nothing.
    name = kernel.get("name")
    if not any(languages) and isinstance(name, str):
        languages = [_KERNELS.get(re.split(r"[-_.\d]", name.casefold())[0], "")]
    return languages


_KERNELS = {
    "ir": "R",
    "julia": "Julia",
    "octave": "Octave",
    "matlab": "MATLAB",
    "bash": "Bash",
    "xcpp": "C++",
}


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


@dataclass(slots=True)
class _CellReader:
    outputs: OutputReader
    limits: IntakeLimits
    damaged: int = 0
    left_out: int = 0
    too_long: list[int] = field(default_factory=list)

    def cells(self, raw: list[object]) -> tuple[SourceCell, ...]:
        self.left_out = max(0, len(raw) - self.limits.cells)
        return tuple(self._cell(index, cell) for index, cell in enumerate(raw[: self.limits.cells]))

    def _cell(self, index: int, raw: object) -> SourceCell:
        """A damaged cell keeps its place, empty: the numbers of the others stay those the student sees."""
        cell = _object(raw)
        named = cell.get("cell_type")
        kind = _KINDS.get(named) if isinstance(named, str) else None
        source = next((text_of(cell[name]) for name in _SOURCE_NAMES if name in cell), None)
        if kind is None or source is None:
            self.damaged += 1
            return SourceCell(index, kind or CellKind.RAW, self._source(index, source or ""))
        if cell.get("cell_type") == "heading":
            source = _heading(cell, source)
        if kind is not CellKind.CODE:
            source = _EMBEDDED.sub(r"\1…", source)
        saved = self.outputs.read(cell.get("outputs")) if kind is CellKind.CODE else ()
        return SourceCell(index, kind, self._source(index, source), _tags(cell), saved)

    def _source(self, index: int, source: str) -> str:
        if len(source) <= self.limits.cell_source_chars:
            return source_text(source)
        # Half a cell of code would mean something else: it counts as left out.
        self.too_long.append(index)
        return ""

    def problems(self, path: str) -> list[Problem]:
        said = [
            _warning("intake.cell_too_long", file=path, cell=index + 1, limit=self.limits.cell_source_chars)
            for index in self.too_long[:3]
        ]
        if self.damaged:
            said.append(_warning("intake.damaged_cells", file=path, count=self.damaged))
        if self.left_out:
            said.append(_warning("intake.cells_left_out", file=path, limit=self.limits.cells))
        if self.outputs.cut:
            said.append(_warning("intake.outputs_cut", file=path))
        return said


def _heading(cell: dict[str, object], source: str) -> str:
    level = cell.get("level")
    depth = min(max(level, 1), 6) if isinstance(level, int) else 1
    return f"{'#' * depth} {' '.join(source.splitlines())}"


def _tags(cell: dict[str, object]) -> tuple[str, ...]:
    """Kept as data, to find exercises by; none of them changes how a cell is run."""
    tags = _object(cell.get("metadata")).get("tags")
    if not isinstance(tags, list):
        return ()
    return tuple(for_people(tag, _MAX_TAG_LENGTH) for tag in tags[:_MAX_TAGS] if isinstance(tag, str))

"""Which exercise each cell belongs to, and what the student wrote there.

Tags of the starter come first, then headings such as "Ejercicio 2", "2.a", "**Task 9**", then comments
("# Ejercicio 3"). A marker rules until the next one. Nothing is assumed when there are none: then code
evidence has to do.
"""

from __future__ import annotations

import hashlib
import io
import re
import threading
import tokenize
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from types import MappingProxyType

from grader.model.evidence import Cell, Evidence

_WORD = (
    r"(?:ejercicio|ej|exercise|ex|pregunta|question|cuestion|problema|tarea|task|apartado|actividad|parte|"
    r"punto|section|seccion)"
)
_OPEN = r"^(?:\s|<[^<>]{1,80}>|@title|[^\w\s<])*"
_ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8, "IX": 9, "X": 10}
_SPELLED = {
    **dict(zip("uno dos tres cuatro cinco seis siete ocho nueve diez".split(), range(1, 11), strict=True)),
    **dict(zip("one two three four five six seven eight nine ten".split(), range(1, 11), strict=True)),
}
# Capitals only: "apartado i)" is a part of something. And no word may follow: "Tarea dos capas".
_WRITTEN = rf"[\s*_]{{1,4}}(?P<number>(?-i:{'|'.join(_ROMAN)})|{'|'.join(_SPELLED)})(?=\s*(?:[^\w\s]|_|$))"
_MARKED = re.compile(
    rf"{_OPEN}(?:\d+\s*[.)ºª]\s*)?{_WORD}"
    rf"(?:[\W_]{{0,6}}(?:n[ºo.°]+\s*)?(?P<id>\d+(?:\.\d+)?(?:\W?[a-z])?)\b|{_WRITTEN})",
    re.IGNORECASE,
)
_ID = r"(?P<id>\d+(?:\.\d+|\.?[a-z](?![a-z]))?)"
_NUMBERED = re.compile(rf"^\s*(?:#+|\*\*|__|<b>|<h\d>)\s*{_ID}\s*(?:[.):\-ºª ]|$)", re.IGNORECASE)
_ROMAN_HEADING = re.compile(rf"^\s*(?:#+|<h\d>)\s*(?P<number>{'|'.join(_ROMAN)})\s*[.):\-]")
_FIRST_LINE = re.compile(rf"^\s*{_ID}\s*[.)\-]+\s*\S", re.IGNORECASE)
_LIST_GOES_ON = re.compile(r"^\s*\d+\s*[.)]", re.MULTILINE)
_TAG = re.compile(r"^(?:exercise|ejercicio|ex)[:\-_ ]?(?P<id>[\w.\-]+)$", re.IGNORECASE)


class _Memo(threading.local):
    """The last answer of a thread: every check of a submission asks the same."""

    cells: tuple[Cell, ...] | None = None
    exercises: tuple[str, ...] = ()
    found: Mapping[int, str] = MappingProxyType({})


_memo = _Memo()


def regions(evidence: Evidence, exercises: Iterable[str]) -> Mapping[int, str]:
    """Cell index -> exercise id, for the cells that follow a marker.

    Bare numbers ("## 2.") count only where no cell says "Ejercicio 2" or is tagged: then they number
    something else; and they never lead back to an earlier exercise, as lists inside an answer would. Where
    they are labels of answers that follow the code ("**2.a.** La red..."), no code is told to be anyone's.
    """
    wanted = tuple(exercises)
    if _memo.cells is not evidence.cells or _memo.exercises != wanted:
        _memo.found = MappingProxyType(_regions(evidence.cells, wanted))
        _memo.cells, _memo.exercises = evidence.cells, wanted
    return _memo.found


def _regions(cells: tuple[Cell, ...], exercises: tuple[str, ...]) -> dict[int, str]:
    known = {_fold(e): e for e in exercises}
    order = list(known.values())
    named = [_tagged(cell, known) or _named(cell, known) for cell in cells]
    bare = [] if any(named) else [_numbered(cell, known) for cell in cells]
    answers = _label_answers(cells, bare)
    found: dict[int, str] = {}
    current: str | None = None
    for cell, exercise, number in zip_longest(cells, named, bare):
        if number and (current is None or order.index(number) >= order.index(current)):
            exercise = number
        current = exercise or current
        if current is not None and not (answers and cell.kind == "code"):
            found[cell.index] = current
    return found


def _label_answers(cells: tuple[Cell, ...], bare: Sequence[str | None]) -> bool:
    """Whether numbers label answers below the code that they are about: each is followed by its answer, and
    no code follows the last of them."""
    labels = [i for i, exercise in enumerate(bare) if exercise]
    if not labels or any(cell.kind == "code" for cell in cells[labels[-1] :]):
        return False
    texts = [cells[i].source for i in labels]
    return not any(t.lstrip().startswith(("#", "<h")) or len(t.split()) < ANSWER_WORDS for t in texts)


ANSWER_WORDS = 12
"""Words, its number included, from which a numbered cell is an answer and not a heading."""


def _tagged(cell: Cell, known: dict[str, str]) -> str | None:
    for tag in cell.tags:
        match = _TAG.match(tag)
        if match and _fold(match["id"]) in known:
            return known[_fold(match["id"])]
    return None


def _named(cell: Cell, known: dict[str, str]) -> str | None:
    """The exercise that a heading, bold line, comment or line such as "Ejercicio 2:" of this cell opens."""
    lines = [line for line in _plain(cell.source).splitlines() if line.strip()]
    if cell.kind == "code":
        lines = [line for line in lines[:5] if line.lstrip().startswith(("#", '"', "'"))]
    for line in lines:
        match = _MARKED.match(line)
        # "El ejercicio 1 nos dio..." is prose; so is the same at the start of a line.
        prose = match and re.match(r"\s+[a-z]", line[match.end() :]) and not line.lstrip().startswith("#")
        if match and not prose and (exercise := _lookup(match["id"] or _digits(match["number"]), known)):
            return exercise
    return None


def _numbered(cell: Cell, known: dict[str, str]) -> str | None:
    """The exercise that a bare number ("## 2.", "**3.**", "1) ..." on the first line) of this cell opens."""
    lines = [line for line in _plain(cell.source).splitlines() if line.strip()]
    if cell.kind != "markdown" or not lines:
        return None
    for line in lines:
        if (match := _NUMBERED.match(line)) and (exercise := _lookup(match["id"], known)):
            return exercise
        if (match := _ROMAN_HEADING.match(line)) and (exercise := _lookup(_digits(match["number"]), known)):
            return exercise
    match = _FIRST_LINE.match(lines[0])
    if match and not _LIST_GOES_ON.search("\n".join(lines[1:])):
        return _lookup(match["id"], known)
    return None


def _digits(number: str) -> str:
    """A number in Roman numerals or in words, in digits."""
    return str(_ROMAN.get(number) or _SPELLED[number.lower()])


def _lookup(id: str, known: dict[str, str]) -> str | None:
    """The exercise of that id, or of its number alone: "Ejercicio 2.a" lies in exercise 2."""
    number = re.match(r"\d+", id)
    return known.get(_fold(id)) or (known.get(number[0]) if number else None)


def _plain(text: str) -> str:
    """Without accents: "Sección" and "Cuestión" are typed both ways."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _fold(id: str) -> str:
    return re.sub(r"[\s.):\-]", "", id).lower()


def answer_text(
    cells: Iterable[Cell], boilerplate: frozenset[str] = frozenset(), *, questions: bool = False
) -> str:
    """The student's prose in these cells: markdown, comments, and texts that code holds or prints.

    Headings, questions, placeholders ("Tu respuesta aquí") and lines of the starter are left out.

    Args:
        questions: keep headings and questions, the starter's as well: they tell what a bare "No" answers.
    """
    kept: list[str] = []
    for cell in cells:
        lines = cell.source.splitlines() if cell.kind == "markdown" else _prose_of_code(cell.source)
        kept += [
            line for line in lines if _is_answer(line, boilerplate) or (questions and _asks_or_heads(line))
        ]
    return "\n".join(kept)


def _asks_or_heads(line: str) -> bool:
    text = line.strip()
    return text.startswith("#") or text.rstrip("*_` ").endswith("?")


_PLACEHOLDER = re.compile(
    r"(tu respuesta|your answer|escribe aqu|write here|respuesta aqu|completa aqu)", re.I
)


def _is_answer(line: str, boilerplate: frozenset[str]) -> bool:
    text = line.strip()
    if not text or text.startswith("#") or _PLACEHOLDER.search(text):
        return False
    if text.rstrip("*_ ").endswith("?"):
        return False
    marker = _MARKED.match(_plain(text))
    if marker and (len(text) < 40 or _known(_plain(text)[marker.end() :], boilerplate)):
        return False
    return not _known(text, boilerplate)


def _known(text: str, boilerplate: frozenset[str]) -> bool:
    """Whether a line is the course's own: given as text, or by its digest."""
    line = normal(text)
    return line in boilerplate or line_digest(line) in boilerplate


def line_digest(line: str) -> str:
    """What stands for a normalised line in `source-lines.txt`: texts that are not ours to copy."""
    return hashlib.sha256(line.encode()).hexdigest()[:16]


def normal(text: str) -> str:
    """A line reduced to its letters and digits, to tell copies of the starter from own words."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", " ", plain).strip()


def _prose_of_code(source: str) -> list[str]:
    """Comments, free-standing strings and other strings long enough to be sentences of a code cell."""
    prose: list[str] = []
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError, ValueError):
        return [line.lstrip("# ") for line in source.splitlines() if line.lstrip().startswith("#")]
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == tokenize.COMMENT:
            prose.append(token.string.lstrip("#! "))
        elif token.type == tokenize.STRING:
            text = token.string.strip("rRbBuUfF").strip("\"'")
            # People answer in print("...") and respuesta = "..." too.
            if before is None or before.type in _LINE_START or len(text.split()) >= SENTENCE_WORDS:
                prose += text.splitlines()
    return prose


SENTENCE_WORDS = 6
"""Words from which a string inside code is taken for prose, not for a label or a file name."""


_LINE_START = {
    tokenize.NEWLINE,
    tokenize.NL,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.COMMENT,
}

"""The one document to grade among all that a student sent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from grader.intake.entry import Allowance, Entry, read
from grader.intake.kinds import is_foreign_archive, is_module, is_notebook
from grader.intake.limits import MIB, IntakeLimits
from grader.intake.module import parse_module
from grader.intake.notebook import Parsed, parse_notebook
from grader.model.errors import IntakeError
from grader.model.submission import CellKind, Document, Problem, Severity
from grader.model.text import Message

Score = Callable[[Document], float]
"""How well a document fits the assignment; higher is better."""
Parser = Callable[[bytes, str, IntakeLimits], Parsed]

_RENAMED = (".json", ".txt", ".ipynb_", ".ipy", ".jupyter")
_LISTED = 8
"""File names in one sentence."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was found among a student's files; `document` is None when nothing can be graded."""

    document: Document | None
    digest: str
    other_files: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    entry: Entry
    parsed: Parsed
    digest: str


@dataclass(frozen=True, slots=True)
class Chooser:
    """Looks into a student's files under one allowance."""

    limits: IntakeLimits
    allowance: Allowance
    score: Score | None = None

    def choose(self, entries: Sequence[Entry], before: Sequence[Problem] = ()) -> Choice:
        """Notebooks come before modules, and modules before notebooks under another name.

        `before` are problems met on the way to these files.
        """
        # The shorter name first: of equals `p.ipynb` is graded and not `p (1).ipynb`.
        entries = sorted(entries, key=lambda e: (len(e.parts), len(e.path), e.path))
        said = [*before, *(_unopened(e) for e in entries if is_foreign_archive(e.name))]
        for kind in (_notebooks, _modules, _renamed):
            candidates, problems = self._candidates(entries, kind)
            said += problems
            if candidates:
                return self._chosen(candidates, entries, said, kind)
        if not entries and any(p.severity is Severity.WARNING for p in said):
            # Everything was refused on the way: that, and not an empty hand-in, is why.
            said = [replace(p, severity=_warning_made_fatal(p.severity)) for p in said]
        elif all(problem.severity is not Severity.FATAL for problem in said):
            said.append(_nothing(entries))
        return Choice(None, self._digest_of_all(entries), _paths(entries), tuple(said))

    def _candidates(self, entries: Iterable[Entry], kind: _Kind) -> tuple[list[_Candidate], list[Problem]]:
        """Documents that can be read, one of each content, and why the others cannot."""
        found: dict[str, _Candidate] = {}
        problems: list[Problem] = []
        those = [entry for entry in entries if kind.holds(entry)]
        for entry in those[: self.limits.candidates]:
            try:
                data = read(entry, kind.cap(self.limits), self.allowance)
                if not kind.plausible(data):
                    continue
                digest = hashlib.sha256(data).hexdigest()
                if digest not in found:
                    found[digest] = _Candidate(entry, kind.parse(data, entry.path, self.limits), digest)
            except IntakeError as error:
                problems.append(Problem(Severity.FATAL, error.message))
        if len(those) > self.limits.candidates:
            args = {"count": len(those), "limit": self.limits.candidates}
            problems.append(Problem(Severity.WARNING, Message("intake.too_many_documents", args)))
        return list(found.values()), problems

    def _chosen(
        self, candidates: list[_Candidate], entries: Sequence[Entry], said: list[Problem], kind: _Kind
    ) -> Choice:
        # max() keeps the first of equals, and the candidates are in order of path.
        best = max(candidates, key=lambda c: (self._score(c), _code_size(c.parsed.document)))
        others = [c.entry.path for c in candidates if c is not best]
        # What cannot be read beside a document that can is no reason to grade nothing.
        problems = [replace(p, severity=_fatal_made_warning(p.severity)) for p in said]
        problems += best.parsed.problems
        if others:
            problems.insert(0, _several(best.entry.path, others))
        if kind.remark:
            problems.append(Problem(Severity.WARNING, Message(kind.remark, {"file": best.entry.path})))
        rest = _paths(e for e in entries if e is not best.entry)
        return Choice(best.parsed.document, best.digest, rest, tuple(problems))

    def _score(self, candidate: _Candidate) -> float:
        return self.score(candidate.parsed.document) if self.score else 0.0

    def _digest_of_all(self, entries: Sequence[Entry]) -> str:
        """Over paths, sizes and the bytes that may still be read: it changes when the hand-in does."""
        digest = hashlib.sha256()
        for entry in entries:
            digest.update(f"{entry.path}\0{entry.size}\0".encode(errors="replace"))
            try:
                digest.update(read(entry, 16 * MIB, self.allowance))
            except IntakeError:
                continue
        return digest.hexdigest() if entries else ""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of document: which files may be one and how they are read."""

    holds: Callable[[Entry], bool]
    parse: Parser
    cap: Callable[[IntakeLimits], int] = lambda limits: limits.document_bytes
    plausible: Callable[[bytes], bool] = lambda _: True
    remark: str = ""
    """Said when such a document is graded."""


_notebooks = _Kind(lambda e: is_notebook(e.name), parse_notebook)
_modules = _Kind(lambda e: is_module(e.name), parse_module, cap=lambda limits: 16 * limits.cell_source_chars)
_renamed = _Kind(
    lambda e: "." not in e.name or e.name.casefold().endswith(_RENAMED),
    parse_notebook,
    plausible=lambda data: data.lstrip()[:1] == b"{" and b'"nbformat"' in data,
    remark="intake.renamed",
)


def _code_size(document: Document) -> int:
    return sum(len(cell.source.strip()) for cell in document.cells if cell.kind is CellKind.CODE)


def _fatal_made_warning(severity: Severity) -> Severity:
    return Severity.WARNING if severity is Severity.FATAL else severity


def _warning_made_fatal(severity: Severity) -> Severity:
    return Severity.FATAL if severity is Severity.WARNING else severity


def _several(chosen: str, others: list[str]) -> Problem:
    args = {"chosen": chosen, "others": listed(others)}
    return Problem(Severity.WARNING, Message("intake.several_documents", args))


def _unopened(entry: Entry) -> Problem:
    return Problem(Severity.FATAL, Message("intake.foreign_archive", {"file": entry.path}))


def _nothing(entries: Sequence[Entry]) -> Problem:
    if not entries:
        return Problem(Severity.FATAL, Message("intake.no_files"))
    files = listed(_paths(entries))
    return Problem(Severity.FATAL, Message("intake.no_document", {"files": files}))


def _paths(entries: Iterable[Entry]) -> tuple[str, ...]:
    return tuple(entry.path for entry in entries)


def listed(names: Sequence[str]) -> str:
    """Names for a sentence; many are cut short."""
    return ", ".join(names[:_LISTED]) + (" …" if len(names) > _LISTED else "")

"""All of a class's files, each written to a temporary name and then renamed."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from grader.messages import render as catalogue_render
from grader.model.expected import Expected
from grader.model.outcome import Outcome
from grader.model.text import Language
from grader.report.classpage import by_assignment
from grader.report.html import render_class, render_student
from grader.report.json import to_json
from grader.report.table import CsvStyle, grades_csv
from grader.report.words import Render

_UNSAFE = re.compile(r"[^\w.@-]")
LEDGER = ".written"
"""Lists what was written for people, one path a line, relative to the output folder."""
UNRECOGNISED = "_unrecognised"
"""Folder of hand-ins that belong to no practical known here, beside those of several practicals."""
_TAKEN = frozenset({"reports", "staff", "json", "evidence", "scratch", "results"})


Job = Callable[[], None]


def one_by_one(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job()


def write_reports(
    outcomes: Sequence[Outcome],
    out: Path,
    expected_by_assignment: Mapping[str, Expected],
    language: Language,
    csv_style: CsvStyle | None = None,
    *,
    render: Render = catalogue_render,
    do_all: Callable[[Sequence[Job]], None] = one_by_one,
) -> Path:
    """Write every report below `out`, and return the index page's path.

    reports/<key>.html can be given to the student; staff/<key>.html, json/<key>.json, grades.csv and
    index.html are for staff. With more than one practical each has these in a folder of its own, named by
    its id, and `out`'s index shows them all. The grades are written first: a page that cannot be made
    loses none. `do_all` makes the files of the students: jobs that wait for nothing.
    """
    shelves = _shelves(outcomes, out)
    note_written(out, [path for shelf in shelves for path in shelf.files()] + [out / "index.html"])
    for shelf in shelves:
        replace_file(
            shelf.folder / "grades.csv", grades_csv(shelf.outcomes, language, csv_style, render=render)
        )
    every = [(shelf, *found) for shelf in shelves for found in shelf.stems]
    do_all([partial(_write_json, *one, render) for one in every])
    do_all([partial(_write_pages, *one, expected_by_assignment, language, render) for one in every])
    for shelf in shelves:
        _write_index(shelf, language, render)
    if len(shelves) > 1:
        _clear_single(shelves, out)
    links = {id(o): link for shelf in shelves for o, link in shelf.links(out)}
    index = out / "index.html"
    page = render_class(outcomes, language, links=lambda o: links[id(o)], render=render)
    replace_file(index, page.encode())
    return index


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The outcomes of one practical, and where their files go."""

    folder: Path
    outcomes: tuple[Outcome, ...]

    @property
    def stems(self) -> list[tuple[Outcome, str]]:
        return list(zip(self.outcomes, file_stems(self.outcomes), strict=True))

    def files(self) -> Iterator[Path]:
        yield self.folder / "grades.csv"
        yield self.folder / "index.html"
        for _, stem in self.stems:
            yield self.folder / "json" / f"{stem}.json"
            yield self.folder / "reports" / f"{stem}.html"
            yield self.folder / "staff" / f"{stem}.html"

    def links(self, base: Path) -> Iterator[tuple[Outcome, tuple[str, str]]]:
        """For each outcome the pages of staff and student, as seen from `base`."""
        inside = self.folder.relative_to(base).as_posix()
        start = "" if inside == "." else f"{quote(inside)}/"
        for outcome, stem in self.stems:
            name = quote(stem)
            yield outcome, (f"{start}staff/{name}.html", f"{start}reports/{name}.html")


def _shelves(outcomes: Sequence[Outcome], out: Path) -> list[_Shelf]:
    """One for each practical; a single one lies in `out` itself."""
    groups = by_assignment(outcomes)
    if len(groups) < 2:
        return [_Shelf(out, tuple(outcomes))]
    return [_Shelf(out / _folder_name(a.id if a else ""), tuple(found)) for a, found in groups]


def _folder_name(assignment: str) -> str:
    stem = _safe(assignment) if assignment else UNRECOGNISED
    return f"{stem}-practical" if stem in _TAKEN else stem


def _write_json(shelf: _Shelf, outcome: Outcome, stem: str, render: Render) -> None:
    replace_file(shelf.folder / "json" / f"{stem}.json", to_json(outcome, render=render))


def _write_pages(
    shelf: _Shelf,
    outcome: Outcome,
    stem: str,
    expected_by_assignment: Mapping[str, Expected],
    language: Language,
    render: Render,
) -> None:
    expected = expected_by_assignment.get(outcome.assignment.id) if outcome.assignment else None
    student = render_student(outcome, expected, language, render=render)
    replace_file(shelf.folder / "reports" / f"{stem}.html", student.encode())
    staff = render_student(outcome, expected, language, audience="staff", render=render)
    replace_file(shelf.folder / "staff" / f"{stem}.html", staff.encode())


def _write_index(shelf: _Shelf, language: Language, render: Render) -> None:
    links = {id(o): link for o, link in shelf.links(shelf.folder)}
    page = render_class(shelf.outcomes, language, links=lambda o: links[id(o)], render=render)
    replace_file(shelf.folder / "index.html", page.encode())


def _clear_single(shelves: Sequence[_Shelf], out: Path) -> None:
    """Remove what was written straight into `out` while there was one practical: it lies elsewhere now."""
    for shelf in shelves:
        for old in _Shelf(out, shelf.outcomes).files():
            if old != out / "index.html":
                old.unlink(missing_ok=True)
    for name in ("json", "reports", "staff"):
        _remove_if_empty(out / name)


def note_written(out: Path, paths: Iterable[Path]) -> None:
    """Remember what is written for people, so that `purge` removes that and nothing else."""
    names = {path.relative_to(out).as_posix() for path in paths} | set(_noted(out))
    replace_file(out / LEDGER, ("\n".join(sorted(names)) + "\n").encode("utf-8", "surrogateescape"))


def written(out: Path) -> list[Path]:
    """The files that were written for people below `out` and are still there, the list itself included."""
    # A path that leads out of the folder is none of ours, whoever put it into the list.
    inside = [n for n in _noted(out) if not Path(n).is_absolute() and ".." not in Path(n).parts]
    found = [out / name for name in inside] + ([out / LEDGER] if inside else [])
    return [path for path in found if path.is_file() or path.is_symlink()]


def _noted(out: Path) -> list[str]:
    try:
        text = (out / LEDGER).read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if line]


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def file_stems(outcomes: Sequence[Outcome]) -> list[str]:
    """A file stem for each outcome: the student's key, with the assignment where a key comes twice.

    Two outcomes that would still share a file (on a file system that ignores case, too) are numbered.
    """
    keys = Counter(o.submission.student.key for o in outcomes)
    taken: set[str] = set()
    stems: list[str] = []
    for outcome in outcomes:
        key = outcome.submission.student.key
        with_assignment = keys[key] > 1 and outcome.assignment
        stem = base = _safe(
            f"{key}--{outcome.assignment.id}" if with_assignment and outcome.assignment else key
        )
        number = 2
        while stem.casefold() in taken:
            stem, number = f"{base}-{number}", number + 1
        taken.add(stem.casefold())
        stems.append(stem)
    return stems


def _safe(key: str) -> str:
    """`key` itself where it is a plain file name. Intake sees to that; a report does not rely on it."""
    stem = _UNSAFE.sub("_", key).lstrip(".")[:150]
    if stem == key and stem:
        return stem
    return f"{stem or 'student'}-{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` so that a reader, or a killed run, meets the old file or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)

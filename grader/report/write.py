"""All of a class's files, each written to a temporary name and then renamed."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from grader.messages import render as catalogue_render
from grader.model.expected import Expected
from grader.model.outcome import Outcome
from grader.model.text import Language
from grader.report.html import render_class, render_student
from grader.report.json import to_json
from grader.report.table import grades_csv
from grader.report.words import Render

_UNSAFE = re.compile(r"[^\w.@-]")


def write_reports(
    outcomes: Sequence[Outcome],
    out: Path,
    expected_by_assignment: Mapping[str, Expected],
    language: Language,
    *,
    render: Render = catalogue_render,
) -> Path:
    """Write every report of a class below `out`, and return the class page's path.

    reports/<key>.html can be given to the student; staff/<key>.html, json/<key>.json, grades.csv and
    index.html are for staff. The grades are written first: a page that cannot be made loses none.
    """
    stems = file_stems(outcomes)
    replace_file(out / "grades.csv", grades_csv(outcomes, language, render=render))
    for outcome, stem in zip(outcomes, stems, strict=True):
        replace_file(out / "json" / f"{stem}.json", to_json(outcome, render=render))
    for outcome, stem in zip(outcomes, stems, strict=True):
        expected = expected_by_assignment.get(outcome.assignment.id) if outcome.assignment else None
        student = render_student(outcome, expected, language, render=render)
        staff = render_student(outcome, expected, language, audience="staff", render=render)
        replace_file(out / "reports" / f"{stem}.html", student.encode())
        replace_file(out / "staff" / f"{stem}.html", staff.encode())
    names = {id(outcome): quote(stem) for outcome, stem in zip(outcomes, stems, strict=True)}

    def links(outcome: Outcome) -> tuple[str, str]:
        return f"staff/{names[id(outcome)]}.html", f"reports/{names[id(outcome)]}.html"

    index = out / "index.html"
    replace_file(index, render_class(outcomes, language, links=links, render=render).encode())
    return index


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

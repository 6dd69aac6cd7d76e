"""Hand-ins for the tests, built as the real tools build them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from grader.intake import IntakeLimits, collect
from grader.model.submission import Problem, Student, Submission

REGULAR = 0o100644


def code(source: object, **more: object) -> dict[str, object]:
    return {"cell_type": "code", "metadata": {}, "outputs": [], "source": source, **more}


def notebook(*sources: str, cells: list[object] | None = None, **more: object) -> bytes:
    """A notebook of nbformat 4 with these code cells, or with these cells."""
    made = cells if cells is not None else [code(source) for source in sources]
    body = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}
    return json.dumps(body, ensure_ascii=False).encode()


def zipped(file: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file


def zip_bytes(folder: Path, members: Mapping[str, bytes]) -> bytes:
    return zipped(folder / "inner-for-test.zip", members).read_bytes()


def member(name: str, *, mode: int = REGULAR) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def write(root: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def one(path: Path, scratch: Path, limits: IntakeLimits | None = None) -> Submission:
    (submission,) = collect(path, scratch=scratch, limits=limits)
    return submission


def names(submissions: tuple[Submission, ...]) -> list[str]:
    return [s.student.name for s in submissions]


def by_name(path: Path, scratch: Path, *, roster: tuple[Student, ...] = ()) -> dict[str, Submission]:
    return {s.student.name: s for s in collect(path, roster=roster, scratch=scratch)}


def keys(problems: tuple[Problem, ...]) -> list[str]:
    return [problem.message.key for problem in problems]


def source(submission: Submission) -> str:
    """All code of the graded document."""
    assert submission.document is not None, submission.problems
    return "\n".join(cell.source for cell in submission.document.cells)

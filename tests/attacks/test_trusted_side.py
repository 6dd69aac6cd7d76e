"""What a hand-in may do to those who only read it: names, archives, outputs, bombs. Nothing of it is run."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from grader.demo import unpack

ROOT = Path(__file__).parents[2]
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred"
BIDI = "\u202egnp.exe\u2066"
FORMULA = '=HYPERLINK("http://evil.example","click")'


def hostile() -> nbformat.NotebookNode:
    """Every kind of output that a browser, a terminal or a spreadsheet might obey."""
    cell = new_code_cell("import keras\n(x, y), _ = keras.datasets.mnist.load_data()  # " + SCRIPT)
    cell.outputs = [
        new_output("stream", name="stdout", text=f"{ESCAPES} {BIDI} {SCRIPT}\n"),
        new_output("display_data", data={"text/html": SCRIPT, "text/plain": SCRIPT}),
        new_output("display_data", data={"image/svg+xml": f"<svg onload=alert(3)>{SCRIPT}</svg>"}),
        new_output("display_data", data={"application/javascript": "alert(4)"}),
        new_output("display_data", data={"image/png": "bm90IGEgcGljdHVyZQ=="}),
        new_output("error", ename=SCRIPT, evalue=ESCAPES, traceback=[ESCAPES, SCRIPT]),
    ]
    texts = [f"# Una red densa que lee dígitos\n{SCRIPT}", f"[x](javascript:alert(5)) {SCRIPT} {FORMULA}"]
    return new_notebook(cells=[*map(new_markdown_cell, texts), cell])


def _deep() -> str:
    return '{"cells": ' + "[" * 200_000 + "]" * 200_000 + "}"


def _bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("practica.ipynb", bytes(2**30))


def _climbing(path: Path) -> None:
    link = zipfile.ZipInfo("link.ipynb")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        for name in (
            "../../climbed.ipynb",
            "/climbed.ipynb",
            "a/../../climbed.ipynb",
            "-rf",
            "new\nline.ipynb",
        ):
            archive.writestr(name, nbformat.writes(hostile()))
        archive.writestr(link, "/etc/passwd")


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class of attackers, and one honest student among them."""
    made = unpack(tmp_path_factory.mktemp("trusted") / "course")
    (made / "course.toml").write_text('title = "Prueba"\nlanguage = "es"\n')
    honest = next((made / "submissions").glob("Alba*"))
    work = made / "work"
    honest.rename(made / "honest")
    work.mkdir()
    (made / "honest").rename(work / "Alba Torres Gil_12_assignsubmission_file")
    names = (f"{FORMULA.replace('/', ' ')}_1", f"{SCRIPT.replace('/', ' ')}_2", f"{BIDI}_3", "\x1b[31mRojo_4")
    for name in names:
        (work / f"{name}_assignsubmission_file").mkdir()
        nbformat.write(hostile(), work / f"{name}_assignsubmission_file" / "practica.ipynb")
    planted = {
        "Profundo_5": ("practica.ipynb", _deep()),
        "Largo_6": ("practica.ipynb", '{"nbformat": ' + "9" * 5000 + ', "cells": []}'),
        "Infinito_7": ("practica.ipynb", '{"nbformat": NaN, "cells": Infinity}'),
    }
    for name, (file, text) in planted.items():
        (work / f"{name}_assignsubmission_file").mkdir()
        (work / f"{name}_assignsubmission_file" / file).write_text(text)
    for name, make in {"Bomba_8": _bomb, "Trepa_9": _climbing}.items():
        (work / f"{name}_assignsubmission_file").mkdir()
        make(work / f"{name}_assignsubmission_file" / "entrega.zip")
    linked = work / "Enlace_10_assignsubmission_file"
    linked.mkdir()
    (linked / "practica.ipynb").symlink_to(made / "reference" / "digits-dense" / "solution.ipynb")
    os.mkfifo(linked / "cola.ipynb")
    return made


@pytest.fixture(scope="module")
def graded(course: Path) -> subprocess.CompletedProcess[str]:
    words = ["run", str(course / "work"), "--course", str(course), "--out", str(course / "grades")]
    words += ["--level", "static", "--data", "stand-in", "--assignment", "digits-dense"]
    return subprocess.run(
        [sys.executable, "-m", "grader", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def pages(course: Path) -> Iterator[Path]:
    yield from (course / "grades").rglob("*.html")


def test_everybody_is_graded(course: Path, graded: subprocess.CompletedProcess[str]) -> None:
    """One bad hand-in never stops the class."""
    assert graded.returncode == 0, graded.stderr[-2000:]
    found = [json.loads(path.read_text()) for path in (course / "grades" / "json").rglob("*.json")]
    assert len(found) == 11
    assert {one["state"] for one in found} <= {"graded", "unreadable"}


def test_nothing_is_written_outside(course: Path, graded: subprocess.CompletedProcess[str]) -> None:
    """Of archives and links neither a file nor what a link shows."""
    assert {path.name for path in course.iterdir()} >= {"grades", "work"}
    assert not list(course.parent.rglob("climbed*"))
    assert not Path("/climbed.ipynb").exists()
    assert not any(
        "import keras" in path.read_text() for path in pages(course) if "enlace" in path.name.lower()
    )


class _Tags(HTMLParser):
    """Every element and attribute of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_no_page_holds_anything_that_acts(course: Path, graded: subprocess.CompletedProcess[str]) -> None:
    """No script, handler, foreign picture or link to one; a policy that would forbid them."""
    assert len(list(pages(course))) > 10
    for page in pages(course):
        text = page.read_text(encoding="utf-8")
        tags = _Tags()
        tags.feed(text)
        assert not {tag for tag, _ in tags.found} & {"script", "iframe", "object", "embed", "form", "base"}
        for _, attributes in tags.found:
            assert not [name for name in attributes if name.startswith("on")]
            target = (attributes.get("href") or attributes.get("src") or "").strip().lower()
            assert not target.startswith(("javascript:", "http:", "https:", "//"))
        assert "default-src 'none'" in text
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_no_cell_of_the_table_is_a_formula(course: Path, graded: subprocess.CompletedProcess[str]) -> None:
    """Whatever a student is called."""
    text = (course / "grades" / "grades.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.reader(text.splitlines(), delimiter=";"))
    assert len(rows) >= 12
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@", "\t", "-H"))]
    assert "\x1b" not in text


def test_the_terminal_is_told_nothing_to_obey(graded: subprocess.CompletedProcess[str]) -> None:
    """No escape, no reversed text."""
    for text in (graded.stdout, graded.stderr):
        assert not {"\x1b", "\x07", "\u202e", "\u2066"} & set(text)

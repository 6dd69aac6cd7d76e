"""The files of a class."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from grader.model.outcome import Outcome
from grader.report.write import LEDGER, file_stems, replace_file, write_reports, written

from . import factory


def keyed(*keys: str) -> list[Outcome]:
    return [replace(factory.absent(), submission=factory.submission(key)) for key in keys]


def test_every_file_is_there_and_linked(tmp_path: Path) -> None:
    """One page for the student, one for staff and one JSON each; the index links to all that exist."""
    outcomes = factory.whole_class()
    index = write_reports(outcomes, tmp_path, {"fashion-convnet": factory.expected()}, "es")
    stems = {o.submission.student.key for o in outcomes}
    for folder, ending in (("reports", "html"), ("staff", "html"), ("json", "json")):
        assert {p.name for p in (tmp_path / folder).iterdir()} == {f"{s}.{ending}" for s in stems}
    assert {p.name for p in tmp_path.iterdir()} == {
        *("reports", "staff", "json", "grades.csv", "index.html"),
        LEDGER,
    }
    links = [unquote(x) for x in re.findall(r'href="((?:staff|reports)/[^"]+)"', index.read_text())]
    assert len(links) == 2 * len(outcomes)
    assert all((tmp_path / link).is_file() for link in links)


def test_the_page_for_the_student_is_the_students(tmp_path: Path) -> None:
    """What staff alone may see is in staff/ only, and the band comes with the expected values."""
    write_reports([factory.tampered()], tmp_path, {"fashion-convnet": factory.expected()}, "en")
    student = (tmp_path / "reports" / "carla-ruiz.html").read_text()
    assert "was replaced" not in student
    assert "Reference band" in student
    assert "was replaced" in (tmp_path / "staff" / "carla-ruiz.html").read_text()


def test_writing_again_replaces(tmp_path: Path) -> None:
    """The same run twice leaves the same bytes and nothing temporary."""
    write_reports([factory.passing()], tmp_path, {}, "es")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    write_reports([factory.passing()], tmp_path, {}, "es")
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_reader_never_meets_half_a_file(tmp_path: Path) -> None:
    """The old file stays open and whole while the new one takes its name."""
    path = tmp_path / "grades.csv"
    replace_file(path, b"old")
    with path.open("rb") as reader:
        replace_file(path, b"new, and longer")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new, and longer"


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "/abs", "..", ".", "", "a/b", "a\\b", "a\x00b", "caf\udce9", "x" * 400]
)
def test_no_key_leaves_the_folder(key: str, tmp_path: Path) -> None:
    """Whatever a key is, its files lie below the output folder, visible and openable."""
    (stem,) = file_stems(keyed(key))
    path = tmp_path / "out" / f"{stem}.html"
    replace_file(path, b"x")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]
    assert not stem.startswith(".")


def test_one_student_with_two_assignments_has_two_files() -> None:
    """Named by assignment."""
    other = replace(factory.ASSIGNMENT, id="fashion-dense")
    outcomes = [factory.passing(), replace(factory.passing(), assignment=other)]
    assert file_stems(outcomes) == ["ana-nunez--fashion-convnet", "ana-nunez--fashion-dense"]


def test_keys_that_differ_in_case_alone_do_not_collide() -> None:
    """Windows and macOS would write one over the other."""
    assert file_stems(keyed("Ana", "ana", "ANA")) == ["Ana", "ana-2", "ANA-3"]


def test_two_practicals_share_a_folder_and_nothing_is_lost(tmp_path: Path) -> None:
    """Each has its files below its id; the index links to both; nothing of the first stays behind."""
    other = replace(factory.ASSIGNMENT, id="fashion-dense")
    first = factory.whole_class()
    write_reports(first, tmp_path, {}, "es")
    second = [replace(factory.passing(), assignment=other)]
    index = write_reports([*first, *second], tmp_path, {}, "es")
    top = {p.name for p in tmp_path.iterdir()}
    assert top == {"fashion-convnet", "fashion-dense", "index.html", LEDGER}
    for folder, n in (("fashion-convnet", len(first)), ("fashion-dense", 1)):
        assert len(list((tmp_path / folder / "reports").iterdir())) == n
        assert (tmp_path / folder / "grades.csv").read_text("utf-8-sig").count("\n") == n + 1
        assert (tmp_path / folder / "index.html").is_file()
    links = [unquote(x) for x in re.findall(r'href="([^"#]+)"', index.read_text())]
    assert len(links) == 2 * (len(first) + 1)
    assert all((tmp_path / link).is_file() for link in links)


def test_what_was_written_is_known(tmp_path: Path) -> None:
    """All of it, and no file of somebody else's; a path out of the folder is not believed."""
    write_reports(factory.whole_class(), tmp_path / "out", {}, "es")
    (tmp_path / "precious").write_text("x")
    (tmp_path / "out" / "reports" / "mine.txt").write_text("x")
    with (tmp_path / "out" / LEDGER).open("a") as stream:
        stream.write("../precious\n")
    found = set(written(tmp_path / "out"))
    everything = {p for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert everything - found == {tmp_path / "out" / "reports" / "mine.txt"}

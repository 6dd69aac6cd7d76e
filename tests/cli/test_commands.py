"""The commands in the order an instructor types them, on the demo's class in the real sandbox."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from grader.cli import main
from grader.cli.exits import Exit
from grader.cli.workshop import Workshop
from grader.demo import unpack
from tests import sandbox

pytestmark = pytest.mark.sandbox

ALBA = "alba-torres-gil"


def typed(*words: str | Path) -> int:
    """What `grade WORDS` exits with."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sandbox.require()
    made = unpack(tmp_path_factory.mktemp("demo") / "course")
    for folder in (made / "submissions").iterdir():
        if not folder.name.startswith(("Alba", "Elena")):
            shutil.rmtree(folder)
    return made


@pytest.fixture(scope="module")
def graded(course: Path) -> Path:
    """The folder of a grading at `structure`: seconds a submission, and accuracy is not decided."""
    out = course / "grades"
    ended = typed(
        *("run", course / "submissions", "--course", course, "--out", out),
        *("--level", "structure", "--data", "stand-in"),
    )
    assert ended == Exit.GRADED  # accuracy was not asked for
    return out


def key_of(graded: Path, start: str) -> str:
    return next(p.stem for p in (graded / "json").iterdir() if p.stem.startswith(start))


def test_everybody_of_the_roster_has_a_report(graded: Path) -> None:
    """Two handed in, four of the roster did not: six reports, and a table with all of them."""
    assert len(list((graded / "reports").glob("*.html"))) == 6
    assert (graded / "index.html").is_file()
    assert (graded / "grades.csv").read_text(encoding="utf-8-sig").count("\n") == 7


def test_a_mark_by_hand_survives_a_regrade(course: Path, graded: Path) -> None:
    """`mark` sets it, `regrade` keeps it; more than the check's points is refused."""
    alba = key_of(graded, "alba")
    document = json.loads((graded / "json" / f"{alba}.json").read_text(encoding="utf-8"))
    before = float(document["grade"]["earned"])
    waiting = next(
        check
        for exercise in document["grade"]["exercises"]
        for check in exercise["checks"]
        if check["status"] == "review"
    )
    place = ("--course", course, "--out", graded)
    assert typed("mark", alba, waiting["id"], waiting["points"], *place) == Exit.GRADED
    assert typed("mark", alba, waiting["id"], "99", *place) == Exit.USAGE
    assert typed("regrade", *place, "--data", "stand-in") == Exit.GRADED
    again = json.loads((graded / "json" / f"{alba}.json").read_text(encoding="utf-8"))
    assert float(again["grade"]["earned"]) == before + float(waiting["points"])


def test_explain_gives_facts_and_provenance(
    course: Path, graded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alba = key_of(graded, "alba")
    place = ("--course", course, "--out", graded, "--language", "en")
    assert typed("explain", alba, "1", *place) == Exit.GRADED
    said = capsys.readouterr().out
    assert "observed" in said or "verified" in said
    assert typed("explain", "nobody", "1", *place) == Exit.USAGE


def test_a_pipeline_gets_its_files(course: Path, tmp_path: Path) -> None:
    """`ci` elsewhere than on a known platform: JUnit and JSON; `structure` does not decide accuracy."""
    notebook = next((course / "submissions").glob("Alba*")) / "practica.ipynb"
    ended = typed(
        *("ci", notebook, "--course", course, "--out", tmp_path, "--platform", "plain"),
        *("--level", "structure", "--data", "stand-in"),
    )
    assert ended == Exit.GRADED
    assert (tmp_path / "junit.xml").is_file()
    assert len(list((tmp_path / "results").glob("*.json"))) == 1


def test_show_and_assignments_and_doctor(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("assignments", "--course", course) == Exit.GRADED
    assert typed("show", "digits-dense", "--course", course) == Exit.GRADED
    assert typed("doctor", "--course", course, "--data", "stand-in") == Exit.GRADED
    said = capsys.readouterr().out
    for word in ("digits-dense", "tensorflow", "self-test"):
        assert word in said


def test_purge_leaves_nothing_personal(course: Path, graded: Path, tmp_path: Path) -> None:
    """Not one file is left that names a student."""
    out = tmp_path / "grades"
    shutil.copytree(graded, out)
    assert typed("purge", "--out", out, "--yes") == Exit.GRADED
    assert [p for p in out.rglob("*") if p.is_file()] == []


def test_static_runs_nothing_and_judges_the_source(
    course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a class, a self-check and a pipeline; without a sandbox, and with status 0."""

    def refuse(self: Workshop) -> None:
        raise AssertionError("a sandbox was asked for")

    monkeypatch.setattr(Workshop, "executor", refuse)
    notebook = next((course / "submissions").glob("Alba*")) / "practica.ipynb"
    place = ("--course", course, "--level", "static", "--data", "stand-in")
    assert typed("run", course / "submissions", *place, "--out", tmp_path / "batch") == Exit.GRADED
    assert typed("check", notebook, *place) == Exit.GRADED
    assert typed("ci", notebook, *place, "--platform", "plain", "--out", tmp_path / "ci") == Exit.GRADED
    told = capsys.readouterr()
    assert "no decide" in told.err
    assert "problema nuestro" not in told.out + told.err
    alba = json.loads((tmp_path / "batch" / "json" / f"{ALBA}.json").read_text(encoding="utf-8"))
    ends = {c["status"] for e in alba["grade"]["exercises"] for c in e["checks"]}
    assert alba["run"]["ended"] == "not_run"
    assert ends == {"undecided", "review"}

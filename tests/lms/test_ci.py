"""Which platform it is, and what each one gets."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from grader.lms.ci import Pending, Platform, detect, write_results
from grader.model.outcome import Outcome, State
from grader.report.write import LEDGER

from .samples import HIDDEN, LATER, outcome, render


@pytest.mark.parametrize(
    ("environ", "platform"),
    [
        ({}, Platform.PLAIN),
        ({"GITHUB_ACTIONS": "true"}, Platform.GITHUB),
        ({"GITLAB_CI": "true"}, Platform.GITLAB),
        ({"GITHUB_ACTIONS": "", "CI": "true"}, Platform.PLAIN),
    ],
)
def test_pipelines_are_known_by_their_variables(
    tmp_path: Path, environ: dict[str, str], platform: Platform
) -> None:
    """And by nothing else."""
    assert detect(environ, tmp_path) is platform


@pytest.mark.parametrize("name", ["submission_metadata.json", "run_autograder"])
def test_gradescope_is_known_by_its_container(tmp_path: Path, name: str) -> None:
    """Its files come before any variable."""
    (tmp_path / name).write_text("{}")
    assert detect({"GITHUB_ACTIONS": "true"}, tmp_path) is Platform.GRADESCOPE


def test_only_gradescope_says_where_submissions_are(tmp_path: Path) -> None:
    """Elsewhere the command line must."""
    assert Platform.GRADESCOPE.submission_folders(tmp_path) == (tmp_path / "submission",)
    assert Platform.GITHUB.submission_folders(tmp_path) == ()


def written(outcomes: list[Outcome], platform: Platform, folder: Path, **environ: str) -> list[str]:
    paths = write_results(
        outcomes,
        platform,
        folder / "out",
        "es",
        Pending.PROVISIONAL,
        environ,
        root=folder / "autograder",
        render=render,
    )
    assert all(path.is_file() for path in paths)
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != LEDGER
    )


def test_gradescope_gets_its_file_and_nothing_else(tmp_path: Path) -> None:
    """In the container's layout."""
    assert written([outcome()], Platform.GRADESCOPE, tmp_path) == ["autograder/results/results.json"]


def test_gradescope_gets_nothing_when_we_failed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not even what lay there before; the log says why."""
    planted = tmp_path / "autograder" / "results" / "results.json"
    planted.parent.mkdir(parents=True)
    planted.write_text('{"score": 100}')
    assert written([outcome(state=State.FAILED)], Platform.GRADESCOPE, tmp_path) == []
    assert "no results.json" in caplog.text


def test_github_gets_a_summary_junit_and_json(tmp_path: Path) -> None:
    """Beside each other."""
    summary = tmp_path / "summary.md"
    files = written([outcome()], Platform.GITHUB, tmp_path, GITHUB_STEP_SUMMARY=str(summary))
    assert files == ["out/junit.xml", "out/results/ana.json", "summary.md"]
    assert "Red densa" in summary.read_text()


@pytest.mark.parametrize("platform", [Platform.GITLAB, Platform.PLAIN])
def test_elsewhere_junit_and_json_are_written(tmp_path: Path, platform: Platform) -> None:
    """One JSON per hand-in; a failure of ours is in them, without points."""
    outcomes = [outcome(), outcome(key="beto", state=State.FAILED)]
    files = written(outcomes, platform, tmp_path)
    assert files == ["out/junit.xml", "out/results/ana.json", "out/results/beto.json"]
    root = ElementTree.parse(tmp_path / "out" / "junit.xml").getroot()  # noqa: S314 (our own file)
    assert root.attrib["errors"] == "1"
    failed = json.loads((tmp_path / "out" / "results" / "beto.json").read_text())
    assert failed["state"] == "failed"
    assert "earned" not in json.dumps(failed.get("grade"))


def test_what_a_pipeline_publishes_holds_nothing_hidden(tmp_path: Path) -> None:
    """Every file that is written off Gradescope may be read by the student."""
    summary = tmp_path / "summary.md"
    for name in written([outcome()], Platform.GITHUB, tmp_path, GITHUB_STEP_SUMMARY=str(summary)):
        text = (tmp_path / name).read_text()
        assert HIDDEN not in text, name
        assert LATER not in text, name

"""Which platform this runs on, and what is written there."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from grader.lms import github, gradescope
from grader.lms.gradescope import Pending
from grader.lms.junit import junit
from grader.messages import render as catalogue_render
from grader.model.outcome import Outcome, State
from grader.model.submission import Student
from grader.model.text import Language
from grader.report.json import to_json
from grader.report.words import Render
from grader.report.write import file_stems, note_written, replace_file

__all__ = ["Pending", "Platform", "detect", "write_results"]

_log = logging.getLogger(__name__)


class Platform(StrEnum):
    """Where `grade ci` runs."""

    GRADESCOPE = "gradescope"
    GITHUB = "github"
    GITLAB = "gitlab"
    PLAIN = "plain"
    """Any other pipeline: JUnit XML and JSON."""

    def submission_folders(self, root: Path = gradescope.ROOT) -> tuple[Path, ...]:
        """Where the platform puts what was handed in; empty where the caller must say it."""
        return (root / "submission",) if self is Platform.GRADESCOPE else ()

    def student(self, root: Path = gradescope.ROOT) -> Student | None:
        """Whose submission the platform has at hand; None where it does not say.

        Raises:
            LmsError: the platform's metadata are not what it documents.
        """
        found = gradescope.read_metadata(root) if self is Platform.GRADESCOPE else None
        return found.student if found else None

    def printing(self, stream: TextIO) -> AbstractContextManager[None]:
        """Within it, what is printed is only text: a student's words are no command to the platform."""
        return github.commands_off(stream) if self is Platform.GITHUB else nullcontext()


def detect(environ: Mapping[str, str], root: Path = gradescope.ROOT) -> Platform:
    """The platform by its variables; Gradescope sets none and is known by its container's files."""
    if any((root / name).is_file() for name in ("submission_metadata.json", "run_autograder")):
        return Platform.GRADESCOPE
    if environ.get("GITHUB_ACTIONS") == "true":
        return Platform.GITHUB
    if environ.get("GITLAB_CI") == "true":
        return Platform.GITLAB
    return Platform.PLAIN


def write_results(
    outcomes: Sequence[Outcome],
    platform: Platform,
    folder: Path,
    language: Language,
    pending: Pending,
    environ: Mapping[str, str],
    *,
    root: Path = gradescope.ROOT,
    render: Render = catalogue_render,
) -> tuple[Path, ...]:
    """Write what the platform reads; returns the files written.

    On Gradescope `results.json` and nothing else, and not even that when we failed: the log says why,
    and the exit status, which is the command line's, that nothing was graded. Elsewhere `junit.xml` and
    `results/<student>.json` in `folder`, and on GitHub the step's summary: only what students may see.
    """
    if platform is Platform.GRADESCOPE:
        return _gradescope(outcomes, language, pending, root, render)
    stems = file_stems(outcomes)
    note_written(folder, [folder / "junit.xml", *(folder / "results" / f"{stem}.json" for stem in stems)])
    written = [folder / "junit.xml"]
    replace_file(written[0], junit(outcomes, language, pending=pending, render=render))
    for outcome, stem in zip(outcomes, stems, strict=True):
        written.append(folder / "results" / f"{stem}.json")
        replace_file(
            written[-1], to_json(outcome, audience="self-check", hold=pending is Pending.HOLD, render=render)
        )
    if platform is Platform.GITHUB:
        text = github.summary(outcomes, language, pending=pending, render=render)
        summary = github.write_summary(text, environ)
        written += [summary] if summary else []
    return tuple(written)


def _gradescope(
    outcomes: Sequence[Outcome], language: Language, pending: Pending, root: Path, render: Render
) -> tuple[Path, ...]:
    if any(outcome.state is State.FAILED for outcome in outcomes):
        (root / "results" / "results.json").unlink(missing_ok=True)
        _log.error("grading failed on our side: no results.json is written, so that there is no score")
        return ()
    return (gradescope.write(outcomes, language, pending=pending, root=root, render=render),)

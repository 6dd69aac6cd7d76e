"""The step summary: only what students may see, shown as text, within the platform's limit."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grader.lms.github import MAX_SUMMARY, commands_off, markdown, summary, write_summary
from grader.lms.gradescope import Pending
from grader.model.outcome import State
from grader.model.result import ExerciseGrade, Grade, Status

from .samples import HIDDEN, LATER, outcome, render, scored


def test_a_summary_shows_points_results_and_what_to_mend() -> None:
    """Total of what may be seen, one row per check, details of those not passed."""
    text = summary([outcome()], "es", render=render)
    assert "## Red densa · Ana Núñez" in text
    assert "**Obtenido 0,4 de 2,75 evaluables · pendiente 0,75 · máximo 2,75**" in text
    assert "| 1a · Título | 0,3 / 0,3 | ✅ correcto |" in text
    assert "| 1a · Título | 0,1 / 0,2 | 🟡 parcial |" in text
    assert r"* Ana Núñez\: se esperaba \(28, 28\) y hay Ana Núñez \(verificado\)" in text
    assert r"comprobaciones" in text.casefold()
    assert "no se muestran: 2" in text.replace("\\", "")


@pytest.mark.parametrize("language", ["es", "en"])
def test_nothing_hidden_is_in_it(language: str) -> None:
    """Neither staff's values nor those for after the deadline."""
    text = summary([outcome()], language, render=render).replace("\\", "")  # type: ignore[arg-type]
    assert HIDDEN not in text
    assert LATER not in text


def test_a_held_total_is_not_shown() -> None:
    """With "hold" there is no number before a person has marked the rest."""
    text = summary([outcome()], "en", pending=Pending.HOLD, render=render).replace("\\", "")
    assert "Earned" not in text
    assert "There is no total until that is done" in text


def test_a_failure_of_ours_has_no_points() -> None:
    """It says whose fault it is."""
    text = summary([outcome(state=State.FAILED)], "es", render=render)
    assert "problema nuestro" in text
    assert "Obtenido" not in text
    assert "| ---" not in text


HOSTILE = [
    "![x](https://evil.example/p.png)",
    "[click](javascript:alert(1))",
    "<img src=x onerror=alert(1)>",
    "</td></table><h1>100/100</h1>",
    "a | b | ✅ correcto |",
    "`code` **bold** _it_ ~~no~~",
    "@everyone #1 $x^2$ :tada:",
    "https://evil.example www.evil.example a@evil.example",
    "line\n## Nota: 10\n| a | b |",
    "&lt;b&gt; &amp;",
    "\x1b[31mred\x07\u202eevil",
    "::error::pwned",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("where", ["name", "observed"])
def test_students_text_is_only_text(text: str, where: str) -> None:
    """As many rows and headings as with an innocent text; no tag, link, image or mention."""
    good = summary([outcome("innocent")], "es", render=render)
    made = summary([outcome(text)], "es", render=render)
    for start in ("|", "#", "*", ">"):
        assert _count(made, start) == _count(good, start), start
    assert all(row.count("|") - row.count("\\|") == 4 for row in made.splitlines() if row.startswith("|"))
    for active in (
        r"<\w",
        r"(?<!\\)\]\(",
        r"(?<!\\)!\[",
        r"(?<!\\)@",
        r"https?:/",
        r"www\.",
        r"(?<!\\)\$",
        r"(?<!\\)`",
    ):
        assert not re.search(active, made), active
    assert not any(row.startswith("::") for row in made.splitlines())
    assert "\x1b" not in made


def _count(text: str, start: str) -> int:
    return sum(row.startswith(start) for row in text.splitlines())


@settings(deadline=None)
@given(st.text())
@example("\0&<")
def test_escaping_can_be_undone(text: str) -> None:
    """What a reader sees is the text: taking the backslashes and entities away gives it back."""
    from grader.report.clean import line

    shown = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown(text).replace("\\\\", "\0"))
    shown = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace("\0", "\\")
    assert shown == line(text, 2_000)


def test_it_stays_below_the_limit_and_says_that_it_was_cut() -> None:
    """A class of 300 with long feedback; cut at the end of a line, in bytes and not characters."""
    rows = tuple(scored(f"1a.{i}", Status.FAILED, "1", "0", "ñ" * 250) for i in range(20))
    long = outcome(graded=Grade((ExerciseGrade("1a", rows),)))
    known = replace(long, assignment=None)
    text = summary(
        [replace(long, submission=long.submission)] * 20 + [known] * 300, "es", limit=50_000, render=render
    )
    assert 40_000 < len(text.encode()) <= 50_000
    assert text.endswith("resultados de esta ejecución\\._\n")
    assert len(summary([outcome()], "es", render=render).encode()) < 50_000


def test_it_is_added_to_the_steps_summary(tmp_path: Path) -> None:
    """Behind what is there already, and together with it below the limit."""
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    assert write_summary("a\nb\n", {"GITHUB_STEP_SUMMARY": str(path)}) == path
    assert path.read_text() == "before\na\nb\n"
    path.write_bytes(b"x" * (MAX_SUMMARY - 3))
    write_summary("a\nbcdefgh\n", {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.read_bytes().endswith(b"xa\n")
    assert write_summary("a", {}) is None


def test_printed_text_cannot_give_commands() -> None:
    """Between the two marks the runner obeys nothing, and the token cannot be known before."""
    streams = [io.StringIO(), io.StringIO()]
    for stream in streams:
        with commands_off(stream):
            stream.write("::error::pwned")
    tokens = []
    for stream in streams:
        lines = stream.getvalue().split("\n")
        stop = re.fullmatch(r"::stop-commands::([0-9a-f]{40})", lines[1])
        assert stop
        assert lines[2:] == ["::error::pwned", f"::{stop[1]}::", ""]
        tokens.append(stop[1])
    assert tokens[0] != tokens[1]


def test_commands_are_on_again_after_an_error() -> None:
    """Whatever was raised while printing."""
    stream = io.StringIO()
    with pytest.raises(ZeroDivisionError), commands_off(stream):
        stream.write(str(1 // 0))
    assert re.search(r"\n::[0-9a-f]{40}::\n$", stream.getvalue())

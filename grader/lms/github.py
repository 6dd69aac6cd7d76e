"""GitHub Actions: the step summary, and printing that cannot be taken for workflow commands.

A summary over 1024 kB is dropped as a whole (the runner says "supports content up to a size of 1024k"),
so ours is cut before that, at the end of a line, and says so.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from grader.lms.gradescope import Pending
from grader.lms.lines import Line, lines, notices, seen, student, title, unseen
from grader.messages import render as catalogue_render
from grader.model.outcome import Outcome
from grader.model.result import Status
from grader.model.text import Language
from grader.report import clean
from grader.report.audience import Audience
from grader.report.words import Render, Words

MAX_SUMMARY = 1_000_000
"""Bytes of the whole summary file of one step."""

_AUDIENCE: Audience = "self-check"
"""Whoever may push may read the summary, and push again."""
_SIGNS = {
    Status.PASSED: "✅",
    Status.PARTIAL: "🟡",
    Status.FAILED: "❌",
    Status.SKIPPED: "⏭️",
    Status.REVIEW: "👤",
    Status.UNGRADED: "⚠️",
    Status.UNDECIDED: "➖",
}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-!|~@:$.])")
"""Punctuation that means something in GitHub's Markdown: links, mentions, mathematics, emoji, tables.
Any ASCII punctuation may have a backslash before it."""


def markdown(text: str) -> str:
    """Text on one line, shown as it is: no Markdown, no HTML, no automatic link."""
    escaped = _SPECIAL.sub(r"\\\1", clean.line(text, 2_000).replace("&", "\0"))
    return escaped.replace("<", "&lt;").replace(">", "&gt;").replace("\0", "&amp;")


def summary(
    outcomes: Sequence[Outcome],
    language: Language,
    *,
    pending: Pending = Pending.PROVISIONAL,
    limit: int = MAX_SUMMARY,
    render: Render = catalogue_render,
) -> str:
    """Markdown with what students may see, at most `limit` bytes in UTF-8."""
    words = Words(language, render)
    rows = [row for outcome in outcomes for row in _section(outcome, pending, words)]
    return _cut(rows, limit, f"\n_{markdown(words.say('lms.cut'))}_\n")


def write_summary(text: str, environ: Mapping[str, str]) -> Path | None:
    """Append to the step's summary as far as it has room; None where the platform named no file."""
    name = environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return None
    path = Path(name)
    used = path.stat().st_size if path.exists() else 0
    with path.open("ab") as stream:
        stream.write(_cut(text.splitlines(), max(0, MAX_SUMMARY - used), "").encode())
    return path


@contextmanager
def commands_off(stream: TextIO) -> Iterator[None]:
    """Within it, a printed `::set-env::` or `::error::` is only text: the runner obeys no command.

    The token that switches them on again is drawn each time, so that nothing printed can contain it.
    """
    token = secrets.token_hex(20)
    stream.write(f"\n::stop-commands::{token}\n")
    stream.flush()
    try:
        yield
    finally:
        stream.write(f"\n::{token}::\n")
        stream.flush()


def _section(outcome: Outcome, pending: Pending, words: Words) -> Iterator[str]:
    yield f"## {markdown(title(outcome, words))} · {markdown(student(outcome))}"
    yield ""
    for notice in notices(outcome, _AUDIENCE, words):
        yield f"> {markdown(notice)}"
        yield ""
    found = lines(outcome, _AUDIENCE, words)
    yield from _total(outcome, pending, words)
    if found:
        yield from _table(found, words)
        yield from _details(found)


def _total(outcome: Outcome, pending: Pending, words: Words) -> Iterator[str]:
    grade = seen(outcome, _AUDIENCE)
    if grade is None:
        return
    if grade.pending and pending is Pending.HOLD:
        sentence = words.say("lms.head.hold", points=words.points(grade.pending))
    else:
        sentence = words.say(
            "lms.total",
            earned=words.points(grade.earned),
            gradable=words.points(grade.gradable),
            pending=words.points(grade.pending),
            maximum=words.points(grade.maximum),
        )
    yield f"**{markdown(sentence)}**"
    yield ""
    hidden = unseen(outcome, _AUDIENCE)
    if hidden:
        yield markdown(words.say("lms.unseen", n=hidden))
        yield ""


def _table(found: Sequence[Line], words: Words) -> Iterator[str]:
    heads = (words.say("lms.column.check"), words.say("report.points"), words.say("lms.column.result"))
    yield "| " + " | ".join(markdown(head) for head in heads) + " |"
    yield "| --- | ---: | --- |"
    for line in found:
        worth = f"{line.earned_words} / {words.points(line.points)}" if line.points else ""
        result = f"{_SIGNS[line.status]} {markdown(line.status_word)}"
        yield f"| {markdown(line.name)} | {markdown(worth)} | {result} |"
    yield ""


def _details(found: Sequence[Line]) -> Iterator[str]:
    for line in found:
        if line.status is not Status.PASSED and line.text:
            yield f"**{markdown(line.name)}**"
            yield ""
            yield from (
                f"* {markdown(row.removeprefix('- '))}" for row in line.text.splitlines() if row.strip()
            )
            yield ""


def _cut(rows: Sequence[str], limit: int, note: str) -> str:
    """The rows as lines, the last ones left out when they would not fit."""
    whole = "".join(f"{row}\n" for row in rows)
    if len(whole.encode()) <= limit:
        return whole
    room = limit - len(note.encode())
    kept: list[str] = []
    for row in rows:
        room -= len(row.encode()) + 1
        if room < 0:
            break
        kept.append(f"{row}\n")
    return "".join(kept) + (note if len(note.encode()) <= limit else "")

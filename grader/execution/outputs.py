"""From a cell's messages to words: what it printed and how it ended, as plain bounded text.

Everything here was written by a student's process: any field may be missing, of another type or huge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

TEXT_LIMIT = 20_000
"""Characters kept of one cell's output, and as many of its error."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_UNKNOWN_MAGIC = re.compile(r"^UsageError: (?:Line|Cell) magic function .* not found", re.MULTILINE)
_CHATTER = re.compile(
    r"^(?:WARNING: All log messages before absl::InitializeLog\(\)|[IWE]\d{4} [\d:.]+ +\d+ \S+:\d+\] "
    r"|\d{4}-\d\d-\d\d [\d:.]+: [IWE] (?:tensorflow|external)/|To enable the following instructions: )"
    r"[^\n]*\n?",
    re.MULTILINE,
)
"""TensorFlow's log on stderr, which TF_CPP_MIN_LOG_LEVEL does not silence wholly."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a cell's outputs say. `error` is "" when it ran to its end."""

    error: str
    error_text: str
    output_text: str


def outcome(outputs: object) -> Outcome:
    """Read the outputs nbclient gathered for one cell."""
    texts: list[str] = []
    warned: list[str] = []
    error = error_text = ""
    for output in _mappings(outputs):
        kind = output.get("output_type")
        if kind == "error":
            error = clean(_text(output.get("ename")), 200) or "Error"
            error_text = clean(_traceback(output))
        elif kind == "stream":
            text = _text(output.get("text"))
            if output.get("name") == "stderr":
                text = _CHATTER.sub("", text)
                warned.append(text)
            texts.append(text)
        else:
            texts.append(_plain(output.get("data")))
    if not error and (magic := _UNKNOWN_MAGIC.search(clean("".join(warned)))):
        # Jupyter counts a cell with an unknown magic as a success.
        error, error_text = "UsageError", magic.group()
    return Outcome(error, error_text, clean("".join(texts)))


def clean(text: str, limit: int = TEXT_LIMIT) -> str:
    """Text for people: no terminal codes, control or direction marks, no lone surrogates, and bounded.

    Beginning and end are kept, as the last line often holds the accuracy. What a progress bar wrote over
    on its line is dropped, as a terminal would.
    """
    # Cut first, generously: the patterns then run over a bounded text whatever was printed.
    text = _ANSI.sub("", _middle_cut(text, 4 * limit))
    text = "\n".join(_last_written(line) for line in text.split("\n"))
    text = _CONTROL.sub("", text).encode("utf-8", "replace").decode("utf-8")
    return _middle_cut(text, limit)


def _last_written(line: str) -> str:
    return next((part for part in reversed(line.split("\r")) if part.strip()), "")


def _middle_cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    head = limit * 3 // 4
    return text[:head] + "\n[…]\n" + text[-(limit - head - 5) :]


def _mappings(outputs: object) -> Iterator[Mapping[str, object]]:
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, Mapping):
            yield output


def _traceback(output: Mapping[str, object]) -> str:
    lines = output.get("traceback")
    text = "\n".join(_text(line) for line in lines) if isinstance(lines, list) else ""
    return text or f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"


def _plain(data: object) -> str:
    """The text form of a result; pictures and HTML have none that is kept."""
    if not isinstance(data, Mapping):
        return ""
    text = _text(data.get("text/plain"))
    return f"{text}\n" if text else ""


def _text(value: object) -> str:
    if isinstance(value, list):
        return "".join(item for item in value if isinstance(item, str))
    return value if isinstance(value, str) else ""

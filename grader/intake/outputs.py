"""The text of saved outputs: what a notebook claims it printed."""

from __future__ import annotations

from dataclasses import dataclass, field

from grader.intake.limits import IntakeLimits
from grader.intake.text import CUT, plain_output
from grader.model.submission import SavedOutput

_IMAGES_V3 = frozenset({"png", "jpeg", "svg"})


@dataclass(slots=True)
class OutputReader:
    """Reads the outputs of one document's cells under caps that they share. `cut`: some text was left out.

    HTML, JavaScript and SVG are never kept: only text, and whether there was a picture.
    """

    limits: IntakeLimits
    cut: bool = False
    remaining: int = field(init=False)

    def __post_init__(self) -> None:
        self.remaining = self.limits.document_output_chars

    def read(self, raw: object) -> tuple[SavedOutput, ...]:
        if not isinstance(raw, list):
            return ()
        self.cut |= len(raw) > self.limits.cell_outputs
        # The last outputs hold the results, and a flood comes first.
        kept = raw[-self.limits.cell_outputs :]
        return tuple(self._output(output) for output in kept if isinstance(output, dict))

    def _output(self, output: dict[str, object]) -> SavedOutput:
        is_error = output.get("output_type") in ("error", "pyerr")
        text = _error_text(output) if is_error else _shown_text(output)
        return SavedOutput(self._capped(text), is_error, _has_image(output))

    def _capped(self, text: str) -> str:
        limit = min(self.limits.output_chars, self.remaining)
        self.cut |= len(text) > 4 * limit
        plain = plain_output(text, limit) if limit > 0 else ""
        self.cut |= CUT in plain
        self.remaining -= len(plain)
        return plain


def text_of(value: object) -> str:
    """A multiline string of the format: one string, or a list of them."""
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _shown_text(output: dict[str, object]) -> str:
    """Text of a stream, or the text/plain of a result; nbformat 3 has both under `text`."""
    data = output.get("data")
    if isinstance(data, dict):
        return text_of(data.get("text/plain"))
    return text_of(output.get("text"))


def _error_text(output: dict[str, object]) -> str:
    traceback = output.get("traceback")
    lines = [line for line in traceback if isinstance(line, str)] if isinstance(traceback, list) else []
    name, value = output.get("ename"), output.get("evalue")
    summary = f"{name}: {value}" if isinstance(name, str) and isinstance(value, str) else ""
    if not lines:
        return summary
    return "\n".join(lines)


def _has_image(output: dict[str, object]) -> bool:
    data = output.get("data")
    if isinstance(data, dict):
        return any(isinstance(kind, str) and kind.startswith("image/") for kind in data)
    return bool(_IMAGES_V3 & output.keys())

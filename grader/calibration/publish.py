"""Writes what was measured: staff's expected.json, the students' public.json, the README's table."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from grader.course import Loaded
from grader.model.assignment import Visibility
from grader.model.budget import Level
from grader.model.expected import Expected

BEGIN, END = "<!-- bands:begin -->", "<!-- bands:end -->"


def write_expected(loaded: Loaded, expected: Expected) -> None:
    """reference/ID/expected.json: everything."""
    _write(loaded.reference / "expected.json", expected)


def publish(loaded: Loaded, expected: Expected) -> None:
    """assignments/ID/public.json: what the checks that students may see need, and nothing else; and the
    table of bands in the reference's README."""
    visible = {c.id for c in loaded.assignment.checks if c.visibility is Visibility.STUDENT}
    public = msgspec.structs.replace(
        expected,
        models=tuple(m for m in expected.models if m.check in visible and m.variant == "reference"),
        bands=tuple(b for b in expected.bands if b.check in visible),
        inputs="",
    )
    _write(loaded.folder / "public.json", public)
    readme = loaded.reference / "README.md"
    if readme.is_file():
        readme.write_text(_with_table(readme.read_text(encoding="utf-8"), expected), encoding="utf-8")


def _write(path: Path, value: Expected) -> None:
    plain = msgspec.to_builtins(msgspec.structs.replace(value, boilerplate=()))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)


def _with_table(text: str, expected: Expected) -> str:
    if BEGIN not in text or END not in text:
        return text
    rows = [
        "| check | variant | level | data | n | mean | sd | band (99 % one-sided) | mutants rejected |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    order = {Level.FULL: 0, Level.QUICK: 1, Level.STRUCTURE: 2, Level.STATIC: 3}
    for b in sorted(expected.bands, key=lambda b: (order[b.level], b.check, b.data, b.variant)):
        rejects = "not measured" if b.rejects is None else f"{b.rejects:.0%} of {b.mutant_runs} runs"
        rows.append(
            f"| {b.check} | {b.variant} | {b.level} | `{b.data[:8]}` | {b.n} | {b.mean:.4f} | {b.sd:.4f} "
            f"| {b.low:.4f} – {b.high:.4f} | {rejects} |"
        )
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    return f"{head}{BEGIN}\n" + "\n".join(rows) + f"\n{END}{tail}"

"""The JSON document: what it holds, and that its description holds."""

from __future__ import annotations

import json
import re
import types
import typing
from pathlib import Path

import msgspec
import pytest

from grader.report.json import ResultJson, to_json

from . import factory

DOC = Path(__file__).parents[2] / "docs" / "result-json.md"
WORDS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def fields(struct: type, prefix: str = "") -> dict[str, str]:
    """Path -> type in words, of every field of a struct and of those inside it."""
    found: dict[str, str] = {}
    for field in msgspec.structs.fields(struct):
        kind, inner = in_words(field.type)
        found[prefix + field.name] = kind
        if inner:
            found |= fields(inner, f"{prefix}{field.name}{'[]' if kind.startswith('list') else ''}.")
    return found


def in_words(kind: object) -> tuple[str, type | None]:
    if typing.get_origin(kind) is types.UnionType:
        (only,) = [k for k in typing.get_args(kind) if k is not type(None)]
        word, inner = in_words(only)
        return f"{word} or null", inner
    if typing.get_origin(kind) is list:
        word, inner = in_words(typing.get_args(kind)[0])
        return f"list of {word}s", inner
    if typing.get_origin(kind) is dict:
        return ("map of strings" if typing.get_args(kind)[1] is str else "map of values"), None
    assert isinstance(kind, type)
    return (WORDS[kind], None) if kind in WORDS else ("object", kind)


def test_description_and_document_have_the_same_fields() -> None:
    """docs/result-json.md names every field with its type, and no other."""
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", DOC.read_text(), re.MULTILINE)
    assert dict(rows) == fields(ResultJson)
    assert len(rows) == len(dict(rows))


@pytest.mark.parametrize("make", factory.CLASS, ids=lambda make: make.__name__)
def test_every_outcome_gives_a_document(make: typing.Callable[[], typing.Any]) -> None:
    """Each kind of outcome is written, and reads back as the documented types."""
    document = msgspec.json.decode(to_json(make()), type=ResultJson)
    assert document.schema == 1
    assert (document.grade is None) == (document.state in {"absent", "failed"})


def test_points_are_exact_and_add_up() -> None:
    """The mediocre submission: earned, pending and ungraded in plain decimals."""
    grade = json.loads(to_json(factory.middling()))["grade"]
    assert {k: v for k, v in grade.items() if k != "exercises"} == {
        "earned": "3.42",
        "pending": "1",
        "ungraded": "0.5",
        "undecided": "0",
        "gradable": "7",
        "maximum": "7.5",
    }
    assert grade["exercises"][0]["checks"][0]["fraction"] == "2/3"


def test_sentences_are_in_both_languages() -> None:
    """A message carries its key, its values and both sentences."""
    check = json.loads(to_json(factory.middling()))["grade"]["exercises"][0]["checks"][1]
    assert check["message"] == {
        "key": "epochs.failed",
        "args": {"n": 3, "yours": 10},
        "es": "Se pedían 3 épocas y se entrenó con 10.",
        "en": "3 epochs were asked for; it was trained for 10.",
    }


def test_a_students_document_hides_what_staff_alone_may_see() -> None:
    """No id, sentence or comparison of a staff check, no isolation, no tampering."""
    document = json.loads(to_json(factory.middling(), audience="student"))
    hidden = [c for e in document["grade"]["exercises"] for c in e["checks"] if c["visibility"] == "staff"]
    assert [(c["id"], c["title"], c["message"], c["hint"], c["comparisons"]) for c in hidden] == [
        (None, None, None, None, [])
    ]
    assert document["run"]["isolation"] is document["run"]["tampering"] is None
    assert "3.honest" not in json.dumps(document)


def test_a_self_check_has_no_trace_of_hidden_checks() -> None:
    """Neither staff checks nor those shown after the deadline, and totals without them."""
    document = json.loads(to_json(factory.passing(), audience="self-check"))
    shown = [c["visibility"] for e in document["grade"]["exercises"] for c in e["checks"]]
    assert set(shown) == {"student"}
    assert document["grade"]["maximum"] == "6.5"

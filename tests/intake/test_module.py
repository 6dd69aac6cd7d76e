"""Python modules: their blocks become cells."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.intake.limits import IntakeLimits
from grader.intake.module import parse_module
from grader.model.errors import IntakeError
from grader.model.submission import CellKind

from .build import keys

LIMITS = IntakeLimits()
C, M, R = CellKind.CODE, CellKind.MARKDOWN, CellKind.RAW


def cells(text: str) -> list[tuple[CellKind, str]]:
    document = parse_module(text.encode(), "m.py", LIMITS).document
    assert [cell.index for cell in document.cells] == list(range(len(document.cells)))
    return [(cell.kind, cell.source) for cell in document.cells]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\ny = 2\n", [(C, "x = 1\ny = 2")]),
        ("# %%\nx = 1\n\n# %% second\ny = 2\n", [(C, "x = 1"), (C, "y = 2")]),
        ("import os\n#%%\nx = 1", [(C, "import os"), (C, "x = 1")]),
        ("# %% [markdown]\n# ## Ejercicio 1\n# Hola\n# %%\nx", [(M, "## Ejercicio 1\nHola"), (C, "x")]),
        ('# %% [md]\n"""\nHola\n"""\n# %%\nx', [(M, "Hola"), (C, "x")]),
        ("# %% [raw]\n# r\n# %%\nx", [(R, "r"), (C, "x")]),
        ("# In[ ]:\nx\n# In[12]:\ny", [(C, "x"), (C, "y")]),
        ("# <codecell>\nx\n# <markdowncell>\n# hola", [(C, "x"), (M, "hola")]),
        ("# ---\n# jupyter:\n#   a: b\n# ---\n# %%\nx", [(C, "x")]),
        ('s = """\n# %%\n"""\n# %%\nx', [(C, 's = """\n# %%\n"""'), (C, "x")]),
        ("x = (\n# %%\n!ls %%%", [(C, "x = ("), (C, "!ls %%%")]),
        ("x = 1\r\n# %%\r\ny = 2\r\n", [(C, "x = 1"), (C, "y = 2")]),
        ("# 50 %% de aciertos\nx", [(C, "# 50 %% de aciertos\nx")]),
    ],
)
def test_blocks(text: str, expected: list[tuple[CellKind, str]]) -> None:
    """Markers of the usual editors and exports divide a module; a marker in a string does not."""
    assert cells(text) == expected


def test_tags_of_a_block() -> None:
    """jupytext's tags are kept."""
    document = parse_module(b'# %% tags=["ej1", "fin"]\nx', "m.py", LIMITS).document
    assert document.cells[0].tags == ("ej1", "fin")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("# ñ\nx = 'año'".encode(), []),
        ("\ufeff# ñ\nx = 'año'".encode(), []),
        ("# -*- coding: latin-1 -*-\nx = 'año'".encode("latin-1"), []),
        ("# coding: idna\nx = 'año'".encode(), []),
        ("x = 'año'".encode("cp1252"), ["intake.encoding"]),
        ("x = 'año'".encode("utf-16"), []),
    ],
)
def test_encodings(data: bytes, said: list[str]) -> None:
    """A harmless coding line counts; else UTF-8, and Windows-1252 with a warning."""
    parsed = parse_module(data, "m.py", LIMITS)
    assert parsed.document.cells[-1].source.endswith("x = 'año'")
    assert keys(parsed.problems) == said


@pytest.mark.parametrize(
    ("data", "limits", "key"),
    [
        (b"", LIMITS, "intake.empty_file"),
        (b"\n \n", LIMITS, "intake.empty_file"),
        (b"# %% [markdown]\n# solo texto", LIMITS, "intake.empty_file"),
        (b"\x7fELF\x00\x00", LIMITS, "intake.not_a_module"),
        (b"x" * 100, IntakeLimits(cell_source_chars=99), "intake.module_too_long"),
    ],
)
def test_refused(data: bytes, limits: IntakeLimits, key: str) -> None:
    """What is no module, or holds no code, is refused by name."""
    with pytest.raises(IntakeError) as caught:
        parse_module(data, "m.py", limits)
    assert caught.value.message.key == key


def test_a_module_of_nothing_but_markers_is_one_cell() -> None:
    """More blocks than any person writes are not made into cells."""
    text = "# %%\nx\n" * 50
    document = parse_module(text.encode(), "m.py", IntakeLimits(cells=20)).document
    assert len(document.cells) == 1
    assert document.cells[0].source.count("x") == 50


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="# %[]In\n'\"x\\(\tmdñ\ufeff", max_size=80).map(str.encode))
def test_any_bytes(data: bytes) -> None:
    """Any bytes give cells or IntakeError."""
    try:
        document = parse_module(data, "m.py", LIMITS).document
    except IntakeError:
        return
    assert all(cell.source.encode() is not None for cell in document.cells)

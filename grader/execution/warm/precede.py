"""Notebooks whose settings must precede an import that a warm process has made already."""

from __future__ import annotations

import re
from collections.abc import Iterable

from grader.model.submission import CellKind, SourceCell

_SETTING = re.compile(
    r"\b(?!TF_CPP_\w*LOG)(?:KERAS_BACKEND|XLA_FLAGS|(?:TF|CUDA|OMP|MKL|OPENBLAS|KMP|NUMEXPR)_[A-Z]\w*)\b"
)
"""Variables that libraries read as they are imported. How much TensorFlow logs is not among them: very many
notebooks set it, and the box has set it already."""


def must_precede_imports(cells: Iterable[SourceCell]) -> bool:
    """Whether any code cell names such a variable, however it may then set it."""
    return any(cell.kind is CellKind.CODE and _SETTING.search(cell.source) for cell in cells)

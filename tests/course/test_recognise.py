"""Which assignment a hand-in belongs to, told from its content."""

from __future__ import annotations

import pytest

from grader.course.recognise import recognise, score
from grader.model.assignment import Assignment, Exercise
from grader.model.submission import CellKind, Document, SourceCell
from grader.model.text import Text

T = Text("t", "t")
DENSE = Assignment(
    "dense", T, "fashion_mnist", (Exercise("1", T, (), ("modelo_5x5",)),), ("dense", "flatten", "argmax")
)
CONV = Assignment(
    "convnet", T, "fashion_mnist", (Exercise("1", T, (), ("modelo_1",)),), ("conv2d", "alexnet", "leak")
)
BOTH = (DENSE, CONV)


def document(source: str, path: str = "Untitled.ipynb") -> Document:
    return Document(path, (SourceCell(0, CellKind.CODE, source),))


@pytest.mark.parametrize(
    ("source", "path", "found"),
    [
        ("Dense(10)\nFlatten()\nnp.argmax(p)", "Untitled.ipynb", DENSE),
        ("CONV2D AlexNet", "Untitled.ipynb", CONV),
        ("print(1)", "Untitled.ipynb", None),
        ("", "Untitled.ipynb", None),
        ("Dense Flatten Conv2D AlexNet", "Untitled.ipynb", None),
        ("Dense Flatten Conv2D AlexNet", "mi convnet (1).ipynb", CONV),
        ("Dense Flatten Conv2D AlexNet\nmodelo_5x5 = 1", "Untitled.ipynb", DENSE),
    ],
)
def test_the_telling_words_decide_and_a_tie_is_nobody_s(
    source: str, path: str, found: Assignment | None
) -> None:
    """The starter's names and the file's name settle ties."""
    assert recognise(document(source, path), BOTH) is found


def test_without_telling_words_the_dataset_s_name_must_do() -> None:
    """An assignment need not declare any."""
    plain = Assignment("plain", T, "digits", ())
    assert recognise(document("load('digits')"), (plain,)) is plain
    assert recognise(document("load('mnist')"), (plain,)) is None
    assert recognise(document("x"), ()) is None


def test_a_score_never_passes_one() -> None:
    """However many signs agree."""
    assert score(document("dense flatten argmax modelo_5x5", "dense.ipynb"), DENSE) == 1.0

"""Each generic operator makes the fault it is named for, and nothing else."""

from __future__ import annotations

import pytest

from grader.calibration.operators import OPERATORS, generic_mutants
from grader.model.submission import CellKind, Document, SourceCell

NET = """
model = keras.Sequential([
    keras.Input((28, 28, 1)),
    layers.Conv2D(32, (3, 3), activation='relu'),
    layers.Flatten(),
    layers.Dense(10, activation='softmax'),
])
model.compile(optimizer='adam', loss=L(from_logits=True), metrics=['accuracy'])
model.fit(x, y, epochs=3, validation_data=(a, b))
"""


def mutants_of(source: str) -> dict[str, list[str]]:
    document = Document("n.ipynb", (SourceCell(0, CellKind.CODE, source),))
    found: dict[str, list[str]] = {}
    for mutant in generic_mutants(document):
        found.setdefault(mutant.id.partition("@")[0], []).append(mutant.document.cells[0].source)
    return found


@pytest.mark.parametrize(
    ("operator", "gone", "there"),
    [
        ("halve-size", "Conv2D(32", "Conv2D(16"),
        ("other-kernel", "(3, 3)", "(5, 5)"),
        ("drop-activation", "activation='relu'", "Conv2D(32, (3, 3))"),
        ("drop-layer", "Flatten", "Conv2D(32"),
        ("other-loss", "loss=L(", "loss='mse'"),
        ("flip-logits", "from_logits=True", "from_logits=False"),
        ("more-epochs", "epochs=3", "epochs=5"),
        ("no-validation", "validation_data", "epochs=3"),
    ],
)
def test_operator(operator: str, gone: str, there: str) -> None:
    """One place changes; the fault stands in the new source and the sound text does not."""
    made = mutants_of(NET)[operator]
    assert any(gone not in source and there in source for source in made), made


def test_every_operator_has_a_case_above() -> None:
    assert set(mutants_of(NET)) == set(OPERATORS)


def test_cells_that_are_not_plain_python_are_left_as_they_are() -> None:
    assert mutants_of("%matplotlib inline\nmodel.fit(x, epochs=3)") == {}

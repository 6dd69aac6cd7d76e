"""What the code draws as images."""

from __future__ import annotations

import ast

import pytest

from grader.checks.drawing import DRAWING, ELSEWHERE, images


@pytest.mark.parametrize(
    ("source", "drawn"),
    [
        ("ax.imshow(a[0], cmap=b)", ["a[0]"]),
        ("sns.heatmap(data=a, annot=b)", ["a"]),
        ("plt.pcolormesh(x, y, a, alpha=b)", ["x", "y", "a"]),
        ("print(a)", []),
    ],
)
def test_what_is_drawn_is_the_image(source: str, drawn: list[str]) -> None:
    """Neither its colours nor its transparency."""
    found = images(ast.walk(ast.parse(source)), DRAWING | ELSEWHERE)
    assert [ast.unparse(image) for image in found] == drawn

"""The pages: views through Jinja, into one self-contained file each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

import grader
from grader.messages import render as catalogue_render
from grader.model.expected import Expected
from grader.model.outcome import Outcome
from grader.model.text import Language
from grader.report.audience import Audience
from grader.report.classpage import Links, class_page
from grader.report.curve import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from grader.report.student import student_page
from grader.report.words import Render, Words

_BOX = {
    "width": WIDTH,
    "height": HEIGHT,
    "left": LEFT,
    "right": WIDTH - RIGHT,
    "top": TOP,
    "bottom": HEIGHT - BOTTOM,
}


def templates_folder() -> Path:
    """`grader/templates` in an installed package, `templates` beside the package in a checkout."""
    package = Path(grader.__file__).parent
    inside = package / "templates"
    return inside if inside.is_dir() else package.parent / "templates"


@cache
def environment() -> Environment:
    """Escapes everything, whatever the file is called, and refuses a name it does not know."""
    env = Environment(
        loader=FileSystemLoader(templates_folder()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["prose"] = prose
    return env


def prose(text: str) -> Markup:
    """A sentence with `code` between grave accents; everything in it is escaped."""
    parts = text.split("`")
    if not len(parts) % 2:  # an accent without its pair: a student's string, not our markup
        return escape(text)
    marked = (Markup("<code>{}</code>").format(p) if i % 2 else escape(p) for i, p in enumerate(parts))
    return Markup("").join(marked)


def render_student(
    outcome: Outcome,
    expected: Expected | None,
    language: Language,
    *,
    audience: Audience = "student",
    render: Render = catalogue_render,
) -> str:
    """The feedback page of one student.

    Args:
        expected: of the outcome's assignment; it gives the curve its reference band.
    """
    words = Words(language, render)
    page = student_page(outcome, expected, audience, words)
    return _fill("student.html.j2", page=page, say=words.say)


def render_class(
    outcomes: Sequence[Outcome],
    language: Language,
    *,
    links: Links | None = None,
    render: Render = catalogue_render,
) -> str:
    """The page of a class, for staff.

    Args:
        links: gives the pages (staff's, student's) of an outcome, relative to this one.
    """
    words = Words(language, render)
    return _fill("class.html.j2", page=class_page(outcomes, words, links), say=words.say)


def _fill(template: str, *, page: object, say: Callable[..., str]) -> str:
    return environment().get_template(template).render(page=page, say=say, box=_BOX)

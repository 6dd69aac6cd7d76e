"""What a student writes comes out as text, whichever field and whichever report it goes through."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser

import pytest
from rich.console import Console

from grader.report.explain import explain
from grader.report.html import render_class, render_student
from grader.report.json import to_json
from grader.report.table import grades_csv
from grader.report.terminal import class_table, student_view

from . import factory

MARKUP = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "</style><script>alert(1)</script>",
    "</title></svg><svg onload=alert(1)>",
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "&lt;script&gt;",
    "{message.__class__} {0} {",
)
CONTROL = (
    "\x1b[31mred\x1b[2J",
    "\x1b]0;title\x07",
    "a\u202eb\u2066c",
    "\x00\x08\x7f\x9b",
    "caf\udce9",
    "a\r\nb\tc\u2028d",
)
C0, C1 = set(map(chr, range(32))) - {"\n", "\t"}, {chr(n) for n in range(0x7F, 0xA0)}
FORBIDDEN = C0 | C1 | set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")', "＝1")
TAGS = set(
    "html head meta title style body main header p h1 h2 h3 h4 dl dt dd div svg path circle rect line text "
    "polyline desc ul li "
    "section article span a b strong table caption thead tbody tr th td figure figcaption "
    "details summary pre code footer".split()
)


class Tags(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def printed(text: str) -> str:
    """Everything the terminal shows of a hostile submission."""
    outcome = factory.hostile(text)
    console = Console(file=io.StringIO(), width=200, color_system=None, force_terminal=False)
    console.print(class_table([outcome], "es"))
    for audience in ("self-check", "student", "staff"):
        console.print(student_view(outcome, "es", audience))  # type: ignore[arg-type]
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    return str(shown) + explain(outcome, "1", "es")


@pytest.mark.parametrize("text", MARKUP + CONTROL)
def test_pages_show_it_as_text(text: str) -> None:
    """No element, attribute or link comes from a student; no control character reaches the page."""
    outcome = factory.hostile(text)
    for source in (
        render_student(outcome, factory.expected(), "es"),
        render_student(outcome, factory.expected(), "en", audience="staff"),
        render_class([outcome, factory.passing()], "es"),
    ):
        found = Tags(source)
        assert found.tags <= TAGS
        assert not {n for n in found.names if n.startswith("on")} | found.names & {"src", "srcdoc"}
        assert all(link.startswith("#") for link in found.links)
        assert not FORBIDDEN & set(source)
        assert source.encode()


@pytest.mark.parametrize("text", MARKUP)
def test_pages_lose_nothing(text: str) -> None:
    """The text is there to be read, in the name, the error and the comparison."""
    found = Tags(render_student(factory.hostile(text), factory.expected(), "es", audience="staff"))
    assert found.text.count(text) >= 10


@pytest.mark.parametrize("text", [*MARKUP, *CONTROL, "[red]x[/red] [link=http://x]y[/link] [/]", ":warning:"])
def test_the_terminal_shows_it_as_text(text: str) -> None:
    """No escape sequence, no bidi override, no rich markup: and nothing crashes."""
    shown = printed(text)
    assert not FORBIDDEN & set(shown)
    assert shown.encode()


@pytest.mark.parametrize("text", ["[red]x[/red]", "[link=http://x]y[/link]", ":warning:"])
def test_rich_markup_is_not_obeyed(text: str) -> None:
    """It is printed as it stands."""
    assert text in printed(text)


@pytest.mark.parametrize("text", MARKUP + CONTROL)
def test_json_holds_clean_strings(text: str) -> None:
    """It parses, and no decoded string commands a terminal."""

    def strings(value: object) -> list[str]:
        if isinstance(value, dict):
            return [s for pair in value.items() for v in pair for s in strings(v)]
        if isinstance(value, list):
            return [s for v in value for s in strings(v)]
        return [value] if isinstance(value, str) else []

    document = json.loads(to_json(factory.hostile(text)))
    assert not FORBIDDEN & set("".join(strings(document)))


@pytest.mark.parametrize("text", MARKUP + CONTROL + FORMULAS)
def test_no_cell_of_the_csv_is_a_formula(text: str) -> None:
    """In every column, whatever the student is called; lines and columns stay in place."""
    data = grades_csv([factory.hostile(text), factory.passing()], "es").decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(data), delimiter=";"))
    assert len(rows) == 3
    assert len({len(row) for row in rows}) == 1
    for row in rows:
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝"))]
    assert not FORBIDDEN & set(data)


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_kept_as_text(text: str) -> None:
    """The name can still be read behind the quote."""
    data = grades_csv([factory.hostile(text)], "en").decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(data)))
    assert rows[1][1] == "'" + text.strip()


def test_a_flood_is_cut() -> None:
    """Megabytes in every field still give a page that opens."""
    source = render_student(factory.hostile("x<" * 500_000), factory.expected(), "es", audience="staff")
    assert len(source) < 400_000

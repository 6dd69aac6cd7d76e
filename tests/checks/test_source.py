"""What the code of a cell did, read from its tree."""

from __future__ import annotations

import ast

import pytest

from grader.checks.source import derived, executed, looked_at, names, ran, returned

from .factory import code, evidence, markdown


def body(source: str) -> list[ast.stmt]:
    cell = code(0, source)
    return list(ran(evidence(cells=(cell,)), cell))


def read(source: str, *, perhaps: bool = False) -> set[str]:
    """Names that running a cell reads, of those that the tests use."""
    return names(list(executed(body(source), perhaps=perhaps))) & set("abcdef")


@pytest.mark.parametrize(
    ("source", "certain", "perhaps"),
    [
        ("a; b", "ab", "ab"),
        ("a = 1", "", ""),
        ("'a'  # b", "", ""),
        ("if a: b\nelse: c", "a", "abc"),
        ("if False: a", "", ""),
        ("if not 1 < 2: a", "", ""),
        ("while a: b", "a", "ab"),
        ("while True: a", "", ""),
        ("for x in a: b", "a", "ab"),
        ("for x in range(3): a", "", "a"),
        ("for x in (): a", "", ""),
        ("for x in range(0): a", "", ""),
        ("with a as x: b", "ab", "ab"),
        ("try: a\nexcept E: b\nfinally: c", "c", "abc"),
        ("match a:\n  case 1: b", "a", "ab"),
        ("b if a else c", "a", "abc"),
        ("a and b", "a", "ab"),
        ("False and a", "", ""),
        ("[b for x in a]", "ab", "ab"),
        ("[a for x in []]", "", ""),
        ("lambda: a", "", ""),
        ("def a(): b", "", ""),
        ("class C:\n  x = a", "", ""),
        ("raise a\nb", "a", "a"),
    ],
)
def test_what_is_evaluated(source: str, certain: str, perhaps: str) -> None:
    """For certain, and when conditions hold and loops are gone through."""
    assert read(source) == set(certain)
    assert read(source, perhaps=True) == set(perhaps)


@pytest.mark.parametrize(
    ("why", "source", "known"),
    [
        ("plain", "a", "a"),
        ("a line of IPython's", "%matplotlib inline\n!pip install x\na", "a"),
        ("one in a block", "with b:\n    %cd x\n    a", "ab"),
        ("code under a clock", "%time a\nb", "ab"),
        ("a program under a clock", "!time a\nb", "b"),
        ("a cell under a clock", "%%time\na", "a"),
        ("another language", "%%html\na", ""),
        ("a remainder", "x = (17\n  % a)", "a"),
        ("a remainder beside a magic", "%cd x\nx = (17\n  % a)", "a"),
        ("no Python", "a ===", ""),
        ("too many to be read", "%cd x\n" * 99 + "a", ""),
    ],
)
def test_what_ipython_adds(why: str, source: str, known: str) -> None:
    """Its lines are taken out only where a statement may begin."""
    assert read(source) == set(known), why


def test_what_did_not_run() -> None:
    """Prose, a cell that was not reached, one that broke off."""
    for cell in (markdown(0, "a"), code(0, "a", ok=False)):
        assert ran(evidence(cells=(cell,)), cell) == ()
    broken = code(0, "a", ok=False)
    assert ran(evidence(cells=(broken,)), broken, perhaps=True)


def test_what_is_nested_deeper_than_can_be_written_down() -> None:
    """Nothing raises."""
    list(looked_at(body("+".join("a" * 3000))))
    seen = looked_at(body("a, len( b )\nc = 1\nprint(d)"))
    assert [text for text, _ in seen] == ["a", "len(b)", "print(d)"]


@pytest.mark.parametrize(
    ("source", "reached"),
    [
        ("x = red.layers; y = x[0]", True),
        ("y = x; x = red", True),
        ("for y in red: pass", True),
        ("y = [x for x in red]", True),
        ("def f(y): pass\nf(red)", True),
        ("def f(): return red\ny = f()", True),
        ("class C:\n  def f(self, y): pass\nC().f(red)", True),
        ("y = []\nfor x in red: y.append(x)", True),
        ("y = {}; y.setdefault('a', []).append(red)", True),
        ("y = 'red'", False),
        ("np.copyto(z, red); y = np.zeros(3)", False),
        ("y = np.zeros(3); red.fit(x)", False),
        ("if False: y = red", False),
    ],
)
def test_where_a_value_comes_from(source: str, reached: bool) -> None:
    """Through variables, loops, functions and methods."""
    assert ("y" in derived([body(source)], {"red"})) is reached


@pytest.mark.parametrize(
    ("source", "loaded"),
    [
        ("(a, b), (c, d) = keras.datasets.mnist.load_data()", "abcd"),
        ("a = load_data()\n(b, c), d = a", "abcd"),
        ("def f(): return load_data()\na = f()\nb = a[0][0]", "ab"),
        ("a = load_data()\na = a / 255\nb = model.predict(a)", "a"),
        ("a = 'load_data()'", ""),
    ],
)
def test_what_a_function_returned(source: str, loaded: str) -> None:
    """Whole or in parts; what was computed from it is something else."""
    assert returned([body(source)], "load_data") & set("abcd") == set(loaded)

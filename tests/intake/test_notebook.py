"""Reading notebooks: every version in use, and everything that is not a notebook."""

from __future__ import annotations

import json

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.intake.limits import IntakeLimits
from grader.intake.notebook import parse_notebook
from grader.model.errors import IntakeError
from grader.model.submission import CellKind, Document, SavedOutput

from .build import code, keys, notebook

LIMITS = IntakeLimits()


def parse(data: bytes) -> Document:
    return parse_notebook(data, "p.ipynb", LIMITS).document


def problems(data: bytes, limits: IntakeLimits = LIMITS) -> list[str]:
    return keys(parse_notebook(data, "p.ipynb", limits).problems)


def refusal(data: bytes, limits: IntakeLimits = LIMITS) -> str:
    with pytest.raises(IntakeError) as caught:
        parse_notebook(data, "p.ipynb", limits)
    return caught.value.message.key


def outputs(*raw: object) -> tuple[SavedOutput, ...]:
    return parse(notebook(cells=[code("x", outputs=list(raw))])).cells[0].saved


def version_3() -> bytes:
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Ejercicio 1"], "metadata": {}},
        {"cell_type": "markdown", "source": ["Una ", "respuesta"], "metadata": {}},
        {
            "cell_type": "code",
            "language": "python",
            "input": ["print(1)\n", "2"],
            "collapsed": False,
            "metadata": {},
            "prompt_number": 1,
            "outputs": [
                {"output_type": "stream", "stream": "stdout", "text": ["1\n"]},
                {"output_type": "pyout", "prompt_number": 1, "text": ["2"], "metadata": {}},
                {"output_type": "pyerr", "ename": "E", "evalue": "v", "traceback": ["tb"]},
                {"output_type": "display_data", "png": "aGk=", "metadata": {}},
            ],
        },
    ]
    sheets = [{"cells": cells[:2], "metadata": {}}, {"cells": cells[2:], "metadata": {}}]
    return json.dumps(
        {"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0, "worksheets": sheets}
    ).encode()


@pytest.mark.filterwarnings("ignore::nbformat.warnings.MissingIDFieldWarning")
@pytest.mark.parametrize("minor", [0, 1, 2, 3, 4, 5, "v3"])
def test_reads_what_nbformat_reads(minor: int | str) -> None:
    """Kinds and sources equal those of nbformat's own reader and upgrade, in every version."""
    data = version_3()
    if isinstance(minor, int):
        cell = code(["a = 1\n", "b"], execution_count=None, **({"id": "x"} if minor == 5 else {}))
        text = {
            "cell_type": "markdown",
            "metadata": {},
            "source": "# t",
            **({"id": "y"} if minor == 5 else {}),
        }
        data = notebook(cells=[text, cell], nbformat_minor=minor)
    theirs = nbformat.reads(data.decode(), as_version=4)
    ours = parse(data)
    assert [(c.kind.value, c.source) for c in ours.cells] == [(c.cell_type, c.source) for c in theirs.cells]


def test_saved_outputs_of_version_3() -> None:
    """Streams, results, errors and pictures of the old format are all seen."""
    assert parse(version_3()).cells[2].saved == (
        SavedOutput("1\n"),
        SavedOutput("2"),
        SavedOutput("tb", is_error=True),
        SavedOutput("", has_image=True),
    )


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"", "intake.empty_file"),
        (b"  \n", "intake.empty_file"),
        (b"\0" * 4096, "intake.empty_file"),
        (notebook("x = 1")[:-9], "intake.truncated"),
        (notebook("x = 1")[: len(notebook("x = 1")) // 2], "intake.truncated"),
        (b'{"cells": [}, "nbformat": 4}', "intake.damaged"),
        (b'{"cells":\n<<<<<<< HEAD\n[], "nbformat": 4}', "intake.damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "intake.is_image"),
        (b"%PDF-1.7 ...", "intake.is_pdf"),
        (b"<!DOCTYPE html><html></html>", "intake.is_html"),
        (b"\xef\xbb\xbf\n <html lang='es'>", "intake.is_html"),
        (b"PK\x03\x04rest", "intake.is_zip"),
        (b"import keras\nprint(1)", "intake.not_a_notebook"),
        (bytes(range(200, 256)) * 9, "intake.not_a_notebook"),
        (b"[1, 2]", "intake.no_cells"),
        (b'"text"', "intake.no_cells"),
        (b'{"a": 1}', "intake.no_cells"),
        (b'{"cells": 3}', "intake.no_cells"),
        (notebook(), "intake.empty_notebook"),
        (notebook("", "  \n"), "intake.empty_notebook"),
        (notebook(cells=[{"cell_type": "markdown", "source": "x"}]), "intake.empty_notebook"),
        (b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "intake.too_complex"),
    ],
)
def test_what_is_no_notebook(data: bytes, key: str) -> None:
    """Each way of not being a usable notebook has its own sentence."""
    assert refusal(data) == key


def test_too_many_values_are_not_built() -> None:
    """Objects are counted before Python makes them: each costs 25 times its size in the file."""
    data = notebook(cells=[code("x", outputs=[{} for _ in range(50)])])
    assert refusal(data, IntakeLimits(json_containers=40)) == "intake.too_complex"
    assert refusal(data, IntakeLimits(json_quotes=10)) == "intake.too_complex"
    assert parse_notebook(data, "p.ipynb", IntakeLimits(json_containers=60, json_quotes=60)).problems == ()


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({"kernelspec": {"name": "ir", "language": "R"}}, "R"),
        ({"kernelspec": {"name": "julia-1.9", "language": "julia"}}, "julia"),
        ({"language_info": {"name": "scala"}}, "scala"),
        ({"kernelspec": {"name": "ir"}}, "R"),
        ({"kernelspec": {"name": "julia-1.9"}}, "Julia"),
        ({"language": "Julia"}, "Julia"),
    ],
)
def test_another_language_is_named(metadata: dict[str, object], language: str) -> None:
    """A notebook for another language's kernel is refused with that language's name."""
    with pytest.raises(IntakeError) as caught:
        parse(notebook("x", metadata=metadata))
    assert caught.value.message.key == "intake.other_language"
    assert caught.value.message.args["language"] == language


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"kernelspec": {"name": "python2", "language": "python"}},
        {"kernelspec": {"name": "conda-env-x"}},
        {"kernelspec": {"name": "conda-env-x", "language": ""}, "language_info": {"name": "ipython"}},
        {"kernelspec": {"name": "ir", "language": "R"}, "language_info": {"name": "python"}},
        {"kernelspec": 3, "language_info": ["x"]},
        {"kernelspec": {"name": ["x"], "language": {}}},
    ],
)
def test_any_python_kernel_will_do(metadata: dict[str, object]) -> None:
    """Kernels that do not exist here, or say nothing, are still Python."""
    assert parse(notebook("x", metadata=metadata)).language == "python"


def test_malformed_cells_keep_their_places() -> None:
    """A damaged cell becomes an empty one, so that the others keep the numbers a student sees."""
    data = notebook(
        cells=[3, {"cell_type": "code"}, {"source": "y"}, code(["a", 1, "b"]), code("z", outputs="?")]
    )
    parsed = parse_notebook(data, "p.ipynb", LIMITS)
    cells = parsed.document.cells
    assert [c.index for c in cells] == [0, 1, 2, 3, 4]
    assert [c.source for c in cells] == ["", "", "y", "ab", "z"]
    assert cells[2].kind is CellKind.RAW
    assert parsed.problems[0].message.args["count"] == 3


@pytest.mark.parametrize(
    "cells",
    [
        [code("a", id="same"), code("b", id="same")],
        [code("a"), code("b")],
        [code("a", id=5), code("b", id="")],
        [{"cell_type": "code", "source": "a"}, {"cell_type": "code", "source": "b", "metadata": None}],
    ],
)
def test_ids_and_missing_fields_do_not_matter(cells: list[object]) -> None:
    """Duplicate or missing cell ids, missing outputs and metadata: read without a word."""
    parsed = parse_notebook(notebook(cells=cells), "p.ipynb", LIMITS)
    assert [c.source for c in parsed.document.cells] == ["a", "b"]
    assert parsed.problems == ()


def test_tags_are_data() -> None:
    """Tags are kept to find exercises by; what is no text is left out, and nothing is obeyed."""
    cells = [code("x", metadata={"tags": ["ej1", 3, "skip-execution", "\x1b[2Jq"]})]
    (cell,) = parse(notebook(cells=cells)).cells
    assert cell.tags == ("ej1", "skip-execution", "�[2Jq")
    assert cell.kind is CellKind.CODE


def test_not_a_number_is_tolerated() -> None:
    """Plots write NaN and huge integers into a notebook; none of it is read."""
    data = notebook("x = 1").replace(
        b'"metadata": {}', b'"metadata": {"a": [NaN, -Infinity, ' + b"9" * 9000 + b"]}"
    )
    assert parse(data).cells[0].source == "x = 1"


def test_repeated_keys_are_told_and_the_last_counts() -> None:
    """As Jupyter reads it, so that a notebook cannot show people one thing and us another."""
    data = b'{"cells": [], "nbformat": 4, "cells": [{"cell_type": "code", "source": "last"}]}'
    assert parse(data).cells[0].source == "last"
    assert problems(data) == ["intake.repeated_keys"]


@pytest.mark.parametrize(
    ("encode", "said"),
    [
        (lambda b: b, []),
        (lambda b: b"\xef\xbb\xbf" + b, []),
        (lambda b: b.decode().encode("utf-16"), []),
        (lambda b: b.decode().encode("cp1252"), ["intake.encoding"]),
    ],
)
def test_encodings(encode: object, said: list[str]) -> None:
    """UTF-8 with and without its mark, UTF-16 of PowerShell, and an old Windows editor's file."""
    data = encode(notebook("# ñandú y niño"))  # type: ignore[operator]
    assert parse(data).cells[0].source == "# ñandú y niño"
    assert problems(data) == said


def test_damaged_bytes_in_an_output_lose_only_themselves() -> None:
    """The accents of the source stay whole when one output holds bytes that are no UTF-8."""
    cells = [code("# año", outputs=[{"output_type": "stream", "text": "@@"}])]
    data = notebook(cells=cells).replace(b"@@", b"\xff\xfe!")
    (cell,) = parse(data).cells
    assert cell.source == "# año"
    assert cell.saved[0].text == "��!"


def test_lone_surrogates_and_nul_do_not_get_through() -> None:
    """Text that no encoder accepts would break whatever writes it later."""
    data = rb'{"cells": [{"cell_type": "code", "source": "a\ud800\u0000b\r\nc"}], "nbformat": 4}'
    assert parse(data).cells[0].source == "a��b\nc"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"output_type": "stream", "text": ["a\n", "b"]}, SavedOutput("a\nb")),
        ({"output_type": "stream", "text": "\x1b[1;31mred\x1b[0m\x07"}, SavedOutput("red")),
        ({"output_type": "stream", "text": "\x1b]0;title\x07x\x1b]8;;http://a\x1b\\y"}, SavedOutput("xy")),
        (
            {"output_type": "stream", "text": "1/9 loss 3\r5/9\r\b\b9/9 acc 0.8\n"},
            SavedOutput("9/9 acc 0.8\n"),
        ),
        ({"output_type": "stream", "text": "acc: \u202e9.0\u202c\x00"}, SavedOutput("acc: 9.0")),
        (
            {"output_type": "execute_result", "data": {"text/plain": ["(60000, 28)"]}},
            SavedOutput("(60000, 28)"),
        ),
        (
            {"output_type": "display_data", "data": {"image/png": "aGk=", "text/plain": "<Figure>"}},
            SavedOutput("<Figure>", has_image=True),
        ),
        ({"output_type": "display_data", "data": {"text/html": "<script>x</script>"}}, SavedOutput("")),
        (
            {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mE\x1b[0m: v"]},
            SavedOutput("E: v", is_error=True),
        ),
        ({"output_type": "error", "ename": "E", "evalue": "v"}, SavedOutput("E: v", is_error=True)),
        ({"output_type": "stream", "text": {"a": 1}}, SavedOutput("")),
        ({}, SavedOutput("")),
    ],
)
def test_saved_outputs(output: dict[str, object], expected: SavedOutput) -> None:
    """Plain text only, as a person saw it: no escape sequences, progress bars at their last state."""
    assert outputs(output) == (expected,)


def test_long_outputs_keep_both_ends() -> None:
    """Fifty megabytes of text become 20,000 characters, and it is said."""
    text = "first\n" + "x" * 50_000_000 + "\nlast"
    data = notebook(cells=[code("x", outputs=[{"output_type": "stream", "text": text}])])
    (cell,) = parse(data).cells
    assert cell.saved[0].text.startswith("first")
    assert cell.saved[0].text.endswith("last")
    assert len(cell.saved[0].text) < 20_100
    assert problems(data) == ["intake.outputs_cut"]


def test_outputs_share_a_cap() -> None:
    """A thousand middling outputs are cut as one huge output is."""
    limits = IntakeLimits(document_output_chars=500)
    out = {"output_type": "stream", "text": "y" * 300}
    parsed = parse_notebook(notebook(cells=[code("x", outputs=[out] * 9)]), "p.ipynb", limits)
    assert sum(len(o.text) for o in parsed.document.cells[0].saved) <= 510
    assert keys(parsed.problems) == ["intake.outputs_cut"]


def test_caps_on_cells() -> None:
    """Too many cells, and a cell too long, are named by number; the rest is read."""
    limits = IntakeLimits(cells=3, cell_source_chars=10)
    parsed = parse_notebook(notebook("a", "b" * 11, "c", "d"), "p.ipynb", limits)
    assert [c.source for c in parsed.document.cells] == ["a", "", "c"]
    assert keys(parsed.problems) == ["intake.cell_too_long", "intake.cells_left_out"]
    assert parsed.problems[0].message.args["cell"] == 2


def test_pasted_pictures_are_no_words() -> None:
    """A base64 picture in markdown is cut out of the answer."""
    text = "antes ![f](data:image/png;base64," + "A" * 5000 + ") después"
    cells = [{"cell_type": "markdown", "source": text}, code("x")]
    assert parse(notebook(cells=cells)).cells[0].source == "antes ![f](data:image/png;base64,…) después"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["cells", "cell_type", "source", "outputs", "data", "text", "metadata", "tags", "level"]
            )
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


def only_intake_errors(data: bytes) -> None:
    """Reading gives a document that can be encoded, or IntakeError; never anything else."""
    try:
        document = parse(data)
    except IntakeError:
        return
    assert all(c.source.encode() is not None for c in document.cells)
    assert all(o.text.encode() is not None for c in document.cells for o in c.saved)
    assert [c.index for c in document.cells] == list(range(len(document.cells)))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    """No bytes make the reader fail in a way of its own."""
    only_intake_errors(data)


@settings(max_examples=300, deadline=None)
@given(st.lists(json_values, max_size=4), json_values)
def test_any_json_in_a_notebooks_places(cells: list[object], metadata: object) -> None:
    """Cells, outputs and metadata may be anything."""
    good = code("x", outputs=cells, metadata=metadata)
    only_intake_errors(json.dumps({"cells": [*cells, good], "metadata": metadata, "nbformat": 4}).encode())
    only_intake_errors(
        json.dumps({"worksheets": [{"cells": cells}, metadata], "metadata": metadata}).encode()
    )


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_real_notebook_with_bytes_changed(data: st.DataObject) -> None:
    """Flipped and cut bytes of a real notebook."""
    raw = bytearray(version_3() if data.draw(st.booleans()) else notebook("año = 1", "print('ñ')"))
    for _ in range(data.draw(st.integers(0, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    only_intake_errors(bytes(raw[: data.draw(st.integers(0, len(raw)))]))

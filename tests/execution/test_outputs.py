"""Outputs written by anybody, as plain bounded text."""

from __future__ import annotations

import pytest

from grader.execution.outputs import TEXT_LIMIT, clean, outcome


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("1/9\r2/9\r9/9\nend", "9/9\nend"),
        ("done\r\nnext", "done\nnext"),
        ("a\u202eb\x00c\x9b", "abc"),
        ("\ud800", "?"),
    ],
)
def test_clean_shows_what_a_terminal_would(raw: str, shown: str) -> None:
    """No terminal codes, overwritten progress, control or direction marks, lone surrogates."""
    assert clean(raw) == shown


def test_clean_keeps_both_ends_of_a_long_text() -> None:
    """The accuracy is often in the last line."""
    text = clean("first " + "x" * 10**6 + " last")
    assert len(text) <= TEXT_LIMIT
    assert text.startswith("first")
    assert text.endswith("last")


@pytest.mark.parametrize(
    "outputs",
    [
        None,
        "text",
        [1, None, "x"],
        [{"output_type": "stream", "text": {"a": 1}}],
        [{"output_type": "error", "ename": 3, "traceback": [None, 4]}],
        [{"output_type": "display_data", "data": [1]}],
        [{"output_type": ["x"]}],
    ],
)
def test_malformed_outputs_do_not_break_us(outputs: object) -> None:
    """Any field may be missing or of another type."""
    found = outcome(outputs)
    assert isinstance(found.output_text, str)
    assert isinstance(found.error, str)


def test_an_unknown_magic_counts_only_on_stderr() -> None:
    """Printing the same words is no error."""
    words = "UsageError: Line magic function `%x` not found.\n"
    assert outcome([{"output_type": "stream", "name": "stdout", "text": words}]).error == ""
    assert outcome([{"output_type": "stream", "name": "stderr", "text": words}]).error == "UsageError"


def test_figures_leave_no_text() -> None:
    """Only the text form of a result is kept."""
    data = {"image/png": "aGk=", "text/html": "<script>", "text/plain": "<Figure>"}
    assert outcome([{"output_type": "display_data", "data": data}]).output_text == "<Figure>\n"


def test_the_log_of_tensorflow_is_left_out() -> None:
    """It means nothing to a student; their own warnings stay."""
    log = (
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
        "I0000 00:00:1795253698.615496       2 port.cc:153] oneDNN custom operations are on.\n"
        "2026-11-20 10:00:00.123456: I tensorflow/core/platform/cpu_feature_guard.cc:210] This binary\n"
        "To enable the following instructions: AVX2 FMA, rebuild TensorFlow\n"
        "UserWarning: mine\n"
    )
    assert (
        outcome([{"output_type": "stream", "name": "stderr", "text": log}]).output_text
        == "UserWarning: mine\n"
    )

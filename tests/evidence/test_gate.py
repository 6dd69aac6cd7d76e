"""Nothing gets past the gate but what the wire format says, and nothing makes it raise or run over."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.evidence import gate, wire
from grader.evidence.gate import HEADER, read_frame, read_frames
from grader.model.errors import EvidenceError

from .frames import frame, labels, raw, tamper

SKLEARN: dict[str, object] = {"type": "sklearn", "cell": 0, "estimator": "SVC", "method": "fit"}
FIT: dict[str, object] = {
    "type": "fit",
    "cell": 1,
    "serial": 0,
    "epochs": 3,
    "batch_size": 32,
    "x": "x",
    "y": "y",
    "validation": "none",
}


def refused(data: bytes) -> str:
    """Why the only frame of these bytes did not pass."""
    found = read_frames(data)
    assert found.frames == ()
    (why,) = found.refused
    return why


def with_param(value: str) -> bytes:
    body = json.dumps({**SKLEARN, "seq": 1, "params": {"C": "HERE"}})
    return raw(body.replace('"HERE"', value).encode())


def test_a_frame_that_holds_passes_typed() -> None:
    """Every kind of value comes out as it went in."""
    found = read_frames(
        frame({**FIT, "history": {"loss": [0.5, None]}}, ("final/0", np.ones((2, 3), np.float32)))
    )
    assert found.refused == ()
    (only,) = found.frames
    assert isinstance(only.event, wire.Fit)
    assert only.event.history == {"loss": (0.5, None)}
    assert only.arrays["final/0"].shape == (2, 3)


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "nan", "0x1", "01", ".5"]
)
def test_numbers_that_are_not_json_or_not_finite_are_refused(value: str) -> None:
    """json.loads would have taken NaN and made 1e999 infinite."""
    assert refused(with_param(value))


@pytest.mark.parametrize("depth", [10, 1_000, 100_000])
@pytest.mark.parametrize("brackets", ["[", '{"a":'])
def test_bottomless_nesting_is_refused(depth: int, brackets: str) -> None:
    """Wherever it stands: as a value, as the whole header, or inside an unknown key."""
    for body in (brackets * depth, f'{{"type":"tamper","seq":1,"cell":0,"what":"x","y":{brackets * depth}'):
        assert refused(raw(body.encode()))
    assert refused(with_param(brackets * depth))


@pytest.mark.parametrize(
    "change",
    [
        {"cell": True},
        {"epochs": False},
        {"epochs": 3.5},
        {"epochs": "3"},
        {"epochs": -1},
        {"epochs": 2**60},
        {"cell": 10**7},
        {"cell": None},
        {"shuffle": 1},
        {"validation": "test"},
        {"validation_split": 1.5},
        {"x": 7},
        {"x": "x" * 65},
        {"callbacks": "EarlyStopping"},
        {"callbacks": ["x"] * 65},
        {"history": {"loss": [True]}},
        {"history": {"loss": 0.5}},
        {"seconds": -1},
        {"seq": -1},
        {"arrays": [{"name": "a", "dtype": "float32"}]},
        {"arrays": [{"name": "a", "dtype": "float32", "shape": [], "more": 1}]},
        {"verified": {"accuracy": 1.0}},
        {"type": "episode"},
        {"type": None},
        {"type": ["fit"]},
    ],
    ids=str,
)
def test_wrong_types_bounds_and_unknown_keys_are_refused(change: dict[str, object]) -> None:
    """True is no integer, 3.5 no count; a key nobody knows refuses the frame."""
    assert refused(frame({**FIT, **change}))


@pytest.mark.parametrize("key", ["type", "cell", "serial", "epochs", "x", "validation", "seq"])
def test_missing_keys_are_refused(key: str) -> None:
    """What has no default must be there."""
    body = {"seq": 1, **FIT}
    del body[key]
    assert refused(raw(json.dumps(body).encode()))


@pytest.mark.parametrize(
    "dtype", ["object", "O", "float64", "complex64", "<U10", "S5", "V8", "datetime64[s]", "|O"]
)
def test_arrays_of_other_types_are_refused(dtype: str) -> None:
    """Objects would be pickles; only the five types of the wire pass."""
    declared = [{"name": "a", "dtype": dtype, "shape": [1]}]
    assert refused(raw(json.dumps({**FIT, "seq": 1, "arrays": declared}).encode(), b"\0" * 8))


def test_a_pickle_is_no_frame() -> None:
    """Its bytes stay bytes."""
    blob = b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00cposix\nsystem\n."
    assert refused(raw(blob))
    assert (
        refused(raw(json.dumps({**FIT, "seq": 1}).encode(), blob)) == "a blob with bytes that no array claims"
    )


@pytest.mark.parametrize(
    ("shapes", "size"),
    [
        ([[4]], 3),
        ([[4]], 5),
        ([[2], [3]], 4),
        ([[2**31]], 16),
        ([[2**31, 2**31, 2**31]], 16),
        ([[0, 2**31, 2**31, 2**31]], 0),
        ([[2**31, 2**31, 2**31, 0]], 0),
        ([[1] * 9], 1),
        ([[-1]], 0),
        ([[2**31 + 1]], 0),
        ([[1.0]], 1),
    ],
    ids=str,
)
def test_arrays_must_fill_their_blob_exactly(shapes: list[list[int]], size: int) -> None:
    """Shapes are looked at before memory is taken; no shape overflows."""
    declared = [{"name": str(i), "dtype": "uint8", "shape": s} for i, s in enumerate(shapes)]
    assert refused(raw(json.dumps({**FIT, "seq": 1, "arrays": declared}).encode(), b"\0" * size))


def test_two_arrays_of_one_name_are_refused() -> None:
    """The later one would hide the earlier."""
    one = ("final/0", np.zeros(2, np.float32))
    assert "final/0" in refused(frame(FIT, one, one))


def test_duplicate_json_keys_are_harmless() -> None:
    """One value comes out, checked like any other: nothing reads the header twice."""
    found = read_frames(raw(b'{"type":"tamper","seq":1,"cell":0,"what":"a","what":"b"}'))
    assert [f.event.what for f in found.frames if isinstance(f.event, wire.Tamper)] == ["b"]
    assert refused(raw(b'{"type":"tamper","seq":1,"cell":0,"what":"a","what":7}'))


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b'{"type":"tamper","seq":1,"cell":0,"what":"\xff"}', b"", b"null", b"[]"]
)
def test_bytes_that_are_no_utf_8_object_are_refused(body: bytes) -> None:
    """A lone surrogate is no text either: it could not be stored."""
    assert read_frames(raw(body)).refused
    assert read_frames(raw(b'{"type":"tamper","seq":1,"cell":0,"what":"\\ud800"}')).frames == ()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_left_out_and_named(value: float) -> None:
    """An honest training can diverge: the frame stands."""
    bad, good = np.array([1, value], np.float32), np.ones(2, np.float32)
    (only,) = read_frames(frame(FIT, ("initial/0", good), ("final/0", bad))).frames
    assert list(only.arrays) == ["initial/0"]
    assert only.not_finite == ("final/0",)


def test_arrays_cannot_be_written_to() -> None:
    """They are views of the bytes that came."""
    (only,) = read_frames(labels("y", np.arange(3, dtype=np.int16))).frames
    with pytest.raises(ValueError, match="read-only"):
        only.arrays["classes"][0] = 1


@pytest.mark.parametrize(
    ("header", "blob"), [(gate.MAX_HEADER + 1, 0), (0, gate.MAX_BLOB + 1), (2**32 - 1, 2**32 - 1)]
)
def test_reading_stops_at_a_length_that_is_not_allowed(header: int, blob: int) -> None:
    """What follows cannot be found any more; what came before is kept."""
    found = read_frames(tamper() + HEADER.pack(header, blob) + tamper())
    assert len(found.frames) == 1
    assert found.refused == ("a frame larger than allowed",)


def test_a_bad_frame_does_not_hide_the_others() -> None:
    """Half a run's evidence is worth keeping."""
    found = read_frames(tamper("a") + raw(b"{") + tamper("b"))
    assert [f.event.what for f in found.frames if isinstance(f.event, wire.Tamper)] == ["a", "b"]
    assert len(found.refused) == 1


def test_refusals_are_counted_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither frames nor complaints grow without end, and refused frames use up the allowance too."""
    assert len(read_frames(raw(b"{") * 1000).refused) == 20
    monkeypatch.setattr(gate, "MAX_FRAMES", 3)
    found = read_frames(raw(b"{") * 2 + tamper() * 5)
    assert len(found.frames) == 1
    assert found.refused[-1] == "more than 3 frames"


def test_one_frame_at_a_time_raises_with_the_reason() -> None:
    """The error says what is wrong with it."""
    with pytest.raises(EvidenceError, match="bad_frame") as caught:
        read_frame(memoryview(b"{}"), memoryview(b""))
    assert "type" in str(caught.value.message.args["why"])


SENT = (
    frame(FIT, ("initial/0", np.ones((2, 2), np.float32)))
    + labels("y", np.arange(5, dtype=np.int16))
    + tamper("evaluate")
    + frame({**SKLEARN, "params": {"C": 1.5, "kernel": "rbf"}})
)


@given(cut=st.integers(0, len(SENT)))
def test_evidence_cut_anywhere_yields_its_whole_frames(cut: int) -> None:
    """A killed run leaves the bytes it had sent."""
    whole, part = read_frames(SENT).frames, read_frames(SENT[:cut])
    assert [f.event for f in part.frames] == [f.event for f in whole[: len(part.frames)]]
    assert len(part.refused) <= 1


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(SENT) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_flipped_bytes_never_raise_nor_multiply(flips: list[tuple[int, int]]) -> None:
    """Whatever is changed, no more comes out than was sent."""
    damaged = bytearray(SENT)
    for at, value in flips:
        damaged[at] = value
    found = read_frames(bytes(damaged))
    size = sum(a.nbytes for f in found.frames for a in f.arrays.values())
    assert len(found.frames) <= len(damaged) // HEADER.size
    assert size <= len(damaged)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_raising(data: bytes) -> None:
    """Noise is refused, not met with an exception."""
    assert len(read_frames(data).frames) <= len(data) // HEADER.size


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=5), x, max_size=3),
        max_leaves=10,
    )
)
def test_any_json_value_in_any_place_is_read_without_raising(value: object) -> None:
    """Fuzzed values in every field of a fit."""
    for key in ("epochs", "history", "arrays", "x", "callbacks", "type", "validation_split"):
        read_frames(raw(json.dumps({**FIT, "seq": 1, key: value}).encode()))

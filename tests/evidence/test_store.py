"""Evidence kept under a content hash: whole or absent, never wrong."""

from __future__ import annotations

import gzip
import os
import random
import threading
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.evidence import store as module
from grader.evidence.store import EvidenceStore, Inputs, StoreError, utf8_json
from grader.model.budget import BUDGETS, Level
from grader.model.evidence import Cell, Ended, Evidence, ServedData

INPUTS = Inputs(
    submission="a" * 64,
    assignment="fashion-dense",
    budget=BUDGETS[Level.QUICK],
    data="d1",
    seed=1,
    probe=1,
    plan="",
    versions={"keras": "3.15", "tensorflow": "2.21"},
)
KEY = INPUTS.key


def evidence(source: str = "x = 1") -> Evidence:
    served = ServedData("fashion_mnist", "d1", "stand-in")
    cells = tuple(Cell(i, "code", f"{source}  # {i}") for i in range(20))
    return Evidence("fashion-dense", Level.QUICK, 1, served, Ended.COMPLETED, cells, versions={"keras": "3"})


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path / "evidence")


def the_file(store: EvidenceStore) -> Path:
    return store.folder / KEY[:2] / f"{KEY}.json.gz"


def test_what_was_put_is_got(store: EvidenceStore) -> None:
    """Evidence comes back equal, and its key is listed."""
    assert store.get(KEY) is None
    assert store.put(KEY, evidence()) == evidence()
    assert store.get(KEY) == evidence()
    assert list(store.keys()) == [KEY]


@pytest.mark.parametrize(
    "other",
    [
        {"submission": "b" * 64},
        {"assignment": "fashion-convnet"},
        {"budget": BUDGETS[Level.STRUCTURE]},
        {"budget": replace(BUDGETS[Level.QUICK], wall_seconds=601.0)},
        {"data": "d2"},
        {"seed": 2},
        {"probe": 2},
        {"plan": "p"},
        {"versions": {"keras": "3.16", "tensorflow": "2.21"}},
    ],
)
def test_every_input_is_in_the_key(other: dict[str, object]) -> None:
    """Evidence of other inputs has another key."""
    assert replace(INPUTS, **other).key != KEY  # type: ignore[arg-type]


def test_the_key_does_not_depend_on_the_order_of_versions() -> None:
    """The same versions in another order are the same inputs."""
    assert replace(INPUTS, versions={"tensorflow": "2.21", "keras": "3.15"}).key == KEY


def test_a_new_evidence_schema_gives_new_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence of an older schema is never looked up."""
    monkeypatch.setattr(module, "SCHEMA", module.SCHEMA + 1)
    assert INPUTS.key != KEY


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_only_hashes_are_keys(store: EvidenceStore, key: str) -> None:
    """A key cannot name a file elsewhere."""
    with pytest.raises(ValueError, match="not an evidence key"):
        store.get(key)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_never_believed(store: EvidenceStore, data: st.DataObject) -> None:
    """Any flipped, cut or added bytes give the same evidence or none, never other evidence."""
    store.put(KEY, evidence())
    raw = bytearray(the_file(store).read_bytes())
    kind = data.draw(st.sampled_from(["flip", "cut", "add", "replace"]))
    if kind == "flip":
        for _ in range(data.draw(st.integers(1, 4))):
            raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del raw[data.draw(st.integers(0, len(raw) - 1)) :]
    elif kind == "add":
        raw += data.draw(st.binary(min_size=1, max_size=30))
    else:
        raw = bytearray(data.draw(st.binary(max_size=200)))
    the_file(store).write_bytes(raw)
    got = store.get(KEY)
    assert got is None or got == evidence()
    assert the_file(store).exists() == (got is not None)


def test_a_bad_file_is_set_aside_and_collected_anew(store: EvidenceStore) -> None:
    """Staff can look at it; the key is free again."""
    store.put(KEY, evidence())
    the_file(store).write_bytes(b"{}")
    assert store.get(KEY) is None
    assert [p.read_bytes() for p in (store.folder / "set-aside").iterdir()] == [b"{}"]
    assert list(store.keys()) == []
    store.put(KEY, evidence())
    assert store.get(KEY) == evidence()


def written_as(store: EvidenceStore, value: object) -> None:
    the_file(store).parent.mkdir(parents=True, exist_ok=True)
    the_file(store).write_bytes(gzip.compress(utf8_json(value)))


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 0},
        {"schema": 2},
        {"seed": "1"},
        {"seed": True},
        {"weights": [1.0]},
        {"ended": "won"},
        {"seconds": None},
    ],
)
def test_another_schema_is_not_read(store: EvidenceStore, change: dict[str, object]) -> None:
    """An older or newer schema, unknown keys and wrong types count as absent."""
    builtins = msgspec.to_builtins(evidence())
    written_as(store, {"key": KEY, "evidence": builtins})
    assert store.get(KEY) == evidence()
    written_as(store, {"key": KEY, "evidence": builtins | change})
    assert store.get(KEY) is None


def test_a_file_under_another_name_is_not_believed(store: EvidenceStore) -> None:
    """Evidence of one submission cannot be passed off as another's by renaming."""
    written_as(store, {"key": "b" * 64, "evidence": evidence()})
    assert store.get(KEY) is None


def test_a_bomb_is_refused_while_it_inflates(store: EvidenceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file that holds more than allowed is set aside."""
    monkeypatch.setattr(module, "MAX_JSON", 10_000)
    written_as(store, {"key": KEY, "evidence": evidence(" " * 100_000)})
    assert the_file(store).stat().st_size < 10_000
    assert store.get(KEY) is None


def test_a_file_too_large_is_refused(store: EvidenceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is one that is large on disk, nor can one be put."""
    store.put(KEY, evidence())
    monkeypatch.setattr(module, "MAX_FILE", 50)
    assert store.get(KEY) is None
    with pytest.raises(StoreError):
        store.put(KEY, evidence())


def test_half_a_surrogate_pair_is_kept_as_a_replacement_mark(store: EvidenceStore) -> None:
    """A notebook's JSON can hold "\\ud800"; what `put` returns is what `get` gives."""
    kept = store.put(KEY, evidence("s = '\ud800' + '😀'"))
    assert kept.cells[0].source == "s = '\ufffd' + '😀'  # 0"
    assert store.get(KEY) == kept


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(store: EvidenceStore, number: float) -> None:
    """JSON would turn NaN into null and read it back as something else."""
    with pytest.raises(StoreError):
        store.put(KEY, msgspec.structs.replace(evidence(), seconds=number))
    assert store.get(KEY) is None


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    """The error says which path and why."""
    (tmp_path / "evidence").write_text("a file, not a folder")
    store = EvidenceStore(tmp_path / "evidence")
    with pytest.raises(StoreError) as error:
        store.put(KEY, evidence())
    assert str(tmp_path / "evidence") in str(error.value.message.args["path"])


def test_clear_removes_evidence_and_nothing_else(store: EvidenceStore) -> None:
    """What was set aside and unfinished files go too; a file that is not the store's stays."""
    store.put(KEY, evidence())
    store.put("b" * 64, evidence())
    the_file(store).write_bytes(b"bad")
    store.get(KEY)
    (store.folder / "bb" / "left.tmp").write_bytes(b"")
    (store.folder / "notes.txt").write_text("mine")
    assert store.clear() == 3
    assert [p.name for p in store.folder.rglob("*")] == ["notes.txt"]


def test_clear_of_a_store_that_was_never_used(store: EvidenceStore) -> None:
    """Nothing to remove is not an error."""
    assert store.clear() == 0
    assert not store.folder.exists()


def test_remove_forgets_one_key(store: EvidenceStore) -> None:
    """And says whether there was something to forget."""
    store.put(KEY, evidence())
    assert store.remove(KEY)
    assert not store.remove(KEY)
    assert store.get(KEY) is None


def test_sweep_removes_only_old_unfinished_files(store: EvidenceStore) -> None:
    """A file another process is writing now stays."""
    store.put(KEY, evidence())
    old, new = store.folder / KEY[:2] / "old.tmp", store.folder / KEY[:2] / "new.tmp"
    for path in (old, new):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    assert store.sweep() == 1
    assert new.exists()
    assert store.get(KEY) == evidence()


def test_readers_see_whole_files_while_writers_replace_them(store: EvidenceStore) -> None:
    """Two writers and two readers on one key: every read is one of the two values, whole."""
    values = [evidence("a"), evidence("b")]
    store.put(KEY, values[0])
    seen: list[Evidence | None] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.append(store.get(KEY))

    def write(seed: int) -> None:
        chosen = random.Random(seed)  # noqa: S311 (no secret)
        for _ in range(40):
            store.put(KEY, chosen.choice(values))

    readers = [threading.Thread(target=read) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(2)]
    for thread in [*readers, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert seen
    assert all(value in values for value in seen)

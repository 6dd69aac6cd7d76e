"""The search order, what damaged sources get, and where prepared arrays lie."""

from __future__ import annotations

import gzip
import os
import stat
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.data import STAND_IN, Served, cache, serve
from grader.data.layout import LAYOUTS, Arrays
from grader.data.readers import IDX_FILES
from grader.messages import render
from grader.model.errors import CourseError

KEYS = ("x_train", "y_train", "x_test", "y_test")


def _idx(array: NDArray[np.uint8]) -> bytes:
    head = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(head + array.tobytes(), 1)


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    """Official shapes, made up: four distinct arrays that compress well."""
    made = {}
    for number, (key, shape) in enumerate(LAYOUTS["fashion_mnist"].shapes().items()):
        made[key] = np.broadcast_to(np.uint8(number), shape).copy()
        made[key][:10] += 1
    return Arrays(**made)


@pytest.fixture
def keras_folder(tmp_path: Path, arrays: Arrays) -> Path:
    """A folder in the layout of Keras's cache."""
    folder = tmp_path / "raw" / "datasets" / "fashion-mnist"
    folder.mkdir(parents=True)
    for key, file in IDX_FILES.items():
        (folder / file).write_bytes(_idx(getattr(arrays, key)))
    return tmp_path / "raw"


@pytest.fixture(autouse=True)
def no_own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADER_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "no-keras"))


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def stand_in(shared_cache: Path) -> Served:
    return serve("fashion_mnist", cache=shared_cache)


def test_without_any_data_the_stand_in_is_served(stand_in: Served) -> None:
    """Official shapes and types, and the source says so."""
    assert stand_in.source == STAND_IN
    assert stand_in.data.stand_in
    assert {k: a.shape for k, a in stand_in.arrays().named()} == LAYOUTS["fashion_mnist"].shapes()
    assert stand_in.arrays().fingerprint() == stand_in.fingerprint


def test_explicit_folder_is_read_first(keras_folder: Path, tmp_path: Path, arrays: Arrays) -> None:
    """The folder's arrays come out bit for bit; reading deletes nothing."""
    served = serve("fashion_mnist", folder=keras_folder, cache=tmp_path / "c")
    assert (served.source, served.notes) == ("folder", ())
    assert served.fingerprint == arrays.fingerprint()
    for key in KEYS:
        np.testing.assert_array_equal(
            np.load(served.folder / "fashion_mnist" / f"{key}.npy"), getattr(arrays, key)
        )
    assert sorted(p.name for p in (keras_folder / "datasets/fashion-mnist").iterdir()) == sorted(
        IDX_FILES.values()
    )


@pytest.mark.parametrize("place", ["fashion-mnist", "datasets/fashion-mnist"])
def test_folder_layouts(place: str, keras_folder: Path, tmp_path: Path) -> None:
    """The dataset's folder may lie at the top or under datasets/."""
    top = tmp_path / "other"
    (top / place).parent.mkdir(parents=True)
    (keras_folder / "datasets/fashion-mnist").rename(top / place)
    assert serve("fashion_mnist", folder=top, cache=tmp_path / "c").source == "folder"


def test_environment_names_the_folder(
    keras_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GRADER_DATA is the folder when none is given."""
    monkeypatch.setenv("GRADER_DATA", str(keras_folder))
    assert serve("fashion_mnist", cache=tmp_path / "c").source == "folder"


def test_environment_can_ask_for_the_stand_in(
    keras_folder: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GRADER_DATA=stand-in passes the user's own data over."""
    monkeypatch.setenv("KERAS_HOME", str(keras_folder))
    monkeypatch.setenv("GRADER_DATA", STAND_IN)
    assert serve("fashion_mnist", cache=shared_cache).source == STAND_IN


def test_keras_cache_comes_before_the_stand_in(
    keras_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Keras cache is used as it is."""
    monkeypatch.setenv("KERAS_HOME", str(keras_folder))
    assert serve("fashion_mnist", cache=tmp_path / "c").source == "keras-cache"


def test_npz_of_mnist(tmp_path: Path, shared_cache: Path) -> None:
    """MNIST comes from Keras's own npz; labels of another width are converted."""
    made = {
        k: np.zeros(s, np.int64 if k[0] == "y" else np.uint8) for k, s in LAYOUTS["mnist"].shapes().items()
    }
    np.savez_compressed(tmp_path / "mnist.npz", **made)
    served = serve("mnist", folder=tmp_path, cache=shared_cache)
    assert served.source == "folder"
    assert served.arrays().y_train.dtype == np.uint8


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _not_gzip(path: Path) -> None:
    path.write_bytes(b"<html>404</html>")


def _shorter(path: Path) -> None:
    path.write_bytes(_idx(np.zeros((100, 28, 28), np.uint8)))


def _wrong_kind(path: Path) -> None:
    path.write_bytes(gzip.compress(bytes((0, 0, 13, 3)) + bytes(100)))


def _bomb(path: Path) -> None:
    head = bytes((0, 0, 8, 3)) + struct.pack(">3I", 60_000, 28, 28)
    path.write_bytes(gzip.compress(head + bytes(200_000_000), 1))


@pytest.mark.parametrize("damage", [_truncate, _not_gzip, _shorter, _wrong_kind, _bomb, Path.unlink])
def test_damaged_source_is_passed_over_with_a_note(
    damage: object, keras_folder: Path, shared_cache: Path
) -> None:
    """Each kind of damage leads to the next source and to a sentence that names the file."""
    file = keras_folder / "datasets/fashion-mnist/train-images-idx3-ubyte.gz"
    damage(file)  # type: ignore[operator]
    served = serve("fashion_mnist", folder=keras_folder, cache=shared_cache)
    assert served.source == STAND_IN
    (note,) = served.notes
    assert all("fashion-mnist" in render(note, language) for language in ("es", "en"))


def test_labels_that_are_no_classes_are_refused(keras_folder: Path, shared_cache: Path) -> None:
    """A label 77 cannot be served: it would break every loss."""
    labels = np.full(10_000, 77, np.uint8)
    (keras_folder / "datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz").write_bytes(_idx(labels))
    served = serve("fashion_mnist", folder=keras_folder, cache=shared_cache)
    assert [note.key for note in served.notes] == ["data.values"]


class _Trap:
    """Unpickling it would write a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.path, "w")


def test_npz_with_a_pickle_in_it_is_not_unpickled(tmp_path: Path, shared_cache: Path) -> None:
    """Object arrays are refused, and the code in them does not run."""
    trap = np.array([_Trap(str(tmp_path / "ran"))], dtype=object)
    np.savez(tmp_path / "mnist.npz", **dict.fromkeys(KEYS, trap))
    served = serve("mnist", folder=tmp_path, cache=shared_cache)
    assert served.source == STAND_IN
    assert not (tmp_path / "ran").exists()


def test_folder_without_the_dataset_is_noted(tmp_path: Path, shared_cache: Path) -> None:
    """An explicit folder that lacks the dataset is not passed over silently."""
    served = serve("fashion_mnist", folder=tmp_path, cache=shared_cache)
    assert [note.key for note in served.notes] == ["data.absent"]


@pytest.mark.parametrize(
    ("name", "folder", "key"), [("nothing", None, "data.unknown"), ("mnist", "absent", "data.folder")]
)
def test_what_cannot_be_is_an_error(name: str, folder: str | None, key: str, tmp_path: Path) -> None:
    """An unknown dataset and an explicit folder that does not exist raise."""
    with pytest.raises(CourseError) as caught:
        serve(name, folder=tmp_path / folder if folder else None, cache=tmp_path)
    assert caught.value.message.key == key


def test_prepared_files_can_be_read_by_another_user(keras_folder: Path, tmp_path: Path) -> None:
    """Folders are 755 and files 644, whatever the umask."""
    before = os.umask(0o077)
    try:
        served = serve("fashion_mnist", folder=keras_folder, cache=tmp_path / "c")
    finally:
        os.umask(before)
    for path in (served.folder, served.folder / "fashion_mnist"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o755
    for path in (served.folder / "fashion_mnist").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_second_time_nothing_is_decoded(keras_folder: Path, tmp_path: Path) -> None:
    """The same bytes are found prepared: the file is not written again."""
    first = serve("fashion_mnist", folder=keras_folder, cache=tmp_path / "c")
    file = first.folder / "fashion_mnist" / "x_train.npy"
    inode = file.stat().st_ino
    assert serve("fashion_mnist", folder=keras_folder, cache=tmp_path / "c") == first
    assert file.stat().st_ino == inode


def test_altered_cache_is_made_anew(keras_folder: Path, tmp_path: Path, arrays: Arrays) -> None:
    """One flipped byte in a prepared array is noticed and mended."""
    served = serve("fashion_mnist", folder=keras_folder, cache=tmp_path / "c")
    file = served.folder / "fashion_mnist" / "y_test.npy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    again = serve("fashion_mnist", folder=keras_folder, cache=tmp_path / "c")
    assert again.arrays().fingerprint() == arrays.fingerprint() == again.fingerprint
    assert not [p.name for p in (tmp_path / "c").iterdir() if p.name.startswith(".")]


def test_processes_side_by_side_agree(keras_folder: Path, tmp_path: Path, arrays: Arrays) -> None:
    """Three processes that prepare the same data at once all get it whole."""
    code = (
        "import sys; from pathlib import Path; from grader.data import serve;"
        "s = serve('fashion_mnist', folder=Path(sys.argv[1]), cache=Path(sys.argv[2]));"
        "print(s.arrays().fingerprint())"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(keras_folder), str(tmp_path / "c")],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(3)
    ]
    said = [process.communicate(timeout=120)[0].strip() for process in running]
    assert said == [arrays.fingerprint()] * 3


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="file modes are POSIX's")
def test_cache_that_others_can_write_is_refused(tmp_path: Path) -> None:
    """Whoever can write there could change the data that a class is graded on."""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(CourseError) as caught:
        serve("fashion_mnist", cache=folder)
    assert caught.value.message.key == "data.cache.shared"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="links in shared folders are POSIX's")
def test_planted_link_in_the_temporary_folder_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no cache of our own, a name that somebody else squatted is left alone."""
    target = tmp_path / "target"
    target.mkdir()
    shared = tmp_path / "tmp"
    shared.mkdir()
    (shared / f"{cache.APP}-{os.getuid()}").symlink_to(target)
    monkeypatch.setattr(cache.tempfile, "tempdir", str(shared))
    # A plain file where the cache folder's parent should be: it cannot be made, even by root.
    (tmp_path / "file").write_text("")
    for where in ("user_cache_path", "site_cache_path"):
        monkeypatch.setattr(cache.platformdirs, where, lambda _app: tmp_path / "file" / "cache")
    chosen = cache.default_cache()
    assert chosen.parent == shared
    assert not chosen.is_symlink()
    assert list(target.iterdir()) == []


def test_root_gets_a_cache_that_others_can_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder behind a closed one is no place for what a sandbox of another user must read."""
    closed = tmp_path / "closed"
    (closed / "cache").mkdir(parents=True)
    assert cache._reachable(closed) == cache._reachable(tmp_path)
    closed.chmod(0o700)
    assert not cache._reachable(closed / "cache")


def test_trace_table_knows_the_rows(stand_in: Served) -> None:
    """The trace table finds train row 7 and test row 3 by their content."""
    from grader.probe.rows import row_hashes

    data, rows = stand_in.arrays(), stand_in.rows()
    mixed = np.stack([data.x_train[7], data.x_test[3], np.zeros((28, 28), np.uint8)])
    assert rows.find(row_hashes(mixed / 255.0)).tolist() == [7, 60_003, -1]


@pytest.mark.real_data
def test_real_data_is_the_published_one(tmp_path: Path, real_data: Path) -> None:
    """What GRADER_DATA holds of Fashion-MNIST has the fingerprint on record."""
    served = serve("fashion_mnist", folder=real_data, cache=tmp_path / "c")
    assert served.fingerprint == LAYOUTS["fashion_mnist"].official


@pytest.fixture(scope="module")
def real_data() -> Path:
    folder = os.environ.get("GRADER_DATA", "")
    if not folder or folder == STAND_IN:
        pytest.skip("GRADER_DATA names no folder with the real datasets")
    return Path(folder)

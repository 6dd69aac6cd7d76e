"""Hostile and odd zips: every case names its member, and the rest is read all the same."""

from __future__ import annotations

import stat
import struct
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.intake import collect
from grader.intake.archive import opened
from grader.intake.entry import Allowance, read
from grader.intake.limits import IntakeLimits
from grader.model.errors import IntakeError
from grader.model.submission import Problem

from .build import by_name, keys, member, notebook, one, source, zip_bytes, zipped

GOOD = notebook("honest = 1")
LIMITS = IntakeLimits()


def ana_zip(folder: Path, *members: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    """Moodle's zip with Ana's own zip in it, in which these members lie beside a sound notebook."""
    inner = folder / "entrega.zip"
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("practica.ipynb", GOOD)
        for name, data in members:
            archive.writestr(name, data)
    return zipped(folder / "clase.zip", {"Ana_8_assignsubmission_file/entrega.zip": inner.read_bytes()})


def flagged(data: bytes, name: bytes, *, flag: int) -> bytes:
    """The zip's bytes with a general-purpose flag set for one member, in both of its headers."""
    out = bytearray(data)
    for signature, at, header in ((b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)):
        position = out.find(signature)
        while position >= 0:
            if out[position + header : position + header + len(name)] == name:
                out[position + at : position + at + 2] = struct.pack("<H", flag)
            position = out.find(signature, position + 4)
    return bytes(out)


@pytest.mark.parametrize(
    ("name", "mode", "key"),
    [
        ("../evil.ipynb", None, "intake.member_outside"),
        ("a/../../evil.ipynb", None, "intake.member_outside"),
        ("/etc/evil.ipynb", None, "intake.member_outside"),
        ("..\\evil.ipynb", None, "intake.member_outside"),
        ("C:\\evil.ipynb", None, "intake.member_outside"),
        ("C:evil.ipynb", None, "intake.member_outside"),
        ("link.ipynb", stat.S_IFLNK | 0o777, "intake.member_link"),
        ("pipe.ipynb", stat.S_IFIFO | 0o644, "intake.member_special"),
        ("device.ipynb", stat.S_IFCHR | 0o644, "intake.member_special"),
        ("block.ipynb", stat.S_IFBLK | 0o644, "intake.member_special"),
    ],
)
def test_refused_members(tmp_path: Path, scratch: Path, name: str, mode: int | None, key: str) -> None:
    """Never read, named in a problem, and nothing is written anywhere."""
    info = zipfile.ZipInfo(name) if mode is None else member(name, mode=mode)
    before = set(tmp_path.parent.rglob("*"))
    path = ana_zip(tmp_path, (info, notebook("evil = " + "1" * 99)))
    submission = one(path, scratch)
    assert source(submission) == "honest = 1"
    assert keys(submission.problems) == [key]
    assert str(submission.problems[0].message.args["member"]).endswith(name[-10:])
    assert set(tmp_path.parent.rglob("*")) - before == {path, tmp_path / "entrega.zip"}
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("new\nline.txt", "intake.member_odd_name"),
        ("-rf", "intake.member_odd_name"),
        ("PRACTICA.ipynb", "intake.member_same_but_case"),
    ],
)
def test_odd_members_are_read(tmp_path: Path, scratch: Path, name: str, key: str) -> None:
    """What harms only whoever extracts is noted, and counts as a file of the hand-in."""
    submission = one(ana_zip(tmp_path, (name, GOOD)), scratch)
    assert key in keys(submission.problems)
    assert any("\n" not in path and path.endswith(name[-5:]) for path in submission.other_files)


def test_setuid_is_noted_and_read(tmp_path: Path, scratch: Path) -> None:
    """Permissions mean nothing to who only reads bytes."""
    info = member("otro.ipynb", mode=stat.S_IFREG | stat.S_ISUID | 0o755)
    submission = one(ana_zip(tmp_path, (info, notebook("longer_and_chosen = 1"))), scratch)
    assert source(submission) == "longer_and_chosen = 1"
    assert "intake.member_setuid" in keys(submission.problems)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_duplicates_are_told_and_the_last_counts(tmp_path: Path, scratch: Path, form: str) -> None:
    """As with every unpacker; names that are equal once composed are one name."""
    path = tmp_path / "Ana_8_assignsubmission_file.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Ana_8_assignsubmission_file/práctica.ipynb", notebook("old = 1"))
        name = unicodedata.normalize(form, "Ana_8_assignsubmission_file/práctica.ipynb")
        archive.writestr(name, notebook("new = 1"))
    submission = one(path, scratch)
    assert source(submission) == "new = 1"
    assert keys(submission.problems) == ["intake.member_duplicate"]


def test_a_password(tmp_path: Path, scratch: Path) -> None:
    """An encrypted member is named; when it was all there was, that is why nothing is graded."""
    data = zip_bytes(tmp_path, {"practica.ipynb": GOOD})
    locked = flagged(data, b"practica.ipynb", flag=1)
    path = zipped(tmp_path / "c.zip", {"Ana_8_assignsubmission_file/e.zip": locked})
    submission = one(path, scratch)
    assert submission.document is None
    assert submission.fatal is not None
    assert submission.fatal.message.key == "intake.member_encrypted"


def test_an_encrypted_class_loses_nobody(tmp_path: Path, scratch: Path) -> None:
    """A member that is refused still shows that its student handed something in."""
    data = zip_bytes(tmp_path, {"ana/p.ipynb": GOOD, "bob/p.ipynb": GOOD, "ana/notes.txt": b"x"})
    path = tmp_path / "clase.zip"
    path.write_bytes(flagged(data, b"ana/p.ipynb", flag=1))
    found = by_name(path, scratch)
    assert found["bob"].document is not None
    assert "intake.member_encrypted" in keys(found["ana"].problems)
    path.write_bytes(flagged(zip_bytes(tmp_path, {"bob.ipynb": GOOD}), b"bob.ipynb", flag=1))
    assert by_name(path, scratch)["bob"].fatal is not None


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_inflate_without_bound(tmp_path: Path, scratch: Path, method: int) -> None:
    """A few bytes of bzip2 become gigabytes in one step: such members are refused."""
    inner = tmp_path / "e.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("practica.ipynb", GOOD)
        archive.writestr("bomb.ipynb", b"0" * 10**6, method)
    path = zipped(tmp_path / "c.zip", {"Ana_8_assignsubmission_file/e.zip": inner.read_bytes()})
    submission = one(path, scratch)
    assert source(submission) == "honest = 1"
    assert keys(submission.problems) == ["intake.member_method"]


def test_a_bomb_is_refused_by_its_declared_size(tmp_path: Path, scratch: Path) -> None:
    """Packed tighter than any text and larger than any notebook: not inflated at all."""
    limits = IntakeLimits(bomb_bytes=2**20)
    path = ana_zip(tmp_path, ("bomb.bin", b"\0" * 2**22))
    submission = one(path, scratch, limits)
    assert source(submission) == "honest = 1"
    assert keys(submission.problems) == ["intake.member_bomb"]


def test_an_hour_of_the_same_line_is_no_bomb(tmp_path: Path, scratch: Path) -> None:
    """A real notebook whose output repeats packs as tightly as a bomb and is read."""
    out = {"output_type": "stream", "text": "loss 0.1\n" * 10**6}
    cells = [{"cell_type": "code", "source": "loop = 1", "outputs": [out]}]
    path = zipped(tmp_path / "c.zip", {"ana.ipynb": notebook(cells=cells)})
    with zipfile.ZipFile(path) as archive:
        (info,) = archive.infolist()
    assert info.file_size > LIMITS.bomb_ratio * info.compress_size
    assert source(one(path, scratch)) == "loop = 1"


def test_a_size_that_lies_is_found_out(tmp_path: Path, scratch: Path) -> None:
    """A directory that declares 10 bytes for a megabyte does not get a megabyte read."""
    data = bytearray(zip_bytes(tmp_path, {"a.ipynb": b"\0" * 2**20}))
    for signature, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        position = data.find(signature)
        data[position + at : position + at + 4] = struct.pack("<I", 10)
    file = tmp_path / "lie.zip"
    file.write_bytes(bytes(data))
    allowance = Allowance(1000)
    with opened(file, "lie.zip", LIMITS) as tree, pytest.raises(IntakeError) as caught:
        read(tree.entries[0], 1000, allowance)
    assert caught.value.message.key == "intake.member_damaged"
    assert allowance.spent <= 10


def test_all_that_is_inflated_is_counted(tmp_path: Path, scratch: Path) -> None:
    """Many members below every single cap still share one allowance."""
    bulk = {f"{i}.ipynb": notebook(f"x{i} = 1") + b" " * 10**5 for i in range(30)}
    inner = zip_bytes(tmp_path, bulk)
    path = zipped(tmp_path / "c.zip", {"Ana_8_assignsubmission_file/e.zip": inner})
    submission = one(path, scratch, IntakeLimits(inflated_bytes=10**6))
    assert submission.document is not None
    assert "intake.allowance_spent" in keys(submission.problems)


def test_overlapping_members(tmp_path: Path, scratch: Path) -> None:
    """One kernel of bytes under many names is refused under all of them; another member is read."""
    inner = tmp_path / "e.zip"
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("practica.ipynb", GOOD)
        archive.writestr("kernel-a.ipynb", notebook("a" * 500))
        archive.writestr("kernel-b.ipynb", notebook("b" * 500))
        first, second = archive.infolist()[1:]
        # Both directory entries point at the first one's bytes.
        second.header_offset, second.CRC = first.header_offset, first.CRC
        second.compress_size, second.file_size = first.compress_size, first.file_size
    path = zipped(tmp_path / "c.zip", {"Ana_8_assignsubmission_file/e.zip": inner.read_bytes()})
    submission = one(path, scratch)
    assert source(submission) == "honest = 1"
    assert keys(submission.problems) == ["intake.member_overlap"] * 2


def test_a_damaged_member(tmp_path: Path, scratch: Path) -> None:
    """A checksum that does not hold costs that member only."""
    data = bytearray(zip_bytes(tmp_path, {"bad.ipynb": notebook("bad = 1"), "ok.ipynb": GOOD}))
    position = data.find(b"PK\x01\x02")
    data[position + 16 : position + 20] = b"\1\2\3\4"  # CRC of bad.ipynb
    path = zipped(tmp_path / "c.zip", {"Ana_8_assignsubmission_file/e.zip": bytes(data)})
    submission = one(path, scratch)
    assert source(submission) == "honest = 1"
    assert keys(submission.problems) == ["intake.member_damaged"]


@pytest.mark.parametrize("levels", [1, 3, 6])
def test_zips_in_zips(tmp_path: Path, scratch: Path, levels: int) -> None:
    """Opened down to the third level; deeper ones are named."""
    data = GOOD
    name = "practica.ipynb"
    for _ in range(levels):
        data, name = zip_bytes(tmp_path, {name: data}), "entrega.zip"
    path = zipped(tmp_path / "c.zip", {"Ana_8_assignsubmission_file/entrega.zip": data})
    submission = one(path, scratch)
    assert (submission.document is not None) is (levels <= 3)
    if levels > 3:
        assert "intake.archive_too_deep" in keys(submission.problems)


def test_a_thousand_little_zips(tmp_path: Path, scratch: Path) -> None:
    """The number of archives is capped too, and so is the number of problems told."""
    empty = zip_bytes(tmp_path, {"a.txt": b""})
    many = zip_bytes(tmp_path, {f"{i}.zip": empty for i in range(200)})
    path = zipped(tmp_path / "c.zip", {"Ana_8_assignsubmission_file/entrega.zip": many})
    submission = one(path, scratch)
    assert len(submission.problems) <= LIMITS.problems + 1
    assert keys(submission.problems)[-1] == "intake.more_problems"
    assert submission.fatal is not None


def test_too_many_members(tmp_path: Path, scratch: Path) -> None:
    """Some more than the limit are cut and told; a flood is refused before it is listed."""
    path = zipped(tmp_path / "c.zip", {f"s{i:03}.ipynb": GOOD for i in range(30)})
    told: list[Problem] = []
    found = collect(path, scratch=scratch, limits=IntakeLimits(archive_members=20), on_problem=told.append)
    assert len(found) == 20
    assert keys(tuple(told)) == ["intake.members_cut"]
    with pytest.raises(IntakeError) as caught:
        collect(path, scratch=scratch, limits=IntakeLimits(archive_members=5))
    assert caught.value.message.key == "intake.too_many_members"


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"not a zip", b"Rar!\x1a\x07\x00" + b"x" * 50])
def test_no_zip_at_all(tmp_path: Path, scratch: Path, data: bytes) -> None:
    """A student's broken zip is that student's; the instructor's own is an error."""
    path = zipped(
        tmp_path / "c.zip",
        {"Ana_8_assignsubmission_file/e.zip": data, "Bob_9_assignsubmission_file/p.ipynb": GOOD},
    )
    found = by_name(path, scratch)
    assert keys(found["Ana"].problems) == ["intake.bad_archive"]
    assert found["Ana"].fatal is not None
    assert found["Bob"].problems == ()
    broken = tmp_path / "broken.zip"
    broken.write_bytes(data)
    with pytest.raises(IntakeError) as caught:
        collect(broken, scratch=scratch)
    assert caught.value.message.key == "intake.bad_archive"


def test_names_said_to_be_utf8_that_are_not(tmp_path: Path, scratch: Path) -> None:
    """zipfile cannot open such an archive; only its own student is affected."""
    data = zip_bytes(tmp_path, {"practicaX.ipynb": GOOD})
    broken = flagged(data, b"practicaX.ipynb", flag=0x800).replace(b"practicaX", b"practica\xf1")
    path = zipped(
        tmp_path / "c.zip",
        {"Ana_8_assignsubmission_file/e.zip": broken, "Bob_9_assignsubmission_file/p.ipynb": GOOD},
    )
    found = by_name(path, scratch)
    assert keys(found["Ana"].problems) == ["intake.bad_archive"]
    assert found["Bob"].document is not None


@pytest.mark.parametrize("raw", ["Muñoz Ávila".encode("cp850"), "Muñoz Ávila".encode()])
def test_names_without_the_utf8_flag(tmp_path: Path, scratch: Path, raw: bytes) -> None:
    """Windows' code page and macOS' undeclared UTF-8 both give the name."""
    data = zip_bytes(tmp_path, {"n" * len(raw) + ".ipynb": GOOD})
    path = tmp_path / "c.zip"
    path.write_bytes(data.replace(b"n" * len(raw), raw))
    assert one(path, scratch).student.name == "Muñoz Ávila"


def test_backslashes_between_folders(tmp_path: Path, scratch: Path) -> None:
    """Old Windows tools write them."""
    path = zipped(tmp_path / "c.zip", {"ana\\p.ipynb": GOOD, "bob\\p.ipynb": GOOD})
    assert sorted(by_name(path, scratch)) == ["ana", "bob"]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_zip_with_bytes_changed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Flipped and cut bytes of a real zip give members, problems or IntakeError, never another error."""
    folder = tmp_path_factory.mktemp("fuzz")
    raw = bytearray(zip_bytes(folder, {"Ana_8_assignsubmission_file/p.ipynb": GOOD, "ñ/b.py": b"x = 1"}))
    for _ in range(data.draw(st.integers(0, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = folder / "c.zip"
    path.write_bytes(bytes(raw[: data.draw(st.integers(len(raw) // 2, len(raw)))]))
    try:
        found = collect(path, scratch=folder / "scratch")
    except IntakeError:
        return
    assert all(s.document is not None or s.fatal is not None for s in found)

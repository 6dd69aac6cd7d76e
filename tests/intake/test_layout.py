"""Every way in which a class's hand-ins arrive, and whose each file is."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.intake import collect
from grader.intake.entry import Entry, Tree
from grader.intake.layout import layout
from grader.intake.names import normalise_name
from grader.model.errors import IntakeError
from grader.model.submission import Submission

from .build import by_name, keys, names, notebook, one, source, write, zip_bytes, zipped

ANA = "Ana María Núñez Ibáñez"
BOB = "Bob Under ONeil"

Files = dict[str, bytes]
Arrive = Callable[[Path, Files], Path]


def nb(name: str) -> bytes:
    return notebook(f"who = '{name}'")


def as_folder(tmp_path: Path, files: Files) -> Path:
    return write(tmp_path / "entregas", files)


def as_zip(tmp_path: Path, files: Files) -> Path:
    return zipped(tmp_path / "DL101-Practical 1-1.zip", files)


def in_wrapper(tmp_path: Path, files: Files) -> Path:
    return write(tmp_path / "entregas", {f"DL101-Practical 1-1/{name}": data for name, data in files.items()})


def in_two_wrappers(tmp_path: Path, files: Files) -> Path:
    return write(tmp_path / "entregas", {f"a/a/{name}": data for name, data in files.items()})


def zip_in_wrapper(tmp_path: Path, files: Files) -> Path:
    wrapped = {f"clase/{name}": data for name, data in files.items()}
    stubs = {f"__MACOSX/clase/._{name.split('/')[0]}": b"\0\5\x16\7" * 50 for name in files}
    return zipped(tmp_path / "clase.zip", wrapped | stubs)


def zip_in_folder(tmp_path: Path, files: Files) -> Path:
    return write(tmp_path / "descargas", {"x.zip": zip_bytes(tmp_path, files)})


def zip_in_zip(tmp_path: Path, files: Files) -> Path:
    return zipped(tmp_path / "y.zip", {"x.zip": zip_bytes(tmp_path, files)})


def decomposed(tmp_path: Path, files: Files) -> Path:
    return zipped(tmp_path / "n.zip", {unicodedata.normalize("NFD", name): d for name, d in files.items()})


EVERY_WAY = [
    as_folder,
    as_zip,
    in_wrapper,
    in_two_wrappers,
    zip_in_wrapper,
    zip_in_folder,
    zip_in_zip,
    decomposed,
]


@pytest.mark.parametrize("arrive", EVERY_WAY)
def test_moodle_folder_mode(tmp_path: Path, scratch: Path, arrive: Arrive) -> None:
    """The names seen on a running Moodle, however the download was packed again."""
    files = {
        f"{ANA}_8_assignsubmission_file/practical1.ipynb": nb("ana"),
        f"{ANA}_8_assignsubmission_file/src/model.py": b"x = 1",
        f"{ANA}_8_assignsubmission_onlinetext/onlinetext.html": b"<p>hola",
        f"{BOB}_9_assignsubmission_file/practical1.ipynb": nb("bob"),
        "Cho De LaCruz x_6_assignsubmission_file/practical1.ipynb": nb("cho"),
    }
    found = by_name(arrive(tmp_path, files), scratch)
    assert sorted(found) == [ANA, BOB, "Cho De LaCruz x"]
    ana = found[ANA]
    assert (ana.student.lms_id, ana.student.key) == ("8", "ana-maria-nunez-ibanez")
    assert source(ana) == "who = 'ana'"
    assert set(ana.other_files) == {"src/model.py", "onlinetext.html"}
    assert ana.origin.startswith(f"{ANA}_8_assignsubmission_file")
    assert source(found[BOB]) == "who = 'bob'"
    assert all(s.problems == () for s in found.values())


@pytest.mark.parametrize("arrive", EVERY_WAY)
def test_moodle_flat_mode(tmp_path: Path, scratch: Path, arrive: Arrive) -> None:
    """Without folders the prefix goes in front of every file, and is taken off again."""
    files = {
        f"{ANA}_8_assignsubmission_file_practical1.ipynb": nb("ana"),
        f"{ANA}_8_assignsubmission_file_model.py": b"x = 1",
        f"{ANA}_8_assignsubmission_onlinetext_onlinetext.html": b"<p>hola",
        f"{BOB}_9_assignsubmission_file_mi_practica_2.ipynb": nb("bob"),
    }
    found = by_name(arrive(tmp_path, files), scratch)
    assert sorted(found) == [ANA, BOB]
    assert set(found[ANA].other_files) == {"model.py", "onlinetext.html"}
    assert found[BOB].document is not None
    assert found[BOB].document.path == "mi_practica_2.ipynb"


@pytest.mark.parametrize(
    ("folder", "name", "number"),
    [
        ("Participant_2_assignsubmission_file", "Participant 2", "2"),
        ("Participante_2_assignsubmission_file", "Participante 2", "2"),
        ("Grupo A ñ_1_assignsubmission_file", "Grupo A ñ", "1"),
        ("Default group_assignsubmission_file", "Default group", None),
        ("Grupo por defecto_assignsubmission_file", "Grupo por defecto", None),
        ("Ana Pi_8_assignsubmission_file_", "Ana Pi", "8"),  # before Moodle 4.1
        ("Luis_4_5_assignsubmission_file", "Luis_4", "5"),
    ],
)
def test_moodle_names(tmp_path: Path, scratch: Path, folder: str, name: str, number: str | None) -> None:
    """Blind marking in two languages, groups, the group without a number, and older versions."""
    submission = one(write(tmp_path, {f"{folder}/p.ipynb": nb("x")}), scratch)
    assert (submission.student.name, submission.student.lms_id) == (name, number)


def test_two_people_of_one_name(tmp_path: Path, scratch: Path) -> None:
    """Moodle's number tells them apart, and each has a key of their own."""
    files = {f"Ana Gil_{n}_assignsubmission_file/p.ipynb": nb(str(n)) for n in (7, 8)}
    found = collect(write(tmp_path, files), scratch=scratch)
    assert [s.student.key for s in found] == ["ana-gil-7", "ana-gil-8"]


def test_feedback_folders_are_the_staffs(tmp_path: Path, scratch: Path) -> None:
    """A notebook that a teacher gave back is not the student's."""
    files = {
        "Ana_8_assignsubmission_file/p.ipynb": nb("ana"),
        "Ana_8_assignfeedback_file/corrected.ipynb": nb("teacher" * 9),
    }
    submission = one(write(tmp_path, files), scratch)
    assert source(submission) == "who = 'ana'"
    assert submission.other_files == ()


def test_two_downloads_side_by_side(tmp_path: Path, scratch: Path) -> None:
    """Two groups' archives, packed or unpacked, are one class."""
    a = {"Ana_8_assignsubmission_file/p.ipynb": nb("ana")}
    b = {"Bob_9_assignsubmission_file/p.ipynb": nb("bob")}
    packed = {"A-1.zip": zip_bytes(tmp_path, a), "B-2.zip": zip_bytes(tmp_path, b)}
    assert sorted(by_name(write(tmp_path / "p", packed), scratch)) == ["Ana", "Bob"]
    unpacked = {f"A-1/{n}": d for n, d in a.items()} | {f"B-2/{n}": d for n, d in b.items()}
    assert sorted(by_name(write(tmp_path / "u", unpacked), scratch)) == ["Ana", "Bob"]


@pytest.mark.parametrize(
    "files",
    [
        {
            "ana/Bob_9_assignsubmission_file/p.ipynb": nb("forged" * 9),
            "bob/p.ipynb": nb("bob"),
        },
        {
            "Ana_8_assignsubmission_file/Bob_9_assignsubmission_file/p.ipynb": nb("forged" * 9),
            "Bob_9_assignsubmission_file/p.ipynb": nb("bob"),
        },
        {
            "Ana_8_assignsubmission_file_Bob_9_assignsubmission_file_p.ipynb": nb("forged" * 9),
            "Bob_9_assignsubmission_file_p.ipynb": nb("bob"),
        },
    ],
)
def test_nobody_hands_in_for_somebody_else(tmp_path: Path, scratch: Path, files: Files) -> None:
    """A student who gives files an LMS's names changes nothing for the other."""
    found = by_name(write(tmp_path, files), scratch)
    assert len(found) == 2
    bob = found.get("Bob") or found["bob"]
    assert source(bob) == "who = 'bob'"
    assert bob.other_files == ()


def test_a_students_zip_is_no_class(tmp_path: Path, scratch: Path) -> None:
    """Among students' zips, one whose members have an LMS's names is still its student's."""
    forged = zip_bytes(tmp_path, {"Bob_9_assignsubmission_file/p.ipynb": nb("forged" * 9)})
    honest = zip_bytes(tmp_path, {"p.ipynb": nb("bob")})
    found = by_name(write(tmp_path / "c", {"ana.zip": forged, "bob.zip": honest}), scratch)
    assert sorted(found) == ["ana", "bob"]
    assert source(found["bob"]) == "who = 'bob'"


@pytest.mark.parametrize("arrive", [as_folder, as_zip, zip_in_folder])
def test_canvas(tmp_path: Path, scratch: Path, arrive: Arrive) -> None:
    """Canvas's bulk download: late marks, text entries and two files of one student."""
    files = {
        "doejane_LATE_4021_99812_practical1.ipynb": nb("jane"),
        "doejane_LATE_4021_99813_model.py": b"x = 1",
        "doejane_4021_text.html": b"<p>",
        "núñezana_4022_99814_my_practical-1.ipynb": nb("ana"),
    }
    found = by_name(arrive(tmp_path, files), scratch)
    assert sorted(found) == ["doejane", "núñezana"]
    assert found["doejane"].student.lms_id == "4021"
    assert set(found["doejane"].other_files) == {"model.py", "doejane_4021_text.html"}
    assert found["núñezana"].document is not None
    assert found["núñezana"].document.path == "my_practical-1.ipynb"


def test_canvas_anonymous(tmp_path: Path, scratch: Path) -> None:
    """Anonymous marking has an id and no name."""
    files = {"anon_q7Xa2_99812_p.ipynb": nb("a"), "anon_LATE_b3Yz9_99813_p.ipynb": nb("b")}
    found = collect(write(tmp_path, files), scratch=scratch)
    assert [s.student.lms_id for s in found] == ["b3Yz9", "q7Xa2"]
    assert len({s.student.key for s in found}) == 2


@pytest.mark.parametrize(
    "files",
    [
        ["practica_1_2_ana.ipynb", "practica_1_3_luis.ipynb"],
        ["p_1_2024_ana.ipynb", "p_1_2025_luis.ipynb"],
        ["p_2026_2026_ana.ipynb", "p_2026_2026_luis.ipynb"],
        ["doejane_4021_99812_p.ipynb", "luis.ipynb"],
    ],
)
def test_what_only_looks_like_canvas(tmp_path: Path, scratch: Path, files: list[str]) -> None:
    """A course's own numbers in file names never put two students into one."""
    found = collect(write(tmp_path, {name: nb(name) for name in files}), scratch=scratch)
    assert names(found) == sorted(name.removesuffix(".ipynb") for name in files)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["ana.ipynb", "luis.py"], ["ana", "luis"]),
        (["ana.ipynb", "ana.py", "ana.pdf", "ana.csv"], ["ana"]),
        (["ana/p.ipynb", "luis/sub/p.ipynb"], ["ana", "luis"]),
        (["ana/p.ipynb", "ana.ipynb"], ["ana"]),
        (["ana/p.ipynb", "luis.ipynb", "roster.csv", "README.md"], ["ana", "luis"]),
        (["clase/ana/p.ipynb", "clase/luis/p.ipynb"], ["ana", "luis"]),
        (["entregas/ana.ipynb", "entregas/luis.ipynb"], ["ana", "luis"]),
        (["ana/src/p.ipynb"], ["ana"]),
        (["practica.ipynb", "practica (1).ipynb"], ["practica", "practica (1)"]),
        (["ana.ipynb.txt", "luis.ipynb.json", "eva.IPYNB"], ["ana", "eva", "luis"]),
        (["ana.rar", "luis.ipynb"], ["ana", "luis"]),
        (["ana/p.ipynb", "luis/informe.pdf"], ["ana", "luis"]),
    ],
)
def test_plain_folders(tmp_path: Path, scratch: Path, files: list[str], expected: list[str]) -> None:
    """Files and folders of a class without an LMS: one student by stem or folder name."""
    root = write(tmp_path / "entregas", {name: nb(name) for name in files})
    assert names(collect(root, scratch=scratch)) == expected


def test_an_empty_folder_is_a_hand_in(tmp_path: Path, scratch: Path) -> None:
    """Nobody is lost: an empty folder has its student's name on it."""
    root = write(tmp_path / "c", {"ana/p.ipynb": nb("ana")})
    (root / "luis").mkdir()
    found = by_name(root, scratch)
    assert keys(found["luis"].problems) == ["intake.no_files"]


def test_a_zip_for_each_student(tmp_path: Path, scratch: Path) -> None:
    """Zips with macOS stubs and decomposed accents, named after their students."""
    inner = zip_bytes(
        tmp_path,
        {
            unicodedata.normalize("NFD", "NÚÑEZ_ANA/práctica.ipynb"): nb("ana"),
            unicodedata.normalize("NFD", "__MACOSX/NÚÑEZ_ANA/._práctica.ipynb"): b"\0\5\x16\7",
        },
    )
    name = unicodedata.normalize("NFD", "NÚÑEZ_ANA.zip")
    found = by_name(write(tmp_path / "c", {name: inner, "GIL_LUIS.zip": inner}), scratch)
    assert sorted(found) == ["GIL_LUIS", "NÚÑEZ_ANA"]
    ana = found["NÚÑEZ_ANA"]
    assert ana.document is not None
    assert ana.document.path == "NÚÑEZ_ANA.zip/NÚÑEZ_ANA/práctica.ipynb"
    assert ana.student.key == "nunez-ana"


@pytest.mark.parametrize(
    ("name", "data", "path"),
    [("ana.ipynb", nb("ana"), "ana.ipynb"), ("luis.py", b"x = 1", "luis.py")],
)
def test_one_document(tmp_path: Path, scratch: Path, name: str, data: bytes, path: str) -> None:
    """A single notebook or module is one student's, named by its stem."""
    submission: Submission = one(write(tmp_path, {name: data}) / name, scratch)
    assert submission.student.name == name.split(".")[0]
    assert submission.document is not None
    assert submission.document.path == path


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda p: p / "nowhere", "intake.no_such_path"),
        (lambda p: p, "intake.nothing_found"),
        (lambda p: zipped(p / "e.zip", {}), "intake.nothing_found"),
        (lambda p: write(p, {"roster.csv": b"x"}), "intake.nothing_found"),
    ],
)
def test_nothing_there(tmp_path: Path, scratch: Path, make: Callable[[Path], Path], key: str) -> None:
    """A path without hand-ins is the instructor's to correct, and is named."""
    with pytest.raises(IntakeError) as caught:
        collect(make(tmp_path), scratch=scratch)
    assert caught.value.message.key == key
    assert str(tmp_path.name) in str(caught.value.message.args["path"])


parts = st.lists(
    st.sampled_from(
        [
            "Ana_8_assignsubmission_file",
            "Bob_9_assignsubmission_onlinetext",
            "doejane_4021_99812_p.ipynb",
            "anon_q7Xa2_99812_p.ipynb",
            "ana",
            "clase",
            "p.ipynb",
            "m.py",
            "x.zip",
            "informe.pdf",
            "_assignsubmission_file",
            "_8_assignsubmission_",
            "",
            ".",
        ]
    )
    | st.text(max_size=5),
    min_size=1,
    max_size=4,
).map(tuple)


@settings(max_examples=300, deadline=None)
@given(st.lists(parts, max_size=8), st.lists(parts, max_size=3), st.text(max_size=4))
def test_no_document_is_lost(
    files: list[tuple[str, ...]], folders: list[tuple[str, ...]], container: str
) -> None:
    """Whatever the names, every notebook is in exactly one hand-in, or was put there by staff."""
    entries = tuple(Entry(p, 0, lambda: pytest.fail("layout reads nothing")) for p in files)
    found = layout(Tree(entries, tuple(folders)), container=container)
    assert len({normalise_name(h.label.name) + str(h.label) for h in found.hand_ins}) == len(found.hand_ins)
    placed = sum(len(h.entries) for h in found.hand_ins)
    assert placed + len(found.ignored) == len(files)

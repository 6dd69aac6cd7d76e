"""Matching hand-ins to a roster: the right person or nobody."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from grader.intake import collect
from grader.intake.layout import Label, Source
from grader.intake.roster import Roster
from grader.model.submission import Student

from .build import by_name, keys, notebook, source, write, zipped

ANA = Student("ana", "Ana María Núñez Ibáñez", "8", "ana.nunez@example.com")
BOB = Student("bob", "Bob_Under O'Neil", "Participante9")
EVA = Student("eva-1", "Eva Gil", "10")
EVA_2 = Student("eva-2", "Eva Gil", "11")
JANE = Student("jane", "Jane Doe")
ROSTER = Roster([ANA, BOB, EVA, EVA_2, JANE])


def moodle(name: str, number: str | None, *, blind: bool = False) -> Label:
    return Label(name, Source.MOODLE, number, blind)


def plain(name: str) -> Label:
    return Label(name, Source.PLAIN)


@pytest.mark.parametrize(
    ("label", "key"),
    [
        (moodle("Ana María Núñez Ibáñez", "8"), "ana"),
        (moodle(unicodedata.normalize("NFD", "ana maría núñez ibáñez"), "8"), "ana"),
        (moodle("Núñez Ibáñez Ana María", "8"), "ana"),
        (moodle("Bob Under ONeil", "9"), "bob"),
        (moodle("Participant 8", "8", blind=True), "ana"),
        (moodle("Participante 9", "9", blind=True), "bob"),
        (moodle("Eva Gil", "10"), "eva-1"),
        (moodle("Eva Gil", "11"), "eva-2"),
        (moodle("Ana Núñez", "8"), "ana"),
        (Label("doejane", Source.CANVAS, "77"), "jane"),
        (Label("whoever", Source.CANVAS, "8"), "ana"),
        (plain("ana_maria_nunez_ibanez"), "ana"),
        (plain("Nunez Ibanez, Ana Maria"), "ana"),
        (plain("ANA"), "ana"),
        (plain("ana.nunez"), "ana"),
        (plain("ana.nunez@example.com"), "ana"),
    ],
)
def test_found(label: Label, key: str) -> None:
    """By the number, the name in any order and spelling, the key or the address."""
    match = ROSTER.match(label)
    assert match.student is not None
    assert (match.student.key, match.problem) == (key, None)


@pytest.mark.parametrize(
    ("label", "key"),
    [
        (moodle("Zoe Pi", "55"), "intake.not_in_roster_number"),
        (moodle("Participant 55", "55", blind=True), "intake.not_in_roster_number"),
        (moodle("Zoe Pi", "8"), "intake.roster_conflict"),
        (moodle("Eva Gil", None), "intake.not_in_roster"),
        (plain("Eva Gil"), "intake.not_in_roster"),
        (plain("practica"), "intake.not_in_roster"),
        (plain("8"), "intake.not_in_roster"),
    ],
)
def test_not_found(label: Label, key: str) -> None:
    """A stranger, a name that two people share, or a number that is somebody else's: nobody, and told."""
    match = ROSTER.match(label)
    assert match.student is None
    assert match.problem is not None
    assert match.problem.message.key == key


def test_the_name_wins_over_a_number_of_another_assignment() -> None:
    """Moodle numbers participants anew in each assignment."""
    match = ROSTER.match(moodle("Jane Doe", "8"))
    assert match.student is not None
    assert match.student.key == "jane"
    assert match.problem is not None
    assert match.problem.message.key == "intake.roster_conflict"


def test_a_number_that_was_missing_is_filled_in() -> None:
    """So that marks can be sent back to the LMS."""
    match = ROSTER.match(moodle("Jane Doe", "77"))
    assert match.student == Student("jane", "Jane Doe", "77")


def test_without_a_roster_nothing_is_said() -> None:
    """No roster, no complaint."""
    assert Roster([]).match(plain("ana")).problem is None


def test_who_handed_in_nothing_is_there(tmp_path: Path, scratch: Path) -> None:
    """Each student of the roster appears once; the absent say so, in order of name."""
    path = zipped(
        tmp_path / "c.zip",
        {
            "Ana María Núñez Ibáñez_8_assignsubmission_file/p.ipynb": notebook("ana = 1"),
            "Zoe Pi_55_assignsubmission_file/p.ipynb": notebook("zoe = 1"),
        },
    )
    found = collect(path, roster=[JANE, BOB, ANA], scratch=scratch)
    assert [s.student.key for s in found] == ["ana", "bob", "jane", "zoe-pi"]
    assert [keys(s.problems) for s in found] == [
        [],
        ["intake.absent"],
        ["intake.absent"],
        ["intake.not_in_roster_number"],
    ]
    assert [s.fatal is not None for s in found] == [False, True, True, False]


def test_one_document_is_no_class(tmp_path: Path, scratch: Path) -> None:
    """Grading a single notebook does not declare everybody else absent."""
    write(tmp_path, {"ana.ipynb": notebook("x = 1")})
    found = collect(tmp_path / "ana.ipynb", roster=[ANA, BOB], scratch=scratch)
    assert [s.student for s in found] == [ANA]


def test_hand_ins_of_one_student_come_together(tmp_path: Path, scratch: Path) -> None:
    """A file under the name and a folder under the key are one student's."""
    root = write(
        tmp_path,
        {
            "Nunez Ibanez, Ana Maria.ipynb": notebook("long_enough = 1"),
            "ana/utiles.py": b"x = 1",
            "bob.ipynb": b"",
        },
    )
    found = by_name(root, scratch, roster=(ANA, BOB))
    assert sorted(found) == [ANA.name, BOB.name]
    assert source(found[ANA.name]) == "long_enough = 1"
    assert found[ANA.name].other_files == ("utiles.py",)


def test_a_folder_named_like_a_student_is_no_wrapper(tmp_path: Path, scratch: Path) -> None:
    """The only student who handed in, with two parts in folders."""
    files = {"Jane Doe/1/a.ipynb": notebook("a = 1"), "Jane Doe/2/b.ipynb": notebook("bb = 1")}
    found = by_name(write(tmp_path, files), scratch, roster=(JANE,))
    assert list(found) == ["Jane Doe"]


def test_a_stranger_never_gets_a_roster_key(tmp_path: Path, scratch: Path) -> None:
    """Two people must not share a report's file name."""
    root = write(tmp_path, {"Eva 2.ipynb": notebook("x = 1")})
    found = collect(root, roster=[EVA_2], scratch=scratch)
    assert len({s.student.key for s in found}) == 2

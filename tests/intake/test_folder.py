"""Walking folders: nothing is followed out, nothing is opened that is no file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grader.intake.entry import Allowance, read
from grader.intake.folder import walk
from grader.intake.limits import IntakeLimits
from grader.model.errors import IntakeError

from .build import keys, notebook, one, write

LIMITS = IntakeLimits()
posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX links and FIFOs")


def paths(root: Path, limits: IntakeLimits = LIMITS) -> list[str]:
    return [entry.path for entry in walk(root, limits).entries]


def said(root: Path, limits: IntakeLimits = LIMITS) -> list[str]:
    return keys(tuple(problem for _, problem in walk(root, limits).problems))


def test_leftovers_of_tools_are_left_out(tmp_path: Path) -> None:
    """Hidden files, checkpoints, macOS stubs, environments and caches were not handed in."""
    write(
        tmp_path,
        dict.fromkeys(
            (
                "ana/p.ipynb",
                "ana/._p.ipynb",
                "ana/.ipynb_checkpoints/p-checkpoint.ipynb",
                "ana/__pycache__/m.pyc",
                "ana/venv/lib/a.py",
                "__MACOSX/ana/._p.ipynb",
                ".DS_Store",
                "Thumbs.db",
                "~$informe.docx",
            ),
            b"x",
        ),
    )
    assert paths(tmp_path) == ["ana/p.ipynb"]


@posix_only
def test_links_are_not_followed(tmp_path: Path) -> None:
    """Neither a link to a file nor to a folder; each is named."""
    secret = write(tmp_path / "secret", {"solution.ipynb": notebook("secret")})
    root = write(tmp_path / "class", {"ana/p.ipynb": b"x"})
    (root / "ana/solution.ipynb").symlink_to(secret / "solution.ipynb")
    (root / "ana/folder").symlink_to(secret)
    (root / "ana/nowhere.ipynb").symlink_to(root / "missing")
    assert paths(root) == ["ana/p.ipynb"]
    assert said(root) == ["intake.link_skipped"] * 3


@posix_only
def test_a_fifo_does_not_hang_us(tmp_path: Path) -> None:
    """A FIFO with a notebook's name is named and not opened."""
    root = write(tmp_path / "class", {"ana/p.ipynb": b"x"})
    os.mkfifo(root / "ana/q.ipynb")
    assert paths(root) == ["ana/p.ipynb"]
    assert said(root) == ["intake.special_skipped"]


@posix_only
@pytest.mark.parametrize("replacement", ["link", "fifo"])
def test_a_file_exchanged_after_the_listing_is_not_read(tmp_path: Path, replacement: str) -> None:
    """What was a file when listed and is a link or FIFO when opened is refused."""
    root = write(tmp_path / "class", {"p.ipynb": b"x"})
    (entry,) = walk(root, LIMITS).entries
    (root / "p.ipynb").unlink()
    if replacement == "link":
        (tmp_path / "secret").write_bytes(b"secret")
        (root / "p.ipynb").symlink_to(tmp_path / "secret")
    else:
        os.mkfifo(root / "p.ipynb")
    with pytest.raises(IntakeError) as caught:
        read(entry, 100, Allowance(100))
    assert caught.value.message.key == "intake.unreadable"


def test_caps_on_reading(tmp_path: Path) -> None:
    """A file above its cap, or above what is left for the student, is refused."""
    (entry,) = walk(write(tmp_path, {"p.ipynb": b"x" * 50}), LIMITS).entries
    with pytest.raises(IntakeError) as caught:
        read(entry, 49, Allowance(1000))
    assert caught.value.message.key == "intake.too_large"
    with pytest.raises(IntakeError) as caught:
        read(entry, 50, Allowance(49))
    assert caught.value.message.key == "intake.allowance_spent"
    assert read(entry, 50, Allowance(50)) == b"x" * 50


def test_a_file_that_grows_after_the_listing(tmp_path: Path) -> None:
    """The size in a listing is a claim; what is read is counted."""
    (entry,) = walk(write(tmp_path, {"p.ipynb": b"x"}), LIMITS).entries
    write(tmp_path, {"p.ipynb": b"x" * 50})
    with pytest.raises(IntakeError) as caught:
        read(entry, 49, Allowance(1000))
    assert caught.value.message.key == "intake.too_large"


def test_caps_on_walking(tmp_path: Path) -> None:
    """Too many files and folders too deep are told once each."""
    root = write(tmp_path, {f"a/{i}.ipynb": b"x" for i in range(6)} | {"b/" * 9 + "x.py": b"x"})
    assert len(paths(root, IntakeLimits(folder_files=4))) == 4
    assert said(root, IntakeLimits(folder_files=4)) == ["intake.folder_too_large"]
    assert said(root, IntakeLimits(folder_depth=3)) == ["intake.folder_too_deep"]


@posix_only
def test_names_that_are_no_utf8(tmp_path: Path, scratch: Path) -> None:
    """A name in Latin-1, as an old archive leaves it on disk, is shown readable and is read."""
    (tmp_path / os.fsdecode(b"Mu\xf1oz.ipynb")).write_bytes(notebook("x = 1"))
    submission = one(tmp_path, scratch)
    assert submission.student.name == "Muñoz"
    assert submission.document is not None

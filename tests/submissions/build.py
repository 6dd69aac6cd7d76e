"""Sample hand-ins as folders ready to be graded, among them those that cannot lie in git.

`build(slug, into)` writes the hand-in of one case, those written blind excepted, and returns its folder: the
folder of one student as Moodle's download has it, so that `into` is a class however many are built. Where a
case has a `cells.toml`, its notebook is the reference's solution with those exercises replaced. Cases whose `expected.toml` says `built = true` are made here, from a sound notebook of another case: a 50 MB file,
zip bombs, names that are no UTF-8, links. The same slug gives the same bytes each time.
`python build.py SLUG FOLDER` does it by hand.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import struct
import sys
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FOLDERS = ("broken", "hostile", "unusual", "lookalikes")
REFERENCE = HERE.parents[1] / "reference"
HALF = HERE / "broken" / "nombre-de-copia" / "practica (1).ipynb"
"""Sound work, half of it: what is left of a broken hand-in must earn what this earns."""
UNTRAINED = HERE / "hostile" / "honesta-sin-entrenar" / "practica.ipynb"
MIB = 2**20
EPOCH = (1980, 1, 1, 0, 0, 0)
UTF8_NAME = 0x800


class CannotBuild(Exception):
    """This file system or platform cannot hold the case."""


def slugs() -> tuple[str, ...]:
    """Every case, by the name of its folder; no two have the same."""
    return tuple(sorted(p.parent.name for folder in FOLDERS for p in (HERE / folder).glob("*/expected.toml")))


def case(slug: str) -> Path:
    """The folder of a case: its `expected.toml` and the files that lie in git."""
    for folder in FOLDERS:
        if (HERE / folder / slug / "expected.toml").is_file():
            return HERE / folder / slug
    raise KeyError(slug)


def build(slug: str, into: Path) -> Path:
    """Write the hand-in of a case into a new folder inside `into`, and return that folder.

    The student is called like the slug, but where the name itself is the attack.
    Raises CannotBuild where the platform has no such file names, links or pipes.
    """
    source = case(slug)
    student = STUDENTS.get(slug, slug.replace("-", " "))
    folder = into / f"{student}_{zlib.crc32(slug.encode()) % 10**6}_assignsubmission_file"
    try:
        folder.mkdir(parents=True)
        for file in sorted(source.iterdir()):
            if file.name not in {"expected.toml", "cells.toml"}:
                shutil.copyfile(file, folder / file.name)
        if (source / "cells.toml").is_file():
            (folder / "practica.ipynb").write_text(json.dumps(_changed(source)), encoding="utf-8")
        if slug in BUILDERS:
            BUILDERS[slug](folder)
    except (OSError, AttributeError, UnicodeError) as error:
        raise CannotBuild(f"{slug}: {error}") from error
    return folder


# -- the solution with other exercises ---------------------------------------------------------------


def _changed(source: Path) -> dict[str, Any]:
    """The reference's notebook with the exercises of `cells.toml` in place of its own."""
    practical = tomllib.loads((source / "expected.toml").read_text(encoding="utf-8"))["assignment"]
    notebook: dict[str, Any] = json.loads((REFERENCE / practical / "solution.ipynb").read_text("utf-8"))
    wanted = tomllib.loads((source / "cells.toml").read_text(encoding="utf-8"))
    theirs: dict[str, list[dict[str, Any]]] = {}
    for cell in notebook["cells"]:
        theirs.setdefault(_exercise(cell), []).append(cell)
    ours: dict[str, list[dict[str, Any]]] = {}
    for cell in wanted["cell"]:
        ours.setdefault(cell["exercise"], []).append(cell)
    notebook["cells"] = [
        cell
        for exercise, cells in theirs.items()
        if exercise not in wanted.get("leaves_out", [])
        for cell in (_replaced(exercise, cells, ours[exercise]) if exercise in ours else cells)
    ]
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = f"cell-{number}"
    return notebook


def _exercise(cell: dict[str, Any]) -> str:
    """Its number as the tag says it; "0" before the first."""
    tags = cell["metadata"].get("tags", [])
    return next((tag.partition(":")[2] for tag in tags if tag.startswith("exercise:")), "0")


def _replaced(exercise: str, theirs: list[dict[str, Any]], ours: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The heading, the new cells, and the solution's answers where there are no new ones."""
    code = [cell for cell in theirs if cell["cell_type"] == "code"]
    heading, *answers = [cell for cell in theirs if cell["cell_type"] == "markdown"] or [None]
    made = [dict(code[cell["same"]]) if "same" in cell else _cell(exercise, cell) for cell in ours]
    kept = [] if any("text" in cell for cell in ours) else answers
    return [*([heading] if heading else []), *made, *kept]


def _cell(exercise: str, cell: dict[str, Any]) -> dict[str, Any]:
    metadata = {"tags": [f"exercise:{exercise}"]} if exercise != "0" else {}
    if "text" in cell:
        return {"cell_type": "markdown", "metadata": metadata, "source": cell["text"].strip("\n")}
    code = {"cell_type": "code", "metadata": metadata, "source": cell["code"].strip("\n")}
    return code | {"outputs": [], "execution_count": None}


# -- files ------------------------------------------------------------------------------------------


def _large_output(folder: Path) -> None:
    """Progress lines of a real training, 50 MB of them, saved in the cell that trains."""
    notebook = json.loads(HALF.read_text(encoding="utf-8"))
    cell = next(c for c in notebook["cells"] if any(".fit(" in line for line in c["source"]))
    line = "1875/1875 ━━━━━━━━━━━━━━━━━━━━ 3s 2ms/step - accuracy: 0.8{:04} - loss: 0.4{:04}\n"
    size = len(line.encode())
    text = [line.format(n % 10_000, n % 9_973) for n in range(50 * MIB // size)]
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    with (folder / "practica.ipynb").open("w", encoding="utf-8") as file:
        json.dump(notebook, file, ensure_ascii=False)


def _png(folder: Path) -> None:
    """A grey picture of 1×1 pixel."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\x80")),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    (folder / "practica.ipynb").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def _windows_1252(folder: Path) -> None:
    text = HALF.read_text(encoding="utf-8")
    (folder / "practica.ipynb").write_bytes(text.encode("cp1252"))


def _undecodable_name(folder: Path) -> None:
    name = os.path.join(os.fsencode(folder), b"pr\xe1ctica.ipynb")
    with open(name, "wb") as file:
        file.write(HALF.read_bytes())


def _symbolic_link(folder: Path) -> None:
    (folder / "practica.ipynb").symlink_to(HALF)


def _fifo(folder: Path) -> None:
    os.mkfifo(folder / "practica.ipynb")


def _formula_names(folder: Path) -> None:
    shutil.copyfile(UNTRAINED, folder / "=HYPERLINK(A1)+cmd.ipynb")
    (folder / "+2+3.txt").write_text('=cmd|" /C calc"!A0\n', encoding="utf-8")
    (folder / "@SUM(A1).txt").write_text("-2+3\n", encoding="utf-8")


# -- archives ---------------------------------------------------------------------------------------


def _traps(folder: Path) -> None:
    """A sound notebook among members that lead out of the folder, a link, and a name used twice."""
    sound, older = HALF.read_bytes(), b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    members = [
        ("../fuera.ipynb", sound, 0o644),
        ("practica/../../fuera.txt", b"fuera", 0o644),
        ("/etc/absoluta.ipynb", sound, 0o644),
        ("C:\\Windows\\absoluta.txt", b"fuera", 0o644),
        ("enlace.ipynb", b"/etc/passwd", stat.S_IFLNK | 0o777),
        ("practica.ipynb", older, 0o644),
        ("practica.ipynb", sound, 0o644),
        ("__MACOSX/._practica.ipynb", b"\0" * 212, 0o644),
        ("-rf", b"", 0o644),
        ("con\nsalto.txt", b"nombre", 0o644),
        ("con-setuid.sh", b"#!/bin/sh\n", 0o4755),
    ]
    _zip(folder / "entrega.zip", iter(members))


def _bomb(folder: Path) -> None:
    _bomb_zip(folder / "entrega.zip", "datos.csv")
    with zipfile.ZipFile(folder / "entrega.zip", "a") as archive:
        archive.writestr(_member("practica.ipynb", 0o644), HALF.read_bytes())


def _bomb_alone(folder: Path) -> None:
    _bomb_zip(folder / "entrega.zip", "practica.ipynb")


def _bomb_zip(path: Path, name: str) -> None:
    """300 MiB of zeros in about 300 kB."""
    with zipfile.ZipFile(path, "w") as archive, archive.open(_member(name, 0o644), "w") as member:
        for _ in range(300):
            member.write(bytes(MIB))


def _old_windows_zip(folder: Path) -> None:
    """`práctica última.ipynb` in code page 850, with the flag for UTF-8 left out."""

    class Raw(zipfile.ZipInfo):
        def _encodeFilenameFlags(self) -> tuple[bytes, int]:
            return "práctica última.ipynb".encode("cp850"), self.flag_bits & ~UTF8_NAME

    info = Raw("practica.ipynb", EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(folder / "entrega.zip", "w") as archive:
        archive.writestr(info, HALF.read_bytes())


def _zip(path: Path, members: Iterator[tuple[str, bytes, int]]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data, mode in members:
            info = _member(name, mode)
            # ZipInfo tidies names up; an attacker's tool does not.
            info.filename = name
            _written(archive, info, data)


def _written(archive: zipfile.ZipFile, info: zipfile.ZipInfo, data: bytes) -> None:
    # A name used twice is what is wanted: zipfile warns of it.
    known = archive.NameToInfo.pop(info.filename, None)
    archive.writestr(info, data)
    if known is not None:
        archive.NameToInfo[info.filename] = info


def _member(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3  # Unix: the upper half of external_attr is a file mode
    info.external_attr = mode << 16
    return info


STUDENTS = {"formulas-de-hoja": "=HYPERLINK(A1) +cmd"}
BUILDERS: dict[str, Callable[[Path], None]] = {
    "salida-guardada-de-50-mb": _large_output,
    "png-renombrado": _png,
    "guardado-en-latin-1": _windows_1252,
    "nombre-no-utf8-en-disco": _undecodable_name,
    "enlace-simbolico": _symbolic_link,
    "tuberia": _fifo,
    "formulas-de-hoja": _formula_names,
    "zip-tramposo": _traps,
    "bomba-zip": _bomb,
    "bomba-zip-sola": _bomb_alone,
    "nombre-no-utf8-en-zip": _old_windows_zip,
}

if __name__ == "__main__":
    print(build(sys.argv[1], Path(sys.argv[2])))

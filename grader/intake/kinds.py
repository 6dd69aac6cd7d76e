"""What a file is by its name: a notebook, a module, an archive, or left behind by some tool."""

from __future__ import annotations

import re

_JUNK = frozenset(
    {
        "__macosx",
        "__pycache__",
        "node_modules",
        "site-packages",
        "venv",
        "thumbs.db",
        "desktop.ini",
    }
)


def is_junk(part: str) -> bool:
    """Whether a file or folder of this name is left out with all that is in it.

    Hidden names cover `.ipynb_checkpoints`, `.git`, `.DS_Store` and macOS's `._practica.ipynb` stubs,
    which have a notebook's name and 212 bytes of attributes in them.
    """
    return part.startswith((".", "~$")) or part.casefold() in _JUNK


_NOTEBOOK = re.compile(r"\.ipynb(\.(txt|json))?$", re.IGNORECASE)
"""Browsers save a notebook that is shown as text under `x.ipynb.txt` or `x.ipynb.json`."""
_PACKED = re.compile(r"\.(rar|7z|tar|tgz|tar\.gz|gz|bz2|xz)$", re.IGNORECASE)


def is_notebook(name: str) -> bool:
    return _NOTEBOOK.search(name) is not None


def is_module(name: str) -> bool:
    return name.casefold().endswith(".py")


def is_archive(name: str) -> bool:
    return name.casefold().endswith(".zip")


def is_foreign_archive(name: str) -> bool:
    """An archive that Python's library cannot read, or that is not worth the risk."""
    return _PACKED.search(name) is not None


def is_handed_in(name: str) -> bool:
    """Whether a file lying among a class's hand-ins is one of them (and not a list or a statement)."""
    return is_notebook(name) or is_module(name) or is_archive(name) or is_foreign_archive(name)


def stem(name: str) -> str:
    """A file's name without what tells its kind: `ana.ipynb.txt` and `ana.tar.gz` are both `ana`."""
    for pattern in (_NOTEBOOK, _PACKED):
        cut = pattern.sub("", name)
        if cut != name:
            return cut
    return name.rsplit(".", 1)[0] if "." in name.strip(".") else name

"""How much of a hand-in is read. Everything above a limit is named in a Problem, never dropped in silence."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """Caps against huge and hostile hand-ins. Sizes in bytes unless the name says otherwise."""

    document_bytes: int = 128 * MIB
    """One notebook or module. A notebook with 50 MB of saved outputs must still be read."""
    json_containers: int = 4_000_000
    """Objects and arrays in one notebook: `{}` costs Python some 25 times its size in the file."""
    json_quotes: int = 20_000_000
    """Twice the strings in one notebook; an empty one costs Python 50 bytes. Saved text of 50 MB in lines
    of ten characters stays below it."""
    archive_bytes: int = 4096 * MIB
    """The archive that the instructor names."""
    nested_archive_bytes: int = 512 * MIB
    """An archive inside a hand-in."""
    archive_members: int = 50_000
    archive_depth: int = 3
    """Archives inside archives, counted below the folder or archive that the instructor names."""
    archives: int = 50
    """Archives opened for one student."""
    inflated_bytes: int = 1024 * MIB
    """Bytes read for one student, all files and archives together."""
    bomb_ratio: int = 200
    bomb_bytes: int = 256 * MIB
    """A member that declares more than this and is packed tighter than `bomb_ratio` is a bomb. A loop
    that prints one line for an hour also packs 1,000 to 1, so the ratio alone proves nothing."""
    folder_files: int = 200_000
    folder_depth: int = 32
    candidates: int = 40
    """Notebooks, or modules, of one student that are looked into."""
    problems: int = 30
    """Problems listed for one student."""
    cells: int = 5_000
    cell_source_chars: int = 1_000_000
    output_chars: int = 20_000
    """Saved text kept of one output: its beginning and its end."""
    cell_outputs: int = 200
    document_output_chars: int = 2_000_000

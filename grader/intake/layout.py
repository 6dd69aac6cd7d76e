"""Who handed in what: from the paths of a folder or archive to one hand-in per student.

A pure function of paths. Only the parts that the LMS or the instructor wrote are read for names: a
student who names a file `Bob_9_assignsubmission_file_x.ipynb` must not hand in for Bob. So an LMS's
pattern counts at the level of the class alone, and there the leftmost mark is the LMS's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from grader.intake.entry import Entry, Parts, Tree
from grader.intake.kinds import is_handed_in, stem
from grader.intake.names import normalise_name
from grader.intake.text import for_people
from grader.model.submission import Problem

_MOODLE = re.compile(
    r"^(?P<name>.+?)(?:_(?P<id>\d+))?_assign(?P<sub>submission|feedback)_(?P<type>[a-z]+)(?:_(?P<file>.*))?$",
    re.DOTALL,
)
"""`<name>_<participant>_assignsubmission_<type>`, with `_<file>` in flat mode; a trailing `_` before
Moodle 4.1; no number for the default group of a team assignment (mod/assign/classes/downloader.php)."""
_BLIND = re.compile(r"^participante?$", re.IGNORECASE)
_CANVAS = re.compile(
    r"^(?P<name>\w+?)_(?:LATE_)?(?P<id>\d{2,})_(?:(?P<attachment>\d{3,})_(?P<file>.+)|(?P<text>text|link)\.html)$"
)
_CANVAS_ANONYMOUS = re.compile(r"^anon_(?:LATE_)?(?P<id>[A-Za-z0-9]{5})_(?P<attachment>\d{3,})_(?P<file>.+)$")
"""`<name>[_LATE]_<user>_<attachment>_<file>` (lib/content_zipper.rb). Numbers have at least 2 and 3
digits, so that a course's own `practica_1_2_ana.ipynb` is not read as user 1."""


class Source(StrEnum):
    """Who wrote the name of a hand-in."""

    MOODLE = "moodle"
    CANVAS = "canvas"
    PLAIN = "plain"
    """A file or folder name, by the instructor or the student."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a hand-in's name says about whose it is."""

    name: str
    source: Source
    lms_id: str | None = None
    blind: bool = False
    """The LMS hid the name: only the number says who it is."""

    @property
    def identity(self) -> tuple[str, str, str | None]:
        return self.source, normalise_name(self.name), self.lms_id


@dataclass(slots=True)
class HandIn:
    """All files of one student. `origin` is the folder or file they came in, for people."""

    label: Label
    origins: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return ", ".join(dict.fromkeys(self.origins))


@dataclass(frozen=True, slots=True)
class Layout:
    hand_ins: tuple[HandIn, ...]
    problems: tuple[Problem, ...]
    """Those that belong to nobody's hand-in."""
    ignored: tuple[str, ...]
    """Files beside the hand-ins that are none."""


def layout(tree: Tree, *, container: str, known: frozenset[str] = frozenset()) -> Layout:
    """Group a class's files by student.

    `container` is the name of the folder or archive without its ending; `known` are the roster's names,
    normalised: a folder of that name is a student's, not a wrapper.
    """
    tree = _unwrapped(tree, container, known)
    return _Grouping(tree, canvas=_is_canvas(tree)).layout()


def lms_export(tree: Tree) -> Tree | None:
    """The tree without wrappers when everything in it has a name that an LMS gave it, else None."""
    below = _all_wrapped(tree) or tree
    return below if below.entries and (_is_moodle(below) or _is_canvas(below)) else None


@dataclass(slots=True)
class _Grouping:
    tree: Tree
    canvas: bool
    found: dict[tuple[str, str, str | None], HandIn] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    def layout(self) -> Layout:
        for folder in self.tree.folders:
            if len(folder) == 1:
                self._hand_in(folder, is_folder=True)
        # Documents first: ana.csv is Ana's file when there is an ana.ipynb, and the class's otherwise.
        for entry in sorted(self.tree.entries, key=lambda e: not is_handed_in(e.name)):
            self._add(entry)
        orphans = [problem for parts, problem in self.tree.problems if not self._attach(parts, problem)]
        return Layout(tuple(self.found.values()), tuple(orphans), tuple(self.ignored))

    def _add(self, entry: Entry) -> None:
        label = self._label(entry.parts, is_folder=len(entry.parts) > 1)
        if label is None:
            return
        beside = label.source is Source.PLAIN and len(entry.parts) == 1 and not is_handed_in(entry.name)
        if beside and label.identity not in self.found:
            self.ignored.append(entry.path)
            return
        hand_in = self._hand_in(entry.parts, is_folder=len(entry.parts) > 1)
        if hand_in is not None:
            hand_in.entries.append(Entry(self._inner(entry.parts), entry.size, entry.open))

    def _hand_in(self, parts: Parts, *, is_folder: bool) -> HandIn | None:
        label = self._label(parts, is_folder=is_folder)
        if label is None:
            return None
        hand_in = self.found.setdefault(label.identity, HandIn(label))
        hand_in.origins.append(for_people(parts[0]))
        return hand_in

    def _attach(self, parts: Parts, problem: Problem) -> bool:
        """Give a refused file's problem to the hand-in it lies in, if there is one."""
        if not parts:
            return False
        label = self._label(parts, is_folder=len(parts) > 1)
        hand_in = self.found.get(label.identity) if label else None
        if hand_in is None and label is not None and _is_somebodys(label, parts, problem):
            # All that this student sent was refused: it is still a hand-in.
            hand_in = self._hand_in(parts, is_folder=len(parts) > 1)
        if hand_in is not None:
            hand_in.problems.append(problem)
        return hand_in is not None

    def _label(self, parts: Parts, *, is_folder: bool) -> Label | None:
        """None for what the staff put there: Moodle's folders of feedback."""
        found = _MOODLE.match(parts[0])
        if found:
            return None if found["sub"] == "feedback" else _moodle_label(found["name"], found["id"])
        canvas = _canvas(parts[0]) if self.canvas and not is_folder else None
        if canvas:
            blind = "name" not in canvas.groupdict()
            return Label("anon" if blind else canvas["name"], Source.CANVAS, canvas["id"], blind)
        return Label(for_people(parts[0] if is_folder else stem(parts[0])), Source.PLAIN)

    def _inner(self, parts: Parts) -> Parts:
        """The path as the student knows it: without the folder or prefix that the LMS added."""
        if len(parts) > 1:
            return parts[1:]
        found = _MOODLE.match(parts[0]) or (_canvas(parts[0]) if self.canvas else None)
        return (found["file"] or parts[0],) if found else parts


def _is_somebodys(label: Label, parts: Parts, problem: Problem) -> bool:
    if label.source is not Source.PLAIN:
        return True
    # `../x.ipynb` lies in nobody's folder, whatever is left of its path.
    return is_handed_in(parts[-1]) and problem.message.key != "intake.member_outside"


def _moodle_label(name: str, number: str | None) -> Label:
    blind = _BLIND.match(name) is not None and number is not None
    return Label(f"{name} {number}" if blind else for_people(name), Source.MOODLE, number, blind)


def _canvas(name: str) -> re.Match[str] | None:
    return _CANVAS_ANONYMOUS.match(name) or _CANVAS.match(name)


def _is_canvas(tree: Tree) -> bool:
    """Canvas's archives are flat, and every file in them has the pattern and its own attachment number."""
    if not tree.entries or tree.folders or any(len(entry.parts) > 1 for entry in tree.entries):
        return False
    found = [_canvas(entry.name) for entry in tree.entries]
    numbers = [match["attachment"] for match in found if match and match["attachment"]]
    return all(found) and len(set(numbers)) == len(numbers)


def _is_moodle(tree: Tree) -> bool:
    return all(_MOODLE.match(name) for name in _top(tree))


def _top(tree: Tree) -> frozenset[str]:
    return frozenset(parts[0] for parts in _all_parts(tree))


def _all_parts(tree: Tree) -> Iterable[Parts]:
    yield from (entry.parts for entry in tree.entries)
    yield from tree.folders


def _below(tree: Tree) -> Tree:
    """The tree without the first folder of every path."""
    return Tree(
        tuple(Entry(e.parts[1:], e.size, e.open) for e in tree.entries if len(e.parts) > 1),
        tuple(parts[1:] for parts in tree.folders if len(parts) > 1),
        tuple((parts[1:], problem) for parts, problem in tree.problems),
    )


def _all_wrapped(tree: Tree) -> Tree | None:
    """What lies in the top folders when all of them hold nothing but an LMS's names.

    One folder in ten that looks so is no wrapper: it is a student who would hand in for others.
    """
    while tree.entries and all(len(entry.parts) > 1 for entry in tree.entries) and not _is_moodle(tree):
        tree = _below(tree)
        if _is_moodle(tree):
            return tree
    return None


def _unwrapped(tree: Tree, container: str, known: frozenset[str]) -> Tree:
    """Without the folders that unpacking and re-packing put around a class."""
    if _is_moodle(tree):
        return tree
    moodle = _all_wrapped(tree)
    if moodle is not None:
        return moodle
    while (below := _without_wrapper(tree, container, known)) is not None:
        tree = below
    return tree


def _without_wrapper(tree: Tree, container: str, known: frozenset[str]) -> Tree | None:
    top = _top(tree)
    below = _below(tree)
    if len(top) != 1 or len(below.entries) != len(tree.entries) or not below.entries:
        return None
    (name,) = top
    if normalise_name(name) in known:
        return None
    named_alike = normalise_name(name) == normalise_name(container)
    return below if named_alike or _is_canvas(below) or _looks_like_class(below) else None


def _looks_like_class(tree: Tree) -> bool:
    """Several folders with documents in each and none beside them."""
    loose = [e for e in tree.entries if len(e.parts) == 1 and is_handed_in(e.name)]
    with_documents = {e.parts[0] for e in tree.entries if len(e.parts) > 1 and is_handed_in(e.name)}
    return not loose and len(with_documents) > 1

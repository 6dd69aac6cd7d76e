"""Whose hand-in is it: matching what an LMS or a file name says to the students of a roster.

Marks must never go to the wrong person, so each rule needs exactly one student who fits, and two rules
that disagree are told to the instructor.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from grader.intake.layout import Label, Source
from grader.intake.names import loose_name, normalise_name, squeezed_names
from grader.intake.text import for_people
from grader.model.submission import Problem, Severity, Student
from grader.model.text import Message

Index = Mapping[str, Student]


@dataclass(frozen=True, slots=True)
class Match:
    """The student found, if any, and what the instructor must be told."""

    student: Student | None
    problem: Problem | None = None


class Roster:
    """A course's students, indexed by all that a hand-in may be named by."""

    def __init__(self, students: Sequence[Student]) -> None:
        self.students = tuple(students)
        self.names = frozenset(normalise_name(s.name) for s in students)
        self._by_id = _index(students, lambda s: [_number(s.lms_id)] if s.lms_id else [])
        self._by_plain = tuple(
            _index(students, of)
            for of in (
                lambda s: [normalise_name(s.name)],
                lambda s: [s.key.casefold()],
                lambda s: [s.email.casefold(), s.email.casefold().split("@")[0]] if s.email else [],
                lambda s: [loose_name(s.name)],
            )
        )
        self._by_squeezed = _index(students, lambda s: squeezed_names(s.name))

    def match(self, label: Label) -> Match:
        """The one student this label means. Without a roster nobody, and nothing is said."""
        if not self.students:
            return Match(None)
        by_id = self._by_id.get(_number(label.lms_id)) if label.lms_id else None
        by_name = None if label.blind else self._named(label)
        found = by_name or by_id
        if found is None:
            key = "intake.not_in_roster_number" if label.lms_id else "intake.not_in_roster"
            return Match(None, _said(key, label))
        if by_id is not None and not label.blind and by_id != found:
            # A participant number of another assignment: the name is right, the number is somebody else's.
            return Match(found, _said("intake.roster_conflict", label, other=by_id.name))
        if by_name is None and not label.blind and not _share_a_word(label, found):
            return Match(None, _said("intake.roster_conflict", label, other=found.name))
        return Match(replace(found, lms_id=found.lms_id or label.lms_id), None)

    def _named(self, label: Label) -> Student | None:
        if label.source is Source.CANVAS:
            return self._by_squeezed.get(label.name.casefold())
        name = label.name
        exact, key, email, loose = self._by_plain
        found = exact.get(normalise_name(name)) or loose.get(loose_name(name))
        if found is None and label.source is Source.PLAIN:
            found = key.get(name.casefold()) or email.get(name.casefold())
        return found


def _index(students: Iterable[Student], keys: Callable[[Student], Iterable[str]]) -> Index:
    """Students by key; a key that two students share means neither."""
    found: dict[str, set[Student]] = defaultdict(set)
    for student in students:
        for key in keys(student):
            found[key].add(student)
    return {key: next(iter(those)) for key, those in found.items() if key and len(those) == 1}


def _number(lms_id: str | None) -> str:
    """The number in `8`, `Participant 8` and `Participante8`; other ids as they are."""
    text = (lms_id or "").strip()
    found = re.fullmatch(r"(?:participante?\s?)?(\d+)", text, re.IGNORECASE)
    return found[1].lstrip("0") or "0" if found else text


def _share_a_word(label: Label, student: Student) -> bool:
    if label.source is Source.CANVAS:
        # Canvas runs the words together; its number is the user's own and the same in every assignment.
        return True
    return bool(set(loose_name(label.name).split()) & set(loose_name(student.name).split()))


def _said(key: str, label: Label, **more: str) -> Problem:
    args = {"name": for_people(label.name), "id": label.lms_id or "-"}
    return Problem(Severity.WARNING, Message(key, {**args, **more}))

"""Finding what somebody typed: a student by key or name, a check; and what they may have meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from grader.intake.names import loose_name
from grader.model.assignment import Assignment, Check
from grader.model.errors import UsageError

if TYPE_CHECKING:
    from grader.gradebook.values import Entry


def near(word: str, known: Iterable[str]) -> str:
    """The closest of the known words, at most three; "" when none comes near."""
    by_folded = {k.casefold(): k for k in known}
    return ", ".join(by_folded[k] for k in get_close_matches(word.casefold(), by_folded, 3, 0.55))


def refused(key: str, word: str, among: Sequence[str], /, **args: str) -> UsageError:
    """An error about a word that is not known; `key`.near where something known comes near."""
    meant = near(word, among)
    return UsageError(f"{key}.near", near=meant, **args) if meant else UsageError(key, **args)


def find_entry(entries: Iterable[Entry], wanted: str, assignment: str | None, book: Path) -> Entry:
    """The one line of the gradebook that a key or a name means.

    Raises:
        UsageError: nobody, or several people, or one person with several practicals and none named.
    """
    own = [e for e in entries if e.assignment and assignment in {None, e.assignment}]
    found = _of(own, wanted)
    if not found:
        known = [word for e in own for word in dict.fromkeys((e.student, e.name))]
        raise refused("cli.no_such_student", wanted, known, student=wanted, book=str(book))
    people = {e.student: e.name for e in found}
    if len(people) > 1:
        names = ", ".join(f"{name} ({key})" for key, name in people.items())
        raise UsageError("cli.several_students", student=wanted, names=names)
    if len(found) > 1:
        practicals = ", ".join(e.assignment for e in found)
        raise UsageError("cli.which_assignment", student=found[0].name, known=practicals)
    return found[0]


def _of(entries: Sequence[Entry], wanted: str) -> list[Entry]:
    """By key; else by the whole name, accents and case aside; else by some words of it."""
    by_key = [e for e in entries if e.student == wanted]
    if by_key:
        return by_key
    whole = loose_name(wanted)
    by_name = [e for e in entries if loose_name(e.name) == whole]
    words = set(whole.split())
    return by_name or [e for e in entries if words and words <= set(loose_name(e.name).split())]


def find_check(assignment: Assignment, wanted: str) -> Check:
    """The check of that id. Raises UsageError with those that come near, or all of them."""
    known = {check.id: check for check in assignment.checks}
    if wanted in known:
        return known[wanted]
    more = {"check": wanted, "assignment": assignment.id, "known": ", ".join(known)}
    raise refused("cli.no_such_check", wanted, list(known), **more)

"""The order in which people look for a name."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from grader.model.outcome import Outcome


def name_key(name: str) -> tuple[str, str]:
    """Accents and case do not count ("Ávila" stands beside "Avila"), except between equals; ñ follows n."""
    # U+10FFFF sorts after every letter: "Nuño" comes after "Nunoz".
    marked = unicodedata.normalize("NFC", name).casefold().replace("ñ", "n\U0010ffff")
    bare = "".join(c for c in unicodedata.normalize("NFKD", marked) if not unicodedata.combining(c))
    return bare, name


def by_name(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Outcomes by student's name, then by practical."""
    return sorted(
        outcomes,
        key=lambda o: (
            name_key(o.submission.student.name),
            o.submission.student.key,
            o.assignment.id if o.assignment else "",
        ),
    )

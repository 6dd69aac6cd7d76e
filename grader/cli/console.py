"""Where the command line prints, and in which language it speaks for itself."""

from __future__ import annotations

import locale
import os

from rich.console import Console

from grader.model.text import Language

stdout = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)


_spoken: list[Language] = []


def speak(said: Language) -> None:
    """From now on, errors and questions are in the language of the course (or the one asked for)."""
    _spoken[:] = [said]


def language() -> Language:
    """The language of our own errors: the course's where one is known, else GRADER_LANGUAGE, else the
    system's, Spanish when none says."""
    if _spoken:
        return _spoken[0]
    told = os.environ.get("GRADER_LANGUAGE") or os.environ.get("LANG") or (locale.getlocale()[0] or "")
    return "en" if told.casefold().startswith(("en", "c.", "c", "posix")) else "es"

"""Where the command line prints, and in which language it speaks for itself."""

from __future__ import annotations

import locale
import os

from rich.console import Console

from grader.model.text import Language

stdout = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)


def language() -> Language:
    """The language of our own errors: GRADER_LANGUAGE, else the system's, Spanish when neither says."""
    told = os.environ.get("GRADER_LANGUAGE") or os.environ.get("LANG") or (locale.getlocale()[0] or "")
    return "en" if told.casefold().startswith(("en", "c.", "c", "posix")) else "es"

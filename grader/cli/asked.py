"""What commands were asked for, before any work: which course, in which language, into which folder."""

from __future__ import annotations

from pathlib import Path

from grader.cli.console import speak
from grader.course import Course, find_course
from grader.model.errors import UsageError
from grader.model.text import LANGUAGES, Language

OUT = Path("grades")


def course_of(explicit: Path | None) -> Course:
    """The course, whose language errors are in from now on."""
    found = find_course(explicit)
    speak(found.language)
    return found


def spoken(wanted: str | None, course: Course) -> Language:
    """The language asked for, else the course's; errors are in it from now on."""
    for language in LANGUAGES:
        if language == (wanted or course.language):
            speak(language)
            return language
    raise UsageError("cli.bad_language", language=str(wanted))


def usable(out: Path) -> None:
    """Make the output folder. Raises UsageError when something else is there, or it cannot be made."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError("cli.out_not_folder", out=str(out)) from None
    except OSError as error:
        raise UsageError("cli.out_unusable", out=str(out), why=error.strerror or str(error)) from error

"""One base class of everything we raise on purpose; words and exit status are the CLI's."""

from __future__ import annotations

from grader.model.text import Message


class GraderError(Exception):
    """Base of our errors. `message` names the culprit and the remedy."""

    def __init__(self, key: str, /, **args: str | int | float) -> None:
        self.message = Message(key, args)
        super().__init__(f"{key} {args}" if args else key)


class CourseError(GraderError):
    """A course folder, assignment or expected value is missing or wrong."""


class IntakeError(GraderError):
    """A hand-in cannot be read."""


class EvidenceError(GraderError):
    """Bytes from a sandbox that are not evidence."""


class ExecutionError(GraderError):
    """Ours: the sandbox could not be started or did not answer."""


class UsageError(GraderError):
    """The command line asks for something that cannot be."""

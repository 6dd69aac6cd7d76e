"""What can go wrong at the border to a platform."""

from __future__ import annotations

from grader.model.errors import GraderError


class LmsError(GraderError):
    """A platform's file cannot be read, or there is no result that may be sent to it."""

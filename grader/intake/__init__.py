"""Intake: what people hand in, from an LMS's download or a folder, to Submissions. Nothing is run."""

from grader.intake.collect import collect, collect_one
from grader.intake.limits import IntakeLimits
from grader.intake.names import normalise_name, student_key

__all__ = ["IntakeLimits", "collect", "collect_one", "normalise_name", "student_key"]

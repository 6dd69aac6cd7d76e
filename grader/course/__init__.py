"""Courses: a folder with `assignments/` and `reference/`, and a `course.toml`."""

from grader.course.course import Course, Loaded, find_course

__all__ = ["Course", "Loaded", "find_course"]

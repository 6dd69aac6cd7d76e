"""The `grade` command: words and exit statuses are made here, and nowhere below."""

from grader.cli.app import main

__all__ = ["main"]

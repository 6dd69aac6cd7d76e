"""A grader of deep-learning practicals: evidence from a sandbox, judged outside it."""

__version__ = "0.1.0"

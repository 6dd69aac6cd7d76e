"""Facts recomputed without the student's code: models rebuilt, weighed and retrained in a clean sandbox."""

"""Checks: pure functions (evidence, expected) -> CheckResult. No files, clock, kernel or randomness."""

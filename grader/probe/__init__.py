"""Injected beside the student's code. It depends on nothing of ours and knows no expected value."""

VERSION = 5
"""Changes with whatever the probe records: evidence of another version is collected anew."""

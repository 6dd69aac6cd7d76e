"""Facts recomputed without the student's code: models rebuilt, weighed and retrained in a clean sandbox."""

from pathlib import Path

WORKER = Path(__file__).parent / "worker.py"
"""The program that runs in the clean sandbox."""

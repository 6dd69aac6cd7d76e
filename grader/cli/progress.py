"""What is seen while a class is graded: per submission its stage, elapsed time and verdict so far."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from grader.cli.console import stderr
from grader.messages import render
from grader.model.outcome import Outcome
from grader.model.submission import Submission
from grader.model.text import Language, Message
from grader.pipeline import Step
from grader.report import clean
from grader.report.words import Words


class Display:
    """A live list of the submissions at work over a bar of the whole class; plain when not a terminal."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[stage]}"),
            TimeElapsedColumn(),
            console=stderr,
            transient=True,
        )
        self._all: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._progress.stop()

    def expect(self, submissions: Sequence[Submission]) -> None:
        self._names = {s.student.key: clean.line(s.student.name, 30) for s in submissions}
        self._all = self._progress.add_task(self._say("cli.progress.class"), total=len(submissions), stage="")

    def step(self, step: Step) -> None:
        """Called from the grading threads."""
        with self._lock:
            if step.stage == "done":
                self._done(step)
                return
            if step.student not in self._tasks:
                name = self._names.get(step.student, step.student)
                self._tasks[step.student] = self._progress.add_task(f"  {name}", total=None, stage="")
            stage = self._say(f"cli.progress.{step.stage}")
            total = step.total or None
            self._progress.update(self._tasks[step.student], completed=step.at, total=total, stage=stage)

    def _done(self, step: Step) -> None:
        task = self._tasks.pop(step.student, None)
        if task is not None:
            self._progress.remove_task(task)
        if self._all is not None:
            self._progress.update(self._all, advance=1, stage=self._remaining(step.remaining))
        if step.outcome is not None and not step.outcome.reused:
            name = self._names.get(step.student, step.student)
            self._progress.console.print(f"  {name}: {self._verdict(step.outcome)}", markup=False)

    def _remaining(self, seconds: float | None) -> str:
        if seconds is None or seconds < 1:
            return ""
        minutes = math.ceil(seconds / 60)
        key = "cli.progress.minutes" if minutes > 1 else "cli.progress.seconds"
        return render(Message(key, {"minutes": minutes, "seconds": math.ceil(seconds)}), self._language)

    def _verdict(self, outcome: Outcome) -> str:
        if outcome.grade is None:
            return self._say(f"report.state.{outcome.state}")
        grade, words = outcome.grade, Words(self._language)
        points = words.say(
            "cli.progress.points", earned=words.points(grade.earned), gradable=words.points(grade.gradable)
        )
        waiting = (
            words.say("cli.progress.pending", points=words.points(grade.pending)) if grade.pending else ""
        )
        return f"{points} {waiting}".strip()

    def _say(self, key: str) -> str:
        return render(Message(key), self._language)

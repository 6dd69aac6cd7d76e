"""Grades a class: for each submission evidence (kept or collected), verdicts, points, gradebook."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import msgspec

from grader.checks.accuracy import RETRAININGS
from grader.collect import Bench, Collected
from grader.course import Course, Loaded
from grader.course.recognise import recognise
from grader.data import Served
from grader.evidence.store import EvidenceStore, Inputs
from grader.gradebook.book import Gradebook
from grader.gradebook.run import Run
from grader.gradebook.values import Basis, HandMark, Stored
from grader.model.budget import BUDGETS, Level
from grader.model.errors import ExecutionError, GraderError
from grader.model.evidence import SCHEMA, Ended, Evidence
from grader.model.expected import Expected
from grader.model.outcome import Outcome, State
from grader.model.result import CheckResult
from grader.model.submission import CellKind, Problem, Severity, Submission
from grader.model.text import Message
from grader.probe import VERSION as PROBE_VERSION
from grader.schedule import THREADS, Admission, Estimate, Pool, Task, Threads, costs
from grader.scoring.marks import with_marks
from grader.scoring.score import grade, judge, judge_again, nothing, settled
from grader.verification.rebuild import Rebuilder, RetrainPlan

log = logging.getLogger(__name__)

MORE = 4
"""Times the rows of the first retraining that the second uses."""
RETRAIN_SEED = 20_000
ABSENT = "intake.absent"
"""What intake says of those who handed in nothing."""
FRAMEWORKS = ("tensorflow", "keras", "torch", "numpy", "scikit-learn")


@dataclass(frozen=True, slots=True)
class Step:
    """Where one submission stands, for the progress display: `at` of `total` code cells begun."""

    student: str
    stage: str
    """running, verifying, judging or done."""
    at: int = 0
    total: int = 0
    outcome: Outcome | None = None
    remaining: float | None = None
    """Seconds that the rest of the class is expected to take, once something tells."""


@dataclass(frozen=True, slots=True)
class Settings:
    level: Level = Level.QUICK
    seed: int = 1
    workers: int = 2
    assignment: str | None = None
    """Id of the assignment, when it is not to be recognised."""
    fresh: bool = False
    """Collect evidence anew even when there is some."""
    retry_stopped: bool = False
    """Collect anew what a limit of clock, memory or output cut short: the limits are others now."""
    absent_from: str | None = None
    """Id of the practical that those on the roster who handed in nothing are missing from, where known."""


@dataclass(frozen=True)
class Grader:
    """Grades submissions of one course into one gradebook.

    `served` finds a dataset by name (cheap once it was prepared); `bench` makes the sandbox for it and is
    asked only when something has to run.
    """

    course: Course
    book: Gradebook
    store: EvidenceStore
    served: Callable[[str], Served]
    bench: Callable[[str], Bench]
    settings: Settings = Settings()
    notify: Callable[[Step], None] = lambda step: None
    pool: Pool | None = None
    """What runs the submissions; None: threads of this process."""
    admission: Admission = field(default_factory=Admission)
    stop: threading.Event = field(default_factory=threading.Event)
    """Once set, nothing more is written down: what is still running was killed, and is no student's fault."""

    def grade(self, run: Run, submissions: Sequence[Submission]) -> Iterator[Outcome]:
        """Outcomes as they are reached. One bad submission never stops the others.

        All are recorded first: should this be interrupted, a regrade knows who is still missing.
        """
        for submission in submissions:
            run.record_submission(submission, self.recognised(submission))
        tasks = self._tasks(run, submissions)
        pool = self.pool or Threads(self.settings.workers, THREADS, self.stop)
        yield from pool.results(tasks)

    def _tasks(self, run: Run, submissions: Sequence[Submission]) -> list[Task[Outcome]]:
        """One for each submission, with what it is expected to take."""
        expected = costs([self._known(s) for s in submissions], [_size(s) for s in submissions])
        estimate = Estimate(sum(expected))
        return [
            Task(partial(self._safely, run, submission, cost, estimate), cost)
            for submission, cost in zip(submissions, expected, strict=True)
        ]

    def _known(self, submission: Submission) -> float | None:
        """Seconds this hand-in's grading takes, as far as the gradebook tells: 0 when it is done already."""
        loaded = self._assignment(submission)
        if loaded is None or submission.document is None:
            return 0.0
        basis, key = self.basis(submission, loaded), submission.student.key
        try:
            kept = self._kept(basis) is not None
        except GraderError:
            kept = False  # told when its turn comes
        if kept and self.book.is_done(key, loaded.assignment.id, basis):
            return 0.0
        return self.book.seconds(key, loaded.assignment.id)

    def _safely(self, run: Run, submission: Submission, cost: float, estimate: Estimate) -> Outcome:
        started = time.monotonic()
        try:
            outcome = self._grade_one(run, submission)
        except GraderError as error:
            outcome = self._failed(submission, error.message)
        except Exception as error:
            log.exception("grading %s failed", submission.student.key)
            outcome = self._failed(submission, Message("pipeline.crashed", {"why": type(error).__name__}))
        if not outcome.reused:
            outcome = replace(outcome, seconds=time.monotonic() - started)
        estimate.finished(cost)
        self.notify(Step(submission.student.key, "done", outcome=outcome, remaining=estimate.remaining()))
        return outcome

    def _failed(self, submission: Submission, why: Message) -> Outcome:
        problems = (*submission.problems, Problem(Severity.FATAL, why))
        id = self.recognised(submission)
        assignment = self.course.load(id).assignment if id else None
        return Outcome(submission, assignment, State.FAILED, self.settings.level, problems=problems)

    def _grade_one(self, run: Run, submission: Submission) -> Outcome:
        loaded = self._assignment(submission)
        run.record_submission(submission, loaded.assignment.id if loaded else "")
        if loaded is None or submission.document is None:
            return self._without_work(run, submission, loaded)
        basis = self.basis(submission, loaded)
        key = submission.student.key
        evidence = self._kept(basis)
        if evidence is not None and self.book.is_done(key, loaded.assignment.id, basis):
            return self.outcome(self.book.load(key, loaded.assignment.id), loaded, evidence)
        problems = submission.problems
        if evidence is None:
            collected = self._collect(submission, loaded, basis)
            self._go_on()
            evidence = collected.evidence
            problems += tuple(Problem(Severity.WARNING, note) for note in collected.notes)
        if evidence.ended is Ended.FAILED:
            return Outcome(
                submission, loaded.assignment, State.FAILED, self.settings.level, problems=problems
            )
        self.notify(Step(submission.student.key, "judging"))
        journal = partial(self._journal, run, key, loaded, basis)
        results, evidence = self._judge(loaded, evidence, basis, journal)
        self._go_on()
        outcome = self._score(submission, loaded, results, evidence, problems)
        run.finish(outcome, basis)
        return _marked(outcome, self.book.marks(key, loaded.assignment.id))

    def _go_on(self) -> None:
        """Raises ExecutionError once grading was interrupted: a kernel that we killed proves nothing."""
        if self.stop.is_set():
            raise ExecutionError("pipeline.interrupted")

    def recognised(self, submission: Submission) -> str:
        """Id of the practical that a submission belongs to, "" when nothing tells."""
        loaded = self._assignment(submission)
        return loaded.assignment.id if loaded else ""

    def _assignment(self, submission: Submission) -> Loaded | None:
        """What to grade against; None when nothing tells (and no id was given)."""
        if self.settings.assignment is not None:
            return self.course.load(self.settings.assignment)
        if submission.document is None:
            fatal, absent_from = submission.fatal, self.settings.absent_from
            absent = fatal is not None and fatal.message.key == ABSENT
            return self.course.load(absent_from) if absent and absent_from else None
        known = {loaded.assignment.id: loaded for loaded in self.course}
        found = recognise(submission.document, (loaded.assignment for loaded in known.values()))
        if found is None and len(known) == 1:
            return next(iter(known.values()))
        return known[found.id] if found else None

    def _without_work(self, run: Run, submission: Submission, loaded: Loaded | None) -> Outcome:
        """An absent or unreadable hand-in, or one that belongs to no assignment we know."""
        problems = submission.problems
        fatal = submission.fatal
        if fatal is None:
            name = submission.document.path if submission.document else submission.origin
            fatal = Problem(Severity.FATAL, Message("course.unrecognised", {"file": name}))
            problems = (*problems, fatal)
        absent = fatal.message.key == ABSENT
        given = None
        if loaded is not None and not absent:
            given = nothing(loaded.assignment, fatal.message)
        outcome = Outcome(
            submission,
            loaded.assignment if loaded else None,
            State.ABSENT if absent else State.UNREADABLE,
            self.settings.level,
            given,
            problems=problems,
        )
        run.finish(
            outcome, Basis(submission.digest, "", loaded.digest if loaded else "", self.settings.level)
        )
        return outcome

    def basis(self, submission: Submission, loaded: Loaded) -> Basis:
        """What the grade of this hand-in rests on: the same basis gives the same grade."""
        data = self.served(loaded.assignment.data)
        inputs = Inputs(
            submission=submission.digest,
            assignment=loaded.assignment.id,
            budget=BUDGETS[self.settings.level],
            data=data.fingerprint,
            seed=self.settings.seed,
            probe=PROBE_VERSION,
            plan=str(SCHEMA),
            versions=versions(),
        )
        return Basis(submission.digest, inputs.key, loaded.digest, self.settings.level)

    def _kept(self, basis: Basis) -> Evidence | None:
        """Evidence of an earlier run that still serves."""
        kept = None if self.settings.fresh else self.store.get(basis.evidence)
        return None if kept and kept.cut_short and self.settings.retry_stopped else kept

    def _collect(self, submission: Submission, loaded: Loaded, basis: Basis) -> Collected:
        assert submission.document is not None
        student = submission.student.key

        def on_cell(begun: int, total: int) -> None:
            self.notify(Step(student, "running", begun, total))

        bench = self.bench(loaded.assignment.data)
        self.notify(Step(student, "running"))
        with self.admission:
            collected = bench.collect(
                loaded.assignment.id,
                submission.document,
                on_cell,
                lambda: self.notify(Step(student, "verifying")),
            )
            self.admission.learn(collected.peak_bytes)
        if collected.evidence.ended is Ended.FAILED or self.stop.is_set():
            return collected
        return replace(collected, evidence=self.store.put(basis.evidence, collected.evidence))

    def _judge(
        self,
        loaded: Loaded,
        evidence: Evidence,
        basis: Basis,
        reached: Callable[[tuple[CheckResult, ...]], None],
    ) -> tuple[tuple[CheckResult, ...], Evidence]:
        bench = self.bench
        results, grown = retrained(loaded, evidence, lambda: bench(loaded.assignment.data).rebuilder, reached)
        if grown is not evidence and not self.stop.is_set():
            grown = self.store.put(basis.evidence, grown)
        return results, grown

    def _journal(
        self, run: Run, student: str, loaded: Loaded, basis: Basis, results: tuple[CheckResult, ...]
    ) -> None:
        decided = [result for result in results if result.wants_retraining is None]
        for exercise in grade(loaded.assignment, decided).exercises:
            run.journal(student, loaded.assignment.id, basis, exercise.exercise, exercise.scored)

    def _score(
        self,
        submission: Submission,
        loaded: Loaded,
        results: tuple[CheckResult, ...],
        evidence: Evidence,
        problems: tuple[Problem, ...],
    ) -> Outcome:
        given = grade(loaded.assignment, results)
        return Outcome(submission, loaded.assignment, State.GRADED, evidence.level, given, evidence, problems)

    # -- without running anything -----------------------------------------------------------------

    def outcome(self, stored: Stored, loaded: Loaded | None, evidence: Evidence | None) -> Outcome:
        """What the gradebook holds of a finished grading."""
        # Checks that an interrupted run had reached are no grade.
        given = with_marks(stored.grade, _points(stored.marks)) if stored.state and stored.grade else None
        return Outcome(
            stored.submission,
            loaded.assignment if loaded else None,
            stored.state or State.UNFINISHED,
            stored.basis.level if stored.basis else self.settings.level,
            given,
            evidence,
            stored.problems,
            reused=True,
            seconds=stored.seconds,
        )

    def whole(self, outcomes: Sequence[Outcome] = ()) -> list[Outcome]:
        """These outcomes, and all else that the gradebook holds: what reports are made from."""
        here = {(o.submission.student.key, o.assignment.id if o.assignment else "") for o in outcomes}
        entries = self.book.entries()
        somewhere = {entry.student for entry in entries if entry.assignment}
        others = [
            self.kept(entry.student, entry.assignment)
            for entry in entries
            if (entry.student, entry.assignment) not in here
            # Missing from a class whose practical was not known then: another entry says more.
            and not (not entry.assignment and entry.state is State.ABSENT and entry.student in somewhere)
        ]
        return [*outcomes, *others]

    def kept(self, student: str, assignment: str) -> Outcome:
        """What the gradebook and the evidence store hold of one student's work."""
        stored = self.book.load(student, assignment)
        return self.outcome(stored, self._loaded(assignment), self._evidence_of(stored))

    def _loaded(self, assignment: str) -> Loaded | None:
        """The practical; None where this course has it no more (or there was none)."""
        return self.course.load(assignment) if assignment in self.course.ids() else None

    def regrade(self, run: Run, assignment: str | None = None) -> Iterator[Outcome]:
        """Judge stored submissions again on their stored evidence; no student code runs.

        Those whose grading was interrupted are among the outcomes, as UNFINISHED.
        """
        known = [self.book.load(entry.student, entry.assignment) for entry in self.book.entries(assignment)]
        for id in self.course.ids():  # before the pool forks: each process would load them again
            self.course.load(id)
        pool = self.pool or Threads(1, THREADS, self.stop)
        tasks = [Task(partial(self._judge_again, number, stored), 1.0) for number, stored in enumerate(known)]
        for number, results in pool.results(tasks):
            yield self._regrade_one(run, known[number], results)

    def _evidence_of(self, stored: Stored) -> Evidence | None:
        return self.store.get(stored.basis.evidence) if stored.basis and stored.basis.evidence else None

    def _judge_again(self, number: int, stored: Stored) -> tuple[int, tuple[CheckResult, ...] | None]:
        """Verdicts on the stored evidence, where it is enough for all of them; nothing is written."""
        loaded, evidence = self._loaded(stored.assignment), self._evidence_of(stored)
        if loaded is None or stored.state is None or evidence is None:
            return number, None
        results = judge(loaded.assignment, evidence, loaded.expected)
        return number, None if any(r.wants_retraining is not None for r in results) else settled(results)

    def _regrade_one(self, run: Run, stored: Stored, results: tuple[CheckResult, ...] | None) -> Outcome:
        loaded, evidence = self._loaded(stored.assignment), self._evidence_of(stored)
        if loaded is None or stored.state is None or stored.basis is None or evidence is None:
            return self.outcome(stored, loaded, evidence)
        basis = replace(stored.basis, rubric=loaded.digest)
        if results is None:
            journal = partial(self._journal, run, stored.submission.student.key, loaded, basis)
            results, evidence = self._judge(loaded, evidence, basis, journal)
        outcome = self._score(stored.submission, loaded, results, evidence, stored.problems)
        run.finish(outcome, basis)
        # A person may have given some meanwhile.
        marks = self.book.marks(stored.submission.student.key, stored.assignment)
        return replace(_marked(outcome, marks), reused=True)


def retrained(
    loaded: Loaded,
    evidence: Evidence,
    rebuilder: Callable[[], Rebuilder],
    reached: Callable[[tuple[CheckResult, ...]], None] = lambda results: None,
) -> tuple[tuple[CheckResult, ...], Evidence]:
    """Verdicts; a miss that asks for it is retrained by us first, at most `RETRAININGS` times.

    `reached` is told what was decided before a retraining, which takes seconds. Returns the evidence too,
    grown by what the retrainings gave (the same object when there were none).
    """
    results = judge(loaded.assignment, evidence, loaded.expected)
    for _ in range(RETRAININGS - len(evidence.retrainings)):
        wanted = next((r for r in results if r.wants_retraining is not None), None)
        if wanted is None:
            return results, evidence
        reached(results)
        grown = _retrain(loaded.expected, evidence, wanted, rebuilder)
        if grown is None:
            break
        evidence = grown
        results = judge_again(results, loaded.assignment, evidence, loaded.expected)
    return settled(results), evidence


def _retrain(
    expected: Expected, evidence: Evidence, wanted: CheckResult, rebuilder: Callable[[], Rebuilder]
) -> Evidence | None:
    """Evidence with one more retraining of the episode; None when it cannot be had."""
    number = wanted.wants_retraining
    episode = next((e for e in evidence.episodes if e.number == number), None)
    if episode is None:
        return None
    earlier = sum(r.episode == number for r in evidence.retrainings)
    rows = episode.rows_trained or min((b.rows for b in expected.bands_for(wanted.check)), default=0)
    if not rows:
        return None
    plan = RetrainPlan(rows * MORE**earlier, min(episode.batch_size, rows), RETRAIN_SEED + earlier)
    found = rebuilder().retrain(episode, plan)
    if found is None:
        return None
    return msgspec.structs.replace(evidence, retrainings=(*evidence.retrainings, found))


def _size(submission: Submission) -> int:
    """Code cells, for want of a better measure of what a notebook takes."""
    if submission.document is None:
        return 0
    return sum(cell.kind is CellKind.CODE for cell in submission.document.cells)


def _marked(outcome: Outcome, marks: Sequence[HandMark]) -> Outcome:
    """The outcome with the marks that people gave by hand."""
    assert outcome.grade is not None
    return replace(outcome, grade=with_marks(outcome.grade, _points(marks)))


def _points(marks: Sequence[HandMark]) -> dict[str, HandMark]:
    return {mark.part: mark for mark in marks}


def versions() -> dict[str, str]:
    """Versions of the frameworks that student code runs on; absent ones are left out."""
    found = {}
    for name in FRAMEWORKS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

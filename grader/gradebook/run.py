"""Writing grades: what one `grade` command does to the gradebook while it holds the lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from grader.gradebook import codec
from grader.gradebook.database import Database
from grader.gradebook.errors import GradebookError
from grader.gradebook.lock import RunLock
from grader.gradebook.tables import AuditRow, GradingRow, ResultRow, SubmissionRow, now
from grader.gradebook.values import Basis
from grader.model.outcome import Outcome
from grader.model.result import Grade, Scored
from grader.model.submission import Submission


class Run:
    """Made by `Gradebook.run`. Safe to use from several threads; each call is its own transaction.

    Every method raises GradebookBusy when another run has taken the lock over, and GradebookError when
    the database cannot be written.
    """

    def __init__(self, database: Database, lock: RunLock, by: str) -> None:
        self._database = database
        self._lock = lock
        self.by = by

    def record_submission(self, submission: Submission, assignment: str = "") -> None:
        """Keep a hand-in, so that a regrade needs no files. A newer one replaces the older.

        `assignment` is "" when it was not recognised; once it is, that entry goes.
        """
        key = submission.student.key
        with self._database.write() as session:
            self._lock.hold(session)
            row = find(session, key, assignment)
            if row is None:
                row = SubmissionRow(student=key, assignment=assignment)
                self._audit(session, row, "submission", "", "", submission.digest)
                session.add(row)
            elif row.digest != submission.digest:
                self._audit(session, row, "submission", "", row.digest, submission.digest)
            codec.fill_submission(row, submission)
            if assignment:
                unrecognised = SubmissionRow.student == key, SubmissionRow.assignment == ""
                session.execute(delete(SubmissionRow).where(*unrecognised))

    def journal(
        self, student: str, assignment: str, basis: Basis, exercise: str, scored: Iterable[Scored]
    ) -> tuple[Scored, ...]:
        """Commit each check of an exercise as soon as the iterable yields it; returns them all.

        A check that was journalled before on this basis is replaced; on another basis, what an
        interrupted run had journalled goes.
        """
        return tuple(self._journal_one(student, assignment, basis, exercise, item) for item in scored)

    def finish(self, outcome: Outcome, basis: Basis) -> None:
        """Make this the grading that counts: all of its checks, state and problems, or nothing.

        What changed against the grading before goes to the audit log, check by check.

        Raises:
            ValueError: two results of one check.
        """
        _refuse_twins(outcome.grade)
        student = outcome.submission.student.key
        assignment = "" if outcome.assignment is None else outcome.assignment.id
        with self._database.write() as session:
            self._lock.hold(session)
            submission = recorded(session, self._database.name, student, assignment)
            known = gradings(session, submission)
            previous, begun = known.get(True), known.get(False)
            before = _lines(previous)
            if previous is not None and begun is not None:
                session.delete(previous)
                session.flush()
            grading = begun or previous or _new(session, submission, basis)
            if grading is previous:
                grading.began = now()
            _rest_on(grading, basis)
            _fill_grading(grading, outcome)
            grading.finished = True
            self._audit_grading(session, submission, before, _lines(grading))

    def _journal_one(
        self, student: str, assignment: str, basis: Basis, exercise: str, scored: Scored
    ) -> Scored:
        with self._database.write() as session:
            self._lock.hold(session)
            submission = recorded(session, self._database.name, student, assignment)
            grading = _begin(session, submission, basis)
            rows = {row.check_id: row for row in grading.results}
            known = rows.get(scored.result.check)
            _put_result(grading, rows, exercise, scored, known.position if known else len(rows))
        return scored

    def _audit_grading(
        self, session: Session, submission: SubmissionRow, was: dict[str, str], will: dict[str, str]
    ) -> None:
        for check in [*will, *(was.keys() - will.keys())]:
            before, after = was.get(check, ""), will.get(check, "")
            if before != after and (not check or len(was) > 1):
                self._audit(session, submission, "check" if check else "grade", check, before, after)

    def _audit(self, session: Session, row: SubmissionRow, what: str, part: str, old: str, new: str) -> None:
        session.add(
            AuditRow(
                at=now(), by=self.by, student=row.student, assignment=row.assignment,
                what=what, part=part, old=old, new=new,
            )
        )  # fmt: skip


def find(session: Session, student: str, assignment: str) -> SubmissionRow | None:
    wanted = select(SubmissionRow).where(
        SubmissionRow.student == student, SubmissionRow.assignment == assignment
    )
    return session.scalars(wanted).one_or_none()


def recorded(session: Session, where: str, student: str, assignment: str) -> SubmissionRow:
    """The hand-in of that student; GradebookError when none was recorded."""
    row = find(session, student, assignment)
    if row is None:
        raise GradebookError("gradebook.unknown_student", student=student, assignment=assignment, where=where)
    return row


def current(session: Session, submission: SubmissionRow) -> GradingRow | None:
    """The grading that counts for this hand-in: the finished one, else the one a stopped run began."""
    known = gradings(session, submission)
    found = (known.get(finished) for finished in (True, False))
    return next((row for row in found if row is not None and row.digest == submission.digest), None)


def gradings(session: Session, submission: SubmissionRow) -> dict[bool, GradingRow]:
    """Whether it is finished -> grading: there is at most one of each. Results are read when asked for."""
    wanted = select(GradingRow).where(GradingRow.submission_id == submission.id)
    return {row.finished: row for row in session.scalars(wanted)}


def basis_of(row: GradingRow) -> tuple[str, str, str, str]:
    return row.digest, row.evidence, row.rubric, row.level


def _begin(session: Session, submission: SubmissionRow, basis: Basis) -> GradingRow:
    """The unfinished grading on this basis: the one an interrupted run left, or a new one."""
    begun = gradings(session, submission).get(False)
    wanted = basis.digest, basis.evidence, basis.rubric, basis.level.value
    if begun is not None and basis_of(begun) == wanted:
        return begun
    if begun is not None:
        session.delete(begun)
        session.flush()
    return _new(session, submission, basis)


def _new(session: Session, submission: SubmissionRow, basis: Basis) -> GradingRow:
    begun = GradingRow(
        submission_id=submission.id, digest=basis.digest, evidence=basis.evidence, rubric=basis.rubric,
        level=basis.level.value, finished=False, state=None, exercises="null", problems="[]",
        seconds=0.0, began=now(), ended=None, results=[],
    )  # fmt: skip
    session.add(begun)
    session.flush()
    return begun


def _rest_on(grading: GradingRow, basis: Basis) -> None:
    grading.digest, grading.evidence = basis.digest, basis.evidence
    grading.rubric, grading.level = basis.rubric, basis.level.value


def _fill_grading(grading: GradingRow, outcome: Outcome) -> None:
    exercises = () if outcome.grade is None else outcome.grade.exercises
    rows = {row.check_id: row for row in grading.results}
    position = 0
    for exercise in exercises:
        for scored in exercise.scored:
            _put_result(grading, rows, exercise.exercise, scored, position)
            position += 1
    judged = {scored.result.check for exercise in exercises for scored in exercise.scored}
    for row in [row for row in grading.results if row.check_id not in judged]:
        grading.results.remove(row)  # journalled, but not in the grade: it belongs to an older rubric
    grading.state = outcome.state.value
    grading.exercises = codec.text(None if outcome.grade is None else [e.exercise for e in exercises])
    grading.problems = codec.problems_text(outcome.problems)
    grading.seconds, grading.ended = outcome.seconds, now()


def _put_result(
    grading: GradingRow, rows: dict[str, ResultRow], exercise: str, scored: Scored, position: int
) -> None:
    check = scored.result.check
    row = rows.get(check)
    if row is None:
        row = rows[check] = ResultRow(check_id=check, position=position)
        grading.results.append(row)
    row.exercise, row.position = exercise, position
    codec.fill_result(row, scored)


def _refuse_twins(grade: Grade | None) -> None:
    checks = [] if grade is None else [s.result.check for e in grade.exercises for s in e.scored]
    twins = [check for check, times in Counter(checks).items() if times > 1]
    if twins:
        raise ValueError(f"two results of one check: {', '.join(sorted(twins))}")


def _lines(grading: GradingRow | None) -> dict[str, str]:
    """A grading as the audit log has it: check -> its result, and under "" all of it in one line, e.g.
    "graded 7.5/10"; {} for none."""
    if grading is None:
        return {}
    earned, points = sum(row.earned for row in grading.results), sum(row.points for row in grading.results)
    whole = f"{grading.state} {earned}/{points}"
    rows = sorted(grading.results, key=lambda row: row.position)
    return {"": whole} | {row.check_id: f"{row.status} {row.earned}/{row.points}" for row in rows}

"""From a path that an instructor typed to one Submission for each student."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from grader.intake.archive import opened
from grader.intake.choose import Chooser, Score
from grader.intake.entry import Allowance, Tree
from grader.intake.expand import Workspace, expanded
from grader.intake.folder import single, walk
from grader.intake.kinds import is_archive, stem
from grader.intake.layout import HandIn, Label, Layout, Source, layout, lms_export
from grader.intake.limits import MIB, IntakeLimits
from grader.intake.names import Claimant, file_name, normalise_name, unique_keys
from grader.intake.roster import Roster
from grader.intake.text import for_people
from grader.model.errors import IntakeError
from grader.model.submission import Problem, Severity, Student, Submission
from grader.model.text import Message

log = logging.getLogger(__name__)

OnProblem = Callable[[Problem], None]


def collect(
    path: Path,
    *,
    roster: Sequence[Student] = (),
    scratch: Path,
    score: Score | None = None,
    limits: IntakeLimits | None = None,
    on_problem: OnProblem | None = None,
) -> tuple[Submission, ...]:
    """One submission for each student in a file, folder or archive, in order of name.

    With a roster, students who handed in nothing are there too (Problem "intake.absent"), except when
    `path` is one document. `scratch` is a folder of ours for archives within archives; nothing stays in
    it. `score` says how well a document fits the assignment, for students who sent several.
    `on_problem` is told of refused files that belong to no student's hand-in.

    Raises IntakeError when the path does not exist, is no readable archive, or holds no hand-in.
    """
    limits = limits or IntakeLimits()
    scratch.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="intake-", dir=scratch))
        workspace = Workspace(Path(folder), limits)
        people = Roster(roster)
        tree = _class_tree(_tree(path, limits, stack), workspace, stack)
        found = layout(tree, container=stem(file_name(path.name)), known=people.names)
        _tell(found, on_problem)
        works = _works(found.hand_ins, people)
        submissions = [_submission(work, workspace, score) for work in works]
    if path.is_dir() or is_archive(path.name):
        submissions += _absent(roster, works)
    if not submissions:
        raise IntakeError("intake.nothing_found", path=for_people(str(path), limit=200))
    return tuple(sorted(submissions, key=lambda s: (normalise_name(s.student.name), s.student.key)))


def collect_one(
    path: Path,
    student: Student,
    *,
    scratch: Path,
    score: Score | None = None,
    limits: IntakeLimits | None = None,
) -> Submission:
    """All that lies in a file, folder or archive as the hand-in of one student, whatever its names say.

    For a platform that hands over one submission at a time. Raises IntakeError as `collect` does.
    """
    limits = limits or IntakeLimits()
    scratch.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="intake-", dir=scratch))
        tree = _tree(path, limits, stack)
        if not tree.entries and not tree.problems:
            raise IntakeError("intake.nothing_found", path=for_people(str(path), limit=200))
        label = Label(student.name, Source.PLAIN, student.lms_id)
        refused = [problem for _, problem in tree.problems]
        hand_in = HandIn(label, [for_people(path.name)], list(tree.entries), refused)
        return _submission(_Work(student, [hand_in]), Workspace(Path(folder), limits), score)


def _tree(path: Path, limits: IntakeLimits, stack: ExitStack) -> Tree:
    where = for_people(str(path), limit=200)
    try:
        if path.is_dir():
            return walk(path, limits)
        if not path.is_file():
            raise IntakeError("intake.no_such_path", path=where)
        if not is_archive(path.name):
            return Tree((single(path),))
        if path.stat().st_size > limits.archive_bytes:
            size = path.stat().st_size // MIB
            raise IntakeError("intake.too_large", file=where, size=size, limit=limits.archive_bytes // MIB)
        return stack.enter_context(opened(path, where, limits))
    except OSError as error:
        raise IntakeError("intake.unreadable", file=where) from error


def _class_tree(tree: Tree, workspace: Workspace, stack: ExitStack) -> Tree:
    """Downloads of an LMS lying zipped in the folder are opened; students' own archives are not, yet.

    All of them must be an LMS's: one that looks so among others is a student's who would hand in for
    somebody else.
    """
    if not tree.entries or not all(len(e.parts) == 1 and is_archive(e.name) for e in tree.entries):
        return tree
    limits = workspace.limits
    allowance = Allowance(limits.archive_bytes)
    with ExitStack() as inner:
        exports: list[Tree] = []
        for entry in tree.entries:
            try:
                export = lms_export(workspace.open(entry, limits.archive_bytes, allowance, inner))
            except IntakeError:
                export = None
            if export is None:
                return tree
            exports.append(export)
        stack.enter_context(inner.pop_all())
    return Tree(
        tuple(entry for export in exports for entry in export.entries),
        tuple(parts for export in exports for parts in export.folders),
        tree.problems + tuple(item for export in exports for item in export.problems),
    )


def _tell(found: Layout, on_problem: OnProblem | None) -> None:
    for problem in found.problems:
        log.warning("%s %s", problem.message.key, dict(problem.message.args))
        if on_problem is not None:
            on_problem(problem)
    for file in found.ignored:
        log.info("not a hand-in: %s", file)


@dataclass(slots=True)
class _Work:
    """All that one student sent, from one hand-in or several."""

    student: Student
    hand_ins: list[HandIn] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def _works(hand_ins: Sequence[HandIn], people: Roster) -> list[_Work]:
    """Hand-ins of one student of the roster together; everybody else under a key of their own."""
    known: dict[str, _Work] = {}
    strangers: list[_Work] = []
    for hand_in in hand_ins:
        match = people.match(hand_in.label)
        if match.student is None:
            work = _Work(Student("", hand_in.label.name, hand_in.label.lms_id))
            strangers.append(work)
        else:
            work = known.setdefault(match.student.key, _Work(match.student))
        work.hand_ins.append(hand_in)
        work.problems += [match.problem] if match.problem else []
    claims = [Claimant(w.student.name, w.student.lms_id, w.hand_ins[0].origin) for w in strangers]
    taken = [student.key for student in people.students]
    for work, key in zip(strangers, unique_keys(claims, taken), strict=True):
        work.student = replace(work.student, key=key)
    return [*known.values(), *strangers]


def _submission(work: _Work, workspace: Workspace, score: Score | None) -> Submission:
    limits = workspace.limits
    allowance = Allowance(limits.inflated_bytes)
    with ExitStack() as stack:
        own = [entry for hand_in in work.hand_ins for entry in hand_in.entries]
        files = expanded(own, workspace, allowance, stack)
        refused = [problem for hand_in in work.hand_ins for problem in hand_in.problems]
        choice = Chooser(limits, allowance, score).choose(files.entries, [*refused, *files.problems])
    return Submission(
        student=work.student,
        origin=", ".join(hand_in.origin for hand_in in work.hand_ins),
        document=choice.document,
        other_files=choice.other_files,
        problems=_some([*work.problems, *choice.problems], limits.problems),
        digest=choice.digest,
    )


def _some(problems: Sequence[Problem], limit: int) -> tuple[Problem, ...]:
    """The worst problems first, and how many more there are."""
    order = (Severity.FATAL, Severity.WARNING, Severity.NOTE)
    ranked = sorted(problems, key=lambda p: order.index(p.severity))
    if len(ranked) <= limit:
        return tuple(ranked)
    more = Message("intake.more_problems", {"count": len(ranked) - limit})
    return (*ranked[:limit], Problem(Severity.NOTE, more))


def _absent(roster: Sequence[Student], works: Sequence[_Work]) -> list[Submission]:
    present = {work.student.key for work in works}
    problem = Problem(Severity.FATAL, Message("intake.absent"))
    return [Submission(s, "", None, problems=(problem,)) for s in roster if s.key not in present]

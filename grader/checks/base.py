"""What every check shares: its place in the rubric, and ways to say how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from grader.model.assignment import Visibility
from grader.model.evidence import Evidence, Provenance
from grader.model.expected import Expected
from grader.model.result import CheckResult, Comparison, Status
from grader.model.text import Message, MessageArg, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The place of a check in the rubric; the checks are its subclasses.

    `id` is "<exercise>.<name>". A check whose `needs` failed outright is skipped, not failed.
    """

    id: str
    title: Text
    points: Decimal
    visibility: Visibility = Visibility.STUDENT
    needs: tuple[str, ...] = ()

    @property
    def exercise(self) -> str:
        return self.id.rpartition(".")[0]

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        """Judge. Every check overrides this."""
        raise TypeError(f"{type(self).__name__} is not a check")

    def end(
        self,
        status: Status,
        key: str,
        *,
        comparisons: tuple[Comparison, ...] = (),
        episode: int | None = None,
        wants_retraining: int | None = None,
        **args: MessageArg,
    ) -> CheckResult:
        """A result with any status that earns nothing (or, passed, everything)."""
        fraction = Fraction(1) if status is Status.PASSED else Fraction(0)
        message = Message(key, args)
        return CheckResult(self.id, status, fraction, message, comparisons, None, episode, wants_retraining)

    def passed(
        self,
        key: str,
        *,
        comparisons: tuple[Comparison, ...] = (),
        episode: int | None = None,
        **args: MessageArg,
    ) -> CheckResult:
        message = Message(key, args)
        return CheckResult(self.id, Status.PASSED, Fraction(1), message, comparisons, None, episode)

    def failed(
        self,
        key: str,
        *,
        comparisons: tuple[Comparison, ...] = (),
        hint: Message | None = None,
        episode: int | None = None,
        **args: MessageArg,
    ) -> CheckResult:
        message = Message(key, args)
        return CheckResult(self.id, Status.FAILED, Fraction(0), message, comparisons, hint, episode)

    def review(
        self,
        key: str,
        *,
        comparisons: tuple[Comparison, ...] = (),
        episode: int | None = None,
        **args: MessageArg,
    ) -> CheckResult:
        message = Message(key, args)
        return CheckResult(self.id, Status.REVIEW, Fraction(0), message, comparisons, None, episode)

    def earned(
        self,
        fraction: Fraction,
        keys: tuple[str, str, str],
        *,
        comparisons: tuple[Comparison, ...] = (),
        hint: Message | None = None,
        episode: int | None = None,
        **args: MessageArg,
    ) -> CheckResult:
        """Passed at 1, failed at 0, partial in between, each with its own sentence.

        Args:
            keys: message keys for passed, partial, failed.
        """
        statuses = (Status.PASSED, Status.PARTIAL, Status.FAILED)
        which = 0 if fraction == 1 else 1 if fraction else 2
        message = Message(keys[which], args)
        return CheckResult(
            self.id,
            statuses[which],
            fraction,
            message,
            comparisons,
            hint if which else None,
            episode,
        )


def compare(
    key: str,
    expected: object,
    observed: object,
    provenance: Provenance,
    *,
    agrees: bool | None = None,
    **args: MessageArg,
) -> Comparison:
    """One row of the side-by-side table; agreement is equality unless it is given."""
    same = expected == observed if agrees is None else agrees
    return Comparison(Message(key, args), str(expected), str(observed), provenance, same)


def code_runs(evidence: Evidence) -> bool:
    """Whether anything was run at all: at level static a check of behaviour cannot be judged."""
    return any(cell.ran for cell in evidence.cells)

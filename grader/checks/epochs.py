"""Checks of how many epochs a network was trained for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from grader.checks.base import Rule, code_runs, compare
from grader.checks.select import Where, epochs_run
from grader.checks.size import Trainings, by_size
from grader.model.evidence import Episode, Evidence, Provenance
from grader.model.expected import Expected
from grader.model.result import CheckResult, Status

OBSERVED = Provenance.OBSERVED
OWN = "custom"
"""Name of a callback that is no class of the library."""
SEVERAL = 2.5
"""Times the data in one epoch from which epochs are no passes over the data: one of augmented images is
often half as long again, or twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epochs(Rule):
    """A training was declared with exactly this many epochs, or went on until it had had them."""

    where: Where
    epochs: int

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        tries = self.where.tries(evidence, expected)
        if not tries:
            return self.failed("training.absent")
        fitting = next((e for e in tries if self._fits(evidence, e)), None)
        episode = fitting or tries[0]
        row = compare(
            "config.epochs",
            self.epochs,
            " + ".join(map(str, _same_model_epochs(evidence, episode))),
            OBSERVED,
            agrees=fitting is not None,
        )
        if row.agrees:
            return self.passed("epochs.passed", comparisons=(row,), episode=episode.number, n=self.epochs)
        unclear = _unclear(evidence, tries, self.epochs)
        if unclear:
            return _stopped(self, unclear)
        return self.failed(
            "epochs.failed", comparisons=(row,), episode=episode.number, n=self.epochs, yours=row.observed
        )

    def _fits(self, evidence: Evidence, episode: Episode) -> bool:
        if _doubtful(evidence, episode):
            return False
        declared = _same_model_epochs(evidence, episode)
        if declared == (self.epochs,):
            return True
        # Three fits of one epoch each are three epochs, unless a fourth follows.
        went_on = any(e.initial_digest == episode.final_digest for e in evidence.episodes)
        return sum(declared) == self.epochs and not went_on


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeEpochs(Rule):
    """Some training of the exercise was declared with this many epochs."""

    where: Where
    epochs: int

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        return by_size(self, self.where.trainings(evidence), lambda some: self._judge(evidence, some))

    def _judge(self, evidence: Evidence, trainings: Trainings) -> CheckResult:
        runs = _runs(trainings)
        found = next((e for run in runs for e in run if self._fits(evidence, run, e)), None)
        yours = ", ".join(dict.fromkeys(str(_total(evidence, run)) for run in runs))
        row = compare("config.epochs", self.epochs, yours, OBSERVED, agrees=found is not None)
        if found:
            return self.passed("epochs.passed", comparisons=(row,), episode=found.number, n=self.epochs)
        unclear = _unclear(evidence, trainings, self.epochs)
        if unclear:
            return _stopped(self, unclear)
        return self.failed("epochs.failed", comparisons=(row,), n=self.epochs, yours=yours)

    def _fits(self, evidence: Evidence, run: tuple[Episode, ...], episode: Episode) -> bool:
        if _doubtful(evidence, episode):
            return False
        # What a loop of one cell went through counts when it is over, with what led there.
        chain = _same_model_epochs(evidence, episode) if episode is run[-1] else ()
        return self.epochs in {_epochs(evidence, episode), sum(chain)}


@dataclass(frozen=True, slots=True, kw_only=True)
class VariesEpochs(Rule):
    """At least two trainings of the exercise differ in their epochs."""

    where: Where

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        return by_size(self, self.where.trainings(evidence), lambda some: self._judge(evidence, some))

    def _judge(self, evidence: Evidence, trainings: Trainings) -> CheckResult:
        sure = [e for e in trainings if not _doubtful(evidence, e)]
        tried = sorted({_total(evidence, run) for run in _runs(sure)} - {0})
        # One network trained on and on, `for n in (10, 50): fit(epochs=n)`, was tried with both.
        several = max(tried, sorted({_epochs(evidence, e) for e in sure} - {0}), key=len)
        if len(several) > 1:
            return self.passed("vary.passed", tried=", ".join(map(str, several)))
        if len(sure) < len(trainings) > 1:
            return _stopped(self, next(e for e in trainings if e not in sure))
        return self.failed("vary.failed", tried=", ".join(map(str, tried)) or "—")


def _same_model_epochs(evidence: Evidence, episode: Episode) -> tuple[int, ...]:
    """Epochs of the trainings that led to this one's weights: going on with a trained model adds up."""
    chain = [episode]
    for earlier in reversed(evidence.episodes[: episode.number]):
        if earlier.final_digest and earlier.final_digest == chain[0].initial_digest:
            chain.insert(0, earlier)
    return tuple(_epochs(evidence, e) for e in chain)


def _runs(trainings: Iterable[Episode]) -> list[tuple[Episode, ...]]:
    """The trainings, those as one that a cell made each from the weights of the one before.

    `for epoch in range(100): fit(epochs=1)` draws the curve while the network learns.
    """
    runs: list[tuple[Episode, ...]] = []
    for episode in trainings:
        before = next((i for i, run in enumerate(runs) if _goes_on(run[-1], episode)), None)
        if before is None:
            runs.append((episode,))
        else:
            runs[before] += (episode,)
    return runs


def _goes_on(earlier: Episode, later: Episode) -> bool:
    joined = bool(later.initial_digest) and earlier.final_digest == later.initial_digest
    return joined and earlier.cell == later.cell


def _total(evidence: Evidence, run: tuple[Episode, ...]) -> int:
    return sum(_epochs(evidence, episode) for episode in run)


def _epochs(evidence: Evidence, episode: Episode) -> int:
    """Epochs of a training: as declared, unless the student's own code ended it before."""
    return epochs_run(episode) if _ended_early(evidence, episode) else episode.epochs


def _ended_early(evidence: Evidence, episode: Episode) -> bool:
    """Whether a training went through fewer epochs than declared by the student's own doing.

    Our budget shortens epochs and leaves out none; our clock breaks a cell off. EarlyStopping is the
    library's way to say "at most so many", and ends sooner on shortened epochs than it would on whole ones;
    but not while all still gets better, unless it was told to call nothing better. Which of two callbacks
    stopped a training is not known.
    """
    if epochs_run(episode) >= episode.epochs or episode.loop:
        return False
    if _stops_early(episode) and OWN not in episode.callbacks and not _still_better(episode):
        return False
    return episode.completed or not evidence.cut_short


def _stops_early(episode: Episode) -> bool:
    return "EarlyStopping" in episode.callbacks


def _still_better(episode: Episode) -> bool:
    """Whether every loss and accuracy was at its best in the last epoch."""
    directions = [
        (-1 if name.endswith("loss") else 1, series)
        for name, series in episode.history.items()
        if name.endswith(("loss", "accuracy", "acc"))
    ]
    return all(_best_last(series, sign) for sign, series in directions)


def _best_last(series: tuple[float | None, ...], sign: int) -> bool:
    last = series[-1] if series else None
    return last is not None and all(v is None or sign * (last - v) > 0 for v in series[:-1])


def _doubtful(evidence: Evidence, episode: Episode) -> bool:
    """Whether the epochs it had may be others than those declared.

    It ended early, and might rightly have done so, or not have, had our budget left it whole; or its epochs
    are no passes over the data.
    """
    stopped = (episode.capped or _stops_early(episode)) and _ended_early(evidence, episode)
    return stopped or _rounds(episode) >= SEVERAL


def _rounds(episode: Episode) -> float:
    """Times that one epoch goes through the data: ten in `fit(ds.repeat(10), epochs=3)`; 0 when not known."""
    x = episode.x
    return episode.epoch_rows / x.rows if x.seen_whole and x.rows else 0.0


def _unclear(evidence: Evidence, trainings: Trainings, epochs: int) -> Episode | None:
    """A doubtful training that was declared with so many epochs, or had them; or one in an own loop.

    How often a student's own loop goes round is read from its source, as far as that says it.
    """
    own = next((e for e in trainings if e.loop), None)
    if own is not None:
        return own
    return next((e for e in trainings if _doubtful(evidence, e) and _may_have_had(e, epochs)), None)


def _may_have_had(episode: Episode, epochs: int) -> bool:
    most = episode.epochs * max(1, round(_rounds(episode)))
    return epochs == epochs_run(episode) or episode.epochs <= epochs <= most


def _stopped(rule: Rule, episode: Episode) -> CheckResult:
    if episode.loop:
        return rule.review("epochs.own_loop", episode=episode.number, n=episode.epochs)
    if _rounds(episode) >= SEVERAL:
        rounds = round(_rounds(episode))
        return rule.review("epochs.rounds", episode=episode.number, n=episode.epochs, rounds=rounds)
    ran = epochs_run(episode)
    return rule.review("epochs.stopped", episode=episode.number, n=episode.epochs, ran=ran)

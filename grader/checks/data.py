"""Checks of which data were used, traced by content, and of what the student says about them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest

from grader.checks.accuracy import LABELS
from grader.checks.base import Rule, code_runs, compare
from grader.checks.displayed import Loaded, Wanted, computed
from grader.checks.regions import answer_text, regions
from grader.checks.select import Where
from grader.checks.source import looked_at, ran
from grader.checks.stance import Stance, leak_stance
from grader.model.evidence import Episode, Evaluation, Evidence, Prediction, Provenance, Trace
from grader.model.expected import Expected
from grader.model.result import CheckResult, Status
from grader.model.text import Message

OBSERVED = Provenance.OBSERVED
BEGINNING = 4
"""A stream that was not followed to its end must begin with one in so many of the images asked for."""
DRAWN = 0.6
"""Share of the images asked for that must be different: drawing with replacement leaves out a third."""
NEAR_COPIES = 0.99
"""Above this share of different images nothing was repeated: data sets have some near copies."""
_BEST_FIRST = {Status.PASSED: 0, Status.REVIEW: 1, Status.FAILED: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedOn(Rule):
    """The net was trained on the served training images, each with its own label."""

    where: Where
    at_least: int
    """Fewest rows of the training split that must reach fit (students may hold some back)."""

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        tries = [self._judge(evidence, e) for e in self.where.tries(evidence, expected)]
        if not tries:
            return self.failed("training.absent")
        # Of several trainings of the net the soundest counts: people mend their data and run it again.
        return min(tries, key=lambda result: _BEST_FIRST[result.status])

    def _judge(self, evidence: Evidence, episode: Episode) -> CheckResult:
        x = episode.x
        if x.label_agreement is not None and x.label_agreement < LABELS:
            return self.failed(
                "data.labels",
                episode=episode.number,
                share=f"{x.label_agreement:.0%}",
                hint=Message("data.labels.hint"),
            )
        if x.test:
            return self.failed("data.test_in_training", episode=episode.number, n=x.test)
        n = _different(x)
        enough = _reaches(x, self.at_least)
        row = compare("data.rows", f"≥ {self.at_least:,}", f"{n:,}", OBSERVED, agrees=enough)
        if enough or (not x.seen_whole and not x.unknown and _reaches(x, self.at_least / BEGINNING)):
            return self.passed("data.passed", comparisons=(row,), episode=episode.number, n=n)
        if x.unknown > x.train:
            return self._untraced(evidence, episode)
        if not x.seen_whole and x.train:
            return self.review("data.partly", comparisons=(row,), episode=episode.number, n=n)
        return self.failed("data.few", comparisons=(row,), episode=episode.number, n=n)

    def _untraced(self, evidence: Evidence, episode: Episode) -> CheckResult:
        """Resized or augmented images cannot be traced, and noise looks the same: a person looks."""
        loaded = {load.dataset for load in evidence.loads}
        if evidence.data.name not in loaded:
            return self.failed("data.other", episode=episode.number, dataset=evidence.data.name)
        return self.review("data.untold", episode=episode.number)


def _different(x: Trace) -> int:
    """How many images the rows of the training set are: a repeated one is one."""
    repeated = x.distinct is not None and x.distinct < NEAR_COPIES * x.train
    return x.distinct if repeated and x.distinct is not None else x.train


def _reaches(x: Trace, wanted: float) -> bool:
    return x.train >= wanted and _different(x) >= DRAWN * wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakAnswered(Rule):
    """What the student says about data leaking agrees with what their code did."""

    where: Where

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        stance = leak_stance(self._text(evidence, expected))
        if stance is Stance.SILENT:
            return self.failed("leak.blank", hint=Message("leak.blank.hint"))
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        episode = self.where.training(evidence, expected)
        if episode is None:
            return self.failed("training.absent")
        leaked = leak(episode)
        every = self.where.tries(evidence, expected)
        tries = {leak(e) for e in every}
        if stance is Stance.UNCLEAR:
            return self.review("leak.unclear", episode=episode.number)
        if not leaked and any(watched(evidence, e) for e in every):
            # Like validation on test where the best weights are kept; harmless where it is only printed.
            return self.review("leak.watched", episode=episode.number)
        if leaked is None or (None in tries and not leaked):
            return self.review("leak.untold", episode=episode.number)
        if tries == {True, False}:
            return self.review("leak.mixed", episode=episode.number)
        rows = (episode.validation_x.test if episode.validation_x else 0) + episode.x.test
        row = compare(
            "leak.rows",
            "0" if stance is Stance.NO else "> 0",
            f"{rows:,}",
            OBSERVED,
            agrees=(stance is Stance.YES) == leaked,
        )
        key = f"leak.{'leaked' if leaked else 'clean'}.{'yes' if stance is Stance.YES else 'no'}"
        if row.agrees:
            return self.passed(key, comparisons=(row,), episode=episode.number, n=rows)
        return self.failed(key, comparisons=(row,), episode=episode.number, n=rows, hint=Message("leak.hint"))

    def _text(self, evidence: Evidence, expected: Expected) -> str:
        """The exercise's own text; the whole notebook's where the exercise is not marked or is silent."""
        own = regions(evidence, self.where.exercises)
        boilerplate = frozenset(expected.boilerplate)
        inside = [c for c in evidence.cells if own.get(c.index) == self.where.exercise]
        text = answer_text(inside, boilerplate, questions=True)
        if inside and leak_stance(text) is not Stance.SILENT:
            return text
        return answer_text(evidence.cells, boilerplate, questions=True)


def leak(episode: Episode) -> bool | None:
    """Whether test rows served as training or validation data; None when that cannot be told."""
    x, validation = episode.x, episode.validation_x
    if x.test or (validation is not None and validation.test):
        return True
    if not x.seen_whole:
        return None
    if episode.validation != "data":
        return False
    clean = validation is not None and validation.seen_whole and validation.train and not validation.unknown
    return False if clean else None


def watched(evidence: Evidence, episode: Episode) -> bool:
    """Whether a net was measured on test images between the epochs of a training.

    Measures that differ were taken while it learned. Of a training after its first that cannot be told, nor
    of a loop of the student's own, which is told when its cell is over.
    """
    if episode.loop:
        return False
    measures = [
        tuple(sorted(call.results.items(), key=lambda item: item[0]))
        for call in evidence.evaluations
        if call.cell == episode.cell and call.model == episode.model and call.x.test and _before_its_end(call)
    ]
    asked = [
        call
        for call in evidence.predictions
        if call.cell == episode.cell and call.model == episode.model and call.x.test and _before_its_end(call)
    ]
    by_callback = bool(episode.callbacks) and len(asked) >= max(2, episode.epochs)
    return len(set(measures)) > 1 or by_callback


def _before_its_end(call: Evaluation | Prediction) -> bool:
    return call.amid or not call.trained


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown(Rule):
    """Some cell printed what each of these patterns matches, or evaluated its expression on the loaded data.

    A value that is typed in what is printed was not computed, and one of another array is not what was
    asked for. `expressions` are patterns of expressions, one for each pattern of output: a notebook shows
    only a cell's last value, so an expression above it is evaluated without being seen.
    """

    patterns: tuple[str, ...]
    dataset: str
    expressions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    """What people read for each pattern; the pattern itself where there is none."""

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        if not any(load.dataset == self.dataset for load in evidence.loads):
            return self.failed("shown.not_loaded", dataset=self.dataset)
        loaded = Loaded.of(evidence)
        rows = tuple(
            compare("shown.row", label or pattern, "✓" if hit else "—", OBSERVED, agrees=hit)
            for pattern, expression, label in zip_longest(self.patterns, self.expressions, self.labels)
            for hit in [self._shown(evidence, loaded, pattern, expression)]
        )
        if all(row.agrees for row in rows):
            return self.passed("shown.passed", comparisons=rows)
        return self.failed("shown.failed", comparisons=rows)

    def _shown(self, evidence: Evidence, loaded: Loaded, pattern: str, expression: str | None) -> bool:
        """Whether a cell showed what a pattern asks for, or evaluated its expression on the right array."""
        wanted = Wanted.of(evidence, self.dataset, pattern)
        cells = zip(evidence.cells, loaded.bodies, strict=True)
        if any(computed(wanted, cell, body, loaded) for cell, body in cells if cell.ran):
            return True
        if expression is None:
            return False
        held = loaded.whole(wanted.arrays)
        seen = (pair for cell in evidence.cells for pair in looked_at(ran(evidence, cell)))
        return any(read & held and re.search(expression, text) for text, read in seen)

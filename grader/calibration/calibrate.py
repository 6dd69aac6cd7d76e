"""Measures what an assignment expects: networks from the references, bands from many seeds."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from grader.calibration.sources import Mutant, Source, inputs_digest, mutants, solution, until, variants
from grader.calibration.statistics import MIN_RUNS, Sample
from grader.checks.accuracy import InBand, measured
from grader.checks.architecture import differences, signature
from grader.checks.structure import Architecture
from grader.collect import Bench
from grader.course import Loaded
from grader.evidence.store import EvidenceStore, Inputs
from grader.model.budget import BUDGETS, Level
from grader.model.errors import CourseError
from grader.model.evidence import SCHEMA, Ended, Episode, Evidence
from grader.model.expected import Expected, ExpectedModel, MeasuredBand
from grader.model.result import CheckResult
from grader.model.submission import Document
from grader.pipeline import retrained, versions
from grader.probe import VERSION as PROBE_VERSION
from grader.verification.rebuild import RetrainPlan

log = logging.getLogger(__name__)

MUTANT_RUNS = 2
"""Seeds per accuracy mutant."""

Notify = Callable[[str, int, int], None]
Wanted = tuple[str, Document, int]
"""A run: what people call it, the document, the seed."""
Judged = tuple[tuple[CheckResult, ...], Evidence]
T = TypeVar("T")


@dataclass(frozen=True)
class Runner:
    """Runs instructor notebooks under seeds, keeping what was run: a second calibration resumes."""

    bench: Bench
    store: EvidenceStore
    workers: int = 2
    notify: Notify = lambda what, done, total: None

    def run(self, assignment: str, document: Document, seed: int) -> Evidence:
        """Evidence of one run, kept by content.

        Raises:
            CourseError: the sandbox failed.
        """
        bench = replace(self.bench, seed=seed)
        inputs = self._inputs(assignment, document, seed, "calibration")
        kept = self.store.get(inputs.key)
        if kept is not None:
            return kept
        evidence = bench.collect(assignment, document).evidence
        if evidence.ended is Ended.FAILED:
            raise CourseError("course.run_failed", id=assignment, name=document.path)
        return self.store.put(inputs.key, evidence)

    def run_all(self, assignment: str, wanted: Sequence[Wanted]) -> list[Evidence]:
        """Evidence of the wanted runs, in their order, several at once."""
        return self._all(wanted, lambda document, seed: self.run(assignment, document, seed))

    def judge_all(self, loaded: Loaded, wanted: Sequence[Wanted]) -> list[Judged]:
        """The same with the verdicts on each; what had to be retrained for them is kept too."""
        return self._all(wanted, lambda document, seed: self.judge(loaded, document, seed))

    def judge(self, loaded: Loaded, document: Document, seed: int) -> Judged:
        """Verdicts on one run, and its evidence with the retrainings they rest on."""
        evidence = self.run(loaded.assignment.id, document, seed)
        results, grown = retrained(loaded, evidence, lambda: self.bench.rebuilder)
        if grown is not evidence:
            key = self._inputs(loaded.assignment.id, document, seed, "calibration").key
            grown = self.store.put(key, grown)
        return results, grown

    def _all(self, wanted: Sequence[Wanted], do: Callable[[Document, int], T]) -> list[T]:
        done = 0

        def one(item: Wanted) -> T:
            nonlocal done
            label, document, seed = item
            found = do(document, seed)
            done += 1
            self.notify(f"{label} · {seed}", done, len(wanted))
            return found

        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(one, wanted))

    def retrain_all(self, assignment: str, source: Source, episode: Episode, seeds: int) -> list[float]:
        """Test accuracies of an episode's net trained anew under seeds 1 to `seeds`, in the clean sandbox.

        The recipe (net, optimizer, loss, batch size, rows, scaling of the inputs) is the notebook's own,
        the training is what the notebook's fit does, in a process that is warm: minutes become seconds.
        """
        found = []
        for seed in range(1, seeds + 1):
            value = self._retrain(assignment, source, episode, seed)
            if value is not None:
                found.append(value)
            self.notify(f"{source.name} · {seed}", seed, seeds)
        return found

    def _retrain(self, assignment: str, source: Source, episode: Episode, seed: int) -> float | None:
        key = self._inputs(assignment, source.document, seed, f"retrained {episode.number}").key
        kept = self.store.get(key)
        if kept is not None:
            return kept.retrainings[0].accuracy
        plan = RetrainPlan(episode.rows_trained, episode.batch_size, seed)
        made = self.bench.rebuilder.retrain(episode, plan)
        if made is None:
            return None
        kept = Evidence(assignment, self.bench.budget.level, seed, self.bench.data, Ended.COMPLETED)
        self.store.put(key, msgspec.structs.replace(kept, retrainings=(made,)))
        return made.accuracy

    def _inputs(self, assignment: str, document: Document, seed: int, plan: str) -> Inputs:
        return Inputs(
            submission=_digest(document),
            assignment=assignment,
            budget=self.bench.budget,
            data=self.bench.served.fingerprint,
            seed=seed,
            probe=PROBE_VERSION,
            plan=f"{plan} {SCHEMA}",
            versions=versions(),
        )


def _digest(document: Document) -> str:
    sources = [(c.index, str(c.kind), c.source, c.tags) for c in document.cells]
    return hashlib.sha256(msgspec.json.encode(sources)).hexdigest()


def calibrate(loaded: Loaded, runner: Runner, *, seeds: int) -> Expected:
    """Expected values with the bands of the runner's data and level replaced by newly measured ones.

    Bands of other data and levels are kept. Seeds run from 1; `grade validate` uses others.

    Raises:
        CourseError: fewer than `MIN_RUNS` seeds, or a reference that has no training for a check.
    """
    if seeds < MIN_RUNS:
        raise CourseError("course.few_seeds", seeds=seeds, least=MIN_RUNS)
    assignment = loaded.assignment
    level, data = runner.bench.budget.level, runner.bench.served.fingerprint
    full = level is Level.FULL
    sources = (solution(loaded), *variants(loaded))
    # What a notebook declares is known after a quick run; only the trainings asked for are then run in full.
    quick = replace(runner, bench=replace(runner.bench, budget=BUDGETS[Level.QUICK])) if full else runner
    first = quick.run_all(assignment.id, [(s.name, s.document, 1) for s in sources])
    models = expected_models(loaded, list(zip(sources, first, strict=True)))
    expected = Expected(
        assignment.id, models, (), versions(), inputs_digest(loaded), boilerplate=loaded.expected.boilerplate
    )
    kept = tuple(b for b in loaded.expected.bands if (b.level, b.data) != (level, data))
    bands: list[MeasuredBand] = []
    if level is not Level.STRUCTURE:
        for check in (c for c in assignment.checks if isinstance(c, InBand)):
            runs = list(zip(sources, first, strict=True))
            # Hours a variant: at full the reference alone is measured.
            bands += _bands(check, loaded, expected, runner, runs[:1] if full else runs, seeds)
    return msgspec.structs.replace(expected, bands=(*kept, *bands), boilerplate=())


def expected_models(loaded: Loaded, runs: Sequence[tuple[Source, Evidence]]) -> tuple[ExpectedModel, ...]:
    """The networks of the reference, then those of variants that are built differently, per check.

    Raises:
        CourseError: the reference has no network for a structure check.
    """
    models: list[ExpectedModel] = []
    for check in (c for c in loaded.assignment.checks if isinstance(c, Architecture)):
        for source, evidence in runs:
            # Only this check's networks: beside a sibling's that is known, one that is not yet would lose.
            known = Expected(loaded.assignment.id, tuple(m for m in models if m.check == check.id))
            found = (
                check.where.training(evidence, known)
                if check.trained
                else check.where.network(evidence, known)
            )
            if found is None:
                if source.name == "reference":
                    raise CourseError("course.no_network", id=loaded.assignment.id, check=check.id)
                continue
            alike = [
                m
                for m in models
                if m.check == check.id and not differences(m.graph, found.graph, scaled=check.scaled)
            ]
            if not alike:
                verified = found.verified if isinstance(found, Episode) else None
                params = verified.params if verified else found.graph.params
                models.append(ExpectedModel(check.id, source.name, found.graph, params))
    return tuple(models)


def _bands(
    check: InBand,
    loaded: Loaded,
    expected: Expected,
    runner: Runner,
    firsts: Iterable[tuple[Source, Evidence]],
    seeds: int,
) -> list[MeasuredBand]:
    """One band per variant that has a training for the check."""
    bands = []
    faulty: list[float] = []
    for source, first in firsts:
        episode = check.where.training(first, expected)
        if episode is None or episode.compilation is None:
            continue
        if source.name == "reference":
            faulty = _faulty_runs(check, loaded, expected, runner, episode.cell)
        if runner.bench.budget.level is Level.FULL:
            episode = _as_declared(episode)
        values = runner.retrain_all(loaded.assignment.id, source, episode, seeds)
        if len(values) < MIN_RUNS:
            log.warning("%s: %s has only %d usable runs", check.id, source.name, len(values))
            continue
        bands.append(_band(check, source, runner, episode, values, faulty))
    return bands


def _as_declared(episode: Episode) -> Episode:
    """The training with all the rows its notebook asked for."""
    rows = round(episode.x.train * (1 - episode.validation_split))
    return msgspec.structs.replace(episode, rows_trained=episode.epochs * rows)


def _band(
    check: InBand,
    source: Source,
    runner: Runner,
    episode: Episode,
    values: Sequence[float],
    faulty: Sequence[float],
) -> MeasuredBand:
    assert episode.compilation is not None
    sample = Sample.of(values)
    bounds = sample.prediction()
    rejected = sum(value < bounds.low for value in faulty)
    return MeasuredBand(
        check=check.id,
        variant=source.name,
        level=runner.bench.budget.level,
        data=runner.bench.served.fingerprint,
        signature=signature(episode.graph),
        optimizer=episode.compilation.optimizer,
        loss=episode.compilation.loss,
        batch_size=episode.batch_size,
        rows=episode.rows_trained,
        epochs=episode.epochs,
        n=sample.n,
        mean=round(sample.mean, 5),
        sd=round(sample.sd, 5),
        low=round(bounds.low, 5),
        high=round(bounds.high, 5),
        rejects=rejected / len(faulty) if faulty else None,
        mutant_runs=len(faulty),
    )


def _faulty_runs(check: InBand, loaded: Loaded, expected: Expected, runner: Runner, cell: int) -> list[float]:
    """Accuracies of the mutants whose fault a band is there to see, over several seeds.

    Mutants are edits of the solution, so its training's cell is theirs too.
    """
    if runner.bench.budget.level is Level.FULL:
        return []  # hours of training nets that are known to be wrong: power is measured at quick
    wanted = [
        (m.id, until(m.document, cell), seed)
        for m in mutants(loaded)
        if m.accuracy and _about(m, check)
        for seed in range(1, MUTANT_RUNS + 1)
    ]
    runs = runner.run_all(loaded.assignment.id, wanted)
    return [v for e in runs if (v := _accuracy(check, e, expected)) is not None]


def _about(mutant: Mutant, check: InBand) -> bool:
    return check.id in mutant.checks


def _accuracy(check: InBand, evidence: Evidence, expected: Expected) -> float | None:
    episode = check.where.training(evidence, expected)
    return None if episode is None else measured(evidence, episode)[0]

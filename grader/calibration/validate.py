"""Proves an assignment sound before a student sees it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import msgspec

from grader.calibration.calibrate import Runner
from grader.calibration.operators import generic_mutants
from grader.calibration.sources import Mutant, Source, mutants, solution, starter, variants
from grader.calibration.statistics import clopper_pearson
from grader.course import Loaded
from grader.model.budget import BUDGETS, Level
from grader.model.result import CheckResult, Grade, Status
from grader.scoring.score import grade

FIRST_SEED = 1001
"""Calibration uses seeds from 1: a band is not proved on the runs it was made of."""
ACCEPTED = {Status.PASSED, Status.REVIEW}
NEVER_MACHINE = {Status.REVIEW, Status.UNGRADED, Status.UNDECIDED}


@dataclass(frozen=True, slots=True)
class Deviation:
    """A verdict that is not the declared one."""

    source: str
    seed: int
    check: str
    expected: str
    got: str


class Soundness(msgspec.Struct, frozen=True):
    """The outcome of one validation: committed beside the references."""

    assignment: str
    level: Level
    data: str
    inputs: str
    """Digest of all that was validated; stale when it differs."""
    accepted_runs: int
    """Runs of the reference and its accepted variants, on seeds disjoint from calibration."""
    false_rejects: int
    false_reject_bound: float
    """Upper end of the 95 % Clopper-Pearson interval of the rate."""
    retrainings: int
    mutants: int
    mutants_as_declared: int
    starter_points: str
    generic: int
    generic_survivors: tuple[str, ...]
    deviations: tuple[str, ...]

    @property
    def sound(self) -> bool:
        return not self.deviations and self.mutants == self.mutants_as_declared


@dataclass(frozen=True)
class Validation:
    """What `grade validate` runs.

    `seeds` runs of every accepted source, one of every mutant, and the generic ones at `structure`.
    """

    loaded: Loaded
    runner: Runner
    seeds: int
    generic: int = 40
    """Most generic mutants tried, spread evenly over those there are."""

    def run(self, inputs: str) -> Soundness:
        accepted = self._accepted()
        reference = self._reference_verdicts()
        faulty = self._mutants(reference)
        points = self._starter()
        survivors, tried = self._generic()
        runs = self.seeds * len(self._sources())
        rejects = {(d.source, d.seed) for d in accepted.deviations}
        bound = clopper_pearson(len(rejects), runs).high
        deviations = [*accepted.deviations, *faulty]
        if points:
            deviations.append(Deviation("starter", FIRST_SEED, "*", "0", str(points)))
        declared = mutants(self.loaded)
        wrong = {d.source for d in faulty}
        return Soundness(
            assignment=self.loaded.assignment.id,
            level=self.runner.bench.budget.level,
            data=self.runner.bench.served.source,
            inputs=inputs,
            accepted_runs=runs,
            false_rejects=len(rejects),
            false_reject_bound=round(bound, 4),
            retrainings=accepted.retrainings,
            mutants=len(declared),
            mutants_as_declared=len(declared) - len(wrong),
            starter_points=str(points),
            generic=tried,
            generic_survivors=survivors,
            deviations=tuple(
                f"{d.source} ({d.seed}) {d.check}: {d.got}, not {d.expected}" for d in deviations
            ),
        )

    def _sources(self) -> tuple[Source, ...]:
        return (solution(self.loaded), *variants(self.loaded))

    def _accepted(self) -> Accepted:
        """Every accepted source on every seed: all its machine points, or it is a false reject."""
        wanted = [(s.name, s.document, FIRST_SEED + n) for n in range(self.seeds) for s in self._sources()]
        found: list[Deviation] = []
        retrainings = 0
        judged = self.runner.judge_all(self.loaded, wanted)
        for (name, _, seed), (results, grown) in zip(wanted, judged, strict=True):
            retrainings += len(grown.retrainings)
            found += [
                Deviation(name, seed, r.check, "passed", str(r.status))
                for r in results
                if r.status not in ACCEPTED
            ]
        return Accepted(tuple(found), retrainings)

    def _reference_verdicts(self) -> dict[str, Status]:
        results, _ = self.runner.judge(self.loaded, solution(self.loaded).document, FIRST_SEED)
        return {r.check: r.status for r in results}

    def _mutants(self, reference: dict[str, Status]) -> list[Deviation]:
        """Each mutant: the reference's verdicts but for those declared; a trick: its twin's points."""
        declared = mutants(self.loaded)
        found_of = self.runner.judge_all(self.loaded, [(m.id, m.document, FIRST_SEED) for m in declared])
        judged = {m.id: results for m, (results, _) in zip(declared, found_of, strict=True)}
        found: list[Deviation] = []
        for mutant in declared:
            if mutant.equals:
                found += _unequal(mutant, judged, self.loaded, reference)
            else:
                expected = {**reference, **mutant.checks}
                found += [
                    Deviation(mutant.id, FIRST_SEED, r.check, str(expected[r.check]), str(r.status))
                    for r in judged[mutant.id]
                    if r.status is not expected[r.check]
                ]
        return found

    def _starter(self) -> Decimal:
        source = starter(self.loaded)
        if source is None:
            return Decimal(0)
        results, _ = self.runner.judge(self.loaded, source.document, FIRST_SEED)
        return grade(self.loaded.assignment, results).earned

    def _generic(self) -> tuple[tuple[str, ...], int]:
        """Generic mutants at `structure` (seconds each): those that change no verdict survive."""
        every = generic_mutants(solution(self.loaded).document)
        step = max(1, -(-len(every) // self.generic)) if every else 1
        tried = every[::step]
        quick = self.runner
        bench = replace(quick.bench, budget=BUDGETS[Level.STRUCTURE])
        runner = replace(quick, bench=bench)
        base = _verdicts(runner.judge(self.loaded, solution(self.loaded).document, FIRST_SEED)[0])
        judged = runner.judge_all(self.loaded, [(g.id, g.document, FIRST_SEED) for g in tried])
        alive = [g.id for g, (results, _) in zip(tried, judged, strict=True) if _verdicts(results) == base]
        return tuple(alive), len(tried)


def _verdicts(results: tuple[CheckResult, ...]) -> dict[str, tuple[Status, object]]:
    return {r.check: (r.status, r.fraction) for r in results}


@dataclass(frozen=True, slots=True)
class Accepted:
    deviations: tuple[Deviation, ...]
    retrainings: int


def _unequal(
    mutant: Mutant,
    judged: dict[str, tuple[CheckResult, ...]],
    loaded: Loaded,
    reference: dict[str, Status],
) -> list[Deviation]:
    """Where a trick changed the points: it must earn just what its honest twin does."""
    twin = judged.get(mutant.equals or "")
    honest = _earned(grade(loaded.assignment, twin)) if twin else None
    tricked = _earned(grade(loaded.assignment, judged[mutant.id]))
    if honest is None:  # the twin is the reference itself
        return [
            Deviation(mutant.id, FIRST_SEED, r.check, str(reference[r.check]), str(r.status))
            for r in judged[mutant.id]
            if r.status is not reference[r.check]
        ]
    return [
        Deviation(mutant.id, FIRST_SEED, check, str(points), str(tricked[check]))
        for check, points in honest.items()
        if tricked[check] != points
    ]


def _earned(given: Grade) -> dict[str, Decimal]:
    return {s.result.check: s.earned for e in given.exercises for s in e.scored}

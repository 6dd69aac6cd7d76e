"""Checks of what a network learned, against what reference runs reach on the same data and budget."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from grader.checks.architecture import signature
from grader.checks.base import Rule, code_runs, compare
from grader.checks.evaluated import HANDFUL
from grader.checks.select import Where
from grader.model.budget import Level
from grader.model.evidence import Compilation, Episode, Evidence, Provenance
from grader.model.expected import Expected, MeasuredBand
from grader.model.result import CheckResult, Comparison, Status

POWER = 0.9
"""Share of its own accuracy mutants' runs a band must reject to carry points (DESIGN, promise 3)."""
CHANCE = 0.1
PRETRAINED = 0.3
"""Initial accuracy that no untrained ten-class net showed in calibration (largest seen: 0.21)."""
LABELS = 0.99
RETRAININGS = 2
"""Most retrainings asked for; the second with more rows."""
SPREAD = 4
"""Standard deviations between two runs of one recipe: their difference passes it once in 400."""
SD_FLOOR = 0.01
"""Smallest standard deviation reckoned with: a band's own is measured on few runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InBand(Rule):
    """The trained net's test accuracy is one that a reference run could have given.

    A student who mended the training and ran it again is judged by the best of the tries.

    The order of judging, each step only when those before did not settle it:

    1. A net fitted on test images, or on labels that are not the images' own, fails. An accuracy that we
       could not measure ourselves goes to a person.
    2. A net that was trained before this fit, saw test images beside the others, or is better than any
       reference run (weights from elsewhere), is judged by our own retraining of it from scratch.
    3. An accuracy in the band of the net's own recipe passes. Without a band for its recipe the lowest
       band serves, and our own retraining must confirm it.
    4. A miss is retrained by us with the student's settings. If ours reaches the band too but the
       student's is far outside, their own training is at fault; a near miss is put down to chance.
    5. If ours misses as well it is trained on with more rows: a slow but sound recipe passes.

    What would pass goes to a person where a callback of the student's own put weights in the net: no step
    of a training led to them.
    """

    where: Where

    def __call__(self, evidence: Evidence, expected: Expected) -> CheckResult:
        if not code_runs(evidence):
            return self.end(Status.UNGRADED, "level.not_run")
        if evidence.level is Level.STRUCTURE:
            return self.end(Status.UNGRADED, "accuracy.level")
        episode = max(
            self.where.tries(evidence, expected), key=lambda e: _standing(evidence, e), default=None
        )
        if episode is None:
            return self.failed("training.absent")
        bands = [
            b
            for b in expected.bands_for(self.id)
            if b.level is evidence.level and b.data == evidence.data.fingerprint
        ]
        if not bands:
            return self.review("accuracy.no_band", episode=episode.number)
        # A band that lets its own mutants pass cannot judge: a net of that recipe is judged like one
        # without a band, by what it learns when we give it more rows.
        sharp = [b for b in bands if b.rejects is None or b.rejects >= POWER]
        if not sharp:
            return self.end(Status.UNGRADED, "accuracy.blunt", episode=episode.number)
        matched = next((b for b in sharp if applies(b, episode)), None)
        result = self._judge(evidence, episode, matched or _widest(sharp), known=matched is not None)
        if result.status is Status.PASSED and episode.weights_replaced:
            return self.review("accuracy.replaced", comparisons=result.comparisons, episode=episode.number)
        return result

    def _judge(self, evidence: Evidence, episode: Episode, band: MeasuredBand, *, known: bool) -> CheckResult:
        if episode.x.test > episode.x.train:
            return self.failed("accuracy.fitted_on_test", episode=episode.number, n=episode.x.test)
        accuracy, provenance = measured(evidence, episode)
        if episode.x.label_agreement is not None and episode.x.label_agreement < LABELS:
            return self.failed(
                "accuracy.labels", episode=episode.number, share=f"{episode.x.label_agreement:.0%}"
            )
        if accuracy is None:
            return self.review("accuracy.unknown", episode=episode.number)
        row = _row(band, accuracy, provenance)
        if provenance is not Provenance.VERIFIED:
            # What a net says of itself can be made up (a table of test labels scores 1.0): a person looks.
            return self.review(
                "accuracy.unverified", comparisons=(row,), episode=episode.number, observed=row.observed
            )
        why = _not_its_own(evidence, episode) or ("too_good" if accuracy > band.high else None)
        if why:
            return self._from_scratch(evidence, episode, band, row, why)
        if accuracy < band.low:
            return self._missed(evidence, episode, band, row, accuracy)
        # At full a retraining would double hours of work: only a training too short for it is repeated.
        if not known and (evidence.level is Level.QUICK or episode.rows_trained < band.rows / 2):
            return self._confirmed(evidence, episode, band, row, accuracy)
        return self._reached(episode, band, row, accuracy)

    def _reached(self, episode: Episode, band: MeasuredBand, row: Comparison, accuracy: float) -> CheckResult:
        return self.passed(
            "accuracy.passed",
            comparisons=(row,),
            episode=episode.number,
            value=f"{accuracy:.3f}",
            low=f"{band.low:.3f}",
        )

    def _confirmed(
        self, evidence: Evidence, episode: Episode, band: MeasuredBand, row: Comparison, accuracy: float
    ) -> CheckResult:
        """The same recipe, trained by us, must come near: else the weights are not this training's."""
        again = _repeated(evidence, episode, band)
        enough = min(band.low, accuracy - SPREAD * max(band.sd, SD_FLOOR))
        if any(ours >= enough for ours in again):
            return self._reached(episode, band, row, accuracy)
        return self.end(
            Status.REVIEW,
            "accuracy.unconfirmed",
            comparisons=(row,),
            episode=episode.number,
            wants_retraining=episode.number if len(again) < _worth(episode, band) else None,
            value=f"{accuracy:.3f}",
            ours=f"{max(again, default=0.0):.3f}",
        )

    def _missed(
        self, evidence: Evidence, episode: Episode, band: MeasuredBand, row: Comparison, accuracy: float
    ) -> CheckResult:
        again = _repeated(evidence, episode, band)
        value, low = f"{accuracy:.3f}", f"{band.low:.3f}"
        if len(again) < _worth(episode, band) and (not again or again[0] < band.low):
            return self.end(
                Status.FAILED,
                "accuracy.missed",
                comparisons=(row,),
                episode=episode.number,
                wants_retraining=episode.number,
                value=value,
                low=low,
            )
        ours = again[0] if again[0] >= band.low else again[-1]
        if again[0] >= band.low:
            key = "accuracy.near" if accuracy >= far_below(band) else "accuracy.own_training"
        else:
            slow = ours >= band.low and accuracy >= again[0] - SPREAD * max(band.sd, SD_FLOOR)
            key = "accuracy.slow" if slow else "accuracy.missed"
        passed = key in {"accuracy.near", "accuracy.slow"}
        return self.end(
            Status.PASSED if passed else Status.FAILED,
            key,
            comparisons=(row,),
            episode=episode.number,
            value=value,
            ours=f"{ours:.3f}",
            low=low,
        )

    def _from_scratch(
        self, evidence: Evidence, episode: Episode, band: MeasuredBand, row: Comparison, why: str
    ) -> CheckResult:
        """What this fit shows is not what it taught the net: that is measured by us, on training images."""
        again = _repeated(evidence, episode, band)
        best = max(again, default=0.0)
        if best >= band.low:
            return self.passed(
                f"accuracy.{why}.sound", comparisons=(row,), episode=episode.number, ours=f"{best:.3f}"
            )
        return self.end(
            Status.FAILED,
            f"accuracy.{why}",
            comparisons=(row,),
            episode=episode.number,
            wants_retraining=episode.number if len(again) < _worth(episode, band) else None,
        )


def _standing(evidence: Evidence, episode: Episode) -> tuple[bool, bool, bool, bool, float, int]:
    """Order of a student's tries: sound labels, data and weights, from scratch, accuracy, the earliest."""
    accuracy, _ = measured(evidence, episode)
    return (
        episode.x.label_agreement is None or episode.x.label_agreement >= LABELS,
        not episode.x.test,
        not episode.weights_replaced,
        not _pretrained(evidence, episode),
        -1.0 if accuracy is None else accuracy,
        -episode.number,
    )


def applies(band: MeasuredBand, episode: Episode) -> bool:
    """Whether a band was measured for this architecture, optimizer, loss, batch size, budget and weights."""
    compilation = episode.compilation
    return (
        compilation is not None
        and band.signature == signature(episode.graph)
        and band.batch_size == episode.batch_size
        and abs(band.rows - episode.rows_trained) <= 0.05 * band.rows
        and _same_optimizer(band, compilation)
        and "Crossentropy" in compilation.loss.kind
        and not episode.sample_weighted
    )


def _same_optimizer(band: MeasuredBand, compilation: Compilation) -> bool:
    theirs, ours = compilation.optimizer, band.optimizer
    if theirs.kind != ours.kind or theirs.learning_rate is None or ours.learning_rate is None:
        return False
    same_rate = abs(theirs.learning_rate - ours.learning_rate) <= 0.02 * ours.learning_rate
    return same_rate and theirs.config.get("momentum") == ours.config.get("momentum")


def far_below(band: MeasuredBand) -> float:
    """Accuracy that one run in 100,000 of a sound net would miss: 4.3 standard errors under the mean.

    With the n of a calibration (8 or more) the t distribution's tail is wider than the normal's; twice
    the distance from mean to the 99 % bound (t = 2.9 at n = 9) covers it.
    """
    return band.mean - 2 * (band.mean - band.low)


def measured(evidence: Evidence, episode: Episode) -> tuple[float | None, Provenance]:
    """The best known test accuracy of an episode's net: rebuilt, else as its own evaluation gave."""
    if episode.diverged:
        return CHANCE, Provenance.VERIFIED
    if episode.verified and episode.verified.accuracy is not None:
        return episode.verified.accuracy, Provenance.VERIFIED
    for call in evidence.evaluations:
        if call.model == episode.model and call.cell >= episode.cell and call.x.test and not call.x.train:
            accuracy = next((v for k, v in call.results.items() if "acc" in k and v is not None), None)
            if accuracy is not None:
                return accuracy, Provenance.OBSERVED
    if episode.validation_x and episode.validation_x.test:
        values = next((v for k, v in episode.history.items() if k in {"val_accuracy", "val_acc"}), ())
        if values and values[-1] is not None:
            return values[-1], Provenance.OBSERVED
    return None, Provenance.OBSERVED


def _widest(bands: list[MeasuredBand]) -> MeasuredBand:
    """For a recipe of its own: from the lowest variant's low end to the highest variant's high end."""
    return msgspec.structs.replace(min(bands, key=lambda b: b.low), high=max(b.high for b in bands))


def _pretrained(evidence: Evidence, episode: Episode) -> bool:
    before = episode.verified.initial_accuracy if episode.verified else None
    return before is not None and before > PRETRAINED


def _not_its_own(evidence: Evidence, episode: Episode) -> str | None:
    """Why an accuracy on test images is not what this fit taught; None when it is."""
    if _pretrained(evidence, episode):
        return "pretrained"
    # Pooling all 70,000 images and splitting them anew is no trick, but our test images are among them.
    return "saw_test" if episode.x.test > HANDFUL else None


def _worth(episode: Episode, band: MeasuredBand) -> int:
    """How many retrainings tell something: more rows only stand in for those that the budget took away."""
    return RETRAININGS if episode.rows_trained >= band.rows / 2 else 1


def _repeated(evidence: Evidence, episode: Episode, band: MeasuredBand) -> list[float]:
    """Accuracies of our own retrainings of an episode, those that count."""
    found = [r.accuracy for r in evidence.retrainings if r.episode == episode.number]
    return found[: _worth(episode, band)]


def _row(band: MeasuredBand, accuracy: float, provenance: Provenance) -> Comparison:
    expected = f"{band.low:.3f} – {band.high:.3f} (n = {band.n}, {band.variant})"
    return compare("accuracy.row", expected, f"{accuracy:.3f}", provenance, agrees=accuracy >= band.low)

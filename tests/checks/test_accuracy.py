"""InBand's decision tree, step by step, and what counts as measured on other data."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from grader.checks.accuracy import CHANCE, InBand, applies, far_below, measured
from grader.checks.architecture import signature
from grader.checks.select import Where
from grader.model.budget import Level
from grader.model.evidence import Episode, Optimizer, Provenance, Retraining, Trace
from grader.model.result import CheckResult, Status

from .factory import (
    ALL_TEST,
    ALL_TRAIN,
    DENSE_NET,
    TITLE,
    TUTORIAL,
    band,
    compiled,
    conv,
    episode,
    evaluation,
    evidence,
    expected,
    graph,
    notebook,
    retrained,
    seen,
    verified,
    wanted,
)

WHERE = Where("1", ("1", "3"), like="1.net")
CHECK = InBand(id="1.accuracy", title=TITLE, points=Decimal(1), where=WHERE)
BAND = band("1.accuracy", signature(TUTORIAL))
KNOWN = expected(wanted("1.net", TUTORIAL), bands=(BAND,))
SPLIT = {"validation": "split", "validation_split": 0.2}
NOISE = seen(unknown=500)
FAR, NEAR, GOOD = 0.5, 0.79, 0.85


def judge(*trainings: Episode, retrainings: tuple[Retraining, ...] = (), **fields: object) -> CheckResult:
    return CHECK(evidence(episodes=trainings, retrainings=retrainings, **fields), KNOWN)


def reached(accuracy: float | None, initial: float = 0.1, **fields: object) -> Episode:
    return episode(verified=verified(accuracy, initial), **fields)


# ---- before judging -------------------------------------------------------------------------------
def test_what_cannot_be_judged_is_ungraded_or_a_person_s() -> None:
    """Nothing run, one step per fit, no band for these data."""
    ran = evidence(episodes=(episode(),))
    static = CHECK(evidence(cells=notebook("x")), KNOWN)
    structure = CHECK(evidence(level=Level.STRUCTURE, episodes=(episode(),)), KNOWN)
    assert (static.status, static.message.key) == (Status.UNGRADED, "level.not_run")
    assert (structure.status, structure.message.key) == (Status.UNGRADED, "accuracy.level")
    assert CHECK(ran, expected(wanted("1.net", TUTORIAL))).message.key == "accuracy.no_band"
    assert CHECK(ran, expected(wanted("1.net", TUTORIAL))).status is Status.REVIEW


@pytest.mark.parametrize("other", [{"level": Level.FULL}, {"data": "stand-in"}])
def test_a_band_of_another_level_or_dataset_does_not_apply(other: dict[str, object]) -> None:
    """Bands are keyed by budget and by the fingerprint of the data."""
    known = expected(wanted("1.net", TUTORIAL), bands=(msgspec.structs.replace(BAND, **other),))
    assert CHECK(evidence(episodes=(episode(),)), known).message.key == "accuracy.no_band"


def test_a_band_that_rejects_too_few_mutants_carries_no_points() -> None:
    """Under nine in ten it could pass anything."""
    known = expected(wanted("1.net", TUTORIAL), bands=(msgspec.structs.replace(BAND, rejects=0.89),))
    found = CHECK(evidence(episodes=(episode(),)), known)
    assert (found.status, found.message.key) == (Status.UNGRADED, "accuracy.blunt")


def test_beside_a_sharp_band_a_blunt_one_is_not_asked() -> None:
    """Its low end near chance would let every net pass that has no band of its own."""
    blunt = msgspec.structs.replace(BAND, low=0.0, rejects=0.0)
    sharp = msgspec.structs.replace(BAND, variant="other", signature="other")
    known = expected(wanted("1.net", TUTORIAL), bands=(blunt, sharp))
    found = CHECK(evidence(episodes=(reached(0.3),)), known)
    assert (found.message.key, found.wants_retraining) == ("accuracy.missed", 0)


def test_nothing_trained_fails() -> None:
    """And says so."""
    assert judge().message.key == "training.absent"


# ---- step 3: within the band ----------------------------------------------------------------------
@pytest.mark.parametrize("accuracy", [0.80, GOOD, 0.88])
@pytest.mark.parametrize("x", [ALL_TRAIN, seen(train=60_000, test=100)], ids=["train", "a handful of test"])
def test_3_an_accuracy_in_the_band_passes(accuracy: float, x: Trace) -> None:
    """Both ends belong to it."""
    found = judge(reached(accuracy, x=x))
    assert (found.status, found.message.key) == (Status.PASSED, "accuracy.passed")


def test_3_an_unknown_recipe_is_held_to_the_lowest_band() -> None:
    """From the lowest variant's low end to the highest variant's high end."""
    low = msgspec.structs.replace(BAND, variant="slow", low=0.60, signature="other")
    known = expected(wanted("1.net", TUTORIAL), bands=(BAND, low))
    wider = graph(*TUTORIAL.layers[:1], conv(32, padding="same"), *TUTORIAL.layers[2:])
    ran = evidence(episodes=(reached(0.65, net=wider),), retrainings=(retrained(0.64),))
    assert CHECK(ran, known).status is Status.PASSED
    assert CHECK(evidence(episodes=(reached(0.65),)), known).status is Status.FAILED


# ---- step 2: labels and weights from elsewhere ----------------------------------------------------
def test_2_shuffled_labels_fail_at_once() -> None:
    """A retraining on sound labels would hide the fault."""
    found = judge(reached(FAR, x=seen(train=60_000, label_agreement=0.1)))
    assert (found.message.key, found.wants_retraining) == ("accuracy.labels", None)


@pytest.mark.parametrize(
    ("ours", "key", "wants"),
    [
        ((), "", 0),
        ((0.5,), "", 0),
        ((0.5, 0.6), "", None),
        ((0.85,), ".sound", None),
        ((0.5, 0.85), ".sound", None),
    ],
)
@pytest.mark.parametrize(("accuracy", "initial", "why"), [(0.85, 0.9, "pretrained"), (0.95, 0.1, "too_good")])
def test_2_weights_from_elsewhere_are_trained_anew(
    accuracy: float, initial: float, why: str, ours: tuple[float, ...], key: str, wants: int | None
) -> None:
    """Trained before the fit, or better than any reference: what it learns from scratch decides."""
    found = judge(reached(accuracy, initial), retrainings=tuple(retrained(a) for a in ours))
    assert (found.message.key, found.wants_retraining) == (f"accuracy.{why}{key}", wants)
    assert (found.status is Status.PASSED) == (key == ".sound")


@pytest.mark.parametrize("x", [ALL_TEST, seen(test=50), seen(train=100, test=9_000)])
@pytest.mark.parametrize("accuracy", [FAR, GOOD, 0.95])
def test_1_a_net_fitted_on_the_test_set_fails(accuracy: float, x: Trace) -> None:
    """What it says of images it has seen tells nothing, and our own retraining would hide the fault."""
    found = judge(reached(accuracy, x=x), retrainings=(retrained(GOOD),))
    assert (found.status, found.message.key) == (Status.FAILED, "accuracy.fitted_on_test")


def test_2_test_images_beside_the_others_leave_it_to_our_own_training() -> None:
    """Pooling and splitting all 70,000 images anew is no trick; the accuracy on our test images is void."""
    pooled = reached(GOOD, x=seen(train=48_000, test=8_000))
    asked = judge(pooled)
    assert (asked.message.key, asked.wants_retraining) == ("accuracy.saw_test", 0)
    sound = judge(pooled, retrainings=(retrained(GOOD),))
    assert (sound.status, sound.message.key) == (Status.PASSED, "accuracy.saw_test.sound")
    slow = judge(pooled, retrainings=(retrained(FAR), retrained(FAR)))
    assert (slow.status, slow.wants_retraining) == (Status.FAILED, None)


@pytest.mark.parametrize(
    ("fields", "retrainings"),
    [
        ({"verified": verified(GOOD)}, ()),
        ({"verified": verified(NEAR)}, (retrained(GOOD),)),
        ({"verified": verified(GOOD, initial=0.9)}, (retrained(GOOD),)),
    ],
    ids=["in the band", "near it", "trained before"],
)
def test_weights_that_a_callback_put_there_are_a_person_s(
    fields: dict[str, object], retrainings: tuple[Retraining, ...]
) -> None:
    """Whatever would pass: no step of the training led to these weights."""
    found = judge(episode(weights_replaced=True, **fields), retrainings=retrainings)
    assert (found.status, found.message.key) == (Status.REVIEW, "accuracy.replaced")
    assert judge(episode(**fields), retrainings=retrainings).status is Status.PASSED


def test_weights_that_a_callback_put_there_excuse_no_miss() -> None:
    """A miss stays one, and a try without such a callback comes first."""
    replaced = episode(verified=verified(FAR), weights_replaced=True)
    assert judge(replaced, retrainings=(retrained(FAR), retrained(FAR))).status is Status.FAILED
    own = reached(GOOD, number=1)
    assert judge(episode(weights_replaced=True), own).episode == 1


def test_3_rows_that_count_unlike_make_a_recipe_of_its_own() -> None:
    """No band was measured with sample weights: our own training must confirm the accuracy."""
    weighted = episode(sample_weighted=True)
    assert not applies(BAND, weighted)
    assert judge(weighted).wants_retraining == 0
    assert judge(weighted, retrainings=(retrained(GOOD),)).status is Status.PASSED


@pytest.mark.parametrize("initial", [0.05, 0.1, 0.21, 0.3])
def test_2_an_untrained_start_is_near_chance(initial: float) -> None:
    """Random weights reach up to 0.21."""
    assert judge(reached(GOOD, initial=initial)).message.key == "accuracy.passed"


# ---- steps 4 and 5: misses ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("why", "accuracy", "ours", "key", "wants"),
    [
        ("a miss is retrained before it costs anything", NEAR, (), "accuracy.missed", 0),
        ("ours reaches the band, theirs nearly did", NEAR, (GOOD,), "accuracy.near", None),
        ("ours reaches the band, theirs is far below", FAR, (GOOD,), "accuracy.own_training", None),
        ("ours misses too: more rows", FAR, (0.55,), "accuracy.missed", 0),
        ("with more rows it gets there", FAR, (0.53, GOOD), "accuracy.slow", None),
        (
            "with more rows it gets there, but theirs is far under our first",
            0.2,
            (0.7, GOOD),
            "accuracy.missed",
            None,
        ),
        ("it never gets there", FAR, (0.55, 0.6), "accuracy.missed", None),
    ],
)
def test_4_and_5_a_miss(
    why: str, accuracy: float, ours: tuple[float, ...], key: str, wants: int | None
) -> None:
    """Bad luck and slow recipes pass; only what stays out under our own training fails."""
    found = judge(reached(accuracy), retrainings=tuple(retrained(a) for a in ours))
    assert (found.message.key, found.wants_retraining) == (key, wants), why
    assert (found.status is Status.PASSED) == (key in {"accuracy.near", "accuracy.slow"})


def test_only_the_episode_s_own_retraining_counts() -> None:
    """Another net's retraining says nothing of this one."""
    assert judge(reached(FAR), retrainings=(retrained(GOOD, number=7),)).wants_retraining == 0


def test_a_diverged_training_is_known_to_be_at_chance() -> None:
    """Weights that are not finite predict nothing; the recipe is still retrained."""
    found = judge(episode(diverged=True, verified=None))
    assert (found.message.key, found.wants_retraining) == ("accuracy.missed", 0)
    assert measured(evidence(), episode(diverged=True)) == (CHANCE, Provenance.VERIFIED)


@pytest.mark.parametrize("accuracy", [FAR, GOOD, 1.0])
def test_1_an_accuracy_that_was_not_verified_is_a_person_s(accuracy: float) -> None:
    """The student's own process said it: it may be made up, or capped."""
    ran = evidence(episodes=(episode(verified=None),), evaluations=(evaluation(accuracy=accuracy),))
    found = CHECK(ran, KNOWN)
    assert (found.status, found.message.key) == (Status.REVIEW, "accuracy.unverified")


def test_an_accuracy_nobody_measured_is_a_person_s() -> None:
    """No rebuild, no evaluation, no validation on test."""
    assert judge(episode(verified=None)).message.key == "accuracy.unknown"


# ---- several tries --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("tries", "judged"),
    [
        ([{"verified": verified(FAR)}, {"verified": verified(GOOD)}], 1),
        ([{"verified": verified(GOOD)}, {"verified": verified(0.9, initial=0.8)}], 0),
        ([{"verified": verified(0.9), "x": seen(train=60_000, test=10)}, {"verified": verified(GOOD)}], 1),
        (
            [
                {"verified": verified(FAR), "x": seen(train=10, label_agreement=0.1)},
                {"verified": verified(NEAR)},
            ],
            1,
        ),
        ([{"verified": verified(GOOD)}, {"verified": verified(GOOD)}], 0),
        ([{"verified": None}, {"verified": verified(FAR)}], 1),
    ],
    ids=["mended", "trained on", "test in training", "labels mended", "equal", "not measured"],
)
def test_the_best_of_a_student_s_tries_is_judged(tries: list[dict[str, object]], judged: int) -> None:
    """People mend a cell and run it again."""
    found = judge(*(episode(i, **fields) for i, fields in enumerate(tries)))
    assert found.episode == judged


# ---- which band, which accuracy -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("why", "changes", "fits"),
    [
        ("as calibrated", {}, True),
        (
            "softmax with its loss",
            {"compilation": compiled("CategoricalCrossentropy", from_logits=False)},
            True,
        ),
        ("rows within a twentieth", {"rows_trained": 11_500}, True),
        ("far fewer rows", {"rows_trained": 6_000}, False),
        ("another batch size", {"batch_size": 64}, False),
        ("another network", {"graph": DENSE_NET}, False),
        ("another optimizer", {"compilation": compiled(optimizer="SGD")}, False),
        ("another learning rate", {"compilation": compiled(rate=0.01)}, False),
        ("momentum besides", {"compilation": compiled(momentum=0.9)}, False),
        ("no crossentropy", {"compilation": compiled("MeanSquaredError")}, False),
        ("never compiled", {"compilation": None}, False),
    ],
)
def test_a_band_applies_to_its_own_recipe_only(why: str, changes: dict[str, object], fits: bool) -> None:
    """Architecture, optimizer, loss, batch size and budget."""
    assert applies(BAND, episode(**changes)) is fits, why


def test_an_unknown_learning_rate_matches_no_band() -> None:
    """A schedule cannot be compared."""
    scheduled = msgspec.structs.replace(
        compiled(), optimizer=Optimizer("Adam", {"learning_rate": "schedule"})
    )
    assert not applies(BAND, episode(compilation=scheduled))


def test_far_below_lies_twice_as_far_from_the_mean_as_the_bound() -> None:
    """Mean 0.84, bound 0.80."""
    assert far_below(BAND) == pytest.approx(0.76)


def test_the_rebuild_s_accuracy_comes_first() -> None:
    """Verified before observed."""
    ran = evidence(evaluations=(evaluation(accuracy=0.7),))
    assert measured(ran, episode()) == (0.85, Provenance.VERIFIED)


@pytest.mark.parametrize(
    ("why", "fields", "calls", "value"),
    [
        ("its evaluation on test", {}, (evaluation(accuracy=0.7),), 0.7),
        ("another model's evaluation", {}, (evaluation(5),), None),
        ("an evaluation before the training", {"cell": 9}, (evaluation(cell=1),), None),
        ("an evaluation on train", {}, (evaluation(x=ALL_TRAIN),), None),
        ("an evaluation without a finite accuracy", {}, (evaluation(accuracy=None),), None),
        ("validation on test", {"validation_x": ALL_TEST, "history": {"val_accuracy": (0.1, 0.6)}}, (), 0.6),
        ("validation on train", {"validation_x": ALL_TRAIN, "history": {"val_accuracy": (0.6,)}}, (), None),
        (
            "validation that ended in NaN",
            {"validation_x": ALL_TEST, "history": {"val_acc": (0.6, None)}},
            (),
            None,
        ),
        ("validation without a metric", {"validation_x": ALL_TEST, "history": {}}, (), None),
    ],
)
def test_without_a_rebuild_the_student_s_own_measurement_is_observed(
    why: str, fields: dict[str, object], calls: tuple[object, ...], value: float | None
) -> None:
    """Only on test images, and only after the training."""
    own = episode(**{"verified": None, **fields})
    assert measured(evidence(evaluations=calls), own) == (value, Provenance.OBSERVED), why


def test_3_an_unknown_recipe_is_confirmed_by_our_own_training() -> None:
    """A callback can put any weights in a net: what counts is what this training gives."""
    low = msgspec.structs.replace(BAND, variant="slow", low=0.60, signature="other")
    known = expected(wanted("1.net", TUTORIAL), bands=(BAND, low))
    few = reached(0.84, rows_trained=32)
    asked = CHECK(evidence(episodes=(few,)), known)
    assert (asked.status, asked.wants_retraining) == (Status.REVIEW, few.number)
    never = evidence(episodes=(few,), retrainings=(retrained(0.2), retrained(0.3)))
    refused = CHECK(never, known)
    assert (refused.status, refused.wants_retraining) == (Status.REVIEW, None)
    assert refused.message.key == "accuracy.unconfirmed"


def test_more_rows_do_not_stand_in_for_a_student_s_own_few() -> None:
    """Step 5 is for what the budget took away: fifty images of one's own choice are no slow recipe."""
    few = reached(FAR, rows_trained=500)
    again = (retrained(FAR, rows=500), retrained(GOOD, rows=2_000))
    found = judge(few, retrainings=again)
    assert (found.status, found.wants_retraining) == (Status.FAILED, None)

"""Which training a check is about: region first, then structure, the starter's names last."""

from __future__ import annotations

import pytest

from grader.checks.select import FAR, Where, same_network
from grader.model.evidence import Episode
from grader.model.expected import Expected
from grader.model.graph import Graph

from .factory import (
    DENSE_NET,
    TUTORIAL,
    alexnet,
    dense,
    episode,
    evidence,
    expected,
    graph,
    model,
    notebook,
    seen,
    wanted,
)

IDS = ("1", "2", "3")
KNOWN: Expected = expected(wanted("1.net", TUTORIAL), wanted("2.net", DENSE_NET), wanted("3.net", alexnet()))
FIRST = Where("1", IDS, like="1.net", contract=("modelo_1",))
SECOND = Where("2", IDS, like="2.net", contract=("modelo_2",), rivals=(FIRST,))
OPEN = Where("3", IDS)
MARKED = notebook(
    "## Ejercicio 1", "> a", "> a", "## Ejercicio 2", "> b", "> b", "## Ejercicio 3", "> c", "> c"
)
UNMARKED = notebook(*["> a"] * 9)
STREAM = seen(train=32, seen_whole=False)
WIDER: Graph = graph(*TUTORIAL.layers[:7], dense(128), *TUTORIAL.layers[8:])


def test_in_a_region_the_nearest_network_is_the_exercise_s() -> None:
    """A side experiment under the same heading does not stand in for the answer."""
    found = evidence(cells=MARKED, episodes=(episode(0, DENSE_NET, cell=1), episode(1, WIDER, cell=2)))
    assert FIRST.training(found, KNOWN) == found.episodes[1]


def test_a_region_s_own_work_is_judged_even_where_better_stands_elsewhere() -> None:
    """What is under the heading is the answer."""
    found = evidence(cells=MARKED, episodes=(episode(0, WIDER, cell=1), episode(1, TUTORIAL, cell=7)))
    assert FIRST.training(found, KNOWN) == found.episodes[0]


def test_headings_above_another_exercise_s_work_do_not_hide_the_answer() -> None:
    """Labels that stand below the code: exercise 2's network lies above them, and exercise 1's under them."""
    moved = evidence(cells=MARKED, models=(model(0, DENSE_NET, cell=1), model(1, TUTORIAL, cell=4)))
    assert SECOND.network(moved, KNOWN) == moved.models[0]
    assert FIRST.network(moved, KNOWN) == moved.models[1]
    alone = evidence(cells=MARKED, models=(model(0, WIDER, cell=4),))
    own = Where("2", IDS, like="2.net")
    assert own.network(alone, KNOWN) == alone.models[0]


def test_the_very_network_counts_under_another_heading_when_its_own_region_is_empty() -> None:
    """People train in question 2 what question 1 describes; only the exact network is taken there."""
    exact = evidence(cells=MARKED, episodes=(episode(0, TUTORIAL, cell=4),))
    near = evidence(cells=MARKED, episodes=(episode(0, WIDER, cell=4),))
    assert FIRST.training(exact, KNOWN) == exact.episodes[0]
    assert FIRST.training(near, KNOWN) is None


def test_without_headings_a_plausible_network_is_taken() -> None:
    """Up to three layer edits away, and nearer to this exercise than to a rival's."""
    found = evidence(cells=UNMARKED, episodes=(episode(0, DENSE_NET), episode(1, WIDER)))
    assert FIRST.training(found, KNOWN) == found.episodes[1]
    assert SECOND.training(found, KNOWN) == found.episodes[0]
    far = evidence(cells=UNMARKED, episodes=(episode(0, alexnet()),))
    assert FIRST.training(far, KNOWN) is None


def test_a_rival_s_network_is_not_taken() -> None:
    """Two edits from exercise 2's network, but nearer to exercise 1's."""
    found = evidence(cells=UNMARKED, episodes=(episode(0, TUTORIAL),))
    assert SECOND.training(found, KNOWN) is None


def test_one_exercise_may_ask_for_two_networks() -> None:
    """Under one heading the sibling's network is not taken for this one."""
    sibling = Where("1", IDS, like="2.net")
    own = Where("1", IDS, like="1.net", rivals=(sibling,))
    both = evidence(cells=MARKED, models=(model(0, DENSE_NET, cell=1), model(1, TUTORIAL, cell=2)))
    assert own.network(both, KNOWN) == both.models[1]
    assert own.network(evidence(cells=MARKED, models=both.models[:1]), KNOWN) is None


def test_the_starter_s_name_settles_a_tie() -> None:
    """Of two equal networks the one called as the starter asks is meant."""
    found = evidence(cells=UNMARKED, episodes=(episode(0), episode(1, names=("modelo_1",))))
    assert FIRST.training(found, KNOWN) == found.episodes[1]


def test_a_name_does_not_outweigh_the_structure() -> None:
    """Names are the weakest sign: students reuse `modelo_1` for everything."""
    found = evidence(cells=UNMARKED, episodes=(episode(0, WIDER, names=("modelo_1",)), episode(1)))
    assert FIRST.training(found, KNOWN) == found.episodes[1]


def test_of_equal_candidates_a_completed_training_comes_first() -> None:
    """A fit that broke off is judged only when nothing else is there."""
    broken, whole = episode(0, completed=False), episode(1)
    assert FIRST.training(evidence(episodes=(broken, whole)), KNOWN) == whole
    assert FIRST.training(evidence(episodes=(broken,)), KNOWN) == broken


def test_tries_are_all_trainings_of_the_chosen_network_in_its_place() -> None:
    """People mend a training and run it again."""
    cells = [episode(0, cell=1), episode(1, WIDER, cell=1), episode(2, cell=2), episode(3, cell=4)]
    found = evidence(cells=MARKED, episodes=tuple(cells))
    assert [e.number for e in FIRST.tries(found, KNOWN)] == [0, 2]
    assert FIRST.tries(evidence(), KNOWN) == ()


def few(number: int, rows: int, **fields: object) -> Episode:
    return episode(number, x=seen(train=rows), **fields)


def test_a_training_on_a_handful_of_rows_is_no_try_beside_one_on_many() -> None:
    """Else it would answer for the epochs and the loss, and the other for the data."""
    found = evidence(cells=UNMARKED, episodes=(few(0, 10, names=("modelo_1",)), few(1, 60_000)))
    assert FIRST.training(found, KNOWN) == found.episodes[1]
    assert FIRST.tries(found, KNOWN) == found.episodes[1:]


@pytest.mark.parametrize(
    ("why", "episodes"),
    [
        ("a few thousand rows are a try", (few(0, 60_000), few(1, 5_000))),
        ("all are on few", (few(0, 32), few(1, 20))),
        ("a stream of which the start was seen", (few(0, 60_000), episode(1, x=STREAM))),
    ],
)
def test_other_trainings_are_tries(why: str, episodes: tuple[Episode, ...]) -> None:
    """People train on a part first, mend, and train again."""
    assert FIRST.tries(evidence(cells=UNMARKED, episodes=episodes), KNOWN) == episodes, why


def test_trainings_are_those_of_the_region_or_all() -> None:
    """A fit that broke off before its first step trained nothing."""
    broken = episode(2, cell=1, completed=False, rows_trained=0)
    found = evidence(cells=MARKED, episodes=(episode(0, cell=1), episode(1, cell=4), broken))
    assert [e.number for e in FIRST.trainings(found)] == [0]
    assert [e.number for e in OPEN.trainings(found)] == [0, 1]
    assert [e.number for e in FIRST.trainings(evidence(cells=UNMARKED, episodes=found.episodes))] == [0, 1]


def test_a_training_that_taught_nothing_is_none() -> None:
    """A learning rate of 0 declares epochs and moves no weight."""
    idle = episode(0, cell=1, initial_digest="w", final_digest="w")
    found = evidence(cells=MARKED, episodes=(idle, episode(1, cell=2)))
    assert FIRST.training(found, KNOWN) == found.episodes[1]
    assert FIRST.tries(found, KNOWN) == FIRST.trainings(found) == found.episodes[1:]
    alone = evidence(cells=MARKED, episodes=(idle,))
    assert FIRST.training(alone, KNOWN) is None
    assert FIRST.trainings(alone) == ()


def test_an_open_exercise_takes_only_work_that_no_heading_claims() -> None:
    """Without an expected network anything unclaimed may be the answer, the first one first."""
    found = evidence(cells=MARKED, episodes=(episode(0, cell=1), episode(1, cell=7), episode(2, cell=8)))
    assert OPEN.training(found, KNOWN) == found.episodes[1]
    assert OPEN.training(evidence(cells=MARKED, episodes=found.episodes[:1]), KNOWN) is None
    assert OPEN.training(evidence(cells=UNMARKED, episodes=found.episodes), KNOWN) == found.episodes[0]


def test_networks_that_were_never_trained_are_found_too() -> None:
    """Some exercises only ask to build one."""
    found = evidence(cells=MARKED, models=(model(0, DENSE_NET, cell=1), model(1, TUTORIAL, cell=2)))
    assert FIRST.network(found, KNOWN) == found.models[1]
    assert FIRST.network(evidence(), KNOWN) is None


def test_distance_without_a_reference_is_far() -> None:
    """No expected network, no structure to go by."""
    assert FIRST.distance(TUTORIAL, expected()) == FAR
    assert OPEN.distance(TUTORIAL, KNOWN) == FAR


def test_a_region_without_code_is_no_place_to_look_in() -> None:
    """Its heading stands above an answer alone."""
    found = evidence(cells=notebook("## Ejercicio 1", "> a", "## Ejercicio 2", "texto"))
    assert FIRST.cells(found) == {0, 1}
    assert SECOND.cells(found) is None
    assert (SECOND.unmarked(found), OPEN.unmarked(found)) == (False, True)


def test_regions_are_told_by_cell() -> None:
    """A cell outside the region, or no region at all, is not inside."""
    found = evidence(cells=MARKED)
    assert FIRST.in_region(found, 1)
    assert not FIRST.in_region(found, 4)
    assert FIRST.cells(evidence(cells=UNMARKED)) is None
    assert not FIRST.in_region(evidence(cells=UNMARKED), 1)


@pytest.mark.parametrize(("other", "same"), [(TUTORIAL, True), (WIDER, False), (alexnet(), False)])
def test_same_network_means_that_it_learns_alike(other: Graph, same: bool) -> None:
    """Names and scaling do not count, layers do."""
    assert same_network(TUTORIAL, other) is same

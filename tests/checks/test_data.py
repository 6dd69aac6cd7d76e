"""Which data were used, traced by content, and what the student says about them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest

from grader.checks.data import LeakAnswered, Shown, TrainedOn, leak
from grader.model.evidence import Cell, DataLoad, Episode, Evaluation, Trace
from grader.model.result import Status

from .factory import (
    ALL_TEST,
    ALL_TRAIN,
    DENSE_NET,
    KNOWN,
    TITLE,
    TUTORIAL,
    WHERE,
    code,
    episode,
    evaluation,
    evidence,
    expected,
    notebook,
    prediction,
    seen,
    wanted,
)

TRAINED = TrainedOn(id="1.data", title=TITLE, points=Decimal(1), where=WHERE, at_least=40_000)
LEAK = LeakAnswered(id="1.leak", title=TITLE, points=Decimal(1), where=WHERE)
CIFAR = (DataLoad(0, "cifar10"),)


@pytest.mark.parametrize(
    ("why", "x", "key"),
    [
        ("the whole training set", ALL_TRAIN, "data.passed"),
        ("some held back", seen(train=48_000), "data.passed"),
        ("too few", seen(train=1_000), "data.few"),
        ("shuffled apart from its labels", seen(train=60_000, label_agreement=0.1), "data.labels"),
        ("no labels to compare with", seen(train=60_000, label_agreement=None), "data.passed"),
        ("test images among them", seen(train=60_000, test=10_000), "data.test_in_training"),
        ("one test image", seen(train=60_000, test=1), "data.test_in_training"),
        ("a stream of which little was seen", seen(train=500, seen_whole=False), "data.partly"),
        ("a stream of which a good part was seen", seen(train=16_384, seen_whole=False), "data.passed"),
        ("a stream with others among them", seen(train=16_384, unknown=9, seen_whole=False), "data.partly"),
        ("500 images as a stream that ended", seen(train=500), "data.few"),
        ("a stream of unknown images", seen(unknown=500, seen_whole=False), "data.untold"),
        ("resized images", seen(unknown=60_000), "data.untold"),
        ("a few resized images", seen(unknown=100), "data.untold"),
        ("some augmented beside the served", seen(train=50_000, unknown=10_000), "data.passed"),
        ("with near copies", seen(train=60_000, distinct=59_990), "data.passed"),
        ("the whole set ten times", seen(train=600_000, distinct=59_990), "data.passed"),
        ("some classes repeated", seen(train=60_000, distinct=30_000), "data.passed"),
        ("drawn with replacement", seen(train=48_000, distinct=30_340), "data.passed"),
        ("a hundred images 500 times", seen(train=50_000, distinct=100), "data.few"),
        ("a hundred as a stream", seen(train=16_384, distinct=100, seen_whole=False), "data.partly"),
    ],
)
def test_trained_on_the_training_images(why: str, x: Trace, key: str) -> None:
    """Content tells, not the variable's name."""
    assert TRAINED(evidence(episodes=(episode(x=x),)), KNOWN).message.key == key, why


@pytest.mark.parametrize(("x", "n"), [(seen(train=50_000, distinct=100), 100), (ALL_TRAIN, 60_000)])
def test_repeated_images_are_counted_once(x: Trace, n: int) -> None:
    """What is said to the student is true of the images, not of the rows."""
    assert TRAINED(evidence(episodes=(episode(x=x),)), KNOWN).message.args["n"] == n


def test_images_of_another_dataset_fail() -> None:
    """Untraceable images pass for the served ones only where nothing else was loaded."""
    unknown = episode(x=seen(unknown=60_000))
    assert TRAINED(evidence(episodes=(unknown,), loads=CIFAR), KNOWN).message.key == "data.other"
    both = (DataLoad(0, "fashion_mnist"), *CIFAR)
    assert TRAINED(evidence(episodes=(unknown,), loads=both), KNOWN).status is Status.REVIEW


def test_the_soundest_of_several_trainings_counts() -> None:
    """Data mended and run again; the fault is forgiven, not the other way round."""
    faulty, sound = seen(train=60_000, label_agreement=0.1), ALL_TRAIN
    for order in ((faulty, sound), (sound, faulty)):
        ran = evidence(episodes=tuple(episode(i, x=x) for i, x in enumerate(order)))
        assert TRAINED(ran, KNOWN).status is Status.PASSED
    untold = evidence(episodes=(episode(x=faulty), episode(1, x=seen(unknown=60_000))))
    assert TRAINED(untold, KNOWN).status is Status.REVIEW


def test_no_training_and_nothing_run() -> None:
    """Absent fails, not run is ungraded."""
    assert TRAINED(evidence(), KNOWN).message.key == "training.absent"
    assert TRAINED(evidence(cells=notebook("x")), KNOWN).status is Status.UNGRADED


# ---- the leak question ----------------------------------------------------------------------------
CLEAN = episode(validation="split", validation_split=0.2, cell=2)
LEAKED = episode(validation="data", validation_x=ALL_TEST, cell=2)
YES = "Sí hay data leaking, porque el test se usa para validar."
NO = "No hay data leaking, porque el test no se usa para validar."


def marked(answer: str) -> tuple[Cell, ...]:
    return notebook(
        "## Ejercicio 1\n\n¿Hay data leaking?", answer, "> modelo.fit(x, y)", "## Ejercicio 2", "> otra"
    )


@pytest.mark.parametrize(
    ("training", "answer", "key", "status"),
    [
        (LEAKED, YES, "leak.leaked.yes", Status.PASSED),
        (LEAKED, NO, "leak.leaked.no", Status.FAILED),
        (CLEAN, NO, "leak.clean.no", Status.PASSED),
        (CLEAN, YES, "leak.clean.yes", Status.FAILED),
    ],
)
@pytest.mark.parametrize("headings", [True, False], ids=["marked", "unmarked"])
def test_the_four_cases(training: Episode, answer: str, key: str, status: Status, headings: bool) -> None:
    """What is said is held against what the code did, wherever it is said."""
    cells = marked(answer) if headings else notebook("Mi práctica", answer, "> modelo.fit(x, y)")
    found = LEAK(evidence(cells=cells, episodes=(training,)), KNOWN)
    assert (found.message.key, found.status) == (key, status)
    assert found.comparisons[0].agrees is (status is Status.PASSED)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("Depende de si se considera data leaking mirar la validación.", Status.REVIEW),
        ("En el tutorial hay data leaking.", Status.REVIEW),
        ("La red aprende bien.", Status.FAILED),
        ("*Tu respuesta aquí*", Status.FAILED),
        ("No, porque uso validation_split y el test no se toca.", Status.PASSED),
    ],
)
def test_unclear_answers_go_to_a_person_and_missing_ones_fail(answer: str, status: Status) -> None:
    """A bare "No" answers the question of the heading above it."""
    assert LEAK(evidence(cells=marked(answer), episodes=(CLEAN,)), KNOWN).status is status


def test_an_answer_under_another_heading_counts_when_its_own_is_silent() -> None:
    """Headings get moved."""
    cells = notebook("## Ejercicio 1", "> fit", "La red aprende.", "## Ejercicio 2", NO)
    assert LEAK(evidence(cells=cells, episodes=(episode(cell=1),)), KNOWN).status is Status.PASSED


@pytest.mark.parametrize("answer", [YES, NO])
def test_data_that_was_not_seen_to_its_end_leaves_the_answer_to_a_person(answer: str) -> None:
    """Test images may follow; so they may in another try of the same net."""
    partly = episode(validation="data", validation_x=seen(train=64, seen_whole=False), cell=2)
    assert LEAK(evidence(cells=marked(answer), episodes=(partly,)), KNOWN).message.key == "leak.untold"
    ran = evidence(cells=marked(answer), episodes=(CLEAN, msgspec.structs.replace(partly, number=1)))
    assert LEAK(ran, KNOWN).message.key == "leak.untold"


def test_the_starter_s_question_is_no_answer() -> None:
    """Its words are boilerplate."""
    known = expected(wanted("1.net", TUTORIAL), boilerplate=("explica si hay data leaking",))
    cells = notebook("## Ejercicio 1", "Explica si hay data leaking.", "> fit")
    assert LEAK(evidence(cells=cells, episodes=(CLEAN,)), known).message.key == "leak.blank"


def test_a_network_trained_both_ways_is_a_person_s() -> None:
    """Nobody can tell which of the two the answer is about."""
    ran = evidence(cells=marked(NO), episodes=(LEAKED, episode(1, cell=2)))
    assert LEAK(ran, KNOWN).message.key == "leak.mixed"
    other = evidence(cells=marked(NO), episodes=(CLEAN, episode(1, DENSE_NET, validation_x=ALL_TEST, cell=2)))
    assert LEAK(other, KNOWN).message.key == "leak.clean.no"


def test_without_a_run_or_a_training_the_answer_has_nothing_to_agree_with() -> None:
    """A missing answer fails all the same."""
    assert LEAK(evidence(cells=notebook(NO)), KNOWN).status is Status.UNGRADED
    assert LEAK(evidence(cells=notebook("Hola")), KNOWN).status is Status.FAILED
    assert LEAK(evidence(cells=marked(NO)), KNOWN).message.key == "training.absent"


@pytest.mark.parametrize(
    ("why", "fields", "leaked"),
    [
        ("no validation", {}, False),
        ("a split of the training data", {"validation": "split"}, False),
        ("validation on test", {"validation": "data", "validation_x": ALL_TEST}, True),
        (
            "validation partly on test",
            {"validation": "data", "validation_x": seen(train=5_000, test=10)},
            True,
        ),
        ("validation on train", {"validation": "data", "validation_x": seen(train=10_000)}, False),
        ("validation on resized images", {"validation": "data", "validation_x": seen(unknown=10_000)}, None),
        ("validation partly unknown", {"validation": "data", "validation_x": seen(train=5, unknown=5)}, None),
        ("validation never seen", {"validation": "data", "validation_x": None}, None),
        (
            "validation of which the start was seen",
            {"validation": "data", "validation_x": seen(train=64, seen_whole=False)},
            None,
        ),
        (
            "a start that leaks",
            {"validation": "data", "validation_x": seen(train=64, test=1, seen_whole=False)},
            True,
        ),
        ("training data of which the start was seen", {"x": seen(train=64, seen_whole=False)}, None),
        ("test images in the training data", {"x": seen(train=60_000, test=1)}, True),
    ],
)
def test_what_is_a_leak(why: str, fields: dict[str, object], leaked: bool | None) -> None:
    """Test images in training or validation; None where they cannot be traced."""
    assert leak(episode(**fields)) is leaked, why


def measures(
    *accuracies: float, cell: int = 2, trained: bool = False, amid: bool = False
) -> tuple[Evaluation, ...]:
    made = (evaluation(cell=cell, accuracy=accuracy) for accuracy in accuracies)
    return tuple(msgspec.structs.replace(one, trained=trained, amid=amid) for one in made)


@pytest.mark.parametrize(
    ("why", "calls", "training", "key"),
    [
        ("in a callback, epoch by epoch", measures(0.6, 0.7, 0.8), CLEAN, "leak.watched"),
        (
            "the same, of weights that learn",
            measures(0.6, 0.7, trained=True, amid=True),
            CLEAN,
            "leak.watched",
        ),
        (
            "after a loop of one's own",
            measures(0.6, 0.7, trained=True, amid=True),
            msgspec.structs.replace(CLEAN, loop="tape"),
            "leak.clean.no",
        ),
        ("once, before it is trained", measures(0.1), CLEAN, "leak.clean.no"),
        ("twice, before it is trained", measures(0.1, 0.1), CLEAN, "leak.clean.no"),
        ("after each of several trainings", measures(0.6, 0.7, trained=True), CLEAN, "leak.clean.no"),
        ("in another cell", measures(0.1, 0.2, cell=3), CLEAN, "leak.clean.no"),
        ("beside validation on test", measures(0.6, 0.7, 0.8), LEAKED, "leak.leaked.no"),
    ],
)
def test_testing_between_epochs_is_a_person_s(
    why: str, calls: tuple[Evaluation, ...], training: Episode, key: str
) -> None:
    """Whoever keeps the best weights so has validated on test; whoever prints them has not."""
    ran = evidence(cells=marked(NO), episodes=(training,), evaluations=calls)
    assert LEAK(ran, KNOWN).message.key == key, why


@pytest.mark.parametrize(("callbacks", "key"), [(("custom",), "leak.watched"), ((), "leak.clean.no")])
def test_predicting_test_images_in_a_callback_is_the_same(callbacks: tuple[str, ...], key: str) -> None:
    """As often as there are epochs; without a callback it was before."""
    asked = tuple(msgspec.structs.replace(prediction(), trained=False) for _ in range(3))
    training = msgspec.structs.replace(CLEAN, callbacks=callbacks)
    ran = evidence(cells=marked(NO), episodes=(training,), predictions=asked)
    assert LEAK(ran, KNOWN).message.key == key


# ---- Shown ----------------------------------------------------------------------------------------
SHOWN = Shown(
    id="1.shown",
    title=TITLE,
    points=Decimal(1),
    patterns=(r"60[.,\s]?000\D+28\D+28", r"(?<![\d.,])10[.,\s]?000(?!\d)"),
    dataset="fashion_mnist",
)


@pytest.mark.parametrize(
    ("outputs", "status"),
    [
        (("(60000, 28, 28)", "10000"), Status.PASSED),
        (("Entrenamiento: 60.000 imágenes de 28x28; test: 10.000",), Status.PASSED),
        (("(60000, 28, 28)",), Status.FAILED),
        (("(60000, 28, 28)", "100000"), Status.FAILED),
        ((), Status.FAILED),
    ],
)
def test_values_are_shown_by_cells_that_ran(outputs: tuple[str, ...], status: Status) -> None:
    """Each pattern must be matched by some cell's output."""
    cells = (code(0, "x"), *(code(i + 1, "x", text) for i, text in enumerate(outputs)))
    assert SHOWN(evidence(cells=cells), KNOWN).status is status


def test_saved_outputs_and_other_data_show_nothing() -> None:
    """Only what this run printed counts, and only with the data loaded."""
    saved = (code(0, "x", saved_text="(60000, 28, 28) 10000"),)
    assert SHOWN(evidence(cells=saved), KNOWN).status is Status.FAILED
    said = (code(0, "x", "(60000, 28, 28) 10000"),)
    assert SHOWN(evidence(cells=said, loads=CIFAR), KNOWN).message.key == "shown.not_loaded"
    assert SHOWN(evidence(cells=notebook("x")), KNOWN).status is Status.UNGRADED


def test_the_rows_show_labels_not_patterns() -> None:
    """People read the value that was asked for."""
    labelled = replace(SHOWN, labels=("(60000, 28, 28)", "10000"))
    found = labelled(evidence(cells=(code(0, "x", "nada"),)), KNOWN)
    assert [row.expected for row in found.comparisons] == ["(60000, 28, 28)", "10000"]


def test_an_expression_above_the_last_line_counts_as_evaluated() -> None:
    """Only a cell's last value is shown: `train_images.shape` above it ran all the same."""
    both = replace(SHOWN, expressions=(r"^[^#\n]*\.shape\b", r"^[^#\n]*\blen\("))
    plain = (
        LOADED,
        code(1, "train_images.shape\nlen(test_labels)", "10000"),
    )
    commented = (
        LOADED,
        code(1, "# train_images.shape\nlen(test_labels)", "10000"),
    )
    assert both(evidence(cells=plain), KNOWN).status is Status.PASSED
    assert both(evidence(cells=commented), KNOWN).status is Status.FAILED
    assert SHOWN(evidence(cells=plain), KNOWN).status is Status.FAILED


BY_LINES = replace(SHOWN, expressions=(r"^\s*\w+\.shape\s*(?:#.*)?$", r"^\s*len\(\w+\)\s*(?:#.*)?$"))
"""As fashion-dense asks."""
LOADED = code(0, "(train_images, train_labels), (test_images, test_labels) = fashion_mnist.load_data()")
BOTH = "train_images.shape\nlen(test_labels)"


@pytest.mark.parametrize(
    ("why", "source", "fields", "status"),
    [
        ("each on its line", BOTH, {}, Status.PASSED),
        ("in one line", "train_images.shape, len(test_labels)", {}, Status.PASSED),
        ("with comments", "train_images.shape  # forma\nlen( test_labels )", {}, Status.PASSED),
        ("after a magic", f"%time x = 1\n{BOTH}", {}, Status.PASSED),
        ("under a clock", f"%%time\n{BOTH}", {}, Status.PASSED),
        ("in a text", f'apuntes = """\n{BOTH}\n"""', {}, Status.FAILED),
        ("in a text of its own", f'"""\n{BOTH}\n"""', {}, Status.FAILED),
        ("never run", "if False:\n    train_images.shape\n    len(test_labels)", {}, Status.FAILED),
        ("in a function", "def f():\n    train_images.shape\n    len(test_labels)", {}, Status.FAILED),
        ("given to nobody", f"%%script false\n{BOTH}", {}, Status.FAILED),
        ("written to a file", f"%%writefile a.py\n{BOTH}", {}, Status.FAILED),
        (
            "in a text beside a magic",
            f"%time x = 1\ny = '''\n%'''; z = '''\n{BOTH}\n'''",
            {},
            Status.FAILED,
        ),
        ("of something else", "predicciones = f(test_images)\npredicciones.shape; len(x)", {}, Status.FAILED),
        ("in a cell that broke off", BOTH, {"ok": False}, Status.FAILED),
    ],
)
def test_only_expressions_that_were_evaluated_count(
    why: str, source: str, fields: dict[str, object], status: Status
) -> None:
    """Read from the tree of a cell that ran to its end."""
    assert BY_LINES(evidence(cells=(LOADED, code(1, source, **fields))), KNOWN).status is status, why


def test_a_cell_that_the_screen_emptied_evaluated_nothing() -> None:
    """Its source is kept for people; it was run empty."""
    said = ("cell 1 was not run: it uses __closure__",)
    assert BY_LINES(evidence(cells=(LOADED, code(1, BOTH)), tampering=said), KNOWN).status is Status.FAILED


def test_what_was_typed_was_not_shown() -> None:
    """A number that stands in the cell's own source says nothing about the data."""
    typed = (code(1, "print('(60000, 28, 28)', 10000)", "(60000, 28, 28) 10000"),)
    assert SHOWN(evidence(cells=typed), KNOWN).status is Status.FAILED


SHAPES = ((60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,))
SERVED = (DataLoad(0, "fashion_mnist", SHAPES),)
OUTPUT = "(60000, 28, 28)\n10000"


@pytest.mark.parametrize(
    ("why", "source", "output", "status"),
    [
        (
            "the values in comments",
            "print(train_images.shape)  # (60000, 28, 28)\nprint(len(test_labels))  # 10000",
            OUTPUT,
            Status.PASSED,
        ),
        (
            "explained in the same cell",
            "print('train:', train_images.shape, '| test labels:', len(test_labels))\n"
            "print('60000 images of 28x28 and 10000 test labels')",
            "train: (60000, 28, 28) | test labels: 10000\n60000 images of 28x28 and 10000 test labels",
            Status.PASSED,
        ),
        ("f-strings", "print(f'{train_images.shape} y {len(test_labels)}')", OUTPUT, Status.PASSED),
        ("formatted", "print('%s %d' % (train_images.shape, len(test_labels)))", OUTPUT, Status.PASSED),
        ("by way of a name", "n = len(test_labels)\nprint(train_images.shape, n)", OUTPUT, Status.PASSED),
        (
            "in a function",
            "def info(x):\n    print(x.shape)\ninfo(train_images)\ninfo(test_labels)",
            OUTPUT,
            Status.PASSED,
        ),
        (
            "in a loop",
            "for x in (train_images, test_labels):\n    print(x.shape)",
            OUTPUT,
            Status.PASSED,
        ),
        (
            "named in a text",
            "for x in ('train_images', 'test_labels'):\n    print(eval(x).shape)",
            OUTPUT,
            Status.PASSED,
        ),
        ("by a magic", "%whos", "train_images ndarray 60000x28x28\ny ndarray 10000", Status.PASSED),
        ("as numbers", "print((60_000, 28, 28))\nprint(10_000)", OUTPUT, Status.FAILED),
        ("by arithmetic", "print((60_000, 28, 28))\nprint(10 * 1000)", OUTPUT, Status.FAILED),
        ("arithmetic beside the other", "print(train_images.shape)\nprint(10 * 1000)", OUTPUT, Status.FAILED),
        (
            "typed beside what was loaded",
            "print('(60000, 28, 28)', 10000, train_images.max(), test_labels.max())",
            "(60000, 28, 28) 10000 255 9",
            Status.FAILED,
        ),
        (
            "a part of the training images",
            "x = train_images[:10000]\nprint(train_images.shape, len(x))",
            OUTPUT,
            Status.FAILED,
        ),
        ("the shape of labels", "train_labels.shape\nlen(test_labels)", "10000", Status.FAILED),
        ("training labels counted", "train_images.shape\nlen(train_labels)", "60000", Status.FAILED),
    ],
)
def test_what_is_shown_is_read_off_the_arrays_asked_for(
    why: str, source: str, output: str, status: Status
) -> None:
    """Comments and explanations beside it cost nothing; what was typed or is of others earns nothing."""
    cells = (LOADED, code(1, source, output))
    assert BY_LINES(evidence(cells=cells, loads=SERVED), KNOWN).status is status, why


@pytest.mark.parametrize(
    "loading",
    [
        "data = fashion_mnist.load_data()\n(train_images, _), (_, test_labels) = data",
        "train, test = fashion_mnist.load_data()\ntrain_images, test_labels = train[0], test[1]",
        "from keras.datasets.fashion_mnist import load_data as cargar\n"
        "(train_images, _), (_, test_labels) = cargar()",
        "def cargar():\n    (a, b), (c, d) = fashion_mnist.load_data()\n    return a, b, c, d\n"
        "train_images, train_labels, test_images, test_labels = cargar()",
        "import datos\ntrain_images, test_labels = datos.train_images, datos.test_labels",
    ],
)
def test_the_data_may_be_loaded_in_any_way(loading: str) -> None:
    """Which array a name holds is asked only where the code says it."""
    shown = code(1, "print(train_images.shape)  # (60000, 28, 28)\nprint(len(test_labels))", OUTPUT)
    assert BY_LINES(evidence(cells=(code(0, loading), shown), loads=SERVED), KNOWN).status is Status.PASSED

"""The clean worker builds what a list of layers says, refuses the rest, and survives."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from grader.evidence.assemble import Snapshot
from grader.model import evidence as ev
from grader.model.budget import Level
from grader.model.graph import ConfigValue, Graph, Layer
from grader.verification import WORKER
from grader.verification.rebuild import Rebuilder, RetrainPlan

CLASSES = 10


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set that a dense net learns at once: each class lights its own row of pixels."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "fashion_mnist").mkdir()
    generator = np.random.RandomState(0)
    for part, rows in (("train", 2_000), ("test", 600)):
        labels = (np.arange(rows) % CLASSES).astype(np.uint8)
        images = generator.randint(0, 60, (rows, 28, 28)).astype(np.uint8)
        images[np.arange(rows), labels * 2 + 3] += 150
        np.save(folder / "fashion_mnist" / f"x_{part}.npy", images)
        np.save(folder / "fashion_mnist" / f"y_{part}.npy", labels)
    return folder


@pytest.fixture(scope="module")
def rebuilder(data: Path) -> Iterator[Rebuilder]:
    """One worker for all tests: it holds no student code, so it needs no box here."""

    def launch() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", str(WORKER), str(data), "fashion_mnist"]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    with Rebuilder(launch, timeout=120) as made:
        yield made


def layer(kind: str, shape: tuple[int, ...], fed: int | None = None, **config: ConfigValue) -> Layer:
    return Layer(kind, kind.lower(), () if fed is None else (fed,), shape, 0, 0, config)


def dense(*sizes: int, last: str = "softmax") -> Graph:
    """Input 28x28, flattened, then dense layers: relu but for the last."""
    layers = [layer("InputLayer", (28, 28)), layer("Flatten", (784,), 0)]
    for n, units in enumerate(sizes):
        activation = last if n == len(sizes) - 1 else "relu"
        layers.append(layer("Dense", (units,), n + 1, units=units, activation=activation))
    return Graph(tuple(layers), (len(layers) - 1,))


def convolutional() -> Graph:
    conv: dict[str, ConfigValue] = {"kernel_size": (3, 3), "activation": "relu"}
    return Graph(
        (
            layer("InputLayer", (28, 28, 1)),
            layer("Conv2D", (26, 26, 32), 0, filters=32, **conv),
            layer("MaxPooling2D", (13, 13, 32), 1, pool_size=(2, 2)),
            layer("Conv2D", (11, 11, 64), 2, filters=64, **conv),
            layer("MaxPooling2D", (5, 5, 64), 3, pool_size=(2, 2)),
            layer("Conv2D", (3, 3, 64), 4, filters=64, **conv),
            layer("Flatten", (576,), 5),
            layer("Dense", (64,), 6, units=64, activation="relu"),
            layer("Dense", (10,), 7, units=10),
        ),
        (8,),
    )


def episode(graph: Graph, **changes: object) -> ev.Episode:
    compilation = ev.Compilation(
        ev.Optimizer("Adam", {"learning_rate": 0.003}), ev.Loss("SparseCategoricalCrossentropy", False)
    )
    trace = ev.Trace(rows=2_000, train=2_000, scale=1 / 255, offset=0.0)
    made = ev.Episode(0, 0, 0, (), graph, compilation, 1, 32, trace)
    return ev.Episode(**{name: getattr(made, name) for name in made.__struct_fields__} | changes)  # type: ignore[arg-type]


def evidence(*episodes: ev.Episode) -> ev.Evidence:
    served = ev.ServedData("fashion_mnist", "f", "folder")
    return ev.Evidence("a", Level.QUICK, 1, served, ev.Ended.COMPLETED, episodes=episodes)


@pytest.mark.parametrize(
    ("graph", "params"), [(dense(128, 10), 101_770), (convolutional(), 93_322), (dense(3, 2), 2_363)]
)
def test_parameters_are_those_of_the_layers_asked_for(
    rebuilder: Rebuilder, graph: Graph, params: int
) -> None:
    """The figures are the exercises' own: 101,770 and 93,322."""
    assert rebuilder.params(graph) == params


@pytest.mark.parametrize(
    ("what", "graph"),
    [
        (
            "a layer that is not in the table",
            Graph((layer("InputLayer", (4,)), layer("Lambda", (4,), 0)), (1,)),
        ),
        (
            "an activation that names a function elsewhere",
            Graph(
                (layer("InputLayer", (4,)), layer("Dense", (2,), 0, units=2, activation="os>system")), (1,)
            ),
        ),
        ("a layer fed by itself", Graph((layer("InputLayer", (4,)), layer("Flatten", (4,), 1)), (1,))),
        ("more parameters than fit", dense(200_000, 10)),
        ("an output that is no layer", Graph((layer("InputLayer", (4,)),), (7,))),
    ],
)
def test_what_cannot_be_trusted_is_refused_and_the_worker_goes_on(
    rebuilder: Rebuilder, what: str, graph: Graph
) -> None:
    """A student's configuration can refuse to be rebuilt, never stop the class."""
    assert rebuilder.params(graph) is None, what
    assert rebuilder.params(dense(128, 10)) == 101_770


def test_accuracy_is_that_of_the_weights_and_tells_trained_from_untrained(rebuilder: Rebuilder) -> None:
    """Weights that read each class off its row of pixels score 1; zeros score chance."""
    graph = with_weights(dense(10))
    kernel = np.zeros((784, 10), np.float32)
    for label in range(CLASSES):
        kernel.reshape(28, 28, 10)[label * 2 + 3, :, label] = 1
    bias = np.zeros(10, np.float32)
    start = (np.zeros_like(kernel), bias)
    found = rebuilder.verify(evidence(episode(graph)), (Snapshot(0, start, (kernel, bias)),))
    verified = found.episodes[0].verified
    assert verified is not None
    assert verified.accuracy == 1.0
    assert verified.initial_accuracy == pytest.approx(0.1)
    assert verified.top[:10] == tuple(range(10))


def with_weights(graph: Graph) -> Graph:
    shapes = ((784, 10), (10,))
    *front, last = graph.layers
    changed = Layer(
        last.kind, last.name, last.inputs, last.output_shape, 7850, 7850, last.config, weights=shapes
    )
    return Graph((*front, changed), graph.outputs)


def test_weights_that_do_not_fit_leave_the_net_unmeasured(rebuilder: Rebuilder) -> None:
    """A forged snapshot of another size is refused whole."""
    snapshot = Snapshot(0, (), (np.zeros((3, 3), np.float32),))
    found = rebuilder.verify(evidence(episode(dense(10))), (snapshot,))
    assert found.episodes[0].verified is None


def test_a_net_whose_inputs_are_unknown_is_rebuilt_but_not_measured(rebuilder: Rebuilder) -> None:
    """Without the student's scaling there is no way to feed it served images."""
    untraced = episode(dense(128, 10), x=ev.Trace(rows=10, unknown=10))
    verified = rebuilder.verify(evidence(untraced), ()).episodes[0].verified
    assert verified is not None
    assert (verified.params, verified.accuracy) == (101_770, None)


def test_retraining_learns_and_repeats(rebuilder: Rebuilder) -> None:
    """From fresh weights, on served rows, the same for the same seed."""
    plan = RetrainPlan(rows=2_000, batch_size=32, seed=7)
    first = rebuilder.retrain(episode(dense(32, 10)), plan)
    again = rebuilder.retrain(episode(dense(32, 10)), plan)
    assert first is not None
    assert again is not None
    assert first.accuracy > 0.9
    assert first.accuracy == again.accuracy


def test_retraining_needs_a_recipe_we_know(rebuilder: Rebuilder) -> None:
    """An optimizer or loss outside the tables is not retrained."""
    plan = RetrainPlan(rows=100, batch_size=32, seed=7)
    custom = ev.Compilation(ev.Optimizer("Mine"), ev.Loss("SparseCategoricalCrossentropy", False))
    assert rebuilder.retrain(episode(dense(10), compilation=custom), plan) is None
    assert rebuilder.retrain(episode(dense(10), compilation=None), plan) is None


def test_a_worker_that_dies_or_hangs_is_replaced(tmp_path: Path) -> None:
    """The answer is then "cannot be rebuilt", and the next question meets a new worker."""
    started = []

    def launch() -> subprocess.Popen[bytes]:
        program = "import sys; sys.exit(1)" if not started else "import time; time.sleep(60)"
        started.append(program)
        return subprocess.Popen(
            [sys.executable, "-I", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    with Rebuilder(launch, timeout=1) as made:
        assert made.params(dense(10)) is None
        assert made.params(dense(10)) is None
    assert len(started) == 2


def test_replies_are_checked_like_anything_from_a_box(tmp_path: Path) -> None:
    """A reply with an accuracy above 1 or unknown keys is not believed."""
    for reply in ('{"params": 1, "accuracy": 1.5}', '{"params": 1, "grade": 10}', "[]"):
        program = f"""
import struct, sys
sys.stdin.buffer.read(8)
text = {reply!r}.encode()
sys.stdout.buffer.write(struct.pack(">II", len(text), 0) + text)
"""

        def launch(program: str = program) -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                [sys.executable, "-I", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )

        with Rebuilder(launch, timeout=10) as made:
            assert made.params(dense(10)) is None, reply

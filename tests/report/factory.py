"""Outcomes such as a class really gives: a good one, a mediocre one, a tampered one, and those without work.

Every text that a student controls can be replaced by `hostile`, to see where it comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

import msgspec

from grader.checks.architecture import signature
from grader.checks.base import Rule
from grader.model.assignment import Assignment, Exercise, Visibility
from grader.model.budget import Level
from grader.model.evidence import (
    Axes,
    Cell,
    Compilation,
    Ended,
    Episode,
    Evaluation,
    Evidence,
    Figure,
    Loss,
    Optimizer,
    Provenance,
    Retraining,
    ServedData,
    Trace,
    Verified,
)
from grader.model.expected import Expected, MeasuredBand
from grader.model.graph import Graph, Layer
from grader.model.outcome import Outcome, State
from grader.model.result import CheckResult, Comparison, ExerciseGrade, Grade, Scored, Status
from grader.model.submission import Document, Problem, Severity, Student, Submission
from grader.model.text import Message, Text

FINGERPRINT = "3f9a0c55d1e84b7e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated(Rule):
    """A check that is only a line of the rubric: reports never call one."""

    def __call__(self, evidence: object, expected: object) -> CheckResult:
        raise AssertionError("a report judged something")


def rule(id: str, es: str, en: str, points: str, **more: object) -> Stated:
    return Stated(id=id, title=Text(es, en), points=Decimal(points), **more)  # type: ignore[arg-type]


ASSIGNMENT = Assignment(
    id="fashion-convnet",
    title=Text("Redes convolucionales con Fashion-MNIST", "Convolutional networks on Fashion-MNIST"),
    data="fashion_mnist",
    exercises=(
        Exercise(
            "1",
            Text("La red del tutorial y la fuga de datos", "The tutorial's network and data leaking"),
            (
                rule("1.structure", "La red del tutorial", "The tutorial's network", "1"),
                rule("1.epochs", "Tres épocas", "Three epochs", "0.25"),
                rule("1.loss", "Pérdida acorde con la salida", "A loss that fits the output", "0.25"),
                rule("1.accuracy", "Exactitud en test", "Test accuracy", "0.5", needs=("1.structure",)),
                rule("1.leak", "¿Hay fuga de datos?", "Is there data leaking?", "0.5"),
            ),
        ),
        Exercise(
            "2",
            Text("Activaciones de todas las capas", "Activations of every layer"),
            (
                rule("2.model", "Un modelo con todas las salidas", "A model with every output", "1"),
                rule("2.images", "Más de una imagen", "More than one image", "0.5"),
                rule("2.written", "Interpretación", "Interpretation", "1"),
            ),
        ),
        Exercise(
            "3",
            Text("Intentar mejorar la red", "Trying to improve the network"),
            (
                rule("3.structure", "Otra arquitectura", "Another architecture", "1"),
                rule("3.accuracy", "Exactitud en test", "Test accuracy", "0.5"),
                rule(
                    "3.honest",
                    "Control interno de etiquetas",
                    "Internal control of labels",
                    "0.5",
                    visibility=Visibility.STAFF,
                ),
                rule(
                    "3.claim",
                    "La mejora que se afirma",
                    "The improvement claimed",
                    "0.5",
                    visibility=Visibility.AFTER_DEADLINE,
                ),
            ),
        ),
    ),
)


def layer(kind: str, i: int, shape: tuple[int, ...], params: int = 0, **config: object) -> Layer:
    return Layer(kind, f"{kind.lower()}_{i}", (i - 1,) if i else (), shape, params, params, config)  # type: ignore[arg-type]


def network(*, last: str = "linear", second: int = 64, activation: str = "relu") -> Graph:
    """The tutorial's convolutional network on 28 × 28 × 1: 93,322 parameters as it stands."""
    conv = {"kernel_size": (3, 3), "strides": (1, 1), "padding": "valid"}
    layers = (
        layer("InputLayer", 0, (28, 28, 1)),
        layer("Conv2D", 1, (26, 26, 32), 320, filters=32, activation=activation, **conv),
        layer("MaxPooling2D", 2, (13, 13, 32), pool_size=(2, 2)),
        layer(
            "Conv2D",
            3,
            (11, 11, second),
            288 * second + second,
            filters=second,
            activation=activation,
            **conv,
        ),
        layer("MaxPooling2D", 4, (5, 5, second), pool_size=(2, 2)),
        layer("Conv2D", 5, (3, 3, 64), 576 * second + 64, filters=64, activation=activation, **conv),
        layer("Flatten", 6, (576,)),
        layer("Dense", 7, (64,), 36_928, units=64, activation=activation),
        layer("Dense", 8, (10,), 650, units=10, activation=last),
    )
    return Graph(layers=layers, outputs=(8,))


def episode(
    number: int = 0, *, accuracy: float = 0.734, graph: Graph | None = None, cell: int = 7
) -> Episode:
    """Three shortened epochs, validated on the test set as the tutorial does."""
    return Episode(
        number=number,
        cell=cell,
        model=number,
        names=("model", "modelo_1"),
        graph=graph or network(),
        compilation=Compilation(
            Optimizer("Adam", {"learning_rate": 0.001}),
            Loss("SparseCategoricalCrossentropy", from_logits=True),
            ("accuracy",),
        ),
        epochs=3,
        batch_size=32,
        x=Trace(rows=60_000, train=60_000, shape=(60_000, 28, 28, 1), label_agreement=1.0),
        validation="data",
        validation_x=Trace(rows=10_000, test=10_000, shape=(10_000, 28, 28, 1)),
        history={
            "accuracy": (0.521, 0.668, accuracy - 0.012),
            "loss": (1.31, 0.88, 0.74),
            "val_accuracy": (0.613, 0.699, accuracy + 0.004),
            "val_loss": (1.02, 0.81, 0.72),
        },
        rows_trained=12_000,
        capped=True,
        seconds=1.9,
        verified=Verified(
            params=(graph or network()).params,
            output_shapes=(),
            accuracy=accuracy,
            initial_accuracy=0.093,
            rows=2_000,
        ),
    )


def expected(graph: Graph | None = None) -> Expected:
    band = MeasuredBand(
        check="1.accuracy",
        variant="tutorial",
        level=Level.QUICK,
        data=FINGERPRINT,
        signature=signature(graph or network()),
        optimizer=Optimizer("Adam", {"learning_rate": 0.001}),
        loss=Loss("SparseCategoricalCrossentropy", from_logits=True),
        batch_size=32,
        rows=12_000,
        epochs=3,
        n=8,
        mean=0.731,
        sd=0.014,
        low=0.686,
        high=0.776,
    )
    return Expected("fashion-convnet", bands=(band,))


def cells(*failed: Cell) -> tuple[Cell, ...]:
    """Ten cells, of which `failed` replace those with their index."""
    by_index = {cell.index: cell for cell in failed}
    plain = (
        Cell(i, "markdown" if i % 3 == 0 else "code", f"# {i}", ran=i % 3 != 0, seconds=0.4)
        for i in range(10)
    )
    return tuple(by_index.get(cell.index, cell) for cell in plain)


def evidence(**changes: object) -> Evidence:
    base = Evidence(
        assignment="fashion-convnet",
        level=Level.QUICK,
        seed=1,
        data=ServedData("fashion_mnist", FINGERPRINT, "folder"),
        ended=Ended.COMPLETED,
        cells=cells(),
        episodes=(episode(),),
        evaluations=(
            Evaluation(
                8, 0, Trace(rows=10_000, test=10_000), {"accuracy": 0.73}, 2_000, capped=True, trained=True
            ),
        ),
        isolation="bubblewrap: no network, own file system, uid 61234, 4 GiB, 512 processes",
        versions={"python": "3.11.9", "keras": "3.15.1", "tensorflow": "2.21.0"},
        seconds=11.2,
    )
    return msgspec.structs.replace(base, **changes)


def submission(key: str = "ana-nunez", name: str = "Ana Núñez Peña", **changes: object) -> Submission:
    base = Submission(
        student=Student(key, name, "10231", f"{key}@example.org"),
        origin=f"{name}_10231_assignsubmission_file",
        document=Document("practica (1).ipynb", ()),
        digest="9b1f" * 16,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


Judged = dict[str, CheckResult]


def passed(
    check: str, key: str, *rows: Comparison, episode: int | None = None, **args: str | int
) -> CheckResult:
    return CheckResult(check, Status.PASSED, Fraction(1), Message(key, args), rows, None, episode)


def compared(key: str, expected: str, observed: str, how: Provenance, *, agrees: bool = True) -> Comparison:
    return Comparison(Message(key), expected, observed, how, agrees)


def good() -> Judged:
    """Everything right; the written part waits for a person."""
    found = (
        passed(
            "1.structure",
            "structure.passed",
            compared("structure.params", "93,322", "93,322", Provenance.VERIFIED),
            episode=0,
        ),
        passed(
            "1.epochs",
            "epochs.passed",
            compared("config.epochs", "3", "3", Provenance.OBSERVED),
            episode=0,
            n=3,
        ),
        passed("1.loss", "loss.passed", episode=0, loss="SparseCategoricalCrossentropy"),
        passed(
            "1.accuracy",
            "accuracy.passed",
            compared("accuracy.row", "≥ 0.686", "0.734", Provenance.VERIFIED),
            episode=0,
            value="0.734",
            low="0.686",
        ),
        passed(
            "1.leak",
            "leak.leaked.yes",
            compared("leak.rows", "0", "10,000", Provenance.OBSERVED, agrees=False),
            n=10_000,
        ),
        passed("2.model", "exposed.passed", total=8, n=8, missing="—"),
        passed("2.images", "inputs.passed", n=4),
        CheckResult("2.written", Status.REVIEW, Fraction(0), Message("written.review", {"n": 74})),
        passed("3.structure", "different.passed", episode=0),
        passed("3.accuracy", "accuracy.passed", value="0.752", low="0.686", episode=0),
        passed("3.honest", "data.passed", n=60_000),
        passed("3.claim", "evaluated.evaluate"),
    )
    return {result.check: result for result in found}


def mediocre() -> Judged:
    """A faulty layer, a wrong answer, a skipped check, one that we could not judge."""
    hint = Message("structure.hint.replace", {"layer": "Conv2D 64 3×3 relu", "yours": "Conv2D 32 3×3"})
    changed = (
        CheckResult(
            "1.structure",
            Status.PARTIAL,
            Fraction(2, 3),
            Message("structure.differs", {"n": 1}),
            (
                compared(
                    "structure.layer",
                    "Conv2D 64 3×3 relu",
                    "Conv2D 32 3×3",
                    Provenance.OBSERVED,
                    agrees=False,
                ),
                compared("structure.params", "93,322", "65,546", Provenance.VERIFIED, agrees=False),
            ),
            hint,
            0,
        ),
        CheckResult(
            "1.epochs",
            Status.FAILED,
            message=Message("epochs.failed", {"n": 3, "yours": 10}),
            comparisons=(compared("config.epochs", "3", "10", Provenance.CLAIMED, agrees=False),),
            episode=0,
        ),
        CheckResult("1.accuracy", Status.SKIPPED, message=Message("check.skipped", {"needs": "1.structure"})),
        CheckResult(
            "1.leak",
            Status.FAILED,
            message=Message("leak.leaked.no", {"n": 10_000}),
            comparisons=(compared("leak.rows", "0", "10,000", Provenance.OBSERVED, agrees=False),),
            hint=Message("leak.hint"),
        ),
        CheckResult("2.images", Status.FAILED, message=Message("inputs.failed", {"n": 1, "at_least": 2})),
        CheckResult("3.accuracy", Status.UNGRADED, message=Message("accuracy.blunt"), episode=0),
        CheckResult("3.honest", Status.FAILED, message=Message("data.labels", {"share": "12 %"})),
    )
    return good() | {result.check: result for result in changed}


def nothing() -> Judged:
    return {id: CheckResult(id, Status.FAILED, message=Message("training.absent")) for id in good()}


def grade(judged: Judged) -> Grade:
    def scored(check: Rule) -> Scored:
        result = judged[check.id]
        share = Decimal(result.fraction.numerator) / Decimal(result.fraction.denominator)
        return Scored(result, check.points, (check.points * share).quantize(Decimal("0.01")))

    return Grade(
        tuple(
            ExerciseGrade(e.id, tuple(scored(c) for c in e.checks if isinstance(c, Rule)))
            for e in ASSIGNMENT.exercises
        )
    )


def outcome(
    judged: Judged | None = None,
    *,
    of: Submission | None = None,
    seen: Evidence | None = None,
    state: State = State.GRADED,
    problems: tuple[Problem, ...] = (),
) -> Outcome:
    return Outcome(
        submission=of or submission(),
        assignment=ASSIGNMENT,
        state=state,
        level=Level.QUICK,
        grade=grade(judged) if judged is not None else None,
        evidence=seen,
        problems=problems,
        seconds=13.4,
    )


def passing() -> Outcome:
    return outcome(good(), seen=evidence())


FAILED_IMPORT = Cell(
    4,
    "code",
    "import torchsummary\nfrom tensorflow.keras import layers, models\nmodelo_base = models.Sequential()",
    ran=True,
    ok=False,
    error="ModuleNotFoundError",
    error_text="Traceback (most recent call last):\n  Cell In[2], line 1\n    import torchsummary\n"
    "ModuleNotFoundError: No module named 'torchsummary'",
)
FOLLOWING = Cell(
    5,
    "code",
    "modelo_base.summary()",
    ran=True,
    ok=False,
    error="NameError",
    error_text="NameError: name 'modelo_base' is not defined",
)


def middling() -> Outcome:
    """Mediocre work, on the stand-in, with a failed cell and another that follows from it."""
    graph = network(second=32, activation="linear")
    trained = msgspec.structs.replace(
        episode(accuracy=0.612, graph=graph),
        epochs=10,
        history={"acc": (0.3, None, 0.55), "loss": (2.0, None, 1.2)},
    )
    return outcome(
        mediocre(),
        of=submission("bruno-diaz", "Bruno Díaz"),
        seen=evidence(
            data=ServedData("fashion_mnist", "57a0d1", "stand-in"),
            episodes=(trained,),
            cells=cells(FAILED_IMPORT, FOLLOWING),
            retrainings=(Retraining(0, 0.655, 12_000, 2_000, 7),),
        ),
        problems=(Problem(Severity.WARNING, Message("report.flag.cells", {"n": 2})),),
    )


def tampered() -> Outcome:
    return outcome(
        good(),
        of=submission("carla-ruiz", "Carla Ruiz"),
        seen=evidence(tampering=("keras.Model.evaluate was replaced in cell 3",)),
    )


def unreadable() -> Outcome:
    problem = Problem(Severity.FATAL, Message("report.state_sentence.unreadable"))
    hand_in = submission("dario-gil", "Darío Gil", document=None, problems=(problem,))
    return outcome(nothing(), of=hand_in, state=State.UNREADABLE, problems=(problem,))


def absent() -> Outcome:
    return outcome(of=submission("eva-sanz", "Eva Sanz", document=None), state=State.ABSENT)


def failed_by_us() -> Outcome:
    seen = evidence(ended=Ended.FAILED, episodes=(), cells=())
    return outcome(of=submission("fran-mora", "Fran Mora"), seen=seen, state=State.FAILED)


def out_of_time() -> Outcome:
    seen = evidence(ended=Ended.WALL_CLOCK, episodes=(episode(accuracy=0.70),))
    return outcome(mediocre(), of=submission("gala-otero", "Gala Otero"), seen=seen)


CLASS: tuple[Callable[[], Outcome], ...] = (
    passing,
    middling,
    tampered,
    unreadable,
    absent,
    failed_by_us,
    out_of_time,
)


def whole_class() -> list[Outcome]:
    return [make() for make in CLASS]


def hostile(text: str) -> Outcome:
    """A submission in which every field that a student controls is `text`."""
    broken = Cell(
        4, "code", text, (text,), text, ran=True, ok=False, error=text, error_text=text, output_text=text
    )
    base = episode()
    strange = layer("Conv2D", 0, (1, 1, 1))
    graph = Graph(
        layers=(msgspec.structs.replace(strange, kind=text, name=text, config={"activation": text}),),
        outputs=(0,),
    )
    said = Message("structure.hint.replace", {"layer": text, "yours": text})
    row = Comparison(said, text, text, Provenance.CLAIMED, agrees=False)
    trained = msgspec.structs.replace(
        base,
        names=(text,),
        graph=graph,
        compilation=Compilation(
            Optimizer(text, {text: text, "learning_rate": 0.1}), Loss(text, from_logits=True), (text,)
        ),
        callbacks=(text,),
        history={text: (0.5,), "accuracy": (0.5, None, 1e308, -4.0), f"val_{text}": (0.1,)},
    )
    seen = evidence(
        data=ServedData(text, text, text),
        cells=cells(broken),
        episodes=(trained,),
        figures=(Figure(4, (Axes(title=text, xlabel=text, ylabel=text, labels=(text,)),)),),
        tampering=(text,),
        isolation=text,
        versions={text: text},
    )
    judged = {
        id: replace(result, message=said, hint=said, comparisons=(row,), episode=0, status=Status.PARTIAL)
        for id, result in mediocre().items()
    }
    problem = Problem(Severity.WARNING, said)
    hand_in = Submission(
        Student("hugo-malo", text, text, text),
        text,
        Document(text, ()),
        (text,),
        (problem,),
        digest="00" * 32,
    )
    return outcome(judged, of=hand_in, seen=seen, problems=(problem,))

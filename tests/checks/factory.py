"""Evidence made by hand: the smallest values that say what a test is about."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from grader.checks.select import Where
from grader.model.evidence import (
    Axes,
    BuiltModel,
    Cell,
    Compilation,
    DataLoad,
    Ended,
    Episode,
    Evaluation,
    Evidence,
    Figure,
    Level,
    Loss,
    Optimizer,
    Prediction,
    Retraining,
    ServedData,
    Trace,
    Verified,
)
from grader.model.expected import Expected, ExpectedModel, MeasuredBand
from grader.model.graph import Graph, Layer
from grader.model.text import Text

SERVED = ServedData("fashion_mnist", "fp", "folder")
TITLE = Text("título", "title")


# ---- networks -------------------------------------------------------------------------------------
def layer(kind: str, shape: tuple[int | None, ...] = (), params: int = 0, **config: object) -> Layer:
    return Layer(kind, kind.lower(), (), shape, params, params, config)  # type: ignore[arg-type]


def graph(*layers: Layer, style: str = "sequential") -> Graph:
    chained = tuple(
        msgspec.structs.replace(one, name=f"{one.kind}_{i}", inputs=(i - 1,) if i else ())
        for i, one in enumerate(layers)
    )
    return Graph(chained, (len(chained) - 1,), style)


def conv(
    filters: int, kernel: int = 3, activation: str | None = "relu", size: int = 0, **config: object
) -> Layer:
    shape = (size, size, filters) if size else ()
    return layer(
        "Conv2D",
        shape,
        filters,
        filters=filters,
        kernel_size=(kernel, kernel),
        activation=activation,
        **config,
    )


def pool(size: int = 0, channels: int = 1) -> Layer:
    return layer("MaxPooling2D", (size, size, channels) if size else (), pool_size=(2, 2))


def dense(units: int, activation: str | None = "relu", **config: object) -> Layer:
    return layer("Dense", (units,), units, units=units, activation=activation, **config)


INPUT = layer("InputLayer", (28, 28, 1))
FLATTEN = layer("Flatten", (576,))
TUTORIAL = graph(
    INPUT,
    conv(32, size=26),
    pool(13, 32),
    conv(64, size=11),
    pool(5, 64),
    conv(64, size=3),
    FLATTEN,
    dense(64),
    dense(10, None),
)
DENSE_NET = graph(INPUT, layer("Flatten", (784,)), dense(128), dense(10, "softmax"))
SMALL_NET = graph(INPUT, layer("Flatten", (25,)), dense(3), dense(2, "softmax"))


def subclassed(*layers: Layer) -> Graph:
    """A net whose functions between the layers (`tf.nn.relu`) are not seen."""
    return msgspec.structs.replace(graph(*layers, style="subclassed"), exact=False)


def alexnet(scale: int = 1, *, activation: str | None = "relu") -> Graph:
    filters = [n // scale for n in (96, 256, 384, 384, 256)]
    one, two, three, four, five = (conv(n, activation=activation) for n in filters)
    hidden = 4096 // scale
    tail = (FLATTEN, dense(hidden, activation), dense(hidden, activation), dense(10, None))
    return graph(INPUT, one, pool(), two, pool(), three, four, five, pool(), *tail)


# ---- what was run ---------------------------------------------------------------------------------
def code(index: int, source: str = "", output: str = "", **fields: object) -> Cell:
    return Cell(index, "code", source, ran=True, output_text=output, **fields)  # type: ignore[arg-type]


def markdown(index: int, source: str, **fields: object) -> Cell:
    return Cell(index, "markdown", source, **fields)  # type: ignore[arg-type]


def notebook(*sources: str) -> tuple[Cell, ...]:
    """Cells in order: "> code" is a code cell, anything else markdown."""
    return tuple(
        code(i, source[2:]) if source.startswith("> ") else markdown(i, source)
        for i, source in enumerate(sources)
    )


def compiled(
    loss: str = "SparseCategoricalCrossentropy",
    *,
    from_logits: bool | None = True,
    optimizer: str = "Adam",
    rate: float = 0.001,
    **config: float,
) -> Compilation:
    return Compilation(
        Optimizer(optimizer, {"learning_rate": rate, **config}), Loss(loss, from_logits), ("accuracy",)
    )


def seen(train: int = 0, test: int = 0, unknown: int = 0, **fields: object) -> Trace:
    fields = {"label_agreement": 1.0 if train + test else None, **fields}
    return Trace(rows=train + test + unknown, train=train, test=test, unknown=unknown, **fields)  # type: ignore[arg-type]


ALL_TRAIN = seen(train=60_000)
ALL_TEST = seen(test=10_000)


def verified(
    accuracy: float | None = 0.85, initial: float | None = 0.1, top: tuple[int, ...] = ()
) -> Verified:
    return Verified(100, (), accuracy, initial, 2000, top)


def episode(number: int = 0, net: Graph = TUTORIAL, **fields: object) -> Episode:
    """A sound training; its history has as many epochs as it declares."""
    epochs = int(str(fields.get("epochs", 3)))
    return msgspec.structs.replace(
        Episode(
            number=number,
            cell=number,
            model=number,
            names=(),
            graph=net,
            compilation=compiled(),
            epochs=3,
            batch_size=32,
            x=ALL_TRAIN,
            history={"loss": (0.5,) * epochs},
            rows_trained=12_000,
            capped=True,
            initial_digest=f"initial{number}",
            final_digest=f"final{number}",
            verified=verified(),
        ),
        **fields,
    )


def model(serial: int = 0, net: Graph = TUTORIAL, cell: int = 0, **fields: object) -> BuiltModel:
    return BuiltModel(serial, cell, graph=net, **{"names": (), **fields})  # type: ignore[arg-type]


def evaluation(
    serial: int = 0, x: Trace = ALL_TEST, *, cell: int = 1, accuracy: float | None = 0.85
) -> Evaluation:
    return Evaluation(cell, serial, x, {"loss": 0.4, "accuracy": accuracy}, 2000, trained=True)


def prediction(serial: int = 0, x: Trace = ALL_TEST, **fields: object) -> Prediction:
    given = {"x_id": "x", "x_distinct": 2, "trained": True, **fields}
    return Prediction(cell=2, model=serial, x=x, output_shapes=((None, 10),), rows_used=64, **given)  # type: ignore[arg-type]


def figure(*images: tuple[int, ...], cell: int = 3) -> Figure:
    return Figure(cell, tuple(Axes(images=(image,)) for image in images))


def retrained(accuracy: float, number: int = 0, rows: int = 12_000) -> Retraining:
    return Retraining(number, accuracy, rows, 2000, 1)


def evidence(**fields: object) -> Evidence:
    given: dict[str, object] = {
        "cells": tuple(code(i) for i in range(4)),
        "loads": (DataLoad(0, "fashion_mnist"),),
        **fields,
    }
    return Evidence(
        "demo",
        given.pop("level", Level.QUICK),  # type: ignore[arg-type]
        1,
        SERVED,
        given.pop("ended", Ended.COMPLETED),  # type: ignore[arg-type]
        **given,  # type: ignore[arg-type]
    )


# ---- what references supply -----------------------------------------------------------------------
def wanted(check: str, net: Graph, params: int | None = None) -> ExpectedModel:
    return ExpectedModel(check, "solution", net, net.params if params is None else params)


def band(check: str, signature: str, **fields: object) -> MeasuredBand:
    return msgspec.structs.replace(
        MeasuredBand(
            check=check,
            variant="solution",
            level=Level.QUICK,
            data="fp",
            signature=signature,
            optimizer=Optimizer("Adam", {"learning_rate": 0.001}),
            loss=Loss("SparseCategoricalCrossentropy", True),
            batch_size=32,
            rows=12_000,
            epochs=3,
            n=10,
            mean=0.84,
            sd=0.01,
            low=0.80,
            high=0.88,
            rejects=1.0,
        ),
        **fields,
    )


def expected(
    *models: ExpectedModel, bands: tuple[MeasuredBand, ...] = (), boilerplate: tuple[str, ...] = ()
) -> Expected:
    return Expected("demo", models, bands, boilerplate=boilerplate)


WHERE = Where("1", ("1", "2"), like="1.net")
"""An exercise that asks for the tutorial's network, of two."""
KNOWN: Expected = expected(wanted("1.net", TUTORIAL))
PLACE = {"id": "1.x", "title": TITLE, "points": Decimal(1)}
"""What every check is given."""

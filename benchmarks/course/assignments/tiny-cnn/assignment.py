"""tiny-cnn: what the benchmarks' notebooks are checked for."""

from grader.course.authoring import (
    Architecture,
    Assignment,
    Decimal,
    Epochs,
    Exercise,
    LossFits,
    Predicted,
    Text,
    Where,
)

network = Where("1", ("1",), like="1.net", contract=("modelo",))

assignment = Assignment(
    id="tiny-cnn",
    title=Text(es="Una red convolucional pequeña", en="A small convolutional net"),
    data="mnist",
    recognise=("load_digits", "conv2d"),
    exercises=(
        Exercise(
            "1",
            Text(es="La red", en="The net"),
            (
                Architecture(
                    id="1.net",
                    title=Text(es="La red pedida", en="The net asked for"),
                    points=Decimal("4"),
                    where=network,
                ),
                Epochs(
                    id="1.epochs",
                    title=Text(es="Tres épocas", en="Three epochs"),
                    points=Decimal("2"),
                    where=network,
                    epochs=3,
                ),
                LossFits(
                    id="1.loss",
                    title=Text(es="La pérdida corresponde a la salida", en="The loss fits the output"),
                    points=Decimal("2"),
                    where=network,
                ),
                Predicted(
                    id="1.predict",
                    title=Text(es="Predicciones", en="Predictions"),
                    points=Decimal("2"),
                    where=network,
                ),
            ),
            contract=("modelo",),
        ),
    ),
)

"""digits-dense: the demo practical, a small dense network on handwritten digits."""

from grader.course.authoring import (
    Architecture,
    Assignment,
    Decimal,
    Epochs,
    Exercise,
    InBand,
    LossFits,
    Predicted,
    Shown,
    Text,
    Visibility,
    Where,
    Written,
)

IDS = ("1", "2", "3")
network = Where("2", IDS, like="2.net", contract=("modelo",))
prediction = Where("3", IDS, contract=("predicciones",))

PREDICTED = Predicted(
    id="3.predict",
    title=Text(es="Predicciones de la red entrenada", en="Predictions of the trained net"),
    points=Decimal("1.0"),
    where=prediction,
)

assignment = Assignment(
    id="digits-dense",
    title=Text(es="Una red densa que lee dígitos", en="A dense network that reads digits"),
    data="mnist",
    recognise=("mnist", "dense", "flatten", "predict"),
    exercises=(
        Exercise(
            "1",
            Text(es="Los datos", en="The data"),
            (
                Shown(
                    id="1.data",
                    title=Text(es="Forma y número de imágenes, mostrados", en="Shape and counts, shown"),
                    points=Decimal("2.0"),
                    patterns=(r"60[.,\s]?000\D+28\D+28", r"(?<![\d.,])10[.,\s]?000(?!\d)"),
                    labels=("(60000, 28, 28)", "10000"),
                    dataset="mnist",
                ),
            ),
        ),
        Exercise(
            "2",
            Text(es="La red", en="The network"),
            (
                Architecture(
                    id="2.net",
                    title=Text(es="La red 28×28 → 64 → 10, entrenada", en="The 28×28 → 64 → 10 net, trained"),
                    points=Decimal("2.5"),
                    where=network,
                ),
                Epochs(
                    id="2.epochs",
                    title=Text(es="Cinco épocas", en="Five epochs"),
                    points=Decimal("1.0"),
                    where=network,
                    epochs=5,
                ),
                LossFits(
                    id="2.loss",
                    title=Text(es="La pérdida corresponde a la salida", en="The loss fits the output"),
                    points=Decimal("1.0"),
                    where=network,
                ),
                InBand(
                    id="2.accuracy",
                    title=Text(es="La red aprende", en="The network learns"),
                    points=Decimal("1.0"),
                    visibility=Visibility.AFTER_DEADLINE,
                    where=network,
                ),
            ),
            contract=("modelo", "historia"),
        ),
        Exercise(
            "3",
            Text(es="Predecir y explicar", en="Predict and explain"),
            (
                PREDICTED,
                Written(
                    id="3.written",
                    title=Text(es="Qué significa el resultado", en="What the result means"),
                    points=Decimal("1.5"),
                    where=prediction,
                    attempted=PREDICTED,
                ),
            ),
            contract=("predicciones",),
        ),
    ),
)

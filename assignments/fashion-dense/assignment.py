"""fashion-dense: TensorFlow's "keras/classification" tutorial and small dense networks."""

from grader.course.authoring import (
    Architecture,
    Assignment,
    Decimal,
    Exercise,
    Experiments,
    InBand,
    Invariant,
    LossFits,
    NamedClass,
    Predicted,
    Shown,
    SomeEpochs,
    Text,
    ValidationSplit,
    VariesEpochs,
    Visibility,
    Where,
    Written,
)

IDS = ("1", "2", "3", "4", "5", "6")
SMALL = Where("2", IDS, like="2.net", contract=("modelo_5x5",))
DEEPER = Where("2", IDS, like="2.deeper", contract=("modelo_5x5_16",))
small = Where("2", IDS, like="2.net", contract=("modelo_5x5",), rivals=(DEEPER,))
deeper = Where("2", IDS, like="2.deeper", contract=("modelo_5x5_16",), rivals=(SMALL,))
tutorial = Where("3", IDS, like="3.net", contract=("modelo",), rivals=(SMALL, DEEPER))
long_training = Where("4", IDS, like="3.net", contract=("historia",), rivals=(SMALL, DEEPER))
prediction = Where("5", IDS, contract=("predicciones",))
naming = Where("6", IDS, contract=("predicciones",))
WRITTEN = Text(es="Respuestas escritas", en="Written answers")
SHOWN = Shown(
    id="1.data",
    title=Text(es="Forma y número de ejemplos, mostrados", en="Shape and counts, shown"),
    points=Decimal("0.5"),
    patterns=(r"60[.,\s]?000\D+28\D+28", r"(?<![\d.,])10[.,\s]?000(?!\d)"),
    labels=("(60000, 28, 28)", "10000"),
    expressions=(r"^\s*\w+\.shape\s*(?:#.*)?$", r"^\s*len\(\w+\)\s*(?:#.*)?$"),
    dataset="fashion_mnist",
)
SMALL_NET = Architecture(
    id="2.net",
    title=Text(es="La red 5×5 → 3 → 2", en="The 5×5 → 3 → 2 network"),
    points=Decimal("0.75"),
    where=small,
    trained=False,
)
TUTORIAL_NET = Architecture(
    id="3.net",
    title=Text(es="La red del tutorial, entrenada", en="The tutorial's network, trained"),
    points=Decimal("0.5"),
    where=tutorial,
)
SPLIT = ValidationSplit(
    id="4.split",
    title=Text(es="validation_split=0.2", en="validation_split=0.2"),
    points=Decimal("0.5"),
    where=long_training,
    share=0.2,
)
PREDICTED = Predicted(
    id="5.predict",
    title=Text(es="Predicciones de un modelo entrenado", en="Predictions of a trained model"),
    points=Decimal("0.5"),
    where=prediction,
)
NAMED = NamedClass(
    id="6.argmax",
    title=Text(es="El nombre de la clase de la imagen 10", en="The name of the class of image 10"),
    points=Decimal("0.5"),
    where=naming,
    row=10,
)

assignment = Assignment(
    id="fashion-dense",
    title=Text(es="Clasificación de ropa con redes densas", en="Classifying clothing with dense networks"),
    data="fashion_mnist",
    recognise=("fashion_mnist", "(5,5)", "dense(3", "argmax", "validation_split", "flatten"),
    exercises=(
        Exercise(
            "1",
            Text(es="Los datos", en="The data"),
            (
                SHOWN,
                Written(
                    id="1.written",
                    attempted=SHOWN,
                    title=WRITTEN,
                    points=Decimal("0.5"),
                    where=Where("1", IDS),
                    invariants=(
                        Invariant(
                            Text(es="len(test_labels)", en="len(test_labels)"),
                            "10000",
                            r"(?:len|etiquetas|labels)[^.\n]{0,60}\b(?:son|es|is|are)\s+(?:10|diez|ten)\b(?![.,]?\d)",
                        ),
                    ),
                ),
            ),
        ),
        Exercise(
            "2",
            Text(es="Una red pequeña", en="A small network"),
            (
                SMALL_NET,
                Architecture(
                    id="2.deeper",
                    title=Text(es="Con dos capas ocultas de 16", en="With two hidden layers of 16"),
                    points=Decimal("0.75"),
                    where=deeper,
                    trained=False,
                ),
                Written(
                    id="2.written", attempted=SMALL_NET, title=WRITTEN, points=Decimal("1.0"), where=small
                ),
            ),
            contract=("modelo_5x5", "modelo_5x5_16"),
        ),
        Exercise(
            "3",
            Text(es="Compilar y experimentar", en="Compile and experiment"),
            (
                TUTORIAL_NET,
                LossFits(
                    id="3.loss",
                    title=Text(es="La pérdida corresponde a la salida", en="The loss fits the output"),
                    points=Decimal("0.5"),
                    where=tutorial,
                ),
                InBand(
                    id="3.accuracy",
                    title=Text(es="La red aprende", en="The network learns"),
                    points=Decimal("0.25"),
                    visibility=Visibility.AFTER_DEADLINE,
                    where=tutorial,
                ),
                Experiments(
                    id="3.experiment",
                    title=Text(es="Otro optimizador u otra pérdida", en="Another optimizer or loss"),
                    points=Decimal("0.5"),
                    where=tutorial,
                ),
                Written(
                    id="3.written",
                    attempted=TUTORIAL_NET,
                    title=WRITTEN,
                    points=Decimal("0.75"),
                    where=tutorial,
                ),
            ),
            contract=("modelo",),
        ),
        Exercise(
            "4",
            Text(es="Entrenar con validación", en="Train with validation"),
            (
                SPLIT,
                SomeEpochs(
                    id="4.epochs",
                    title=Text(es="100 épocas", en="100 epochs"),
                    points=Decimal("0.25"),
                    where=long_training,
                    epochs=100,
                ),
                VariesEpochs(
                    id="4.vary",
                    title=Text(es="Otro número de épocas", en="Another number of epochs"),
                    points=Decimal("0.25"),
                    where=long_training,
                ),
                Written(
                    id="4.written", attempted=SPLIT, title=WRITTEN, points=Decimal("1.0"), where=long_training
                ),
            ),
            contract=("historia",),
        ),
        Exercise(
            "5",
            Text(es="Predecir", en="Predict"),
            (
                PREDICTED,
                Written(
                    id="5.written",
                    attempted=PREDICTED,
                    title=WRITTEN,
                    points=Decimal("0.5"),
                    where=prediction,
                ),
            ),
            contract=("predicciones",),
        ),
        Exercise(
            "6",
            Text(es="De la predicción al nombre", en="From prediction to name"),
            (
                NAMED,
                Written(id="6.written", attempted=NAMED, title=WRITTEN, points=Decimal("0.5"), where=naming),
            ),
            contract=("predicciones",),
        ),
    ),
)

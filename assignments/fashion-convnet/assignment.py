"""fashion-convnet: the TensorFlow "images/cnn" tutorial on Fashion-MNIST, its activations, AlexNet."""

from grader.course.authoring import (
    Architecture,
    Assignment,
    Decimal,
    Different,
    Epochs,
    Evaluated,
    EveryLayerExposed,
    Exercise,
    InBand,
    LeakAnswered,
    LossFits,
    MapsShown,
    SeveralInputs,
    SomeLayerShown,
    Text,
    TrainedOn,
    Visibility,
    Where,
    Written,
)

IDS = ("1", "2", "3", "4")
TUTORIAL = Where("1", IDS, like="1.structure", contract=("modelo_1",))
ALEXNET = Where("4", IDS, like="4.structure", scaled=True, contract=("modelo_alexnet",))

first = Where("1", IDS, like="1.structure", contract=("modelo_1",), rivals=(ALEXNET,))
activations = Where("2", IDS, contract=("modelo_activaciones",), rivals=(TUTORIAL, ALEXNET))
alexnet = Where("4", IDS, like="4.structure", scaled=True, contract=("modelo_alexnet",), rivals=(TUTORIAL,))
improved = Where("3", IDS, contract=("modelo_3",), rivals=(first, alexnet))
TUTORIAL_NET = Architecture(
    id="1.structure",
    title=Text(es="La red del tutorial, adaptada", en="The tutorial's network, adapted"),
    points=Decimal("0.75"),
    where=first,
)
EXPOSED = EveryLayerExposed(
    id="2.model",
    title=Text(
        es="Un modelo que devuelve la salida de cada capa",
        en="A model that returns every layer's output",
    ),
    points=Decimal("1.0"),
    where=activations,
)
IMPROVED = Different(
    id="3.structure",
    title=Text(es="Otra arquitectura, entrenada", en="Another architecture, trained"),
    points=Decimal("0.75"),
    where=improved,
    base=first,
)
ALEXNET_NET = Architecture(
    id="4.structure",
    title=Text(es="La secuencia de AlexNet", en="AlexNet's sequence of layers"),
    points=Decimal("1.0"),
    where=alexnet,
    scaled=True,
)

assignment = Assignment(
    id="fashion-convnet",
    title=Text(es="Redes convolucionales con Fashion-MNIST", en="Convolutional networks on Fashion-MNIST"),
    data="fashion_mnist",
    recognise=("conv2d", "fashion_mnist", "alexnet", "maxpool", "leak", "activ"),
    exercises=(
        Exercise(
            "1",
            Text(es="Adaptar el tutorial de CNN", en="Adapt the CNN tutorial"),
            (
                TrainedOn(
                    id="1.data",
                    title=Text(
                        es="Entrenada con las imágenes de entrenamiento y sus etiquetas",
                        en="Trained on the training images with their own labels",
                    ),
                    points=Decimal("0.25"),
                    where=first,
                    at_least=40_000,
                ),
                TUTORIAL_NET,
                Epochs(
                    id="1.epochs",
                    title=Text(es="Solo tres épocas", en="Three epochs only"),
                    points=Decimal("0.25"),
                    where=first,
                    epochs=3,
                ),
                LossFits(
                    id="1.loss",
                    title=Text(es="La pérdida corresponde a la salida", en="The loss fits the output"),
                    points=Decimal("0.25"),
                    where=first,
                ),
                InBand(
                    id="1.accuracy",
                    title=Text(es="La red aprende", en="The network learns"),
                    points=Decimal("0.25"),
                    visibility=Visibility.AFTER_DEADLINE,
                    where=first,
                ),
                LeakAnswered(
                    id="1.leak",
                    title=Text(es="¿Hay data leaking?", en="Is there data leaking?"),
                    points=Decimal("0.5"),
                    visibility=Visibility.AFTER_DEADLINE,
                    where=first,
                ),
                Written(
                    id="1.written",
                    attempted=TUTORIAL_NET,
                    title=Text(es="Interpretación del modelo", en="Interpretation of the model"),
                    points=Decimal("0.25"),
                    where=first,
                ),
            ),
            contract=("modelo_1", "historia_1"),
        ),
        Exercise(
            "2",
            Text(es="Activaciones de todas las capas", en="Activations of every layer"),
            (
                EXPOSED,
                MapsShown(
                    id="2.figures",
                    title=Text(
                        es="Mapas de las capas convolucionales y de pooling",
                        en="Maps of the convolution and pooling layers",
                    ),
                    points=Decimal("0.5"),
                    where=activations,
                ),
                SeveralInputs(
                    id="2.images",
                    title=Text(es="Para varias imágenes", en="For several images"),
                    points=Decimal("0.5"),
                    where=activations,
                ),
                Written(
                    id="2.written",
                    attempted=EXPOSED,
                    title=Text(es="Interpretación", en="Interpretation"),
                    points=Decimal("0.5"),
                    where=activations,
                ),
            ),
            contract=("modelo_activaciones",),
        ),
        Exercise(
            "3",
            Text(es="Mejorar la arquitectura", en="Improve the architecture"),
            (
                IMPROVED,
                LossFits(
                    id="3.loss",
                    title=Text(es="La pérdida corresponde a la salida", en="The loss fits the output"),
                    points=Decimal("0.25"),
                    where=improved,
                    base=first,
                ),
                Evaluated(
                    id="3.evaluated",
                    title=Text(
                        es="Medida con datos no vistos al entrenar", en="Measured on data not trained on"
                    ),
                    points=Decimal("0.5"),
                    where=improved,
                    base=first,
                ),
                Written(
                    id="3.written",
                    attempted=IMPROVED,
                    title=Text(
                        es="Qué se cambió, cuánto mejora, overfitting",
                        en="What changed, how much it helped, overfitting",
                    ),
                    points=Decimal("1.0"),
                    where=improved,
                ),
            ),
            contract=("modelo_3",),
        ),
        Exercise(
            "4",
            Text(es="AlexNet", en="AlexNet"),
            (
                ALEXNET_NET,
                LossFits(
                    id="4.loss",
                    title=Text(es="La pérdida corresponde a la salida", en="The loss fits the output"),
                    points=Decimal("0.25"),
                    where=alexnet,
                ),
                Evaluated(
                    id="4.evaluated",
                    title=Text(
                        es="Medida con datos no vistos al entrenar", en="Measured on data not trained on"
                    ),
                    points=Decimal("0.25"),
                    where=alexnet,
                ),
                SomeLayerShown(
                    id="4.figure",
                    title=Text(es="Una de sus capas, dibujada", en="One of its layers, drawn"),
                    points=Decimal("0.25"),
                    where=alexnet,
                ),
                Written(
                    id="4.written",
                    attempted=ALEXNET_NET,
                    title=Text(es="Interpretación y comparación", en="Interpretation and comparison"),
                    points=Decimal("0.75"),
                    where=alexnet,
                ),
            ),
            contract=("modelo_alexnet",),
        ),
    ),
)

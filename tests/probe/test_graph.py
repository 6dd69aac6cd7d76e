"""Models as graphs and compilations by meaning, in one real kernel that caps nothing."""

from __future__ import annotations

import msgspec
import pytest
from driver import NO_CAPS, Run, run_cells

from grader.evidence import wire
from grader.model.graph import Graph

CELLS = [
    """
import numpy as np, functools, keras, tensorflow as tf
from keras import layers, ops
(x, y), _ = keras.datasets.fashion_mnist.load_data()
x = (x[:64] / 255)[..., None]; y = y[:64]
""",
    """
seq = keras.Sequential([layers.Input((28, 28, 1)), layers.Rescaling(0.5),
    layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(10)])
i = keras.Input((28, 28, 1))
h = layers.Conv2D(4, (3, 3), activation=tf.nn.relu)(i * 0.5)
fun = keras.Model(i, layers.Dense(10)(layers.Flatten()(layers.MaxPool2D((2, 2))(h))))
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.head = layers.Dense(10)            # made in another order than it runs
        self.features = keras.Sequential([layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D()])
        self.flat = layers.Flatten()
    def call(self, inputs, training=False):
        return self.head(self.flat(self.features(inputs / 2)))
sub = Net(); sub.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
sub.fit(x, y, verbose=0)
inner = keras.Model(i, h)
j = keras.Input((28, 28, 1))
nested = keras.Model(j, layers.Dense(10)(layers.Flatten()(layers.MaxPool2D()(inner(j)))))
""",
    """
class Residual(layers.Layer):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(4, 3, padding="same")
        self.norm = layers.BatchNormalization()
    def call(self, inputs, training=None):
        return ops.relu(inputs + self.norm(self.conv(inputs), training=training))
class Scale(layers.Layer):
    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), name="factor")
    def call(self, inputs):
        return inputs * self.factor
class MyDense(layers.Dense):
    pass
opened = keras.Sequential([layers.Input((28, 28, 1)), layers.Conv2D(4, 1), Residual(), layers.Flatten(),
    MyDense(10)])
closed = keras.Sequential([layers.Input((784,)), Scale(), layers.Dense(10)])
lam = keras.Sequential([layers.Input((784,)), layers.Lambda(lambda t: tf.sort(t)), layers.Dense(10)])
scaling = keras.Sequential([layers.Input((28, 28)), layers.Lambda(lambda t: t / 255.0),
    layers.Lambda(lambda t: tf.expand_dims(t, -1)), layers.Flatten(), layers.Dense(10)])
shows_scaling = keras.Model(scaling.inputs, [layer.output for layer in scaling.layers])
class TfNet(keras.Model):
    def __init__(self):
        super().__init__()
        self.out, self.hidden = layers.Dense(10), layers.Dense(8)
    def call(self, inputs):
        return self.out(tf.nn.relu(self.hidden(tf.reshape(inputs, (-1, 784)))))
raw = TfNet(); raw(x[:2])
class Styled(keras.Model):
    def __init__(self, activation, scaled, grown, flat, end):
        super().__init__()
        self.conv, self.pool, self.out = layers.Conv2D(4, 3), layers.MaxPooling2D(), layers.Dense(10)
        self.activation, self.scaled, self.grown, self.flat, self.end = activation, scaled, grown, flat, end
    def call(self, inputs):
        x = self.pool(self.activation(self.conv(inputs=self.grown(self.scaled(inputs)))))
        return self.end(self.out(self.flat(x)))
styles = {
    "tf": (tf.nn.relu, lambda t: tf.cast(t, tf.float32) / 2, lambda t: t[..., tf.newaxis],
        lambda t: tf.reshape(t, [-1, 676]), tf.nn.softmax),
    "keras": (keras.activations.relu, lambda t: 0.5 * t, lambda t: ops.expand_dims(t, -1),
        lambda t: ops.reshape(t, (-1, 676)), keras.activations.softmax),
    "mixed": (lambda t: tf.maximum(t, 0.0), lambda t: tf.identity(t) * 0.5, lambda t: tf.expand_dims(t, 3),
        lambda t: tf.reshape(t, [tf.shape(t)[0], 676]), lambda t: ops.softmax(t)),
}
styled = {name: Styled(*functions) for name, functions in styles.items()}
for net in styled.values(): net(x[:2, ..., 0])
j = keras.Input((28, 28, 1)); net = styled["tf"]
h = net.conv(j); shown_by_hand = keras.Model(j, [h, net.pool(keras.activations.relu(h))])
folded = keras.Model(j, ops.relu(net.conv(j)))
odd = {
    "sine": Styled(tf.sin, *styles["tf"][1:]),
    "rows": Styled(tf.nn.relu, lambda t: t[:1], *styles["tf"][2:]),
    "turned": Styled(tf.nn.relu, lambda t: t[:, ::-1], *styles["tf"][2:]),
    "mixed rows": Styled(tf.nn.relu, lambda t: tf.reshape(t, (-1, 28, 28)), lambda t: t[..., None],
        lambda t: tf.reshape(tf.reshape(t, (676, -1)), (-1, 676)), tf.nn.softmax),
}
for net in odd.values(): net(x[:2, ..., 0])
class Sum(keras.Model):
    def __init__(self):
        super().__init__()
        self.a, self.b = layers.Dense(5), layers.Dense(5)
    def call(self, inputs):
        left = tf.nn.leaky_relu(self.a(inputs), 0.1)
        return tf.concat([left + self.b(inputs), tf.nn.log_softmax(left)], axis=-1)
summed = Sum(); summed(x[:2, 0, :, 0])
twice = layers.Dense(5); k = keras.Input((5,))
shared = keras.Model(k, twice(twice(k)))
unbuilt = keras.Sequential([layers.Dense(3, activation="relu"), layers.Dense(2)])
settings = keras.Sequential([layers.Input((8, 8, 1)), layers.ZeroPadding2D(((1, 0), (2, 1))),
    layers.Conv2D(2, (3, 5), strides=(2, 1), padding="same", dilation_rate=1, use_bias=False,
    kernel_initializer="he_normal", kernel_regularizer=keras.regularizers.L2(0.01)),
    layers.Dropout(0.3), layers.BatchNormalization(), layers.GlobalAveragePooling2D(),
    layers.Dense(2, activation=lambda t: t)])
""",
    """
acts = keras.Model(seq.inputs, [layer.output for layer in seq.layers])
maps = acts.predict(x[:3], verbose=0)
added = keras.Sequential()
for layer in (layers.Input((28, 28, 1)), layers.Conv2D(4, 3), layers.MaxPooling2D(), layers.Flatten()):
    added.add(layer)
pieces = keras.Model(added.inputs, [layer.output for layer in added.layers])
probability = keras.Sequential([seq, layers.Softmax()])
p = probability(x[:2])
nets = {"first": fun, "more": [sub]}
class Holder: pass
holder = Holder(); holder.model = nested
""",
]

ODD = ("sine", "rows", "turned", "mixed rows")

COMPILED = [
    ("'adam', 'mse', metrics=['acc']", "Adam", ("MeanSquaredError", None), ("accuracy",)),
    ("keras.optimizers.Adam(), keras.losses.MeanSquaredError()", "Adam", ("MeanSquaredError", None), ()),
    ("'sgd', keras.losses.mean_squared_error, metrics=['mae']", "SGD", ("MeanSquaredError", None),
     ("MeanAbsoluteError",)),
    ("'rmsprop', 'sparse_categorical_crossentropy', metrics=[keras.metrics.SparseCategoricalAccuracy()]",
     "RMSprop", ("SparseCategoricalCrossentropy", False), ("SparseCategoricalAccuracy",)),
    ("tf.keras.optimizers.AdamW(), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)", "AdamW",
     ("SparseCategoricalCrossentropy", True), ()),
    ("'adam', functools.partial(keras.losses.categorical_crossentropy, from_logits=True)", "Adam",
     ("CategoricalCrossentropy", True), ()),
    ("'adam', keras.losses.sparse_categorical_crossentropy", "Adam",
     ("SparseCategoricalCrossentropy", False), ()),
    ("'adam', 'kl_divergence'", "Adam", ("KLDivergence", None), ()),
    ("'adam', lambda a, b: keras.ops.mean(a - b)", "Adam", ("custom", None), ()),
]  # fmt: skip


@pytest.fixture(scope="module")
def run() -> Run:
    compiles = [f"c{i} = keras.Sequential([layers.Input((3,)), layers.Dense(2)]); c{i}.compile({arguments})"
                for i, (arguments, *_) in enumerate(COMPILED)]  # fmt: skip
    schedule = """
rate = keras.optimizers.schedules.ExponentialDecay(0.01, 1000, 0.9)
cs = keras.Sequential([layers.Input((3,)), layers.Dense(2)])
cs.compile(keras.optimizers.SGD(rate, momentum=0.9), "mse")
"""
    return run_cells([*CELLS, "\n".join(compiles), schedule, LOOKALIKES], NO_CAPS)


LOOKALIKES = """
def mean_squared_error(y_true, y_pred):
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)
mean_squared_error.__module__ = "keras.src.losses.losses"
class SparseCategoricalCrossentropy(keras.losses.Loss):
    __module__ = "keras.src.losses.losses"
    def call(self, y_true, y_pred): return keras.ops.mean(y_pred, axis=-1)
class RMSprop(keras.optimizers.Adam): pass
class Adam(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate): pass
class SparseCategoricalAccuracy(keras.metrics.Mean):
    def update_state(self, *args, **kwargs): return super().update_state(1.0)
class Liar(layers.Dense):
    def get_config(self): return {**super().get_config(), "units": 3}
class Dense(layers.Layer):
    __module__ = "keras.src.layers.core.dense"
    def build(self, shape): self.w = self.add_weight(shape=(shape[-1], 4))
    def call(self, inputs): return inputs @ self.w
def relu(x): return x
relu.__module__ = "keras.src.activations.activations"
def lookalike(*inside):
    model = keras.Sequential([layers.Input((5,)), *inside])
    return model
liar, own, fake = lookalike(Liar(7)), lookalike(Dense()), lookalike(layers.Dense(4, activation=relu))
resized = lookalike(layers.Dense(7)); resized.layers[0].units = 3
held = keras.losses.MeanSquaredError(); held.fn = keras.losses.sparse_categorical_crossentropy
hiding = keras.optimizers.Adam(); hiding.update_step = lambda *a: None
pairs = [(RMSprop(), SparseCategoricalCrossentropy(), [SparseCategoricalAccuracy()]),
    (Adam(), mean_squared_error, ["accuracy"]), (hiding, held, [keras.metrics.SparseCategoricalAccuracy()])]
for i, (optimizer, loss, metrics) in enumerate(pairs):
    globals()[f"l{i}"] = lookalike(layers.Dense(2))
    globals()[f"l{i}"].compile(optimizer, loss, metrics=metrics)
"""


def computed(graph: Graph) -> list[tuple[object, ...]]:
    """What a graph computes: everything but the layers' names."""
    return [(x.kind, x.inputs, x.output_shape, x.params, x.config, x.weights) for x in graph.layers]


def kinds(graph: Graph) -> list[str]:
    return [layer.kind for layer in graph.layers]


def test_the_probe_itself_had_no_trouble(run):
    """No fault of ours was swallowed, and no cell failed."""
    assert run.trouble == ""
    assert [cell.error for cell in run.cells if not cell.ok] == []


@pytest.mark.parametrize("name", ["fun", "sub", "nested"])
def test_the_same_computation_is_the_same_graph(run, name):
    """Functional, subclassed and nested styles give what the Sequential gives."""
    expected = run.model("seq").graph
    assert expected.exact
    assert expected.params == 4 * 10 + 13 * 13 * 4 * 10 + 10
    graph = run.model(name).graph
    assert graph.exact
    assert computed(graph) == computed(expected)


def test_how_it_was_written_is_told_apart(run):
    """The style is noted, though no check depends on it."""
    styles = {name: run.model(name).graph.style for name in ("seq", "fun", "sub")}
    assert styles == {"seq": "sequential", "fun": "functional", "sub": "subclassed"}


def test_a_students_layer_is_opened(run):
    """A residual block shows the layers it is made of; an own Dense without changes is a Dense."""
    graph = run.model("opened").graph
    expected = "InputLayer Conv2D Conv2D BatchNormalization Add Activation Flatten Dense"
    assert kinds(graph) == expected.split()
    assert graph.layers[4].inputs == (1, 3)
    assert graph.exact


@pytest.mark.parametrize("name", ["closed", "lam", "shared", "settings", *(f"odd[{name!r}]" for name in ODD)])
def test_what_cannot_be_followed_is_inexact(run, name):
    """Own weights, Lambda, shared weights, odd functions and lambda activations cannot be rebuilt."""
    assert not run.model(name).graph.exact


def test_a_lambda_is_the_layer_it_does_the_work_of(run):
    """Scaling and a channel axis, as people write them into their net."""
    graph = run.model("scaling").graph
    assert [(x.kind, x.output_shape) for x in graph.layers[1:]] == [
        ("Rescaling", (28, 28)), ("Reshape", (28, 28, 1)), ("Flatten", (784,)), ("Dense", (10,))
    ]  # fmt: skip
    assert graph.exact
    shown = run.model("shows_scaling")
    assert [position for _, position in shown.exposes] == [1, 2, 3, 4]


def test_parameters_are_counted_once_and_in_full(run):
    """Shared weights count once, a student's own weights are in the sum."""
    assert run.model("shared").graph.params == 30
    assert run.model("closed").graph.params == 784 + 7850


def test_functions_between_layers_are_the_layers_they_do_the_work_of(run):
    """In the order of the run, not of the constructor, with their shapes."""
    graph = run.model("raw").graph
    assert [(x.kind, x.output_shape) for x in graph.layers[1:]] == [
        ("Flatten", (784,)),
        ("Dense", (8,)),
        ("Dense", (10,)),
    ]
    assert [x.config["activation"] for x in graph.layers[2:]] == ["relu", "linear"]
    assert graph.params == 784 * 8 + 8 + 90
    assert graph.exact


@pytest.mark.parametrize("style", ["tf", "keras", "mixed"])
def test_a_call_written_with_functions_is_followed(run, style):
    """TensorFlow's and Keras's alike: scaling, another axis, activations and flattening."""
    graph = run.model(f"styled[{style!r}]").graph
    assert kinds(graph) == "InputLayer Rescaling Reshape Conv2D MaxPooling2D Flatten Dense".split()
    assert [x.config["activation"] for x in graph.layers if x.weights] == ["relu", "softmax"]
    assert graph.layers[1].config == {"scale": 0.5, "offset": 0.0}
    assert [x.inputs for x in graph.layers] == [(), *((i,) for i in range(6))]
    assert graph.outputs == (6,)
    assert graph.exact


def test_a_function_stays_where_others_use_what_it_is_given(run):
    """And what a functional model shows of a layer with its function is that layer of the net."""
    net, shown = run.model("styled['tf']"), run.model("shown_by_hand")
    assert kinds(shown.graph) == "InputLayer Conv2D Activation MaxPooling2D".split()
    assert shown.exposes == ((net.serial, 3), (net.serial, 4))
    assert run.model("folded").exposes == ((net.serial, 3),)


def test_branches_between_functions_are_followed(run):
    """Sums and what stands beside them."""
    graph = run.model("summed").graph
    assert graph.exact
    found = sorted((x.kind, x.inputs) for x in graph.layers[1:])
    kind = {kinds(graph)[i]: i for i in range(len(graph.layers))}
    assert ("Concatenate", (kind["Add"], kind["Activation"])) in found
    assert ("Activation", (kind["LeakyReLU"],)) in found
    assert graph.layers[kind["LeakyReLU"]].config["negative_slope"] == pytest.approx(0.1)


def test_layers_around_what_cannot_be_followed_are_still_listed(run):
    """As they ran, the one behind it as if fed by the one before."""
    graph = run.model("odd['sine']").graph
    assert kinds(graph) == "InputLayer Rescaling Reshape Conv2D MaxPooling2D Flatten Dense".split()
    assert graph.params == 4 * 10 + 6770


def test_an_unbuilt_model_lists_its_layers(run):
    """Without an input shape there are no parameters yet, but layers and settings are known."""
    graph = run.model("unbuilt").graph
    assert [(x.kind, x.config["units"], x.params) for x in graph.layers] == [("Dense", 3, 0), ("Dense", 2, 0)]
    assert not graph.exact


def test_settings_that_matter_are_plain_values(run):
    """Numbers, texts and flat tuples; defaults of initialisers are left out."""
    _, padding, conv, dropout, norm, _, dense = run.model("settings").graph.layers
    assert padding.config["padding"] == (1, 0, 2, 1)
    wanted = {"filters": 2, "kernel_size": (3, 5), "strides": (2, 1), "padding": "same", "use_bias": False}
    assert wanted.items() <= conv.config.items()
    assert conv.config["kernel_initializer"] == "HeNormal"
    assert conv.config["kernel_regularizer"] == "L2(l2=0.01)"
    assert "bias_initializer" not in conv.config
    assert dropout.config["rate"] == 0.3
    assert (norm.params, norm.trainable) == (8, 4)
    assert dense.config["activation"] == "custom"


def test_an_activation_model_says_whose_layers_it_shows(run):
    """Each output is a layer of the first model, by its position there."""
    shown = run.model("acts")
    serial = run.model("seq").serial
    assert shown.exposes == tuple((serial, position) for position in range(1, 6))
    [predicted] = [p for p in run.all(wire.Predict) if p.serial == shown.serial]
    assert predicted.output_shapes == ((28, 28, 1), (26, 26, 4), (13, 13, 4), (676,), (10,))
    assert predicted.x_distinct == 3


def test_a_layer_called_again_with_the_same_is_one_layer(run):
    """`add` calls all layers anew, so that outputs of theirs stand in different chains."""
    graph = run.model("pieces").graph
    assert kinds(graph) == "InputLayer Conv2D MaxPooling2D Flatten".split()
    assert graph.outputs == (1, 2, 3)
    assert graph.exact


def test_a_softmax_on_top_shares_the_trained_layers(run):
    """The probability model of the tutorial names the model it stands on, and shows all its layers."""
    model = run.model("probability")
    assert run.model("seq").serial in model.shares
    assert kinds(model.graph) == [*kinds(run.model("seq").graph), "Softmax"]


def test_models_in_lists_dicts_and_objects_are_named(run):
    """Names say where a model is held."""
    assert run.model("nets['first']").serial == run.model("fun").serial
    assert run.model("nets['more'][0]").serial == run.model("sub").serial
    assert run.model("holder.model").serial == run.model("nested").serial


@pytest.mark.parametrize("number", range(len(COMPILED)))
def test_compilations_by_meaning(run, number):
    """Names, functions, partials and objects of one loss are one loss."""
    _, optimizer, (loss, from_logits), metrics = COMPILED[number]
    found = run.model(f"c{number}").compilation
    assert (found.optimizer.kind, found.metrics) == (optimizer, metrics)
    assert (found.loss.kind, found.loss.from_logits) == (loss, from_logits)


def test_learning_rates_as_they_were_written(run):
    """A number as typed, a schedule as a text."""
    assert run.model("c0").compilation.optimizer.learning_rate == 0.001
    config = run.model("cs").compilation.optimizer.config
    assert config["momentum"] == 0.9
    assert str(config["learning_rate"]).startswith(
        "ExponentialDecay(initial_learning_rate=0.01, decay_steps=1000"
    )


def test_unchanged_models_are_not_sent_again(run):
    """A model alive through many cells is told once per change."""
    seq = [m for m in run.all(wire.Model) if m.serial == run.model("seq").serial]
    bodies = [msgspec.json.encode(msgspec.structs.replace(m, seq=0, cell=0)) for m in seq]
    assert len(bodies) == len(set(bodies)) == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("l0", ("Adam", "custom", ("custom",))),
        ("l1", ("custom", "custom", ("accuracy",))),
        ("l2", ("custom", "SparseCategoricalCrossentropy", ("SparseCategoricalAccuracy",))),
    ],
)
def test_a_borrowed_name_is_no_proof(run, name, expected):
    """Losses, optimizers and metrics are what they compute, whatever they call themselves."""
    found = run.model(name).compilation
    assert (found.optimizer.kind, found.loss.kind, found.metrics) == expected


def test_layers_are_what_they_compute(run):
    """Sizes come from the weights, the kind from the library: a name, a config or a changed attribute lie."""
    for name in ("liar", "resized"):
        [_, dense] = run.model(name).graph.layers
        assert (dense.kind, dense.config["units"], dense.output_shape) == ("Dense", 7, (7,))
    assert run.model("own").graph.layers[1].kind == "custom"
    assert not run.model("own").graph.exact
    assert run.model("fake").graph.layers[1].config["activation"] == "custom"
    assert not run.model("fake").graph.exact

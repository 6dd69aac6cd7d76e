"""The clean sandbox's program: rebuilds networks from data and measures them on the served dataset.

Runs as a file of its own (`python -I worker.py DATA_FOLDER DATASET`), in a box, and imports nothing of
ours. It speaks frames over stdin and stdout: 4 bytes header length, 4 bytes blob length (big endian), a
JSON header, the blob (float32 weight arrays end to end, in the order of the graph's layers). No student
code ever runs here: a network is a list of layer names from the tables below with plain values, built
by our own reader, never by a framework's loader.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

LAYERS: dict[str, tuple[str, ...]] = {
    "Activation": ("activation",),
    "Add": (),
    "Average": (),
    "AveragePooling2D": ("pool_size", "strides", "padding"),
    "BatchNormalization": ("axis", "momentum", "epsilon", "center", "scale"),
    "CenterCrop": ("height", "width"),
    "Concatenate": ("axis",),
    "Conv2D": (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "dilation_rate",
        "groups",
        "activation",
        "use_bias",
    ),
    "Cropping2D": ("cropping",),
    "Dense": ("units", "activation", "use_bias"),
    "DepthwiseConv2D": ("kernel_size", "strides", "padding", "depth_multiplier", "activation", "use_bias"),
    "Dropout": ("rate",),
    "ELU": ("alpha",),
    "Flatten": (),
    "GaussianDropout": ("rate",),
    "GaussianNoise": ("stddev",),
    "GlobalAveragePooling2D": ("keepdims",),
    "GlobalMaxPooling2D": ("keepdims",),
    "LayerNormalization": ("axis", "epsilon", "center", "scale"),
    "LeakyReLU": ("negative_slope",),
    "MaxPooling2D": ("pool_size", "strides", "padding"),
    "Maximum": (),
    "Multiply": (),
    "PReLU": ("shared_axes",),
    "Permute": ("dims",),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "Rescaling": ("scale", "offset"),
    "Reshape": ("target_shape",),
    "Resizing": ("height", "width", "interpolation"),
    "SeparableConv2D": (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "depth_multiplier",
        "activation",
        "use_bias",
    ),
    "Softmax": ("axis",),
    "SpatialDropout2D": ("rate",),
    "Subtract": (),
    "UpSampling2D": ("size", "interpolation"),
    "ZeroPadding2D": ("padding",),
}
"""Layers that can be rebuilt, and the constructor arguments taken over."""

MERGES = frozenset({"Add", "Average", "Concatenate", "Maximum", "Multiply", "Subtract"})

ACTIVATIONS = frozenset(
    "linear relu relu6 sigmoid hard_sigmoid softmax softplus softsign tanh elu selu gelu silu swish "
    "exponential leaky_relu mish celu log_softmax".split()
)

OPTIMIZERS: dict[str, tuple[str, ...]] = {
    "Adadelta": ("learning_rate", "rho", "epsilon"),
    "Adagrad": ("learning_rate", "initial_accumulator_value", "epsilon"),
    "Adam": ("learning_rate", "beta_1", "beta_2", "epsilon", "amsgrad"),
    "AdamW": ("learning_rate", "beta_1", "beta_2", "epsilon", "weight_decay"),
    "Adamax": ("learning_rate", "beta_1", "beta_2", "epsilon"),
    "Ftrl": ("learning_rate",),
    "Lion": ("learning_rate", "beta_1", "beta_2"),
    "Nadam": ("learning_rate", "beta_1", "beta_2", "epsilon"),
    "RMSprop": ("learning_rate", "rho", "momentum", "epsilon", "centered"),
    "SGD": ("learning_rate", "momentum", "nesterov"),
}

MAX_PARAMS = 80_000_000
KEPT_PARAMS, KEPT_NETS = 2_000_000, 16
"""Networks up to that size are kept for the next request, and so many of them: 130 MB at most."""
PREDICT_BATCH = 500
MEASURE_MACS = 3e10
"""Multiply-adds one accuracy may cost: all 10,000 images for the tutorial's nets, fewer for large ones."""
LEAST_ROWS = 500
INITIAL_ROWS = 1_000
"""Enough to tell a trained net (over 0.3) from an untrained one (about 0.1)."""


class Refused(Exception):
    """The request describes something that cannot be rebuilt; the text says what."""


class Worker:
    """Holds the served dataset and answers requests."""

    def __init__(self, folder: Path, dataset: str) -> None:
        import keras
        import numpy as np

        self.keras, self.np = keras, np
        load = {
            part: np.load(folder / dataset / f"{part}.npy", allow_pickle=False)
            for part in ("x_train", "y_train", "x_test", "y_test")
        }
        self.x_train, self.x_test = load["x_train"], load["x_test"]
        self.y_train, self.y_test = load["y_train"].ravel(), load["y_test"].ravel()

        self.built: OrderedDict[str, tuple[Any, list[Any]]] = OrderedDict()

    def answer(self, request: dict[str, Any], blob: bytes) -> dict[str, Any]:
        rebuild = request["op"] == "rebuild"
        if not rebuild:
            self.fresh()
        self.keras.utils.set_random_seed(int(request["seed"]))
        model, outputs = self.known(request["graph"]) if rebuild else self.build(request["graph"])
        reply: dict[str, Any] = {
            "params": int(model.count_params()),
            "output_shapes": [list(t.shape[1:]) for t in outputs],
        }
        return reply | (self.measure(model, request, blob) if rebuild else self.retrain(model, request))

    def known(self, graph: dict[str, Any]) -> tuple[Any, list[Any]]:
        """The network of `graph`, with any weights: most of a class build the same, and building and
        compiling one takes longer than measuring it."""
        key = json.dumps(graph, sort_keys=True)
        if key in self.built:
            self.built.move_to_end(key)
            return self.built[key]
        if len(self.built) == KEPT_NETS:
            self.fresh()
        found = self.build(graph)
        if found[0].count_params() <= KEPT_PARAMS:
            self.built[key] = found
        return found

    def fresh(self) -> None:
        """Let go of every network."""
        self.built.clear()
        self.keras.backend.clear_session()

    # -- building ---------------------------------------------------------------------------------

    def build(self, graph: dict[str, Any]) -> tuple[Any, list[Any]]:
        """The network of `graph`, with fresh weights, and the output tensor of every layer."""
        tensors: list[Any] = []
        inputs: list[Any] = []
        for position, layer in enumerate(graph["layers"]):
            if layer["kind"] == "InputLayer":
                inputs.append(self.keras.Input(shape=tuple(layer["output_shape"])))
                tensors.append(inputs[-1])
                continue
            if any(not 0 <= i < position for i in layer["inputs"]) or not layer["inputs"]:
                raise Refused(f"layer {position} is not fed by earlier layers")
            fed = [tensors[i] for i in layer["inputs"]]
            made = self.make(layer, position)
            tensors.append(made(fed if layer["kind"] in MERGES else fed[0]))
        model = self.keras.Model(inputs, [tensors[i] for i in graph["outputs"]])
        if model.count_params() > MAX_PARAMS:
            raise Refused("more parameters than are rebuilt")
        return model, tensors

    def make(self, layer: dict[str, Any], position: int) -> Any:
        kind, config = layer["kind"], layer["config"]
        if kind not in LAYERS:
            raise Refused(f"layer kind {kind!r}")
        kwargs = {k: _plain(config[k]) for k in LAYERS[kind] if config.get(k) is not None}
        if kwargs.get("activation", "linear") not in ACTIVATIONS:
            raise Refused(f"activation {kwargs['activation']!r}")
        if kind == "ZeroPadding2D" or kind == "Cropping2D":
            key = "padding" if kind == "ZeroPadding2D" else "cropping"
            flat = kwargs.get(key)
            if isinstance(flat, tuple) and len(flat) == 4:
                kwargs[key] = (flat[:2], flat[2:])
        return getattr(self.keras.layers, kind)(name=f"layer_{position}", **kwargs)

    # -- measuring --------------------------------------------------------------------------------

    def measure(self, model: Any, request: dict[str, Any], blob: bytes) -> dict[str, Any]:
        """Accuracy on served test images with the weights before and after the student's fit."""
        shapes = [tuple(w.shape) for w in model.get_weights()]
        size = 4 * sum(int(self.np.prod(s)) for s in shapes)
        if not blob or size == 0:
            return {}
        if len(blob) not in (size, 2 * size):
            raise Refused("weights that do not fit the layers")
        rows = self.affordable(model)
        x = self.inputs(model, self.x_test[:rows], request)
        if x is None or len(model.outputs) != 1 or len(model.outputs[0].shape) != 2:
            return {}
        model.set_weights(self.split(blob[:size], shapes))
        classes = self.classes(model, x)
        found = {"rows": rows, "accuracy": self.accuracy(classes), "top": [int(c) for c in classes[:64]]}
        if len(blob) > size:
            model.set_weights(self.split(blob[size:], shapes))
            found["initial_accuracy"] = self.accuracy(self.classes(model, x[:INITIAL_ROWS]))
        return found

    def affordable(self, model: Any) -> int:
        """Test images that may be predicted: a bound in multiply-adds, so it is the same on any machine."""
        macs = 1.0
        for layer in model.layers:
            positions = self.np.prod([d or 1 for d in layer.output.shape[1:-1]] or [1])
            macs += sum(float(self.np.prod(w.shape)) * positions for w in layer.weights if len(w.shape) > 1)
        return int(min(len(self.x_test), max(LEAST_ROWS, MEASURE_MACS / macs)))

    def accuracy(self, classes: Any) -> float:
        return float((classes == self.y_test[: len(classes)]).mean())

    def split(self, blob: bytes, shapes: list[tuple[int, ...]]) -> list[Any]:
        flat, arrays, at = self.np.frombuffer(blob, "<f4"), [], 0
        for shape in shapes:
            n = int(self.np.prod(shape))
            arrays.append(flat[at : at + n].reshape(shape))
            at += n
        return arrays

    def classes(self, model: Any, x: Any) -> Any:
        scores = model.predict(x, batch_size=PREDICT_BATCH, verbose=0)
        return self.np.nan_to_num(scores, nan=-self.np.inf).argmax(axis=1)

    def inputs(self, model: Any, images: Any, request: dict[str, Any]) -> Any:
        """Served images as the student's net takes them, or None when that is not known."""
        if request.get("scale") is None or len(model.inputs) != 1:
            return None
        shape = tuple(model.inputs[0].shape[1:])
        x = images.astype("float32") * request["scale"] + request["offset"]
        values = int(self.np.prod(images.shape[1:]))
        if None in shape:
            return None
        if int(self.np.prod(shape)) == values:
            return x.reshape(-1, *shape)
        if shape[-1] == 3 and int(self.np.prod(shape)) == 3 * values:
            return self.np.repeat(x.reshape(-1, *shape[:-1], 1), 3, axis=-1)
        return None

    # -- retraining -------------------------------------------------------------------------------

    def retrain(self, model: Any, request: dict[str, Any]) -> dict[str, Any]:
        """Train from fresh weights on `rows` served rows and measure on the test images."""
        x = self.inputs(model, self.x_train, request)
        test = self.inputs(model, self.x_test[: self.affordable(model)], request)
        if x is None or len(model.outputs) != 1:
            raise Refused("inputs that cannot be made from the served images")
        sparse = request["loss"] == "SparseCategoricalCrossentropy"
        y = (
            self.y_train
            if sparse
            else self.np.eye(int(self.y_train.max()) + 1, dtype="float32")[self.y_train]
        )
        loss = self.loss(request["loss"], request["from_logits"])
        model.compile(optimizer=self.optimizer(request["optimizer"]), loss=loss)
        for take in self.passes(len(x), int(request["rows"]), int(request["seed"])):
            model.fit(x[take], y[take], batch_size=int(request["batch_size"]), epochs=1, verbose=0)
        return {"accuracy": self.accuracy(self.classes(model, test)), "rows": len(test)}

    def passes(self, available: int, rows: int, seed: int) -> Iterator[Any]:
        """Positions of `rows` rows: each once while they last, then all again in another order."""
        random = self.np.random.RandomState(seed)
        while rows > 0:
            yield random.permutation(available)[:rows]
            rows -= available

    def loss(self, kind: str, from_logits: bool | None) -> Any:
        if kind not in {
            "SparseCategoricalCrossentropy",
            "CategoricalCrossentropy",
            "MeanSquaredError",
            "KLDivergence",
            "CategoricalHinge",
        }:
            raise Refused(f"loss {kind!r}")
        made = getattr(self.keras.losses, kind)
        return made(from_logits=bool(from_logits)) if "Crossentropy" in kind else made()

    def optimizer(self, optimizer: dict[str, Any]) -> Any:
        kind, config = optimizer["kind"], optimizer["config"]
        if kind not in OPTIMIZERS:
            raise Refused(f"optimizer {kind!r}")
        kwargs = {k: config[k] for k in OPTIMIZERS[kind] if isinstance(config.get(k), (bool, int, float))}
        return getattr(self.keras.optimizers, kind)(**kwargs)


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(int(v) if float(v).is_integer() else float(v) for v in value)
    if isinstance(value, (bool, int, float, str)):
        return value
    raise Refused("a configuration value that is not plain")


def _read(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    head = stream.read(8)
    if len(head) < 8:
        return None
    header, blob = struct.unpack(">II", head)
    return json.loads(stream.read(header)), stream.read(blob)


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not land between two frames
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    worker = Worker(Path(sys.argv[1]), sys.argv[2])
    while (request := _read(sys.stdin.buffer)) is not None:
        try:
            reply = worker.answer(*request)
        except Refused as refusal:
            reply = {"refused": str(refusal)}
        except Exception as error:
            reply = {"refused": f"{type(error).__name__}: {error}"[:300]}
        payload = json.dumps(reply).encode()
        answers.write(struct.pack(">II", len(payload), 0) + payload)
        answers.flush()


if __name__ == "__main__":
    main()

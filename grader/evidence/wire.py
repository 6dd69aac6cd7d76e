"""What the probe says, frame by frame: the contract between `grader.probe` and the gate.

A frame is

    4 bytes  length of the header, big endian
    4 bytes  length of the blob, big endian
    header   UTF-8 JSON object, one of the types below (tag field "type")
    blob     the raw little-endian C-order bytes of the arrays that header["arrays"] lists, end to end
    16 bytes a MAC over this frame and all before it (see `gate`), where the run was given a key

Numbers that are not finite are sent as null. `cell` is the ordinal of the executed code cell (0 is the
first code cell run). A serial is a small int that names one live model object. An array or label
vector that reaches fit, evaluate or predict is described once ("array", "labels") under an id that is a
digest of its content, and referred to by that id afterwards; "" means there was none.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from grader.model.evidence import Axes, Compilation
from grader.model.graph import Count, Dim, Graph, Name

Shape = Annotated[tuple[Dim, ...], Meta(max_length=8)]
Ordinal = Annotated[int, Meta(ge=-1, le=10**6)]
Id = Annotated[str, Meta(max_length=64)]
Seconds = Annotated[float, Meta(ge=0, le=10**7)]
Short = Annotated[str, Meta(max_length=400)]
Scalar = None | bool | int | float | Short
Serials = Annotated[tuple[Ordinal, ...], Meta(max_length=64)]
WeightsOf = Annotated[tuple[Serials, ...], Meta(max_length=4000)]
"""For each weight that a net could learn, the nets trained before whose it is, also as a copy of the values
it had when a training ended or the net was saved. Each group once; an empty one is of nobody's weights."""


class Array(Struct, frozen=True, forbid_unknown_fields=True):
    """One array in the blob."""

    name: Name
    dtype: Annotated[str, Meta(pattern="^(uint8|int16|int64|uint64|float32)$")]
    shape: Shape


class _Event(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", kw_only=True):
    seq: Count
    arrays: Annotated[tuple[Array, ...], Meta(max_length=4000)] = ()


class Hello(_Event, frozen=True, tag="hello"):
    probe: int
    versions: Annotated[dict[Name, Name], Meta(max_length=32)]


class Load(_Event, frozen=True, tag="load"):
    """A dataset loader was called and the served data handed out."""

    cell: Ordinal
    dataset: Name
    shapes: Annotated[tuple[Shape, ...], Meta(max_length=8)]


class Data(_Event, frozen=True, tag="array"):
    """An input array as a whole. Arrays in the blob: hashes uint64 (rows,), see grader.probe.rows;
    samples float32 (k, values per row), sample_index int64 (k,)."""

    id: Id
    shape: Shape
    whole: bool
    """False when only the first rows of a stream were seen."""
    rows: Count
    """Rows of the whole array; rows seen when not whole."""


class Labels(_Event, frozen=True, tag="labels"):
    """Labels as classes. Array in the blob: classes int16 (rows,), -1 where there is none."""

    id: Id
    shape: Shape
    one_hot: bool


class Model(_Event, frozen=True, tag="model"):
    """A model as it is now: sent when compiled, summarised, fitted, or alive at a cell's end, and
    only when something changed since it was last sent."""

    cell: Ordinal
    serial: Ordinal
    graph: Graph
    compilation: Compilation | None = None
    exposes: Annotated[tuple[tuple[Ordinal, Ordinal], ...], Meta(max_length=2000)] = ()
    """For outputs that are the output of a layer of another live model: (its serial, position)."""
    shares: Annotated[tuple[Ordinal, ...], Meta(max_length=200)] = ()
    """Serials of the other live models whose weighted layers this one contains (a Softmax put on top)."""


class Names(_Event, frozen=True, tag="names"):
    """At the end of a cell: which variables hold which model (serial as text -> names)."""

    cell: Ordinal
    names: Annotated[dict[Name, Annotated[tuple[Name, ...], Meta(max_length=64)]], Meta(max_length=400)]


class Fit(_Event, frozen=True, tag="fit"):
    """A training that ended (or broke off: completed false). Arrays in the blob, when small enough:
    initial/<i> and final/<i>, float32, the weights before and after in the order of the graph's layers
    (each layer's own `get_weights()` order): what `Layer.weights` declares."""

    cell: Ordinal
    serial: Ordinal
    epochs: Count
    batch_size: Count
    x: Id
    y: Id
    validation: Annotated[str, Meta(pattern="^(none|split|data)$")]
    validation_split: Annotated[float, Meta(ge=0, le=1)] = 0.0
    epoch_rows: Count = 0
    """Rows of one epoch as written; 0 when nobody can say."""
    validation_x: Id = ""
    validation_y: Id = ""
    sample_weighted: bool = False
    weights_replaced: bool = False
    shuffle: bool = True
    callbacks: Annotated[tuple[Name, ...], Meta(max_length=64)] = ()
    history: Annotated[
        dict[Name, Annotated[tuple[float | None, ...], Meta(max_length=20000)]], Meta(max_length=64)
    ] = {}
    rows_trained: Count = 0
    capped: bool = False
    capped_by_total: bool = False
    completed: bool = True
    loop: Annotated[str, Meta(pattern="^(|batches|tape|torch)$")] = ""
    """How a student's own loop trained it: `train_on_batch`, a gradient tape, PyTorch; "" for `fit`.
    Its `epochs` are as its source says them, its history one value per call (batches) or round."""
    calls: Count = 0
    """Steps that such a loop asked for, those that were not made included."""
    train_mode: bool | None = None
    """Whether a PyTorch net was in training mode at its last step; None where there is no such thing."""
    initial_digest: Id = ""
    final_digest: Id = ""
    seconds: Seconds = 0.0


class Evaluate(_Event, frozen=True, tag="evaluate"):
    cell: Ordinal
    serial: Ordinal
    x: Id
    y: Id
    results: Annotated[dict[Name, float | None], Meta(max_length=64)]
    rows_used: Count
    capped: bool = False
    weights_of: WeightsOf | None = None
    """None where the library's weights are not followed (PyTorch)."""


class Predict(_Event, frozen=True, tag="predict"):
    """`predict`, or a model called on concrete data."""

    cell: Ordinal
    serial: Ordinal
    x: Id
    x_distinct: Count
    output_shapes: Annotated[
        tuple[Annotated[tuple[Dim | None, ...], Meta(max_length=8)], ...], Meta(max_length=2000)
    ]
    rows_used: Count
    capped: bool = False
    weights_of: WeightsOf | None = None


class Figure(_Event, frozen=True, tag="figure"):
    """A figure at the moment it was shown, or at the end of its cell."""

    cell: Ordinal
    axes: Annotated[tuple[Axes, ...], Meta(max_length=1000)]


class Sklearn(_Event, frozen=True, tag="sklearn"):
    cell: Ordinal
    estimator: Name
    method: Name
    params: Annotated[dict[Name, Scalar], Meta(max_length=64)] = {}
    """As declared, whatever the budget left of them."""
    shapes: Annotated[tuple[Shape, ...], Meta(max_length=8)] = ()
    rows_used: Count = 0
    """Rows that were fitted on where that is fewer than given; 0 otherwise."""
    iterations_used: Count = 0
    """Iterations made where that is fewer than declared; 0 otherwise."""


class Tamper(_Event, frozen=True, tag="tamper"):
    """A library function that the probe had wrapped, or one it relies on, was replaced."""

    cell: Ordinal
    what: Short


Event = Hello | Load | Data | Labels | Model | Names | Fit | Evaluate | Predict | Figure | Sklearn | Tamper

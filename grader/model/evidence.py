"""Evidence: the facts collected from one run of one submission.

Everything here is data that passed the gate. `Provenance` says how well a fact is known.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from grader.model.budget import Level
from grader.model.graph import Graph

SCHEMA = 1
"""Version of the stored evidence; older files are collected anew."""


class Provenance(StrEnum):
    """How well a fact is known, best first."""

    VERIFIED = "verified"
    """Recomputed without the student's code, after its process had ended."""
    OBSERVED = "observed"
    """Recorded by the probe beside the student's code."""
    CLAIMED = "claimed"
    """Printed by the notebook or written by the student."""


CELL_TIMED_OUT = "CellTimeout"
"""The error of a cell that its own limit of the clock interrupted."""


CELL_TOO_LARGE = "ResultTooLarge"
"""The error of a cell that would have filled the memory with one result: see `Budget.resize_bytes`."""


class Ended(StrEnum):
    """How a run ended. Whatever was collected before it is kept."""

    COMPLETED = "completed"
    NOT_RUN = "not_run"
    WALL_CLOCK = "wall_clock"
    MEMORY = "memory"
    OUTPUT = "output"
    CPU = "cpu"
    PROCESSES = "processes"
    SCRATCH = "scratch"
    KERNEL_DIED = "kernel_died"
    FAILED = "failed"
    """Ours: the sandbox did not start, or its channel broke. Never the student's fault."""


LIMITS = {Ended.WALL_CLOCK, Ended.MEMORY, Ended.OUTPUT, Ended.CPU, Ended.PROCESSES, Ended.SCRATCH}
"""A limit of ours, which can be raised."""


MANY_STEPS = 1000
"""Rows after which weights have moved at least once, even those of a net whose gradients are mostly zero."""


class Cell(Struct, frozen=True, forbid_unknown_fields=True):
    """One cell: its source as handed in, and what running it gave."""

    index: int
    kind: str
    source: str
    tags: tuple[str, ...] = ()
    saved_text: str = ""
    """Saved outputs as handed in (claimed)."""
    ran: bool = False
    ok: bool = True
    error: str = ""
    """Exception class name, "" when it ran to its end."""
    error_text: str = ""
    output_text: str = ""
    """What this run printed (observed)."""
    seconds: float = 0.0


class Trace(Struct, frozen=True, forbid_unknown_fields=True):
    """Which served rows an array holds, found by content."""

    rows: int
    """Rows of the whole array, before any were drawn for a capped run."""
    train: int = 0
    test: int = 0
    unknown: int = 0
    distinct: int | None = None
    """Different images among the `train` rows, near copies being one; None in evidence that does not say."""
    seen_whole: bool = True
    """False for generators and `tf.data` pipelines of which only the first rows were seen."""
    label_agreement: float | None = None
    """Share of traced rows whose label is the served one; None without labels or traced rows."""
    one_hot: bool = False
    shape: tuple[int, ...] = ()
    """Shape of the whole array."""
    scale: float | None = None
    offset: float | None = None
    """x = scale * served + offset, when all sampled rows agree with one such pair."""


class Optimizer(Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    config: dict[str, bool | int | float | str | None] = {}

    @property
    def learning_rate(self) -> float | None:
        value = self.config.get("learning_rate")
        return float(value) if isinstance(value, (int, float)) else None


class Loss(Struct, frozen=True, forbid_unknown_fields=True):
    """A loss by meaning: `'mse'` and `MeanSquaredError()` are both kind "MeanSquaredError"."""

    kind: str
    from_logits: bool | None = None


class Compilation(Struct, frozen=True, forbid_unknown_fields=True):
    optimizer: Optimizer
    loss: Loss
    metrics: tuple[str, ...] = ()


class Verified(Struct, frozen=True, forbid_unknown_fields=True):
    """What the clean rebuild of an episode's model gave."""

    params: int
    output_shapes: tuple[tuple[int | None, ...], ...]
    """One per layer of the graph."""
    accuracy: float | None = None
    """On `rows` served test images with the weights the fit ended with."""
    initial_accuracy: float | None = None
    """The same with the weights the fit started from: an untrained net is near chance."""
    rows: int = 0
    top: tuple[int, ...] = ()
    """Predicted class of the first 64 served test images."""


class Retraining(Struct, frozen=True, forbid_unknown_fields=True):
    """The student's net, trained from scratch by us with the student's settings on served data."""

    episode: int
    accuracy: float
    rows: int
    """Training rows used."""
    test_rows: int
    seed: int


class Episode(Struct, frozen=True, forbid_unknown_fields=True):
    """One training: a model from the start to the end of one `fit`."""

    number: int
    cell: int
    model: int
    """Serial of the model object: two episodes with one serial trained the same model on."""
    names: tuple[str, ...]
    """Names of the variables that held the model when its cell ended."""
    graph: Graph
    compilation: Compilation | None
    epochs: int
    """Epochs to be run: an `initial_epoch` is taken off."""
    batch_size: int
    """As declared, 32 when left out."""
    x: Trace
    epoch_rows: int = 0
    """Rows of one epoch as written; 0 when nobody can say."""
    validation: str = "none"
    """none, split or data."""
    validation_split: float = 0.0
    validation_x: Trace | None = None
    validation_overlap: float = 0.0
    """Share of the validation rows that were trained on too, by content; 0 when that is not known."""
    sample_weighted: bool = False
    """Some rows or classes counted more or less than others, or all of them other than once."""
    weights_replaced: bool = False
    """A callback that is no class of the library changed weights while it ran."""
    shuffle: bool = True
    callbacks: tuple[str, ...] = ()
    history: dict[str, tuple[float | None, ...]] = {}
    """Metric -> one value per epoch; None where it was not finite."""
    rows_trained: int = 0
    """Rows drawn in all epochs of this run."""
    capped: bool = False
    capped_by_total: bool = False
    """The submission's total was nearly spent: this training got less than its own cap."""
    completed: bool = True
    loop: str = ""
    """How a student's own loop trained it: batches (`train_on_batch`), tape, torch; "" for `fit`."""
    calls: int = 0
    """Steps that such a loop asked for, those that the budget left out included."""
    train_mode: bool | None = None
    """Whether a PyTorch net was in training mode at its last step; None where there is no such thing."""
    diverged: bool = False
    """It ended with weights that are not finite."""
    initial_digest: str = ""
    final_digest: str = ""
    seconds: float = 0.0
    verified: Verified | None = None

    @property
    def idle(self) -> bool:
        """Whether it taught nothing: a learning rate of 0, nothing trainable, or a step that does nothing.

        Weights may stand still for a while by themselves, and some are kept where we do not see them; a
        callback or an own loop may set the rate; statistics of BatchNormalization move without any.
        """
        still = bool(self.initial_digest) and self.initial_digest == self.final_digest and not self.diverged
        if self.compilation is not None and self.compilation.optimizer.learning_rate == 0:
            return still or (self.graph.params > self.graph.trainable and not (self.callbacks or self.loop))
        stuck = self.graph.trainable == 0 or self.rows_trained >= MANY_STEPS
        return still and stuck and self.rows_trained > 0 and self.graph.exact


class BuiltModel(Struct, frozen=True, forbid_unknown_fields=True):
    """A model that existed at the end of a cell, trained or not."""

    serial: int
    cell: int
    names: tuple[str, ...]
    graph: Graph
    compilation: Compilation | None = None
    exposes: tuple[tuple[int, int], ...] = ()
    """(model serial, layer position in that model's graph) of every output taken from another model."""
    shares: tuple[int, ...] = ()
    """Serials of the other models whose weighted layers it contains."""


class Evaluation(Struct, frozen=True, forbid_unknown_fields=True):
    """`model.evaluate(...)`."""

    cell: int
    model: int
    x: Trace
    results: dict[str, float | None]
    rows_used: int
    capped: bool = False
    trained: bool = False
    """Whether all that it could learn had been through a training before, in this net or another."""
    amid: bool = False
    """Whether it came before its net's first training was over."""


class Prediction(Struct, frozen=True, forbid_unknown_fields=True):
    """`model.predict(...)`, or calling a model on data."""

    cell: int
    model: int
    x: Trace
    x_id: str
    """Digest of the whole input array: equal for equal inputs."""
    x_distinct: int
    """Number of different input rows."""
    output_shapes: tuple[tuple[int | None, ...], ...]
    rows_used: int
    capped: bool = False
    trained: bool = False
    amid: bool = False
    exposes: tuple[tuple[int, int], ...] = ()


class Axes(Struct, frozen=True, forbid_unknown_fields=True):
    title: str = ""
    xlabel: str = ""
    ylabel: str = ""
    position: tuple[int, int, int] | None = None
    """(rows, columns, index from 0) in a subplot grid."""
    images: tuple[tuple[int, ...], ...] = ()
    """Shape of each image shown."""
    blank: tuple[bool, ...] = ()
    """Of each image, whether it shows nothing: one value everywhere. Shorter means not."""
    image_rows: tuple[int, ...] = ()
    lines: tuple[int, ...] = ()
    """Number of points of each line."""
    labels: tuple[str, ...] = ()
    bars: int = 0

    @property
    def pictures(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the images that show something."""
        blank = {i for i, nothing in enumerate(self.blank) if nothing}
        return tuple(shape for i, shape in enumerate(self.images) if i not in blank)


class Figure(Struct, frozen=True, forbid_unknown_fields=True):
    cell: int
    axes: tuple[Axes, ...]


class SklearnCall(Struct, frozen=True, forbid_unknown_fields=True):
    cell: int
    estimator: str
    method: str
    params: dict[str, bool | int | float | str | None] = {}
    """As declared, whatever the budget left of them."""
    shapes: tuple[tuple[int, ...], ...] = ()
    rows_used: int = 0
    """Rows that were fitted on where that is fewer than given, drawn by class; 0 otherwise."""
    iterations_used: int = 0
    """Iterations made where that is fewer than declared; 0 otherwise."""

    @property
    def capped(self) -> bool:
        return bool(self.rows_used or self.iterations_used)


class DataLoad(Struct, frozen=True, forbid_unknown_fields=True):
    cell: int
    dataset: str
    shapes: tuple[tuple[int, ...], ...] = ()


class ServedData(Struct, frozen=True, forbid_unknown_fields=True):
    """The dataset the sandbox served."""

    name: str
    fingerprint: str
    source: str
    """folder, keras-cache, download or stand-in."""

    @property
    def stand_in(self) -> bool:
        return self.source == "stand-in"


class Evidence(Struct, frozen=True, forbid_unknown_fields=True):
    """All that is known of one submission after its run. Stored under a content hash."""

    assignment: str
    level: Level
    seed: int
    data: ServedData
    ended: Ended
    cells: tuple[Cell, ...] = ()
    loads: tuple[DataLoad, ...] = ()
    models: tuple[BuiltModel, ...] = ()
    episodes: tuple[Episode, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    figures: tuple[Figure, ...] = ()
    sklearn: tuple[SklearnCall, ...] = ()
    retrainings: tuple[Retraining, ...] = ()
    tampering: tuple[str, ...] = ()
    """Library functions found replaced, or frames that did not add up, in plain words."""
    isolation: str = ""
    versions: dict[str, str] = {}
    seconds: float = 0.0
    schema: int = SCHEMA

    @property
    def cut_short(self) -> bool:
        """A limit of clock, memory or output ended the run or one of its cells."""
        stopped = self.ended in LIMITS
        return stopped or any(cell.error in {CELL_TIMED_OUT, CELL_TOO_LARGE} for cell in self.cells)

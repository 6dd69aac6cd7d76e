"""Frames and cell runs -> Evidence: what the run says, in the order it happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from grader.evidence import wire
from grader.evidence.gate import Frame
from grader.evidence.origin import Origin, Origins
from grader.evidence.trace import SeenArray, SeenLabels, ServedRows, trace
from grader.model import evidence as ev
from grader.model.graph import Graph

E = TypeVar("E")
N = TypeVar("N", np.int16, np.int64, np.uint64)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A trained model's weights, while they last: used by the rebuild, then dropped."""

    episode: int
    initial: tuple[NDArray[np.float32], ...]
    final: tuple[NDArray[np.float32], ...]


@dataclass(slots=True)
class _Reader:
    """Frames seen so far, by what later frames refer to."""

    served: ServedRows
    code_cells: tuple[int, ...]
    trainings: frozenset[int]
    """Nets that any fit of the run trains."""
    arrays: dict[str, SeenArray] = field(default_factory=dict)
    labels: dict[str, SeenLabels] = field(default_factory=dict)
    models: dict[int, wire.Model] = field(default_factory=dict)
    trained: set[int] = field(default_factory=set)
    names: dict[int, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    traces: dict[tuple[str, str], ev.Trace] = field(default_factory=dict)
    origins: Origins = field(init=False)

    def __post_init__(self) -> None:
        self.origins = Origins(self.trainings, self.models)

    def learned(self, episode: ev.Episode) -> None:
        """A training that broke off at once has taught nothing, nor has one with a learning rate of 0."""
        if (episode.completed or episode.rows_trained) and not episode.idle:
            self.trained.add(episode.model)
            self.origins.trained |= {episode.model}
        elif episode.model not in self.trained:
            self.origins.trained -= {episode.model}

    def amid(self, origin: Origin) -> bool:
        """Whether a call came between the first step of its net's first training and the telling of it."""
        return origin.trained and origin.model not in self.trained

    def cell(self, ordinal: int) -> int:
        """Index in the notebook of the n-th code cell run; -1 when there is none such."""
        return self.code_cells[ordinal] if 0 <= ordinal < len(self.code_cells) else -1

    def trace(self, x: str, y: str) -> ev.Trace:
        if (x, y) not in self.traces:
            self.traces[x, y] = trace(self.arrays.get(x), self.labels.get(y), self.served)
        return self.traces[x, y]

    def graph(self, serial: int) -> Graph | None:
        model = self.models.get(serial)
        return model.graph if model else None


def assemble(
    base: ev.Evidence, frames: tuple[Frame, ...], served: ServedRows, code_cells: tuple[int, ...]
) -> tuple[ev.Evidence, tuple[Snapshot, ...]]:
    """Add to `base` (run facts, cells) everything the frames say.

    Args:
        code_cells: notebook index of each code cell that was run, in order.

    Returns:
        the evidence, and the weights of its episodes for the rebuild.
    """
    reader = _Reader(served, code_cells, _trainings(frames))
    _read_names(reader, frames)
    found: dict[type, list[object]] = {}
    snapshots: list[Snapshot] = []
    for frame in frames:
        for fact in _facts(reader, frame, snapshots, len(found.get(ev.Episode, ()))):
            found.setdefault(type(fact), []).append(fact)
            if isinstance(fact, ev.Episode):
                reader.learned(fact)

    def every(kind: type[E]) -> tuple[E, ...]:
        return tuple(f for f in found.get(kind, ()) if isinstance(f, kind))

    versions = next((f.event.versions for f in frames if isinstance(f.event, wire.Hello)), {})
    tampering = tuple(dict.fromkeys(f.event.what for f in frames if isinstance(f.event, wire.Tamper)))
    return ev.Evidence(
        assignment=base.assignment,
        level=base.level,
        seed=base.seed,
        data=base.data,
        ended=base.ended,
        cells=base.cells,
        isolation=base.isolation,
        seconds=base.seconds,
        tampering=base.tampering + tampering,
        versions=versions,
        loads=every(ev.DataLoad),
        models=tuple(reader.origins.told(model) for model in _last_state(every(ev.BuiltModel))),
        episodes=every(ev.Episode),
        evaluations=every(ev.Evaluation),
        predictions=every(ev.Prediction),
        figures=every(ev.Figure),
        sklearn=every(ev.SklearnCall),
    ), tuple(snapshots)


def _read_names(reader: _Reader, frames: tuple[Frame, ...]) -> None:
    """Names come at a cell's end, after the frames of the cell: read them first."""
    for frame in frames:
        if isinstance(frame.event, wire.Names):
            reader.names.setdefault(frame.event.cell, {}).update(frame.event.names)  # one per library


def _trainings(frames: tuple[Frame, ...]) -> frozenset[int]:
    """Nets that are trained in the run: a loop of one's own is told at its cell's end, after what uses it."""
    described = {frame.event.serial for frame in frames if isinstance(frame.event, wire.Model)}
    fits = (frame.event for frame in frames if isinstance(frame.event, wire.Fit))
    return frozenset(fit.serial for fit in fits if _taught(fit) and fit.serial in described)


def _facts(reader: _Reader, frame: Frame, snapshots: list[Snapshot], episodes: int) -> list[object]:
    match frame.event:
        case wire.Data() as data:
            reader.arrays[data.id] = _seen_array(data, frame)
        case wire.Labels() as labels:
            reader.labels[labels.id] = SeenLabels(_vector(frame, "classes", np.int16), labels.one_hot)
        case wire.Model() as model:
            reader.models[model.serial] = model
            return [_built(reader, model)]
        case wire.Load() as load:
            return [ev.DataLoad(reader.cell(load.cell), load.dataset, load.shapes)]
        case wire.Fit() as fit:
            return _fit(reader, fit, frame, snapshots, episodes)
        case wire.Evaluate() as call:
            return [_evaluation(reader, call)]
        case wire.Predict() as call:
            return [_prediction(reader, call)]
        case wire.Figure() as figure:
            return [ev.Figure(reader.cell(figure.cell), figure.axes)]
        case wire.Sklearn() as call:
            return [
                ev.SklearnCall(
                    reader.cell(call.cell),
                    call.estimator,
                    call.method,
                    call.params,
                    call.shapes,
                    call.rows_used,
                    call.iterations_used,
                )
            ]
    return []


def _seen_array(data: wire.Data, frame: Frame) -> SeenArray:
    samples = frame.arrays.get("samples")
    if samples is None or samples.ndim < 2 or samples.dtype != np.float32:
        samples = np.empty((0, 1), np.float32)
    return SeenArray(
        shape=data.shape,
        rows=data.rows,
        whole=data.whole,
        hashes=_vector(frame, "hashes", np.uint64),
        samples=samples.reshape(len(samples), prod(samples.shape[1:])).astype(np.float32),
        sample_index=_vector(frame, "sample_index", np.int64),
    )


def _vector(frame: Frame, name: str, kind: type[N]) -> NDArray[N]:
    """An array of a frame as a vector; empty when it is absent or of another type than the probe's."""
    array = frame.arrays.get(name)
    if array is None or array.dtype != np.dtype(kind):
        return np.empty(0, kind)
    return array.astype(kind).ravel()


def _names(reader: _Reader, ordinal: int, serial: int) -> tuple[str, ...]:
    return reader.names.get(ordinal, {}).get(str(serial), ())


def _built(reader: _Reader, model: wire.Model) -> ev.BuiltModel:
    return ev.BuiltModel(
        serial=model.serial,
        cell=reader.cell(model.cell),
        names=_names(reader, model.cell, model.serial),
        graph=model.graph,
        compilation=model.compilation,
        exposes=model.exposes,
        shares=model.shares,
    )


def _fit(
    reader: _Reader, fit: wire.Fit, frame: Frame, snapshots: list[Snapshot], number: int
) -> list[object]:
    model = reader.models.get(fit.serial)
    if model is None or _ran_nothing(fit):  # a fit of a model that was never described proves nothing
        return []
    initial, final = _weights(frame, "initial"), _weights(frame, "final")
    if final and _fits(model.graph, final):
        snapshots.append(Snapshot(number, initial if _fits(model.graph, initial) else (), final))
    return [
        ev.Episode(
            number=number,
            cell=reader.cell(fit.cell),
            model=fit.serial,
            names=_names(reader, fit.cell, fit.serial),
            graph=model.graph,
            compilation=model.compilation,
            epochs=fit.epochs,
            batch_size=fit.batch_size,
            epoch_rows=fit.epoch_rows,
            x=reader.trace(fit.x, fit.y),
            validation=fit.validation,
            validation_split=fit.validation_split,
            validation_x=reader.trace(fit.validation_x, fit.validation_y) if fit.validation_x else None,
            validation_overlap=_overlap(reader, fit),
            sample_weighted=fit.sample_weighted,
            weights_replaced=fit.weights_replaced,
            shuffle=fit.shuffle,
            callbacks=fit.callbacks,
            history=fit.history,
            rows_trained=fit.rows_trained,
            capped=fit.capped,
            capped_by_total=fit.capped_by_total,
            completed=fit.completed,
            loop=fit.loop,
            calls=fit.calls,
            train_mode=fit.train_mode,
            diverged=any(name.startswith("final/") for name in frame.not_finite),
            initial_digest=fit.initial_digest,
            final_digest=fit.final_digest,
            seconds=fit.seconds,
        )
    ]


def _taught(fit: wire.Fit) -> bool:
    """Whether a fit has taught something: one that broke off at once has not."""
    return not _ran_nothing(fit) and (fit.completed or fit.rows_trained > 0)


def _ran_nothing(fit: wire.Fit) -> bool:
    """Whether a fit came to its end without an epoch: `epochs=0`, or an `initial_epoch` as high."""
    return fit.completed and (fit.epochs == 0 or not (fit.rows_trained or fit.history))


def _overlap(reader: _Reader, fit: wire.Fit) -> float:
    """Share of the rows of `validation_data` that are rows of x as well."""
    x, validation = reader.arrays.get(fit.x), reader.arrays.get(fit.validation_x)
    if x is None or validation is None or not len(validation.hashes):
        return 0.0
    return float(np.isin(validation.hashes, x.hashes).mean())


def _weights(frame: Frame, prefix: str) -> tuple[NDArray[np.float32], ...]:
    found = {}
    for name, array in frame.arrays.items():
        head, _, tail = name.partition("/")
        if head == prefix and tail.isdecimal() and array.dtype == np.float32:
            found[int(tail)] = array.astype(np.float32)
    return tuple(found[i] for i in sorted(found))


def _fits(graph: Graph, weights: tuple[NDArray[np.float32], ...]) -> bool:
    """Whether the arrays have the shapes that the graph's layers declare, in order."""
    declared = [shape for layer in graph.layers for shape in layer.weights]
    return [w.shape for w in weights] == declared


def _evaluation(reader: _Reader, call: wire.Evaluate) -> ev.Evaluation:
    origin = reader.origins.of(call) or Origin(call.serial in reader.trained, call.serial)
    return ev.Evaluation(
        cell=reader.cell(call.cell),
        model=origin.model,
        x=reader.trace(call.x, call.y),
        results=call.results,
        rows_used=call.rows_used,
        capped=call.capped,
        trained=origin.trained,
        amid=reader.amid(origin),
    )


def _prediction(reader: _Reader, call: wire.Predict) -> ev.Prediction:
    model = reader.models.get(call.serial)
    exposes = model.exposes if model else ()
    related = {call.serial, *(serial for serial, _ in exposes), *(model.shares if model else ())}
    origin = reader.origins.of(call) or Origin(bool(related & reader.trained), call.serial)
    return ev.Prediction(
        cell=reader.cell(call.cell),
        model=origin.model,
        x=reader.trace(call.x, ""),
        x_id=call.x,
        x_distinct=call.x_distinct,
        output_shapes=call.output_shapes,
        rows_used=call.rows_used,
        capped=call.capped,
        trained=origin.trained,
        amid=reader.amid(origin),
        exposes=tuple(dict.fromkeys(exposes + origin.exposes)),
    )


def _last_state(models: tuple[ev.BuiltModel, ...]) -> tuple[ev.BuiltModel, ...]:
    """One entry per model object and graph: later sightings only add names and compilation."""
    kept: dict[tuple[int, bytes], ev.BuiltModel] = {}
    for model in models:
        key = (model.serial, msgspec.json.encode(model.graph))
        kept[key] = _merged(kept[key], model) if key in kept else model
    return tuple(kept.values())


def _merged(earlier: ev.BuiltModel, later: ev.BuiltModel) -> ev.BuiltModel:
    return ev.BuiltModel(
        serial=earlier.serial,
        cell=earlier.cell,
        names=tuple(dict.fromkeys(earlier.names + later.names)),
        graph=earlier.graph,
        compilation=later.compilation or earlier.compilation,
        exposes=later.exposes or earlier.exposes,
        shares=later.shares or earlier.shares,
    )

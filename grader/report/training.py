"""One training in words: which it was, what was declared, what was run, and its network."""

from __future__ import annotations

from grader.model.evidence import Episode, Evidence, Trace
from grader.model.expected import MeasuredBand
from grader.model.graph import ConfigValue, Layer
from grader.report import clean
from grader.report.curve import Curve, accuracy_key, curve
from grader.report.failures import code_numbers
from grader.report.views import CurveWords, Fact, LayerRow, Training
from grader.report.words import DASH, Words

_LAYERS_SHOWN = 80
_EPOCHS_SHOWN = 50
_DETAILS = ("filters", "kernel_size", "strides", "padding", "units", "pool_size", "rate", "activation")
"""Settings worth a place in the table of layers, in this order."""
_OBVIOUS = ("linear", "valid", (1, 1))
"""Values that are the default, and say nothing."""


def training(
    episode: Episode, evidence: Evidence, band: MeasuredBand | None, words: Words, *, anchor: str
) -> Training:
    # Of a loop over batches the history has a value per call: no curve over epochs.
    drawn = None if episode.loop == "batches" else curve(episode, band)
    layers = episode.graph.layers
    return Training(
        anchor=anchor,
        label=label(episode, evidence, words),
        facts=tuple(_facts(episode, words)),
        notes=tuple(_notes(episode, evidence, words)),
        curve=drawn,
        curve_words=_curve_words(episode, drawn, words) if drawn else None,
        layers=tuple(_layer(i, layer, words) for i, layer in enumerate(layers[:_LAYERS_SHOWN])),
        layers_caption=words.say(
            "report.network.caption",
            layers=len(layers),
            params=words.number(_params(episode), 0),
            shown=min(len(layers), _LAYERS_SHOWN),
        ),
    )


def label(episode: Episode, evidence: Evidence, words: Words) -> str:
    """ "code cell 7 (model, model_2)": which training this is, in few words."""
    names = ", ".join(clean.line(n, 60) for n in episode.names[:4])
    key = "report.training.label" if names else "report.training.label_unnamed"
    number = code_numbers(evidence).get(episode.cell, episode.cell + 1)
    return words.say(key, cell=number, names=names)


def _params(episode: Episode) -> int:
    return episode.verified.params if episode.verified else episode.graph.params


def _facts(episode: Episode, words: Words) -> list[Fact]:
    compiled = episode.compilation
    facts = []
    if episode.loop:
        way = words.say(f"report.training.loop_{episode.loop}", calls=words.number(episode.calls, 0))
        facts.append(Fact(words.say("report.training.loop"), way))
    facts += [Fact(words.say("report.training.declared"), _declared(episode, words))]
    if compiled:
        rate = compiled.optimizer.learning_rate
        optimizer = clean.line(compiled.optimizer.kind, 60)
        with_rate = words.say("report.training.rate", optimizer=optimizer, rate=rate) if rate else optimizer
        facts.append(Fact(words.say("report.training.optimizer"), with_rate))
        facts.append(Fact(words.say("report.training.loss"), _loss(episode, words)))
    facts.append(Fact(words.say("report.training.data"), trace_text(episode.x, words)))
    facts.append(Fact(words.say("report.training.validation"), _validation(episode, words)))
    return facts


def _declared(episode: Episode, words: Words) -> str:
    return words.say("report.training.epochs", epochs=episode.epochs, batch=episode.batch_size)


def _loss(episode: Episode, words: Words) -> str:
    loss = episode.compilation.loss if episode.compilation else None
    if loss is None:
        return DASH
    kind = clean.line(loss.kind, 60)
    return words.say("report.training.logits", loss=kind) if loss.from_logits else kind


def trace_text(trace: Trace, words: Words) -> str:
    """How many rows, and which served ones they are."""
    found = ((trace.train, "train"), (trace.test, "test"), (trace.unknown, "unknown"))
    parts = [words.say(f"report.trace.{kind}", rows=words.number(n, 0)) for n, kind in found if n]
    if not trace.seen_whole:
        parts.append(words.say("report.trace.part"))
    rows = words.say("report.trace.rows", rows=words.number(trace.rows, 0))
    return f"{rows} ({'; '.join(parts)})" if parts else rows


def _validation(episode: Episode, words: Words) -> str:
    if episode.validation == "split":
        return words.say("report.validation.split", share=words.percent(episode.validation_split))
    if episode.validation == "data" and episode.validation_x is not None:
        return trace_text(episode.validation_x, words)
    return words.say(f"report.validation.{'data' if episode.validation == 'data' else 'none'}")


def _notes(episode: Episode, evidence: Evidence, words: Words) -> list[str]:
    notes = []
    if episode.capped:
        key = f"report.training.capped_{episode.loop}" if episode.loop else "report.training.capped"
        notes.append(words.say(key, rows=words.number(episode.rows_trained, 0)))
    if episode.train_mode is False:
        notes.append(words.say("report.training.eval_mode"))
    if episode.capped_by_total:
        notes.append(words.say("report.training.capped_by_total"))
    if not episode.completed:
        notes.append(words.say("report.training.broken"))
    if episode.diverged:
        notes.append(words.say("report.training.diverged"))
    for again in evidence.retrainings:
        if again.episode == episode.number:
            accuracy = words.number(again.accuracy)
            notes.append(
                words.say("report.training.retrained", accuracy=accuracy, rows=words.number(again.rows, 0))
            )
    return notes


def _layer(position: int, layer: Layer, words: Words) -> LayerRow:
    settings = ((name, layer.config.get(name)) for name in _DETAILS)
    return LayerRow(
        position=position + 1,
        kind=clean.line(layer.kind, 60),
        shape=" × ".join("?" if n is None else words.number(n, 0) for n in layer.output_shape) or DASH,
        params=words.number(layer.params, 0),
        details=", ".join(_setting(k, v, words) for k, v in settings if v is not None and v not in _OBVIOUS),
    )


def _setting(name: str, value: ConfigValue, words: Words) -> str:
    if isinstance(value, tuple):
        return f"{name} {'×'.join(str(n) for n in value[:4])}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{name} {words.value(value)}"
    return f"{name} {clean.line(str(value), 40)}"


def _curve_words(episode: Episode, drawn: Curve, words: Words) -> CurveWords:
    key = accuracy_key(episode.history) or ""
    test = episode.verified.accuracy if episode.verified else None
    train_last = drawn.train.last if drawn.train else None
    validation_last = drawn.validation.last if drawn.validation else None
    return CurveWords(
        title=words.say("report.curve.title"),
        description=words.say(
            "report.curve.description",
            epochs=drawn.epochs,
            train=_value(train_last, words),
            validation=_value(validation_last, words),
        ),
        train=words.say("report.curve.train", value=_value(train_last, words)),
        validation=words.say("report.curve.validation", value=_value(validation_last, words)),
        test=words.say("report.curve.test", value=_value(test, words)),
        band=words.say("report.curve.band", **_band_args(drawn, words)),
        band_note=words.say("report.curve.band_note", **_band_args(drawn, words)),
        x_labels=tuple(words.number(t.value, 0) for t in drawn.x_ticks),
        y_labels=tuple(words.number(t.value, 1) for t in drawn.y_ticks),
        epochs=_epochs(episode, key, words),
    )


def _band_args(drawn: Curve, words: Words) -> dict[str, str | int | float]:
    if drawn.band is None:
        return {"low": "", "high": "", "mean": "", "sd": "", "n": 0}
    band = drawn.band.measured
    figures = {"low": band.low, "high": band.high, "mean": band.mean, "sd": band.sd}
    return {**{k: words.number(v) for k, v in figures.items()}, "n": band.n}


def _epochs(episode: Episode, key: str, words: Words) -> tuple[tuple[str, str, str], ...]:
    train, validation = episode.history.get(key, ()), episode.history.get(f"val_{key}", ())
    count = max(len(train), len(validation))
    # A table longer than a page helps nobody: its first epochs, and the last one.
    kept = range(count) if count <= _EPOCHS_SHOWN else [*range(_EPOCHS_SHOWN - 1), count - 1]

    def at(values: tuple[float | None, ...], i: int) -> str:
        return _value(values[i] if i < len(values) else None, words)

    rows = [(str(i + 1), at(train, i), at(validation, i)) for i in kept]
    if len(rows) < count:
        rows.insert(-1, ("…", "…", "…"))  # epochs are left out here
    return tuple(rows)


def _value(value: float | None, words: Words) -> str:
    return words.number(value) if value is not None else DASH

"""Frames become evidence in the order they came; what does not hold together proves nothing."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from grader.evidence import wire
from grader.evidence.assemble import Snapshot, assemble
from grader.evidence.gate import read_frames
from grader.evidence.trace import ServedRows
from grader.model.budget import Level
from grader.model.evidence import Axes, Cell, Compilation, Ended, Evidence, Loss, Optimizer, ServedData
from grader.model.graph import Graph, Layer
from grader.probe.rows import row_hashes

from .frames import frame

draw = np.random.default_rng(5)
SERVED = ServedRows(
    draw.integers(0, 256, (30, 6, 6), np.uint8),
    draw.integers(0, 10, 30),
    draw.integers(0, 256, (10, 6, 6), np.uint8),
    draw.integers(0, 10, 10),
)
BASE = Evidence(
    "demo",
    Level.QUICK,
    7,
    ServedData("fashion_mnist", "fp", "folder"),
    Ended.COMPLETED,
    cells=(Cell(0, "markdown", "# Hola"), Cell(1, "code", "fit()", ran=True)),
    isolation="bubblewrap",
    seconds=3.0,
    tampering=("two frames did not add up",),
)
CODE_CELLS = (1, 3, 4)
"""Notebook positions of the first, second and third code cell that ran."""
NET = Graph((Layer("Dense", "d", (), (2,), 8, 8, {"units": 2}, ((3, 2), (2,))),), (0,))
OTHER = msgspec.structs.replace(NET, layers=(*NET.layers, *NET.layers))
COMPILED = Compilation(Optimizer("Adam", {"learning_rate": 0.001}), Loss("MeanSquaredError"))
Arrays = tuple[str, NDArray[np.generic]]


def built(serial: int = 0, net: Graph = NET, cell: int = 0, **fields: object) -> bytes:
    return frame(
        {"type": "model", "cell": cell, "serial": serial, "graph": msgspec.to_builtins(net), **fields}
    )


def fitted(serial: int = 0, *arrays: Arrays, cell: int = 1, **fields: object) -> bytes:
    given = {"epochs": 3, "batch_size": 32, "x": "x", "y": "y", "validation": "none", "rows_trained": 96}
    return frame({"type": "fit", "cell": cell, "serial": serial, **given, **fields}, *arrays)


def predicted(serial: int, cell: int = 2, **fields: object) -> bytes:
    given = {"x": "t", "x_distinct": 10, "output_shapes": [[None, 2]], "rows_used": 10}
    return frame({"type": "predict", "cell": cell, "serial": serial, **given, **fields})


def evaluated(serial: int = 0, cell: int = 2) -> bytes:
    given = {"x": "t", "y": "", "results": {"accuracy": 0.9}, "rows_used": 10}
    return frame({"type": "evaluate", "cell": cell, "serial": serial, **given})


def named(cell: int, **names: list[str]) -> bytes:
    return frame({"type": "names", "cell": cell, "names": {k.removeprefix("n"): v for k, v in names.items()}})


def described(id: str, x: NDArray[np.generic]) -> bytes:
    samples = x[:2].reshape(2, -1).astype(np.float32)
    arrays = (("hashes", row_hashes(x)), ("samples", samples), ("sample_index", np.arange(2)))
    return frame({"type": "array", "id": id, "shape": list(x.shape), "whole": True, "rows": len(x)}, *arrays)


def labelled(id: str, classes: NDArray[np.generic]) -> bytes:
    return frame(
        {"type": "labels", "id": id, "shape": [len(classes)], "one_hot": False},
        ("classes", classes.astype(np.int16)),
    )


def read(*sent: bytes) -> Evidence:
    return both(*sent)[0]


def both(*sent: bytes) -> tuple[Evidence, tuple[Snapshot, ...]]:
    frames = read_frames(b"".join(sent))
    assert frames.refused == ()
    return assemble(BASE, frames.frames, SERVED, CODE_CELLS)


def test_the_run_s_own_facts_are_kept() -> None:
    """Nothing the frames say changes what the runner knows."""
    found = read()
    assert found == BASE


def test_a_loop_of_one_s_own_is_an_episode() -> None:
    """With the steps it asked for, those the budget left out included; names come from each library."""
    told = {"loop": "torch", "calls": 90, "train_mode": False, "capped": True}
    found = read(built(), fitted(**told), named(1, n0=["net"]), named(1, n7=["other"]))
    (only,) = found.episodes
    assert (only.loop, only.calls, only.train_mode, only.capped) == ("torch", 90, False, True)
    assert only.names == ("net",)


def test_a_result_that_was_too_large_is_a_limit_of_ours() -> None:
    """As the clock is: what the cell would have shown is not missing by the student's fault."""
    stopped = Cell(1, "code", "resize()", ran=True, ok=False, error="ResultTooLarge")
    assert msgspec.structs.replace(BASE, cells=(stopped,)).cut_short
    assert not BASE.cut_short


def test_an_episode_says_what_was_trained_on_what() -> None:
    """Model, cell, names, data, labels and validation in one value."""
    x, y = SERVED.x_train / 255, SERVED.y_train
    found = read(
        built(compilation=msgspec.to_builtins(COMPILED)),
        described("x", x),
        labelled("y", y),
        described("v", SERVED.x_test / 255),
        fitted(
            validation="data", validation_x="v", history={"loss": [1.0, None]}, callbacks=["EarlyStopping"]
        ),
        named(1, n0=["modelo", "m"]),
    )
    (only,) = found.episodes
    assert (only.number, only.cell, only.names) == (0, 3, ("modelo", "m"))
    assert (only.x.train, only.x.test, only.x.label_agreement) == (30, 0, 1.0)
    assert only.x.scale == pytest.approx(1 / 255)
    assert only.validation_x is not None
    assert only.validation_x.test == 10
    assert (only.graph, only.compilation, only.history) == (NET, COMPILED, {"loss": (1.0, None)})


def test_a_fit_of_a_model_never_described_proves_nothing() -> None:
    """And neither trains it."""
    found = read(fitted(9), predicted(9), evaluated(9))
    assert found.episodes == ()
    assert not found.predictions[0].trained
    assert not found.evaluations[0].trained


def test_a_fit_takes_the_model_as_it_was_last_described() -> None:
    """A serial that is used again for other layers is another network."""
    found = read(built(net=NET), fitted(), built(net=OTHER), fitted())
    assert [e.graph for e in found.episodes] == [NET, OTHER]
    assert [e.number for e in found.episodes] == [0, 1]


def test_arrays_described_after_their_use_are_unseen() -> None:
    """Order matters: nothing is back-dated."""
    found = read(built(), fitted(), described("x", SERVED.x_train))
    assert found.episodes[0].x.rows == 0
    assert not found.episodes[0].x.seen_whole


@pytest.mark.parametrize(("cell", "index"), [(0, 1), (1, 3), (2, 4), (3, -1), (-1, -1), (10**6, -1)])
def test_cells_are_placed_in_the_notebook(cell: int, index: int) -> None:
    """A cell that never ran is no place."""
    assert read(built(), fitted(cell=cell)).episodes[0].cell == index


def test_names_come_at_the_end_of_their_cell() -> None:
    """Those of another cell or model are not taken."""
    found = read(built(), fitted(cell=1), named(0, n0=["antes"]), named(1, n1=["otro"]))
    assert found.episodes[0].names == ()


WEIGHTS: tuple[Arrays, ...] = (("final/0", np.ones((3, 2), np.float32)), ("final/1", np.zeros(2, np.float32)))
BEFORE: tuple[Arrays, ...] = tuple((n.replace("final", "initial"), a) for n, a in WEIGHTS)


def test_weights_that_fit_the_graph_are_kept_for_the_rebuild() -> None:
    """In the order of the layers, whatever the order they were sent in."""
    _, (only,) = both(built(), fitted(0, *reversed(WEIGHTS), *BEFORE))
    assert [w.shape for w in only.final] == [(3, 2), (2,)]
    assert [w.shape for w in only.initial] == [(3, 2), (2,)]
    assert only.episode == 0


@pytest.mark.parametrize(
    ("why", "arrays"),
    [
        ("none", ()),
        ("one is missing", WEIGHTS[:1]),
        ("transposed", (("final/0", np.ones((2, 3), np.float32)), WEIGHTS[1])),
        ("one too many", (*WEIGHTS, ("final/2", np.ones(1, np.float32)))),
        ("not finite", (("final/0", np.full((3, 2), np.nan, np.float32)), WEIGHTS[1])),
        ("integers", (("final/0", np.ones((3, 2), np.int64)), WEIGHTS[1])),
        ("numbered otherwise", (("final/²", np.ones((3, 2), np.float32)), WEIGHTS[1])),
        ("only the initial ones", BEFORE),
    ],
)
def test_weights_of_other_shapes_are_dropped(why: str, arrays: tuple[Arrays, ...]) -> None:
    """The episode stays, unverified."""
    found, snapshots = both(built(), fitted(0, *arrays))
    assert snapshots == (), why
    assert len(found.episodes) == 1
    assert found.episodes[0].diverged is (why == "not finite")


def test_initial_weights_that_do_not_fit_are_dropped_alone() -> None:
    """The accuracy after training can still be verified."""
    _, (only,) = both(built(), fitted(0, *WEIGHTS, BEFORE[0]))
    assert only.initial == ()
    assert len(only.final) == 2


def test_evaluations_know_whether_training_came_before() -> None:
    """An evaluation before the fit shows an untrained net."""
    found = read(built(), evaluated(cell=0), fitted(), evaluated())
    assert [call.trained for call in found.evaluations] == [False, True]


def test_a_fit_that_broke_off_at_once_trains_nothing() -> None:
    """One that broke off half-way did."""
    at_once = read(built(), fitted(completed=False, rows_trained=0), evaluated())
    half_way = read(built(), fitted(completed=False, rows_trained=32), evaluated())
    assert not at_once.evaluations[0].trained
    assert half_way.evaluations[0].trained


def test_a_fit_that_leaves_the_weights_as_they_were_trains_nothing() -> None:
    """One that moved them before still has."""
    idle = fitted(initial_digest="w", final_digest="w", rows_trained=5000)
    assert not read(built(), idle, evaluated()).evaluations[0].trained
    assert read(built(), fitted(), idle, evaluated()).evaluations[0].trained


@pytest.mark.parametrize("link", [{"exposes": [[0, 0]]}, {"shares": [0]}])
@pytest.mark.parametrize("trained", [True, False])
def test_models_on_top_of_a_trained_one_are_trained(link: dict[str, object], trained: bool) -> None:
    """An activation model and a Softmax put on top predict with its weights."""
    training = (fitted(),) if trained else ()
    found = read(built(), *training, built(1, OTHER, **link), predicted(1))
    assert found.predictions[0].trained is trained
    assert found.predictions[0].exposes == tuple(map(tuple, link.get("exposes", [])))  # type: ignore[call-overload]


def test_a_prediction_of_an_unknown_model_is_untrained() -> None:
    """Nothing is known of it."""
    found = read(built(), fitted(), predicted(5))
    assert not found.predictions[0].trained


def test_one_entry_per_model_gathers_what_is_seen_of_it_later() -> None:
    """Names, compilation and links come after the model is built."""
    found = read(
        built(cell=0),
        built(cell=1, compilation=msgspec.to_builtins(COMPILED), exposes=[[3, 1]], shares=[3]),
        built(cell=2, net=OTHER),
        named(0, n0=["a"]),
        named(1, n0=["a", "b"]),
    )
    first, second = found.models
    assert (first.cell, first.names, first.compilation, first.exposes, first.shares) == (
        1,
        ("a", "b"),
        COMPILED,
        ((3, 1),),
        (3,),
    )
    assert (second.cell, second.graph, second.names) == (4, OTHER, ())


def test_the_other_facts_come_in_order() -> None:
    """Loads, figures, sklearn calls, versions and tampering."""
    found = read(
        frame({"type": "hello", "probe": 1, "versions": {"keras": "3"}}),
        frame({"type": "hello", "probe": 1, "versions": {"keras": "9"}}),
        frame({"type": "load", "cell": 0, "dataset": "fashion_mnist", "shapes": [[30, 6, 6]]}),
        frame({"type": "figure", "cell": 1, "axes": [{"title": "t", "images": [[6, 6]]}]}),
        frame({"type": "sklearn", "cell": 2, "estimator": "SVC", "method": "fit", "params": {"C": 1}}),
        frame({"type": "tamper", "cell": 0, "what": "evaluate was replaced"}),
        frame({"type": "tamper", "cell": 1, "what": "evaluate was replaced"}),
    )
    assert found.versions == {"keras": "3"}
    assert found.loads[0].cell == 1
    assert found.figures[0].axes[0].images == ((6, 6),)
    assert found.sklearn[0].params == {"C": 1}
    assert found.tampering == ("two frames did not add up", "evaluate was replaced")


@pytest.mark.parametrize(
    "arrays",
    [
        (("samples", np.float32(1)),),
        (("samples", np.ones(3, np.float32)),),
        (("samples", np.ones((0, 3, 4), np.float32)),),
        (("samples", np.ones((2, 0), np.float32)), ("sample_index", np.arange(2))),
        (("samples", np.ones((2, 36), np.int64)),),
        (("hashes", np.full(30, -1.5, np.float32)),),
        (("hashes", np.zeros((5, 6), np.uint64)),),
        (("sample_index", np.float32(3)),),
        (("otra", np.ones(3, np.float32)),),
        (),
    ],
    ids=str,
)
def test_arrays_of_any_shape_and_type_are_met_without_raising(arrays: tuple[Arrays, ...]) -> None:
    """They passed the gate; that does not make them what the probe sends."""
    header = {"type": "array", "id": "x", "shape": [30, 36], "whole": True, "rows": 30}
    given = tuple((name, np.asarray(array)) for name, array in arrays)
    strange = frame(
        {"type": "labels", "id": "y", "shape": [1], "one_hot": True}, ("classes", np.ones(2, np.float32))
    )
    found = read(built(), frame(header, *given), strange, fitted())
    assert found.episodes[0].x.train == 0
    assert found.episodes[0].x.rows == 30
    assert isinstance(read_frames(strange).frames[0].event, wire.Labels)


@pytest.mark.parametrize("nothing", [{"epochs": 0}, {"rows_trained": 0}])
def test_a_fit_that_ran_no_epoch_is_no_training(nothing: dict[str, object]) -> None:
    """Neither does it train the model."""
    found = read(built(), fitted(**nothing), evaluated())
    assert found.episodes == ()
    assert not found.evaluations[0].trained


def test_an_epoch_of_unknown_length_is_a_training() -> None:
    """A stream that does not say how long it is still left a history."""
    assert len(read(built(), fitted(rows_trained=0, history={"loss": [0.5]})).episodes) == 1


@pytest.mark.parametrize(
    ("held_out", "share"), [(SERVED.x_train[20:], 1.0), (SERVED.x_test, 0.0), (SERVED.x_train[:0], 0.0)]
)
def test_validation_rows_that_were_trained_on_are_counted(held_out: NDArray[np.uint8], share: float) -> None:
    """By content, whatever the scale."""
    validation = described("v", held_out / 255) if len(held_out) else b""
    found = read(
        built(), described("x", SERVED.x_train), validation, fitted(validation="data", validation_x="v")
    )
    assert found.episodes[0].validation_overlap == share


def test_what_was_done_to_weights_is_kept() -> None:
    """Of rows, and of the net."""
    found = read(built(), fitted(), fitted(sample_weighted=True, weights_replaced=True))
    assert [(e.sample_weighted, e.weights_replaced) for e in found.episodes] == [(False, False), (True, True)]


def test_images_that_show_nothing_are_no_pictures() -> None:
    """Probes of before did not say."""
    axes = Axes(images=((3, 3), (5, 5)), blank=(True, False))
    assert axes.pictures == ((5, 5),)
    assert Axes(images=((3, 3),)).pictures == ((3, 3),)


TAIL = Layer("Softmax", "s", (0,), (2,), 0, 0, {})
DEEP = Graph((*NET.layers, TAIL), (1,))
COPY = Graph((msgspec.structs.replace(NET.layers[0], name="dense_7"),), (0,))


def test_a_copy_of_a_trained_net_is_that_net() -> None:
    """Its calls are the trained net's, whatever object made them."""
    found = read(built(), fitted(), built(3, COPY), predicted(3, weights_of=[[0]]))
    (call,) = found.predictions
    assert (call.trained, call.model, call.exposes) == (True, 0, ())


def test_a_part_of_a_copy_shows_the_trained_nets_layers() -> None:
    """By position, and the model that makes it does as well."""
    found = read(built(net=DEEP), fitted(), built(3, COPY), predicted(3, weights_of=[[0]]))
    (call,) = found.predictions
    assert (call.trained, call.model, call.exposes) == (True, 3, ((0, 0),))
    assert [(m.exposes, m.shares) for m in found.models if m.serial == 3] == [(((0, 0),), (0,))]


def test_what_shows_a_copys_layers_shows_the_trained_nets() -> None:
    """Also where it is put together in another order."""
    shows = built(4, OTHER, exposes=[[3, 1]], shares=[3])
    found = read(built(net=DEEP), fitted(), built(3, DEEP), shows, predicted(4, weights_of=[[0]]))
    assert found.predictions[0].exposes == ((3, 1), (0, 1))


def test_a_net_on_top_of_a_copy_stands_on_the_trained_net() -> None:
    """Its call stays its own."""
    found = read(built(), fitted(), built(3, DEEP), predicted(3, weights_of=[[0]]))
    assert (found.predictions[0].trained, found.predictions[0].model) == (True, 3)
    assert [m.shares for m in found.models if m.serial == 3] == [(0,)]


@pytest.mark.parametrize("groups", [[[0], []], [[]], [[0], [7]]])
def test_weights_that_nobody_trained_leave_a_net_untrained(groups: list[list[int]]) -> None:
    """A fresh head on trained layers; a net whose fit came to nothing trains nobody."""
    head = built(3, OTHER, shares=[0])
    found = read(built(), fitted(), built(7), fitted(7, epochs=0), head, predicted(3, weights_of=groups))
    assert not found.predictions[0].trained


def test_weights_of_several_trainings_make_a_trained_net() -> None:
    """A head trained on the features of another net, and the two put together."""
    found = read(built(), fitted(), built(1), fitted(1), built(3, OTHER), predicted(3, weights_of=[[0], [1]]))
    assert (found.predictions[0].trained, found.predictions[0].model) == (True, 3)


def test_a_loop_that_is_told_at_its_cells_end_came_before() -> None:
    """The probe says whose weights they were by then."""
    found = read(built(), predicted(0, weights_of=[[0]]), predicted(0, weights_of=[[]]), fitted())
    assert [call.trained for call in found.predictions] == [True, False]


def test_a_call_between_the_epochs_of_a_fit_is_amid_it() -> None:
    """The fit is told when it is over."""
    found = read(
        built(), predicted(0, weights_of=[[0]]), fitted(), predicted(0, weights_of=[[0]]), predicted(0)
    )
    assert [call.amid for call in found.predictions] == [True, False, False]

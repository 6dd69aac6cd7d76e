"""PyTorch: trainings in the student's own loops, recorded and run under the budget.

PyTorch's own global hooks tell of modules that ran and of optimizers' steps; they look at shapes and start no
operation. What ends early is the `DataLoader` (`passes`).
"""

from __future__ import annotations

import functools
import hashlib
import math
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from . import draw, repeats, torchgraph
from .arrays import Arrays, as_numpy, unpack
from .doors import door, shut
from .loops import Loop, Loops
from .passes import Pass, Passes
from .state import Probe

LOSSES: dict[str, tuple[str, bool | None]] = {
    "cross_entropy": ("CrossEntropyLoss", True),
    "nll_loss": ("NLLLoss", False),
    "binary_cross_entropy": ("BCELoss", False),
    "binary_cross_entropy_with_logits": ("BCEWithLogitsLoss", True),
    "mse_loss": ("MSELoss", None),
    "l1_loss": ("L1Loss", None),
    "smooth_l1_loss": ("SmoothL1Loss", None),
    "kl_div": ("KLDivLoss", None),
}
"""Function of `torch.nn.functional`, which the classes use too -> (class, from logits)."""
MAX_TRAIL = 4000
MAX_PREDICTIONS = 8
MAX_WEIGHT_BYTES = 32 * 2**20
CUSTOM = "custom"


class Torch:
    """What the hooks note."""

    def __init__(self, probe: Probe, torch: ModuleType) -> None:
        self.probe = probe
        self.torch = torch
        self.arrays = Arrays(probe)
        self.loops = Loops(probe, self.arrays)
        self.passes = Passes(self.loops)
        self.modules = _family(torch.nn.Module)
        self.optimizers = _family(torch.optim.Optimizer)
        self._serials: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._sent: dict[int, str] = {}
        self._roots: weakref.WeakKeyDictionary[Any, weakref.ref[Any]] = weakref.WeakKeyDictionary()
        self._trail: list[torchgraph.Call] = []
        """Modules that ran since the last step, in the order in which they ended."""
        self._macs = 0.0
        self._loss: tuple[str, bool | None, float] | None = None
        self._predicted = 0
        probe.at_cell_end.append(self.end_of_cell)

    # -- what ran ---------------------------------------------------------------------------------

    def ran(self, module: Any, given: Any, output: Any) -> None:
        """A module has computed."""
        first = _tensor(given, self.torch)
        made = _tensor(output, self.torch)
        if first is None or made is None or not len(first.shape):
            return
        shapes = tuple(map(int, first.shape)), tuple(map(int, made.shape))
        if len(self._trail) >= MAX_TRAIL:
            del self._trail[: MAX_TRAIL // 2]
        self._trail.append((module, *shapes))
        under_way = self.passes.current()
        if not module._modules:
            macs = torchgraph.macs(module, *shapes)
            self._macs += macs
            if under_way is not None:
                under_way.macs += macs
        if under_way is not None and not _is_loss(module):
            under_way.net = module

    def lost(self, name: str, value: Any) -> None:
        """A loss was computed."""
        if math.prod(value.shape) != 1:
            return
        number = float(value.item())
        if value.requires_grad:
            self._loss = (*LOSSES[name], number)
        under_way = self.passes.current()
        if under_way is not None:
            under_way.losses.append(number)

    # -- steps ------------------------------------------------------------------------------------

    def before_step(self, optimizer: Any) -> None:
        """The net is looked for at an optimizer's first step, and its training begun."""
        net = self._root(optimizer)
        if net is None or self.loops.of(net) is not None:
            return
        under_way = self.passes.current()
        rows, macs = self._cost(net, under_way)
        serial = self._send(net, self._compilation(optimizer))
        header = {"serial": serial, "loop": "torch", "batch_size": rows, "train_mode": bool(net.training)}
        times = under_way.place.times if under_way is not None else repeats.around(inner=1).times
        loop = self.loops.begin(net, header, functools.partial(_weights, net), macs, times)
        if under_way is not None and under_way.source is not None:
            loop.source = under_way.source
            loop.behind = functools.partial(_behind, under_way.source)

    def after_step(self, optimizer: Any) -> None:
        net = self._root(optimizer)
        loop = self.loops.of(net) if net is not None else None
        if loop is None:
            return
        under_way = self.passes.current()
        rows, _ = self._cost(net, under_way)
        loop.header["train_mode"] = bool(net.training)
        if under_way is not None and under_way.loop is not loop:
            under_way.loop, under_way.before = loop, loop.rows
        if under_way is not None and under_way.batch is not None:
            loop.kept.add(*under_way.batch)
            under_way.batch = None
        loop.calls += 1
        self.loops.trained(loop, rows)
        self._trail.clear()
        self._macs = 0.0

    def _cost(self, net: Any, under_way: Pass | None) -> tuple[int, float]:
        """(rows of this step, multiply-adds of one of them)."""
        if under_way is not None and under_way.last:
            return under_way.last, under_way.macs / under_way.rows
        rows = next((given[0] for module, given, _ in reversed(self._trail) if module is net), 0)
        return rows, self._macs / max(1, rows)

    def _root(self, optimizer: Any) -> Any:
        """The outermost module that ran with what the optimizer changes."""
        known = self._roots.get(optimizer)
        if known is not None and known() is not None:
            return known()
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        for module, _, _ in reversed(self._trail):
            if any(id(p) in held for p in module.parameters()):
                self._roots[optimizer] = weakref.ref(module)
                return module
        return None

    def _compilation(self, optimizer: Any) -> dict[str, Any]:
        kind = type(optimizer).__name__ if type(optimizer) in self.optimizers else CUSTOM
        settings = {"lr": "learning_rate"}
        config = {
            settings.get(name, name): value
            for name, value in optimizer.param_groups[0].items()
            if name != "params" and type(value) in (bool, int, float, str)
        }
        config.pop("initial_lr", None)
        name, logits, _ = self._loss or (CUSTOM, None, 0.0)
        loss = {"kind": name, "from_logits": logits}
        return {"optimizer": {"kind": kind, "config": config}, "loss": loss, "metrics": []}

    # -- nets -------------------------------------------------------------------------------------

    def _serial(self, net: Any) -> int:
        found = self._serials.get(id(net))
        if found is None or found[0]() is not net:
            found = (weakref.ref(net), next(self.probe.serials))
            self._serials[id(net)] = found
        return found[1]

    def _send(self, net: Any, compilation: dict[str, Any] | None) -> int:
        """Tell a net as it last ran."""
        serial = self._serial(net)
        ends = [i for i, (module, _, _) in enumerate(self._trail) if module is net]
        if not ends:
            return serial
        start = ends[-2] + 1 if len(ends) > 1 else 0
        inside = {id(module): name for name, module in net.named_modules()}
        calls = [call for call in self._trail[start : ends[-1] + 1] if id(call[0]) in inside]
        graph = torchgraph.describe(self.modules, inside, calls)
        mark = repr((graph, compilation))
        if graph["layers"] and self._sent.get(serial) != mark:
            self.probe.send("model", {"serial": serial, "graph": graph, "compilation": compilation})
            self._sent[serial] = mark
        return serial

    # -- loaders ----------------------------------------------------------------------------------

    def loader(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @door
        @functools.wraps(original)
        def __iter__(loader: Any) -> Any:
            __tracebackhide__ = True
            inner = original(loader)
            if self.probe.inside:
                return inner
            begun = self.probe.quietly(self._begun, loader)
            return inner if begun is None else self._shortened(inner, begun)

        return __iter__

    def _begun(self, loader: Any) -> Pass:
        begun = Pass(repeats.around(), source=getattr(loader, "dataset", None))
        self.passes.begin(begun)
        return begun

    def _shortened(self, inner: Any, under_way: Pass) -> Any:
        """An iterator that ends when the budget says so; it shows nothing of the probe."""
        size = len(inner) if hasattr(inner, "__len__") else 0
        ended = [False]

        @door
        def __next__(_: Any) -> Any:
            __tracebackhide__ = True
            if ended[0] or self.probe.quietly(self.passes.more, under_way) is False:
                if not ended[0]:
                    ended[0] = True
                    self.probe.quietly(self._ended, under_way)
                raise StopIteration
            try:
                batch = next(inner)
            except StopIteration:
                ended[0] = True
                self.probe.quietly(self._ended, under_way)
                raise
            given = self.probe.quietly(self._given, under_way, batch)
            return batch if given is None else given[0]

        methods = {
            "__iter__": lambda iterator: iterator,
            "__next__": __next__,
            "__len__": shut(lambda _: size),
        }
        return type(type(inner).__name__, (), methods)()

    def _given(self, under_way: Pass, batch: Any) -> tuple[Any] | None:
        """The batch as it is handed over; None for what has no rows to be counted."""
        x, y, _ = unpack(batch)
        if not draw.in_memory(x):
            return None
        rows = draw.rows(x)
        if not under_way.last:
            fewer = self.passes.rows_of_first(under_way, self._trained_at(under_way), rows)
            if fewer < rows:
                batch = draw.each(batch, lambda part: part[:fewer] if draw.is_array(part) else part)
                x, y, _ = unpack(batch)
                rows = fewer
        under_way.last = rows
        under_way.rows += rows
        under_way.batch = (draw.each(x, _images), y if draw.in_memory(y) else None)
        if under_way.loop is None:
            under_way.kept.add(*under_way.batch)
        return (batch,)

    def _trained_at(self, under_way: Pass) -> Loop | None:
        """The training that went through this loader before."""
        found = (loop for loop in self.loops.under() if loop.source is not None)
        return next((loop for loop in found if loop.source is under_way.source), None)

    def _ended(self, under_way: Pass) -> None:
        computed, mean = self.passes.finish(under_way)
        if not computed:
            return
        ids = self._told_rows(under_way)
        for open_loop in self.loops.under():
            if open_loop.net is under_way.net and ids[0]:
                open_loop.header |= {"validation": "data", "validation_x": ids[0], "validation_y": ids[1]}
                if mean is not None:
                    open_loop.note("val_loss", mean)
        self._predicted += 1
        if self._predicted <= MAX_PREDICTIONS:
            self._send_prediction(under_way, ids[0])

    def _told_rows(self, under_way: Pass) -> tuple[str, str]:
        arrays = self.probe.quietly(_behind, under_way.source)
        seen = self.arrays.see(*arrays) if arrays else self.loops.see_kept(under_way.kept)
        return seen.x, seen.y

    def _send_prediction(self, under_way: Pass, x: str) -> None:
        made = next((made for m, _, made in reversed(self._trail) if m is under_way.net), ())
        header = {
            "serial": self._send(under_way.net, None),
            "x": x,
            "x_distinct": self.arrays.distinct(x),
            "output_shapes": [torchgraph.channels_last(made)],
            "rows_used": under_way.rows,
            "capped": under_way.cut,
        }
        self.probe.send("predict", header)

    # -- at a cell's end --------------------------------------------------------------------------

    def end_of_cell(self) -> None:
        self._predicted = 0
        self._trail.clear()
        self._macs = 0.0
        names: dict[str, list[str]] = {}
        for name, value in list(self.probe.namespace().items()):
            found = self._serials.get(id(value))
            if not name.startswith("_") and found is not None and found[0]() is value:
                names.setdefault(str(found[1]), []).append(name[:200])
        if names:
            kept = {serial: held[:64] for serial, held in list(names.items())[:400]}
            self.probe.send("names", {"names": kept})


def _family(root: Any) -> frozenset[type]:
    """A class of PyTorch and all below it that are there before any student code runs."""
    found = {root}
    waiting = [root]
    while waiting:
        below = [child for child in waiting.pop().__subclasses__() if child not in found]
        found.update(below)
        waiting += below
    return frozenset(c for c in found if c.__module__.split(".")[0] in {"torch", "torchvision"})


def _tensor(value: Any, torch: Any) -> Any:
    """The first tensor of a module's arguments or results."""
    if isinstance(value, torch.Tensor):
        return value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else ()
    return next((found for item in inside if (found := _tensor(item, torch)) is not None), None)


def _is_loss(module: Any) -> bool:
    return not module._modules and not module._parameters and type(module).__name__.endswith("Loss")


def _images(value: Any) -> Any:
    """Rows as the served ones lie: channels last, or none where there is one."""
    array = as_numpy(value)
    return _channels_last(array) if array.ndim == 4 and array.shape[1] in (1, 3) else array


def _channels_last(array: Any) -> Any:
    return array[:, 0] if array.shape[1] == 1 else np.moveaxis(array, 1, -1)


def _behind(dataset: Any) -> tuple[Any, Any] | None:
    """The arrays that a loader goes through, where its data set is made of such."""
    index = None
    while hasattr(dataset, "indices") and hasattr(dataset, "dataset"):
        chosen = np.asarray(dataset.indices)
        index = chosen if index is None else chosen[index]
        dataset = dataset.dataset
    tensors = getattr(dataset, "tensors", None)
    if not isinstance(tensors, tuple) or not tensors:
        return None
    found = [as_numpy(tensor) for tensor in tensors[:2]]
    found = found if index is None else [array[index] for array in found]
    return _images(found[0]), found[1] if len(found) > 1 else None


def _weights(net: Any) -> tuple[str, list[Any] | None]:
    """(digest, arrays) of the weights as they are now; no arrays when too large."""
    values = [p.detach().cpu().numpy() for p in net.parameters()]
    state = hashlib.sha256()
    for value in values:
        state.update(np.ascontiguousarray(value).tobytes())
    if sum(4 * value.size for value in values) > MAX_WEIGHT_BYTES:
        return state.hexdigest(), None
    # `numpy()` shows the net's own memory, which the next step changes.
    return state.hexdigest(), [np.array(value, np.float32) for value in values]


def watch(probe: Probe, torch: ModuleType) -> None:
    """Hang the hooks up."""
    from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
    from torch.utils.data import DataLoader

    seen = Torch(probe, torch)
    torch.nn.modules.module.register_module_forward_hook(_hook(probe, seen.ran))
    register_optimizer_step_pre_hook(_hook(probe, lambda optimizer, *_: seen.before_step(optimizer)))
    register_optimizer_step_post_hook(_hook(probe, lambda optimizer, *_: seen.after_step(optimizer)))
    type.__setattr__(DataLoader, "__iter__", seen.loader(DataLoader.__iter__))
    for name in LOSSES:
        functional = torch.nn.functional
        setattr(functional, name, _loss(probe, seen, name, getattr(functional, name)))


def _hook(probe: Probe, action: Callable[..., None]) -> Any:
    @door
    def hook(*args: Any) -> None:
        probe.quietly(action, *args)

    return hook


def _loss(probe: Probe, seen: Torch, name: str, original: Any) -> Any:
    @door
    @functools.wraps(original)
    def loss(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        result = original(*args, **kwargs)
        probe.quietly(seen.lost, name, result)
        return result

    return loss

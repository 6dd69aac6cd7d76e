"""Generic mutants: small faults made on a solution's syntax tree, one at a time."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from grader.model.submission import CellKind, Document

LAYERS = frozenset({"Conv2D", "Dense", "MaxPooling2D", "Flatten", "Dropout", "BatchNormalization"})


@dataclass(frozen=True, slots=True)
class Generic:
    """One mutant: which operator, on which line of which cell."""

    id: str
    document: Document


def generic_mutants(document: Document) -> tuple[Generic, ...]:
    """Every mutant the operators make of a document's code cells, in order of place."""
    found: list[Generic] = []
    for position, cell in enumerate(document.cells):
        if cell.kind is not CellKind.CODE:
            continue
        for name, line, source in _mutated(cell.source):
            cells = (
                *document.cells[:position],
                replace(cell, source=source, saved=()),
                *document.cells[position + 1 :],
            )
            found.append(Generic(f"{name}@{cell.index}:{line}", replace(document, cells=cells)))
    return tuple(found)


def _mutated(source: str) -> Iterator[tuple[str, int, str]]:
    """(operator, line, new source) for every place an operator applies to."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return  # cells with magics are left as they are
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for number, call in enumerate(calls):
        for name, operator in OPERATORS.items():
            copy = ast.parse(source)
            target = [n for n in ast.walk(copy) if isinstance(n, ast.Call)][number]
            if operator(target):
                yield name, call.lineno, ast.unparse(copy)


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _halve_size(call: ast.Call) -> bool:
    """Half as many filters or units."""
    return _called(call) in {"Conv2D", "Dense"} and _change_int(call, 0, lambda n: max(1, n // 2))


def _other_kernel(call: ast.Call) -> bool:
    """A 5x5 kernel for a 3x3 one and the other way round."""
    if _called(call) != "Conv2D" or len(call.args) < 2:
        return False
    kernel = call.args[1]
    constants = [n for n in ast.walk(kernel) if isinstance(n, ast.Constant) and isinstance(n.value, int)]
    for constant in constants:
        constant.value = 3 if constant.value == 5 else 5
    return bool(constants)


def _drop_activation(call: ast.Call) -> bool:
    """A hidden layer loses its activation."""
    before = len(call.keywords)
    if _called(call) not in {"Conv2D", "Dense"}:
        return False
    call.keywords = [k for k in call.keywords if k.arg != "activation" or _is(k.value, "softmax")]
    return len(call.keywords) < before


def _drop_layer(call: ast.Call) -> bool:
    """A Sequential loses one of its layers (the second, which is never the input)."""
    if _called(call) != "Sequential" or not call.args or not isinstance(call.args[0], ast.List):
        return False
    layers = call.args[0].elts
    if len(layers) < 4:
        return False
    del layers[2]
    return True


def _other_loss(call: ast.Call) -> bool:
    """Mean squared error for whatever loss there was."""
    return _called(call) == "compile" and _set_keyword(call, "loss", ast.Constant("mse"))


def _flip_logits(call: ast.Call) -> bool:
    """from_logits the other way round."""
    for keyword in call.keywords:
        if keyword.arg == "from_logits" and isinstance(keyword.value, ast.Constant):
            keyword.value = ast.Constant(not keyword.value.value)
            return True
    return False


def _more_epochs(call: ast.Call) -> bool:
    """Two epochs more than asked for."""
    for keyword in call.keywords:
        value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
        if _called(call) == "fit" and keyword.arg == "epochs" and isinstance(value, int):
            keyword.value = ast.Constant(value + 2)
            return True
    return False


def _no_validation(call: ast.Call) -> bool:
    """No validation data and no split."""
    before = len(call.keywords)
    call.keywords = [k for k in call.keywords if k.arg not in {"validation_data", "validation_split"}]
    return _called(call) == "fit" and len(call.keywords) < before


OPERATORS: dict[str, Callable[[ast.Call], bool]] = {
    "halve-size": _halve_size,
    "other-kernel": _other_kernel,
    "drop-activation": _drop_activation,
    "drop-layer": _drop_layer,
    "other-loss": _other_loss,
    "flip-logits": _flip_logits,
    "more-epochs": _more_epochs,
    "no-validation": _no_validation,
}


def _change_int(call: ast.Call, position: int, change: Callable[[int], int]) -> bool:
    if len(call.args) <= position:
        return False
    value = call.args[position]
    if not isinstance(value, ast.Constant) or not isinstance(value.value, int):
        return False
    changed = change(value.value)
    if changed == value.value:
        return False
    call.args[position] = ast.Constant(changed)
    return True


def _set_keyword(call: ast.Call, name: str, value: ast.expr) -> bool:
    for keyword in call.keywords:
        if keyword.arg == name:
            keyword.value = value
            return True
    return False


def _is(node: ast.expr, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text

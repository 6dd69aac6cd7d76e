"""Which libraries a zygote has imported: those that the notebook asks for, and no others' seconds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec

from grader.model.submission import CellKind, SourceCell

KERNEL = (
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger", "sqlite3"),
    *("IPython.core.completerlib", "IPython.core.magics", "IPython.extensions.storemagic"),
    "tornado.platform.asyncio",
)
"""What a kernel imports as it starts."""
_ALWAYS = (
    *("numpy", "sklearn.metrics", "sklearn.datasets", "matplotlib.pyplot"),
    "matplotlib_inline.backend_inline",
)
_KERAS = ("tensorflow/libtensorflow_cc.so.2", "tensorflow", "keras")
_TORCH = ("torch", "torchvision")

_ASKS_TORCH = re.compile(r"^\s*(?:import|from)\s+(?:torch|torchvision)\b", re.MULTILINE)
_ASKS_KERAS = re.compile(r"^\s*(?:import|from)\s+(?:tensorflow|keras)\b", re.MULTILINE)


def libraries(cells: Iterable[SourceCell]) -> tuple[str, ...]:
    """What to import before the fork, as a zygote is told. No operation of any of these may run in a zygote.

    Keras for a notebook that names no framework, which is most likely to name it in a way not looked for.
    """
    source = "\n".join(cell.source for cell in cells if cell.kind is CellKind.CODE)
    torch = tuple(filter(_installed, _TORCH)) if _ASKS_TORCH.search(source) else ()
    keras = _KERAS if _ASKS_KERAS.search(source) or not torch else ()
    return (*KERNEL, *_ALWAYS, *keras, *torch)


@cache
def _installed(name: str) -> bool:
    return find_spec(name) is not None

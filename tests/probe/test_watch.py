"""What is refused while cells run, in a real kernel; and that libraries and homework notice nothing."""

from __future__ import annotations

import base64

import pytest
from driver import QUICK, Run, run_cells


def hidden(source: str) -> str:
    """A cell that runs a text nobody can read in it."""
    text = base64.b64encode(source.encode()).decode()
    return f"import base64\nexec(base64.b64decode({text!r}))"


REFUSED = {
    "exec": hidden("import gc\nprint(len(gc.get_objects()))"),
    "exec in exec": hidden(hidden("f = lambda: 0\nprint(f.__closure__)")),
    "codec": "import codecs\nexec(codecs.decode('vzcbeg pglcrf', 'rot13'))",
    "own module": (
        "open('ayuda.py', 'w').write('import c' + 'types\\nx = 1\\n')\nimport ayuda\nprint(ayuda.x)"
    ),
    "run a file": "open('b.py', 'w').write('import c' + 'types')\nimport runpy\nrunpy.run_path('b.py')",
    "timeit": "import timeit\ntimeit.timeit('import c' + 'types', number=1)",
    "tree": "import ast\nexec(compile(ast.parse('x = 1'), 'a', 'exec'))",
    "descriptor table": "print(open('/pr' + 'oc/self/f' + 'd/1'))",
    "frame of a traceback": """
try:
    1 / 0
except ZeroDivisionError as error:
    print(vars(type(error.__traceback__))['tb_' + 'frame'].__get__(error.__traceback__))
""",
    "through a library": "import inspect\nprint(getattr(inspect, ''.join(['current', 'frame']))())",
}
ALLOWED = {
    "hidden homework": hidden("import numpy as np\nprint(np.arange(3).sum())"),
    "own module": """
open('otra.py', 'w').write('def doble(x): return 2 * x')
import otra
print(otra.doble(2))
""",
    "eval": "print(eval('1 + 1'))",
    "generated classes": """
import collections, dataclasses, enum, typing
Punto = collections.namedtuple('Punto', 'x y')

@dataclasses.dataclass
class Caja:
    lado: int = 3

class Nivel(enum.Enum):
    BAJO = 1

class Nombre(typing.NamedTuple):
    x: int

print(Punto(1, 2), Caja(), Nivel.BAJO, Nombre(1))
""",
    "logging and warnings": "import logging, warnings\nlogging.warning('a')\nwarnings.warn('b')\nprint('c')",
    "timing": "%timeit -n1 -r1 sum(range(10))",
    "source of a function": """
def f(x):
    return x
import inspect
print(inspect.signature(f))
""",
    "pandas": """
import pandas as pd
print(pd.DataFrame({'a': [1, 2]}).query('a > 1').eval('b = a + 1').b.sum())
""",
    "figure": "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nprint('f')",
    "a step of one's own": """
import tensorflow as tf

@tf.function
def paso(x):
    if tf.reduce_sum(x) > 0:
        return x * 2
    return x

print(paso(tf.constant([1.0])).numpy())
""",
    "training": """
import keras
m = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
m.compile('adam', 'mse')
import numpy as np
print(len(m.fit(np.zeros((8, 2)), np.zeros(8), epochs=2, verbose=0).epoch))
""",
}


@pytest.fixture(scope="module")
def run() -> Run:
    return run_cells([*REFUSED.values(), *ALLOWED.values()], QUICK)


@pytest.mark.parametrize("name", REFUSED)
def test_reaching_inside_is_refused(run: Run, name: str) -> None:
    cell = run.cells[list(REFUSED).index(name)]
    assert "not allowed here" in cell.error, (cell.error, cell.text)


@pytest.mark.parametrize("name", ALLOWED)
def test_homework_and_libraries_notice_nothing(run: Run, name: str) -> None:
    cell = run.cells[len(REFUSED) + list(ALLOWED).index(name)]
    assert cell.ok, cell.error


def test_the_kernel_lives_on(run: Run) -> None:
    assert run.trouble == ""
    assert len(run.cells) == len(REFUSED) + len(ALLOWED)

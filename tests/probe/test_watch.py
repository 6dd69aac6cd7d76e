"""What is refused while cells run, in a real kernel; and that libraries and homework notice nothing."""

from __future__ import annotations

import base64

import pytest
from driver import QUICK, Run, run_cells

from grader.evidence import wire


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
    "bytecode under a library's name": """
import importlib.util, os
open('c.py', 'w').write('x = 1')
compile(open('c.py').read(), os.__file__, 'exec')
""",
    "a descriptor by its number": "open(7, 'wb', closefd=False)",
    "a library's thread": """
from concurrent.futures import ThreadPoolExecutor
import gc
ThreadPoolExecutor().submit(vars(gc)['get_' + 'objects']).result()
""",
    "a profile": "import sys\nf = [getattr(sys, n) for n in dir(sys) if n.endswith('tprofile')][-1]\nf(None)",
    "a copy that calls": """
import copy, sys
class Calls:
    def __reduce__(self):
        return vars(sys)['_get' + 'frame'], (1,)
copy.copy(Calls())
""",
    "frames of a traceback": """
import traceback
try:
    1 / 0
except ZeroDivisionError as error:
    list(vars(traceback)['walk_' + 'tb'](error.__traceback__))
""",
    "frames of a logger": "import logging\nvars(logging)['current' + 'frame']()",
    "a frame of a generator": "g = (i for i in [1])\nvars(type(g))['gi_' + 'frame'].__class__\ng.gi_frame",
    "getattr by another name": "g = getattr\nname = '__clo' + 'sure__'\ng(print, name)",
    "getattr handed on": "list(map(getattr, [print], ['__clo' + 'sure__']))",
    "getattr reduced": "import functools\nfunctools.reduce(getattr, [print, '__glo' + 'bals__'])",
    "a line of timeit": "get_ipython().run_line_magic('timeit', '-n1 -r1 print.__clo' + 'sure__')",
    "a module of bytecode": """
import importlib.util, sys
code = b'not even bytecode'
open('d.pyc', 'wb').write(importlib.util.MAGIC_NUMBER + bytes(12) + code)
try:
    import d
except ImportError as error:
    raise ValueError('not allowed here') from error
""",
    "the probe's modules": """
import importlib, sys
try:
    importlib.import_module('_pro' + 'be.channel')
except ModuleNotFoundError:
    raise ValueError('not allowed here')
""",
    "behind a wrapped function": """
import inspect, keras
from IPython import get_ipython
held = [keras.Model.fit, keras.Model.evaluate, keras.datasets.mnist.load_data]
held += [type(get_ipython().kernel).do_execute, type(get_ipython()).run_code]
for function in held:
    for name, value in inspect.getmembers(function):
        if name not in ('__wrapped__', '__class__') and inspect.isfunction(value):
            print(name, value)
            break
    else:
        continue
    break
else:
    raise ValueError('not allowed here: nothing to be seen')
""",
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
    "getattr": "import keras\nn = 'Adam'\nprint(getattr(keras.optimizers, n)(), getattr(n, 'x', 1))",
    "own bytecode": """
import sys
sys.dont_write_bytecode = False
open('tres.py', 'w').write('x = 3')
import tres
del sys.modules['tres']
import tres
print(tres.x)
""",
    "frames in a message": """
import traceback, logging
try:
    1 / 0
except ZeroDivisionError:
    traceback.print_exc()
    logging.exception('a')
    print(traceback.format_exc())
""",
    "profile": "%prun -q sum(range(3))\n%time sum(range(3))\n%load_ext autoreload\n%autoreload 2",
    "pickled": "import pickle, copy\nprint(pickle.loads(pickle.dumps([1.5])), copy.deepcopy({1: []}))",
    "a step with a model": """
import keras, tensorflow as tf
m = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])

@tf.function
def paso(x):
    for _ in tf.range(2):
        x = m(x) * tf.ones((1, 2))
    return x

print(paso(tf.ones((1, 2))).shape)
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


def test_what_was_refused_is_told(run: Run) -> None:
    """Of every cell, but of none that is ordinary homework."""
    told = {event.cell for event in run.all(wire.Tamper)}
    silent = {"a module of bytecode", "the probe's modules", "behind a wrapped function"}
    assert told == {i for i, name in enumerate(REFUSED) if name not in silent}


def test_the_kernel_lives_on(run: Run) -> None:
    assert run.trouble == ""
    assert len(run.cells) == len(REFUSED) + len(ALLOWED)

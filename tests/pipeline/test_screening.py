"""Which cells are not run, and that ordinary homework is."""

from __future__ import annotations

import pytest

from grader.model.submission import CellKind, Document, SourceCell
from grader.screening import screen


def blanked(source: str) -> str:
    """What the one cell uses, "" when it is run."""
    found = screen(Document("n.ipynb", (SourceCell(0, CellKind.CODE, source),)))
    if found.blanked:
        assert found.document.cells[0].source == ""
        return found.blanked[0][1]
    assert found.document.cells[0].source == source
    return ""


@pytest.mark.parametrize(
    "source",
    [
        "import gc\nfor o in gc.get_objects(): print(type(o))",
        "keras.Model.fit.__closure__[0].cell_contents",
        "import sys; sys.settrace(lambda *a: None)",
        "sys._getframe(1).f_locals",
        "import ctypes",
        "from ctypes import pythonapi",
        "os.write(7, b'x')",
        "vars(os)['wri' + 'te'](7, b'x')",
        "import os as o\no.write(7, b'x')",
        "from os import write",
        "from sys import modules",
        "list(sys.modules.values())",
        "sys.modules['os'].write(7, b'x')",
        "getattr(keras.Model.fit, '__clo' + 'sure__')",
        "getattr(f, ''.join(reversed('__erusolc__')))",
        "operator.attrgetter('x')(f)",
        "object.__getattribute__(f, name)",
        "types.FunctionType(code, {})",
        "globals()['__builtins__']",
        "exec('import gc; gc.get_objects()')",
        "__import__(name)",
        "getattr(sys, 'set' + 'trace')(f)",
        "getattr(f, '__closure__')",
        "sys.modules.get(name)",
        "open('/proc/self/fd/5', 'wb')",
        "import sys\nsys.modules['_probe.channel']",
        "get_ipython().kernel.session.send(s, 'stream')",
        "resto = (17\n    % 4)\nprint(f.__closure__)",
        "distinto = (17\n    != 4)\nprint(f.__closure__)",
        'texto = """\n! fin"""\nprint(f.__closure__)',
        "%matplotlib inline\nresto = (17\n    % 4)\nprint(f.__closure__)",
        "if True:\n    !ls\nf.__closure__",
        "x = !ls\nprint(f.__cl\u1d52sure__)",
        "%timeit f.__closure__",
        "match f:\n    case object(__closure__=celdas):\n        pass",
        "pd.eval('f.__closure__')",
        "'{0.__closure__}'.format(f)",
        "vars(type(f))[nombre].__get__(f)",
        "type(f).__dict__[nombre].__get__(f)",
        "operator.methodcaller('__getattri' + 'bute__', n)(f)",
        "operator.attrgetter(nombre)(f)",
        "import inspect\ninspect.currentframe()",
        "sys.monitoring.use_tool_id(0, 'x')",
        "import traceback\ntraceback.walk_tb(e.__traceback__)",
        "tarea.cr_frame",
        "import zipimport",
    ],
)
def test_a_cell_that_reaches_into_the_interpreter_is_not_run(source: str) -> None:
    assert blanked(source)


@pytest.mark.parametrize(
    "source",
    [
        "model.compile('adam', loss='mse')",
        "model.evaluate(x_test, y_test)",
        "for name in ['Adam', 'SGD']:\n    opt = getattr(keras.optimizers, name)()",
        "import gc\ngc.collect()",
        "modelo = eval(f'modelo_{i}')",
        "import os\nos.environ['X'] = '1'\nos.makedirs('salida', exist_ok=True)",
        "with open('notas.txt', 'w') as f:\n    f.write('hola')",
        "%matplotlib inline\nplt.plot(h.history['loss'])",
        "!pip install seaborn",
        "print(globals().keys())",
        "exec(base64.b64decode(s))",
        "layer = getattr(keras.layers, f'Conv{n}D')",
        "EN_COLAB = 'google.colab' in sys.modules",
        "sys.modules['keras.layers']",
        "print(sys.version, os.getcwd())",
        "import builtins\nbuiltins.print('x')",
        "import inspect\nprint(inspect.getsource(keras.Sequential))",
        "a b c (",
        "%timeit sum(range(10))\nx = 5\ny = (x\n     % 3)",
        "if True:\n    !pip install seaborn\nprint('f_back' if False else '')".replace("f_back", "atrás"),
        "match x:\n    case Punto(x=0):\n        print('cero')",
        "print('{0.shape} {1}'.format(x, 3))",
        "monitoring = 'val_loss'",
        "import inspect\ninspect.getmembers(keras.layers)",
    ],
)
def test_ordinary_homework_is_run(source: str) -> None:
    assert blanked(source) == ""


def test_other_cells_and_places_stay() -> None:
    """Indices do not shift: evidence must name the student's own cells."""
    cells = tuple(SourceCell(i, CellKind.CODE, s) for i, s in enumerate(["a = 1", "import ctypes", "b = 2"]))
    found = screen(Document("n.ipynb", cells))
    assert [c.source for c in found.document.cells] == ["a = 1", "", "b = 2"]
    assert found.blanked == ((1, "ctypes"),)

"""Starts a kernel with the probe in it: `python -I boot.py --evidence-fd N --job JOBFILE -f CONNECTION`.

`--evidence-file PATH` takes the place of `--evidence-fd` where descriptors are not inherited. From `--key-fd`
the key that authenticates frames is read, once: nothing that student code can read holds it afterwards.

JOBFILE is a JSON object: seed (int), dataset (name), data (folder of the served arrays), threads (int or
null), budget ({level, fit_rows, fit_macs, validation_rows, evaluate_rows, predict_macs, total_macs,
estimator_rows, tsne_steps, resize_bytes}, see
`grader.model.budget`), evidence_bytes (int or null).

This file runs beside untrusted code, so it knows no expected value and nothing of the grader: its siblings
are loaded as a package of their own, `_probe`.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

PACKAGE = "_probe"
PROTOCOL = 1
COLLECTIONS = (20_000, 20, 20)
"""Thresholds of Python's collector. Tracing a TensorFlow function makes very many objects that live on: with
the usual thresholds a tenth of a small training's time goes into looking at them."""
KEY = 32
"""Bytes of a key."""


def main(argv: list[str] | None = None) -> None:
    arguments = _arguments(argv)
    _make_package(Path(__file__).parent)
    state = importlib.import_module(f"{PACKAGE}.state")
    doors = importlib.import_module(f"{PACKAGE}.doors")
    job = state.Job.read(json.loads(Path(arguments.job).read_text(encoding="utf-8")))
    probe = state.Probe(job, _channel(arguments, job.evidence_bytes))
    start(probe)
    cells = importlib.import_module(f"{PACKAGE}.cells")
    importlib.import_module(f"{PACKAGE}.watch").watch(probe.report)
    probe.channel.guard()
    doors.hide()
    gc.set_threshold(*COLLECTIONS)
    cells.launch(probe, arguments.connection)


def _channel(arguments: argparse.Namespace, limit: int | None) -> Any:
    """The way to the trusted side. A function of its own: the key is gone when it returns."""
    channel = importlib.import_module(f"{PACKAGE}.channel")
    descriptor = arguments.evidence_fd
    if arguments.evidence_file:
        descriptor = os.open(arguments.evidence_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    key = b""
    if arguments.key_fd is not None:
        with os.fdopen(arguments.key_fd, "rb") as stream:
            key = stream.read(KEY)
    return channel.Channel(descriptor, min(limit or channel.MAX_TOTAL, channel.MAX_TOTAL), key)


def start(probe: object) -> None:
    """Send the first frame and hook the libraries, those already imported included."""
    versions = importlib.import_module(f"{PACKAGE}.versions").versions()
    importlib.import_module(f"{PACKAGE}.install").install(probe, PROTOCOL, versions)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="boot.py")
    evidence = parser.add_mutually_exclusive_group(required=True)
    evidence.add_argument("--evidence-fd", type=int)
    evidence.add_argument("--evidence-file")
    parser.add_argument("--key-fd", type=int)
    parser.add_argument("--job", required=True)
    parser.add_argument("-f", dest="connection", required=True)
    return parser.parse_args(argv)


def _make_package(folder: Path) -> None:
    """Make this folder importable as `_probe`, and only as that: it is not put on sys.path."""
    spec = importlib.util.spec_from_loader(PACKAGE, loader=None, is_package=True)
    assert spec is not None
    spec.submodule_search_locations = [str(folder)]
    sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)


if __name__ == "__main__":
    main()

"""Environments of the processes we start, built from nothing."""

from __future__ import annotations

import os

_OF_THE_PLATFORM = (
    *("PATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA"),
    *("LOCALAPPDATA", "PROGRAMDATA", "NUMBER_OF_PROCESSORS", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
)
_THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
)


def inherited() -> dict[str, str]:
    """What an unprotected process keeps of our environment: what the platform itself needs."""
    return {name: os.environ[name] for name in _OF_THE_PLATFORM if name in os.environ}


def environment(threads: int, home: str) -> dict[str, str]:
    """What every process gets, wherever it runs: the same for a self-check and for grading."""
    return {
        "HOME": home,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    } | {name: str(threads) for name in _THREADS}

"""Kernels shared by this folder's tests: starting one and importing TensorFlow takes seconds."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

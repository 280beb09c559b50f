"""Benchmarks against PyTorch, MyGrad and HIPS autograd; see README.md beside this file.

The number of threads is fixed here, because NumPy's BLAS reads it only once, when NumPy is imported.
"""

from __future__ import annotations

import os

THREADS = 2
"""Threads for the BLAS of every library."""

for _variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_variable] = str(THREADS)

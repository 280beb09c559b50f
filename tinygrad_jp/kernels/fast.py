"""The switch of the compiled kernels (extra ``[fast]``: numba), which are used wherever they are installed."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import ArgumentError

VARIABLE = "TINYGRAD_JP_FAST"
_wanted: bool | None = None


def use_fast(on: bool | None = None) -> None:
    """Choose between compiled and NumPy kernels; the environment variable ``TINYGRAD_JP_FAST`` (0 or 1) does, too.

    Parameters
    ----------
    on
        True, False, or None for the default: compiled ones if numba is installed.

    Raises
    ------
    ArgumentError
        If they are wanted and numba is not installed.
    """
    if on and find_spec("numba") is None:
        raise ArgumentError('use_fast: needs numba; pip install "tinygrad_jp[fast]"')
    global _wanted
    _wanted = on
    _load.cache_clear()


def compiled(dtype: np.dtype[Any] | None = None) -> ModuleType | None:
    """Return the module of compiled kernels, or None where NumPy's are to be used.

    NumPy's also compute in any `dtype`, if it is given, other than float32 and float64.

    The first call imports numba (about half a second); a kernel's very first use compiles it, later ones read it from
    the cache on the disk.
    """
    return _load() if dtype is None or dtype in (np.float32, np.float64) else None


@cache
def _load() -> ModuleType | None:
    wanted = _wanted if _wanted is not None else os.environ.get(VARIABLE, "1") != "0"
    return import_module(".accelerated", __package__) if wanted and find_spec("numba") is not None else None

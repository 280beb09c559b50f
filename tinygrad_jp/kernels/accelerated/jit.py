"""How functions are compiled here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core import cgutils as untyped
from numba.extending import intrinsic as _intrinsic

F = TypeVar("F")

cgutils: Any = untyped


def intrinsic(function: Callable[..., Any]) -> Any:
    """Make a function for compiled code out of one that types it and writes its instructions."""
    return _intrinsic(function)


def kernel(function: F) -> F:
    """Compile a function once for each combination of dtypes, and keep it on the disk.

    Other threads run while it does. Nothing is reordered, so that results are the same in every run.
    """
    compile: Any = numba.njit(cache=True, nogil=True, error_model="numpy")
    return cast(F, compile(function))

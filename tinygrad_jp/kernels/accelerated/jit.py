"""How functions are compiled here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core import cgutils as _cgutils
from numba.core import event as _event
from numba.extending import intrinsic as _intrinsic
from numba.np import arrayobj as _arrayobj

from ...language import tell

F = TypeVar("F")

arrayobj: Any = _arrayobj
cgutils: Any = _cgutils
event: Any = _event


class _Notice(_event.Listener):
    """Says, once, why the first use of the kernels takes so long: silence would look like a program that hangs."""

    told = False

    def on_start(self, compiling: Any) -> None:
        """Print when a kernel is compiled, which the disk does not hold yet."""
        if not self.told and compiling.data["dispatcher"].py_func.__module__.startswith(__package__):
            self.told = True
            print(tell("tinygrad_jp: compiling kernels, once on this machine (about 30 s) …"), file=sys.stderr)

    def on_end(self, _: Any) -> None:
        """Say nothing."""


event.register("numba:compile", _Notice())


def intrinsic(function: Callable[..., Any]) -> Any:
    """Make a function for compiled code out of one that types it and writes its instructions."""
    return _intrinsic(function)


def kernel(function: F) -> F:
    """Compile a function once for each combination of dtypes, and keep it on the disk.

    Other threads run while it does. Nothing is reordered, so that results are the same in every run.
    """
    compile: Any = numba.njit(cache=True, nogil=True, error_model="numpy")
    return cast(F, compile(function))

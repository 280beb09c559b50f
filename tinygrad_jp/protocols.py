"""NumPy's protocols: ``np.exp(t)`` and ``np.concatenate([t, a])`` run the row of the op table and record it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import ops
from .errors import UnsupportedError
from .ops import Op

_ROWS: dict[Callable[..., Any], Op[Any]] = {function: row for row in ops.TABLE.values() for function in row.numpy}
_REDUCTIONS: dict[Callable[..., Any], Op[Any]] = {
    np.add: ops.sum,
    np.multiply: ops.prod,
    np.maximum: ops.max,
    np.minimum: ops.min,
    np.logical_and: ops.all,
    np.logical_or: ops.any,
}
_FACTS: frozenset[Callable[..., Any]] = frozenset(
    {np.shape, np.ndim, np.size, np.allclose, np.array_equal, np.isclose, np.array_repr, np.array_str, np.array2string,
     np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj, np.may_share_memory, np.shares_memory}
)  # fmt: skip
"""Functions whose result is no quantity to differentiate; they see the Tensors' arrays."""


def array_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Run ``ufunc(*inputs)`` or ``ufunc.reduce(...)`` on Tensors; raise UnsupportedError for anything else."""
    out = kwargs.get("out")
    if out is not None and method == "__call__" and not any(_is_tensor(o) for o in out):
        return _into_array(ufunc, inputs, kwargs)
    row = {"__call__": _ROWS, "reduce": _REDUCTIONS}.get(method, {}).get(ufunc)
    if row is None:
        raise _unsupported(f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}"))
    if method == "reduce":
        kwargs.setdefault("axis", 0)
    return _call(row, f"np.{ufunc.__name__}", inputs, kwargs)


def array_function(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Run a NumPy function on Tensors; raise UnsupportedError if no row stands for it."""
    row = _ROWS.get(function)
    if row is not None:
        return _call(row, f"np.{function.__name__}", args, kwargs)
    if function in _FACTS:
        return function(*_plain(args), **{name: _plain(value) for name, value in kwargs.items()})
    raise _unsupported(f"{getattr(function, '__module__', 'numpy')}.{function.__name__}")


def _call(row: Op[Any], name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    unknown = sorted(kwargs.keys() - row.defaults.keys())
    if unknown:
        raise UnsupportedError(
            f"{name}: {', '.join(unknown)}= is not supported with Tensors; {row.name} takes {list(row.defaults)}"
        )
    return row(*args, **kwargs)


def _into_array(ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Run ``ufunc(..., out=array)``, as in ``a -= t``: refused where it would lose a gradient."""
    if any(_is_tensor(x) and x.requires_grad for x in inputs):
        raise UnsupportedError(
            f"np.{ufunc.__name__}: out= would write a Tensor that requires a gradient into an ndarray and lose the "
            "gradient; use .detach() if that is meant"
        )
    return ufunc(*_plain(inputs), **kwargs)


def _is_tensor(x: Any) -> bool:
    return hasattr(x, "requires_grad")


def _plain(x: Any) -> Any:
    if _is_tensor(x):
        return x.numpy()
    return type(x)(map(_plain, x)) if type(x) in (list, tuple) else x


def _unsupported(name: str) -> UnsupportedError:
    return UnsupportedError(
        f"{name} does not take a Tensor: there is no row in the op table for it. Write it with the ops that are there, "
        "or pass t.numpy() (after t.detach(), if t requires a gradient) to compute without one"
    )

"""Arrays of which only shape and dtype are known: what flows where nothing is computed (see :mod:`.outline`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike

from .errors import NotComputedError

_NOTHING = bytes(16)
"""The memory that all elements of a blank share: large enough for one number."""
_FACTS: frozenset[Callable[..., Any]] = frozenset({np.shape, np.ndim, np.size, np.result_type, np.atleast_1d})
"""Functions that do not read the values."""


class Blank(np.ndarray[Any, Any]):
    """In the place of an array that was not computed: it has a shape and a dtype, takes no memory and cannot be read.

    Views of it (slices, ``reshape``, ``view``) are blanks, too.

    Parameters
    ----------
    shape, dtype
        Of the array.

    Attributes
    ----------
    op
        Name of the op whose result it is; "" if it is none.

    Raises
    ------
    NotComputedError
        When its values are asked for: by ``item()``, ``bool()``, ``tolist()`` or a NumPy function. (Those that work
        element by element give blanks.)
    """

    op: str

    def __new__(cls, shape: tuple[int, ...], dtype: DTypeLike) -> Blank:
        """Make one without memory: all strides are 0."""
        return super().__new__(cls, shape, dtype, _NOTHING, 0, (0,) * len(shape))

    def __array_finalize__(self, origin: Any) -> None:
        """Let a view be of the same op."""
        self.op = getattr(origin, "op", "")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Tell the shape and dtype of what is done element by element; refuse to compute anything else."""
        if method != "__call__" or kwargs or ufunc.signature is not None or ufunc.nout != 1:
            raise not_computed(f"np.{ufunc.__name__}", self)
        shape = np.broadcast_shapes(*map(np.shape, inputs))
        sample = ufunc(*(np.empty(0, x.dtype) if isinstance(x, np.ndarray) else x for x in inputs))
        return Blank(shape, sample.dtype)

    def __array_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: Iterable[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Refuse to compute, but tell facts; in print stands that nothing was computed."""
        if func is np.array2string:
            return f"<{self.shape}, not computed>"
        if func not in _FACTS:
            raise not_computed(f"np.{func.__name__}", self)
        return super().__array_function__(func, types, args, kwargs)


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(self: Blank, *_: Any, **__: Any) -> NoReturn:
        raise not_computed(name.strip("_"), self)

    return refuse


for name in (
    "item", "tolist", "tobytes", "argmax", "argmin", "argsort", "argpartition", "nonzero", "searchsorted", "dot",
    "__bool__", "__int__", "__float__", "__complex__", "__index__", "__contains__", "__setitem__",
):  # fmt: skip
    setattr(Blank, name, _refusing(name))


def not_computed(name: str, blank: Blank) -> NotComputedError:
    """Make the exception for a reader of values that were not computed.

    Parameters
    ----------
    name
        What reads them.
    blank
        What it would read.
    """
    origin = f"the result of {blank.op}" if blank.op else "an array"
    return NotComputedError(
        f"{name}: needs the values of {origin}, shape {blank.shape}, which was not computed, only its shape and dtype "
        "were worked out; let it be computed: compute=True"
    )

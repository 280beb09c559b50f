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
        element by element give blanks.) ``np.asarray`` alone cannot be refused: what it returns means nothing.
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

    def __getitem__(self, index: Any) -> Any:
        """Return a part; of one element too, which NumPy would read."""
        found = super().__getitem__(index)
        return found if isinstance(found, Blank) else self._anew(np.shape(found))

    def __str__(self) -> str:
        """Tell that nothing was computed."""
        return f"<{self.shape}, not computed>"

    def __repr__(self) -> str:
        """Tell the dtype, too."""
        return f"Blank({self}, dtype={self.dtype})"

    def __format__(self, spec: str) -> str:
        """Refuse to write a number."""
        if spec:
            raise not_computed("format", self)
        return str(self)

    def copy(self, order: Any = "C") -> Blank:
        """Return another one, which takes no memory either."""
        return self._anew(self.shape)

    def __copy__(self) -> Blank:
        """Do the same as :meth:`copy`."""
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Blank:
        """Do the same as :meth:`copy`."""
        return self.copy()

    def _anew(self, shape: tuple[int, ...]) -> Blank:
        blank = Blank(shape, self.dtype)
        blank.op = self.op
        return blank

    @property
    def flat(self) -> NoReturn:
        """Refuse to go through the elements."""
        raise not_computed("flat", self)

    def __array_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: Iterable[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Refuse to compute, but tell facts; in print stands that nothing was computed."""
        if func is np.array2string:
            return str(self)
        if func not in _FACTS:
            raise not_computed(f"np.{func.__name__}", self)
        return super().__array_function__(func, types, args, kwargs)


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(self: Blank, *_: Any, **__: Any) -> NoReturn:
        raise not_computed(name.strip("_"), self)

    return refuse


for name in (
    "item", "tolist", "tobytes", "argmax", "argmin", "argsort", "argpartition", "nonzero", "searchsorted", "dot",
    "__bool__", "__int__", "__float__", "__complex__", "__index__", "__contains__", "__setitem__", "__round__",
    "__reduce__", "__reduce_ex__", "fill", "sort", "partition", "tofile", "dump", "dumps",
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

"""Tensor: an array that remembers how it was made, its gradient and its name.

The class is a thin handle: every operator and method is one call into the op table. :func:`apply` runs a row of that
table and records it on the tape.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
from numpy import asarray, ndarray

from . import ops, protocols
from .blank import Blank, not_computed
from .errors import ArgumentError, DtypeError, GraphError, IndexingError, InPlaceError, ShapeError
from .explain import failure
from .ops import Op
from .ops.arithmetic import add, div, floor_divide, mod, mul, neg, pow, sub
from .outline import without_gradient
from .tape import (
    SMALL,
    Edge,
    Hook,
    Hooks,
    Node,
    Outline,
    changes,
    decomposing,
    enable_grad,
    propagate,
    recording,
    run_hooks,
)
from .witness import Witness

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

_is_recording = recording.get
_is_decomposing = decomposing.get

Axis = int | tuple[int, ...] | None


class Tensor:
    """An n-dimensional array of numbers that records what is computed from it.

    Parameters
    ----------
    data
        A number, nested lists, an ndarray (its memory is shared, not copied) or a Tensor. Booleans, integers and
        floating numbers; not complex numbers, strings or objects.
    requires_grad
        Record the ops on this tensor, so that ``backward`` can compute its gradient. Floating dtypes only.
    name
        Shown in pictures and error messages.
    dtype
        As in NumPy; by default that of the data (Python floats: float64).

    Attributes
    ----------
    grad : Tensor or None
        After ``backward``: the gradient, in the shape and dtype of the tensor. Set on leaves (tensors that no op
        made) and after ``retain_grad()``; it accumulates over calls.

    Raises
    ------
    DtypeError
        If the data is not numeric, or a gradient is asked of an integer or Boolean tensor.

    Examples
    --------
    >>> apple = Tensor(100.0, requires_grad=True)
    >>> price = apple * 2 * 1.1
    >>> price.backward()
    >>> apple.grad
    Tensor(2.2)
    """

    _data: ndarray
    grad: Tensor | None

    __slots__ = ("__weakref__", "_data", "_hooks", "_name", "_node", "_requires_grad", "grad")

    def __init__(
        self,
        data: ArrayLike | Tensor,
        requires_grad: bool = False,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        source = data._data if isinstance(data, Tensor) else data
        try:
            array = asarray(source, dtype)
        except (ValueError, TypeError) as error:
            raise DtypeError(f"Tensor: {error}; join Tensors with stack or concatenate") from error
        if array.dtype.kind not in "biuf":
            raise DtypeError(
                f"Tensor: cannot hold dtype {array.dtype}; it holds Booleans, integers and floating numbers"
                + ("" if array.dtype.kind != "O" else " (is a nested list ragged, or an element not a number?)")
            )
        if name is not None and not isinstance(name, str):
            raise DtypeError(f"Tensor: the name must be a string, got {name!r}")
        self._data = array
        self._node: Node | None = None
        self._requires_grad = False
        self._name = name
        self._hooks: Hooks | None = None
        self.grad = None
        if requires_grad:
            self.requires_grad = True

    # ------------------------------------------------------------------------------------------ attributes

    @property
    def data(self) -> ndarray:
        """The values, as the ndarray itself: no copy, nothing recorded.

        Assigning (also ``t.data -= …``) counts as a change in place. Writing into the array itself
        (``t.data[0] = …``) cannot be seen from here: do it only when no backward pass still needs the old values.
        """
        return self._data

    @data.setter
    def data(self, value: ArrayLike | Tensor) -> None:
        array = asarray(value._data if isinstance(value, Tensor) else value)
        if array.dtype.kind not in "biuf":
            raise DtypeError(f"Tensor.data: cannot hold dtype {array.dtype}")
        if self._requires_grad and array.shape != self._data.shape:
            raise ShapeError(f"Tensor.data: {self._label()} has shape {self.shape}, got {array.shape}")
        if self._requires_grad and array.dtype.kind != "f":
            array = array.astype(self._data.dtype)
        changes.mark(self._data, array)  # the new one, too: a picture would take it for what an op has read
        self._data = array

    @property
    def requires_grad(self) -> bool:
        """Whether ops on this tensor are recorded. Can be set on a leaf."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self._node is not None and not value:
            raise GraphError(f"requires_grad: {self._label()} was computed; take t.detach() instead")
        if value and self._data.dtype.kind != "f":
            raise DtypeError(
                f"requires_grad: {self._label()} has dtype {self.dtype}, and only floating numbers have gradients; "
                "write 100.0 for 100, or Tensor(…, dtype=float)"
            )
        self._requires_grad = bool(value)

    @property
    def name(self) -> str | None:
        """The name, for pictures and error messages."""
        return self._name

    @name.setter
    def name(self, value: str | None) -> None:
        self._name = value
        if self._node is not None:
            self._node.annotate().name = value

    @property
    def is_leaf(self) -> bool:
        """True if no recorded op made this tensor."""
        return self._node is None

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return self._data.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._data.size

    @property
    def T(self) -> Tensor:
        """The axes reversed; of a matrix, its transpose."""
        return ops.transpose(self)

    def _label(self) -> str:
        return f"'{self._name}'" if self._name else f"the tensor of shape {self.shape}"

    # ------------------------------------------------------------------------------------------ going backward

    def backward(
        self, gradient: ArrayLike | Tensor | None = None, retain_graph: bool = False, create_graph: bool = False
    ) -> None:
        """Compute the gradients of this tensor with respect to the leaves, and add them to their ``grad``.

        Parameters
        ----------
        gradient
            The gradient of some further quantity with respect to this tensor, in its shape. Needed unless this
            tensor has a single element; then 1.
        retain_graph
            Keep what the ops saved, so that another backward pass can follow. Otherwise it is released.
        create_graph
            Record the backward pass too, so that the gradients can be differentiated again. Implies `retain_graph`.

        Raises
        ------
        GraphError
            If nothing was recorded, or there is more than one element and no `gradient`.
        GraphFreedError
            If an earlier pass released the graph.
        InPlaceError
            If an array that is needed was changed in place since.
        ShapeError
            If `gradient` has another shape.
        """
        for leaf, g in _gradients(self, gradient, retain_graph, create_graph, None).items():
            g = g if isinstance(g, Tensor) else from_node(g, None)
            leaf.grad = g if leaf.grad is None else leaf.grad + g

    def retain_grad(self) -> None:
        """Let ``backward`` set ``grad`` on this tensor although it is no leaf."""
        if not self._requires_grad:
            raise GraphError(f"retain_grad: {self._label()} requires no gradient")
        if self._node is None:
            return
        hooks = self._node.annotate().hooks
        if not any(isinstance(hook, _Keep) for hook in hooks):
            hooks.append(_Keep(self))

    def register_hook(self, hook: Callable[[Tensor], Tensor | ArrayLike | None]) -> Callable[[], None]:
        """Call a function with this tensor's gradient when a backward pass has it.

        Parameters
        ----------
        hook
            Gets the gradient as a Tensor. What it returns, unless None, replaces the gradient.

        Returns
        -------
        callable
            Call it to remove the hook.
        """
        if not self._requires_grad:
            raise GraphError(f"register_hook: {self._label()} requires no gradient")
        if not callable(hook):
            raise DtypeError(f"register_hook: needs a function, got {type(hook).__name__}")

        def run(g: Any) -> Any:
            seen = g if isinstance(g, Tensor) else from_node(g.copy(), None)  # others may hold g
            returned = hook(seen)
            if returned is None:
                return None if seen is g else seen._data  # which the hook may have changed in place
            if np.shape(returned) != self_shape:
                raise ShapeError(f"hook: returned shape {np.shape(returned)} for a gradient of shape {self_shape}")
            replaced = as_tensor(returned)
            replaced = replaced if replaced.dtype == g.dtype else replaced.astype(g.dtype)
            return replaced if isinstance(g, Tensor) else replaced._data

        self_shape = self.shape
        hooks: list[Hook]
        if self._node is None:
            hooks = self._hooks = self._hooks or Hooks()
        else:
            hooks = self._node.annotate().hooks
        hooks.insert(len(hooks) - any(isinstance(known, _Keep) for known in hooks), run)  # what retains it comes last
        return lambda: hooks.remove(run) if run in hooks else None

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    def explain(self, lang: str | None = None, max_steps: int = 50) -> str:
        """Tell how this tensor was computed, and its gradients, step by step: formulas, numbers and rules.

        Every op is a line of the forward table, every gradient that goes back over an edge a line of the backward
        table. Arrays of up to four elements are written out, larger ones as their shapes; inside ``keep_values()`` the
        lines of code are told, too.

        Parameters
        ----------
        lang
            "en" or "ja"; by default the language that is spoken.
        max_steps
            At most this many ops, the last ones computed.

        Returns
        -------
        str
            Two tables and the rules; an interactive session shows it as it is.

        Raises
        ------
        GraphError
            If nothing was recorded for this tensor.
        ArgumentError
            If there is no such language, or `max_steps` is less than 1.

        Examples
        --------
        >>> apple = Tensor(100.0, requires_grad=True, name="apple")
        >>> price = apple * 2
        >>> price.backward()
        >>> price.explain("en")
        Forward, in order of computing
             computation     numbers
          1  v1 = apple × 2  100 × 2 = 200
        <BLANKLINE>
        Backward, from the result (∂L/∂x: how much the final result L grows per unit of x)
             gradient                numbers
             ∂L/∂v1                  1
          1  ∂L/∂apple = ∂L/∂v1 × 2  1 × 2 = 2
        <BLANKLINE>
        Rules
          ×  Multiplies. Each input gets the arriving gradient times the other input: the inputs change places.
        """
        from .viz.story import explain  # pictures are imported where they are used

        return explain(self, lang, max_steps)

    def detach(self) -> Tensor:
        """Return a tensor with the same memory that is not connected to the graph."""
        return from_node(self._data, None)

    def copy(self) -> Tensor:
        """Return a copy; recorded, so gradients flow back through it."""
        return ops.astype(self, self.dtype)

    # ------------------------------------------------------------------------------------------ leaving the tape

    def numpy(self) -> ndarray:
        """Return the values as an ndarray (the memory itself); what is computed from it is not recorded."""
        return self._data

    def item(self) -> float:
        """Return the only element as a Python number."""
        if self._data.size != 1:
            raise ShapeError(f"item: needs exactly one element, {self._label()} has {self.size}")
        return self._data.item()  # type: ignore[no-any-return]

    def tolist(self) -> Any:
        """Return nested lists of Python numbers (a number for shape ())."""
        return self._data.tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise ArgumentError(f"bool: {self._label()} has {self.size} elements; use all() or any()")
        return bool(self._data.item())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iu" or self._data.ndim:
            raise DtypeError(f"index: needs a whole number of shape (), got {self.dtype} of shape {self.shape}")
        return int(self._data)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> ndarray:
        if self._requires_grad:
            raise DtypeError(
                f"{self._label()} requires a gradient, which an ndarray would silently lose; "
                "write t.numpy() or t.detach() to leave the tape"
            )
        if isinstance(self._data, Blank):
            raise not_computed("np.array", self._data)
        return np.array(self._data, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return protocols.array_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return protocols.array_function(function, args, kwargs)

    def __reduce__(self) -> Any:
        if self._node is not None:
            raise GraphError(f"copy, pickle: {self._label()} is part of a graph; take t.detach() first")
        return _restore, (self._data.copy(), self._requires_grad, self._name, self.grad)

    def __repr__(self) -> str:
        values = np.array2string(self._data, separator=", ", prefix="Tensor(", threshold=100)
        notes = [values]
        if not self._data.size:
            notes.append(f"shape={self.shape}")
        if self._data.dtype not in (np.float64, np.int64, np.bool_):
            notes.append(f"dtype={self.dtype}")
        if self._name:
            notes.append(f"name={self._name!r}")
        if self._node is not None:
            notes.append(f"op={self._node.plan.op.name}")
        elif self._requires_grad:
            notes.append("requires_grad=True")
        return f"Tensor({', '.join(notes)})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("len: a tensor of shape () has no length")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise TypeError("iteration: a tensor of shape () cannot be iterated over")
        return (self[i] for i in range(len(self._data)))

    def __contains__(self, value: Any) -> bool:
        if not _is_numeric(value):
            raise DtypeError(f"in: a Tensor holds numbers, got {type(value).__name__}")
        return bool((self == value).any())

    # ------------------------------------------------------------------------------------------ operators

    def __add__(self, other: Any) -> Tensor:
        return apply_binary(add, self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Tensor:
        return apply_binary(sub, self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return apply_binary(sub, other, self)

    def __mul__(self, other: Any) -> Tensor:
        return apply_binary(mul, self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return apply_binary(mul, other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return apply_binary(div, self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return apply_binary(div, other, self)

    def __floordiv__(self, other: Any) -> Tensor:
        return apply_binary(floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return apply_binary(floor_divide, other, self)

    def __mod__(self, other: Any) -> Tensor:
        return apply_binary(mod, self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return apply_binary(mod, other, self)

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return other // self, other % self

    def __pow__(self, other: Any) -> Tensor:
        return apply_binary(pow, self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return apply_binary(pow, other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return apply_binary(ops.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return apply_binary(ops.matmul, other, self)

    def __neg__(self) -> Tensor:
        return neg(self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return ops.abs(self)

    def __round__(self, ndigits: int = 0) -> Tensor:
        return ops.round(self, ndigits)

    def __invert__(self) -> Tensor:
        return ops.invert(self)

    def __and__(self, other: Any) -> Tensor:
        return apply_binary(ops.bitwise_and, self, other)

    __rand__ = __and__

    def __or__(self, other: Any) -> Tensor:
        return apply_binary(ops.bitwise_or, self, other)

    __ror__ = __or__

    def __xor__(self, other: Any) -> Tensor:
        return apply_binary(ops.bitwise_xor, self, other)

    __rxor__ = __xor__

    def __eq__(self, other: object) -> Any:
        return apply_binary(ops.equal, self, other) if _is_numeric(other) else NotImplemented

    def __ne__(self, other: object) -> Any:
        return apply_binary(ops.not_equal, self, other) if _is_numeric(other) else NotImplemented

    __hash__ = object.__hash__

    def __lt__(self, other: Any) -> Tensor:
        return apply_binary(ops.less, self, other)

    def __le__(self, other: Any) -> Tensor:
        return apply_binary(ops.less_equal, self, other)

    def __gt__(self, other: Any) -> Tensor:
        return apply_binary(ops.greater, self, other)

    def __ge__(self, other: Any) -> Tensor:
        return apply_binary(ops.greater_equal, self, other)

    def __getitem__(self, index: Any) -> Tensor:
        return ops.getitem(self, _plain_index(index))

    # ------------------------------------------------------------------------------------------ in place

    def __iadd__(self, other: Any) -> Tensor:
        return self._in_place(add, np.add, other)

    def __isub__(self, other: Any) -> Tensor:
        return self._in_place(sub, np.subtract, other)

    def __imul__(self, other: Any) -> Tensor:
        return self._in_place(mul, np.multiply, other)

    def __itruediv__(self, other: Any) -> Tensor:
        return self._in_place(div, np.divide, other)

    def __ifloordiv__(self, other: Any) -> Tensor:
        return self._in_place(floor_divide, np.floor_divide, other)

    def __imod__(self, other: Any) -> Tensor:
        return self._in_place(mod, np.remainder, other)

    def __ipow__(self, other: Any) -> Tensor:
        return self._in_place(pow, np.power, other)

    def _in_place(self, op: Op[Any], ufunc: np.ufunc, other: Any) -> Tensor:
        """Change the memory if nothing is being recorded; else a new tensor takes the name, as for any Python object.

        So ``loss += term`` is recorded and ``w -= lr * w.grad`` inside ``no_grad()`` updates the leaf itself.
        """
        if _is_recording() and (self._requires_grad or getattr(other, "requires_grad", False)):
            self._refuse_leaf(op.name)
            return apply_binary(op, self, other)
        b = other._data if isinstance(other, Tensor) else operand(other)
        try:
            ufunc(self._data, b, self._data)
        except (ValueError, TypeError, OverflowError) as error:
            raise failure(op, (self._data, b), {}, error) from error
        except BaseException:  # ``np.errstate(all="raise")``: NumPy complains of what it has written already
            changes.mark(self._data)
            raise
        changes.mark(self._data)
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        """Assign to elements, in place; not recorded, so not on a tensor that takes part in a gradient."""
        if _is_recording():
            self._refuse_leaf("setitem")
            if self._node is not None or getattr(value, "requires_grad", False):
                raise InPlaceError(
                    "setitem: an assignment to elements is not recorded; build the tensor with where, concatenate or "
                    "stack, or assign inside no_grad()"
                )
        place = _plain_index(index, "setitem")
        changes.mark(self._data)
        try:
            self._data[place] = value._data if isinstance(value, Tensor) else operand(value)
        except IndexError as error:
            raise IndexingError(f"setitem: {error} (the tensor has shape {self.shape})") from error
        except (ValueError, OverflowError) as error:
            of_values = isinstance(error, OverflowError) or re.search("read-only|cannot convert", str(error))
            kind = ArgumentError if of_values else ShapeError
            raise kind(f"setitem: {error} (the tensor has shape {self.shape}, dtype {self.dtype})") from error
        except TypeError as error:
            raise DtypeError(f"setitem: {error}") from error

    def _refuse_leaf(self, op: str) -> None:
        if self._requires_grad and self._node is None:
            raise InPlaceError(
                f"{op}: {self._label()} is a leaf that requires a gradient and cannot be changed in place while "
                "recording; do updates inside 'with no_grad():', or write x = x + y for a new tensor"
            )

    # ------------------------------------------------------------------------------------------ methods

    def astype(self, dtype: DTypeLike) -> Tensor:
        """Copy in another dtype; see ``ops.astype``."""
        return ops.astype(self, np.dtype(dtype))

    def reshape(self, *shape: Any) -> Tensor:
        """Same elements in another shape, given as numbers or one tuple; see ``ops.reshape``."""
        return ops.reshape(self, _one_or_all(shape))

    def ravel(self) -> Tensor:
        """Flatten to one axis."""
        return ops.ravel(self)

    flatten = ravel

    def transpose(self, *axes: Any) -> Tensor:
        """Permute the axes, given as numbers or one tuple; without, reverse them."""
        return ops.transpose(self, _one_or_all(axes) if axes else None)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """Exchange two axes."""
        return ops.swapaxes(self, axis1, axis2)

    def expand_dims(self, axis: int | Sequence[int]) -> Tensor:
        """Insert axes of length 1; see ``ops.expand_dims``."""
        return ops.expand_dims(self, axis)

    def squeeze(self, axis: Axis = None) -> Tensor:
        """Remove axes of length 1; see ``ops.squeeze``."""
        return ops.squeeze(self, axis)

    def broadcast_to(self, shape: Sequence[int]) -> Tensor:
        """Repeat to a larger shape; see ``ops.broadcast_to``."""
        return ops.broadcast_to(self, shape)

    def split(self, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
        """Cut along an axis; see ``ops.split``."""
        return ops.split(self, indices_or_sections, axis)  # type: ignore[return-value]

    def repeat(self, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
        """Repeat each element; see ``ops.repeat``."""
        return ops.repeat(self, repeats, axis)

    def take(self, indices: Any, axis: int | None = None) -> Tensor:
        """Take elements by their indices; see ``ops.take``."""
        return ops.take(self, indices, axis)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Sum; see ``ops.sum``."""
        return ops.sum(self, axis, keepdims=keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Arithmetic mean; see ``ops.mean``."""
        return ops.mean(self, axis, keepdims=keepdims)

    def var(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        """Variance; see ``ops.var``."""
        return ops.var(self, axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        """Standard deviation; see ``ops.std``."""
        return ops.std(self, axis, ddof=ddof, keepdims=keepdims)

    def prod(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Product; see ``ops.prod``."""
        return ops.prod(self, axis, keepdims=keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Largest element; see ``ops.max``."""
        return ops.max(self, axis, keepdims=keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Smallest element; see ``ops.min``."""
        return ops.min(self, axis, keepdims=keepdims)

    def argmax(self, axis: int | None = None) -> Tensor:
        """Index of the largest element; see ``ops.argmax``."""
        return ops.argmax(self, axis)

    def argmin(self, axis: int | None = None) -> Tensor:
        """Index of the smallest element; see ``ops.argmin``."""
        return ops.argmin(self, axis)

    def all(self, axis: Axis = None) -> Tensor:
        """Whether all elements are true."""
        return ops.all(self, axis)

    def any(self, axis: Axis = None) -> Tensor:
        """Whether at least one element is true."""
        return ops.any(self, axis)

    def cumsum(self, axis: int | None = None) -> Tensor:
        """Running sum; see ``ops.cumsum``."""
        return ops.cumsum(self, axis)

    def norm(self, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Tensor:
        """Vector norm; see ``ops.norm``."""
        return ops.norm(self, axis, keepdims=keepdims, ord=ord)

    def logsumexp(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Logarithm of the sum of exponentials; see ``ops.logsumexp``."""
        return ops.logsumexp(self, axis, keepdims=keepdims)

    def softmax(self, axis: int = -1) -> Tensor:
        """Softmax; see ``ops.softmax``."""
        return ops.softmax(self, axis)

    def log_softmax(self, axis: int = -1) -> Tensor:
        """Logarithm of the softmax; see ``ops.log_softmax``."""
        return ops.log_softmax(self, axis)

    def dot(self, other: Any) -> Tensor:
        """Dot product; see ``ops.dot``."""
        return apply_binary(ops.dot, self, other)

    def clip(self, a_min: Any = None, a_max: Any = None) -> Tensor:
        """Limit to an interval; see ``ops.clip``."""
        return ops.clip(self, a_min, a_max)

    def round(self, decimals: int = 0) -> Tensor:
        """Round; see ``ops.round``."""
        return ops.round(self, decimals)

    def abs(self) -> Tensor:
        """Absolute value."""
        return ops.abs(self)

    def exp(self) -> Tensor:
        """Exponential."""
        return ops.exp(self)

    def log(self) -> Tensor:
        """Natural logarithm."""
        return ops.log(self)

    def sqrt(self) -> Tensor:
        """Square root."""
        return ops.sqrt(self)

    def square(self) -> Tensor:
        """Square."""
        return ops.square(self)

    def sin(self) -> Tensor:
        """Sine."""
        return ops.sin(self)

    def cos(self) -> Tensor:
        """Cosine."""
        return ops.cos(self)

    def tanh(self) -> Tensor:
        """Hyperbolic tangent."""
        return ops.tanh(self)

    def sigmoid(self) -> Tensor:
        """Logistic sigmoid."""
        return ops.sigmoid(self)

    def relu(self) -> Tensor:
        """Rectified linear unit."""
        return ops.relu(self)


def _restore(data: ndarray, requires_grad: bool, name: str | None, grad: Tensor | None) -> Tensor:
    """Make the leaf that was copied or pickled."""
    tensor = Tensor(data, requires_grad, name)
    tensor.grad = grad
    return tensor


_new = Tensor.__new__


def from_node(array: ndarray, node: Node | None) -> Tensor:
    """Make a Tensor without checks: the result of an op, or a constant."""
    tensor = _new(Tensor)
    tensor._data = array
    tensor._node = node
    tensor._requires_grad = node is not None
    tensor._name = tensor._hooks = tensor.grad = None
    return tensor


class _Keep:
    """The hook of ``retain_grad``: adds a result's gradient to its ``grad``, without keeping the result alive."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = weakref.ref(tensor)

    def __call__(self, g: Any) -> None:
        tensor = self.tensor()
        if tensor is not None:
            kept = g.copy() if isinstance(g, Tensor) else from_node(np.array(g), None)
            tensor.grad = kept if tensor.grad is None else tensor.grad + kept


def _one_or_all(numbers: tuple[Any, ...]) -> Any:
    """Read ``f(2, 3)`` and ``f((2, 3))`` alike."""
    return numbers[0] if len(numbers) == 1 and not isinstance(numbers[0], SupportsIndex) else numbers


def _plain_index(index: Any, op: str = "getitem") -> Any:
    """Replace Tensors in an index by their arrays."""
    if isinstance(index, tuple):
        return tuple(_plain_index(i, op) for i in index)
    if isinstance(index, Tensor):
        return index._data
    if not isinstance(index, list):
        return index
    try:
        return asarray(index, None if index else np.intp)
    except ValueError as error:
        raise IndexingError(f"{op}: {error}") from error


def _is_numeric(x: object) -> bool:
    if isinstance(x, Tensor | ndarray | bool | int | float):
        return True
    return isinstance(x, np.generic | list | tuple) and asarray(x).dtype.kind in "biuf"


def as_tensor(x: Any) -> Tensor:
    """Return `x` itself if it is a Tensor, else a Tensor of it."""
    return x if isinstance(x, Tensor) else Tensor(x)


def operand(x: Any) -> Any:
    """Take a number or array as an op's input; Python numbers stay weak (float32 × 2.0 is float32)."""
    if isinstance(x, bool | int | float):
        return x
    array = x if isinstance(x, np.generic) else asarray(x)
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"needs numbers (Boolean, integer or floating), got {type(x).__name__} of dtype {array.dtype}")
    return array


def _operand_of(op: Op[Any], x: Any) -> Any:
    try:
        return operand(x)
    except (DtypeError, ValueError) as error:
        raise DtypeError(f"{op.name}: {error}") from None


# ---------------------------------------------------------------------------------------------- running rows


def apply(op: Op[Any], inputs: Sequence[Any], attrs: dict[str, Any]) -> Tensor:
    """Run a row of the op table on Tensors, arrays and numbers; record it if an input requires a gradient."""
    if op.decomposition is not None and _is_decomposing():
        return as_tensor(op.decomposition(*map(as_tensor, inputs), **attrs))
    arrays = []
    mask = 0
    for i, x in enumerate(inputs):
        if isinstance(x, Tensor):
            arrays.append(x._data)
            mask |= x._requires_grad << i
        else:
            arrays.append(_operand_of(op, x))
    given = (tuple(arrays),) if op.variadic else arrays
    witness = _is_recording()
    shown = None if witness is True or not isinstance(witness, Witness) else witness
    kept: Sequence[ndarray] = ()
    try:
        out = op.run(*given, **attrs) if shown is None else shown.run(op, arrays, attrs)
        if op.keeps:
            out, *kept = out
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise failure(op, arrays, attrs, error) from error
    if type(out) is not ndarray:
        out = _result(op, out, computed=shown is None or not shown.outlines)
    node = None
    if mask and op.vjps and witness and out.dtype.kind == "f":
        plan = op.plans.get(mask) or op.plan(mask)
        known = (*given, out, *attrs.values())
        if kept:
            known += tuple(kept)
        if plan.needs_shapes:
            shapes = tuple(map(np.shape, arrays))
            known += (shapes,) if op.variadic else shapes
        node = Node(plan, (*map(_edge, inputs), *plan.save(known)), out)
        if shown is not None and shown.outlines:
            _forget_values(node, inputs, out)
    if shown is not None:
        shown.saw(op, inputs, arrays, attrs, out, node)
    return from_node(out, node)


def apply_binary(op: Op[Any], x: Any, y: Any) -> Tensor:
    """Do what :func:`apply` does, for the operators: two inputs, no static arguments, no decomposition.

    Written out because it is the hot path: in a chain of small multiplications its lines are the cost.
    """
    a: Any
    b: Any
    if isinstance(x, Tensor):
        a = x._data
        mask: int = x._requires_grad
    else:
        a = x if type(x) is float else _operand_of(op, x)
        mask = 0
    if isinstance(y, Tensor):
        b = y._data
        if y._requires_grad:
            mask += 2
    else:
        b = y if type(y) is float else _operand_of(op, y)
    witness = _is_recording()
    if witness is not True and isinstance(witness, Witness):
        return apply(op, (x, y), {})
    try:
        out = op.forward(a, b)
    except (ValueError, TypeError, OverflowError) as error:
        raise failure(op, (a, b), {}, error) from error
    if type(out) is not ndarray:
        out = _result(op, out, computed=True)
    node = None
    if mask and op.vjps and witness:
        try:
            plan = op.plans[mask]
        except KeyError:
            plan = op.plan(mask)
        known = (a, b, out, np.shape(a), np.shape(b)) if plan.needs_shapes else (a, b, out)
        edges = ((x._node or x) if mask & 1 else _edge(x), (y._node or y) if mask & 2 else _edge(y))
        node = Node(plan, edges + plan.save(known), out)
    return from_node(out, node)


def _result(op: Op[Any], out: Any, computed: bool) -> ndarray:
    """Take a scalar that a forward returned as an array of shape (); refuse what is neither, nor an expected blank."""
    if isinstance(out, Blank):
        if computed:  # such as from a Tensor that a module made and kept while it was drawn
            raise not_computed(op.name, out)
        return out
    if not isinstance(out, np.generic | bool | int | float):
        raise DtypeError(f"{op.name}: its forward must return one array of numbers, got {type(out).__name__}")
    return asarray(out)


def _forget_values(node: Node, inputs: Sequence[Any], out: ndarray) -> None:
    """Let a node whose result was not computed show no values and give no gradient."""
    node.plan = without_gradient(node.plan)
    node._data = Outline(out.shape, out.dtype)
    pairs = zip(inputs, node.edges, strict=True)
    edges = [Outline(x.shape, x.dtype) if isinstance(x, Blank) else edge for x, edge in pairs]
    node.record = (*edges, *node.saved)


def _edge(x: Any) -> Edge:
    """Tell where an input came from; a large constant is not kept alive for that."""
    if isinstance(x, Tensor):
        if x._requires_grad:
            return x._node or x
        return x if x._data.size <= SMALL else Outline(x._data.shape, x._data.dtype, x._name)
    if isinstance(x, bool | int | float):
        return x
    array = asarray(x)
    if array.size > SMALL:
        return Outline(array.shape, array.dtype)
    return array if isinstance(x, np.generic) else array.copy()  # no version counter sees when the user changes it


def compose(op: Op[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a composite row on Tensors: the ops it combines get recorded."""
    if op.variadic and args:
        args = ([as_tensor(x) for x in args[0]], *args[1:])
    else:
        at = op.operands
        args = (*args[: at.start], *map(as_tensor, args[at]), *args[len(args) if at.stop is None else at.stop :])
    try:
        result = op.forward(*args, **kwargs)
    except (ValueError, TypeError, IndexError) as error:
        raise failure(op, [a._data for a in args if isinstance(a, Tensor)], kwargs, error) from error
    return result if isinstance(result, list) else as_tensor(result)


Op.apply = staticmethod(apply)
Op.compose = staticmethod(compose)


# ---------------------------------------------------------------------------------------------- gradients


def _seed(y: Tensor, gradient: ArrayLike | Tensor | None, create_graph: bool) -> Any:
    """Return the gradient to start from: the given one, checked, or 1."""
    if gradient is None:
        if y.size != 1:
            raise GraphError(
                f"backward: {y._label()} has {y.size} elements, and only a single number has a gradient by itself; "
                "reduce it first (y.sum().backward()) or pass gradient= in its shape"
            )
        one = np.array(1, y.dtype).reshape(y.shape)  # a third of the time of np.ones
        return from_node(one, None) if create_graph else one
    g = as_tensor(gradient)
    if g.shape != y.shape:
        raise ShapeError(f"backward: gradient has shape {g.shape}, but {y._label()} has shape {y.shape}")
    if g.dtype != y.dtype:
        g = g.astype(y.dtype)
    return g if create_graph else g._data


def _gradients(
    y: Tensor,
    gradient: ArrayLike | Tensor | None,
    retain_graph: bool,
    create_graph: bool,
    targets: set[Any] | None,
) -> dict[Any, Any]:
    if not y._requires_grad:
        raise GraphError(
            f"backward: nothing was recorded for {y._label()}: make a tensor it depends on with requires_grad=True, "
            "outside no_grad()"
        )
    g = _seed(y, gradient, create_graph)
    if y._node is None:
        return {y: run_hooks(y._hooks or (), g).copy()}
    if not create_graph:
        return propagate(y._node, g, retain_graph=retain_graph, targets=targets)
    with enable_grad():
        return propagate(y._node, g, retain_graph=True, wrap=from_node, targets=targets)


def grad(
    y: Tensor,
    xs: Tensor | Sequence[Tensor],
    gradient: ArrayLike | Tensor | None = None,
    retain_graph: bool = False,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> Any:
    """Return the gradients of `y` with respect to `xs`, without touching any ``grad``.

    Only the paths from `y` to `xs` are walked.

    Parameters
    ----------
    y
        The result; a single number unless `gradient` is given.
    xs
        A Tensor, leaf or intermediate, or a sequence of them.
    gradient, retain_graph, create_graph
        As in ``Tensor.backward``.
    allow_unused
        Return None for a tensor that `y` does not depend on, instead of raising.

    Returns
    -------
    Tensor or tuple of Tensor
        One gradient for each of `xs`, in its shape and dtype.

    Raises
    ------
    GraphError
        If `y` does not depend on one of `xs`, and for what ``Tensor.backward`` raises.
    """
    if not isinstance(y, Tensor):
        raise DtypeError(f"grad: y must be a Tensor, got {type(y).__name__}")
    single = isinstance(xs, Tensor)
    wanted = [xs] if isinstance(xs, Tensor) else list(xs)
    keys = [x._node or x for x in wanted]
    found = _gradients(y, gradient, retain_graph, create_graph, set(keys))
    results = []
    for x, key in zip(wanted, keys, strict=True):
        if key not in found and not allow_unused:
            raise GraphError(
                f"grad: {y._label()} does not depend on {x._label()}"
                + ("" if x._requires_grad else ", which has requires_grad=False")
                + "; pass allow_unused=True to get None for it"
            )
        g = found.get(key)
        results.append(g if g is None or isinstance(g, Tensor) else from_node(g, None))
    return results[0] if single else tuple(results)

"""Recurrent layers: RNN, LSTM and GRU.

All take x of shape (N, T, D), N sequences of T steps of D features, and return the outputs of all steps, shape
(N, T, H), and the last state of every layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..errors import ShapeError
from ..tensor import Tensor, as_tensor
from . import init as initial
from .activation import look_up
from .containers import ModuleList
from .module import Module, Parameter, check_counts

State = tuple[Tensor, ...]
"""What a layer remembers: (h,), or (h, c) in an LSTM; each of shape (N, H)."""

FEW = 8
"""So many steps are taken out of a sequence one by one."""


def _steps(x: Tensor) -> list[Tensor]:
    """Take a sequence (N, T, D) apart into its steps, by halves.

    The gradient of a part is an array as large as the whole; by halves that costs T log T, not T².
    """
    n = x.shape[1]
    if n <= FEW:
        return [x[:, t] for t in range(n)]
    halves = (x[:, half] for half in (slice(None, n // 2), slice(n // 2, None)))
    return [step for half in halves for step in _steps(half)]


class RecurrentLayer(Module):
    """One layer of a recurrent network; a subclass says what one step does.

    Attributes
    ----------
    weight
        W, shape (D, kH): one block of H columns for each of the layer's k gates, in the order of its docstring.
    recurrent_weight
        U, shape (H, kH).
    bias
        b, shape (kH,).
    """

    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1

    def __init__(self, features: int, hidden: int, dtype: DTypeLike) -> None:
        self.hidden = hidden
        width = self.gates * hidden
        self.weight = self._drawn((features, width), "W", dtype)
        self.recurrent_weight = self._drawn((hidden, width), "U", dtype)
        self.bias = self._drawn((width,), "b", dtype)

    def _drawn(self, shape: tuple[int, ...], name: str, dtype: DTypeLike) -> Parameter:
        limit = 1 / math.sqrt(self.hidden)
        return Parameter(initial.uniform(shape, -limit, limit), name, dtype)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Run over all steps of x, shape (N, T, D); W x + b is computed for all of them at once."""
        outputs = []
        for projected in _steps(ops.affine(x, self.weight, self.bias)):
            state = self.step(projected, state)
            outputs.append(state[0])
        return ops.stack(outputs, axis=1), state

    def step(self, projected: Tensor, state: State) -> State:
        """Return the next state from W x + b, shape (N, kH), and the state before."""
        raise NotImplementedError


class Recurrent(Module):
    """What RNN, LSTM and GRU share: layers one above the other, and states to start from.

    Attributes
    ----------
    layers
        ModuleList; each layer has ``weight``, ``recurrent_weight`` and ``bias``.
    """

    layer: ClassVar[type[RecurrentLayer]]

    def __init__(self, features: int, hidden: int, layers: int = 1, dtype: DTypeLike = np.float32) -> None:
        check_counts(type(self).__name__, features=features, hidden=hidden, layers=layers)
        self.features = features
        self.hidden = hidden
        self.layers = ModuleList(self.layer(hidden if i else features, hidden, dtype) for i in range(layers))

    def forward(self, x: Any, state: Any = None) -> tuple[Tensor, Any]:
        """Run over sequences.

        Parameters
        ----------
        x
            Shape (N, T, D) with at least one step.
        state
            To start from, as returned; by default all 0.

        Returns
        -------
        output : Tensor
            The h of the last layer at every step, shape (N, T, H).
        state : Tensor, or (Tensor, Tensor)
            After the last step: h, shape (layers, N, H); of an LSTM (h, c).

        Raises
        ------
        ShapeError
            If x or the state has another shape.
        """
        x = as_tensor(x)
        if x.ndim != 3 or x.shape[2] != self.features or not x.shape[1]:
            raise ShapeError(
                f"{type(self).__name__}: needs x of shape (N, T, {self.features}) with T ≥ 1, got {x.shape}"
            )
        last = []
        for layer, before in zip(self.layers, self._start(x, state), strict=True):
            x, after = layer(x, before)
            last.append(after)
        parts = tuple(ops.stack(part) for part in zip(*last, strict=True))
        return x, parts if self.layer.states > 1 else parts[0]

    def _start(self, x: Tensor, state: Any) -> list[State]:
        """Give every layer its part of the state."""
        shape = (len(self.layers), x.shape[0], self.hidden)
        if state is None:
            dtype = np.result_type(x.dtype, next(self.parameters()).dtype)
            given: Sequence[Tensor] = [Tensor(np.zeros(shape, dtype))] * self.layer.states
        else:
            several = isinstance(state, tuple) or (self.layer.states > 1 and isinstance(state, list))
            given = [as_tensor(part) for part in (state if several else [state])]
        if len(given) != self.layer.states or any(part.shape != shape for part in given):
            what = "a tuple (h, c) of 2 arrays" if self.layer.states > 1 else "one array"
            raise ShapeError(
                f"{type(self).__name__}: the state must be {what} of shape {shape} (layers, N, H), got "
                f"{len(given)} of shape {', '.join(str(part.shape) for part in given)}"
            )
        return [tuple(part[i] for part in given) for i in range(len(self.layers))]

    def extra_repr(self) -> str:
        """Features, units and layers."""
        return f"{self.features}, {self.hidden}{f', layers={len(self.layers)}' if len(self.layers) > 1 else ''}"


class TanhLayer(RecurrentLayer):
    """h ← tanh(W x + b + U h) (J. L. Elman, 1990)."""

    def step(self, projected: Tensor, state: State) -> State:
        """Return the next (h,)."""
        return (ops.tanh(projected + ops.dot(state[0], self.recurrent_weight)),)


class ReLULayer(RecurrentLayer):
    """h ← relu(W x + b + U h) (Q. V. Le et al., 2015)."""

    def step(self, projected: Tensor, state: State) -> State:
        """Return the next (h,)."""
        return (ops.relu(projected + ops.dot(state[0], self.recurrent_weight)),)


class LSTMLayer(RecurrentLayer):
    """Blocks i, f, g, o of W x + b + U h; c ← σ(f) c + σ(i) tanh(g), h ← σ(o) tanh(c)."""

    gates = 4
    states = 2

    def step(self, projected: Tensor, state: State) -> State:
        """Return the next (h, c)."""
        h, c = state
        i, f, g, o = ops.split(projected + ops.dot(h, self.recurrent_weight), 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        return ops.sigmoid(o) * ops.tanh(c), c


class GRULayer(RecurrentLayer):
    """Blocks r, z, n of W x + b and of U h + b′; n ← tanh(n + σ(r) n′), h ← (1 − σ(z)) n + σ(z) h.

    Attributes
    ----------
    recurrent_bias
        b′, shape (3H,).
    """

    gates = 3

    def __init__(self, features: int, hidden: int, dtype: DTypeLike) -> None:
        super().__init__(features, hidden, dtype)
        self.recurrent_bias = self._drawn((3 * hidden,), "b′", dtype)

    def step(self, projected: Tensor, state: State) -> State:
        """Return the next (h,)."""
        (h,) = state
        from_input = ops.split(projected, [2 * self.hidden], axis=-1)
        from_state = ops.split(ops.affine(h, self.recurrent_weight, self.recurrent_bias), [2 * self.hidden], axis=-1)
        r, z = ops.split(ops.sigmoid(from_input[0] + from_state[0]), 2, axis=-1)
        n = ops.tanh(from_input[1] + r * from_state[1])
        return (n + z * (h - n),)


class RNN(Recurrent):
    """Recurrent layer, h ← tanh(W x + b + U h) (J. L. Elman, 1990).

    Parameters
    ----------
    features
        D, the length of x at one step.
    hidden
        H, the number of units.
    layers
        How many, each on the outputs of the one before.
    activation
        ``"tanh"`` or ``"relu"``.
    dtype
        Of the parameters, which are drawn from U(−1/√H, 1/√H).
    """

    def __init__(
        self, features: int, hidden: int, layers: int = 1, activation: str = "tanh", dtype: DTypeLike = np.float32
    ) -> None:
        self.layer = look_up("RNN", {"tanh": TanhLayer, "relu": ReLULayer}, activation)  # type: ignore[misc]
        super().__init__(features, hidden, layers, dtype)


class LSTM(Recurrent):
    """Long short-term memory (S. Hochreiter, J. Schmidhuber, 1997) with forget gate (F. A. Gers et al., 2000).

    With the blocks i, f, g, o of W x + b + U h: c ← σ(f) c + σ(i) tanh(g) and h ← σ(o) tanh(c).

    Parameters
    ----------
    features
        D, the length of x at one step.
    hidden
        H, the number of units.
    layers
        How many, each on the outputs of the one before.
    dtype
        Of the parameters, which are drawn from U(−1/√H, 1/√H).
    """

    layer = LSTMLayer


class GRU(Recurrent):
    """Gated recurrent unit (K. Cho et al., 2014), with PyTorch's reset gate.

    With the blocks r, z, n of W x + b, and r′, z′, n′ of U h + b′: n ← tanh(n + σ(r + r′) n′) and
    h ← (1 − σ(z + z′)) n + σ(z + z′) h. (The paper multiplies h by the reset gate before U, PyTorch after.)

    Parameters
    ----------
    features
        D, the length of x at one step.
    hidden
        H, the number of units.
    layers
        How many, each on the outputs of the one before.
    dtype
        Of the parameters, which are drawn from U(−1/√H, 1/√H).
    """

    layer = GRULayer

"""Networks of the book, ready to use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .. import ops
from ..derivatives import numerical_gradient
from ..errors import ArgumentError
from ..tape import no_grad
from ..tensor import Tensor, as_tensor, grad
from . import activation as activations
from . import init as initial
from .containers import Sequential
from .dropout import Dropout
from .linear import Linear
from .module import Module, Parameter
from .normalization import BatchNorm1d


class MLP(Module):
    """Fully connected network: Linear, [BatchNorm1d], activation, [Dropout] for each hidden layer, then Linear.

    Parameters
    ----------
    sizes
        Features of the input, units of each hidden layer, outputs: ``(784, 100, 10)``.
    activation
        Name of an activation layer: ``"relu"``, ``"sigmoid"``, …
    init
        Initial weights of the hidden layers, as in ``Linear``; by default He for relu and its relatives, else Xavier
        (the book, section 6.2). Those of the last layer, which no activation follows, are always Xavier's.
    batch_norm
        Whether the hidden layers normalize batches before the activation (section 6.3).
    dropout
        Probability with which a hidden unit is dropped in training (section 6.4.3).
    dtype
        Of the parameters.

    Attributes
    ----------
    layers
        Sequential.

    Examples
    --------
    >>> MLP((784, 100, 100, 10), activation="relu", batch_norm=True)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str = "relu",
        init: str | float | initial.Init | None = None,
        batch_norm: bool = False,
        dropout: float = 0.0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if len(sizes) < 2:
            raise ArgumentError(f"MLP: needs the numbers of inputs and outputs at least, got sizes {tuple(sizes)}")
        activate = activations.by_name(activation)
        weights = initial.for_activation(activation) if init is None else init
        layers: list[Module] = []
        for inputs, outputs in pairwise(sizes[:-1]):
            layers.append(Linear(inputs, outputs, init=weights, dtype=dtype))
            if batch_norm:
                layers.append(BatchNorm1d(outputs, dtype=dtype))
            layers.append(activate())
            if dropout:
                layers.append(Dropout(dropout))
        layers.append(Linear(sizes[-2], sizes[-1], init="xavier", dtype=dtype))
        self.layers = Sequential(layers)

    def forward(self, x: Tensor) -> Any:
        """Map x of shape (N, sizes[0]) to scores of shape (N, sizes[-1])."""
        return self.layers(x)


MultiLayerNet = MLP
"""The book's name (chapter 6). Its arguments map so: ``MultiLayerNet(784, [100, 100], 10)`` is
``MLP((784, 100, 100, 10))``, ``weight_init_std=0.01`` is ``init=0.01``; weight decay is the optimizer's."""


class TwoLayerNet(Module):
    """The book's network of two layers (sections 4.5.1 and 5.7.2): affine, relu, affine, softmax with loss.

    Parameters
    ----------
    input_size
        D, features of the input.
    hidden_size
        H, units of the hidden layer.
    output_size
        M, classes.
    weight_init_std
        Standard deviation of the initial weights.
    dtype
        Of the parameters.

    Attributes
    ----------
    W1, b1, W2, b2
        Parameters of shape (D, H), (H,), (H, M), (M,).

    Examples
    --------
    A step as in section 5.7.4:

    >>> grad = network.gradient(x_batch, t_batch)
    >>> with no_grad():
    ...     for key in ("W1", "b1", "W2", "b2"):
    ...         network.params[key] -= learning_rate * grad[key]
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        weight_init_std: float = 0.01,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.W1 = Parameter(initial.normal((input_size, hidden_size), weight_init_std), "W1", dtype)
        self.b1 = Parameter(np.zeros(hidden_size), "b1", dtype)
        self.W2 = Parameter(initial.normal((hidden_size, output_size), weight_init_std), "W2", dtype)
        self.b2 = Parameter(np.zeros(output_size), "b2", dtype)

    @property
    def params(self) -> dict[str, Parameter]:
        """The parameters by name, as the book keeps them."""
        return dict(self.named_parameters())

    def predict(self, x: ArrayLike | Tensor) -> Tensor:
        """Return the scores, before softmax: shape (N, D) to (N, M)."""
        return ops.affine(ops.relu(ops.affine(x, self.W1, self.b1)), self.W2, self.b2)

    def forward(self, x: ArrayLike | Tensor) -> Tensor:
        """Return the scores."""
        return self.predict(x)

    def loss(self, x: ArrayLike | Tensor, t: ArrayLike | Tensor) -> Tensor:
        """Return the mean cross entropy; t holds labels of shape (N,), or one-hot rows."""
        return ops.softmax_cross_entropy(self.predict(x), t)

    def accuracy(self, x: ArrayLike | Tensor, t: ArrayLike | Tensor) -> float:
        """Return the share of examples whose highest score is that of their class."""
        with no_grad():
            best = self.predict(x).numpy().argmax(axis=-1)
        labels = as_tensor(t).numpy()
        return float(np.mean(best == (labels if labels.ndim == best.ndim else labels.argmax(axis=-1))))

    def gradient(self, x: ArrayLike | Tensor, t: ArrayLike | Tensor) -> dict[str, np.ndarray]:
        """Return the loss's gradients by name, by backpropagation; no ``grad`` is touched."""
        params = self.params
        return dict(zip(params, (g.numpy() for g in grad(self.loss(x, t), list(params.values()))), strict=True))

    def numerical_gradient(self, x: ArrayLike | Tensor, t: ArrayLike | Tensor) -> dict[str, np.ndarray]:
        """Return the loss's gradients by name, by central differences: slow, to check :meth:`gradient` with."""
        return {name: numerical_gradient(self._loss_at(p, x, t), p) for name, p in self.params.items()}

    def _loss_at(
        self, parameter: Parameter, x: ArrayLike | Tensor, t: ArrayLike | Tensor
    ) -> Callable[[np.ndarray], float]:
        """Make the function of one parameter's values that the loss is."""

        def loss(values: np.ndarray) -> float:
            kept = parameter.data
            try:
                parameter.data = values
                with no_grad():
                    return float(self.loss(x, t))
            finally:
                parameter.data = kept

        return loss

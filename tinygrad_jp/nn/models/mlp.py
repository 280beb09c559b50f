"""Fully connected networks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ...errors import ArgumentError
from ...tensor import Tensor
from .. import activation as activations
from .. import init as initial
from ..containers import Sequential
from ..dropout import Dropout
from ..linear import Linear
from ..module import Module
from ..normalization import BatchNorm1d


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

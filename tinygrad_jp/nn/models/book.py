"""The book's networks: of two layers (chapters 4 and 5), and convolutional (chapters 7 and 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ... import ops
from ...derivatives import numerical_gradient
from ...errors import DataError
from ...kernels.geometry import output_size
from ...tape import no_grad
from ...tensor import Tensor, as_tensor, grad
from .. import init as initial
from ..activation import ReLU
from ..containers import Sequential
from ..conv import Conv2d
from ..dropout import Dropout
from ..linear import Flatten, Linear
from ..modes import in_use
from ..module import Module, Parameter, _misfits
from ..pooling import MaxPool2d
from .images import check_images, convolution


class BookNetwork(Module):
    """What the book's networks can do: predict, tell loss, accuracy and gradients, take over parameters.

    A subclass writes ``forward``, which returns scores.

    Examples
    --------
    A step as in section 5.7.4:

    >>> grad = network.gradient(x_batch, t_batch)
    >>> with no_grad():
    ...     for key in network.params:
    ...         network.params[key] -= learning_rate * grad[key]
    """

    @property
    def params(self) -> dict[str, Parameter]:
        """The parameters under the book's names: W1 and b1 of the first layer that has any, W2, b2 and so on."""
        layers = [module for module in self.modules() if isinstance(module, Linear | Conv2d)]
        named = {f"W{i}": layer.weight for i, layer in enumerate(layers, 1)}
        return named | {f"b{i}": layer.bias for i, layer in enumerate(layers, 1) if layer.bias is not None}

    def predict(self, x: ArrayLike | Tensor) -> Tensor:
        """Return the scores, before softmax, as in use: without dropout."""
        with in_use(self):
            scores: Tensor = self(x)
        return scores

    def loss(self, x: ArrayLike | Tensor, t: ArrayLike | Tensor) -> Tensor:
        """Return the mean cross entropy; t holds labels of shape (N,), or one-hot rows."""
        return ops.softmax_cross_entropy(self(x), t)

    def accuracy(self, x: ArrayLike | Tensor, t: ArrayLike | Tensor, batch_size: int = 100) -> float:
        """Return the share of examples whose highest score is that of their class."""
        examples, targets = as_tensor(x).numpy(), as_tensor(t).numpy()
        labels = targets if targets.ndim == 1 else targets.argmax(axis=-1)
        with no_grad():
            parts = [
                self.predict(examples[start : start + batch_size]).numpy().argmax(axis=-1)
                for start in range(0, len(examples), batch_size)
            ]
        return float(np.mean(np.concatenate(parts) == labels))

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


def load_book_parameters(network: BookNetwork, params: Mapping[str, ArrayLike]) -> None:
    """Take over the values of one of the book's parameter files, into the dtypes that the network has.

    Parameters
    ----------
    network
        Of the same sizes.
    params
        Arrays by the book's names, W1, b1, W2, …, as ``tinygrad_jp.io.load_book_pickle`` reads them.

    Raises
    ------
    DataError
        If a name is missing or unknown, or a shape differs: all problems at once, and nothing was changed.

    Examples
    --------
    >>> load_book_parameters(DeepConvNet(), load_book_pickle("deep_convnet_params.pkl"))
    """
    own = network.params
    values = {name: np.asarray(array) for name, array in params.items()}
    problems = _misfits(values, {name: (p.shape, p.dtype) for name, p in own.items()}, strict=True)
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise DataError(f"load_book_parameters: these are not the parameters of this {type(network).__name__}:{listed}")
    for name, parameter in own.items():
        parameter.data = values[name].astype(parameter.dtype)


class TwoLayerNet(BookNetwork):
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

    def forward(self, x: ArrayLike | Tensor) -> Tensor:
        """Map x of shape (N, D) to scores of shape (N, M)."""
        return ops.affine(ops.relu(ops.affine(x, self.W1, self.b1)), self.W2, self.b2)


class SimpleConvNet(BookNetwork):
    """The book's first convolutional network: conv – relu – pool – affine – relu – affine (section 7.5).

    The book's ``conv_param={"filter_num": 30, "filter_size": 5, "pad": 0, "stride": 1}, hidden_size=100`` is
    ``filters=30, size=5, padding=0, stride=1, hidden=100`` here, its ``weight_init_std=0.01`` is ``init=0.01``.

    Parameters
    ----------
    input_shape
        (channels, height, width) of an image.
    classes
        How many.
    filters
        Their number.
    size, stride, padding
        Those of the filters.
    hidden
        Units of the hidden affine layer.
    init
        Initial weights, as in ``Linear``.

    Attributes
    ----------
    layers
        Sequential.
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (1, 28, 28),
        classes: int = 10,
        filters: int = 30,
        size: int = 5,
        stride: int = 1,
        padding: int = 0,
        hidden: int = 100,
        init: str | float | initial.Init = 0.01,
    ) -> None:
        channels, *sides = check_images("SimpleConvNet", input_shape)
        height, width = (output_size(output_size(side, size, stride, padding), 2, 2, 0) for side in sides)
        self.layers = Sequential(
            Conv2d(channels, filters, size, stride, padding, init=init),
            ReLU(),
            MaxPool2d(2),
            Flatten(),
            Linear(filters * height * width, hidden, init=init),
            ReLU(),
            Linear(hidden, classes, init=init),
        )

    def forward(self, x: ArrayLike | Tensor) -> Tensor:
        """Map images (N, *input_shape) to scores (N, classes)."""
        scores: Tensor = self.layers(as_tensor(x))
        return scores


class DeepConvNet(BookNetwork):
    """The book's deep convolutional network (section 8.1 and figure 8-1), with He's initial values.

    Three times two convolutions of 3 × 3 with relu and a pool, of 16, 32 and 64 channels; affine – relu – dropout –
    affine – dropout. As in the book, dropout scales in use and not in training, and is applied to the scores, too; the
    fourth convolution pads by 2, so that the pools divide MNIST's 28 × 28 without remainder.

    Parameters
    ----------
    input_shape
        (channels, height, width) of an image.
    classes
        How many.
    hidden
        Units of the hidden affine layer.
    dropout
        Probability with which a unit is dropped in training.

    Attributes
    ----------
    layers
        Sequential.
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (1, 28, 28),
        classes: int = 10,
        hidden: int = 50,
        dropout: float = 0.5,
    ) -> None:
        channels, *sides = check_images("DeepConvNet", input_shape, 4)
        height, width = ((side // 2 + 2) // 2 // 2 for side in sides)
        convolutions: list[Module] = []
        for outputs, paddings in ((16, (1, 1)), (32, (1, 2)), (64, (1, 1))):
            for padding in paddings:
                convolutions += convolution(channels, outputs, 3, padding=padding)
                channels = outputs
            convolutions.append(MaxPool2d(2))
        self.layers = Sequential(
            *convolutions,
            Flatten(),
            Linear(channels * height * width, hidden),
            ReLU(),
            Dropout(dropout, inverted=False),
            Linear(hidden, classes),
            Dropout(dropout, inverted=False),
        )

    def forward(self, x: ArrayLike | Tensor) -> Tensor:
        """Map images (N, *input_shape) to scores (N, classes)."""
        scores: Tensor = self.layers(as_tensor(x))
        return scores

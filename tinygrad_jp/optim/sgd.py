"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import DtypeError
from ..tape import no_grad
from ..tensor import Tensor


class SGD:
    """Stochastic gradient descent, W ← W − η ∂L/∂W (the book, equation 6.1).

    Parameters
    ----------
    parameters
        Leaf Tensors that require a gradient; they are changed in place.
    lr
        Learning rate η, positive.

    Raises
    ------
    ValueError
        If there is no parameter, or `lr` is not positive.
    DtypeError
        If a parameter requires no gradient.

    Examples
    --------
    >>> optimizer = SGD([w, b], lr=0.1)
    >>> loss.backward()
    >>> optimizer.step()
    >>> optimizer.zero_grad()
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float = 0.01) -> None:
        self.parameters = list(parameters)
        self.lr = lr
        if not self.parameters:
            raise ValueError("SGD: got no parameters")
        if not lr > 0:
            raise ValueError(f"SGD: the learning rate must be positive, got {lr}")
        for i, parameter in enumerate(self.parameters):
            if not (isinstance(parameter, Tensor) and parameter.requires_grad and parameter.is_leaf):
                raise DtypeError(f"SGD: parameter {i} is no leaf Tensor with requires_grad=True: {parameter!r}")

    def step(self) -> None:
        """Move every parameter that has a gradient one step."""
        with no_grad():
            for parameter in self.parameters:
                if parameter.grad is not None:
                    parameter -= self.lr * parameter.grad

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

"""What flows forward through a network (chapter 3): activations, three layers, softmax.

- Section 3.2: step function, sigmoid and relu, and on the same sheet all other activations of the library, drawn with
  their derivatives (which the tape computes).
- Section 3.4: the forward pass of a network with three layers and the weights that the book gives it.
- Section 3.5: softmax, which overflows if written as its formula, and does not if the largest score is subtracted.

Run: python examples/book03_forward.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from _common import compare, parser

from tinygrad_jp import (
    Tensor,
    elu,
    gelu,
    identity,
    leaky_relu,
    prelu,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    step,
    tanh,
)
from tinygrad_jp.viz import plots

NETWORK = {
    "W1": np.array([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]),
    "b1": np.array([0.1, 0.2, 0.3]),
    "W2": np.array([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]]),
    "b2": np.array([0.1, 0.2]),
    "W3": np.array([[0.1, 0.3], [0.2, 0.4]]),
    "b3": np.array([0.1, 0.2]),
}

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "step (figure 3-6)": step,
    "sigmoid (figure 3-7)": sigmoid,
    "relu (figure 3-9)": relu,
    "identity (section 3.5)": identity,
    "tanh": tanh,
    "softplus": softplus,
    "leaky relu, slope 0.1": lambda x: leaky_relu(x, 0.1),
    "prelu, weight 0.25": lambda x: prelu(x, 0.25),
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "silu": silu,
}


def forward(x: Tensor) -> Tensor:
    a1 = x.dot(NETWORK["W1"]) + NETWORK["b1"]
    z1 = sigmoid(a1)
    a2 = z1.dot(NETWORK["W2"]) + NETWORK["b2"]
    z2 = sigmoid(a2)
    y = z2.dot(NETWORK["W3"]) + NETWORK["b3"]  # the output layer's activation is the identity
    compare("first layer, before the activation", a1.numpy(), "[0.3 0.7 1.1]")
    compare("first layer, after the sigmoid", z1.numpy(), "[0.57444252 0.66818777 0.75026011]")
    return y


def softmax_as_written(a: np.ndarray) -> np.ndarray:
    """Equation 3.10, which overflows for large scores."""
    with np.errstate(all="ignore"):
        return np.exp(a) / np.sum(np.exp(a))


def main(out: Path) -> None:
    y = forward(Tensor([1.0, 0.5]))
    compare("output of the three layers", y.numpy(), "[0.31682708 0.69627909]")

    scores = np.array([0.3, 2.9, 4.0])
    compare(f"softmax of {scores}", softmax(scores).numpy(), "[0.01821127 0.24519181 0.73659691]")
    large = np.array([1010.0, 1000.0, 990.0])
    compare(f"softmax of {large}, as written", softmax_as_written(large), "[nan nan nan]")
    compare(f"softmax of {large}", softmax(large).numpy(), "[9.99954600e-01 4.53978686e-05 2.06106005e-09]")
    print("figure:", plots.activation_sheet(ACTIVATIONS, out / "book03_activations.png"))


if __name__ == "__main__":
    main(parser(__doc__).parse_args().out)

"""Programs with loops. Golden files tell the lines of this file."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_jp as tj
from tinygrad_jp import Tensor, grad, keep_values, nn


def variable(value: Any, name: str | None = None) -> Tensor:
    return Tensor(np.asarray(value, float), requires_grad=True, name=name)


def newton(times: int = 6) -> Tensor:
    """Iterate y ← (y + a/y) / 2, which tends to √a."""
    a, y = variable(2.0, "a"), variable(1.0, "y")
    with keep_values():
        for _ in range(times):
            y = (y + a / y) / 2
    y.name = "root"
    return y


def descent(times: int = 4) -> Tensor:
    """Walk down x³ by the gradient, which is recorded, too."""
    x = variable(3.0, "x")
    with keep_values():
        for _ in range(times):
            x = x - 0.1 * grad(x * x * x, x, create_graph=True)
    return x


class Doubled(nn.Module):
    """A layer in a loop, with operations between its runs."""

    def __init__(self) -> None:
        self.fc = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(4):
            x = 2 * (self.fc(x) + 1)
        return x


class Cell(nn.Module):
    """One step of an LSTM."""

    def __init__(self, features: int, hidden: int) -> None:
        self.input, self.state = nn.Linear(features, 4 * hidden), nn.Linear(hidden, 4 * hidden)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        i, f, g, o = tj.split(self.input(x) + self.state(h), 4, axis=1)
        c = tj.sigmoid(f) * c + tj.sigmoid(i) * tj.tanh(g)
        return tj.sigmoid(o) * tj.tanh(c), c


class Looped(nn.Module):
    """A cell that runs at every step."""

    def __init__(self) -> None:
        self.cell, self.out = Cell(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = c = Tensor(np.zeros((len(x), 4), np.float32))
        for t in range(x.shape[1]):
            h, c = self.cell(x[:, t], h, c)
        return self.out(h)

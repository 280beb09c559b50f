"""Training steps of the book's fully connected networks, written with the layers and optimizers of either library."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import THREADS

Step = Callable[[], object]
BATCH = 100


@dataclass(frozen=True)
class Network:
    """A network and how it is trained.

    Attributes
    ----------
    name
        For the table.
    sizes
        Numbers of units, from the inputs to the classes.
    optimizer
        ``"SGD"`` or ``"Adam"``.
    target
        What the ratio of our step's time to PyTorch's may be at most, with NumPy alone.
    """

    name: str
    sizes: tuple[int, ...]
    optimizer: str
    target: float


NETWORKS = (
    Network("784-50-10, SGD", (784, 50, 10), "SGD", 0.45),
    Network("784-100×5-10, Adam", (784, *[100] * 5, 10), "Adam", 0.60),
)


def _batch(network: Network) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.random((BATCH, network.sizes[0]), dtype=np.float32)
    return x, rng.integers(0, network.sizes[-1], BATCH)


def ours(network: Network) -> Step:
    """Write the step as the Trainer runs it."""
    import tinygrad_jp as tj
    from tinygrad_jp import nn, optim
    from tinygrad_jp.train import Trainer

    tj.seed(0)
    x, t = _batch(network)
    model = nn.MLP(network.sizes)
    trainer = Trainer(model, tj.softmax_cross_entropy, getattr(optim, network.optimizer)(model.parameters(), lr=1e-3))

    def step() -> None:
        trainer.step(x, t)
        trainer.update()

    return step


def pytorch(network: Network) -> Step:
    """Write the step as PyTorch's tutorials do."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    x, t = map(torch.from_numpy, _batch(network))
    layers: list[nn.Module] = []
    for n, m in zip(network.sizes, network.sizes[1:], strict=False):
        layers += [nn.Linear(n, m), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer = getattr(torch.optim, network.optimizer)(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(model(x), t).backward()
        optimizer.step()

    return step


def adam_steps(shapes: list[tuple[int, ...]]) -> dict[str, Step]:
    """Make Adam's step over parameters of these shapes: ours, and PyTorch's two fast ones."""
    import torch

    from tinygrad_jp import Tensor, nn, optim

    torch.set_num_threads(THREADS)
    rng = np.random.default_rng(0)
    ours = [nn.Parameter(rng.normal(size=shape)) for shape in shapes]
    for p in ours:
        p.grad = Tensor(rng.random(p.shape, dtype=np.float32))
    steps: dict[str, Step] = {"ours": optim.Adam(ours).step}
    for kind in ("foreach", "fused"):
        theirs = [torch.from_numpy(p.numpy().copy()).requires_grad_() for p in ours]
        for p, q in zip(ours, theirs, strict=True):
            q.grad = torch.from_numpy(p.grad.numpy().copy())
        steps[kind] = torch.optim.Adam(theirs, **{kind: True}).step
    return steps


def peak_memory(library: str, network: Network, steps: int = 200) -> float:
    """Return the peak memory of this process in MiB after so many steps: to be called in a fresh process."""
    step = {"ours": ours, "pytorch": pytorch}[library](network)
    for _ in range(steps):
        step()
    status = Path("/proc/self/status")
    if status.exists():  # Linux: there ru_maxrss of a new program still counts the one that started it
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    print(peak_memory(sys.argv[1], NETWORKS[int(sys.argv[2])]))

"""Training steps of the book's networks, written with the layers and optimizers of either library."""

from __future__ import annotations

import itertools
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from . import THREADS

Step = Callable[[], object]
BATCH = 100
CLASSES = 10


@dataclass(frozen=True)
class Network:
    """A network and how it is trained.

    Attributes
    ----------
    name
        For the table.
    ours, theirs
        Make the model: with tinygrad_jp's layers, with PyTorch's.
    example
        Shape of one example.
    optimizer
        ``"SGD"`` or ``"Adam"``.
    target, fast_target
        What the ratio of our step's time to PyTorch's may be at most: with NumPy alone, with compiled kernels.
    batch
        Examples in a step.
    """

    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    example: tuple[int, ...]
    optimizer: str
    target: float
    fast_target: float
    batch: int = BATCH

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Return random examples and labels."""
        rng = np.random.default_rng(0)
        return rng.random((self.batch, *self.example), dtype=np.float32), rng.integers(0, CLASSES, self.batch)


def our_mlp(*sizes: int) -> Any:
    """Make a fully connected network with relu between the layers."""
    from tinygrad_jp import nn

    return nn.MLP(sizes)


def their_mlp(*sizes: int) -> Any:
    """Make the same with PyTorch."""
    from torch import nn

    layers: list[nn.Module] = []
    for n, m in itertools.pairwise(sizes):
        layers += [nn.Linear(n, m), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def our_simple_conv_net(shape: tuple[int, int, int] = (1, 28, 28), filters: int = 30) -> Any:
    """Make the book's SimpleConvNet."""
    from tinygrad_jp.nn.models import SimpleConvNet

    return SimpleConvNet(shape, filters=filters)


def their_simple_conv_net(shape: tuple[int, int, int] = (1, 28, 28), filters: int = 30) -> Any:
    """Make the same with PyTorch."""
    from torch import nn

    height, width = ((side - 4) // 2 for side in shape[1:])
    return nn.Sequential(
        *(nn.Conv2d(shape[0], filters, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(filters * height * width, 100), nn.ReLU(), nn.Linear(100, CLASSES)),
    )


def our_deep_conv_net(shape: tuple[int, int, int] = (1, 28, 28)) -> Any:
    """Make the book's DeepConvNet."""
    from tinygrad_jp.nn.models import DeepConvNet

    return DeepConvNet(shape)


def their_deep_conv_net(shape: tuple[int, int, int] = (1, 28, 28)) -> Any:
    """Make the same with PyTorch."""
    from torch import nn

    layers: list[nn.Module] = []
    channels = shape[0]
    for outputs, paddings in ((16, (1, 1)), (32, (1, 2)), (64, (1, 1))):
        for padding in paddings:
            layers += [nn.Conv2d(channels, outputs, 3, padding=padding), nn.ReLU()]
            channels = outputs
        layers.append(nn.MaxPool2d(2))
    height, width = ((side // 2 + 2) // 2 // 2 for side in shape[1:])
    head = [nn.Linear(channels * height * width, 50), nn.ReLU(), nn.Dropout(), nn.Linear(50, CLASSES), nn.Dropout()]
    return nn.Sequential(*layers, nn.Flatten(), *head)


NETWORKS = (
    Network(
        "784-50-10, SGD", partial(our_mlp, 784, 50, 10), partial(their_mlp, 784, 50, 10), (784,), "SGD", 0.45, 0.35
    ),
    Network(
        "784-100×5-10, Adam",
        partial(our_mlp, 784, *[100] * 5, 10),
        partial(their_mlp, 784, *[100] * 5, 10),
        (784,),
        "Adam",
        0.60,
        0.40,
    ),
    Network("SimpleConvNet, Adam", our_simple_conv_net, their_simple_conv_net, (1, 28, 28), "Adam", 0.50, 0.30),
    Network("DeepConvNet, Adam", our_deep_conv_net, their_deep_conv_net, (1, 28, 28), "Adam", 0.85, 0.40),
)
CLIFF = 1.5
"""What no other shape may exceed."""


def _shapes() -> list[Network]:
    """List networks of other batch sizes, image sizes and odd numbers of channels."""
    nets = []
    for name, ours, theirs in (
        ("SimpleConvNet", our_simple_conv_net, their_simple_conv_net),
        ("DeepConvNet", our_deep_conv_net, their_deep_conv_net),
    ):
        for batch in (1, 10, 1000):
            label = f"{name}, batch {batch}"
            nets.append(Network(label, ours, theirs, (1, 28, 28), "Adam", CLIFF, CLIFF, batch))
        odd = (3, 29, 31)
        label = f"{name}, images 3 × 29 × 31"
        nets.append(Network(label, partial(ours, odd), partial(theirs, odd), odd, "Adam", CLIFF, CLIFF))
    for filters in (7, 17, 33):
        made = [partial(make, filters=filters) for make in (our_simple_conv_net, their_simple_conv_net)]
        nets.append(Network(f"SimpleConvNet, {filters} filters", *made, (1, 28, 28), "Adam", CLIFF, CLIFF))
    return nets


SHAPES = tuple(_shapes())


def ours(network: Network) -> Step:
    """Write the step as the Trainer runs it."""
    import tinygrad_jp as tj
    from tinygrad_jp import optim
    from tinygrad_jp.train import Trainer

    tj.seed(0)
    x, t = network.data()
    model = network.ours()
    trainer = Trainer(model, tj.softmax_cross_entropy, getattr(optim, network.optimizer)(model.parameters(), lr=1e-3))

    def step() -> None:
        trainer.step(x, t)
        trainer.update()

    return step


def pytorch(network: Network) -> Step:
    """Write the step as PyTorch's tutorials do."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    x, t = map(torch.from_numpy, network.data())
    model = network.theirs()
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


def peak_memory(library: str, network: Network, steps: int) -> float:
    """Return the peak memory of this process in MiB after so many steps: to be called in a fresh process."""
    step = {"ours": ours, "pytorch": pytorch}[library](network)
    for _ in range(steps):
        step()
    status = Path("/proc/self/status")
    if status.exists():  # Linux: there ru_maxrss of a new program still counts the one that started it
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def modes() -> dict[str, str]:
    """List how our step is run: name for the table, and value of the environment variable that switches it on."""
    from importlib.util import find_spec

    wanted = os.environ.get("TINYGRAD_JP_FAST", "1") != "0"
    return {"NumPy": "0"} | ({"[fast]": "1"} if wanted and find_spec("numba") is not None else {})


if __name__ == "__main__":
    print(peak_memory(sys.argv[1], NETWORKS[int(sys.argv[2])], int(sys.argv[3])))

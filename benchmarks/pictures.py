"""From a network and a sample input to a finished picture in a file: ours, and the tools that draw PyTorch's networks.

Each tool is called as its users would call it, with its own choice of what is drawn; what is not installed is left out.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from . import THREADS
from .networks import our_deep_conv_net, our_simple_conv_net, their_deep_conv_net, their_simple_conv_net
from .timing import Run, alternate

Draw = Callable[[Any, Any, Path], None]
MIB = 2**20
HTML = {"torchvista"}
"""These write a page that is laid out when a browser opens it, and no SVG."""
UNDECLARED = {"torchview": ["torch"], "torchvista": ["torch"]}
"""What distributions need and leave to their users to install."""


def our_resnet50() -> Any:
    """Make ResNet-50."""
    from tinygrad_jp.nn.models import ResNet

    return ResNet(50)


def their_resnet50() -> Any:
    """Make the same with PyTorch (K. He et al., 2015, table 1)."""
    from torch import nn

    def convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs)]

    class Bottleneck(nn.Module):
        def __init__(self, inputs: int, width: int, stride: int) -> None:
            super().__init__()
            reduced = [*convolution(inputs, width, 1), nn.ReLU(), *convolution(width, width, 3, stride), nn.ReLU()]
            self.body = nn.Sequential(*reduced, *convolution(width, 4 * width, 1))
            same = stride == 1 and inputs == 4 * width
            self.shortcut = nn.Identity() if same else nn.Sequential(*convolution(inputs, 4 * width, 1, stride))
            self.relu = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.relu(self.body(x) + self.shortcut(x))

    layers = [*convolution(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        blocks = [Bottleneck(inputs, width, stride), *(Bottleneck(4 * width, width, 1) for _ in range(count - 1))]
        layers.append(nn.Sequential(*blocks))
        inputs = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1000))


@dataclass(frozen=True)
class Network:
    """A network to be drawn.

    Attributes
    ----------
    name
        For the table.
    ours, theirs
        Make it: with tinygrad_jp's layers, with PyTorch's.
    shape
        Of the sample input.
    rounds
        So many at most: some tools take seconds.
    """

    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    shape: tuple[int, ...]
    rounds: int


NETWORKS = (
    Network("SimpleConvNet", our_simple_conv_net, their_simple_conv_net, (1, 1, 28, 28), 11),
    Network("DeepConvNet", our_deep_conv_net, their_deep_conv_net, (1, 1, 28, 28), 11),
    Network("ResNet-50", our_resnet50, their_resnet50, (1, 3, 224, 224), 5),
)


def ours(depth: str, of_shape: bool = False) -> Draw:
    """Draw with viz.graph, with a layer as a box or with every operation; of an array, or of its shape alone."""
    from tinygrad_jp import viz

    def draw(net: Any, x: Any, path: Path) -> None:
        viz.graph(net, x.shape if of_shape else x, depth=depth).save(path)

    return draw


OURS: dict[str, Callable[[], Draw]] = {
    "layers": partial(ours, "layers"),
    "layers, of a shape": partial(ours, "layers", of_shape=True),
    "ops": partial(ours, "ops"),
    "ops, of a shape": partial(ours, "ops", of_shape=True),
}


def torchviz() -> Draw:
    """Draw the graph of the backward pass."""
    from torchviz import make_dot

    def draw(net: Any, x: Any, path: Path) -> None:
        make_dot(net(x), params=dict(net.named_parameters())).render(path.with_suffix(""), format="svg")

    return draw


def torchview() -> Draw:
    """Draw modules with their shapes."""
    from torchview import draw_graph

    def draw(net: Any, x: Any, path: Path) -> None:
        draw_graph(net, input_data=x).visual_graph.render(path.with_suffix(""), format="svg")

    return draw


def torchlens() -> Draw:
    """Record every operation, and draw them."""
    import torchlens

    def draw(net: Any, x: Any, path: Path) -> None:
        trace = torchlens.trace(net, x)
        trace.draw(vis_outpath=str(path.with_suffix("")), vis_fileformat="svg", vis_save_only=True)

    return draw


def torchvista() -> Draw:
    """Write a page that draws the modules when it is opened."""
    from torchvista import trace_model

    def draw(net: Any, x: Any, path: Path) -> None:
        with redirect_stdout(io.StringIO()):  # where it also prints what a notebook would show
            trace_model(net, x, export_path=str(path.with_suffix(".html")))

    return draw


RIVALS: dict[str, Callable[[], Draw]] = {
    "torchviz": torchviz,
    "torchview": torchview,
    "torchlens": torchlens,
    "torchvista": torchvista,
}


def installed() -> tuple[dict[str, Draw], list[str]]:
    """Load the rivals that are installed, and name those that are not."""
    found: dict[str, Draw] = {}
    missing = []
    for name, load in RIVALS.items():
        try:
            found[name] = load()
        except ImportError:
            missing.append(name)
    return found, missing


@contextmanager
def without_programs() -> Iterator[None]:
    """Let no program be found, so that only the Graphviz in the wheel is there."""
    path = os.environ["PATH"]
    os.environ["PATH"] = ""
    try:
        yield
    finally:
        os.environ["PATH"] = path


def _by_the_wheel(run: Run) -> None:
    with without_programs():
        run()


def seconds(network: Network, rivals: dict[str, Draw], rounds: int, at_least: float) -> dict[str, list[float]]:
    """Time all tools in turn on one network, in use.

    Returns
    -------
    dict
        By the tool; ours are those of ``OURS``, and the same where no ``dot`` program is found, ", wheel".
    """
    x = np.zeros(network.shape, np.float32)
    net = network.ours().eval()
    with TemporaryDirectory() as folder:
        runs: dict[str, Run] = {}
        for name, draw in OURS.items():
            run = partial(draw(), net, x, Path(folder) / f"ours, {name}.svg")
            runs[name] = run
            runs[f"{name}, wheel"] = partial(_by_the_wheel, run)
        if rivals:
            import torch

            torch.set_num_threads(THREADS)
            theirs, sample = network.theirs().eval(), torch.zeros(network.shape)
            counts = [sum(p.size for p in net.parameters()), sum(p.numel() for p in theirs.parameters())]
            assert counts[0] == counts[1], f"{network.name}: the networks have {counts} parameters"
            runs |= {name: partial(draw, theirs, sample, Path(folder) / f"{name}.svg") for name, draw in rivals.items()}
        times = alternate(runs, rounds=min(rounds, network.rounds), at_least=at_least)
        for name in rivals:
            assert (Path(folder) / f"{name}.{'html' if name in HTML else 'svg'}").exists(), f"{name} wrote nothing"
    return times


def requirements(distribution: str) -> set[str]:
    """Name a distribution and all that it needs, without extras."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    waiting = [distribution]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        found.add(name)
        needed = map(Requirement, metadata.requires(name) or ())
        waiting += UNDECLARED.get(name, [])
        waiting += [need.name for need in needed if need.marker is None or need.marker.evaluate({"extra": ""})]
    return found


def installed_size(distribution: str) -> float:
    """Sum the files of a distribution and of all that it needs, in MiB; compiled modules do not count."""
    return sum(map(_size, requirements(distribution))) / MIB


def _size(name: str) -> int:
    if name == "tinygrad-jp":  # may be installed as a link to this folder
        import tinygrad_jp

        files = list(Path(tinygrad_jp.__file__).parent.rglob("*"))
    else:
        files = [Path(str(file.locate())) for file in metadata.files(name) or ()]
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")


def version(name: str) -> str:
    """Return a tool's name and version."""
    return f"{name} {metadata.version(name)}"

"""Write docs/networks.md and docs/images/networks/*.svg from nn.models. Run: python docs/make_network_pictures.py."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_jp import viz
from tinygrad_jp.nn.models import BY_NAME, MLP, TwoLayerNet
from tinygrad_jp.nn.module import Module

PAGE = Path(__file__).with_name("networks.md")
PICTURES = Path(__file__).parent / "images" / "networks"
HEAD = """# The networks

What is in `tinygrad_jp.nn.models`, in the sizes of the book and the papers; written by
`python docs/make_network_pictures.py` with `viz.graph`. Click on a picture to enlarge it.

How to read a picture: a box is a module, with its class and options (of a convolution: channels in, channels out, size
of the filters), its name and the number of its parameters. Yellow ones have modules inside, blue ones parameters of
their own, grey ones neither. A frame is a module that was opened, a circle an operation. Blocks in a row that compute
the same are drawn once, "×3". On the arrows stand the shapes: (examples, channels, height, width). A tall picture goes
on at the top of the next column, where the same number stands in a circle.

`depth=`, `expand=` and `collapse=` choose what is opened, by the names in the boxes. A model of your own is drawn in
the same way; with `viz.watch` also with the gradients.
"""
NETWORKS: dict[str, Callable[..., Module]] = {
    "two_layer_net": partial(TwoLayerNet, 784, 50, 10),
    "mlp": partial(MLP, (784, 100, 100, 100, 100, 10), batch_norm=True),
    **BY_NAME,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "alexnet": {"depth": 2},
    "googlenet": {"depth": 2, "expand": "inceptions.1"},
    "resnet18": {"depth": 2, "expand": "stages.2"},
    "resnet34": {"depth": 2},
    "resnet50": {"depth": 2, "expand": ("stages.0", "stages.0.body")},
    **{name: {"depth": 3} for name in ("vgg11", "vgg16", "vgg19")},
}
"""What is opened in the pictures of the larger ones."""


def sample_shape(make: Callable[..., Module]) -> tuple[int, ...]:
    """Return the shape of a batch of one usual example."""
    image = inspect.signature(make).parameters.get("input_shape")
    return (1, *image.default) if image else (1, 784)


def call(name: str) -> str:
    """Return the line that draws a network."""
    options = "".join(f", {option}={value!r}" for option, value in OPTIONS.get(name, {}).items())
    return f"viz.graph(net, x{options})"


def describe(name: str) -> tuple[str, str]:
    """Draw a network; return its row of the table and its section."""
    make = NETWORKS[name]
    net = make().eval()
    shape = sample_shape(make)
    x = np.zeros(shape, np.float32)
    picture = viz.graph(net, x, **OPTIONS.get(name, {}))
    picture.save(PICTURES / f"{name}.svg")
    layer = type(net).__name__
    count = sum(parameter.size for parameter in net.parameters())
    summary = (type(net).__doc__ or "").splitlines()[0]
    shapes = f"{written(shape[1:])} | {written(net(x).shape[1:])}"
    row = f"| [`{name}`](#{name}) | `{layer}` | {count:,} | {shapes} |"
    section = (
        f"## {name}\n\n{summary}\n\n![{layer} as a graph of modules](images/networks/{name}.svg)\n\n`{call(name)}`\n"
    )
    return row, section


def written(shape: Iterable[int]) -> str:
    return " × ".join(map(str, shape))


def page() -> str:
    rows, sections = zip(*map(describe, NETWORKS), strict=True)
    head = ["| network | class | parameters | input | output |", "|---|---|---:|---|---|"]
    return "\n".join([HEAD, *head, *rows, "", *sections])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)

"""What initial values do to the activations, layer by layer (section 6.2, figures 6-10 to 6-14).

1,000 random inputs flow through five layers of 100 units, before any learning. Good initial values keep the
activations spread: with all of them at the edges of the sigmoid gradients vanish, with all of them alike many units
say no more than one.

Run: python examples/book06_initial_activations.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from _common import compare, parser

from tinygrad_jp import Tensor, no_grad, relu, seed, sigmoid
from tinygrad_jp.nn import Linear
from tinygrad_jp.viz import plots

CASES: dict[str, tuple[Callable[..., Tensor], str | float, str]] = {
    "sigmoid, std = 1": (sigmoid, 1.0, "crowded at 0 and 1 (figure 6-10)"),
    "sigmoid, std = 0.01": (sigmoid, 0.01, "crowded at 0.5 (figure 6-11)"),
    "sigmoid, Xavier": (sigmoid, "xavier", "wide (figure 6-13)"),
    "relu, std = 0.01": (relu, 0.01, "all very small (figure 6-14)"),
    "relu, Xavier": (relu, "xavier", "smaller from layer to layer (figure 6-14)"),
    "relu, He": (relu, "he", "alike in all layers (figure 6-14)"),
}


def activations(activation: Callable[..., Tensor], init: str | float) -> list[np.ndarray]:
    """Return what leaves each of the five layers, shape (1000, 100) each."""
    seed(0)
    z = Tensor(np.random.default_rng(1).normal(size=(1000, 100)), dtype=np.float32)
    layers = []
    with no_grad():
        for _ in range(5):
            z = activation(Linear(100, 100, init=init)(z))
            layers.append(z.numpy())
    return layers


def draw(name: str, layers: list[np.ndarray], out: Path) -> None:
    path = out / f"book06_activations_{name.replace(', ', '_').replace(' = ', '')}.png"
    panels = {f"layer {k}": z for k, z in enumerate(layers, start=1)}
    # half of relu's activations are 0: their bar goes on above the panel, as in the book
    ylim = (0, 7000) if name.startswith("relu") else None
    print("figure:", plots.activation_histograms(panels, path, range=(0, 1), ylim=ylim, title=name))


def main(out: Path) -> None:
    found = {}
    for name, (activation, init, book) in CASES.items():
        layers = found[name] = activations(activation, init)
        compare(f"{name}: means", " ".join(f"{z.mean():.2g}" for z in layers), book)
        compare(f"{name}: standard deviations", " ".join(f"{z.std():.2g}" for z in layers))

    edges = np.mean([(z < 0.1) | (z > 0.9) for z in found["sigmoid, std = 1"]])
    compare("sigmoid, std = 1: share beyond 0.1 and 0.9", f"{edges:.2f}", "most")
    last = {name: layers[-1].std() for name, layers in found.items()}
    sigmoids = last["sigmoid, std = 0.01"] < last["sigmoid, Xavier"] < last["sigmoid, std = 1"]
    compare("spread of sigmoid: 0.01 < Xavier < 1", "yes" if sigmoids else "no", "yes")
    relus = last["relu, std = 0.01"] < last["relu, Xavier"] < last["relu, He"]
    compare("spread of relu: 0.01 < Xavier < He", "yes" if relus else "no", "yes")
    for name, layers in found.items():
        draw(name, layers, out)


if __name__ == "__main__":
    main(parser(__doc__).parse_args().out)

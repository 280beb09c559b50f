"""Half precision (section 8.3.4): a trained network recognises as many digits with 16 bits a number as with 64.

The parameters of a trained network and the images are turned into float64, float32 and float16, in which then all
layers compute; accuracy on the test images, the scores and the memory are compared. The book's script does this with
DeepConvNet and finds the same accuracy; the book concludes that 16 bits are enough to recognise images.

--checkpoint names a file that book08_deep_conv_net.py wrote. Without it a SimpleConvNet is trained for 2 epochs; that
run goes to ``--out``, ``--resume`` goes on with it.
--quick trains on the images that ship with the package, and tests 500 of them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _common import compare, fit, images, new_figure, parser, save

import tinygrad_jp
from tinygrad_jp import nn, no_grad, optim
from tinygrad_jp.data import DataLoader, Mnist
from tinygrad_jp.io import load_checkpoint
from tinygrad_jp.nn.models import BookNetwork, DeepConvNet, SimpleConvNet
from tinygrad_jp.train import Trainer
from tinygrad_jp.viz import plots

EPOCHS = (2, 1)
BATCH = 100
DTYPES = ("float64", "float32", "float16")


@dataclass
class Run:
    """What the network does in one dtype: scores of all test images, and what it takes."""

    scores: np.ndarray
    accuracy: float
    parameters: int  # bytes
    activations: int  # bytes, of one batch
    seconds: float


def trained(digits: Mnist, epochs: int, folder: Path, resume: bool) -> BookNetwork:
    """Return a SimpleConvNet after training."""
    tinygrad_jp.seed(0)
    net = SimpleConvNet()
    trainer = Trainer(
        net, nn.CrossEntropyLoss(), optim.Adam(net.parameters(), lr=0.001), metrics=["accuracy"], out=folder
    )
    training = DataLoader((digits.x_train, digits.t_train), batch_size=BATCH, shuffle=True)
    fit(trainer, training, DataLoader((digits.x_test, digits.t_test), batch_size=500), epochs, resume)
    return net


def bytes_of_activations(net: BookNetwork, x: np.ndarray) -> int:
    """Return how many bytes the outputs of all layers take for this batch; that of Flatten is the one before it."""
    sizes: list[int] = []
    layers = [module for module in net.modules() if not list(module.children()) and not isinstance(module, nn.Flatten)]
    removals = [layer.register_forward_hook(lambda _, __, y: sizes.append(y.numpy().nbytes)) for layer in layers]
    net(x)
    for remove in removals:
        remove()
    return sum(sizes)


def run(net: BookNetwork, x: np.ndarray, t: np.ndarray, dtype: str) -> Run:
    """Let the network recognise the test images, with its parameters and them in this dtype."""
    net.astype(dtype).eval()
    x = x.astype(dtype)
    with no_grad():
        activations = bytes_of_activations(net, x[:BATCH])
        start = time.perf_counter()
        scores = np.concatenate([net(x[i : i + BATCH]).numpy() for i in range(0, len(x), BATCH)])
        seconds = time.perf_counter() - start
    assert scores.dtype == dtype
    accuracy = float(np.mean(scores.argmax(axis=1) == t))
    return Run(scores, accuracy, sum(p.numpy().nbytes for p in net.parameters()), activations, seconds)


@plots.style()
def draw(runs: dict[str, Run], path: Path) -> None:
    """Draw accuracy and memory for each dtype, and how far the scores of float16 are from those of float64."""
    figure = new_figure(11, 3.4)
    accuracy, memory, scores = figure.subplots(1, 3)
    accuracy.bar(list(runs), [run.accuracy for run in runs.values()], color=plots.BLUE)
    accuracy.set(title="accuracy on test images", ylim=(0, 1))
    for k, run in enumerate(runs.values()):
        accuracy.annotate(f"{run.accuracy:.4f}", (k, run.accuracy), ha="center", va="top", color="white")
    parameters, activations = (
        np.array([getattr(run, name) for run in runs.values()]) / 2**20 for name in ("parameters", "activations")
    )
    memory.bar(list(runs), parameters, color=plots.BLUE, label="parameters")
    memory.bar(list(runs), activations, bottom=parameters, color=plots.RED, label=f"activations of {BATCH} images")
    memory.set(title="memory", ylabel="MiB")
    memory.legend()
    scores.plot(runs["float64"].scores.ravel(), runs["float16"].scores.ravel(), ".", markersize=2, rasterized=True)
    scores.set(title="scores of the classes", xlabel="float64", ylabel="float16", aspect="equal")
    save(figure, path)


def main() -> None:
    options = parser(__doc__, data=True, epochs=EPOCHS)
    options.add_argument("--checkpoint", type=Path, help="of a DeepConvNet, …/book08_deep_conv_net/last.safetensors")
    given = options.parse_args()
    digits = images(given.quick, given.data, flatten=False)
    if given.checkpoint:
        net: BookNetwork = DeepConvNet()
        load_checkpoint(given.checkpoint, model=net)
    else:
        folder = given.out / "book08_half_precision"
        net = trained(digits, given.epochs or EPOCHS[given.quick], folder, given.resume)

    x, t = (digits.x_test[::2], digits.t_test[::2]) if given.quick else (digits.x_test, digits.t_test)
    runs = {dtype: run(net, x, t, dtype) for dtype in DTYPES}
    for dtype, found in runs.items():
        ours = f"{found.accuracy:.4f} ({found.seconds:.1f} s)"
        compare(f"{type(net).__name__} in {dtype}: accuracy", ours, "all the same")
        ours = f"{found.parameters / 1024:,.0f} + {found.activations / 1024:,.0f}"
        compare(f"{dtype}: KiB of parameters + activations", ours)
    exact = runs["float64"].scores
    for dtype in DTYPES[1:]:
        compare(f"{dtype}: largest difference of a score", f"{np.abs(runs[dtype].scores - exact).max():.2g}")
    draw(runs, given.out / "book08_half_precision.png")


if __name__ == "__main__":
    main()

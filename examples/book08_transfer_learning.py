"""Transfer learning (the note of section 8.2.4): filters learned on digits 0 to 4 help to tell 5 to 9 by few labels.

A network of two convolutions learns the digits 0 to 4, of which there are many labelled images. Then 5 to 9 are
learned from a few of each, in three ways: from scratch; with the learned convolutions, frozen, so that only the two
affine layers behind them learn; and fine-tuned, where the convolutions go on learning, ten times more slowly. Every
accuracy is the mean over some draws of the labelled images. The book prints no number.

The first run goes to ``--out``, and ``--resume`` goes on with it.
--quick takes the images that ship with the package and one draw.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from _common import compare, fit, images, new_figure, parser, save

import tinygrad_jp
from tinygrad_jp import metrics, nn, no_grad, optim
from tinygrad_jp.data import DataLoader, Mnist
from tinygrad_jp.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from tinygrad_jp.train import Trainer
from tinygrad_jp.viz import plots

EPOCHS = (3, 2)
RATE = 0.001
WAYS: dict[str, float | None] = {"from scratch": None, "frozen": 0.0, "fine-tuned": RATE / 10}
"""What the learning rate of the reused convolutions is, or None if they are not reused."""

Examples = tuple[np.ndarray, np.ndarray]


def network() -> Sequential:
    """Return convolutions, and what tells five digits by what these see."""
    convolutions = Sequential(Conv2d(1, 16, 5), ReLU(), MaxPool2d(2), Conv2d(16, 32, 5), ReLU(), MaxPool2d(2))
    return Sequential(convolutions, Sequential(Flatten(), Linear(32 * 4 * 4, 100), ReLU(), Linear(100, 5)))


def five(digits: Mnist, first: int) -> Mnist:
    """Return the images of the five digits from `first` on, labelled 0 to 4."""
    train, test = (((t >= first) & (t < first + 5)) for t in (digits.t_train, digits.t_test))
    return Mnist(digits.x_train[train], digits.t_train[train] - first, digits.x_test[test], digits.t_test[test] - first)


def learn_many(digits: Mnist, epochs: int, folder: Path, resume: bool) -> Sequential:
    """Return a network that has learned all of these images."""
    tinygrad_jp.seed(0)
    net = network()
    trainer = Trainer(
        net, nn.CrossEntropyLoss(), optim.Adam(net.parameters(), lr=RATE), metrics=["accuracy"], out=folder
    )
    training = DataLoader((digits.x_train, digits.t_train), batch_size=100, shuffle=True)
    history = fit(trainer, training, DataLoader((digits.x_test, digits.t_test), batch_size=500), epochs, resume)
    compare(f"0 to 4, {len(digits.x_train):,} labels: accuracy", f"{history['val_accuracy'][-1]:.4f}")
    return net


def few(digits: Mnist, count: int, draw: int) -> Examples:
    """Draw so many training images of each of the five digits."""
    rng = np.random.default_rng(draw)
    chosen = np.concatenate([rng.choice(np.flatnonzero(digits.t_train == k), count, False) for k in range(5)])
    return digits.x_train[chosen], digits.t_train[chosen]


def learn_few(known: Sequential, rate: float | None, examples: Examples, updates: int) -> Sequential:
    """Return a network that has learned a few images; `rate` is that of convolutions taken from `known`, or None."""
    tinygrad_jp.seed(0)
    net = network()
    convolutions, head = net
    if rate is not None:
        convolutions.load_state_dict(known[0].state_dict())
    groups = [{"params": head.parameters(), "lr": RATE}]
    if rate == 0:
        convolutions.requires_grad_(False)
    else:
        groups.append({"params": convolutions.parameters(), "lr": rate or RATE})
    adam = optim.Adam(groups)
    loader = DataLoader(examples, batch_size=min(50, len(examples[0])), shuffle=True)
    Trainer(net, nn.CrossEntropyLoss(), adam, progress=False).fit(loader, epochs=math.ceil(updates / len(loader)))
    return net


def accuracy(net: Sequential, x: np.ndarray, t: np.ndarray) -> float:
    with no_grad():
        scores = [net(x[i : i + 500]).numpy() for i in range(0, len(x), 500)]
    return metrics.accuracy(np.concatenate(scores), t)


@plots.style()
def draw_curves(found: dict[str, np.ndarray], counts: tuple[int, ...], path: Path) -> None:
    """Draw accuracies, shape (counts, draws) for each way: their mean, and a bar from the least to the greatest."""
    figure = new_figure(7, 4.4)
    axes = figure.subplots()
    for marker, (name, values) in zip(plots.MARKERS, found.items(), strict=False):
        mean = values.mean(1)
        bars = np.abs([values.min(1) - mean, values.max(1) - mean])
        axes.errorbar(counts, mean, bars, marker=marker, markersize=5, capsize=3, label=name)
    axes.set(xscale="log", xlabel="labelled images of each digit", ylabel="accuracy on test images of 5 to 9")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.legend(loc="lower right")
    save(figure, path)


def main() -> None:
    given = parser(__doc__, data=True, epochs=EPOCHS).parse_args()
    digits = images(given.quick, given.data, flatten=False)
    counts, draws, updates = ((5, 20), 1, 30) if given.quick else ((2, 5, 10, 20, 50, 100), 3, 200)

    folder = given.out / "book08_transfer_learning"
    known = learn_many(five(digits, 0), given.epochs or EPOCHS[given.quick], folder, given.resume)
    unknown = five(digits, 5)
    found = {name: np.zeros((len(counts), draws)) for name in WAYS}
    for i, count in enumerate(counts):
        for draw in range(draws):
            examples = few(unknown, count, draw)
            for name, rate in WAYS.items():
                net = learn_few(known, rate, examples, updates)
                found[name][i, draw] = accuracy(net, unknown.x_test, unknown.t_test)
        means = " / ".join(f"{found[name][i].mean():.4f}" for name in WAYS)
        compare(f"{' / '.join(WAYS)}, {count} each", means)
    draw_curves(found, counts, given.out / "book08_transfer_learning.png")


if __name__ == "__main__":
    main()

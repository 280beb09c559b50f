"""Random search for the learning rate and the weight decay (section 6.5, figure 6-24).

100 trials draw both on a log scale, the weight decay from 10⁻⁸ … 10⁻⁴ and the learning rate from 10⁻⁶ … 10⁻². Each
trains a network of seven layers on 400 images for 50 epochs, and is judged on 100 others: validation data, because
whoever chooses by the test data no longer knows how well the network does on new data. Trials are ranked by their best
epoch, as in the figure; the accuracy after the last one, which the book prints, stands in brackets.

Run: python examples/book06_hyperparameters.py [--data FOLDER] [--quick] [--out FOLDER]

--quick makes 20 trials of 25 epochs on the images that ship with the package.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from _common import compare, images, parser

from tinygrad_jp import metrics, no_grad, seed, softmax_cross_entropy
from tinygrad_jp.nn import Linear, ReLU, Sequential
from tinygrad_jp.optim import SGD
from tinygrad_jp.viz import plots

BATCH = 100
BOOK = (
    "(0.83), lr 0.0092, weight decay 3.86e-07",
    "(0.78), lr 0.00956, weight decay 6.04e-07",
    "(0.77), lr 0.00571, weight decay 1.27e-06",
    "(0.74), lr 0.00626, weight decay 1.43e-05",
    "(0.73), lr 0.0052, weight decay 8.97e-06",
)

Examples = tuple[np.ndarray, np.ndarray]


@dataclass
class Trial:
    """Two hyper-parameters, and the accuracies after each epoch."""

    lr: float
    weight_decay: float
    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        accuracy = f"{max(self.validation):.2f} ({self.validation[-1]:.2f})"
        return f"{accuracy}, lr {self.lr:.3g}, weight decay {self.weight_decay:.3g}"


def network() -> Sequential:
    hidden = [layer for n in (784, *[100] * 5) for layer in (Linear(n, 100, init="he"), ReLU())]
    return Sequential(*hidden, Linear(100, 10, init="he"))


def attempt(training: Examples, validation: Examples, trial: Trial, epochs: int) -> None:
    """Train a new network with the trial's hyper-parameters, and note how it does."""
    x, t = training
    model = network()
    optimizer = SGD(model.parameters(), lr=trial.lr, weight_decay=trial.weight_decay)
    rng = np.random.default_rng(1)
    for _ in range(epochs):
        for _ in range(len(x) // BATCH):
            batch = rng.choice(len(x), BATCH)
            softmax_cross_entropy(model(x[batch]), t[batch]).backward()
            optimizer.step()
            optimizer.zero_grad()
        with no_grad():
            trial.train.append(metrics.accuracy(model(x), t))
            trial.validation.append(metrics.accuracy(model(validation[0]), validation[1]))


def search(training: Examples, validation: Examples, count: int, epochs: int) -> list[Trial]:
    """Return the trials, the best first."""
    seed(0)
    rng = np.random.default_rng(0)
    trials = [Trial(weight_decay=10 ** rng.uniform(-8, -4), lr=10 ** rng.uniform(-6, -2)) for _ in range(count)]
    for trial in trials:
        attempt(training, validation, trial, epochs)
    return sorted(trials, key=lambda trial: max(trial.validation), reverse=True)


def draw(trials: list[Trial], out: Path) -> None:
    sheet = [
        {
            "params": {"lr": trial.lr, "decay": trial.weight_decay},
            "history": {"accuracy": trial.train, "val_accuracy": trial.validation},
        }
        for trial in trials
    ]
    print("figure:", plots.search_sheet(sheet, out / "book06_hyperparameters.png"))


def main(data: Path | None, quick: bool, out: Path) -> None:
    digits = images(quick, data)
    order = np.random.default_rng(0).permutation(500)
    x, t = digits.x_train[:500][order], digits.t_train[:500][order]
    count, epochs = (20, 25) if quick else (100, 50)

    start = time.perf_counter()
    ranking = search((x[100:], t[100:]), (x[:100], t[:100]), count, epochs)
    seconds = time.perf_counter() - start
    for k, (trial, book) in enumerate(zip(ranking, BOOK, strict=False), start=1):
        compare(f"best {k}, validation accuracy", trial, book)
    rates = [trial.lr for trial in ranking[:5]]
    compare("learning rates of the best five", f"{min(rates):.4f} … {max(rates):.4f}", "0.001 … 0.01")
    compare("all in that range", "yes" if min(rates) > 0.001 else "no", "yes")
    print(f"{count} trials of {epochs} epochs: {seconds:.1f} s")
    draw(ranking, out)


if __name__ == "__main__":
    given = parser(__doc__, data=True).parse_args()
    main(given.data, given.quick, given.out)

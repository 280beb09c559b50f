"""Data augmentation (section 8.1.2, figure 8-4): turned and shifted copies make a few training images into many.

First some digits are drawn beside changed ones. Then a small convolutional network learns 1,000 images twice, with and
without changing every batch at random: by up to 15° and by up to 2 pixels in each direction, drawn anew in every epoch.
Both start from the same weights and see the same images in the same order. The book prints no number here; it says that
augmentation helps above all when there are few images. The runs go to ``--out``, ``--resume`` goes on with them.

--quick takes 12 epochs on 500 images, and tests 500.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from _common import compare, fit, images, new_figure, parser, save

import tinygrad_jp
from tinygrad_jp import nn, optim
from tinygrad_jp.data import DataLoader, Mnist, RandomAffine, affine
from tinygrad_jp.nn.models import SimpleConvNet
from tinygrad_jp.train import History, Trainer
from tinygrad_jp.viz import plots

EPOCHS = (100, 12)
AUGMENTATION = RandomAffine(shift=2, rotate=15)
CHANGES = {
    "original": {},
    "turned by 15°": {"rotate": 15},
    "by −15°": {"rotate": -15},
    "shifted down": {"shift": (2, 0)},
    "to the right": {"shift": (0, 2)},
}


@plots.style()
def draw_digits(digits: np.ndarray, path: Path) -> None:
    """Draw each of five digits, shape (5, 1, 28, 28), unchanged, changed in the four ways, and at random."""
    rng = np.random.default_rng(0)
    columns = {name: affine(digits, **change) for name, change in CHANGES.items()}
    columns |= {f"at random {k}": AUGMENTATION(digits, rng) for k in (1, 2, 3)}
    figure = new_figure(10, 6.5)
    for panels, (name, changed) in zip(figure.subplots(5, len(columns)).T, columns.items(), strict=True):
        panels[0].set_title(name)
        for axes, image in zip(panels, changed[:, 0], strict=True):
            axes.imshow(image, cmap="gray_r")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(True)
    save(figure, path)


def train(digits: Mnist, count: int, augment: bool, epochs: int, folder: Path, resume: bool) -> History:
    """Learn the first `count` training images."""
    tinygrad_jp.seed(0)
    net = SimpleConvNet(init="he")
    trainer = Trainer(
        net, nn.CrossEntropyLoss(), optim.Adam(net.parameters(), lr=0.001), metrics=["accuracy"], out=folder
    )
    training = DataLoader(
        (digits.x_train[:count], digits.t_train[:count]),
        batch_size=50,
        shuffle=True,
        transform=AUGMENTATION if augment else None,
    )
    return fit(trainer, training, DataLoader((digits.x_test, digits.t_test), batch_size=500), epochs, resume)


def main() -> None:
    given = parser(__doc__, data=True, epochs=EPOCHS).parse_args()
    digits = images(given.quick, given.data, flatten=False)
    draw_digits(digits.x_train[:5], given.out / "book08_augmentation.png")

    if given.quick:
        digits = digits._replace(x_test=digits.x_test[::2], t_test=digits.t_test[::2])
    count, epochs = 500 if given.quick else 1000, given.epochs or EPOCHS[given.quick]
    accuracies = {}
    for name, augment in {"without augmentation": False, "with augmentation": True}.items():
        folder = given.out / "book08_augmentation" / name.split()[0]
        history = train(digits, count, augment, epochs, folder, given.resume)
        accuracies[name] = history["val_accuracy"]
        compare(f"{name}, while learning", f"{history['accuracy'][-1]:.4f}")
        compare(f"{name}, on test images", f"{accuracies[name][-1]:.4f}")
    without, with_ = (curve[-1] for curve in accuracies.values())
    compare("augmentation makes test accuracy better", "yes" if with_ > without else "no", "yes")
    low = min(curve[len(curve) // 10] for curve in accuracies.values())
    print(
        "figure:",
        plots.curves(
            accuracies,
            given.out / "book08_augmentation_accuracy.png",
            xlabel="epoch",
            ylabel="test accuracy",
            ylim=(low, 1),
        ),
    )


if __name__ == "__main__":
    main()

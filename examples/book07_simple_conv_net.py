"""SimpleConvNet on MNIST (sections 7.5 and 7.6.1): the book reaches 98.96 % of the test images.

conv (30 filters of 5 × 5) - relu - pool - affine (100) - relu - affine (10), initial values of standard deviation 0.01,
Adam with learning rate 0.001 and batches of 100, as the book's script. The filters of the first layer are drawn before
and after training (figure 7-24); the run goes to ``--out``, and ``--resume`` goes on where it was ended.
"""

from __future__ import annotations

import shutil

from _common import compare, images, parser

import tinygrad_jp
from tinygrad_jp import nn, optim
from tinygrad_jp.data import DataLoader
from tinygrad_jp.nn.models import SimpleConvNet
from tinygrad_jp.train import Trainer
from tinygrad_jp.viz import plots


def main() -> None:
    options = parser(__doc__, data=True)
    options.add_argument("--epochs", type=int, help="passes over the training images (default: 20, quick: 2)")
    options.add_argument("--resume", action="store_true", help="go on from the last checkpoint in the folder")
    given = options.parse_args()
    pixels = images(given.quick, given.data)
    x_train, x_test = (x.reshape(-1, 1, 28, 28) for x in (pixels.x_train, pixels.x_test))

    folder = given.out / "book07_simple_conv_net"
    if not given.resume:
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier run

    tinygrad_jp.seed(0)
    net = SimpleConvNet()
    before = net.state_dict()["layers.0.weight"]
    trainer = Trainer(
        net,
        nn.CrossEntropyLoss(),
        optim.Adam(net.parameters(), lr=0.001),
        metrics=["accuracy"],
        out=folder,
    )
    print(net.summary((1, 1, 28, 28)))
    history = trainer.fit(
        DataLoader((x_train, pixels.t_train), batch_size=100, shuffle=True),
        DataLoader((x_test, pixels.t_test), batch_size=500),
        epochs=given.epochs or (2 if given.quick else 20),
        resume=given.resume,
    )
    print(history)
    compare("test accuracy", f"{history['val_accuracy'][-1]:.4f}", "0.9896")
    filters = {"before training": before, "after training": net}
    print("figure:", plots.filters(filters, given.out / "book07_simple_conv_net.png"))


if __name__ == "__main__":
    main()

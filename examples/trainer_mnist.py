"""784-100-10 on MNIST by layers, an optimizer and the Trainer: at least 97.8 % of the test images after 5 epochs.

He's initial values, Adam, batches of 50, and a learning rate that warms up and then follows half a cosine down. The
run goes to ``--out``: checkpoints, the history as a table and its curves; ``--resume`` goes on where it was ended.
"""

from __future__ import annotations

import shutil

from _common import compare, images, parser

import tinygrad_jp
from tinygrad_jp import nn, optim
from tinygrad_jp.data import DataLoader
from tinygrad_jp.train import Trainer


def main() -> None:
    options = parser(__doc__, data=True)
    options.add_argument("--resume", action="store_true", help="go on from the last checkpoint in the folder")
    given = options.parse_args()
    x_train, t_train, x_test, t_test = images(given.quick, given.data)
    epochs = 5

    folder = given.out / "trainer_mnist"
    if not given.resume:
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier run

    tinygrad_jp.seed(0)
    train = DataLoader((x_train, t_train), batch_size=50, shuffle=True)
    test = DataLoader((x_test, t_test), batch_size=1000)
    net = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10, init="xavier"))
    adam = optim.Adam(net.parameters(), lr=0.005)
    steps = epochs * len(train)
    trainer = Trainer(
        net,
        nn.CrossEntropyLoss(),
        adam,
        scheduler=optim.CosineLR(adam, total=steps, warmup=steps // 20),
        schedule="step",
        metrics=["accuracy"],
        out=folder,
    )
    print(net.summary((50, 784)))
    history = trainer.fit(train, test, epochs=epochs, resume=given.resume)
    print(history)
    compare("test accuracy after 5 epochs", f"{history['val_accuracy'][-1]:.4f}", "0.978", source="wanted")
    print("figure:", history.plot(given.out / "trainer_mnist.png", title="784-100-10"))


if __name__ == "__main__":
    main()

"""DeepConvNet on MNIST (section 8.1.1, figures 8-1 and 8-2): the book reaches 99.38 % of the test images.

Six convolutions of 3 × 3 with 16, 16, 32, 32, 64 and 64 filters, three pools, two affine layers and dropout, from He's
initial values; Adam with learning rate 0.001 and batches of 100, as the book's script. There the rate stays the same
for 20 epochs, and the accuracy jumps up and down by 0.2 % from one to the next; here it follows half a cosine down to
0, and half as many epochs are enough. The test images that are taken for something else are drawn (figure 8-2). The
run goes to ``--out``, with the parameters of the last epoch in ``last.safetensors``, and ``--resume`` goes on where it
was ended.

--quick takes 3 epochs on 1,000 of the images that ship with the package.
"""

from __future__ import annotations

import numpy as np
from _common import compare, fit, images, parser

import tinygrad_jp
from tinygrad_jp import nn, optim
from tinygrad_jp.data import DataLoader
from tinygrad_jp.nn.models import DeepConvNet
from tinygrad_jp.train import Trainer
from tinygrad_jp.viz import plots

EPOCHS = (10, 3)
BATCH = 100


def main() -> None:
    given = parser(__doc__, data=True, epochs=EPOCHS).parse_args()
    x_train, t_train, x_test, t_test = images(given.quick, given.data, flatten=False)
    count = 1000 if given.quick else len(x_train)

    epochs = given.epochs or EPOCHS[given.quick]

    tinygrad_jp.seed(0)
    net = DeepConvNet()
    adam = optim.Adam(net.parameters(), lr=0.001)
    trainer = Trainer(
        net,
        nn.CrossEntropyLoss(),
        adam,
        scheduler=optim.CosineLR(adam, total=epochs * -(-count // BATCH)),
        schedule="step",
        metrics=["accuracy"],
        out=given.out / "book08_deep_conv_net",
    )
    print(net.summary((1, 1, 28, 28)))
    history = fit(
        trainer,
        DataLoader((x_train[:count], t_train[:count]), BATCH, shuffle=True),
        DataLoader((x_test, t_test), batch_size=500),
        epochs,
        given.resume,
    )
    print(history)
    predicted = trainer.predict(x_test).argmax(axis=1)
    compare("test accuracy", f"{np.mean(predicted == t_test):.4f}", "0.9938")
    best = int(np.argmax(history["val_accuracy"]))
    compare("highest after an epoch", f"{history['val_accuracy'][best]:.4f} (epoch {best + 1})")
    compare("misclassified test images", f"{np.sum(predicted != t_test)}", "62")
    print(f"{len(history)} epochs: {sum(history['seconds']):.1f} s of training")
    path = given.out / "book08_deep_conv_net.png"
    print("figure:", plots.misclassified(x_test, t_test, predicted, path))


if __name__ == "__main__":
    main()

"""Train the book's two-layer network on all of MNIST (section 5.7.4), written with Tensor operations only.

784-50-10, mini-batches of 100, SGD with learning rate 0.1, 10,000 steps. The book reaches about 97 % on the
test images.

Run: python examples/book05_train_mnist.py [--data FOLDER] [--quick] [--out FOLDER]

Without --data the files are taken from the folder that the environment variable TINYGRAD_JP_DATA names or from the
cache, or they are downloaded. --quick takes 500 steps on the images that ship with the package. --out changes nothing:
there is no figure.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from _common import images, parser

from tinygrad_jp import Tensor, no_grad, relu, softmax_cross_entropy
from tinygrad_jp.progress import progress


def main(data: Path | None = None, quick: bool = False) -> float:
    x_train, t_train, x_test, t_test = images(quick, data)
    steps, batch_size, lr = (500 if quick else 10_000), 100, 0.1
    rng = np.random.default_rng(0)

    def parameter(values: np.ndarray) -> Tensor:
        return Tensor(values, requires_grad=True, dtype=np.float32)

    w1 = parameter(rng.normal(0, np.sqrt(2 / 784), (784, 50)))
    b1 = parameter(np.zeros(50))
    w2 = parameter(rng.normal(0, np.sqrt(2 / 50), (50, 10)))
    b2 = parameter(np.zeros(10))

    def scores(x: Tensor) -> Tensor:
        return relu(x.dot(w1) + b1).dot(w2) + b2

    def accuracy(x: np.ndarray, t: np.ndarray) -> float:
        with no_grad():
            return float((scores(Tensor(x)).argmax(axis=1).numpy() == t).mean())

    start = time.perf_counter()
    with progress("training", steps) as advance:
        for step in range(steps):
            batch = rng.choice(len(x_train), batch_size)
            loss = softmax_cross_entropy(scores(Tensor(x_train[batch])), t_train[batch])
            loss.backward()
            with no_grad():
                for p in (w1, b1, w2, b2):
                    p -= lr * p.grad
                    p.zero_grad()
            if step % 100 == 99:
                advance(100, f"loss {loss:.4f}")
    seconds = time.perf_counter() - start

    result = accuracy(x_test, t_test)
    print(f"training images: {accuracy(x_train, t_train):.2%}, test images: {result:.2%}, {seconds:.1f} s")
    return result


if __name__ == "__main__":
    given = parser(__doc__, data=True).parse_args()
    main(given.data, given.quick)

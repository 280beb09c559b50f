"""Recognise the test images of MNIST with the book's trained network (section 3.6).

The weights are the file sample_weight.pkl of the book's public sample code: 784-50-100-10, sigmoid twice, then
softmax. The book reaches an accuracy of 0.9352, image by image and (section 3.6.3) in batches of 100. A pickle can
contain code; `load_book_pickle` reads arrays and refuses everything else.

Run: python examples/book03_inference.py [--weights FILE] [--data FOLDER] [--quick] [--out FOLDER]

--quick takes the 1,000 test images that ship with the package.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from _common import compare, images, parser

from tinygrad_jp import Tensor, sigmoid, softmax
from tinygrad_jp.io import load_book_pickle
from tinygrad_jp.viz import plots

WHERE = "https://github.com/oreilly-japan/deep-learning-from-scratch (folder ch03)"


def load_network(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise SystemExit(
            f"There is no file {path}. Take sample_weight.pkl from the book's sample code, {WHERE}, "
            "and say where it is: --weights FILE"
        )
    return load_book_pickle(path)


def predict(network: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return the probability of each digit, for one image (784,) or for a batch (N, 784)."""
    z1 = sigmoid(Tensor(x).dot(network["W1"]) + network["b1"])
    z2 = sigmoid(z1.dot(network["W2"]) + network["b2"])
    return softmax(z2.dot(network["W3"]) + network["b3"]).numpy()


def main(weights: Path, data: Path | None, quick: bool, out: Path) -> None:
    network = load_network(weights)
    _, _, x, t = images(quick, data)
    book = "– (0.9352 is for all 10,000)" if quick else 0.9352

    start = time.perf_counter()
    right = sum(int(predict(network, image).argmax() == digit) for image, digit in zip(x, t, strict=True))
    compare(f"accuracy on {len(x):,} images, one by one", right / len(x), book)
    singly, start = time.perf_counter() - start, time.perf_counter()
    y = np.concatenate([predict(network, x[i : i + 100]) for i in range(0, len(x), 100)])
    compare("accuracy, in batches of 100", (y.argmax(axis=1) == t).mean(), book)
    print(f"one by one {singly:.2f} s, in batches {time.perf_counter() - start:.2f} s")
    path = out / "book03_inference.png"
    print("figure:", plots.misclassified(x, t, y.argmax(axis=1), path, most=40))


if __name__ == "__main__":
    options = parser(__doc__, data=True)
    options.add_argument(
        "--weights", type=Path, default=Path("sample_weight.pkl"), help="the book's file (default: %(default)s)"
    )
    given = options.parse_args()
    main(given.weights, given.data, given.quick, given.out)

"""The book's two shops (sections 5.4 and 5.7): what a purchase costs, and what changes it how much.

Run: python examples/book05_shop.py [--quick] [--out FOLDER]

--quick and --out change nothing: it takes no time and draws no figure.
"""

from __future__ import annotations

from _common import parser

from tinygrad_jp import Tensor


def main() -> None:
    apple = Tensor(100.0, requires_grad=True, name="りんご")
    apple_num = Tensor(2.0, requires_grad=True, name="りんごの個数")
    orange = Tensor(150.0, requires_grad=True, name="みかん")
    orange_num = Tensor(3.0, requires_grad=True, name="みかんの個数")
    tax = Tensor(1.1, requires_grad=True, name="消費税")

    price = (apple * apple_num + orange * orange_num) * tax
    price.backward()

    print(f"price: {price:.0f}")
    for variable in (apple, apple_num, orange, orange_num, tax):
        print(f"d price / d {variable.name}: {variable.grad:.1f}")


if __name__ == "__main__":
    parser(__doc__).parse_args()
    main()

"""The book's two shops layer by layer (section 5.4), beside the tape.

In chapter 5 every node of the graph is a layer with `forward` and `backward`, and the backward pass is written by
hand, in reverse order. The tape writes that second half itself (`book05_shop.py` shows it alone).

Run: python examples/book05_shop_layers.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

from pathlib import Path

from _common import compare, parser

from tinygrad_jp import Tensor, viz


class MulLayer:
    """Backward: what arrives, times the other input (section 5.4.1)."""

    def forward(self, x, y):
        self.x, self.y = x, y
        return x * y

    def backward(self, dout):
        return dout * self.y, dout * self.x


class AddLayer:
    """Backward: what arrives, to both (section 5.4.2)."""

    def forward(self, x, y):
        return x + y

    def backward(self, dout):
        return dout, dout


def buy_by_layers(apple, apple_num, orange, orange_num, tax) -> tuple[float, list[float]]:
    """Return the price of apples and oranges, and its gradient with respect to each of the five."""
    mul_apple, mul_orange, add, mul_tax = MulLayer(), MulLayer(), AddLayer(), MulLayer()

    apple_price = mul_apple.forward(apple, apple_num)
    orange_price = mul_orange.forward(orange, orange_num)
    all_price = add.forward(apple_price, orange_price)
    price = mul_tax.forward(all_price, tax)

    d_all_price, d_tax = mul_tax.backward(1)
    d_apple_price, d_orange_price = add.backward(d_all_price)
    d_orange, d_orange_num = mul_orange.backward(d_orange_price)
    d_apple, d_apple_num = mul_apple.backward(d_apple_price)
    return price, [d_apple, d_apple_num, d_orange, d_orange_num, d_tax]


def buy_by_tape(*given: Tensor) -> Tensor:
    apple, apple_num, orange, orange_num, tax = given
    price = (apple * apple_num + orange * orange_num) * tax
    price.name = "price"
    price.backward()
    return price


def main(out: Path) -> None:
    goods = {"apple": 100.0, "apple_num": 2.0, "orange": 150.0, "orange_num": 3.0, "tax": 1.1}
    given = [Tensor(value, requires_grad=True, name=name) for name, value in goods.items()]
    price, gradients = buy_by_layers(*goods.values())
    taped = buy_by_tape(*given)

    compare("price, layer by layer", round(price, 10), 715)
    compare("price, by the tape", round(taped.item(), 10), 715)
    for variable, by_layers, book in zip(given, gradients, (2.2, 110, 3.3, 165, 650), strict=True):
        compare(f"d price / d {variable.name}, layer by layer", round(by_layers, 10), book)
        compare(f"d price / d {variable.name}, by the tape", round(variable.grad.item(), 10), book)
    print("figure:", viz.graph(taped).save(out / "book05_shop_layers.svg"))


if __name__ == "__main__":
    main(parser(__doc__).parse_args().out)

"""Figures 5-1 to 5-27: two shops, the chain rule, and the layers of chapter 5."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ops import dot, exp, op, reciprocal, relu, sigmoid
from ...tensor import Tensor, grad
from .figure import figure, named, variable

# ---------------------------------------------------------------------------------- shops (sections 5.1, 5.3 and 5.4)


@figure(
    "5-01",
    en="The first shop as a graph whose circles hold both the operation and its number: one apple for 100 yen, times "
    "2, times 1.1 for the tax, is 220 yen.",
    ja="最初の買い物の計算グラフ。ノードの中に演算と数値を一緒に書き、100 円のりんごを「×2」、消費税を「×1.1」として"
    "、支払金額 220 円に至ります。",
)
def apple_with_numbers_in_circles() -> Tensor:
    """Figure 5-1: 100 yen, ×2, ×1.1, 220 yen."""
    return named(variable(100, "りんご") * 2 * 1.1, "支払金額")


@figure(
    "5-02",
    en="The same shop with only the operation in each circle: the number of apples and the tax are inputs of their "
    "own.",
    ja="同じ買い物で、ノードには演算だけを残し、りんごの個数と消費税もノードの外の変数として表したもの。",
)
def apple() -> Tensor:
    """Figure 5-2: two apples at 100 yen, 10 % tax, 220 yen."""
    price = variable(100, "りんご") * variable(2, "りんごの個数") * variable(1.1, "消費税")
    return named(price, "支払金額")


@figure(
    "5-03",
    en="The second shop: two apples for 200 yen and three oranges for 450 yen meet in a node +, and with the tax 715 "
    "yen are to be paid.",
    ja="二つ目の買い物。りんご 2 個の 200 円とみかん 3 個の 450 円が加算ノードで合流し、消費税を掛けて 715 円になりま"
    "す。",
)
def apple_and_orange() -> Tensor:
    """Figure 5-3: two apples at 100 yen and three oranges at 150 yen, 10 % tax, 715 yen."""
    apples = variable(100, "りんご") * variable(2, "りんごの個数")
    oranges = variable(150, "みかん") * variable(3, "みかんの個数")
    return named((apples + oranges) * variable(1.1, "消費税"), "支払金額")


@figure(
    "5-04",
    en="Why local computation helps: much else was bought for 4,000 yen by some complicated computation, and the "
    "node + only needs that result and the 200 yen for the apples: 4,200 yen, 4,620 yen with tax.",
    ja="局所的な計算の説明。ほかの買い物がどれほど複雑でも、加算ノードは結果の 4,000 円とりんごの 200 円を足すだけで"
    "、4,200 円、税込みで 4,620 円になります。",
)
def many_things() -> Tensor:
    """Figure 5-4: 200 yen for apples and 4,000 yen for everything else, 4,620 yen with tax."""
    apples = variable(100, "りんご") * variable(2, "りんごの個数")
    everything = variable(4000, "複雑な計算") + apples
    return named(everything * variable(1.1, "消費税"), "支払金額")


@figure(
    "5-05",
    en="Derivatives go backward: along the way of the apple's price 1, 1.1 and 2.2 are handed from node to node, so "
    "one more yen for an apple costs 2.2 yen. Other ways have no gradient yet.",
    ja="微分が逆向きに伝わる様子。りんごの値段に至る経路を 1、1.1、2.2 と順に伝わり、りんごが 1 円値上がりすると支払"
    "金額は 2.2 円増えると分かります。ほかの経路の微分はまだ描かれていません。",
)
def apple_price_gradient() -> Tensor:
    """Figure 5-5: the derivative 2.2 of what is paid with respect to the price of an apple, and no other."""
    apples = variable(100, "りんご")
    price = named(apples * variable(2, "りんごの個数") * variable(1.1, "消費税"), "支払金額")
    grad(price, apples)
    return price


@figure(
    "5-14",
    en="All derivatives of the first shop: 2.2 for the price of an apple, 110 for the number, 200 for the tax. Each "
    "node × hands on the gradient times its other input.",
    ja="一つ目の買い物のすべての微分。りんごの値段が 2.2、個数が 110、消費税が 200。乗算ノードは、届いた勾配に「入れ"
    "替えたもう一方の入力」を掛けて流します。",
)
@figure(
    "5-16",
    en="The same shop as it is programmed with two objects for the layers ×, whose methods run forward and backward: "
    "the numbers are those of figure 5-14.",
    ja="同じ買い物を、forward と backward を持つ二つの乗算レイヤとして実装するときの図。数値は図 5-14 と同じです。",
)
def apple_gradients() -> Tensor:
    """Figures 5-14 and 5-16: what one more yen, apple or point of tax would cost (2.2, 110, 200)."""
    price = apple()
    price.backward()
    return price


@figure(
    "5-15",
    en="An exercise: the second shop with its values; the gradients below the arrows are left to the reader. Figure "
    "5-17 has them.",
    ja="練習問題。二つ目の買い物の順伝播だけが描かれ、矢印の下の微分は読者が埋めます。答えは図 5-17 にあります。",
)
def exercise() -> Tensor:
    """Figure 5-15: the second shop before ``backward``."""
    return apple_and_orange()


@figure(
    "5-17",
    en="The second shop with layers × and +: going back from 1, the + hands 1.1 on to both sides unchanged, and the "
    "inputs get 2.2, 110, 3.3, 165 and 650.",
    ja="二つ目の買い物を乗算レイヤと加算レイヤで実装した図。1 から逆伝播すると、加算は 1.1 をそのまま両側へ流し、入力"
    "の微分は 2.2、110、3.3、165、650 になります。",
)
def apple_and_orange_gradients() -> Tensor:
    """Figures 5-15 (the answers) and 5-17: the same for the second shop (2.2, 110, 3.3, 165, 650)."""
    price = apple_and_orange()
    price.backward()
    return price


# ------------------------------------------------------------------------------- the chain rule (sections 5.2 and 5.3)


@op(vjp={"x": lambda g, x: g * 2 * x})
def f(x: Any, /) -> Any:
    """Some function; here x²."""
    return x * x


@figure(
    "5-06",
    en="Backward through any function y = f(x): the signal E that arrives is multiplied by the local derivative ∂y/∂"
    "x and handed on. (E is ∂L/∂y.)",
    ja="任意の関数 y = f(x) の逆伝播。上流からの信号 E に局所的な微分 ∂y/∂x を掛けて、次のノードへ渡します。(E は ∂L/"
    "∂y です。)",
    show="formulas",
)
def function() -> Tensor:
    """Figure 5-6: y = f(x); the gradient from above times ∂y/∂x."""
    y = named(f(variable(2, "x")), "y")
    y.backward(0.5)
    return y


def _square_of_a_sum() -> Tensor:
    t = named(variable(2, "x") + variable(1, "y"), "t")
    return named(t**2, "z")


@figure(
    "5-07",
    en="z = (x + y)², as t = x + y and z = t²: going back, the local derivatives are multiplied, ∂z/∂z, then ∂z/∂t, "
    "then ∂z/∂t · ∂t/∂x. That is the chain rule.",
    ja="z = (x + y)² を t = x + y と z = t² に分けた計算グラフ。逆向きに ∂z/∂z、∂z/∂t、∂z/∂t·∂t/∂x と局所的な微分を掛"
    "けていくことが、連鎖率そのものです。",
    show="formulas",
)
@figure(
    "5-08",
    en="The same with the derivatives put in: the square gives 2t, the sum hands it on, so ∂z/∂x = 2(x + y); at x = "
    "2 and y = 1, as drawn, 6.",
    ja="同じ図に実際の微分を入れたもの。2 乗のノードで 2t、加算はそのまま通すので ∂z/∂x = 2(x + y)。図の x = 2、y = "
    "1 では 6 です。",
)
def square_of_a_sum() -> Tensor:
    """Figures 5-7 and 5-8: z = (x + y)², equation 5.4, here at x = 2, y = 1, with the chain rule's gradients."""
    z = _square_of_a_sum()
    z.backward()
    return z


@figure(
    "5-09",
    en="Forward and backward through a node +: the gradient that arrives is multiplied by 1, so both inputs get it "
    "as it is.",
    ja="加算ノードの順伝播と逆伝播。上流の微分に 1 を掛けるだけなので、両方の入力に同じ値がそのまま流れます。",
    show="formulas",
)
@figure(
    "5-11",
    en="An example with numbers: 10 + 5 = 15, and the 1.3 from above goes to both inputs.",
    ja="数値の例。10 + 5 = 15 で、上流からの 1.3 が両方の入力へそのまま流れます。",
)
def addition() -> Tensor:
    """Figures 5-9 and 5-11: 10 + 5 = 15; the gradient 1.3 from above passes through."""
    total = variable(10, "x") + variable(5, "y")
    total.backward(1.3)
    return named(total, "z")


@figure(
    "5-10",
    en="The node + somewhere in a large graph that ends in L: what lies before and behind it does not matter, for ∂L/"
    "∂z arrives from behind. (Here other nodes compute x, and L is made of z.)",
    ja="最終的に L を出力する大きな計算グラフの途中にある加算ノード。前後にどんな計算があっても、右からは ∂L/∂z が届"
    "くだけです。(ここでは x の手前と z の先に適当な計算を置きました。)",
    show="formulas",
)
def addition_inside() -> Tensor:
    """Figure 5-10: z = x + y in the middle of a graph whose result is L."""
    x = named(variable(2, "a") * variable(5, "b"), "x")
    z = named(x + variable(5, "y"), "z")
    loss = named((z * variable(0.2, "c")) ** 2, "L")
    loss.backward()
    return loss


@figure(
    "5-12",
    en="Forward and backward through a node ×: each input gets the gradient from above times the other input, x and "
    "y exchanged.",
    ja="乗算ノードの順伝播と逆伝播。上流の微分に、x には y を、y には x を掛けて、入力を入れ替えた値を流します。",
    show="formulas",
)
@figure(
    "5-13",
    en="An example with numbers: 10 × 5 = 50; the 1.3 from above becomes 1.3 × 5 = 6.5 and 1.3 × 10 = 13.",
    ja="数値の例。10 × 5 = 50 で、上流からの 1.3 は 1.3 × 5 = 6.5 と 1.3 × 10 = 13 になって流れます。",
)
def multiplication() -> Tensor:
    """Figures 5-12 and 5-13: 10 × 5 = 50; the gradient 1.3 from above times the *other* input, 6.5 and 13."""
    product = variable(10, "x") * variable(5, "y")
    product.backward(1.3)
    return named(product, "z")


# -------------------------------------------------------------------------------------- activations (section 5.5)


def _relu(x: float) -> Tensor:
    y = named(relu(variable(x, "x")), "y")
    y.backward(1.3)
    return y


@figure(
    "5-18a",
    en="Relu, left half: if x is greater than 0, the gradient from above passes unchanged.",
    ja="ReLU レイヤ(左)。x が 0 より大きければ、上流の微分がそのまま通ります。",
)
def relu_open() -> Tensor:
    """Figure 5-18, left: x > 0, the gradient passes."""
    return _relu(2)


@figure(
    "5-18b",
    en="Relu, right half: if x is 0 or less, the result is 0 and the signal back stops there, with the gradient 0.",
    ja="ReLU レイヤ(右)。x が 0 以下なら出力は 0 で、逆向きの信号もそこで止まり、微分は 0 になります。",
)
def relu_closed() -> Tensor:
    """Figure 5-18, right: x ≤ 0, the gradient is 0."""
    return _relu(-2)


def _sigmoid_in_steps() -> Tensor:
    x = variable(math.log(4), "x")
    return named(reciprocal(exp(x * Tensor(-1.0)) + Tensor(1.0)), "y")


@figure(
    "5-19",
    en="The sigmoid forward in its four steps: times −1, exp, plus 1, and the reciprocal. (At x = log 4, where y is "
    "0.8.)",
    ja="シグモイド関数の順伝播を、×(−1)、exp、+1、逆数の 4 段階で表した計算グラフ。(y がちょうど 0.8 になる x = log "
    "4 で描きました。)",
)
def sigmoid_forward() -> Tensor:
    """Figure 5-19: y = 1 / (1 + exp(−x)) in steps."""
    return _sigmoid_in_steps()


@figure(
    "5-20",
    en="The same with the way back: −y² at the reciprocal, unchanged through the plus, times exp(−x), times −1: "
    "together y² exp(−x) times what came from above, here 0.64 × 0.25 = 0.16.",
    ja="同じ図の逆伝播。逆数のノードで −y²、加算はそのまま、exp で exp(−x) 倍、最後に −1 倍となり、合わせて上流の微分"
    "の y² exp(−x) 倍、ここでは 0.64 × 0.25 = 0.16 です。",
)
def sigmoid_backward() -> Tensor:
    """Figure 5-20: the sigmoid in steps and its gradient y² exp(−x)."""
    y = _sigmoid_in_steps()
    y.backward()
    return y


@figure(
    "5-21",
    en="The sigmoid as one node: the steps in between disappear, forward and back only input and output count.",
    ja="途中の計算をまとめて一つの sigmoid ノードにした図。順伝播も逆伝播も、入力と出力だけを考えればよくなります。",
)
@figure(
    "5-22",
    en="The same node, its gradient written by the result alone: ∂L/∂y times y(1 − y). In figure 5-21 that is 0.8 × "
    "0.2 = 0.16.",
    ja="同じノードの微分を出力だけで書いた図。上流の微分に y(1 − y) を掛けるだけです。図 5-21 の数値では 0.8 × 0.2 = "
    "0.16 になります。",
    show="formulas",
)
def sigmoid_node() -> Tensor:
    """Figures 5-21 and 5-22: the sigmoid as one node, the gradient is y(1 − y)."""
    y = named(sigmoid(variable(math.log(4), "x")), "y")
    y.backward()
    return y


# ------------------------------------------------------------------------------------------- affine (section 5.6)


def _shaped(name: str, *shape: int) -> Tensor:
    values = np.arange(1.0, 1 + math.prod(shape)).reshape(shape)
    return Tensor(values / 10, requires_grad=True, name=name)


def _affine(*rows: int) -> Tensor:
    return named(dot(_shaped("X", *rows, 2), _shaped("W", 2, 3)) + _shaped("B", 3), "Y")


@figure(
    "5-24",
    en="The affine layer forward: X of shape (2,) and W of (2, 3) meet in a node dot, B of (3,) is added. Now arrays "
    "and no longer numbers flow, so the shapes stand at the arrows.",
    ja="Affine レイヤの順伝播。形状 (2,) の X と (2, 3) の W が dot ノードで掛け合わされ、(3,) の B が加わります。流"
    "れるのはもう数値ではなく配列なので、矢印には形状が書かれています。",
    show="shapes",
)
def affine_forward() -> Tensor:
    """Figure 5-24: Y = X · W + B with shapes (2,), (2, 3), (3,)."""
    return _affine()


@figure(
    "5-25",
    en="The way back through the affine layer: ∂L/∂X is ∂L/∂Y times W transposed, ∂L/∂W is X transposed times ∂L/∂Y; "
    "every gradient has the shape of what it belongs to.",
    ja="Affine レイヤの逆伝播。∂L/∂X は ∂L/∂Y と W の転置との積、∂L/∂W は X の転置と ∂L/∂Y との積で、どの微分も元の変"
    "数と同じ形状になります。",
    show="shapes",
)
def affine_backward() -> Tensor:
    """Figure 5-25: the same with gradients, each of its variable's shape."""
    y = _affine()
    y.backward(np.ones(3))
    return y


@figure(
    "5-26",
    en="The node dot alone: how the shapes tell which product is right, (3,) times (3, 2) for X and (2, 1) times (1, "
    "3) for W.",
    ja="dot ノードだけを取り出した図。次元の要素数が合うように積を組み立てれば、X には (3,)・(3, 2)、W には (2, 1)・"
    "(1, 3) の積が決まります。",
    show="shapes",
)
def matrix_product() -> Tensor:
    """Figure 5-26: the gradients of X · W have the shapes (2,) and (2, 3)."""
    y = named(dot(_shaped("X", 2), _shaped("W", 2, 3)), "Y")
    y.backward(np.ones(3))
    return y


@figure(
    "5-27",
    en="The affine layer for a batch: X has N rows. The bias was added to every row, so its gradient is the sum over "
    "the rows of ∂L/∂Y. (Drawn with N = 4.)",
    ja="バッチ版の Affine レイヤ。X は N 行になります。バイアスはどの行にも足されたので、その微分は ∂L/∂Y を行方向に"
    "合計したものです。(ここでは N = 4 で描きました。)",
    show="formulas",
)
def affine_batch() -> Tensor:
    """Figure 5-27: Y = X · W + B with shapes (N, 2), (2, 3), (3,), here N = 4."""
    y = _affine(4)
    y.backward(np.ones((4, 3)))
    return y

"""Figures 5-28 to 5-30 and appendix A: softmax with cross entropy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from ... import nn
from ...ops import exp, log, op, reciprocal, softmax
from ...tensor import Tensor
from .figure import figure, named, variable

PROBABILITIES = (0.3, 0.2, 0.5)
TARGETS = (0.0, 1.0, 0.0)
"""An example of section 5.6.3: the right class, the second of three, got only 20 %."""


@figure(
    "5-28",
    en="Where softmax stands: an image of a digit goes through affine and relu layers, the last affine layer gives "
    "ten scores, and softmax turns these into probabilities.",
    ja="手書き数字認識での Softmax レイヤの位置。画像は Affine と ReLU を順に通り、最後の Affine が出す 10 個のスコア"
    "を Softmax が確率に変えます。",
    rankdir="LR",
)
def digits() -> tuple[nn.Module, np.ndarray]:
    """Figure 5-28: affine – relu – affine – relu – affine – softmax."""
    sizes = ((784, 50), (50, 100), (100, 10))
    layers = [layer for n, m in sizes for layer in (nn.Linear(n, m), nn.ReLU())]
    return nn.Sequential(*layers[:-1], nn.Softmax()), np.zeros((1, 784), np.float32)


@op(symbol="Cross Entropy Error", vjp={"y": lambda g, y, t: -g * t / y})
def cross_entropy_error(y: Any, t: Any, /) -> Any:
    """Cross entropy −Σ t log y of one example as one node."""
    return np.asarray(-np.sum(t * np.log(y)))


@figure(
    "5-30",
    en="Softmax with loss in two boxes: the scores a become probabilities y, these and the targets t the loss L. "
    "What comes back to the scores is simply y − t: here (0.3, −0.8, 0.5) from y = (0.3, 0.2, 0.5) and t = (0, 1, 0).",
    ja="Softmax-with-Loss を二つのノードで表した図。スコア a が確率 y になり、教師ラベル t とあわせて損失 L になりま"
    "す。スコアへ戻る微分は単なる差 y − t で、ここでは y = (0.3, 0.2, 0.5)、t = (0, 1, 0) から (0.3, −0.8, 0.5) です。",
)
@figure(
    "A-1",
    en="The same picture opens appendix A, which then computes every node of it.",
    ja="付録 A の冒頭にも同じ図があり、続いてその中のノードを一つずつ計算していきます。",
)
def softmax_with_loss_in_boxes() -> Tensor:
    """Figures 5-30 and A-1: softmax and cross entropy as one node each; the scores get y − t."""
    scores = Tensor(np.log(PROBABILITIES), requires_grad=True, name="a")
    loss = named(cross_entropy_error(named(softmax(scores), "y"), Tensor(np.array(TARGETS), name="t")), "L")
    loss.backward()
    return loss


def _numbered(values: Sequence[float], name: str) -> list[Tensor]:
    return [variable(value, f"{name}{k}") for k, value in enumerate(values, start=1)]


def _targets() -> list[Tensor]:
    return [Tensor(t, name=f"t{k}") for k, t in enumerate(TARGETS, start=1)]


def _softmax(scores: Sequence[Tensor]) -> list[Tensor]:
    exps = [exp(a) for a in scores]
    inverse = reciprocal(reduce(add, exps))
    return [e * inverse for e in exps]


def _cross_entropy(probabilities: Sequence[Tensor]) -> Tensor:
    logs = [log(y) * t for y, t in zip(probabilities, _targets(), strict=True)]
    return named(reduce(add, logs) * -1, "L")


class ThreeWaySoftmax(nn.Module):
    """Softmax of three numbers, as primitives."""

    def forward(self, a1: Tensor, a2: Tensor, a3: Tensor) -> list[Tensor]:
        """Map three scores to three probabilities."""
        return [named(y, f"y{k}") for k, y in enumerate(_softmax((a1, a2, a3)), start=1)]


@figure(
    "A-2",
    en="Softmax forward in its nodes: exp of every score, their sum S, its reciprocal, and one product for each "
    "class, exp(a) / S.",
    ja="Softmax の順伝播をノードに分けた図。各スコアの exp、その合計 S、S の逆数、そしてクラスごとの積 exp(a) / S か"
    "らなります。",
    depth="ops",
    show="values",
    rankdir="LR",
    title=" ",
)
def softmax_forward() -> tuple[Any, ...]:
    """Figure A-2: three scores become the probabilities 0.3, 0.2 and 0.5."""
    return ThreeWaySoftmax(), *_numbered(np.log(PROBABILITIES).tolist(), "a")


@figure(
    "A-3",
    en="Cross entropy forward in its nodes: the logarithm of every probability, times its target, all added, times −1.",
    ja="交差エントロピー誤差の順伝播。各確率の log に教師ラベルを掛け、すべて足して最後に −1 を掛けます。",
)
def cross_entropy_forward() -> Tensor:
    """Figure A-3: L = −(t1 log y1 + t2 log y2 + t3 log y3)."""
    return _cross_entropy(_numbered(PROBABILITIES, "y"))


@figure(
    "A-4",
    en="The way back through cross entropy: the −1 turns the sign, the plus passes it on, × multiplies by the "
    "target, log divides by its input: −t / y arrives at each probability, here 0, −5 and 0.",
    ja="交差エントロピー誤差の逆伝播。−1 で符号が変わり、加算はそのまま通し、乗算で教師ラベルを掛け、log で入力の逆数"
    "を掛けて、各確率に −t / y が届きます。ここでは 0、−5、0 です。",
)
def cross_entropy_backward() -> Tensor:
    """Figure A-4: the gradients −t / y."""
    loss = _cross_entropy(_numbered(PROBABILITIES, "y"))
    loss.backward()
    return loss


@figure(
    "5-29",
    en="The whole layer softmax with loss in all its nodes, forward and backward, for three classes: complicated "
    "inside, and y − t at the end. Appendix A derives it step by step.",
    ja="Softmax-with-Loss レイヤの全体を、3 クラスの場合についてすべてのノードで描いた図(順伝播と逆伝播)。途中は複雑"
    "でも、最後は y − t になります。導出は付録 A にあります。",
)
@figure(
    "A-5",
    en="The result of appendix A: softmax and cross entropy joined, with every value and gradient. Where the "
    "reciprocal's result is used three times, three gradients add up; each score gets y − t. (Scores of section 3.5.)",
    ja="付録 A の結論。Softmax と交差エントロピー誤差をつなぎ、すべての値と微分を書き込んだ図です。逆数の結果は 3 か"
    "所で使われるので三つの微分が足され、各スコアには y − t が届きます。(スコアは 3.5 節の例。)",
)
def softmax_with_loss() -> Tensor:
    """Figures 5-29 and A-5: softmax with cross entropy for three classes, as primitives; the scores get y − t."""
    loss = _cross_entropy(_softmax(_numbered((0.3, 2.9, 4.0), "a")))
    loss.backward()
    return loss

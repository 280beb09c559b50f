"""Beyond the book: loops."""

from __future__ import annotations

from ...tape import keep_values
from ...tensor import Tensor
from .figure import figure, named, variable


@figure(
    "L-1",
    en="Newton's method for √a: y becomes the mean of y and a/y, again and again. All three runs of the loop are "
    "drawn: 1.5, 1.417, 1.414.",
    ja="√a を求めるニュートン法。y を y と a/y の平均で置き換えることをくり返します。ループの 3 回分がすべて描かれて"
    "います。値は 1.5、1.417、1.414 と √2 に近づきます。",
)
@figure(
    "L-2",
    en="The same with `roll=True`: what the loop runs again is drawn once, “↻ ×3”, with its first and last value. The "
    "dashed arrows lead to the next run, twice; from the start 1 the loop goes only the first time, to the result only "
    "the last time.",
    ja="同じ計算を `roll=True` で描いたもの。ループがくり返す演算は一度だけ「↻ ×3」と描かれ、値は最初と最後の回の"
    "ものです。破線の矢印は次の回へ進み、2 回通ります。初期値 1 が使われるのは 1 回目だけ、結果へ進むのは最後の回だけ"
    "です。",
    roll=True,
)
def newton() -> Tensor:
    """Figures L-1 and L-2: three steps of Newton's method for √2."""
    a, y = variable(2, "a"), variable(1, "y")
    with keep_values():
        for _ in range(3):
            y = (y + a / y) / 2
    return named(y, "√a")

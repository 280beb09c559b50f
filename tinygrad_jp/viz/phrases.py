"""How ops are told: for each a formula, the gradient of each input as a formula, and one sentence for either way.

In a formula stand the inputs and static arguments by their names in the op's row, and:

- ``{g}`` the gradient that arrives, ``{out}`` the result;
- ``{n}`` how many elements of the input make one of the result, ``{rows}`` the number of examples;
- ``{more}`` the static arguments that are not the default ones; an ellipsis if they are not known but matter;
- ``{inputs}`` all inputs, for the general phrases;
- ``{local}`` the local derivative, where there is no short formula for it: ∂z/∂x.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..ops import Op

Shapes = Sequence[tuple[int, ...]]


@dataclass(frozen=True)
class Said:
    """A sentence in both languages."""

    en: str
    ja: str

    def __add__(self, other: Said) -> Said:
        return Said(f"{self.en} {other.en}", self.ja + other.ja)


@dataclass(frozen=True)
class Phrase:
    """How one op is told.

    Attributes
    ----------
    formula
        Of the result.
    back
        Of what each input contributes to its gradient, by the input's name.
    does, returns
        What the op does with its inputs, and with a gradient.
    fits
        Tells from the inputs' shapes and the static arguments whether the formulas hold.
    """

    formula: str
    back: Mapping[str, str]
    does: Said
    returns: Said
    fits: Callable[[Shapes, Mapping[str, Any]], bool] = field(default=lambda shapes, attrs: True)


def phrase_of(op: Op[Any], shapes: Shapes, attrs: Mapping[str, Any]) -> Phrase:
    """Return how an op is told: its own phrase, else the general one for ops of its kind."""
    for phrase in PHRASES.get(op.name, ()) if op.trusted else ():
        if phrase.fits(shapes, attrs):
            return phrase
    general = MOVED if op.family == "movement" else FUSED if op.decomposition is not None else OTHER
    return Phrase(f"{op.name}({{inputs}}{{more}})", {}, *general)


CHAIN = "{g} · {local}"
"""The chain rule, for inputs without a formula of their own."""

MOVED = (
    Said("It moves elements without changing them.", "要素の値は変えずに、置き場所だけを変えます。"),
    Said(
        "Each element takes its gradient from the place it went to; several places add up.",
        "各要素は、移った先に届いた勾配を受け取ります。移った先が複数あれば足し合わせます。",
    ),
)
FUSED = (
    Said(
        "Several steps in one op; inside `with primitives():` each is recorded by itself.",
        "いくつかの計算を一つにまとめたノードです。`with primitives():` の中では一つずつ記録されます。",
    ),
    Said(
        "By the chain rule: the arriving gradient times the derivative of the whole op.",
        "連鎖律どおり、届いた勾配に、まとめた計算全体の微分を掛けます。",
    ),
)
OTHER = (
    Said("It computes its result from its inputs.", "入力から結果を計算します。"),
    Said(
        "By the chain rule: the arriving gradient times the op's own derivative.",
        "連鎖律どおり、届いた勾配に、このノード自身の微分を掛けます。",
    ),
)
REPEATED = Said(
    "The input was repeated to fit, so its gradient is summed over the axes along which it was repeated.",
    "この入力は形状を合わせるために繰り返し使われたので、繰り返した軸について勾配を合計します。",
)
RESCUED = Said(
    "Where 0 would have been multiplied by something infinite or undefined, strict_zero() made the gradient exactly 0.",
    "0 に無限大や未定義の値を掛けることになる所では、strict_zero() が勾配をちょうど 0 にしました。",
)
MISSING = Said(
    "What is not computed was not reached by a backward pass: call backward() on the result.",
    "「計算していません」の勾配には、まだ逆伝播が届いていません。結果の backward() を呼んでください。",
)
TOO_LARGE = Said(
    "Of so large a graph gradients are kept only if it was computed inside `with keep_values():`; else what is not "
    "computed may just not be known.",
    "これほど大きなグラフの勾配は、`with keep_values():` の中で計算したときだけ残ります。"
    "そうでなければ「計算していません」は、残っていないだけかもしれません。",
)
ELSEWHERE = Said(
    "⇒ with no hook there: the gradient is not the sum of what is told. Another result uses the value, too, or another "
    "backward pass came there: explain the tensor whose backward() was called last, right after it.",
    "フックがないのに ⇒ があるのは、その勾配がここに示した分の合計ではないという印です。"
    "その値がほかの結果でも使われているか、別の逆伝播が通っています。"
    "最後に backward() を呼んだテンソルの explain() を見てください。",
)


def _matrices(shapes: Shapes, attrs: Mapping[str, Any]) -> bool:
    return len(shapes[0]) == 2 == len(shapes[1])


def _vectors(shapes: Shapes, attrs: Mapping[str, Any]) -> bool:
    return len(shapes[0]) == len(shapes[1]) < 2


def _euclidean(shapes: Shapes, attrs: Mapping[str, Any]) -> bool:
    return bool(attrs.get("ord", 2) == 2)


def _unary(formula: str, back: str, does: Said, returns: Said) -> tuple[Phrase, ...]:
    return (Phrase(formula, {"x": back}, does, returns),)


def _function(name: str, back: str, derivative: str, en: str, ja: str) -> tuple[Phrase, ...]:
    """Tell a function of one variable, whose derivative is written out."""
    return _unary(
        f"{name}({{x}})",
        back,
        Said(f"{en}.", f"{ja}を計算します。"),
        Said(
            f"Its derivative is {derivative}; the arriving gradient is multiplied by it.",
            f"微分は {derivative} なので、届いた勾配にこれを掛けます。",
        ),
    )


def _flat(formula: str, en: str, ja: str, *inputs: str) -> tuple[Phrase, ...]:
    """Tell a function made of flat steps, through which no gradient comes."""
    return (
        Phrase(
            formula,
            dict.fromkeys(inputs or ("x",), "{g} × 0"),
            Said(en, ja),
            Said(
                "It is flat between its jumps, so its derivative is 0 and nothing passes.",
                "段の途中では平らで微分が 0 なので、勾配はここで消えます。",
            ),
        ),
    )


ADDED = Said(
    "The arriving gradient goes on to both inputs as it is: the derivative of a sum is 1.",
    "足し算の微分は 1 なので、届いた勾配がそのまま両方の入力に伝わります。",
)
SWAPPED = Said(
    "Each input gets the arriving gradient times the other input: the inputs change places.",
    "届いた勾配に相手側の入力を掛けます。順伝播のときと入力が入れ替わる形です。",
)
PASSED = Said("The arriving gradient passes as it is.", "届いた勾配がそのまま通ります。")
PRODUCT = Said(
    "As with ×, the other input is the factor; transposed, so that the shapes fit.",
    "掛け算と同じく相手側の入力を掛けます。形状が合うように転置します。",
)
LARGER = "Only the input that was taken gets the gradient; equal ones share it."
LARGER_JA = "勾配は選ばれた側の入力だけに伝わります。同じ値なら分け合います。"
WINDOWS = Said("Its filters slide over the images.", "フィルターを画像の上で動かしながら積和を計算します。")

PHRASES: dict[str, tuple[Phrase, ...]] = {
    # ------------------------------------------------------------------------------------------ arithmetic
    "add": (Phrase("{x} + {y}", {"x": "{g} × 1", "y": "{g} × 1"}, Said("Adds.", "足し算をします。"), ADDED),),
    "sub": (
        Phrase(
            "{x} − {y}",
            {"x": "{g} × 1", "y": "{g} × (-1)"},
            Said("Subtracts.", "引き算をします。"),
            Said(
                "The first input gets the arriving gradient as it is, the second with the opposite sign.",
                "引かれる側には届いた勾配がそのまま、引く側には符号を変えて伝わります。",
            ),
        ),
    ),
    "mul": (
        Phrase("{x} × {y}", {"x": "{g} × {y}", "y": "{g} × {x}"}, Said("Multiplies.", "掛け算をします。"), SWAPPED),
    ),
    "div": (
        Phrase(
            "{x} ÷ {y}",
            {"x": "{g} ÷ {y}", "y": "-{g} × {x} ÷ {y}²"},
            Said("Divides.", "割り算をします。"),
            Said(
                "What is divided gets the gradient divided by the same number; the divisor gets it times −x ÷ y².",
                "割られる側には勾配を同じ数で割ったものが、割る側には勾配に −x ÷ y² を掛けたものが伝わります。",
            ),
        ),
    ),
    "floor_divide": _flat("⌊{x} ÷ {y}⌋", "Divides and rounds down.", "割り算をして切り捨てます。", "x", "y"),
    "mod": (
        Phrase(
            "{x} mod {y}",
            {"x": "{g} × 1", "y": "-{g} × ⌊{x} ÷ {y}⌋"},
            Said("Takes the remainder.", "割り算の余りを取ります。"),
            Said(
                "The remainder is x − y ⌊x ÷ y⌋, and the whole quotient counts as constant.",
                "余りは x − y ⌊x ÷ y⌋ で、商は定数とみなします。",
            ),
        ),
    ),
    "neg": _unary(
        "-{x}",
        "{g} × (-1)",
        Said("Changes the sign.", "符号を変えます。"),
        Said("The gradient changes its sign, too.", "勾配の符号も変わります。"),
    ),
    "pow": (
        Phrase(
            "{x} ** {y}",
            {"x": "{g} × {y} × {x} ** ({y} − 1)", "y": "{g} × {out} × log({x})"},
            Said("Raises to a power.", "べき乗を計算します。"),
            Said(
                "The exponent comes down as a factor, and one less stays above.",
                "指数が係数として前に出て、肩には 1 小さい指数が残ります。",
            ),
        ),
    ),
    "square": _unary(
        "{x}²",
        "{g} × 2 × {x}",
        Said("Squares.", "2 乗します。"),
        Said("The derivative of x² is 2x.", "x² の微分は 2x です。"),
    ),
    "abs": _unary(
        "|{x}|",
        "{g} × sign({x})",
        Said("Takes the absolute value.", "絶対値を取ります。"),
        Said(
            "The gradient keeps its sign where x is positive, and changes it where x is negative.",
            "x が正なら勾配はそのまま、負なら符号を変えて伝わります。",
        ),
    ),
    "sign": _flat("sign({x})", "Takes the sign.", "符号(1、0、−1)を取り出します。"),
    "maximum": (
        Phrase(
            "max({x}, {y})",
            {"x": "{g} × ([{x} > {y}] + [{x} = {y}] ÷ 2)", "y": "{g} × ([{y} > {x}] + [{y} = {x}] ÷ 2)"},
            Said("Takes the larger of two.", "二つのうち大きい方を選びます。"),
            Said(LARGER, LARGER_JA),
        ),
    ),
    "minimum": (
        Phrase(
            "min({x}, {y})",
            {"x": "{g} × ([{x} < {y}] + [{x} = {y}] ÷ 2)", "y": "{g} × ([{y} < {x}] + [{y} = {x}] ÷ 2)"},
            Said("Takes the smaller of two.", "二つのうち小さい方を選びます。"),
            Said(LARGER, LARGER_JA),
        ),
    ),
    "where": (
        Phrase(
            "where({condition}, {x}, {y})",
            {"x": "where({condition}, {g}, 0)", "y": "where({condition}, 0, {g})"},
            Said(
                "Takes the first branch where the condition holds, else the second.",
                "条件が成り立つ所では前の値、それ以外では後の値を取ります。",
            ),
            Said("The gradient goes to the branch that was taken.", "勾配は選ばれた側にだけ伝わります。"),
        ),
    ),
    "clip": _unary(
        "clip({x}, {a_min}, {a_max})",
        "{g} × [{x} = {out}]",
        Said("Limits to an interval.", "値を区間の中に収めます。"),
        Said("The gradient passes only where nothing was cut.", "切り詰められなかった所だけ勾配が通ります。"),
    ),
    # ------------------------------------------------------------------------------------------ functions
    "exp": _unary(
        "exp({x})",
        "{g} × {out}",
        Said("Takes the exponential.", "指数関数を計算します。"),
        Said(
            "The exponential is its own derivative: the gradient is multiplied by the result.",
            "指数関数は微分しても変わらないので、届いた勾配に順伝播の結果を掛けます。",
        ),
    ),
    "expm1": _function("expm1", "{g} × exp({x})", "exp(x)", "Takes exp(x) − 1", "exp(x) − 1 "),
    "log": _function("log", "{g} ÷ {x}", "1 ÷ x", "Takes the natural logarithm", "自然対数"),
    "log1p": _function("log1p", "{g} ÷ (1 + {x})", "1 ÷ (1 + x)", "Takes log(1 + x)", "log(1 + x) "),
    "log2": _function(
        "log2", "{g} ÷ ({x} × log 2)", "1 ÷ (x log 2)", "Takes the logarithm to base 2", "2 を底とする対数"
    ),
    "log10": _function("log10", "{g} ÷ ({x} × log 10)", "1 ÷ (x log 10)", "Takes the logarithm to base 10", "常用対数"),
    "sqrt": _function("sqrt", "{g} ÷ (2 × {out})", "1 ÷ (2√x)", "Takes the square root", "平方根"),
    "reciprocal": _unary(
        "1 ÷ {x}",
        "-{g} × {out}²",
        Said("Takes the reciprocal.", "逆数を取ります。"),
        Said(
            "The gradient is multiplied by the square of the result, and changes its sign.",
            "届いた勾配に順伝播の結果の 2 乗を掛け、符号を変えます。",
        ),
    ),
    "sin": _function("sin", "{g} × cos({x})", "cos(x)", "Takes the sine", "サイン"),
    "cos": _function("cos", "-{g} × sin({x})", "−sin(x)", "Takes the cosine", "コサイン"),
    "tan": _function("tan", "{g} × (1 + {out}²)", "1 + tan²(x)", "Takes the tangent", "タンジェント"),
    "arcsin": _function("arcsin", "{g} ÷ √(1 − {x}²)", "1 ÷ √(1 − x²)", "Takes the inverse sine", "サインの逆関数"),
    "arccos": _function(
        "arccos", "-{g} ÷ √(1 − {x}²)", "−1 ÷ √(1 − x²)", "Takes the inverse cosine", "コサインの逆関数"
    ),
    "arctan": _function(
        "arctan", "{g} ÷ (1 + {x}²)", "1 ÷ (1 + x²)", "Takes the inverse tangent", "タンジェントの逆関数"
    ),
    "sinh": _function("sinh", "{g} × cosh({x})", "cosh(x)", "Takes the hyperbolic sine", "双曲線サイン"),
    "cosh": _function("cosh", "{g} × sinh({x})", "sinh(x)", "Takes the hyperbolic cosine", "双曲線コサイン"),
    "tanh": _function(
        "tanh", "{g} × (1 − {out}²)", "1 − tanh²(x)", "Takes the hyperbolic tangent", "双曲線タンジェント"
    ),
    "erf": _function("erf", "{g} × 2 ÷ √π × exp(-{x}²)", "2 ÷ √π × exp(−x²)", "Takes the error function", "誤差関数"),
    "logaddexp": (
        Phrase(
            "log(exp({x}) + exp({y}))",
            {"x": "{g} × exp({x} − {out})", "y": "{g} × exp({y} − {out})"},
            Said("Takes the logarithm of a sum of exponentials.", "指数の和の対数を計算します。"),
            Said("Each input gets its share of the sum.", "勾配は、和に占める割合に応じて分けられます。"),
        ),
    ),
    "astype": _unary(
        "{x} as {dtype}", "{g} × 1", Said("Copies, in a given dtype.", "指定された dtype でコピーします。"), PASSED
    ),
    "identity": _unary("identity({x})", "{g} × 1", Said("Changes nothing.", "何も変えません。"), PASSED),
    # ------------------------------------------------------------------------------------------ activations
    "sigmoid": _unary(
        "sigmoid({x})",
        "{g} × {out} × (1 − {out})",
        Said("Squeezes any number into 0…1.", "どんな数も 0 と 1 の間に収めます。"),
        Said(
            "With y the result, the derivative is y (1 − y): at most ¼, and nearly 0 far from 0.",
            "結果を y とすると微分は y (1 − y) です。最大でも 1/4 で、入力が 0 から遠いとほぼ 0 になります。",
        ),
    ),
    "relu": _unary(
        "relu({x})",
        "{g} × [{x} > 0]",
        Said("Keeps what is positive, and sets the rest to 0.", "正の値はそのまま、それ以外は 0 にします。"),
        Said(
            "A switch: the gradient passes where the input was positive, and stops elsewhere.",
            "スイッチのように働き、入力が正だった所だけ勾配が通り、ほかでは止まります。",
        ),
    ),
    "leaky_relu": _unary(
        "leaky_relu({x}{more})",
        "where({x} > 0, {g}, {g} × {negative_slope})",
        Said("Keeps what is positive, and shrinks the rest.", "正の値はそのまま、それ以外は小さくします。"),
        Said(
            "The gradient passes where the input was positive, and shrinks alike elsewhere.",
            "入力が正だった所では勾配がそのまま通り、ほかでは同じ割合で小さくなります。",
        ),
    ),
    "prelu": (
        Phrase(
            "where({x} > 0, {x}, {x} × {weight})",
            {"x": "where({x} > 0, {g}, {g} × {weight})", "weight": "where({x} > 0, 0, {g} × {x})"},
            Said(
                "Keeps what is positive, and multiplies the rest by a slope.",
                "正の値はそのまま、それ以外は傾きを掛けます。",
            ),
            Said(
                "Where the input was positive the gradient passes; elsewhere it is a multiplication.",
                "入力が正だった所では勾配がそのまま通り、ほかでは掛け算と同じです。",
            ),
        ),
    ),
    "elu": _unary(
        "elu({x}{more})",
        "where({x} > 0, {g}, {g} × ({out} + {alpha}))",
        Said(
            "Keeps what is positive, and bends the rest towards −α.", "正の値はそのまま、それ以外は −α に近づけます。"
        ),
        Said(
            "The gradient passes where the input was positive, and fades elsewhere.",
            "入力が正だった所では勾配がそのまま通り、ほかでは弱まります。",
        ),
    ),
    "softplus": _function("softplus", "{g} × sigmoid({x})", "sigmoid(x)", "Takes log(1 + exp(x))", "log(1 + exp(x)) "),
    "step": _flat("step({x})", "1 where the input is positive, else 0.", "入力が正なら 1、それ以外は 0 にします。"),
    "floor": _flat("⌊{x}⌋", "Rounds down.", "切り捨てます。"),
    "ceil": _flat("⌈{x}⌉", "Rounds up.", "切り上げます。"),
    "trunc": _flat("trunc({x})", "Cuts off the decimals.", "小数部分を捨てます。"),
    "round": _flat("round({x}{more})", "Rounds.", "丸めます。"),
    # ------------------------------------------------------------------------------------------ reductions
    "sum": _unary(
        "sum({x}{more})",
        "repeat({g})",
        Said("Adds all elements (along the axis).", "要素を(軸に沿って)すべて足します。"),
        Said(
            "Like +: every element that was added gets the same gradient.",
            "足し算と同じで、足されたどの要素にも同じ勾配が伝わります。",
        ),
    ),
    "mean": _unary(
        "mean({x}{more})",
        "repeat({g} ÷ {n})",
        Said("Takes the mean (along the axis).", "要素の平均を(軸に沿って)取ります。"),
        Said(
            "Every element gets the same share: the gradient divided by how many there are.",
            "届いた勾配を要素の個数で割り、どの要素にも等しく伝えます。",
        ),
    ),
    "var": _unary(
        "var({x}{more})",
        "{g} × 2 × ({x} − mean({x})) ÷ {n}",
        Said("Takes the variance (along the axis).", "分散を(軸に沿って)計算します。"),
        Said(
            "Each element's gradient is proportional to its distance from the mean.",
            "各要素の勾配は、平均からのずれに比例します。",
        ),
    ),
    "std": _unary(
        "std({x}{more})",
        "{g} × ({x} − mean({x})) ÷ ({n} × {out})",
        Said("Takes the standard deviation (along the axis).", "標準偏差を(軸に沿って)計算します。"),
        Said(
            "Each element's gradient is proportional to its distance from the mean.",
            "各要素の勾配は、平均からのずれに比例します。",
        ),
    ),
    "prod": _unary(
        "prod({x}{more})",
        "{g} × Πⱼ≠ᵢ {x}",
        Said("Multiplies all elements (along the axis).", "要素を(軸に沿って)すべて掛けます。"),
        Said(
            "Each element gets the product of all the others.", "各要素には、自分以外のすべての要素の積が掛かります。"
        ),
    ),
    "max": _unary(
        "max({x}{more})",
        "{g} × [{x} = {out}] ÷ Σ[{x} = {out}]",
        Said("Takes the largest element (along the axis).", "最大の要素を(軸に沿って)取ります。"),
        Said(
            "Only the largest element gets the gradient; equal ones share it.",
            "勾配は最大だった要素だけに伝わります。同じ値が複数あれば分け合います。",
        ),
    ),
    "min": _unary(
        "min({x}{more})",
        "{g} × [{x} = {out}] ÷ Σ[{x} = {out}]",
        Said("Takes the smallest element (along the axis).", "最小の要素を(軸に沿って)取ります。"),
        Said(
            "Only the smallest element gets the gradient; equal ones share it.",
            "勾配は最小だった要素だけに伝わります。同じ値が複数あれば分け合います。",
        ),
    ),
    "cumsum": _unary(
        "cumsum({x}{more})",
        "flip(cumsum(flip({g})))",
        Said("Adds up step by step.", "順に足し込んでいきます。"),
        Said(
            "An element is in every later sum, so the gradients are added up from the end.",
            "各要素はそれ以降のどの和にも入るので、勾配は後ろから順に足し込みます。",
        ),
    ),
    "logsumexp": _unary(
        "log Σ exp({x}{more})",
        "{g} × exp({x} − {out})",
        Said("Takes the logarithm of the sum of exponentials.", "指数の和の対数を計算します。"),
        Said(
            "Each element gets its share of the sum: the softmax.",
            "各要素には和に占める割合、つまりソフトマックスの値が掛かります。",
        ),
    ),
    "softmax": _unary(
        "softmax({x}{more})",
        "{out} × ({g} − Σ({g} × {out}))",
        Said("Turns scores into shares that sum to 1.", "スコアを、合計が 1 になる割合に変えます。"),
        Said(
            "What one share wins the others lose: the weighted mean of the gradients is taken off.",
            "一つの割合が増えればほかは減るので、勾配からその加重平均を引きます。",
        ),
    ),
    "log_softmax": _unary(
        "log_softmax({x}{more})",
        "{g} − exp({out}) × Σ({g})",
        Said("Takes the logarithm of the softmax.", "ソフトマックスの対数を計算します。"),
        Said(
            "From each gradient the element's share of their sum is taken off.",
            "各勾配から、勾配の合計のうち自分の割合にあたる分を引きます。",
        ),
    ),
    "norm": (
        Phrase(
            "‖{x}‖",
            {"x": "{g} × {x} ÷ {out}"},
            Said("Takes the length of the vector.", "ベクトルの長さを計算します。"),
            Said(
                "The gradient points along the vector itself.",
                "勾配はベクトル自身に沿った向きになります。",
            ),
            _euclidean,
        ),
    ),
    # ------------------------------------------------------------------------------------------ movement
    "reshape": _unary("reshape({x}, {shape})", "reshape({g})", *MOVED),
    "expand_dims": _unary("expand_dims({x}{more})", "reshape({g})", *MOVED),
    "squeeze": _unary("squeeze({x}{more})", "reshape({g})", *MOVED),
    "transpose": _unary("transpose({x}{more})", "transpose({g})", *MOVED),
    "getitem": _unary(
        "{x}[{index}]",
        CHAIN,
        Said("Takes some of the elements.", "要素の一部を取り出します。"),
        Said(
            "Each gradient goes back to the place its element was taken from; what was not taken gets 0.",
            "勾配は取り出した元の位置に戻ります。取り出さなかった要素の勾配は 0 です。",
        ),
    ),
    "broadcast_to": _unary("broadcast_to({x}, {shape})", "{g} × 1", Said("Repeats.", "繰り返します。"), PASSED),
    # ------------------------------------------------------------------------------------------ products
    "dot": (
        Phrase(
            "{x} · {y}",
            {"x": "{g} · {y}ᵀ", "y": "{x}ᵀ · {g}"},
            Said("Multiplies matrices.", "行列の積を計算します。"),
            PRODUCT,
            _matrices,
        ),
        Phrase(
            "{x} · {y}",
            {"x": "{g} × {y}", "y": "{g} × {x}"},
            Said("Takes the inner product.", "内積を計算します。"),
            SWAPPED,
            _vectors,
        ),
    ),
    "matmul": (
        Phrase(
            "{x} · {y}",
            {"x": "{g} · {y}ᵀ", "y": "{x}ᵀ · {g}"},
            Said("Multiplies matrices.", "行列の積を計算します。"),
            PRODUCT,
            _matrices,
        ),
    ),
    "affine": (
        Phrase(
            "{x} · {w} + {b}",
            {"x": "{g} · {w}ᵀ", "w": "{x}ᵀ · {g}", "b": "sum({g}, axis=0)"},
            Said("Multiplies by the weights and adds the bias.", "重みを掛けてバイアスを足します。"),
            PRODUCT
            + Said(
                "The bias was added to every row, so its gradient is the sum over the rows.",
                "バイアスはどの行にも足されたので、勾配は行について合計します。",
            ),
            _matrices,
        ),
    ),
    "affine_relu": (
        Phrase(
            "relu({x} · {w} + {b})",
            {
                "x": "({g} × [{out} > 0]) · {w}ᵀ",
                "w": "{x}ᵀ · ({g} × [{out} > 0])",
                "b": "sum({g} × [{out} > 0], axis=0)",
            },
            Said(
                "Multiplies by the weights, adds the bias, and sets what is negative to 0.",
                "重みを掛けてバイアスを足し、負の値を 0 にします。",
            ),
            Said(
                "The gradient passes where the result is positive; from there it goes on as through a matrix product: "
                "times the other matrix, transposed.",
                "勾配は結果が正の所だけを通り、その先は行列の積と同じく、相手の行列の転置を掛けます。",
            ),
            _matrices,
        ),
    ),
    "conv2d": (
        Phrase(
            "conv2d({x}, {w}{more})",
            {"x": CHAIN, "w": CHAIN},
            WINDOWS,
            Said(
                "Like a matrix product of the filters with every window: the other input is the factor; where windows "
                "overlap they add up.",
                "窓ごとに見ればフィルターとの行列の積なので、相手側の入力を掛けます。重なった窓の分は足し合わせます。",
            ),
        ),
    ),
    "im2col": _unary(
        "im2col({x}{more})",
        "col2im({g})",
        Said("Lays every window of the images out as one row.", "画像の窓を一つずつ 1 行に並べます。"),
        Said(
            "Each pixel adds up the gradients of all windows that it was in.",
            "各画素は、自分が入っていたすべての窓の勾配を足し合わせて受け取ります。",
        ),
    ),
    "max_pool2d": _unary(
        "max_pool2d({x}{more})",
        "max_unpool2d({g})",
        Said("Takes the largest pixel of each window.", "窓ごとに最大の画素を取ります。"),
        Said(
            "The gradient of a window goes to the pixel that was the largest; the others get 0.",
            "窓の勾配は最大だった画素に伝わり、ほかの画素は 0 です。",
        ),
    ),
    "avg_pool2d": _unary(
        "avg_pool2d({x}{more})",
        CHAIN,
        Said("Takes the mean of each window.", "窓ごとに平均を取ります。"),
        Said("The pixels of a window share its gradient equally.", "窓の勾配を、窓の中の画素で等しく分け合います。"),
    ),
    # ------------------------------------------------------------------------------------------ whole layers
    "softmax_cross_entropy": (
        Phrase(
            "softmax_cross_entropy({x}, {t})",
            {"x": "{g} × (softmax({x}) − one_hot({t})) ÷ {rows}"},
            Said(
                "Turns scores into probabilities, and averages −log of that of the right class.",
                "スコアを確率に変え、正解クラスの確率の −log を平均します。",
            ),
            Said(
                "What remains of it all is the difference between probabilities and targets.",
                "全体を通すと、確率と正解ラベルの差という簡単な形になります。",
            ),
        ),
    ),
}
"""By the names of the rows, each list from the most special to the most general."""

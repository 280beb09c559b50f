"""The language in which the user is spoken to, English or Japanese, and the library's words in both.

The language is that of :func:`speaking`, else that of the environment, TINYGRAD_JP_LANG before the locale. A text is
written in English where it is shown, as ``tell("epoch {n}", n=3)``; :data:`JAPANESE` holds what stands for it. The
command line's long texts have tables of their own, ``cli/english.py`` and ``cli/japanese.py``. Errors are in English.
"""

from __future__ import annotations

import locale
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .errors import ArgumentError

LANGUAGES = ("en", "ja")
VARIABLE = "TINYGRAD_JP_LANG"

_spoken: ContextVar[str | None] = ContextVar("spoken", default=None)


def preferred(environment: Mapping[str, str] = os.environ) -> str:
    """Return the language that the environment asks for, "en" or "ja".

    Parameters
    ----------
    environment
        Its variables: TINYGRAD_JP_LANG, then LC_ALL, LC_MESSAGES, LANG; the first that is not empty counts. If all
        are, the locale of this process does.
    """
    names = (environment.get(name) for name in (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG"))
    name = next(filter(None, names), None) or locale.setlocale(locale.LC_CTYPE)
    return "ja" if name.lower().startswith("ja") else "en"


def language() -> str:
    """Return the language that is spoken, "en" or "ja"."""
    return _spoken.get() or preferred()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language, "en" or "ja", in what stands in this ``with`` block.

    Raises
    ------
    ArgumentError
        If it is another one.

    Examples
    --------
    >>> with speaking("ja"):
    ...     print(model.summary((1, 784)))
    """
    if language not in LANGUAGES:
        raise ArgumentError(f"speaking: there is no language {language!r}; there are {', '.join(LANGUAGES)}")
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def tell(text: str, **values: Any) -> str:
    """Return a text of the library in the language that is spoken.

    Parameters
    ----------
    text
        In English; what has no Japanese for it, such as the name of a user's own metric, is left as it is.
    **values
        Put into its braces.
    """
    said = JAPANESE.get(text, text) if language() == "ja" else text
    return said.format(**values) if values else said


JAPANESE = {
    # ---------------------------------------------------------------- compiled kernels
    "tinygrad_jp: compiling kernels, once on this machine (about 20 s) …": (
        "tinygrad_jp: カーネルをコンパイルしています(このマシンでは一度だけ、約 20 秒) …"
    ),
    # ---------------------------------------------------------------- columns of a history
    "epoch": "エポック",
    "loss": "損失",
    "lr": "学習係数",
    "seconds": "秒数",
    "accuracy": "認識精度",
    "top_k_accuracy": "上位 k 個の認識精度",
    "precision": "適合率",
    "recall": "再現率",
    "f_score": "F 値",
    "mse": "平均二乗誤差",
    "rmse": "平均二乗誤差の平方根",
    "mae": "平均絶対誤差",
    "r2_score": "決定係数",
    "val_{name}": "検証{name}",
    "(no epoch was finished)": "(終わったエポックはありません)",
    # ---------------------------------------------------------------- training
    "epoch {epoch}/{epochs}": "エポック {epoch}/{epochs}",
    " examples": " 個",
    "{title}: {done}/{total}, {means}, {speed:.0f} examples/s, {left:.0f} s left": "{title}: {done}/{total}、{means}、"
    "{speed:.0f} 個/秒、残り {left:.0f} 秒",
    "interrupted in epoch {epoch}": "第 {epoch} エポックで中断しました",
    "interrupted in epoch {epoch}; fit(…, resume=True) goes on from {path}": "第 {epoch} エポックで中断しました。"
    "fit(…, resume=True) で {path} から続けられます",
    "stopped early after epoch {epoch}, as {path} says: there is nothing to go on with": "{path} によると、第 {epoch} "
    "エポックで早期終了しています。続きはありません",
    "search": "探索",
    "trial": "回",
    "(pruned)": "(打ち切り)",
    # ---------------------------------------------------------------- summary
    "layer": "層",
    "output shape": "出力の形状",
    "parameters": "パラメータ数",
    "multiply-adds": "積和演算の回数",
    "total": "合計",
    "total ({n:,} parameters frozen)": "合計(うち {n:,} 個のパラメータは固定)",
    # ---------------------------------------------------------------- plots
    "every step": "各ステップ",
    "mean of {n} steps": "{n} ステップの平均",
    "step": "ステップ",
    "iteration": "繰り返し回数",
    "loss (cross entropy)": "損失(交差エントロピー誤差)",
    "training": "学習",
    "validation": "検証",
    "test": "テスト",
    "best {value}": "最高 {value}",
    "no validation": "検証なし",
    "predicted": "予測",
    "true": "正解",
    "observed": "実測",
    "share of the true class": "正解クラスに占める割合",
    "predicted = observed": "予測 = 実測",
    "{right} of {n} test images recognised; wrong ones first, in red (label → prediction)": "テスト画像 {n} 枚のうち "
    "{right} 枚を正しく認識(先頭の赤は誤認識、正解 → 予測)",
    "{wrong} of {n} images misclassified (label → prediction)": "画像 {n} 枚のうち {wrong} 枚を誤認識(正解 → 予測)",
    "{wrong} of {n} images misclassified; the first {most} (label → prediction)": "画像 {n} 枚のうち {wrong} 枚を誤認識"
    "(最初の {most} 枚、正解 → 予測)",
    "activation": "アクティベーション",
    "weight": "重み",
    "count": "度数",
    "std {value}": "標準偏差 {value}",
    "no numbers": "値なし",
    "{n} not finite": "有限でない値 {n} 個",
    "function": "関数",
    "derivative": "導関数",
    "plots: no font with Japanese characters was found, so {consequence}; {remedy}": "plots: 日本語のフォントが見つか"
    "らないので、{consequence}。{remedy}",
    "install one of {fonts} (Debian, Ubuntu: apt install fonts-noto-cjk) and delete fontlist-*.json in {cache}, where "
    "matplotlib remembers the fonts": "{fonts} のどれかをインストールし(Debian、Ubuntu なら apt install "
    "fonts-noto-cjk)、matplotlib がフォントを記憶している {cache} の fontlist-*.json を削除してください",
    "they are drawn as boxes (in .svg the viewer's fonts show them)": "四角で描かれます(.svg では表示する側のフォント"
    "が使われます)",
    "the words are in English": "図の言葉は英語で書きます",
}

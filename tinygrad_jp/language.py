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
    "tinygrad_jp: compiling kernels, once on this machine (about 30 s) …": (
        "tinygrad_jp: カーネルをコンパイルしています(このマシンでは一度だけ、約 30 秒) …"
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
    # ---------------------------------------------------------------- certificate
    "op": "演算",
    "shape": "形状",
    "error of gradient": "勾配の誤差",
    "error of result": "結果の誤差",
    "verdict": "判定",
    "line": "行",
    "right": "正しい",
    "wrong": "誤り",
    "kink": "折れ点",
    "not judged": "判定不能",
    "1 op": "演算 1 個",
    "{n} ops": "演算 {n} 個",
    "{ops}: {right} right, {kink} at a kink, {wrong} wrong, {rest} not judged": "{ops}: 正しい {right}、"
    "折れ点 {kink}、誤り {wrong}、判定不能 {rest}",
    "(those that are right are not listed)": "(正しいものは表示していません)",
    "recorded outside keep_values()": "keep_values() の外で記録された",
    "it cannot be run again in float64: {error}": "float64 で計算し直せない: {error}",
    "{n} of {size} results{where}": "結果 {size} 個のうち {n} 個{where}",
    "run again, its result has shape {shape}": "計算し直すと結果の形状が {shape} になる",
    "its results are NaN or infinite": "結果が NaN または無限大",
    "random: run again on the same inputs it gives another result": "乱数を使う演算で、同じ入力でも結果が変わる",
    "the result on the tape is not what the op gives for its inputs, off by {off}: a wrong forward pass, or an array "
    "changed in place": "記録された結果が、入力から計算し直した値と {off} ずれている(順伝播の誤りか、配列の書き換え)",
    "it computes more coarsely than in float64, whatever it is given": "何を渡しても float64 より粗い精度で計算する",
    "{n} of {size} results are NaN or infinite": "結果 {size} 個のうち {n} 個が NaN または無限大",
    "its vjp fails: {error}": "vjp がエラーになる: {error}",
    "the gradient of {input} is NaN or infinite": "{input} の勾配が NaN または無限大",
    "the numerical derivative by {input} does not settle": "{input} による数値微分が収束しない",
    "the gradient of {input} is wrong: in one direction it gives {analytic}, numerically {numeric}": "{input} の勾配が"
    "誤り(ある方向の微分が {analytic}、数値微分では {numeric})",
    "at a kink the gradient of {input} is {given}, not between the one-sided derivatives {low} and {high}": "折れ点で、"
    "{input} の勾配 {given} が左右の微分係数 {low} と {high} の間にない",
    "the gradient of {input} on the tape is not what the vjp gives, off by {off}": "記録された {input} の勾配が "
    "vjp の値と {off} ずれている",
    "the gradient that arrived was replaced by a hook": "届いた勾配をフックが置き換えた",
    "the gradient that arrived is not the sum of what was sent, off by {off} (if another result uses this one, too, "
    "verify the tensor whose backward() was called)": "届いた勾配が、送られた勾配の合計と {off} ずれている(ほかの結果も"
    "この値を使っているなら、backward() を呼んだテンソルを調べてください)",
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
    "NaN or infinite": "NaN または無限大",
    "zero: {shares}": "0 の割合 {shares}",
    "function": "関数",
    "derivative": "導関数",
    "path": "経路",
    "start": "始点",
    "{n} filters of {height} × {width}": "{height} × {width} のフィルター {n} 個",
    "{most} of {n} filters of {height} × {width}": "{height} × {width} のフィルター {n} 個のうち {most} 個",
    ", {shown} of {channels} channels to the right": "、右へ {channels} チャンネルのうち {shown}",
    "; orange: NaN or infinite": "(橙色は NaN または無限大)",
    "image": "画像",
    "{most} of {n}": "{n} 枚のうち {most} 枚",
    "plots: no font with Japanese characters was found, so {consequence}; {remedy}": "plots: 日本語のフォントが見つか"
    "らないので、{consequence}。{remedy}",
    "install one of {fonts} (Debian, Ubuntu: apt install fonts-noto-cjk) and start Python anew": "{fonts} のどれかをイ"
    "ンストールし(Debian、Ubuntu なら apt install fonts-noto-cjk)、Python を起動し直してください",
    "they are drawn as boxes (in .svg the viewer's fonts show them)": "四角で描かれます(.svg では表示する側のフォント"
    "が使われます)",
    "the words are in English": "図の言葉は英語で書きます",
    # ---------------------------------------------------------------- report
    "contents": "目次",
    "How the training went": "学習の経過",
    "How well it does": "結果",
    "The network": "ネットワーク",
    "What it learned": "学習したもの",
    "Settings": "設定",
    "History": "履歴",
    "Made by viz.report of tinygrad_jp.": "tinygrad_jp の viz.report で作成。",
    "test data": "テストデータ",
    "test data of {name}": "{name} のテストデータ",
    "validation data": "検証データ",
    "accuracy on {data}": "{data}の認識精度",
    "least validation loss": "最小の検証損失",
    "epochs": "エポック数",
    "weights of epoch": "重みのエポック",
    "training time": "学習時間",
    "{seconds:.0f} s": "{seconds:.0f} 秒",
    'No plots: they need matplotlib, pip install "tinygrad_jp[demo]".': "図はありません。matplotlib が必要です: pip ins"
    'tall "tinygrad_jp[demo]"',
    "Left out: {why}": "省略しました: {why}",
    "The words of the plots are in English: no font with Japanese characters was found.": "日本語のフォントが見つからな"
    "いので、図の言葉は英語です。",
    "there are no examples that were not trained on; give data=(x, t)": "学習に使っていないデータがありません。"
    "data=(x, t) で指定してください",
    "No history: no epoch was finished, or none was given.": "履歴はありません。終わったエポックがないか、履歴が渡され"
    "ていません。",
    "No curves: the history holds no finite number.": "学習曲線はありません。履歴に有限の数がありません。",
    "Learning curves: {curves}": "学習曲線: {curves}",
    "NaN or infinite in epoch {epochs}.": "エポック {epochs} に NaN または無限大があります。",
    "No results: {why}": "結果はありません: {why}",
    "On {n} examples: {data}.": "{data} {n} 個での結果です。",
    "Observed numbers against predicted ones, with the line of equality": "予測した数と実測した数の散布図。両者が等しい"
    "直線を添えた",
    "No plots: the targets are neither labels nor numbers in the shape of the output.": "図はありません。正解がラベルで"
    "も、出力と同じ形状の数でもありません。",
    "Confusion matrix. {told}": "混同行列。{told}",
    "The misclassified examples are not shown: they are no images.": "誤認識したデータは画像でないので示しません。",
    "The first of {n} misclassified images, each with its label and what it was taken for": "誤認識した画像 {n} 枚の最"
    "初の部分。それぞれに正解と予測を添えた",
    "Misclassified images": "誤認識した画像",
    "Classes": "クラスごとの結果",
    "class": "クラス",
    "examples": "個数",
    "Every example was recognised.": "すべてのデータを正しく認識しました。",
    "Most often confused: {true} was taken for {taken}, {n} of {all} times.": "最も多い誤りは {true} を {taken} とした"
    "もので、{all} 個のうち {n} 個です。",
    "The network itself is not in the folder: no graph, no table. viz.report((model, history)) shows them.": "フォルダ"
    "にネットワークそのものがないので、計算グラフと表はありません。viz.report((model, history)) なら示せます。",
    "As text": "テキスト表現",
    "No graph and no table: they need an example; give data=(x, t).": "計算グラフと表はありません。データの例が必要です"
    "。data=(x, t) で指定してください。",
    "Graph of {name}": "{name} の計算グラフ",
    "What the network computes of one example, module by module.": "1 つのデータからネットワークが計算するものを、モジ"
    "ュールごとに示します。",
    "Layers": "層の一覧",
    "There are no parameters.": "パラメータがありません。",
    "The {n} filters of {name} as pictures": "{name} のフィルター {n} 個の画像",
    "Filters": "フィルター",
    "What each layer makes of one image, a row of pictures for each layer": "1 枚の画像から各層が作るもの。層ごとに 1 "
    "行の画像",
    "Feature maps of one image": "1 枚の画像の特徴マップ",
    "A histogram for each of {n} arrays of weights": "重みの配列 {n} 個のヒストグラム",
    "Weights": "重み",
    "Activations": "アクティベーション",
    "Gradients of the activations": "アクティベーションの勾配",
    "Gradients of the weights": "重みの勾配",
    "{what}, epoch after epoch": "{what}、エポックごと",
    "{what} of {n} layers: a hill for each epoch": "{n} 層の{what}。エポックごとに 1 つの山",
    "No histograms over the epochs: the run kept none; Trainer(…, callbacks=[Histograms(x, t)]) does.": "エポックごとの"
    "ヒストグラムはありません。記録するには Trainer(…, callbacks=[Histograms(x, t)]) とします。",
    "No settings are known; settings={…} shows them.": "設定は分かりません。settings={…} で示せます。",
    "setting": "項目",
    "value": "値",
}

"""Write docs/gallery.md and docs/images/gallery/*.svg from viz.gallery. Run: python docs/make_gallery.py."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from tinygrad_jp.viz.gallery import FIGURES, Figure

PAGE = Path(__file__).with_name("gallery.md")
PICTURES = Path(__file__).parent / "images" / "gallery"
WIDE = 420
"""Wider pictures, in points, stand above the text and not beside it."""
CHAPTERS = {
    "3": "Chapter 3: neural networks · 3 章 ニューラルネットワーク",
    "5": "Chapter 5: backpropagation · 5 章 誤差逆伝播法",
    "6": "Chapter 6: techniques for learning · 6 章 学習に関するテクニック",
    "7": "Chapter 7: convolutional networks · 7 章 畳み込みニューラルネットワーク",
    "8": "Chapter 8: deep learning · 8 章 ディープラーニング",
    "A": "Appendix A: softmax with loss · 付録 A Softmax-with-Loss レイヤの計算グラフ",
    "L": "Beyond the book: loops · 本にない図: ループ",
}
HEAD = """# The book's figures

The computational graphs and networks of『ゼロから作る Deep Learning』, drawn by `viz.graph`; written by
`python docs/make_gallery.py`. Beside each picture stands what the book's figure of that number shows, in our own words.
Above an arrow stands what flows forward, below it in red what comes back. All numbers are computed, none are drawn by
hand; those that the book prints are asserted in `tests/test_gallery.py`.

本の計算グラフとネットワークの図を `viz.graph` で描いたものです。各図の横に、本の同じ番号の図が何を示しているかを
私たちの言葉で添えました。矢印の上は順伝播の値、下の赤字は逆伝播の微分で、数値はすべて実際に計算した結果です。

```python
from tinygrad_jp.viz.gallery import FIGURES

FIGURES["5-14"].draw().save("apple.svg")
```

Pictures of whole networks (VGG, GoogLeNet, ResNet, …: the book's figures 8-9, 8-10 and 8-13) are in
[networks.md](networks.md).
"""


def title(figure: Figure) -> str:
    """Return the figure's number as the book writes it."""
    return re.sub(r"-0", "-", figure.number)


def source(figure: Figure) -> str:
    """Return the code that computes what a figure shows, without the text."""
    text = inspect.getsource(figure.compute)
    return text[text.index("def ") :].rstrip()


def call(figure: Figure) -> str:
    """Return the line that draws a figure."""
    subject = f"{figure.compute.__name__}()"
    if inspect.signature(figure.compute).return_annotation != "Tensor":
        subject = f"*{subject}"
    texts = {name: f'"{value}"' if isinstance(value, str) else value for name, value in figure.options.items()}
    options = "".join(f", {name}={text}" for name, text in texts.items())
    return f"viz.graph({subject}{options})"


def section(figure: Figure) -> str:
    """Draw a figure, and return its section of the page."""
    path = figure.draw().save(PICTURES / f"{figure.number}.svg")
    width = float(re.search(r'<svg[^>]*? width="([\d.]+)pt"', path.read_text(encoding="utf-8"))[1])  # type: ignore[index]
    name = title(figure)
    picture = f"![Figure {name}](images/gallery/{path.name})"
    if width > WIDE:
        shown = f"{picture}\n\n{figure.en}\n\n{figure.ja}"
    else:
        shown = f"| ours | the book's figure |\n|---|---|\n| {picture} | {figure.en}<br><br>{figure.ja} |"
    file = Path(inspect.getfile(figure.compute)).relative_to(PAGE.parents[1])
    where = f"Drawn by `{call(figure)}`; the function is in [{file.name}](../{file}):"
    code = f"<details><summary>Code</summary>\n\n{where}\n\n```python\n{source(figure)}\n```\n\n</details>"
    return f"### Figure {name}\n\n{shown}\n\n{code}\n"


def page() -> str:
    """Draw all figures, and return the page."""
    lines = [HEAD]
    for chapter, heading in CHAPTERS.items():
        figures = [figure for number, figure in FIGURES.items() if number.startswith(f"{chapter}-")]
        lines += [f"## {heading}\n", *map(section, figures)]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)

"""Draw the book's figures of computational graphs and networks (docs/gallery.md shows them).

Run: python examples/book05_figures.py [--quick] [--out FOLDER]

--quick changes nothing: it takes a few seconds anyway.
"""

from __future__ import annotations

from pathlib import Path

from _common import parser

from tinygrad_jp.viz.gallery import FIGURES


def main(folder: Path) -> None:
    for number, figure in FIGURES.items():
        print(f"figure {number}:", figure.draw().save(folder / f"figure_{number}.svg"))


if __name__ == "__main__":
    main(parser(__doc__).parse_args().out)

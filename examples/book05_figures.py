"""Draw the figures of the book's chapter 5 and of appendix A.

Run: python examples/book05_figures.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

from tinygrad_jp import viz
from tinygrad_jp.viz.gallery import FIGURES


def main(folder: Path) -> None:
    for number, figure in FIGURES.items():
        print(f"figure {number}:", viz.graph(figure()).save(folder / f"figure_{number}.svg"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "examples/output"))

"""How all plots look: colours, sizes and fonts, in one place."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib import font_manager

from ...language import language, speaking, tell
from ..dot import FONTS

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Told apart by colour-blind readers too (Okabe and Ito, Color Universal Design, 2008)."""
BLUE, RED, GREEN = COLOURS[:3]
GREY, WRONG = "0.65", "#c0392b"
MARKERS = "osD^vPX"
INK, SHARES, SIGNED = "gray_r", "Blues", "RdBu_r"
"""Colour maps: of pictures and feature maps, of shares and counts, and of weights, with 0 in the middle."""
NOT_FINITE = COLOURS[4]
"""Of the pixels of a picture that are NaN or infinite."""
JAPANESE_FONTS = (*FONTS.split(",")[:-1], "Noto Sans JP", "TakaoGothic", "VL Gothic", "MS Gothic")
"""Tried in this order: those of the graphs, then others often found."""
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "0.4",
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "figure.facecolor": "white",
    "figure.titlesize": 12,
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.fontsize": 9,
    "legend.framealpha": 0.9,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "tinygrad_jp",  # or ids would be random
    "text.parse_math": False,  # names may hold dollar signs
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw what stands in this ``with`` block in the style of tinygrad_jp's plots; also a decorator."""
    font = japanese_font()
    if font is None and language() == "ja":
        warn_of_missing_font("the words are in English")
    families = ["DejaVu Sans", *filter(None, [font]), "sans-serif"]  # the last one is for who views an SVG
    with mpl.rc_context({**STYLE, "font.family": families}), speaking(language() if font else "en"):
        yield


@cache
def japanese_font() -> str | None:
    """Return the name of an installed font with Japanese characters, or None."""
    listed = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in JAPANESE_FONTS if name in listed), None) or _searched_font()


def _searched_font() -> str | None:
    """Look into the font files: for a font of another name, or one installed since matplotlib listed them."""
    for path in sorted(font_manager.findSystemFonts(), key=_how_plain):
        try:
            font = font_manager.get_font(path)
            if all(font.get_char_index(ord(character)) for character in "あア漢"):
                font_manager.fontManager.addfont(path)
                return str(font.family_name)
        except (OSError, RuntimeError, ValueError):  # a file that FreeType or matplotlib cannot use
            continue
    return None


def _how_plain(path: str) -> tuple[bool, bool, str]:
    """Sort the files of fonts: regular weights without serifs first."""
    name = Path(path).name.lower()
    return not name.endswith(("regular.ttc", "regular.ttf", "regular.otf")), "serif" in name or "mono" in name, name


@cache
def warn_of_missing_font(consequence: str) -> None:
    """Say, once, that there is no font with Japanese characters, what follows from that, and what to install."""
    remedy = tell(
        "install one of {fonts} (Debian, Ubuntu: apt install fonts-noto-cjk) and start Python anew",
        fonts=", ".join(JAPANESE_FONTS),
    )
    message = "plots: no font with Japanese characters was found, so {consequence}; {remedy}"
    warnings.warn(tell(message, consequence=tell(consequence), remedy=remedy), stacklevel=5)

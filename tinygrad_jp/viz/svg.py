"""An SVG file as browsers and screen readers want it: complete in itself, told in words, legible on dark pages."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256

from .colours import COLD, WARM
from .text import printable

DARK_FILLS = {
    "white": "#16181d",
    "black": "#c9ccd1",
    "#fdf3dc": "#4a3c17",
    "#e6effa": "#1e344f",
    "#f2f2f2": "#34373c",
    "#dff2dd": "#1d4321",
    "#fbd5d0": "#5c211b",
    "#fde8c8": "#53390f",
    "#ededed": "#3a3d42",
    **dict(zip(WARM, ("#2c2720", "#46351f", "#63421f", "#7d4c1f", "#94541f", "#a9552a"), strict=True)),
    **dict(zip(COLD, ("#20272f", "#213549", "#234262", "#244f7b", "#265b92", "#2f68a6"), strict=True)),
    "#ffffff": "#16181d",
}
DARK_STROKES = {
    "black": "#c9ccd1",
    "#b4b4b4": "#5a5f66",
    "#d5d5d5": "#5a5f66",
    "#a6a6a6": "#85898f",
    "#8a8f98": "#85898f",
    "#c0392b": "#ff8d7e",
}
DARK_TEXTS = {
    "#c0392b": "#ff8d7e",
    "#5f6670": "#aab1bb",
    "#3d8b40": "#7fd083",
    "#d68910": "#f5b041",
    "#30343a": "#d5d9df",
}
"""What takes the place of each colour of a picture on a dark page."""


def finished(svg: str, title: str, description: str, images: Mapping[str, bytes]) -> str:
    """Complete what Graphviz wrote.

    Parameters
    ----------
    svg
        The file.
    title, description
        For those who do not see it.
    images
        Contents of the PNG files that it refers to, by their names: they become part of it.

    Returns
    -------
    str
        The same picture. What the pointer rests on is explained; nothing is named by Graphviz's own identifiers, and
        all that has one has it to itself, so that several pictures can stand on one page.
    """
    told = (svg + title).encode("utf-8", "replace")  # half a surrogate pair is no character
    own = f"graph-{sha256(told).hexdigest()[:8]}"
    svg = re.sub(r'<g id="(?:a_|graph)[^"]*"', "<g", svg)
    svg = re.sub(r'<g id="[^"]*" class="node">\n<title>(\w+)</title>', rf'<g id="{own}-\1" class="node">', svg)
    svg = re.sub(r'<g(?: id="[^"]*")? class="(\w+)"([^>]*)>\n<title>[^<]*</title>', r'<g class="\1"\2>', svg)
    svg = re.sub(r'<a xlink:title="([^"]*)">', r"<a><title>\1</title>", svg)
    svg = re.sub(r'<image xlink:href="([^"]+)"[^>]*?(width=[^>]*?) preserveAspectRatio="[^"]*"', _inlined(images), svg)
    svg = svg.replace("<text text-anchor", '<text xml:space="preserve" text-anchor')  # which Graphviz 2 leaves out
    texts = f'<title id="{own}-title">{printable(title)}</title>\n'
    labels = f"{own}-title"
    if description:
        texts += f'<desc id="{own}-desc">{printable(description)}</desc>\n'
        labels += f" {own}-desc"
    start = f'<svg id="{own}" role="img" aria-labelledby="{labels}"'
    return re.sub(
        r"<svg\b([^>]*>\n?)", lambda tag: start + tag[1] + texts + f"<style>{_style(own)}</style>\n", svg, count=1
    )


def _inlined(images: Mapping[str, bytes]) -> Callable[[re.Match[str]], str]:
    def inline(tag: re.Match[str]) -> str:
        content = images.get(tag[1])
        if content is None:
            return tag[0]
        data = b64encode(content).decode()
        return f'<image xlink:href="data:image/png;base64,{data}" {tag[2]} preserveAspectRatio="none"'

    return inline


def _style(own: str) -> str:
    """Write the looks that SVG's attributes cannot tell: sharp pixels, and other colours on dark pages."""
    rules = [f'#{own} :not(text)[fill="{light}"]{{fill:{dark}}}' for light, dark in DARK_FILLS.items()]
    rules += [f'#{own} [stroke="{light}"]{{stroke:{dark}}}' for light, dark in DARK_STROKES.items()]
    rules += [f"#{own} text:not([fill]){{fill:#e8e9eb}}", f'#{own} text[fill^="#"]{{filter:brightness(1.6)}}']
    rules += [f'#{own} text[fill="{light}"]{{fill:{dark};filter:none}}' for light, dark in DARK_TEXTS.items()]
    return (
        f"\n#{own} image{{image-rendering:pixelated}}\n@media (prefers-color-scheme:dark){{\n"
        + "\n".join(rules)
        + "\n}\n"
    )

"""The page of a report: its parts as text, and its looks.

The page needs no network and runs no script (its own security policy forbids both); pictures are data inside it.
Everything that is written into it is escaped here.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from ..language import language, tell
from .webpage import Page

STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --soft: #5c5c5c; --paper: #fff; --desk: #f4f4f2; --line: #dcdcd8;
  --mark: #0072b2; --warn: #9a4a00 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --soft: #a8a8a8; --paper: #171717; --desk: #0d0d0d; --line: #3a3a3a; --mark: #6bb8e6;
    --warn: #f0a860 }
  img.drawn { filter: invert(.91) hue-rotate(180deg) }
  img.light { background: #fff }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--desk); color: var(--ink); line-height: 1.6;
  font-family: system-ui, "Hiragino Sans", "Yu Gothic UI", Meiryo, "Noto Sans CJK JP", "Noto Sans JP", sans-serif }
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.2rem }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 1.6rem 0 .2rem; overflow-wrap: anywhere }
h2 { font-size: 1.25rem; margin: 0 0 .8rem }
h3 { font-size: 1rem; margin: 1.6rem 0 .5rem }
p { margin: .4rem 0 }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; padding: 0; margin: .8rem 0 }
a { color: var(--mark) }
section { background: var(--paper); border: 1px solid var(--line); border-radius: .6rem; padding: 1.1rem 1.3rem;
  margin: 1.1rem 0 }
dl.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .7rem; margin: 1rem 0 }
dl.facts div { background: var(--paper); border: 1px solid var(--line); border-radius: .6rem; padding: .6rem .9rem }
dl.facts dt { color: var(--soft); font-size: .82rem }
dl.facts dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
figure { margin: 0 0 1.2rem }
figcaption { color: var(--soft); font-size: .9rem; max-width: 46rem }
.scroll { overflow-x: auto; max-height: 36rem; overflow-y: auto }
figure .scroll { max-height: none }
img { display: block; width: min(100%, var(--width)); height: auto }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums }
th, td { padding: .22rem .8rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th { color: var(--soft); font-weight: 600; position: sticky; top: 0; background: var(--paper) }
.left { text-align: left }
td.left { white-space: normal; overflow-wrap: break-word; min-width: 7.5rem }
.missing { border-left: .25rem solid var(--warn); padding: .1rem .8rem; color: var(--warn); overflow-wrap: anywhere }
footer { color: var(--soft); font-size: .85rem; padding-bottom: 1.5rem }
@media (max-width: 40rem) {
  header, main, footer { padding: 0 .7rem }
  section { padding: .9rem .8rem }
  dl.facts { grid-template-columns: repeat(2, 1fr) }
  img { width: max(100%, calc(var(--width) * .62)); max-width: none }
}
@media print {
  body, section { background: none }
  .scroll { max-height: none; overflow: visible }
  nav { display: none }
}
"""


# ---------------------------------------------------------------------------------------------- parts


def picture(svg: str, alt: str, caption: str = "", photographs: bool = False) -> str:
    """Write an SVG as a figure, its data inside the page.

    Parameters
    ----------
    svg
        Its text.
    alt
        What is to be seen, for those who do not see it.
    caption
        Stands below.
    photographs
        Whether its colours must stay as they are on a dark page; else it is turned dark, if it does not do so itself.
    """
    width = re.search(r'<svg\b[^>]*?\swidth="([\d.]+)(pt|px)?"', svg)
    pixels = round(float(width[1]) * (4 / 3 if width[2] == "pt" else 1)) if width else 640
    own = "prefers-color-scheme" in svg
    looks = "light" if photographs else "" if own else "drawn"
    data = b64encode(svg.encode()).decode()
    image = (
        f'<img class="{looks}" style="--width: {pixels}px" alt="{escape(alt)}" src="data:image/svg+xml;base64,{data}">'
    )
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{_scrolled(image, alt)}{below}</figure>"


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]], name: str, left: int = 1) -> str:
    """Write a table.

    Parameters
    ----------
    head
        Of the columns.
    rows
        Their cells.
    name
        What the table shows, for screen readers.
    left
        How many of the first columns hold words; the others hold numbers.
    """

    def line(cells: Sequence[Any], tag: str) -> str:
        sides = (' class="left"' if k < left else "" for k in range(len(cells)))
        scope = ' scope="col"' if tag == "th" else ""
        return "".join(
            f"<{tag}{scope}{side}>{escape(str(cell))}</{tag}>" for cell, side in zip(cells, sides, strict=True)
        )

    body = "\n".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return _scrolled(f"<table>\n<thead><tr>{line(head, 'th')}</tr></thead>\n<tbody>{body}</tbody>\n</table>", name)


def _scrolled(inside: str, name: str) -> str:
    """Let what is too wide be scrolled, by keys too."""
    return f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(name)}">{inside}</div>'


def missing(text: str) -> str:
    """Write what is not on the page, and why."""
    return f'<p class="missing" role="note">{escape(text)}</p>'


def paragraph(text: str) -> str:
    """Write a paragraph."""
    return f"<p>{escape(text)}</p>"


def heading(text: str) -> str:
    """Write the heading of a part of a section."""
    return f"<h3>{escape(text)}</h3>"


def facts(found: Iterable[tuple[str, str]]) -> str:
    """Write the most important numbers, each with its name."""
    return (
        '<dl class="facts">'
        + "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in found)
        + "</dl>"
    )


def document(title: str, lead: str, sections: Iterable[tuple[str, str, Iterable[str]]], foot: str) -> Page:
    """Put a page together.

    Parameters
    ----------
    title
        Of the page.
    lead
        HTML below the title.
    sections
        For each its name in the page's own links, its heading and its parts, which are HTML.
    foot
        Text at the end.
    """
    found = [(name, head, "\n".join(parts)) for name, head, parts in sections]
    links = "".join(f'<li><a href="#{name}">{escape(head)}</a></li>' for name, head, _ in found)
    body = "\n".join(
        f'<section id="{name}" aria-labelledby="{name}-head">\n<h2 id="{name}-head">{escape(head)}</h2>\n{inside}\n'
        "</section>"
        for name, head, inside in found
    )
    return Page(
        f"""<!DOCTYPE html>
<html lang="{language()}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
{lead}
<nav aria-label="{escape(tell("contents"))}"><ul>{links}</ul></nav>
</header>
<main>
{body}
</main>
<footer><p>{escape(foot)}</p></footer>
</body>
</html>
""",
        title,
        f"about {title}",
    )

"""From DOT to SVG, PNG, PDF and more: by the Graphviz inside the pygraphviz wheel, or by the ``dot`` program.

The wheel takes no time to start, and draws the same on every machine: it makes the SVGs. What is large is drawn by the
program, if there is one, because only a program can be stopped when it takes too long.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

Format = Literal["svg", "png", "pdf", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "eps", "ps"]
"""Not every Graphviz writes all of them."""
OF_PIXELS = ("png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff")
IN_PROCESS = 100_000
"""Characters of DOT text up to which the wheel draws first: about a fifth of a second's work."""
SECONDS = 120
"""A layout that takes longer is given up."""


class GraphvizError(RuntimeError):
    """No Graphviz was found, or it could not draw."""


def render(dot: str, format: Format | Literal["plain"], images: Mapping[str, bytes] | None = None) -> bytes:
    """Draw DOT text.

    Parameters
    ----------
    dot
        The text.
    format
        "svg", "pdf", "png" (144 dots per inch), or another that the installed Graphviz writes; "plain" is the layout.
    images
        Contents of the PNG files that the text refers to, by their names. (An SVG then refers to them, too.)

    Returns
    -------
    bytes
        Contents of the file.

    Raises
    ------
    GraphvizError
        If there is neither a ``dot`` program on the PATH nor pygraphviz, if it does not write the format, or fails.
    """
    quick = format in ("svg", "plain") and len(dot) <= IN_PROCESS and find_spec("pygraphviz") is not None
    program = None if quick else shutil.which("dot")
    options = ["-q", "-Gdpi=144"] if format in OF_PIXELS else ["-q"]
    with _laid_out(images or {}) as paths:
        options += paths
        return _by_program(program, dot, format, options) if program else _by_wheel(dot, format, options)


@contextmanager
def _laid_out(images: Mapping[str, bytes]) -> Iterator[list[str]]:
    """Write images into a folder, if there are any, and name it in options."""
    if not images:
        yield []
        return
    with tempfile.TemporaryDirectory(prefix="tinygrad_jp") as folder:
        for name, content in images.items():
            (Path(folder) / name).write_bytes(content)
        yield [f"-Gimagepath={folder}"]


def _by_program(program: str, dot: str, format: str, options: list[str]) -> bytes:
    try:
        done = subprocess.run(
            [program, f"-T{format}", *options], input=dot.encode(), capture_output=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise GraphvizError(f"dot: no layout after {SECONDS} s; draw less with max_nodes=") from None
    told = done.stderr.decode(errors="replace").strip()
    if "not recognized" in told:
        others = [name for name in get_args(Format) if name in told.partition("Use one of:")[2].split()]
        raise GraphvizError(f"this Graphviz cannot write {format}, but {', '.join(others)}")
    if done.returncode != 0 or not done.stdout:
        raise GraphvizError(f"dot: {told or 'no output'}")
    return done.stdout


def _by_wheel(dot: str, format: str, options: list[str]) -> bytes:
    try:
        import pygraphviz
    except ImportError as error:
        raise GraphvizError(
            "no Graphviz found: pip install pygraphviz (its wheel carries one), or install Graphviz so that its 'dot' "
            "program is on the PATH; Graph.dot and Graph.save('x.dot') work without"
        ) from error
    try:
        with _no_font_warnings():
            drawn: bytes = pygraphviz.AGraph(string=dot).draw(format=format, prog="dot", args=shlex.join(options))
    except (pygraphviz.DotError, OSError, ValueError) as error:
        raise GraphvizError(f"pygraphviz: {error}") from error
    except TypeError as error:  # it takes the code of a failure for a result
        raise GraphvizError(f"the Graphviz inside pygraphviz cannot write {format}") from error
    return drawn


@contextmanager
def _no_font_warnings() -> Iterator[None]:
    """Hold back what fontconfig says of the machine's own settings, and pass on all else that is written meanwhile."""
    try:
        stderr = os.dup(2)
    except OSError:  # a program without a console
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            os.write(2, b"".join(line for line in held if not line.startswith(b"Fontconfig warning")))

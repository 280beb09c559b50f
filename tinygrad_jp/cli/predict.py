"""``tinygrad-jp predict``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import ops
from ..tape import no_grad
from ..tensor import Tensor
from . import datasets, runs
from .image import CONTRAST, prepare, read_image
from .language import CommandError, say
from .text import bar, pad, width


def predict(folder: Path, paths: Sequence[Path], top: int, invert: bool | None) -> int:
    """Tell what images show.

    Parameters
    ----------
    folder
        Of the run.
    paths
        Of the images.
    top
        How many classes are shown.
    invert
        Whether images are inverted; None: those with a light background.

    Returns
    -------
    int
        Exit status: 1 if an image could not be read; the others are predicted all the same.
    """
    run = runs.open_run(folder)
    config = run.config
    kind = datasets.kind(config.data)
    if kind.augmentation is None:
        raise CommandError("needs images", folder=folder, data=config.data)
    status = 0
    for path in paths:
        try:
            image = read_image(path)
        except CommandError as error:
            print(f"tinygrad-jp: {error}", file=sys.stderr)
            status = 1
            continue
        x, inverted = prepare(image, config.input_shape, invert, kind.box)
        with no_grad():
            shares = ops.softmax(run.model(Tensor(x[None]))).numpy()[0]
        blank = np.ptp(x, axis=(1, 2)).max() < CONTRAST
        note = "blank" if blank else "inverted" if inverted and invert is None else None
        print(f"{path}  ({say(note)})" if note else path)
        print(bars(shares, config.classes, top))
    return status


def bars(shares: Sequence[float], classes: Sequence[str], top: int) -> str:
    """Draw the probabilities of the most likely classes, a line each.

    Parameters
    ----------
    shares
        Probabilities, one a class.
    classes
        Their names.
    top
        How many are drawn.
    """
    order = sorted(range(len(classes)), key=lambda i: -shares[i])[:top]
    columns = max(map(width, classes))
    drawn = {i: bar(shares[i], encoding=sys.stdout.encoding or "utf-8") for i in order}
    return "\n".join(f"  {pad(classes[i], columns)}  {shares[i]:6.1%}  {drawn[i]}".rstrip() for i in order)

"""``tinygrad-jp eval``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy import ndarray

from .. import metrics
from . import datasets, runs
from .language import CommandError, say
from .pictures import save_picture
from .text import table


def evaluate(folder: Path, name: str | None) -> int:
    """Tell how well a run does on test data, and return the exit status.

    Parameters
    ----------
    folder
        Of the run.
    name
        Of the data set; None for the one the run was trained on.
    """
    run = runs.open_run(folder)
    config = run.config
    name = name or config.data
    kind = datasets.kind(name)
    data = kind.load(config.seed)
    shape = list(data.x_test.shape[1:])
    if shape != config.input_shape or len(kind.classes) != len(config.classes):
        raise CommandError(
            "other data",
            data=name,
            shape=tuple(shape),
            classes=len(kind.classes),
            own_shape=tuple(config.input_shape),
            own_classes=len(config.classes),
        )
    y, t = runs.scores(run.model, datasets.examples(data.x_test, data.t_test))
    matrix = metrics.confusion_matrix(y, t)
    print(say("test accuracy", n=len(t), epoch=run.epoch, **runs.accuracy_and_loss(y, t)))
    print(f"\n{class_table(y, t, kind.classes)}\n\n{say('confusion')}\n{confusion_table(matrix, kind.classes)}\n")
    names = None if all(map(str.isdigit, kind.classes)) else kind.classes
    drawn = save_picture("confusion_matrix_plot", matrix, folder / runs.CONFUSION, names=names)
    if drawn and kind.augmentation is not None:
        save_picture("misclassified", data.x_test, t, y.argmax(axis=1), folder / runs.MISCLASSIFIED, names=names)
    return 0


def class_table(y: ndarray, t: ndarray, classes: Sequence[str]) -> str:
    """Write precision, recall, F and the number of examples of each class as a table, and their means.

    Parameters
    ----------
    y
        Scores, shape (N, classes).
    t
        Labels, shape (N,).
    classes
        Their names.
    """
    measures = [metric(y, t, average="none") for metric in (metrics.precision, metrics.recall, metrics.f_score)]
    counts = np.bincount(t, minlength=len(classes))
    rows = [[say(key) for key in ("class", "precision", "recall", "F", "examples")]]
    for i, name in enumerate(classes):
        rows.append([name, *(f"{values[i]:.3f}" for values in measures), str(counts[i])])
    rows.append([say("mean"), *(f"{values.mean():.3f}" for values in measures), str(len(t))])
    return table(rows)


def confusion_table(matrix: ndarray, classes: Sequence[str]) -> str:
    """Write a confusion matrix as a table.

    Parameters
    ----------
    matrix
        Shape (classes, classes).
    classes
        Their names; the columns show the numbers of long ones.
    """
    short = max(map(len, classes)) <= 4
    heads = [name if short else str(i) for i, name in enumerate(classes)]
    sides = [name if short else f"{i} {name}" for i, name in enumerate(classes)]
    rows = [[side, *map(str, row)] for side, row in zip(sides, matrix, strict=True)]
    return table([["", *heads], *rows])

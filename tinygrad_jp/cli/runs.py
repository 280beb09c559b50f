"""The folder of a run: its files, and its network with the weights of an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from .. import metrics
from ..data import ArrayDataset, DataLoader
from ..errors import TinygradError
from ..io import read_checkpoint
from ..nn import Module
from ..ops import softmax_cross_entropy
from ..tape import no_grad
from ..tensor import Tensor
from ..train import BEST, LAST
from . import config as configuration
from . import models
from .config import Config
from .language import CommandError

HISTORY = "history.csv"
CURVES = "learning_curves.png"
WEIGHTS = "weight_histograms.png"
CONFUSION = "confusion.png"
MISCLASSIFIED = "misclassified.png"
GRAPH = "graph.npz"
FILES = (configuration.FILE, BEST, LAST, HISTORY, CURVES, WEIGHTS, CONFUSION, MISCLASSIFIED, GRAPH)
"""What the commands write into a run's folder."""


@dataclass(frozen=True)
class Run:
    """A trained network and how it came about.

    Attributes
    ----------
    folder
        Where it lies.
    config
        Its settings.
    model
        The network, in ``eval`` mode.
    epoch
        Whose weights these are.
    history
        One row an epoch, up to that epoch.
    """

    folder: Path
    config: Config
    model: Module
    epoch: int
    history: Sequence[dict[str, Any]]


def open_run(folder: Path, names: Sequence[str] = (BEST, LAST)) -> Run:
    """Build the network of a run and load its weights.

    Parameters
    ----------
    folder
        Of the run.
    names
        Checkpoints; the first that is there is taken.

    Raises
    ------
    CommandError
        If there is no run in the folder, no checkpoint, or its files do not belong together.
    DataError
        If a checkpoint is truncated, altered or of a newer version.
    """
    config = configuration.read(folder)
    model = rebuild(folder, config)
    path = next((folder / name for name in names if (folder / name).exists()), None)
    if path is None:
        raise CommandError("no checkpoint", folder=folder)
    found = read_checkpoint(path)
    try:
        model.load_state_dict(found.model or {})
        return Run(folder, config, model.eval(), found.extra["epoch"], found.extra["history"])
    except (TinygradError, KeyError, TypeError) as error:
        raise CommandError("other network", path=path, config=configuration.FILE) from error


def build(config: Config) -> Module:
    """Make the network that settings describe, with new weights."""
    return models.build(config.model, config.options, config.input_shape, len(config.classes))


def rebuild(folder: Path, config: Config) -> Module:
    """Make the network that settings read from a folder describe; what is wrong is wrong with their file."""
    try:
        return build(config)
    except (TinygradError, TypeError, ValueError) as error:
        raise CommandError("run damaged", path=folder / configuration.FILE, why=error) from error


def scores(model: Module, examples: ArrayDataset) -> tuple[ndarray, ndarray]:
    """Return the network's scores, shape (N, classes), and the labels, shape (N,)."""
    loader = DataLoader(examples, batch_size=1000)
    with no_grad():
        parts = [(model(Tensor(x)).numpy(), t) for x, t in loader]
    return np.concatenate([y for y, _ in parts]), np.concatenate([t for _, t in parts])


def accuracy_and_loss(y: ndarray, t: ndarray) -> dict[str, float]:
    """Return the accuracy and the mean cross entropy of scores, by these names."""
    return {"accuracy": metrics.accuracy(y, t), "loss": softmax_cross_entropy(Tensor(y), t).item()}

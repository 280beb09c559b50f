"""What is known of a training run, from wherever it comes: for :mod:`.report`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, DataError, DtypeError
from ..io import read_checkpoint
from ..language import tell
from ..nn.module import Module
from ..tensor import Tensor
from ..train import BEST, LAST, Histograms, History, Trainer
from ..train.histograms import KINDS, Distributions, read_distributions

MOST = 10_000
"""So many examples of the data are looked at, from the first."""


@dataclass
class Material:
    """What is known of a run; what is empty or None is not.

    Attributes
    ----------
    title
        What the run is called.
    model
        The network.
    described
        The network as text, where it is not there itself.
    weights
        Its parameters by name.
    epoch
        After which these were so.
    history
        One row an epoch.
    settings
        Names and values.
    x, t
        Examples that were not trained on, as the network takes them, and their targets.
    data
        What these are called.
    lacking
        Why there are none.
    classes
        Names.
    epochs, distributions
        After which epochs histograms were kept, and for each kind (activations, …) the layers' histograms.
    """

    title: str
    model: Module | None = None
    described: str = ""
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    epoch: int | None = None
    history: History = field(default_factory=History)
    settings: dict[str, Any] = field(default_factory=dict)
    x: np.ndarray | None = None
    t: np.ndarray | None = None
    data: str = ""
    lacking: str = ""
    classes: Sequence[str] | None = None
    epochs: Sequence[int] = ()
    distributions: dict[str, Distributions] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.model is not None and not self.weights:
            self.weights = {name: parameter.numpy() for name, parameter in self.model.named_parameters()}

    def look_at(self, x: Any, t: Any, data: str) -> None:
        """Take examples, at most ``MOST`` of them."""
        try:
            inputs, targets = (part.numpy() if isinstance(part, Tensor) else np.asarray(part) for part in (x, t))
        except ValueError as error:
            raise ArgumentError(f"report: data must be two arrays, (x, t): {error}") from error
        if not inputs.ndim or not len(inputs) or targets.shape[:1] != inputs.shape[:1]:
            raise ArgumentError(
                f"report: needs as many targets as inputs, and some; got x of shape {inputs.shape} and t of shape "
                f"{targets.shape}"
            )
        self.x, self.t, self.data, self.lacking = inputs[:MOST], targets[:MOST], data, ""


def gather(run: Any) -> Material:
    """Find out what is known of a run.

    Parameters
    ----------
    run
        A folder, a Trainer, a model, or a model and its history.
    """
    if isinstance(run, str | Path):
        return _of_folder(Path(run))
    if isinstance(run, Trainer):
        return _of_trainer(run)
    model, history = run if isinstance(run, tuple) and len(run) == 2 else (run, ())
    if not isinstance(model, Module):
        raise DtypeError(
            f"report: needs a run's folder, a Trainer, a Module or (Module, history), got {type(run).__name__}"
        )
    return Material(type(model).__name__, model, history=as_history(history))


def as_history(history: Any) -> History:
    """Return rows, or columns by name, as a History.

    Raises
    ------
    ArgumentError
        If it is neither.
    """
    if isinstance(history, Mapping):
        columns = {str(name): list(values) for name, values in history.items()}
        length = max(map(len, columns.values()), default=0)
        numbered = {"epoch": list(range(1, length + 1))} | columns
        return History([{name: v[k] for name, v in numbered.items() if k < len(v)} for k in range(length)])
    rows = list(history)
    if not all(isinstance(row, Mapping) for row in rows):
        raise ArgumentError("report: a history is a History, rows (one mapping an epoch) or columns by name")
    return History([dict(row) for row in rows])


# ---------------------------------------------------------------------------------------------- sources


def _of_trainer(trainer: Trainer) -> Material:
    loss = trainer.loss
    options = {name: value for name, value in trainer.optimizer.param_groups[0].items() if name != "params"}
    settings = {
        "model": type(trainer.model).__name__,
        "loss": getattr(loss, "__name__", type(loss).__name__),
        "optimizer": type(trainer.optimizer).__name__,
        **options,
        "scheduler": None if trainer.scheduler is None else type(trainer.scheduler).__name__,
        "accumulate": trainer.accumulate,
        "clip_norm": trainer.clip_norm,
        "epochs": trainer.epoch,
        "updates": trainer.updates,
    }
    found = Material(type(trainer.model).__name__, trainer.model, history=trainer.history, settings=settings)
    found.epoch = trainer.epoch
    for kept in trainer.callbacks:
        if isinstance(kept, Histograms):
            found.epochs = kept.epochs
            found.distributions = {kind: getattr(kept, kind) for kind in KINDS}
    if trainer.val is not None:
        n = min(len(trainer.val.dataset), MOST)
        x, t = trainer.val.dataset[np.arange(n)]
        found.look_at(x, t, tell("validation data"))
    return found


def _of_folder(folder: Path) -> Material:
    """Read the folder of ``tinygrad-jp train``, which describes its network, or that of a Trainer, which does not."""
    from ..cli import config  # the command line stands above; only a folder of its own makes needed what it knows

    if (folder / config.FILE).is_file():
        return _of_command(folder)
    path = next((folder / name for name in (BEST, LAST) if (folder / name).is_file()), None)
    if path is None:
        raise DataError(
            f"report: {folder} holds no run (no {config.FILE}, no {LAST}); give the folder that `tinygrad-jp train "
            "--out` or a Trainer wrote"
        )
    best = read_checkpoint(path)
    last = read_checkpoint(folder / LAST).extra if (folder / LAST).is_file() else best.extra
    found = Material(folder.resolve().name, described=str(best.extra["kinds"]["model"]), weights=best.model or {})
    found.epoch, found.history = best.extra["epoch"], History(last["history"])
    _take_histograms(found, last)
    return found


def _of_command(folder: Path) -> Material:
    """Read the folder of ``tinygrad-jp train``."""
    from ..cli import datasets, runs

    run = runs.open_run(folder)
    config = run.config
    last = runs.open_run(folder, [LAST, BEST])
    found = Material(folder.resolve().name, run.model, epoch=run.epoch, history=History(last.history))
    chosen = {**vars(config), **config.options}
    found.settings = {name: v for name, v in chosen.items() if name not in ("options", "classes")}
    found.classes = None if all(map(str.isdigit, config.classes)) else config.classes
    try:
        data = datasets.kind(config.data).load(config.seed)
        x, t = datasets.examples(data.x_test, data.t_test)[:MOST]
        found.look_at(x, t, tell("test data of {name}", name=config.data))
    except DataError as error:
        found.lacking = str(error)
    return found


def _take_histograms(found: Material, extra: Mapping[str, Any]) -> None:
    for kind, state in zip(extra["kinds"]["callbacks"], extra["callbacks"], strict=True):
        if kind == Histograms.__name__:
            found.epochs = state["epochs"]
            found.distributions = {kind: read_distributions(state[kind]) for kind in KINDS}

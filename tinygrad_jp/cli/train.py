"""``tinygrad-jp train``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from .. import generator, viz
from ..data import DataLoader, train_val_test_split
from ..nn import Module
from ..ops import softmax_cross_entropy
from ..optim import Optimizer, by_name
from ..optim.naming import OPTIMIZERS
from ..train import LAST, EarlyStopping, Trainer
from ..train.history import heading
from . import config as configuration
from . import datasets, models, runs
from .config import Config
from .datasets import Data
from .language import INTERRUPTED, CommandError, say
from .naming import check
from .pictures import curves, recorded, save_picture


def train(folder: Path, given: Mapping[str, Any], resume: bool, overwrite: bool) -> int:
    """Train a network, or go on training it, and tell how well it does.

    Parameters
    ----------
    folder
        Of the run.
    given
        Options that were given: fields of Config, and options of the model.
    resume, overwrite
        What to do with a run that is there.

    Returns
    -------
    int
        Exit status: 0, or 130 after Ctrl-C.
    """
    if find_spec("safetensors") is None:  # else only the first checkpoint would tell
        raise CommandError("no safetensors")
    config = _resumed(folder, given) if resume else _new(folder, given, overwrite)
    data = datasets.kind(config.data).load(config.seed)
    config = replace(config, input_shape=list(data.x_train.shape[1:]))
    goes_on = resume and (folder / LAST).exists()
    generator.seed(config.seed)
    if goes_on:
        model = runs.open_run(folder, [LAST]).model
    else:
        model = runs.rebuild(folder, config) if resume else runs.build(config)
    optimizer = _optimizer(config, model)
    group = optimizer.param_groups[0]
    config = replace(config, lr=group["lr"], weight_decay=group["weight_decay"])
    loader, val_loader = _loaders(config, data)
    if overwrite:
        for name in runs.FILES:
            (folder / name).unlink(missing_ok=True)
    configuration.write(folder, config)
    _introduce(folder, config, model, loader, val_loader, resume and not goes_on)
    trainer = _trainer(config, model, optimizer, folder, val_loader is not None)
    try:
        trainer.fit(loader, val_loader, config.epochs, resume=goes_on)
    except KeyboardInterrupt:  # a second Ctrl-C, which does not wait for the batch
        trainer.interrupted = True
        print(trainer.interruption(), file=sys.stderr)
    except Exception:
        if not (folder / LAST).exists():  # nothing was trained, and to resume would fail alike
            (folder / configuration.FILE).unlink(missing_ok=True)
        raise
    finally:
        if trainer.history:
            trainer.history.save(folder / runs.HISTORY)
    if trainer.interrupted:
        return INTERRUPTED
    if len(trainer.history) < config.epochs:
        print(say("stopped early", epochs=len(trainer.history), wanted=config.epochs, patience=config.patience))
    _report(folder, trainer, data)
    return 0


# ---------------------------------------------------------------------------------------------- settings


def _new(folder: Path, given: Mapping[str, Any], overwrite: bool) -> Config:
    """Return the settings of a new run, after checking them."""
    if not overwrite and any((folder / name).exists() for name in runs.FILES):
        raise CommandError("run exists", folder=folder)
    config = _changed(Config(), given)
    kind = datasets.kind(config.data)
    check("optimizer", config.optimizer.lower(), OPTIMIZERS)
    if config.augment and kind.augmentation is None:
        raise CommandError("augment points", data=config.data)
    return replace(config, options=models.complete(config.model, config.options), classes=list(kind.classes))


def _resumed(folder: Path, given: Mapping[str, Any]) -> Config:
    """Return the settings of the run in the folder; only the number of epochs may be another one, a greater one."""
    config = configuration.read(folder)
    wanted = _changed(config, given)
    fixed = {*given} - ({"epochs"} if wanted.epochs > config.epochs else set())
    differing = sorted(name for name in fixed if _setting(wanted, name) != _setting(config, name))
    if differing:
        raise CommandError(
            "resume differs", path=folder / configuration.FILE, options=", ".join(map(models.flag, differing))
        )
    return replace(config, epochs=wanted.epochs)


def _changed(config: Config, given: Mapping[str, Any]) -> Config:
    """Return the settings with those given; what is no field of Config is an option of the model."""
    own = {f.name for f in fields(Config)}
    options = {name: value for name, value in given.items() if name not in own}
    return replace(config, **{k: v for k, v in given.items() if k in own}, options={**config.options, **options})


def _setting(config: Config, name: str) -> Any:
    return getattr(config, name) if hasattr(config, name) else config.options.get(name)


# ---------------------------------------------------------------------------------------------- parts


def _optimizer(config: Config, model: Module) -> Optimizer:
    given = {"lr": config.lr, "weight_decay": config.weight_decay}
    return by_name(config.optimizer)(model.parameters(), **{k: v for k, v in given.items() if v is not None})


def _loaders(config: Config, data: Data) -> tuple[DataLoader, DataLoader | None]:
    """Make the batches for training, and for validation if a share of the data is kept for it."""
    training: tuple[ndarray, ...] = (data.x_train, data.t_train)
    validation = None
    if config.val:
        source = np.random.default_rng([config.seed, 0])  # its own, so that a resumed run splits alike
        training, kept, _ = train_val_test_split(
            *training, val=config.val, test=0, stratify=data.t_train, generator=source
        )
        validation = DataLoader(datasets.examples(*kept), batch_size=1000)
    loader = DataLoader(
        datasets.examples(*training),
        config.batch_size,
        shuffle=True,
        drop_last=len(training[0]) % config.batch_size == 1 < config.batch_size,  # batch norm needs two examples
        transform=datasets.kind(config.data).augmentation if config.augment else None,
        prefetch=2 if config.augment else 0,
    )
    return loader, validation


class _Training(Trainer):
    """A Trainer that tells how to go on by the command line."""

    def interruption(self) -> str:
        return say("go on", folder=self.out)


def _trainer(config: Config, model: Module, optimizer: Optimizer, folder: Path, validates: bool) -> Trainer:
    monitor = "val_loss" if validates else "loss"
    stopping = [] if config.patience is None else [EarlyStopping(monitor, config.patience)]
    return _Training(
        model,
        softmax_cross_entropy,
        optimizer,
        metrics=["accuracy"],
        callbacks=stopping,
        out=folder,
        monitor=monitor,
        progress=True,
    )


# ---------------------------------------------------------------------------------------------- what is told


def _introduce(
    folder: Path, config: Config, model: Module, loader: DataLoader, val_loader: DataLoader | None, anew: bool
) -> None:
    """Show the network, and tell on what it is trained."""
    print(model.summary((1, *config.input_shape)))
    validation = len(val_loader.dataset) if val_loader else 0
    print(say("training", n=len(loader.dataset), data=config.data, val=validation), flush=True)
    if anew:
        print(say("from the start", folder=folder), flush=True)


def _report(folder: Path, trainer: Trainer, data: Data) -> None:
    """Tell how well the best epoch does on the test data, and draw the learning curves."""
    run = runs.open_run(folder)
    monitor = str(trainer.monitor)
    value = trainer.history[monitor][run.epoch - 1]
    print(say("best epoch", epoch=run.epoch, epochs=len(trainer.history), monitor=heading(monitor), value=value))
    y, t = runs.scores(run.model, datasets.examples(data.x_test, data.t_test))
    print(say("test accuracy", n=len(t), epoch=run.epoch, **runs.accuracy_and_loss(y, t)))
    save_picture("learning_curves", curves(trainer.history), folder / runs.CURVES)
    scores, modules = recorded(run, data)
    viz.save(scores, folder / runs.GRAPH, modules)  # so that viz.graph(folder) draws the network

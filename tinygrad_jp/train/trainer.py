"""Trainer: the training loop, with checkpoints from which an interrupted run goes on as if nothing had happened."""

from __future__ import annotations

import math
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..data import DataLoader
from ..errors import ArgumentError, DataError, DtypeError, TrainingError
from ..io import load_checkpoint, read_checkpoint, save_checkpoint
from ..language import tell
from ..nn import Module
from ..nn.modes import in_use
from ..optim import Optimizer, Scheduler, clip_grad_norm
from ..tape import no_grad
from ..tensor import Tensor
from .callbacks import Callback, direction, monitored
from .checks import check_callbacks, check_loaders, check_metrics, examples
from .display import display
from .history import History, heading, written
from .means import Means

LAST = "last.safetensors"
BEST = "best.safetensors"
REMEDY = (
    "try a smaller learning rate, clip_norm=1.0 or inputs of a smaller scale (the checkpoints are those from before)"
)

Loss = Callable[[Any, Any], Tensor]
Metric = Callable[[Any, Any], float]


class Trainer:
    """Trains a model: batches, backward, updates, validation, progress, checkpoints.

    Parameters
    ----------
    model
        Called with each batch's inputs.
    loss
        ``loss(output, targets)``, a Tensor of shape (): the mean over the batch.
    optimizer
        Of the model's parameters.
    scheduler
        Its ``step`` is called once an epoch, with the value of `monitor`; or once an update (`schedule="step"`).
    schedule
        ``"epoch"`` or ``"step"``.
    metrics
        Names (see ``tinygrad_jp.metrics``), or functions by name of (output, targets).
    accumulate
        Batches whose gradients are averaged into one update.
    clip_norm
        Upper limit of the gradients' norm before each update (``optim.clip_grad_norm``).
    callbacks
        Objects with the methods of :class:`Callback`.
    out
        Folder for checkpoints: ``last.safetensors`` after each epoch and on Ctrl-C, ``best.safetensors`` whenever
        `monitor` improves. None: no checkpoints.
    checkpoint_every
        Write ``last.safetensors`` also every so many updates within an epoch; 0: not.
    monitor
        Column of the history that tells which epoch is best; by default ``"val_loss"`` if there is validation data,
        else ``"loss"``.
    mode
        ``"min"`` or ``"max"`` for `monitor`; by default ``"max"`` for accuracies.
    progress
        Show the progress: a bar on a terminal or in a notebook, plain lines elsewhere.

    Attributes
    ----------
    history
        One row an epoch.
    epoch
        Epochs finished.
    updates
        Updates made.
    stop
        Set it (from a callback) to end after this epoch.
    interrupted
        Whether Ctrl-C ended ``fit``.

    Examples
    --------
    >>> trainer = Trainer(net, softmax_cross_entropy, Adam(net.parameters()), metrics=["accuracy"], out="runs/first")
    >>> history = trainer.fit(DataLoader((x, t), shuffle=True), DataLoader((x_val, t_val)), epochs=5)
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer,
        *,
        scheduler: Scheduler | None = None,
        schedule: str = "epoch",
        metrics: Iterable[str] | Mapping[str, Metric] = (),
        accumulate: int = 1,
        clip_norm: float | None = None,
        callbacks: Sequence[Callback] = (),
        out: str | Path | None = None,
        checkpoint_every: int = 0,
        monitor: str | None = None,
        mode: str | None = None,
        progress: bool = True,
    ) -> None:
        if schedule not in ("epoch", "step"):
            raise ArgumentError(f"Trainer: schedule must be 'epoch' or 'step', got {schedule!r}")
        for name, value, least in (("accumulate", accumulate, 1), ("checkpoint_every", checkpoint_every, 0)):
            if not isinstance(value, int) or value < least:
                raise ArgumentError(f"Trainer: {name} must be a whole number from {least} on, got {value!r}")
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(f"Trainer: needs an optimizer such as Adam(model.parameters()), got {optimizer!r}")
        known = {id(p) for p in model.parameters()}
        if not any(id(p) in known for group in optimizer.param_groups for p in group["params"]):
            raise ArgumentError(
                "Trainer: the optimizer holds no parameter of this model; pass model.parameters() to it"
            )
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.schedule = schedule
        self.metrics = check_metrics(metrics)
        self.accumulate = accumulate
        self.clip_norm = clip_norm
        self.callbacks = check_callbacks(callbacks)
        self.out = None if out is None else Path(out)
        self.checkpoint_every = checkpoint_every
        self.monitor = monitor
        self.mode = mode
        self.progress = progress
        self.history = History()
        self.epoch = 0
        self.updates = 0
        self.best = math.inf
        self.val: DataLoader | None = None
        self.stop = False
        self.interrupted = False
        self._running = Means()

    # ------------------------------------------------------------------------------------------ training

    def fit(self, train: DataLoader, val: DataLoader | None = None, epochs: int = 1, resume: bool = False) -> History:
        """Train until `epochs` epochs are finished, in all.

        Ctrl-C ends it after the current batch, with a checkpoint if there is a folder for it; a second Ctrl-C at once.

        Parameters
        ----------
        train
            Batches of (inputs, targets).
        val
            Batches for validation after each epoch.
        epochs
            Counted from the very beginning: after ``fit(…, epochs=5)``, ``fit(…, epochs=8)`` trains three more.
        resume
            Continue from the checkpoint ``last.safetensors`` in `out`; the final weights are then, bit for bit, those
            of a run that was never interrupted.

        Returns
        -------
        History
            One row an epoch.

        Raises
        ------
        TrainingError
            If the loss or a parameter becomes NaN or infinite; the checkpoints stay as they were.
        DataError
            If there is nothing to resume from, or it is of another model, scheduler or callback; or, without `resume`,
            if `out` holds the checkpoints of another run.
        """
        check_loaders(train, val)
        self.val = val
        self.stop = self.interrupted = False
        self.optimizer.zero_grad()  # an earlier run may have ended within a step
        if resume:
            self._resume(train)
        else:
            self._running = Means()
            self._refuse_to_overwrite()
        for callback in self.callbacks:
            callback.on_fit_start(self)
        with self._interruptible():
            while self.epoch < epochs and not self.stop and not self.interrupted:
                if self._train_epoch(train, epochs):
                    self._finish_epoch(train, val)
        if self.interrupted:
            self._save(LAST, train)
            self._say(self.interruption())
        for callback in self.callbacks:
            callback.on_fit_end(self)
        return self.history

    def interruption(self) -> str:
        """Text shown when Ctrl-C has ended the training."""
        if self.out is None:
            return tell("interrupted in epoch {epoch}", epoch=self.epoch + 1)
        text = "interrupted in epoch {epoch}; fit(…, resume=True) goes on from {path}"
        return tell(text, epoch=self.epoch + 1, path=self.out / LAST)

    def step(self, x: Any, t: Any) -> tuple[Tensor, Tensor]:
        """Run one batch forward and backward; the gradients add up until ``update``.

        Returns
        -------
        output, loss
            Of the model, and its loss.
        """
        output = self.model(x if isinstance(x, Tensor) else Tensor(x))
        loss = self.loss(output, t)
        if not isinstance(loss, Tensor):
            raise DtypeError(f"Trainer: loss(output, targets) must return a Tensor, got {type(loss).__name__}")
        loss.backward()
        return output, loss

    def update(self, batches: int = 1) -> None:
        """Update the parameters with the mean of the gradients of so many calls of ``step``, and forget these."""
        if batches > 1:
            for p in self._parameters():
                if p.grad is not None:
                    p.grad.data /= batches
        if self.clip_norm is not None:
            clip_grad_norm(self._parameters(), self.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.updates += 1
        if self.scheduler is not None and self.schedule == "step":
            self.scheduler.step()

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def _train_epoch(self, train: DataLoader, epochs: int) -> bool:
        """Run the batches of an epoch that are left; tell whether they were all run."""
        if not self.model.training:  # parts that the user froze with eval() stay so
            self.model.train()
        total = examples(train)
        title = tell("epoch {epoch}/{epochs}", epoch=self.epoch + 1, epochs=epochs)
        with display(self.progress, title, total, self._running.count) as shown:
            waiting = 0
            for x, t in train:
                output, loss = self.step(x, t)
                value = self._finite(loss)
                waiting += 1
                if waiting == self.accumulate:
                    self.update(waiting)
                    waiting = 0
                self._running.add(len(x), {"loss": value, **self._measure(output, t)})
                means = self._running.means()
                shown.advance(len(x), means.pop("loss"), means)
                for callback in self.callbacks:
                    callback.on_step_end(self, value)
                if not waiting and self.checkpoint_every and not self.updates % self.checkpoint_every:
                    self._save(LAST, train)
                if self.interrupted and not waiting:
                    return False
            if waiting:
                self.update(waiting)
        return True

    def _finish_epoch(self, train: DataLoader, val: DataLoader | None) -> None:
        """Close the books of an epoch: validation, history, scheduler, callbacks, checkpoints."""
        row = {"epoch": self.epoch + 1, **self._running.means(), "lr": float(self.optimizer.param_groups[0]["lr"])}
        row["seconds"] = round(self._running.seconds(), 3)
        if val is not None:
            row |= {f"val_{name}": value for name, value in self.evaluate(val).items()}
        if not math.isfinite(row.get("val_loss", 0.0)):
            raise TrainingError(
                f"Trainer: the validation loss became {row['val_loss']} in epoch {row['epoch']}; {REMEDY}"
            )
        self._running = Means()
        self.epoch += 1
        monitor = self.monitor or ("loss" if val is None else "val_loss")
        value = monitored(row, monitor)
        if self.scheduler is not None and self.schedule == "epoch":
            self.scheduler.step(value)
        for callback in self.callbacks:
            callback.on_epoch_end(self, row)
        self.history.rows.append(row)
        self._say("  ".join(f"{heading(name)} {written(value)}" for name, value in row.items()))
        score = direction(monitor, self.mode) * value
        better = score < self.best
        self.best = min(self.best, score)
        self._save(LAST, train)  # the one that cannot be done without comes first, should the disk be full
        if better:
            self._save(BEST, train)

    def _measure(self, output: Tensor, t: Any) -> dict[str, float]:
        return {name: float(metric(output.numpy(), t)) for name, metric in self.metrics.items()}

    def _finite(self, loss: Tensor) -> float:
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingError(
                f"Trainer: the loss became {value} in epoch {self.epoch + 1} after {self.updates} updates; {REMEDY}"
            )
        return value

    # ------------------------------------------------------------------------------------------ using the model

    def evaluate(self, loader: DataLoader) -> dict[str, float]:
        """Return the loss and the metrics over all examples, in ``eval`` mode and without recording.

        Parameters
        ----------
        loader
            Batches of (inputs, targets).
        """
        losses = Means()
        outputs, targets = [], []
        with in_use(self.model), no_grad():
            for x, t in loader.fresh():
                output = self.model(Tensor(x))
                losses.add(len(x), {"loss": self.loss(output, t).item()})
                outputs.append(output.numpy())
                targets.append(np.asarray(t))
        if not outputs:
            raise ArgumentError("Trainer.evaluate: the loader gave no batch")
        output, target = np.concatenate(outputs), np.concatenate(targets)
        return losses.means() | {name: float(metric(output, target)) for name, metric in self.metrics.items()}

    def predict(self, x: Any, batch_size: int = 1000) -> np.ndarray:
        """Return the model's outputs, in ``eval`` mode and without recording.

        Parameters
        ----------
        x
            Inputs, shape (N, …).
        batch_size
            How many are run at a time.
        """
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ArgumentError(f"Trainer.predict: batch_size must be at least 1, got {batch_size!r}")
        with in_use(self.model), no_grad():
            parts = [self.model(Tensor(x[i : i + batch_size])).numpy() for i in range(0, len(x), batch_size)]
        if not parts:
            raise ArgumentError("Trainer.predict: got no inputs")
        return np.concatenate(parts)

    # ------------------------------------------------------------------------------------------ checkpoints

    def _save(self, name: str, train: DataLoader) -> None:
        if self.out is None:
            return
        broken = [name for name, p in self.model.named_parameters() if not np.isfinite(p.numpy()).all()]
        if broken:
            raise TrainingError(
                f"Trainer: {', '.join(broken)} became NaN or infinite in epoch {self.epoch + 1} after {self.updates} "
                f"updates; {REMEDY}"
            )
        extra = {
            "kinds": self._kinds(),
            "epoch": self.epoch,
            "updates": self.updates,
            "stop": self.stop,
            "best": None if math.isinf(self.best) else self.best,
            "history": self.history.rows,
            "running": self._running.state(),
            "val": None if self.val is None else self.val.state_dict(),
            "callbacks": [callback.state_dict() for callback in self.callbacks],
        }
        save_checkpoint(
            self.out / name,
            model=self.model,
            optimizer=self.optimizer,
            scheduler=self.scheduler,
            loader=train,
            extra=extra,
        )

    def _kinds(self) -> dict[str, Any]:
        """Return what a run must have in common with the checkpoint it goes on from, beside the shapes."""
        return {
            "model": repr(self.model),
            "scheduler": type(self.scheduler).__name__,
            "metrics": list(self.metrics),
            "callbacks": [type(callback).__name__ for callback in self.callbacks],
            "accumulate": self.accumulate,
            "validation": self.val is not None,
        }

    def _resume(self, train: DataLoader) -> None:
        if self.out is None:
            raise ArgumentError("Trainer.fit: resume=True needs the folder of the checkpoints, Trainer(…, out=…)")
        path = self.out / LAST
        if not path.exists():
            raise DataError(f"Trainer.fit: nothing to resume from: there is no {path}; start with resume=False")
        here, there = self._kinds(), read_checkpoint(path).extra["kinds"]
        differing = "".join(f"\n  {k}: {here[k]} here, {there.get(k)} there" for k in here if here[k] != there.get(k))
        if differing:
            raise DataError(f"{path}: was written by another run, nothing was changed:{differing}")
        parts: dict[str, Any] = {"model": self.model, "optimizer": self.optimizer, "loader": train}
        extra = load_checkpoint(path, scheduler=self.scheduler, **parts).extra
        self.epoch, self.updates, self.history = extra["epoch"], extra["updates"], History(extra["history"])
        self.stop = extra["stop"]  # a run that was stopped early stays stopped
        if self.stop:
            text = "stopped early after epoch {epoch}, as {path} says: there is nothing to go on with"
            self._say(tell(text, epoch=self.epoch, path=path))
        self.best = math.inf if extra["best"] is None else extra["best"]
        self._running = Means(**extra["running"])
        if self.val is not None:
            self.val.load_state_dict(extra["val"])
        for callback, state in zip(self.callbacks, extra["callbacks"], strict=True):
            callback.load_state_dict(state)

    def _refuse_to_overwrite(self) -> None:
        """Let the first ``fit`` of this Trainer not replace the checkpoints of another run."""
        if self.out is not None and not self.updates and (self.out / LAST).exists():
            raise DataError(
                f"Trainer.fit: {self.out} holds the checkpoints of another run; go on with it by resume=True, give "
                "another folder, or delete it"
            )

    # ------------------------------------------------------------------------------------------ beside the work

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let the first Ctrl-C end the training after the current batch, the second at once."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may handle signals
            return

        def interrupt(*_: object) -> None:
            self.interrupted = True
            signal.signal(signal.SIGINT, before)

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _say(self, text: str) -> None:
        if self.progress:
            print(text, file=sys.stderr, flush=True)

"""How the activations, gradients and weights of a model are distributed, epoch after epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError, DataError
from ..nn.modes import in_use
from ..nn.module import Module
from ..tape import enable_grad
from ..tensor import Tensor, grad
from .callbacks import Callback

if TYPE_CHECKING:
    from .trainer import Trainer

Distributions = dict[str, list["Histogram | None"]]
KINDS = ("activations", "gradients", "weights", "weight_gradients")


@dataclass(frozen=True)
class Histogram:
    """How numbers are distributed; those that are exactly 0, as half of a relu's are, are counted apart.

    Attributes
    ----------
    low, high
        Where the first bin begins and the last one ends.
    counts
        Of finite numbers other than 0, in bins of equal width.
    zeros
        How many are 0.
    not_finite
        How many are NaN or infinite.
    std
        Standard deviation of all finite ones; 0 if there is none.
    """

    low: float
    high: float
    counts: Sequence[int]
    zeros: int
    not_finite: int
    std: float

    @classmethod
    def of(cls, values: Any, bins: int = 60) -> Histogram:
        """Count the numbers of an array.

        Parameters
        ----------
        values
            An array or Tensor of any shape.
        bins
            How many.
        """
        array = np.asarray(values.numpy() if isinstance(values, Tensor) else values, float).ravel()
        finite = array[np.isfinite(array)]
        others = finite[finite != 0]
        low, high = (float(others.min()), float(others.max())) if others.size else (0.0, 0.0)
        if not low + (high - low) / bins > low:  # alike, but for rounding: one bin holds them all
            low, high = low - max(abs(low), 1e-30) / 2, high + max(abs(high), 1e-30) / 2
        counts, _ = np.histogram(others, bins, (low, high))
        std = float(finite.std()) if finite.size else 0.0
        return cls(low, high, counts.tolist(), finite.size - others.size, array.size - finite.size, std)

    @property
    def total(self) -> int:
        """How many finite numbers there were."""
        return sum(self.counts) + self.zeros


class Histograms(Callback):
    """Keep histograms of what flows through a model, before training and after each epoch.

    For them the model runs, as in use, on the same examples each time, apart from the training, which stays bit for
    bit what it would be. ``viz.plots.histograms_over_time`` draws them, ``viz.report`` too; a Trainer with a folder
    keeps them in its checkpoints.

    Parameters
    ----------
    x, t
        Inputs and targets, a batch of some ten or hundred examples.
    bins
        Of each histogram.

    Attributes
    ----------
    epochs : list of int
        After which epochs was looked; 0 is before training.
    activations, gradients : dict
        For each layer without layers inside, unless it only passes its input on: of what it returned, and of the loss's
        gradient with respect to that; one Histogram for each of `epochs`. None where there was no gradient.
    weights, weight_gradients : dict
        The same for each parameter with two or more axes.

    Examples
    --------
    >>> histograms = Histograms(x_val[:200], t_val[:200])
    >>> trainer = Trainer(model, loss, optimizer, callbacks=[histograms])
    >>> trainer.fit(loader, epochs=10)
    >>> plots.histograms_over_time(histograms.activations, "activations.svg", epochs=histograms.epochs)
    """

    def __init__(self, x: Any, t: Any, bins: int = 60) -> None:
        if not len(x) or len(x) != len(t):
            raise ArgumentError(f"Histograms: needs as many targets as inputs, and some; got {len(x)} and {len(t)}")
        if bins < 1:
            raise ArgumentError(f"Histograms: bins must be at least 1, got {bins}")
        self._examples = x, t
        self._bins = bins
        self.epochs: list[int] = []
        self.activations: Distributions = {}
        self.gradients: Distributions = {}
        self.weights: Distributions = {}
        self.weight_gradients: Distributions = {}

    def on_fit_start(self, trainer: Trainer) -> None:
        """Look at the model before its training."""
        if not self.epochs:
            self.look(trainer.model, trainer.loss, trainer.epoch)

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        """Look at the model after an epoch."""
        self.look(trainer.model, trainer.loss, trainer.epoch)

    def look(self, model: Module, loss: Any, epoch: int) -> None:
        """Run the model forward and backward, and keep the histograms.

        Parameters
        ----------
        model
            It stays as it is, its gradients too.
        loss
            ``loss(output, t)``.
        epoch
            Goes to `epochs`.
        """
        outputs: dict[str, Tensor] = {}

        def note(name: str, module: Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not any(_same_numbers(x, output) for x in inputs):
                outputs[name] = output

        x, t = self._examples
        leaves = {path: module for path, module in model.named_modules() if not any(module.children())}
        removers = [
            module.register_forward_hook(partial(note, f"{path} {type(module).__name__}".strip()))
            for path, module in leaves.items()
        ]
        try:
            with in_use(model), enable_grad():
                value = loss(model(x if isinstance(x, Tensor) else Tensor(x)), t)
        finally:
            for remove in removers:
                remove()
        weights = {name: parameter for name, parameter in model.named_parameters() if parameter.ndim >= 2}
        found = grad(value, [*outputs.values(), *weights.values()], allow_unused=True)
        self.epochs.append(epoch)
        self._keep(self.activations, outputs, outputs.values())
        self._keep(self.gradients, outputs, found[: len(outputs)])
        self._keep(self.weights, weights, weights.values())
        self._keep(self.weight_gradients, weights, found[len(outputs) :])

    def _keep(self, kept: Distributions, names: Any, arrays: Any) -> None:
        before = len(self.epochs) - 1
        for name, values in zip(names, arrays, strict=True):
            histogram = None if values is None else Histogram.of(values, self._bins)
            kept.setdefault(name, [None] * before).append(histogram)
        for histograms in kept.values():
            histograms.extend([None] * (len(self.epochs) - len(histograms)))  # a layer that did not run this time

    def state_dict(self) -> dict[str, Any]:
        """Return the histograms as what JSON can hold."""
        kept = {kind: getattr(self, kind) for kind in KINDS}
        written = {
            kind: {name: [h and asdict(h) for h in histograms] for name, histograms in layers.items()}
            for kind, layers in kept.items()
        }
        return {"epochs": list(self.epochs), **written}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave."""
        self.epochs = list(state["epochs"])
        for kind in KINDS:
            setattr(self, kind, read_distributions(state[kind]))


def _same_numbers(x: Any, output: Tensor) -> bool:
    """Tell whether a layer only passed its input on, as Flatten and a dropout in use do."""
    return isinstance(x, Tensor) and x.size == output.size and np.array_equal(x.numpy().ravel(), output.numpy().ravel())


def read_distributions(state: Mapping[str, Any]) -> Distributions:
    """Make histograms by layer of what JSON held."""
    try:
        return {name: [h and Histogram(**h) for h in histograms] for name, histograms in state.items()}
    except (AttributeError, TypeError) as error:
        raise DataError(f"Histograms: this is not the state of histograms: {error}") from error

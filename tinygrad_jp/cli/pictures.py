"""``tinygrad-jp plot``, ``graph`` and ``report``, and how every command saves its pictures."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import viz
from ..tensor import Tensor
from ..train import BEST, LAST
from . import config as configuration
from . import datasets, runs
from .language import CommandError, say


def save_picture(plot: str, *arguments: Any, **options: Any) -> bool:
    """Draw a picture with a function of ``viz.plots`` and tell its path; without matplotlib tell what to install.

    Parameters
    ----------
    plot
        Name of the function.
    *arguments, **options
        Its own; the last of the arguments is the path.

    Returns
    -------
    bool
        Whether it was drawn.
    """
    try:
        from ..viz import plots
    except ImportError:
        print(say("no plots"))
        return False
    with plain_warnings():
        path = getattr(plots, plot)(*arguments, **options)
    print(say("saved", path=path))
    return True


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Write the warnings of what stands in this ``with`` block as messages, without a place in the code."""
    with warnings.catch_warnings(record=True) as caught:
        yield
    for warning in caught:
        print(f"tinygrad-jp: {warning.message}", file=sys.stderr)


def curves(history: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return what learning curves show of a history: losses and metrics by name, one number an epoch."""
    names = [name for name in history[0] if name not in ("epoch", "lr", "seconds")]
    return {name: [row.get(name) for row in history] for name in names}


def plot(folder: Path) -> int:
    """Draw the learning curves and the weights of a run into its folder, and return the exit status.

    Parameters
    ----------
    folder
        Of the run.
    """
    run = runs.open_run(folder)
    history = runs.open_run(folder, [LAST]).history or run.history
    drawn = save_picture("weight_histograms", run.model, folder / runs.WEIGHTS)
    if drawn and history:
        save_picture("learning_curves", curves(history), folder / runs.CURVES)
    return 0 if drawn else 1


def graph(folder: Path, path: Path) -> int:
    """Draw what a run's network computes of one example, and return the exit status.

    Parameters
    ----------
    folder
        Of the run.
    path
        The file to write; its suffix tells the format.
    """
    run = runs.open_run(folder)
    scores, modules = recorded(run, datasets.kind(run.config.data).load(run.config.seed))
    try:
        drawn = viz.graph(scores, runs=modules, depth="ops", show="shapes")
        print(say("saved", path=drawn.save(path)))
    except (ValueError, viz.GraphvizError) as error:
        raise CommandError("not drawn", why=error) from error
    return 0


def recorded(run: runs.Run, data: datasets.Data) -> tuple[Tensor, viz.Runs]:
    """Let a run's network compute the scores of one example, and note its modules."""
    x, _ = datasets.examples(data.x_test, data.t_test)[-1:]
    with viz.watch(run.model) as modules:
        scores = run.model(Tensor(x, requires_grad=True, name="x"))  # with a gradient all its way is recorded
    scores.name = "scores"
    return scores, modules


def report(folder: Path, path: Path) -> int:
    """Write the page about a run, and return the exit status.

    Parameters
    ----------
    folder
        Of the run: of ``tinygrad-jp train``, or of a Trainer.
    path
        The file to write, ``.html``.
    """
    if not any((folder / name).is_file() for name in (configuration.FILE, BEST, LAST)):
        raise CommandError("run missing", folder=folder, file=configuration.FILE)
    if path.suffix.lower() not in (".html", ".htm"):
        raise CommandError("not html", path=path)
    with plain_warnings():
        viz.report(folder, path)
    print(say("saved", path=path))
    return 0

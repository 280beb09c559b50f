"""``report``: one HTML page that shows a training run: its curves, its results, its network and what that learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from reprlib import repr as short
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import metrics
from ..errors import ArgumentError, TinygradError
from ..language import language, tell
from ..nn.modes import in_use
from ..tape import no_grad
from ..tensor import Tensor
from .drawing import graph
from .page import document, facts, heading, missing, paragraph, picture, table
from .render import GraphvizError
from .webpage import Page, checked

if TYPE_CHECKING:
    from .material import Material

Section = tuple[str, str, list[str]]
LEAST_PIXELS = 64
"""A flat example of at least so many numbers may be an image, if they are a square."""
HISTOGRAMS = {
    "activations": "Activations",
    "gradients": "Gradients of the activations",
    "weights": "Weights",
    "weight_gradients": "Gradients of the weights",
}


def report(
    run: Any,
    path: str | Path | None = None,
    *,
    data: tuple[Any, Any] | None = None,
    classes: Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    title: str | None = None,
) -> Page:
    """Put all that is known of a training run on one HTML page.

    Learning curves; on examples that were not trained on the confusion matrix and the misclassified images, or observed
    against predicted numbers; the graph and the table of the network; its filters and feature maps, if it is
    convolutional; histograms of its weights, and, if the run kept :class:`tinygrad_jp.train.Histograms`, of what flowed
    through it; settings and history. What is not known, or cannot be drawn here, is left out, and the page says so.

    The page is in the user's language (``language.py``), for bright and dark screens, wide and narrow, and holds
    everything in itself.

    Parameters
    ----------
    run
        The folder of ``tinygrad-jp train`` or of a Trainer; or a Trainer; or a model; or ``(model, history)``, where
        the history is a History, rows, or columns by name. The model stays as it is.
    path
        File to write, ``.html``.
    data
        ``(x, t)``: examples that were not trained on, as the model takes them, and their targets: labels, shape (N,),
        or numbers in the shape of the model's output. By default the test data of the run in a folder, and the
        validation data of a Trainer.
    classes
        Their names.
    settings
        Names and values to be shown beside those that are known.
    title
        Of the page; by default the name of the folder or of the model's class.

    Returns
    -------
    Page
        With ``.html`` and ``.save(path)``.

    Raises
    ------
    DataError
        If a folder holds no run, or its files are damaged.
    DtypeError
        If `run` is none of these.
    ArgumentError
        If the suffix of `path` is not that of HTML, or another argument or the history is of a wrong form.
    OSError
        If `path` cannot be written; what was there before is still there.

    Examples
    --------
    >>> viz.report("runs/first", "report.html")

    >>> trainer.fit(loader, val_loader, epochs=10)
    >>> viz.report(trainer, "report.html", title="MNIST, first try")
    """
    from .material import gather  # which loads the training loop

    path = None if path is None else checked(path)
    known = gather(run)
    if title is not None and not isinstance(title, str):
        raise ArgumentError(f"report: title must be a text, got {type(title).__name__}")
    if settings is not None and not isinstance(settings, Mapping):
        raise ArgumentError(f"report: settings must be values by name, got {type(settings).__name__}")
    known.title = title or known.title
    known.classes = known.classes if classes is None else _names(classes)
    known.settings |= settings or {}
    if data is not None:
        if not isinstance(data, tuple) or len(data) != 2:
            raise ArgumentError(f"report: data must be (x, t), got {type(data).__name__}")
        known.look_at(*data, tell("test data"))
    page = _page(known)
    if path is not None:
        page.save(path)
    return page


def _names(classes: Any) -> list[str]:
    if not isinstance(classes, Sequence | np.ndarray) or not all(isinstance(name, str) for name in classes):
        raise ArgumentError(f"report: classes must be a sequence of texts, got {short(classes)}")
    return list(classes)


def _page(known: Material) -> Page:
    judged = _Judged(known)
    if judged.y is not None and judged.labels is not None:
        count = judged.y.shape[1]
        if known.classes is not None and len(known.classes) != count:
            raise ArgumentError(f"report: {len(known.classes)} classes are named, but the network tells {count} apart")
    sections = [
        ("training", tell("How the training went"), _training(known)),
        ("results", tell("How well it does"), _results(known, judged)),
        ("network", tell("The network"), _network(known)),
        ("learned", tell("What it learned"), _learned(known)),
        ("settings", tell("Settings"), _settings(known)),
        ("history", tell("History"), _history(known)),
    ]
    lead = facts(_facts(known, judged)) + _notes_on_fonts()
    return document(known.title, lead, sections, tell("Made by viz.report of tinygrad_jp."))


# ---------------------------------------------------------------------------------------------- what all parts share


def _part(make: Callable[[], str]) -> str:
    """Make a part of the page, or say why it is left out."""
    try:
        return make()
    except ImportError:
        return missing(tell('No plots: they need matplotlib, pip install "tinygrad_jp[demo]".'))
    except (TinygradError, GraphvizError) as error:
        return missing(tell("Left out: {why}", why=error))


def _drawn(plot: str, *arguments: Any, alt: str, caption: str = "", photographs: bool = False, **options: Any) -> str:
    """Draw a sheet with a function of ``plots``, or say why it is left out."""

    def make() -> str:
        from . import plots

        return picture(plots.svg(getattr(plots, plot)(*arguments, **options)), alt, caption, photographs)

    return _part(make)


def _notes_on_fonts() -> str:
    try:
        from . import plots
    except ImportError:
        return ""
    if language() == "ja" and plots.stylesheet.japanese_font() is None:
        return missing(tell("The words of the plots are in English: no font with Japanese characters was found."))
    return ""


class _Judged:
    """What the network says of the examples that were not trained on.

    Attributes
    ----------
    y
        Its output, shape (N, …); None if it, or the examples, are not there.
    why
        What is lacking.
    labels, predicted
        Classes, shape (N,); None if it is no classifier.
    images
        Whether the examples are images.
    """

    def __init__(self, known: Material) -> None:
        self.y: np.ndarray | None = None
        self.labels: np.ndarray | None = None
        self.predicted: np.ndarray | None = None
        self.images = False
        self.why = ""
        x, t = known.x, known.t
        if known.model is None or x is None or t is None:
            self.why = known.lacking or tell("there are no examples that were not trained on; give data=(x, t)")
            return
        try:
            self.y = _outputs(known, x)
        except TinygradError as error:
            self.why = str(error)
            return
        if self.y.ndim == 2 and self.y.shape[1] > 1 and t.dtype.kind in "iub" and t.shape == self.y.shape[:1]:
            self.labels, self.predicted = t, np.where(np.isnan(self.y), -np.inf, self.y).argmax(axis=1)
        side = round(np.sqrt(x[0].size))
        self.images = (x.ndim == 4 and x.shape[1] in (1, 3)) or (x.ndim == 2 and LEAST_PIXELS <= x[0].size == side**2)


def _outputs(known: Material, x: np.ndarray) -> np.ndarray:
    assert known.model is not None
    with in_use(known.model), no_grad():
        parts = [known.model(Tensor(x[k : k + 1000])) for k in range(0, len(x), 1000)]
    if not all(isinstance(part, Tensor) for part in parts):
        raise ArgumentError(f"report: {type(known.model).__name__} returned no Tensor")
    return np.concatenate([part.numpy() for part in parts])


# ---------------------------------------------------------------------------------------------- the top


def _facts(known: Material, judged: _Judged) -> Iterator[tuple[str, str]]:
    """List what one wants to know first."""
    if judged.y is not None and judged.labels is not None:
        with suppress(TinygradError):  # which the section with the results tells
            yield tell("accuracy on {data}", data=known.data), f"{metrics.accuracy(judged.y, judged.labels):.2%}"
    best = [value for value in known.history["val_loss"] if _finite(value)]
    if best:
        yield tell("least validation loss"), f"{min(best):.4g}"
    if known.history:
        yield tell("epochs"), str(len(known.history))
    if known.epoch is not None:
        yield tell("weights of epoch"), str(known.epoch)
    if known.weights:
        yield tell("parameters"), f"{sum(values.size for values in known.weights.values()):,}"
    seconds = [value for value in known.history["seconds"] if _finite(value)]
    if seconds:
        yield tell("training time"), tell("{seconds:.0f} s", seconds=sum(seconds))


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and bool(np.isfinite(value))


# ---------------------------------------------------------------------------------------------- sections


def _training(known: Material) -> list[str]:
    history = known.history
    if not history:
        return [missing(tell("No history: no epoch was finished, or none was given."))]
    curves = {
        name: [value if isinstance(value, int | float) else None for value in history[name]]
        for name in history.names
        if name not in ("epoch", "lr", "seconds") and any(map(_finite, history[name]))
    }
    if not curves:
        return [missing(tell("No curves: the history holds no finite number."))]
    told = [_course(name, values) for name, values in curves.items()]
    parts = [_drawn("learning_curves", curves, alt=tell("Learning curves: {curves}", curves="; ".join(told)))]
    broken = sorted({k + 1 for name in curves for k, v in enumerate(history[name]) if _broken(v)})
    if broken:
        parts.append(missing(tell("NaN or infinite in epoch {epochs}.", epochs=", ".join(map(str, broken)))))
    return [*parts, paragraph("; ".join(told) + ".")]


def _broken(value: Any) -> bool:
    return isinstance(value, float) and not np.isfinite(value)


def _course(name: str, values: Sequence[float | None]) -> str:
    """Say of a curve where it begins and ends, also if that is no number: a run that diverged ends there."""
    from ..train.history import heading as told

    known = [value for value in values if value is not None]
    return f"{told(name)} {known[0]:.4g} → {known[-1]:.4g}"


def _results(known: Material, judged: _Judged) -> list[str]:
    if judged.y is None:
        return [missing(tell("No results: {why}", why=judged.why))]
    parts = [paragraph(tell("On {n} examples: {data}.", n=f"{len(judged.y):,}", data=known.data))]
    if judged.labels is not None and judged.predicted is not None:
        return [*parts, *_classified(known, judged, judged.y, judged.labels, judged.predicted)]
    t = known.t
    if t is not None and t.dtype.kind == "f" and t.shape == judged.y.shape:
        alt = tell("Observed numbers against predicted ones, with the line of equality")
        return [*parts, _drawn("observed_against_predicted", judged.y, t, alt=alt)]
    return [*parts, missing(tell("No plots: the targets are neither labels nor numbers in the shape of the output."))]


def _classified(
    known: Material, judged: _Judged, y: np.ndarray, labels: np.ndarray, predicted: np.ndarray
) -> list[str]:
    count = y.shape[1]
    try:
        matrix = metrics.confusion_matrix(y, labels, count)
    except TinygradError as error:
        return [missing(tell("No results: {why}", why=error))]
    names = None if known.classes is None else list(known.classes)
    told = _most_confused(matrix, names or [str(k) for k in range(count)])
    alt = tell("Confusion matrix. {told}", told=told)
    parts = [_drawn("confusion_matrix_plot", matrix, names=names, alt=alt, caption=told)]
    parts.append(_class_table(y, labels, names or range(count)))
    if np.array_equal(labels, predicted):
        return parts
    if known.x is None or not judged.images:
        return [*parts, missing(tell("The misclassified examples are not shown: they are no images."))]
    wrong = int(np.sum(labels != predicted))
    alt = tell("The first of {n} misclassified images, each with its label and what it was taken for", n=wrong)
    colours = known.x.ndim == 4 and known.x.shape[1] == 3
    shown = _drawn("misclassified", known.x, labels, predicted, names=names, alt=alt, photographs=colours)
    return [*parts, heading(tell("Misclassified images")), shown]


def _class_table(y: np.ndarray, labels: np.ndarray, names: Sequence[Any]) -> str:
    """Write how well each class is recognised."""
    columns = [metric(y, labels, average="none") for metric in (metrics.precision, metrics.recall, metrics.f_score)]
    counts = np.bincount(labels, minlength=len(names))
    rows = [(name, *(f"{c[k]:.3f}" for c in columns), counts[k]) for k, name in enumerate(names)]
    head = [tell(text) for text in ("class", "precision", "recall", "f_score", "examples")]
    return table(head, rows, tell("Classes"))


def _most_confused(matrix: np.ndarray, names: Sequence[str]) -> str:
    wrong = matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype))
    if not wrong.any():
        return tell("Every example was recognised.")
    true, taken = np.unravel_index(wrong.argmax(), wrong.shape)
    n = int(wrong[true, taken])
    text = "Most often confused: {true} was taken for {taken}, {n} of {all} times."
    return tell(text, true=names[true], taken=names[taken], n=n, all=int(matrix[true].sum()))


def _network(known: Material) -> list[str]:
    model, x = known.model, known.x
    if model is None:
        note = "The network itself is not in the folder: no graph, no table. viz.report((model, history)) shows them."
        described = f"{heading(tell('As text'))}\n{paragraph(known.described)}" if known.described else ""
        return [missing(tell(note)), described]
    if x is None:
        return [missing(tell("No graph and no table: they need an example; give data=(x, t).")), paragraph(repr(model))]

    def drawn() -> str:
        made = graph(model, x[:1])
        alt = tell("Graph of {name}", name=type(model).__name__)
        return picture(made.svg, alt, tell("What the network computes of one example, module by module."))

    def tabled() -> str:
        found = model.summary((1, *x.shape[1:]), x.dtype)
        head = [tell(text) for text in ("layer", "output shape", "parameters", "multiply-adds")]
        total = (tell("total"), "", f"{found.parameters:,}", f"{found.multiply_adds:,}")
        return table(head, [*(row.cells() for row in found.rows), total], tell("Layers"), left=2)

    return [_part(drawn), heading(tell("Layers")), _part(tabled)]


def _learned(known: Material) -> list[str]:
    if not known.weights:
        return [missing(tell("There are no parameters."))]
    parts = []
    filters = {name: values for name, values in known.weights.items() if values.ndim == 4}
    if filters:
        name, first = next(iter(filters.items()))
        alt = tell("The {n} filters of {name} as pictures", n=len(first), name=name)
        parts += [
            heading(tell("Filters")),
            _drawn("filters", first, alt=alt, caption=name, photographs=first.shape[1] == 3),
        ]
    if filters and known.model is not None and known.x is not None and known.x.ndim == 4:
        alt = tell("What each layer makes of one image, a row of pictures for each layer")
        maps = _drawn("feature_maps", known.model, known.x[0], alt=alt, photographs=known.x.shape[1] == 3)
        parts += [heading(tell("Feature maps of one image")), maps]
    matrices = {name: values for name, values in known.weights.items() if values.ndim >= 2}
    alt = tell("A histogram for each of {n} arrays of weights", n=len(matrices))
    parts += [heading(tell("Weights")), _drawn("weight_histograms", matrices, alt=alt)]
    for kind, layers in known.distributions.items():
        what = tell(HISTOGRAMS[kind])
        over = tell("{what}, epoch after epoch", what=what)
        alt = tell("{what} of {n} layers: a hill for each epoch", what=what, n=len(layers))
        drawn = _drawn("histograms_over_time", layers, epochs=known.epochs, xlabel=what, alt=alt)
        parts += [heading(over), drawn]
    if not known.distributions:
        note = "No histograms over the epochs: the run kept none; Trainer(…, callbacks=[Histograms(x, t)]) does."
        parts.append(missing(tell(note)))
    return parts


def _settings(known: Material) -> list[str]:
    if not known.settings:
        return [missing(tell("No settings are known; settings={…} shows them."))]
    rows = [(name, "–" if value is None else _written(value)) for name, value in known.settings.items()]
    return [table((tell("setting"), tell("value")), rows, tell("Settings"), left=2)]


def _written(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _history(known: Material) -> list[str]:
    if not known.history:
        return [missing(tell("No history: no epoch was finished, or none was given."))]
    head, *rows = known.history.cells()
    return [table(head, rows, tell("History"), left=0)]

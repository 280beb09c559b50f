"""How good predictions are: of classes (accuracy, precision, recall, F, …) and of numbers (MSE, R², …).

Every metric takes what was predicted first and the truth second, as arrays or Tensors, and computes in float64 with
NumPy; nothing is recorded on the tape. Classes may be given in two ways each:

- `y`, predicted: scores or probabilities of shape (N, classes), whose greatest counts, or labels of shape (N,);
- `t`, true: labels 0 … classes − 1 of shape (N,), or one-hot rows of shape (N, classes).

Among equal scores the class with the lower number wins, as in ``np.argmax``; a score of NaN counts as −∞. A row of
NaN alone predicts no class: it counts as wrong in accuracy and top_k_accuracy, and the other metrics refuse it.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .errors import ArgumentError, DtypeError, ShapeError
from .tensor import Tensor

Average = Literal["binary", "macro", "micro", "none"]
Values = ArrayLike | Tensor

NONE = -1  # the label of an example for which no class was predicted


# ---------------------------------------------------------------------------------------------- classes


def accuracy(y: Values, t: Values) -> float:
    """Share of the examples whose class is predicted rightly (the book, section 3.6.2).

    Parameters
    ----------
    y
        Scores (N, classes) or predicted labels (N,).
    t
        True labels (N,) or one-hot rows (N, classes).

    Returns
    -------
    float
        0 … 1.

    Raises
    ------
    ShapeError
        If the shapes do not tell the same number of examples or classes.
    DtypeError
        If labels are not whole numbers.
    ArgumentError
        If there is no example, a label is out of range, or rows are not one-hot.
    """
    predicted, true, _ = _classes("accuracy", y, t)
    return float(np.mean(predicted == true))


def top_k_accuracy(y: Values, t: Values, k: int = 5) -> float:
    """Share of the examples whose true class is among the `k` with the highest scores.

    The measure of the ImageNet challenge (Russakovsky et al., 2015), which the book's section 8.2.1 tells of: its
    errors are top-5 errors, 1 − this.

    Parameters
    ----------
    y
        Scores (N, classes).
    t
        True labels (N,) or one-hot rows (N, classes).
    k
        1 … classes; 1 is :func:`accuracy`.

    Returns
    -------
    float
        0 … 1.
    """
    scores = _array(y)
    if scores.ndim != 2:
        raise ShapeError(f"top_k_accuracy: needs scores of shape (N, classes), got shape {scores.shape}")
    predicted, true, classes = _classes("top_k_accuracy", y, t)
    if not 1 <= k <= classes:
        raise ArgumentError(f"top_k_accuracy: k must lie in 1…{classes}, the number of classes, got {k}")
    best = np.argsort(-_without_nan(scores), axis=1, kind="stable")[:, :k]
    return float(np.mean((best == true[:, None]).any(axis=1) & (predicted != NONE)))


def confusion_matrix(y: Values, t: Values, classes: int | None = None) -> np.ndarray:
    """Count how often each class was taken for each (Kohavi and Provost, Glossary of Terms, 1998).

    Parameters
    ----------
    y
        Scores (N, classes) or predicted labels (N,).
    t
        True labels (N,) or one-hot rows (N, classes).
    classes
        How many there are; by default the columns of the scores or one-hot rows, else the greatest label + 1.

    Returns
    -------
    ndarray
        Shape (classes, classes), int64. Element (i, j): how many examples of class i were predicted as j.
    """
    return _pairs(*_all_classes("confusion_matrix", y, t, classes))


def _pairs(predicted: np.ndarray, true: np.ndarray, classes: int) -> np.ndarray:
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)


def precision(
    y: Values, t: Values, average: Average = "binary", classes: int | None = None, zero_division: float = 0.0
) -> Any:
    """Of what was predicted as a class, the share that is of it: TP / (TP + FP) (van Rijsbergen, 1979, chapter 7).

    Parameters
    ----------
    y
        Scores (N, classes) or predicted labels (N,).
    t
        True labels (N,) or one-hot rows (N, classes).
    average
        "binary": of class 1, for labels 0 and 1. "macro": the mean over the classes. "micro": from the counts summed
        over the classes. "none": each class's own.
    classes
        As in :func:`confusion_matrix`.
    zero_division
        What 0/0 gives: here for a class that was never predicted. NaN leaves such classes out of the macro mean.

    Returns
    -------
    float or ndarray
        0 … 1 (or `zero_division`); for "none" an array of shape (classes,).
    """
    n = _counts("precision", y, t, average, classes)
    return _average(n.tp, n.tp + n.fp, average, zero_division)


def recall(
    y: Values, t: Values, average: Average = "binary", classes: int | None = None, zero_division: float = 0.0
) -> Any:
    """Of what is of a class, the share that was predicted as it: TP / (TP + FN) (van Rijsbergen, 1979, chapter 7).

    Parameters
    ----------
    y, t, average, classes
        As in :func:`precision`.
    zero_division
        What 0/0 gives: here for a class without examples. NaN leaves such classes out of the macro mean.

    Returns
    -------
    float or ndarray
        0 … 1 (or `zero_division`); for "none" an array of shape (classes,).
    """
    n = _counts("recall", y, t, average, classes)
    return _average(n.tp, n.tp + n.fn, average, zero_division)


def f_score(
    y: Values,
    t: Values,
    beta: float = 1.0,
    average: Average = "binary",
    classes: int | None = None,
    zero_division: float = 0.0,
) -> Any:
    """Weighted harmonic mean of precision and recall (van Rijsbergen, 1979, chapter 7; his 1 − E).

    Computed as (1 + β²) TP / ((1 + β²) TP + β² FN + FP).

    Parameters
    ----------
    y, t, average, classes
        As in :func:`precision`.
    beta
        How many times as much as precision recall counts; 0 gives the precision.
    zero_division
        What 0/0 gives: a class without examples that was never predicted (for β = 0: never predicted). NaN leaves such
        classes out of the macro mean.

    Returns
    -------
    float or ndarray
        0 … 1 (or `zero_division`); for "none" an array of shape (classes,).
    """
    if not (beta >= 0 and np.isfinite(beta)):
        raise ArgumentError(f"f_score: beta must be a finite number ≥ 0, got {beta}")
    n = _counts("f_score", y, t, average, classes)
    hits = (1 + beta**2) * n.tp
    return _average(hits, hits + beta**2 * n.fn + n.fp, average, zero_division)


class _Counts(NamedTuple):
    """True positives, false positives and false negatives: arrays of one number for each class that counts."""

    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray


def _counts(name: str, y: Values, t: Values, average: Average, classes: int | None) -> _Counts:
    if average not in ("binary", "macro", "micro", "none"):
        raise ArgumentError(f"{name}: average must be 'binary', 'macro', 'micro' or 'none', got {average!r}")
    predicted, true, classes = _all_classes(name, y, t, classes)
    if average == "binary" and classes > 2:
        raise ArgumentError(f"{name}: there are {classes} classes; say average='macro', 'micro' or 'none'")
    matrix = _pairs(predicted, true, max(classes, 2) if average == "binary" else classes)
    tp = np.diag(matrix)
    counts = np.stack([tp, matrix.sum(axis=0) - tp, matrix.sum(axis=1) - tp])
    if average == "binary":
        counts = counts[:, 1:]
    if average == "micro":
        counts = counts.sum(axis=1, keepdims=True)
    return _Counts(*counts)


def _average(part: np.ndarray, whole: np.ndarray, average: Average, zero_division: float) -> Any:
    shares = np.full(len(whole), zero_division, np.float64)
    np.divide(part, whole, out=shares, where=whole != 0)
    if average == "none":
        return shares
    known = shares[~np.isnan(shares)]
    return float(known.mean()) if known.size else float("nan")


# ---------------------------------------------------------------------------------------------- numbers


def mse(y: Values, t: Values) -> float:
    """Mean squared error Σ (y − t)² / n over all n numbers (the book, section 4.2.1, has half the sum).

    Parameters
    ----------
    y, t
        Predicted and true numbers, of the same shape: nothing is broadcast.

    Raises
    ------
    ShapeError
        If the shapes differ, as (N, 1) and (N,) do.
    ArgumentError
        If there is no number.
    """
    y, t = _numbers("mse", y, t)
    return float(np.mean((y - t) ** 2))


def rmse(y: Values, t: Values) -> float:
    """Root of the mean squared error: an error in the units of `t` (Gauss's mean error of observations, 1823).

    Parameters
    ----------
    y, t
        As in :func:`mse`.
    """
    y, t = _numbers("rmse", y, t)
    return float(np.sqrt(np.mean((y - t) ** 2)))


def mae(y: Values, t: Values) -> float:
    """Mean absolute error Σ |y − t| / n over all n numbers (compared with RMSE by Willmott and Matsuura, 2005).

    Parameters
    ----------
    y, t
        As in :func:`mse`.
    """
    y, t = _numbers("mae", y, t)
    return float(np.mean(np.abs(y - t)))


def r2_score(y: Values, t: Values) -> float:
    """Coefficient of determination R² = 1 − Σ (t − y)² / Σ (t − mean of t)² (Wright, 1921).

    1 for a perfect prediction, 0 for one no better than the mean of `t`, negative for a worse one. Not symmetric: the
    prediction comes first, as everywhere in tinygrad_jp (scikit-learn takes the truth first).

    Parameters
    ----------
    y, t
        Predicted and true numbers, of the same shape: (N,), or (N, …) for several outputs, whose R² are averaged.

    Returns
    -------
    float
        At most 1. An output whose `t` are all equal has no R²: it counts as 1 if predicted exactly, else as 0.
    """
    y, t = _numbers("r2_score", y, t)
    if not t.ndim:
        raise ShapeError("r2_score: needs arrays of shape (N,) or (N, …), got single numbers")
    unexplained = ((t - y) ** 2).sum(axis=0)
    varies = (t != t[0]).any(axis=0)  # the computed variance of equal numbers may be a rounding error instead of 0
    variation = np.where(varies, ((t - t.mean(axis=0)) ** 2).sum(axis=0), 1.0)
    return float(np.mean(np.where(varies, 1 - unexplained / variation, unexplained == 0)))


# ---------------------------------------------------------------------------------------------- by name

METRICS: dict[str, Callable[..., Any]] = {
    metric.__name__: metric
    for metric in (accuracy, top_k_accuracy, precision, recall, f_score, mse, rmse, mae, r2_score)
}
"""The metrics that give a single number, by name."""


def get_metric(name: str) -> Callable[..., Any]:
    """Return the metric of this name.

    Parameters
    ----------
    name
        A key of :data:`METRICS`.

    Raises
    ------
    ArgumentError
        If there is none; it suggests the nearest.
    """
    if name in METRICS:
        return METRICS[name]
    near = get_close_matches(str(name), METRICS, 1)
    suggestion = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(METRICS)}"
    raise ArgumentError(f"get_metric: no metric is named {name!r}; {suggestion}")


# ---------------------------------------------------------------------------------------------- what is admitted


def _array(x: Values) -> np.ndarray:
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


def _without_nan(scores: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(scores), -np.inf, scores)


def _classes(name: str, y: Values, t: Values, classes: int | None = None) -> tuple[np.ndarray, np.ndarray, int]:
    """Return predicted labels (N,), true labels (N,) and the number of classes, or say what is wrong."""
    y, t = _array(y), _array(t)
    if y.ndim not in (1, 2) or t.ndim not in (1, 2) or len(y) != len(t):
        raise ShapeError(
            f"{name}: needs predictions of shape (N, classes) or (N,) and labels of shape (N,) or one-hot rows of "
            f"shape (N, classes), got {y.shape} and {t.shape}"
        )
    if not len(y):
        raise ArgumentError(f"{name}: the batch is empty (shapes {y.shape} and {t.shape}); there is nothing to judge")
    columns = {a.shape[1] for a in (y, t) if a.ndim == 2} | ({classes} if classes is not None else set())
    if min(columns, default=2) < 2:
        raise ShapeError(
            f"{name}: shapes {y.shape} and {t.shape}, classes={classes}: there must be 2 classes or more; "
            "give labels of shape (N,), for example t[:, 0], or (y[:, 0] > 0.5) for probabilities"
        )
    if len(columns) > 1:
        raise ShapeError(f"{name}: shapes {y.shape} and {t.shape}, classes={classes}: the numbers of classes differ")
    predicted = _greatest(name, y) if y.ndim == 2 else _labels(name, "predicted", y)
    true = _of_one_hot(name, t) if t.ndim == 2 else _labels(name, "true", t)
    most = max(predicted.max(), true.max())
    count = columns.pop() if columns else int(most) + 1
    if most >= count:
        kind = "predicted" if predicted.max() >= count else "true"
        raise ArgumentError(f"{name}: {kind} labels must lie in 0…{count - 1}, got {most}")
    return predicted, true, count


def _all_classes(name: str, y: Values, t: Values, classes: int | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Return what :func:`_classes` does, after refusing an example for which no class was predicted."""
    predicted, true, count = _classes(name, y, t, classes)
    if (predicted == NONE).any():
        k = int(np.argmax(predicted == NONE))
        raise ArgumentError(f"{name}: row {k} of the scores is all NaN, so no class was predicted; leave such rows out")
    return predicted, true, count


def _greatest(name: str, y: np.ndarray) -> np.ndarray:
    """Return the class with the greatest score in each row; NONE where all are NaN."""
    if y.dtype.kind not in "biuf":
        raise DtypeError(f"{name}: scores must be numbers, got dtype {y.dtype}")
    return np.where(np.isnan(y).all(axis=1), NONE, np.argmax(_without_nan(y), axis=1))


def _labels(name: str, kind: str, labels: np.ndarray) -> np.ndarray:
    if labels.dtype.kind not in "biu":
        raise DtypeError(
            f"{name}: {kind} labels must be whole numbers, got dtype {labels.dtype}; write labels.astype(int), or "
            "(y > 0.5) for probabilities of one class"
        )
    if labels.min() < 0:
        raise ArgumentError(f"{name}: {kind} labels must be 0 or greater, got {labels.min()}")
    return labels.astype(np.int64)


def _of_one_hot(name: str, t: np.ndarray) -> np.ndarray:
    wrong = ((t != 0) & (t != 1)).any(axis=1) | (np.count_nonzero(t, axis=1) != 1)
    if wrong.any():
        k = int(np.argmax(wrong))
        raise ArgumentError(f"{name}: row {k} of the labels of shape {t.shape} is not one-hot: {t[k]}")
    return np.nonzero(t)[1]


def _numbers(name: str, y: Values, t: Values) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64 arrays of the same shape, or say what is wrong."""
    y, t = _array(y), _array(t)
    if y.shape != t.shape:
        raise ShapeError(
            f"{name}: predictions of shape {y.shape} and targets of shape {t.shape} must have the same shape; they "
            "are not broadcast (write y[:, 0] or t[:, None] to fit (N, 1) and (N,) together)"
        )
    if not y.size:
        raise ArgumentError(f"{name}: the batch is empty (shape {y.shape}); there is nothing to judge")
    for array in (y, t):
        if array.dtype.kind not in "biuf":
            raise DtypeError(f"{name}: needs real numbers, got dtype {array.dtype}")
    return y.astype(np.float64), t.astype(np.float64)

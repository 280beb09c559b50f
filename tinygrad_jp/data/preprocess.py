"""Preprocessing: one-hot labels, normalization, whitening (the book, sections 3.6 and 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar, Literal

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from ..errors import ArgumentError, CallError, DtypeError, ShapeError

ROWS = 4096  # converted to float64 at a time, so that fitting needs no second copy of the data


def one_hot(t: Any, classes: int, dtype: DTypeLike = np.float32) -> ndarray:
    """Return labels as vectors with 1 at the label and 0 elsewhere (the book, section 4.2.1).

    Parameters
    ----------
    t
        Labels, whole numbers in [0, classes), of any shape, usually (N,).
    classes
        The number of classes.
    dtype
        Of the result.

    Returns
    -------
    ndarray
        Shape ``(*t.shape, classes)``.

    Raises
    ------
    DtypeError
        If the labels are not whole numbers.
    ArgumentError
        If a label is out of range.

    Examples
    --------
    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    t = np.asarray(t)
    if t.dtype.kind not in "iu":
        raise DtypeError(f"one_hot: labels must be whole numbers, got dtype {t.dtype}; use t.astype(int)")
    wrong = t[(t < 0) | (t >= classes)]
    if wrong.size:
        raise ArgumentError(f"one_hot: labels must be in [0, {classes}), got {wrong[0]}; give the number of classes")
    encoded = np.zeros((t.size, classes), dtype)
    encoded[np.arange(t.size), t.ravel()] = 1
    return encoded.reshape(*t.shape, classes)


class Fitted:
    """A map whose numbers are taken from training data by ``fit``, and stored as a dictionary of arrays."""

    names: ClassVar[tuple[str, ...]]

    def state_dict(self) -> dict[str, ndarray]:
        """Return the fitted arrays by name."""
        return {name: self.fitted(name) for name in self.names}

    def load_state_dict(self, state: Mapping[str, ndarray]) -> None:
        """Take the arrays of a state instead of fitting.

        Raises
        ------
        ArgumentError
            If its names are not those of this class.
        """
        if set(state) != set(self.names):
            got = ", ".join(state) or "none"
            raise ArgumentError(f"{type(self).__name__}.load_state_dict: needs {', '.join(self.names)}; got {got}")
        for name in self.names:
            setattr(self, name, np.asarray(state[name]))

    def fitted(self, name: str) -> ndarray:
        """Return a fitted array.

        Raises
        ------
        CallError
            If nothing was fitted or loaded yet.
        """
        if name not in vars(self):
            raise CallError(f"{type(self).__name__}: not fitted yet; call fit(x_train) or load_state_dict(state) first")
        array: ndarray = vars(self)[name]
        return array


class Normalize(Fitted):
    """Shift and scale features: y = (x − shift) / scale (the book, section 3.6).

    Parameters
    ----------
    method
        ``"standard"``: the shift is the mean and the scale the standard deviation, so that training data have mean 0
        and deviation 1. ``"minmax"``: the shift is the minimum and the scale the range, so that they lie in [0, 1].
    axis
        The axes over which these are taken: 0 for each feature of (N, D) by itself, (0, 2, 3) for each channel of
        images (N, C, H, W), None for one number for all.

    Notes
    -----
    The statistics are computed in float64. A feature that is constant has scale 1, so it becomes 0. The result is of
    the floating dtype of x, or float32 for whole numbers.

    Examples
    --------
    >>> normalize = Normalize().fit(np.array([[0.0, 5.0], [2.0, 5.0]]))
    >>> normalize(np.array([[4.0, 5.0]]))
    array([[3., 0.]])
    """

    names = ("shift", "scale")

    def __init__(
        self, method: Literal["standard", "minmax"] = "standard", axis: int | tuple[int, ...] | None = 0
    ) -> None:
        check_method("Normalize", method, ("standard", "minmax"))
        self.method = method
        self.axis = axis

    def fit(self, x: Any) -> Normalize:
        """Take the shift and the scale from training data; return the object itself."""
        x = numbers("Normalize.fit", x)
        keep = self.axis is not None
        if self.method == "standard":
            shift = x.mean(self.axis, np.float64, keepdims=keep)
            scale = x.std(self.axis, np.float64, keepdims=keep)
            constant = scale <= 1e-12 * np.abs(shift)  # a rounding error of the mean is no spread
        else:
            shift = x.min(self.axis, keepdims=keep).astype(np.float64)
            scale = x.max(self.axis, keepdims=keep) - shift
            constant = scale == 0
        if not np.isfinite(scale).all():
            raise ArgumentError("Normalize.fit: x holds NaN or infinity; remove such examples first")
        self.shift = np.asarray(shift)
        self.scale = np.where(constant, 1.0, scale)
        return self

    def __call__(self, x: Any) -> ndarray:
        """Return the normalized x; a ShapeError if it does not fit what the object was fitted to."""
        shift, scale = self.arrays_for(x)
        result: ndarray = (np.asarray(x) - shift) / scale
        return result

    def invert(self, y: Any) -> ndarray:
        """Return what was normalized: y · scale + shift."""
        shift, scale = self.arrays_for(y)
        result: ndarray = np.asarray(y) * scale + shift
        return result

    def arrays_for(self, x: Any) -> tuple[ndarray, ndarray]:
        """Return shift and scale in the dtype for x."""
        x = numbers("Normalize", x)
        shift = self.fitted("shift")
        same = shift.ndim == x.ndim and all(n in (1, m) for n, m in zip(shift.shape, x.shape, strict=True))
        if shift.ndim and not same:
            raise ShapeError(f"Normalize: x of shape {x.shape} does not fit statistics of shape {shift.shape}")
        dtype = floating(x)
        return shift.astype(dtype), self.fitted("scale").astype(dtype)


class Whiten(Fitted):
    """Remove the correlation of features, so that their covariance is the unit matrix (the book, section 3.6).

    With the mean μ and the covariance Σ = U Λ Uᵀ of training data (U orthogonal, Λ diagonal and descending),

        PCA: y = (x − μ) U (Λ + ε)^(−1/2),      ZCA: y = (x − μ) U (Λ + ε)^(−1/2) Uᵀ.

    ZCA whitening is the one that changes the data least, so images still look like images (Bell & Sejnowski, "The
    'independent components' of natural scenes are edge filters", 1997; Krizhevsky, "Learning Multiple Layers of
    Features from Tiny Images", 2009, appendix A).

    Parameters
    ----------
    method
        ``"zca"`` or ``"pca"``.
    epsilon
        ε, added to every variance so that directions without variance are not blown up.
    components
        How many of the directions of largest variance to keep; None for all. PCA then gives that many features, ZCA
        still all of them.

    Notes
    -----
    Examples of shape (N, …) are taken as vectors of D features. The statistics are computed in float64; the result is
    of the floating dtype of x, or float32 for whole numbers. The sign of each direction is fixed: its largest entry
    is positive.
    """

    names = ("mean", "forward", "backward")

    def __init__(
        self, method: Literal["zca", "pca"] = "zca", epsilon: float = 1e-5, components: int | None = None
    ) -> None:
        check_method("Whiten", method, ("zca", "pca"))
        if epsilon < 0:
            raise ArgumentError(f"Whiten: epsilon must not be negative, got {epsilon}")
        if components is not None and components < 1:
            raise ArgumentError(f"Whiten: components must be at least 1, or None for all, got {components}")
        self.method = method
        self.epsilon = epsilon
        self.components = components

    def fit(self, x: Any) -> Whiten:
        """Take mean and covariance from training data, shape (N, …); return the object itself."""
        x = numbers("Whiten.fit", x)
        rows = x.reshape(len(x), -1)
        mean = rows.mean(0, np.float64)
        if not np.isfinite(mean).all():
            raise ArgumentError("Whiten.fit: x holds NaN or infinity; remove such examples first")
        covariance = np.zeros((mean.size, mean.size))
        for start in range(0, len(rows), ROWS):
            centred = rows[start : start + ROWS] - mean
            covariance += centred.T @ centred
        variances, directions = np.linalg.eigh(covariance / len(rows))
        variances = variances[::-1][: self.components]
        directions = directions[:, ::-1][:, : self.components]
        deviations = np.sqrt(np.maximum(variances, 0) + self.epsilon)
        if not deviations.all():
            raise ArgumentError("Whiten.fit: a direction has no variance; use epsilon > 0 or fewer components")
        largest = np.take_along_axis(directions, np.abs(directions).argmax(0)[None], 0)
        directions = directions * np.sign(largest)
        turned = directions.T if self.method == "zca" else np.eye(len(deviations))
        self.mean = mean.reshape(x.shape[1:])
        self.forward = directions / deviations @ turned
        self.backward = turned.T * deviations @ directions.T
        return self

    def __call__(self, x: Any) -> ndarray:
        """Return the whitened x: shape (N, K) with PCA, else the shape of x, (N, …)."""
        x = numbers("Whiten", x)
        mean = self.fitted("mean")
        if x.shape[1:] != mean.shape:
            raise ShapeError(f"Whiten: fitted to examples of shape {mean.shape}, got x of shape {x.shape}")
        dtype = floating(x)
        y: ndarray = (x - mean.astype(dtype)).reshape(len(x), -1) @ self.fitted("forward").astype(dtype)
        return y.reshape(x.shape) if y.shape[1] == mean.size else y

    def invert(self, y: Any) -> ndarray:
        """Return what was whitened, shape (N, …), up to the components that were left out."""
        y = numbers("Whiten.invert", y)
        mean, backward = self.fitted("mean"), self.fitted("backward")
        dtype = floating(y)
        x: ndarray = y.reshape(len(y), len(backward)) @ backward.astype(dtype)
        x = x.reshape(-1, *mean.shape)
        x += mean.astype(dtype)
        return x


def check_method(name: str, method: Any, known: tuple[str, ...]) -> None:
    """Refuse a method that is none of the known, or data in its place."""
    if not isinstance(method, str):
        kind = type(method).__name__
        raise DtypeError(f"{name}: method must be {' or '.join(map(repr, known))}, got {kind}; use {name}().fit(x)")
    if method not in known:
        near = get_close_matches(method, known, 1, 0)
        raise ArgumentError(f"{name}: there is no method {method!r}; did you mean {near[0]!r}?")


def numbers(function: str, x: Any) -> ndarray:
    """Return x as an array of at least one example, of whole or floating numbers."""
    array = np.asarray(x)
    if array.dtype.kind not in "iuf":
        raise DtypeError(f"{function}: needs whole or floating numbers, got dtype {array.dtype}")
    if array.size == 0:
        raise ShapeError(f"{function}: x of shape {array.shape} is empty")
    return array


def floating(x: ndarray) -> np.dtype[Any]:
    """Return the dtype of the result for x: its own if it is floating, else float32."""
    return x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)

"""Points in the plane that no straight line separates."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from ..errors import ArgumentError
from ..generator import generator as common_generator


def spiral(
    n_per_class: int = 100,
    classes: int = 3,
    noise: float = 0.2,
    generator: np.random.Generator | None = None,
) -> tuple[ndarray, ndarray]:
    """Make points on the arms of a spiral (『ゼロから作る Deep Learning ❷』, section 1.4.1).

    Point i of arm j lies at radius r = i / n_per_class and angle 2πj / classes + 4r + noise · N(0, 1), measured from
    the vertical axis: x = (r sin θ, r cos θ). (The book places its three arms 4 rad apart, which is almost the same.)

    Parameters
    ----------
    n_per_class
        Points on an arm.
    classes
        Arms.
    noise
        Standard deviation of the angle, in radians.
    generator
        What to draw from, instead of the one generator of tinygrad_jp.

    Returns
    -------
    x : ndarray
        float32, shape (n_per_class · classes, 2), arm by arm: shuffle it before use.
    t : ndarray
        The arm of each point, int64.

    Raises
    ------
    ArgumentError
        If a number of points or classes is below 1, or the noise negative.
    """
    if n_per_class < 1 or classes < 1 or noise < 0:
        raise ArgumentError(
            "spiral: needs n_per_class ≥ 1, classes ≥ 1 and noise ≥ 0, "
            f"got n_per_class={n_per_class}, classes={classes}, noise={noise}"
        )
    source = common_generator() if generator is None else generator
    t = np.repeat(np.arange(classes, dtype=np.int64), n_per_class)
    r = np.tile(np.arange(n_per_class) / n_per_class, classes)
    theta = 2 * np.pi * t / classes + 4 * r + noise * source.standard_normal(t.size)
    return np.stack([r * np.sin(theta), r * np.cos(theta)], axis=1).astype(np.float32), t


def two_moons(
    n: int = 200, noise: float = 0.1, generator: np.random.Generator | None = None
) -> tuple[ndarray, ndarray]:
    """Make points on two half circles that reach into each other (as scikit-learn's ``make_moons``).

    Class 0 lies on (cos a, sin a) and class 1 on (1 − cos a, ½ − sin a), with a at equal steps from 0 to π.

    Parameters
    ----------
    n
        Points, half of them of each class (class 0 has one more if n is odd).
    noise
        Standard deviation of what is added to each coordinate.
    generator
        What to draw from, instead of the one generator of tinygrad_jp.

    Returns
    -------
    x : ndarray
        float32, shape (n, 2), class by class: shuffle it before use.
    t : ndarray
        The class of each point, int64.

    Raises
    ------
    ArgumentError
        If n is below 2 or the noise negative.
    """
    if n < 2 or noise < 0:
        raise ArgumentError(f"two_moons: needs n ≥ 2 and noise ≥ 0, got n={n}, noise={noise}")
    source = common_generator() if generator is None else generator
    upper, lower = np.linspace(0, np.pi, n - n // 2), np.linspace(0, np.pi, n // 2)
    points = np.concatenate(
        [
            np.stack([np.cos(upper), np.sin(upper)], axis=1),
            np.stack([1 - np.cos(lower), 0.5 - np.sin(lower)], axis=1),
        ]
    )
    points += noise * source.standard_normal(points.shape)
    return points.astype(np.float32), np.repeat(np.arange(2, dtype=np.int64), [n - n // 2, n // 2])

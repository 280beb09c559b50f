"""The exceptions of tinygrad_jp: each says which op, which shapes, and what to do.

All are :class:`TinygradError`; each is also the built-in exception that a NumPy user would catch.
"""

from __future__ import annotations


class TinygradError(Exception):
    """Any error that tinygrad_jp found and explains itself."""


class ArgumentError(TinygradError, ValueError):
    """An argument whose value an op cannot take."""


class ShapeError(ArgumentError):
    """Shapes that do not broadcast, align or fit together."""


class AxisError(ShapeError, IndexError):
    """An axis that the array does not have, or that is named twice."""


class IndexingError(ArgumentError, IndexError):
    """An index that is out of range, or of a kind that selects nothing."""


class CallError(TinygradError, TypeError):
    """A call with an argument too many, one too few, or one of an unknown name."""


class DtypeError(TinygradError, TypeError):
    """A dtype that cannot be held in a Tensor or cannot carry a gradient."""


class UnsupportedError(TinygradError, TypeError):
    """A NumPy function, or one of its options, that the tape does not record."""


class GraphError(TinygradError, RuntimeError):
    """A backward pass that the recorded graph cannot serve (nothing recorded, not a scalar, …)."""


class GraphFreedError(GraphError):
    """A second backward pass over a graph whose saved arrays were already released."""


class InPlaceError(GraphError):
    """An array that an op saved for its backward pass was changed in place since."""


class NotComputedError(GraphError):
    """A value that is asked for where only shapes and dtypes were worked out (``compute=False``)."""


class AnomalyError(TinygradError, ArithmeticError):
    """A NaN or an infinity that an op made out of finite numbers (raised inside ``detect_anomaly``)."""


class GradientError(TinygradError, AssertionError):
    """A gradient that disagrees with its numerical estimate (raised by ``gradcheck``)."""


class DataError(TinygradError, OSError):
    """A data file that is missing, truncated, of the wrong format or of the wrong content."""


class TrainingError(TinygradError, RuntimeError):
    """A training run that cannot go on: its loss became NaN or infinite."""

"""The exceptions of tinygrad_jp: each says which op, which shapes, and what to do.

They derive from the built-in exception a NumPy user would catch (``ValueError``, ``TypeError``, …).
"""

from __future__ import annotations


class ShapeError(ValueError):
    """Shapes that do not broadcast, align or fit together."""


class AxisError(ShapeError, IndexError):
    """An axis that the array does not have, or that is named twice."""


class DtypeError(TypeError):
    """A dtype that cannot be held in a Tensor or cannot carry a gradient."""


class UnsupportedError(TypeError):
    """A NumPy function, or one of its options, that the tape does not record."""


class GraphError(RuntimeError):
    """A backward pass that the recorded graph cannot serve (nothing recorded, not a scalar, …)."""


class GraphFreedError(GraphError):
    """A second backward pass over a graph whose saved arrays were already released."""


class InPlaceError(GraphError):
    """An array that an op saved for its backward pass was changed in place since."""


class GradientError(AssertionError):
    """A gradient that disagrees with its numerical estimate (raised by ``gradcheck``)."""


class DataError(OSError):
    """A data file that is missing, truncated, of the wrong format or of the wrong content."""

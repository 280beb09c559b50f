"""Kernels compiled by numba; each has a twin in NumPy that says what it computes.

They are loaded by ``kernels.fast``, never imported elsewhere: this package needs numba.
"""

from . import affine as affine
from . import direct, patches
from . import normalization as normalization
from .losses import cross_entropy as cross_entropy
from .order import as_rows as as_rows
from .product import multiply as multiply
from .update import adam as adam
from .update import sgd as sgd
from .vectors import BYTES as BYTES

CONVOLUTIONS = {"direct": direct, "winograd": patches}
"""Forward pass and gradients of a convolution, by the kernel's name."""

"""The op table: every primitive, fused and composite op, one row each, a file a family.

Rows know arrays only. On Tensors they run through ``tinygrad_jp.tape``, which records them.
"""

from __future__ import annotations

from typing import Any

from . import activation, arithmetic, conv, elementwise, fused, layer, linalg, loss, pool, reduce, shape
from .activation import *  # noqa: F403
from .activation import logistic
from .arithmetic import *  # noqa: F403
from .conv import *  # noqa: F403
from .elementwise import *  # noqa: F403
from .fused import *  # noqa: F403
from .layer import *  # noqa: F403
from .linalg import *  # noqa: F403
from .loss import *  # noqa: F403
from .pool import *  # noqa: F403
from .reduce import *  # noqa: F403
from .shape import *  # noqa: F403
from .table import Kink, Op, composite, op

TABLE: dict[str, Op[Any]] = {
    row.name: row
    for family in (arithmetic, elementwise, activation, reduce, shape, linalg, conv, pool, layer, fused, loss)
    for row in vars(family).values()
    if isinstance(row, Op)
}
"""Every row by its name."""

for row in TABLE.values():
    row.trusted = True

__all__ = ["TABLE", "Kink", "Op", "composite", "logistic", "op", *TABLE]

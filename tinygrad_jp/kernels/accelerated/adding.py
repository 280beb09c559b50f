"""Adding up vectors of channels over pixels: the gradient of a bias, while the pixels lie in the cache."""

from __future__ import annotations

from typing import Any

from numba import types

from .jit import cgutils, intrinsic
from .vectors import Writer


@intrinsic
def add_pixels(
    typing: Any, image: Any, at: Any, down: Any, rows: Any, right: Any, columns: Any, sums: Any, to: Any
) -> Any:
    """Add one vector of channels of `rows` · `columns` pixels, the first at ``image[at]``, to ``sums[to]``.

    `down` and `right` are the steps to the next row and the next pixel; all arrays are flat.
    """
    n = types.intp
    signature = types.void(image, n, n, n, n, n, sums, n)

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        w = Writer(context, builder, image.dtype)
        pixels, at, down, rows, right, columns, sums, to = w.unpack(signature, args)
        place = w.at(sums, to)
        total = w.variable(w.load(place))
        with cgutils.for_range(builder, rows) as row, cgutils.for_range(builder, columns) as column:
            vector = w.load(w.at(pixels, at, (down, row.index), (right, column.index)))
            builder.store(builder.fadd(builder.load(total), vector), total)
        w.store(builder.load(total), place)
        return context.get_dummy_value()

    return signature, write

"""The transforms of Winograd's F(4×4, 3×3), on vectors of channels: into planes and back."""

from __future__ import annotations

from itertools import chain
from typing import Any

from numba import types

from ..winograd import P, Q
from .jit import cgutils, intrinsic
from .vectors import Writer

PATCH, SEEN, FILTER = 4, 6, 3
"""Side of a patch of outputs, of what it sees of the image, and of a filter."""
PLANES = SEEN * SEEN


def _pair(w: Writer, even: Any, odd: Any) -> list[Any]:
    """Return the values of a polynomial at a point and at its negative, from those of its even and odd powers."""
    return [w.builder.fadd(even, odd), w.builder.fsub(even, odd)]


def _bt(w: Writer, d: list[Any]) -> list[Any]:
    """Bᵀ on six vectors."""

    def at(x: float, y: float) -> list[Any]:
        even, odd = w.fma(w.constant(-y * y), d[2], d[4]), w.fma(w.constant(-y * y), d[1], d[3])
        return _pair(w, even, w.builder.fmul(w.constant(x), odd))

    def end(a: Any, b: Any, c: Any) -> Any:
        return w.fma(w.constant((P * Q) ** 2), a, w.fma(w.constant(-(P * P + Q * Q)), b, c))

    return [end(d[0], d[2], d[4]), *at(P, Q), *at(Q, P), end(d[1], d[3], d[5])]


def _at(w: Writer, m: list[Any]) -> list[Any]:
    """Aᵀ on six vectors: Σ xᵏ m(x) for the powers k = 0 … 3."""
    (even_p, odd_p), (even_q, odd_q) = (
        (w.builder.fadd(a, b), w.builder.fsub(a, b)) for a, b in ((m[1], m[2]), (m[3], m[4]))
    )

    def power(k: int, of_p: Any, of_q: Any) -> Any:
        return w.fma(w.constant(P**k), of_p, w.builder.fmul(w.constant(Q**k), of_q))

    return [
        w.builder.fadd(w.builder.fadd(even_p, even_q), m[0]),
        power(1, odd_p, odd_q),
        power(2, even_p, even_q),
        w.builder.fadd(power(3, odd_p, odd_q), m[5]),
    ]


def _a(w: Writer, y: list[Any]) -> list[Any]:
    """A on four vectors: the polynomial with these coefficients at all points."""

    def at(x: float) -> list[Any]:
        odd = w.fma(w.constant(x**3), y[3], w.builder.fmul(w.constant(x), y[1]))
        return _pair(w, w.fma(w.constant(x * x), y[2], y[0]), odd)

    return [y[0], *at(P), *at(Q), y[3]]


_SCALES = {x: 1 / (2 * x * x * (x * x - y * y)) for x, y in ((P, Q), (Q, P))}
"""Of the rows of G that belong to a point."""


def _g(w: Writer, g: list[Any]) -> list[Any]:
    """G on three vectors."""

    def at(x: float) -> list[Any]:
        scale = _SCALES[x]
        even = w.fma(w.constant(x * x * scale), g[2], w.builder.fmul(w.constant(scale), g[0]))
        return _pair(w, even, w.builder.fmul(w.constant(x * scale), g[1]))

    return [w.builder.fmul(w.constant(1 / (P * Q) ** 2), g[0]), *at(P), *at(Q), g[2]]


def _gt(w: Writer, m: list[Any]) -> list[Any]:
    """Gᵀ on six vectors."""
    (even_p, odd_p), (even_q, odd_q) = (
        (w.builder.fadd(a, b), w.builder.fsub(a, b)) for a, b in ((m[1], m[2]), (m[3], m[4]))
    )

    def power(k: int, of_p: Any, of_q: Any) -> Any:
        scaled = w.builder.fmul(w.constant(Q**k * _SCALES[Q]), of_q)
        return w.fma(w.constant(P**k * _SCALES[P]), of_p, scaled)

    return [
        w.fma(w.constant(1 / (P * Q) ** 2), m[0], power(0, even_p, even_q)),
        power(1, odd_p, odd_q),
        w.builder.fadd(power(2, even_p, even_q), m[5]),
    ]


def _both_ways(w: Writer, transform: Any, square: list[list[Any]]) -> list[list[Any]]:
    """Transform the columns of a square of vectors, then its rows."""
    tall = zip(*(transform(w, list(column)) for column in zip(*square, strict=True)), strict=True)
    return [transform(w, list(row)) for row in tall]


def _patch(side: int, transform: Any) -> Any:
    """Make the transform of a patch with this side into planes."""

    @intrinsic
    def into_planes(typing: Any, image: Any, at: Any, down: Any, right: Any, planes: Any, to: Any, plane: Any) -> Any:
        """Transform one vector of channels of the patch at ``image[at]``; steps to its next row, pixel and plane."""
        n = types.intp
        signature = types.void(image, n, n, n, planes, n, n)

        def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            w = Writer(context, builder, image.dtype)
            pixels, at, down, right, planes, to, plane = w.unpack(signature, args)
            square = [[w.load(w.at(pixels, at, (down, i), (right, j))) for j in range(side)] for i in range(side)]
            for k, vector in enumerate(chain.from_iterable(_both_ways(w, transform, square))):
                w.store(vector, w.at(planes, to, (plane, k)))
            return context.get_dummy_value()

        return signature, write

    return into_planes


image_into_planes = _patch(SEEN, _bt)
gradient_into_planes = _patch(PATCH, _a)
filter_into_planes = _patch(FILTER, _g)


@intrinsic
def filter_out_of_planes(
    typing: Any, planes: Any, parts: Any, part: Any, at: Any, plane: Any, filters: Any, to: Any, step: Any
) -> Any:
    """Add up one vector of the gradients that several parts found for planes, and transform it back into a filter.

    Steps from part to part, from plane to plane, and between the nine numbers of the filter.
    """
    n = types.intp
    signature = types.void(planes, n, n, n, n, filters, n, n)

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        w = Writer(context, builder, planes.dtype)
        sums, parts, part, at, plane, filters, to, step = w.unpack(signature, args)
        totals = [w.variable(w.load(w.at(sums, at, (plane, k)))) for k in range(SEEN * SEEN)]
        with cgutils.for_range(builder, parts, start=w.index(1)) as more:
            for k, total in enumerate(totals):
                added = w.load(w.at(sums, at, (plane, k), (part, more.index)))
                builder.store(builder.fadd(builder.load(total), added), total)
        numbers = [builder.load(total) for total in totals]
        square = [numbers[SEEN * i : SEEN * (i + 1)] for i in range(SEEN)]
        for k, vector in enumerate(chain.from_iterable(_both_ways(w, _gt, square))):
            w.store(vector, w.at(filters, to, (step, k)))
        return context.get_dummy_value()

    return signature, write


@intrinsic
def out_of_planes(
    typing: Any, planes: Any, at: Any, plane: Any, bias: Any, bias_at: Any, least: Any, image: Any, to: Any, down: Any,
    right: Any, tall: Any, broad: Any,
) -> Any:  # fmt: skip
    """Transform one vector of channels back into pixels; add the bias; nothing is below `least`.

    Of the patch, `tall` rows and `broad` columns belong to the image.
    """
    n = types.intp
    signature = types.void(planes, n, n, bias, n, planes.dtype, image, n, n, n, n, n)

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        w = Writer(context, builder, planes.dtype)
        products, at, plane, bias, bias_at, least, image, to, down, right, tall, broad = w.unpack(signature, args)
        square = [[w.load(w.at(products, at, (plane, SEEN * i + j))) for j in range(SEEN)] for i in range(SEEN)]
        added, lowest = w.load(w.at(bias, bias_at)), w.splat(least)
        for i, row in enumerate(_both_ways(w, _at, square)):
            with builder.if_then(builder.icmp_signed("<", w.index(i), tall), likely=True):
                for j, vector in enumerate(row):
                    value = builder.fadd(vector, added)
                    value = builder.select(builder.fcmp_ordered("<", value, lowest), lowest, value)  # keeps a NaN
                    with builder.if_then(builder.icmp_signed("<", w.index(j), broad), likely=True):
                        w.store(value, w.at(image, to, (down, i), (right, j)))
        return context.get_dummy_value()

    return signature, write

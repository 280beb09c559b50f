"""The processor's vectors, for loops that numba cannot write: values in LLVM's own language."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

from llvmlite import binding, ir
from numba import types

from .jit import cgutils

_features = binding.get_host_cpu_features()
BYTES = 64 if _features.get("avx512f") else 32 if _features.get("avx2") else 16
"""Width of a vector."""


class Writer:
    """Writes instructions on vectors of one dtype.

    Parameters
    ----------
    context, builder
        Of numba's code generation.
    dtype
        Of the numbers, a floating one.
    """

    def __init__(self, context: Any, builder: Any, dtype: Any) -> None:
        self.context, self.builder = context, builder
        self.size = dtype.bitwidth // 8
        self.lanes = BYTES // self.size
        self.number = context.get_value_type(dtype)
        self.vector = ir.VectorType(self.number, self.lanes)
        self.index = context.get_value_type(types.intp)
        name = f"llvm.fma.v{self.lanes}f{dtype.bitwidth}"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        self._fma = cgutils.get_or_insert_function(builder.module, kind, name)

    def unpack(self, signature: Any, args: Any) -> list[Any]:
        """Take the arguments of an intrinsic: of arrays, which are flat, the pointer to the first number."""
        return [
            self.context.make_array(kind)(self.context, self.builder, value).data
            if isinstance(kind, types.Array)
            else value
            for kind, value in zip(signature.args, args, strict=True)
        ]

    def at(self, pointer: Any, *steps: Any) -> Any:
        """Point further: each step is a number of elements, or a pair to be multiplied."""
        for step in steps:
            a, *times = step if isinstance(step, tuple) else (step,)
            for b in times:
                a = self.builder.mul(self._whole(a), self._whole(b))
            pointer = self.builder.gep(pointer, [self._whole(a)])
        return pointer

    def _whole(self, value: Any) -> Any:
        return ir.Constant(self.index, value) if isinstance(value, int) else value

    def load(self, pointer: Any) -> Any:
        """Read a vector."""
        loaded = self.builder.load(self.builder.bitcast(pointer, self.vector.as_pointer()))
        loaded.align = self.size
        return loaded

    def store(self, vector: Any, pointer: Any) -> None:
        """Write a vector."""
        self.builder.store(vector, self.builder.bitcast(pointer, self.vector.as_pointer()), align=self.size)

    def splat(self, number: Any) -> Any:
        """Repeat a number in all lanes."""
        nothing, i32 = ir.Constant(self.vector, ir.Undefined), ir.IntType(32)
        one = self.builder.insert_element(nothing, number, ir.Constant(i32, 0))
        return self.builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(i32, self.lanes), [0] * self.lanes))

    def constant(self, value: float) -> Any:
        """Write a number in all lanes."""
        return ir.Constant(self.vector, [value] * self.lanes)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """Multiply and add: a · b + c, rounded once."""
        return self.builder.call(self._fma, [a, b, c])

    def each_pixel(self, side: Any, known_side: int | None, visit: Callable[[Any, Any, Any], None]) -> None:
        """Write ``visit(i, j, number)`` for each pixel of a square window, row by row; `number` is in all lanes.

        With `known_side`, which replaces `side`, it is written out; otherwise as a loop, which is slower.
        """
        if known_side is not None:
            for i, j in product(range(known_side), repeat=2):
                visit(i, j, self.constant(i * known_side + j))
            return
        with cgutils.for_range(self.builder, side) as row, cgutils.for_range(self.builder, side) as column:
            number = self.builder.add(self.builder.mul(row.index, side), column.index)
            visit(row.index, column.index, self.splat(self.builder.uitofp(number, self.number)))

    def variable(self, vector: Any = None) -> Any:
        """Make a variable, which LLVM will keep in a register."""
        place = cgutils.alloca_once(self.builder, self.vector)
        if vector is not None:
            self.builder.store(vector, place)
        return place

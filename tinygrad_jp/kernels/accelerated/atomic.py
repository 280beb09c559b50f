"""What threads need of LLVM to talk to each other: words read and written whole and in order, and calls by address."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.typing.templates import Signature

from .jit import cgutils, intrinsic

_WORD, _POINTER = ir.IntType(64), ir.IntType(8).as_pointer()
_PART = ir.FunctionType(ir.VoidType(), [_POINTER, _WORD, _WORD])
"""Computes a part: address of its arguments, number of the part, number of the thread."""
_X86 = platform.machine().lower() in ("x86_64", "amd64")


def _pointer(context: Any, builder: Any, kind: Any, words: Any, at: Any) -> Any:
    """Point to a word of an array of int64."""
    return builder.gep(context.make_array(kind)(context, builder, words).data, [at])


@intrinsic
def read(typing: Any, words: Any, at: Any) -> Any:
    """Read ``words[at]``, after all that this thread did before."""

    def write(context: Any, builder: Any, signature: Signature, args: Any) -> Any:
        return builder.load_atomic(_pointer(context, builder, words, *args), "seq_cst", 8)

    return types.int64(words, types.intp), write


@intrinsic
def write(typing: Any, words: Any, at: Any, value: Any) -> Any:
    """Write ``words[at]``: who reads it sees all that this thread wrote before."""

    def write(context: Any, builder: Any, signature: Signature, args: Any) -> Any:
        builder.store_atomic(args[2], _pointer(context, builder, words, *args[:2]), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(words, types.intp, types.int64), write


@intrinsic
def add(typing: Any, words: Any, at: Any, value: Any) -> Any:
    """Add to ``words[at]`` and return what it was."""

    def write(context: Any, builder: Any, signature: Signature, args: Any) -> Any:
        return builder.atomic_rmw("add", _pointer(context, builder, words, *args[:2]), args[2], "seq_cst")

    return types.int64(words, types.intp, types.int64), write


@intrinsic
def seize(typing: Any, words: Any, at: Any) -> Any:
    """Turn ``words[at]`` from 0 to 1, and tell whether it was 0."""

    def write(context: Any, builder: Any, signature: Signature, args: Any) -> Any:
        word = _pointer(context, builder, words, *args)
        return builder.extract_value(builder.cmpxchg(word, _WORD(0), _WORD(1), "seq_cst", "seq_cst"), 1)

    return types.boolean(words, types.intp), write


@intrinsic
def relax(typing: Any) -> Any:
    """Tell the processor that this thread only waits."""

    def write(context: Any, builder: Any, signature: Signature, args: Any) -> Any:
        if _X86:
            pause = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, pause, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), write


def _borrowed(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Take the owner from an array: threads that count the references to the same one wait for each other."""
    if not isinstance(kind, types.Array):
        return value
    array = context.make_array(kind)(context, builder, value)
    for name in ("meminfo", "parent"):
        setattr(array, name, cgutils.get_null_value(getattr(array, name).type))
    return array._getvalue()


@contextmanager
def _flushed(builder: Any) -> Iterator[None]:
    """Write code in which numbers too small for full precision (float32: below 1.2e-38) count as 0, on x86.

    The processor takes a hundred times as long for them, and weights that no longer learn are full of them: Adam's
    running mean shrinks until it gets stuck at the smallest number there is. (Bits 15 and 6 of the register MXCSR.)
    """
    if not _X86:
        yield
        return
    kind = ir.FunctionType(ir.VoidType(), [_POINTER])
    save, load = (cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{n}mxcsr") for n in ("st", "ld"))
    before, now = (cgutils.alloca_once(builder, ir.IntType(32)) for _ in range(2))
    builder.call(save, [builder.bitcast(before, _POINTER)])
    builder.store(builder.or_(builder.load(before), ir.IntType(32)(1 << 15 | 1 << 6)), now)
    builder.call(load, [builder.bitcast(now, _POINTER)])
    yield
    builder.call(load, [builder.bitcast(before, _POINTER)])


def bind(kernel: Any, flush: bool = True) -> Any:
    """Make a function ``bound(cuts, arguments)``, for ``kernel(part, worker, cuts, *arguments)`` to be shared out.

    It returns two addresses for :func:`call`, valid until its caller returns: of a function that computes a part, and
    of the arguments. The arrays among them must be the caller's own arguments. With `flush`, tiny numbers count as 0
    (see :func:`_flushed`).
    """

    @intrinsic
    def bound(typing: Any, cuts: Any, arguments: Any) -> Any:
        kinds: Any = cuts, *arguments.types
        called: Any = types.Dispatcher(kernel).get_call_type(typing, (types.intp, types.intp, *kinds), {})

        def write(context: Any, builder: Any, signature: Signature, args: Any) -> Any:
            described = kernel.overloads[called.args].fndesc
            context.add_linking_libs(context.get_function(types.Dispatcher(kernel), called).libs)
            values = zip(kinds, [args[0], *cgutils.unpack_tuple(builder, args[1])], strict=True)
            borrowed = cgutils.pack_struct(builder, [_borrowed(context, builder, *pair) for pair in values])
            place = cgutils.alloca_once_value(builder, borrowed)
            function = cgutils.get_or_insert_function(builder.module, _PART, f"part_{described.mangled_name}")
            if function.is_declaration:
                function.linkage = "internal"
                inside = ir.IRBuilder(function.append_basic_block("entry"))
                found = inside.load(inside.bitcast(function.args[0], place.type))
                everything = [*function.args[1:], *cgutils.unpack_tuple(inside, found)]
                with _flushed(inside) if flush else nullcontext():
                    context.call_internal_no_propagate(inside, described, called, everything)
                inside.ret_void()
            pair = [builder.ptrtoint(pointer, _WORD) for pointer in (function, place)]
            return context.make_tuple(builder, signature.return_type, pair)

        addresses: Any = types.UniTuple
        return addresses(types.int64, 2)(cuts, arguments), write

    return bound


@intrinsic
def call(typing: Any, work: Any, arguments: Any, part: Any, worker: Any) -> Any:
    """Call what :func:`bind` returned the addresses of."""

    def write(context: Any, builder: Any, signature: Signature, args: Any) -> Any:
        function, place = builder.inttoptr(args[0], _PART.as_pointer()), builder.inttoptr(args[1], _POINTER)
        builder.call(function, [place, *args[2:]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.intp, types.intp), write

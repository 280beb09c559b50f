"""The book's parameter files: pickled dicts of NumPy arrays, read without running anything that they ask for.

A pickle is a program for a stack machine, and Python's own machine calls what the program names. To restrict what it
may name is not enough: a few bytes still make :class:`pickle.Unpickler` allocate gigabytes (a large memo index), hang
or crash (the hash of nested tuples). So this module has a machine of its own, which knows only what dicts of arrays
need. Names that NumPy's pickles mention become an inert :class:`_Name`, a call of one is a case of
:meth:`_Machine.call`; nothing is imported, and no function from outside is within reach.

The opcodes are those that the standard library's ``pickletools`` documents, for protocols 0 to 5; the names are those
of Python 2 and 3, NumPy 1 and 2.
"""

from __future__ import annotations

import codecs
import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import DataError
from . import disk

ADMITTED = {
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.core.numeric._frombuffer",
    "numpy.ndarray",
    "numpy.dtype",
    "_codecs.encode",  # protocols 0 to 2 have no bytes: they spell them as text in Latin-1,
    "builtins.bytes",  # and the empty ones as a call of bytes()
}
RENAMED = {"numpy._core": "numpy.core", "__builtin__": "builtins"}  # by NumPy 2, by Python 3
SINGLE: dict[bytes, Callable[[], Any]] = {
    b"N": lambda: None,
    b"\x88": lambda: True,
    b"\x89": lambda: False,
    b")": tuple,
    b"]": list,
    b"}": dict,
}
FIXED = {b"K": "<B", b"M": "<H", b"J": "<i", b"G": ">d"}
COUNTED = {  # a length, then as many bytes
    b"U": ("<B", "str"),
    b"T": ("<I", "str"),
    b"\x8c": ("<B", "unicode"),
    b"X": ("<I", "unicode"),
    b"C": ("<B", "bytes"),
    b"B": ("<I", "bytes"),
    b"\x8e": ("<Q", "bytes"),
    b"\x96": ("<Q", "bytes"),
    b"\x8a": ("<B", "int"),
}
DECODE: dict[str, Callable[[bytes], Any]] = {
    "str": lambda content: content.decode("latin1"),  # of Python 2
    "unicode": lambda content: content.decode("utf8", "surrogatepass"),
    "bytes": bytes,
    "int": lambda content: int.from_bytes(content, "little", signed=True),
}
LINE: dict[bytes, Callable[[bytes], Any]] = {  # up to the next newline
    b"I": lambda line: line == b"01" if line in (b"00", b"01") else int(line),
    b"L": lambda line: int(line.rstrip(b"L")),
    b"F": float,
    b"S": lambda line: codecs.escape_decode(line[1:-1])[0].decode("latin1"),
    b"V": lambda line: line.decode("raw-unicode-escape"),
}
INDEX = {b"q": "<B", b"h": "<B", b"r": "<I", b"j": "<I"}  # into the memo
TUPLE = {b"\x85": 1, b"\x86": 2, b"\x87": 3}
REFUSED = {
    b"P": "a persistent id",
    b"Q": "a persistent id",
    b"\x82": "an object of copyreg's extension registry",
    b"\x83": "an object of copyreg's extension registry",
    b"\x84": "an object of copyreg's extension registry",
}


def load_book_pickle(path: disk.PathLike) -> dict[str, ndarray]:
    """Read a pickled dict of NumPy arrays, such as the book's ``sample_weight.pkl`` (chapter 3); runs no code from it.

    Parameters
    ----------
    path
        The file: any pickle protocol, written by Python 2 or 3.

    Returns
    -------
    dict
        Arrays by name: bool, integer, float or complex, in native byte order, writable. NumPy scalars become 0-d.

    Raises
    ------
    DataError
        If there is no such file, it is damaged, or it asks for anything but dicts of arrays; the message names what.
    """
    content = disk.read(path)
    try:
        return _arrays(_Machine(content).run())
    except _RefusedError as error:
        raise DataError(f"{path}: {error}; only a pickled dict of NumPy arrays of numbers is read") from error
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, MemoryError, struct.error) as error:
        raise DataError(f"{path}: no pickle of NumPy arrays, or damaged ({error!r}); get it again") from error


class _RefusedError(Exception):
    """The pickle asks for something that no dict of arrays needs."""


@dataclass(frozen=True, slots=True)
class _Name:
    """Stands for a function or class that the pickle names; nothing can be done with it but compare it."""

    text: str


@dataclass(slots=True)
class _Dtype:
    """What a pickle says of a dtype; checked only when an array of it is made."""

    text: str
    order: str = "="

    def resolve(self) -> np.dtype[Any]:
        if not re.fullmatch("[biufc][0-9]{1,2}", self.text) or self.order not in ("<", ">", "=", "|"):
            raise _RefusedError(f"holds an array of dtype {self.text!r:.40}, which is not numeric")
        return np.dtype(self.text).newbyteorder(self.order)  # type: ignore[arg-type]


@dataclass(slots=True)
class _Array:
    """An array to be; its values come with a later opcode."""

    values: ndarray | None = None


def _kind(value: object) -> str:
    return {_Array: "NumPy array", _Dtype: "dtype", _Name: "function"}.get(type(value), type(value).__name__)


def _arrays(result: object) -> dict[str, ndarray]:
    """Return the arrays of the dict that the pickle described."""
    if not isinstance(result, dict):
        raise _RefusedError(f"holds a {_kind(result)}, no dict")
    for name, value in result.items():
        if not isinstance(value, _Array) or value.values is None:
            raise _RefusedError(f"{name!r:.80} is a {_kind(value)}, no array with values")
    return {name: value.values for name, value in result.items()}


class _Machine:
    """Runs the opcodes of one pickle: a stack of values, the marks on it, and a memo of values to fetch again."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.position = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.room = len(content)  # a genuine file spells out each byte of its arrays once

    def run(self) -> object:
        """Return what the pickle describes, with _Array in place of arrays."""
        while (code := self.take(1)) != b".":
            if code in SINGLE or code in FIXED or code in COUNTED or code in LINE:
                self.stack.append(self.literal(code))
            else:
                self.step(code)
        if self.position != len(self.content):
            raise ValueError(f"{len(self.content) - self.position} bytes after the end")
        return self.stack.pop()

    # ------------------------------------------------------------------------------------------ reading

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if count > len(self.content) - self.position:
            raise ValueError(f"truncated at byte {self.position}")
        self.position += count
        return self.content[self.position - count : self.position]

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> bytes:
        return self.take(self.content.index(b"\n", self.position) + 1 - self.position)[:-1]

    # ------------------------------------------------------------------------------------------ opcodes

    def literal(self, code: bytes) -> Any:
        """Return the value that an opcode spells out."""
        if code in SINGLE:
            return SINGLE[code]()
        if code in FIXED:
            return self.number(FIXED[code])
        if code in LINE:
            return LINE[code](self.line())
        length, kind = COUNTED[code]
        return DECODE[kind](self.take(self.number(length)))

    def step(self, code: bytes) -> None:
        """Do what any other opcode says."""
        stack = self.stack
        match code:
            case b"(":
                self.marks.append(len(stack))
            case b"p" | b"q" | b"r":
                self.memo[self.index(code)] = stack[-1]
            case b"\x94":
                self.memo[len(self.memo)] = stack[-1]
            case b"g" | b"h" | b"j":
                stack.append(self.memo[self.index(code)])
            case b"\x85" | b"\x86" | b"\x87":
                stack.append(tuple(self.pop(TUPLE[code])))
            case b"t":
                stack.append(tuple(self.pop_mark()))
            case b"l":
                stack.append(self.pop_mark())
            case b"a" | b"e":
                items = self.pop(1) if code == b"a" else self.pop_mark()
                stack[-1].extend(items)
            case b"d":
                stack.append(self.fill({}, self.pop_mark()))
            case b"s" | b"u":
                items = self.pop(2) if code == b"s" else self.pop_mark()
                self.fill(stack[-1], items)
            case b"c" | b"i":
                stack.append(self.name(self.line().decode(), self.line().decode()))
            case b"\x93":
                stack.append(self.name(*self.pop(2)))
            case b"R":
                stack.append(self.call(*self.pop(2)))
            case b"b":
                (state,) = self.pop(1)
                self.build(stack[-1], state)
            case b"\x80":  # the protocol's number,
                self.take(1)
            case b"\x95":  # the length of a frame: nothing depends on them
                self.take(8)
            case _:
                raise _RefusedError(f"asks for {REFUSED.get(code, f'opcode {code!r}')} at byte {self.position - 1}")

    def index(self, code: bytes) -> int:
        return int(self.number(INDEX[code]) if code in INDEX else self.line())

    def pop(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise ValueError("the stack is empty")
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def pop_mark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    @staticmethod
    def fill(target: Any, items: list[Any]) -> dict[str, Any]:
        """Put alternating keys and values into a dict; keys are strings (a tuple's hash may take for ever)."""
        if not isinstance(target, dict) or not all(isinstance(key, str) for key in items[::2]):
            raise _RefusedError("has keys that are no strings")
        target.update(zip(items[::2], items[1::2], strict=True))
        return target

    # ------------------------------------------------------------------------------------------ NumPy's names

    @staticmethod
    def name(module: str, name: str) -> _Name:
        """Return the stand-in for a name, if NumPy's pickles need it."""
        wanted = f"{module}.{name}"
        for new, old in RENAMED.items():
            wanted = old + wanted.removeprefix(new) if wanted.startswith(f"{new}.") else wanted
        if wanted not in ADMITTED:
            raise _RefusedError(f"asks for {f'{module}.{name}':.80}, which could run code")
        return _Name(wanted)

    def call(self, function: Any, arguments: Any) -> Any:
        """Return what the named function would return for these arguments, as far as NumPy's pickles use it."""
        if not isinstance(function, _Name) or not isinstance(arguments, tuple):
            raise _RefusedError(f"calls a {_kind(function)}")
        match function.text.rsplit(".", 1)[-1], *arguments:
            case "_reconstruct", _Name("numpy.ndarray"), (0,), _:
                return _Array()
            case "dtype", str(text), *_:
                return _Dtype(text)
            case "scalar", _Dtype() as dtype, data:
                return _Array(self.array((), dtype, "C", data))
            case "_frombuffer", data, _Dtype() as dtype, tuple(shape), "C" | "F" as order:
                return _Array(self.array(shape, dtype, order, data))
            case "_frombuffer", data, _Dtype() as dtype, tuple(shape), "C" | "F" as order, None:
                return _Array(self.array(shape, dtype, order, data))
            case "_frombuffer", data, _Dtype() as dtype, tuple(shape), "K", tuple(axes):
                return _Array(self.array(shape, dtype, "C", data).transpose(axes))
            case "encode", str(text), "latin1":
                return text  # `array` encodes it, once the length is known to be right
            case ("bytes",):
                return b""
        raise _RefusedError(f"calls {function.text} in a way that NumPy does not")

    def build(self, target: Any, state: Any) -> None:
        """Complete a dtype (by its byte order) or an array (by its shape, dtype, order and bytes)."""
        match target, state:
            case _Dtype(), (_, str(order), None, None, None, *_):
                target.order = order
            case _Array(), (_, tuple(shape), _Dtype() as dtype, fortran, data):
                target.values = self.array(shape, dtype, "F" if fortran else "C", data)
            case _:
                raise _RefusedError(f"sets the state of a {_kind(target)} in a way NumPy does not")

    def array(self, shape: tuple[Any, ...], dtype: _Dtype, order: Any, data: Any) -> ndarray:
        """Return a new array in native byte order; its shape may claim only the bytes that are given."""
        resolved = dtype.resolve()
        if not isinstance(data, bytes | str) or not all(type(n) is int and 0 <= n < 2**63 for n in shape):
            raise _RefusedError("holds an array whose shape or bytes are none")
        if len(shape) > 64 or len(data) != math.prod(shape) * resolved.itemsize:
            raise ValueError(f"{len(data)} bytes for an array of {resolved} with {len(shape)} axes")
        self.room -= len(data)
        if self.room < 0:
            raise ValueError("the arrays are larger than the file")
        content = data.encode("latin1") if isinstance(data, str) else data
        values = np.frombuffer(content, resolved).reshape(shape, order=order)
        return values.astype(resolved.newbyteorder("="), order="K", copy=True)

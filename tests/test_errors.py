"""Bad input: each mistake has its exception, and the message names the op, the shapes or dtypes, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

import tinygrad_jp as tj
from tinygrad_jp import Tensor, errors, ops
from tinygrad_jp.errors import (
    ArgumentError,
    AxisError,
    DtypeError,
    GraphError,
    GraphFreedError,
    IndexingError,
    InPlaceError,
    ShapeError,
    UnsupportedError,
)
from tinygrad_jp.ops import TABLE


def leaf(*shape: int, name: str | None = None) -> Tensor:
    return Tensor(np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape), requires_grad=True, name=name)


def constant(*shape: int) -> np.ndarray:
    return np.ones(shape)


Case = tuple[Callable[[], Any], type[Exception], str]


def check(run: Callable[[], Any], kind: type[Exception], message: str) -> None:
    """The exception is of exactly this class, and its message matches."""
    with pytest.raises(kind, match=message) as caught:
        run()
    assert type(caught.value) is kind


def cases(table: dict[str, Case]) -> Any:
    return pytest.mark.parametrize(("run", "kind", "message"), [pytest.param(*c, id=name) for name, c in table.items()])


# ------------------------------------------------------------------------------------------------ shapes

BROADCAST = r"shapes \(2, 3\) and \(2, 4\) do not broadcast: axis −1 is 3 in x, 4 in y; .*equal or 1 .*reshape"

SHAPES: dict[str, Case] = {
    "add": (lambda: leaf(2, 3) + leaf(2, 4), ShapeError, rf"^add: {BROADCAST}"),
    "sub": (lambda: leaf(2, 3) - constant(2, 4), ShapeError, rf"^sub: {BROADCAST}"),
    "mul from the right": (lambda: constant(2, 3) * leaf(2, 4), ShapeError, rf"^mul: {BROADCAST}"),
    "maximum": (lambda: tj.maximum(leaf(2, 3), leaf(2, 4)), ShapeError, rf"^maximum: {BROADCAST}"),
    "comparison": (lambda: leaf(2, 3) < leaf(2, 4), ShapeError, rf"^less: {BROADCAST}"),
    "another axis": (
        lambda: leaf(2, 1, 3) + leaf(4, 3, 3),
        ShapeError,
        r"^add: shapes \(2, 1, 3\) and \(4, 3, 3\) .*axis −3 is 2 in x, 4 in y",
    ),
    "missing axis": (
        lambda: leaf(3) + leaf(3, 2),
        ShapeError,
        r"^add: shapes \(3,\) and \(3, 2\) .*axis −1 is 3 in x, 2",
    ),
    "where": (
        lambda: tj.where(constant(3) > 0, leaf(2), 0.0),
        ShapeError,
        r"^where: shapes \(3,\) and \(2,\) and \(\) .*3 in condition, 2 in x",
    ),
    "dot": (
        lambda: leaf(2, 3).dot(leaf(2, 2)),
        ShapeError,
        r"^dot: shapes \(2, 3\) and \(2, 2\) do not align: 3 \(axis 1 of x\) != 2 \(axis 0 of y\)$",
    ),
    "dot with a hint": (lambda: leaf(2, 3).dot(leaf(2, 3)), ShapeError, r"^dot: .*did you mean y\.T\?"),
    "dot of vectors": (
        lambda: leaf(3).dot(leaf(2)),
        ShapeError,
        r"^dot: shapes \(3,\) and \(2,\) .*axis 0 of x.*axis 0 of y",
    ),
    "matmul": (lambda: leaf(2, 3) @ leaf(2, 2), ShapeError, r"^matmul: .*3 \(axis 1 of x\) != 2 \(axis 0 of y\)"),
    "matmul of stacks": (
        lambda: leaf(2, 3, 4) @ leaf(2, 3, 5),
        ShapeError,
        r"^matmul: .*4 \(axis 2 of x\) != 3 \(axis 1 of y\)",
    ),
    "matmul of unequal stacks": (
        lambda: leaf(2, 3, 4) @ leaf(3, 4, 5),
        ShapeError,
        r"^matmul: .*\(2, ?3, ?4\).*\(3, ?4, ?5\)",
    ),
    "matmul with a number": (lambda: leaf(2, 3) @ 2.0, ShapeError, r"^matmul: .*\(2, 3\).*\(\).*use \* instead"),
    "affine": (
        lambda: tj.affine(leaf(2, 3), leaf(2, 2), leaf(2)),
        ShapeError,
        r"^affine: shapes \(2, 3\) and \(2, 2\) do not align: 3 \(axis 1 of x\) != 2 \(axis 0 of w\)",
    ),
    "affine's bias": (
        lambda: tj.affine(leaf(2, 3), leaf(3, 2), leaf(3)),
        ShapeError,
        r"^affine: .*bias.*\(3,\).*\(2, 2\)",
    ),
    "affine's bias is too large": (
        lambda: tj.affine(leaf(1, 3), leaf(3, 2), leaf(4, 2)),
        ShapeError,
        r"^affine: .*bias.*\(4, 2\).*\(1, 2\)",
    ),
    "reshape": (lambda: leaf(2, 3).reshape(4), ShapeError, r"^reshape: .*\(4,\).*\(2, 3\)"),
    "reshape with −1": (lambda: leaf(2, 3).reshape(4, -1), ShapeError, r"^reshape: .*\(4, ?.*\).*\(2, 3\)"),
    "broadcast_to": (lambda: leaf(2, 3).broadcast_to((3, 3)), ShapeError, r"^broadcast_to: .*\(2, ?3\).*\(3, ?3\)"),
    "squeeze two": (lambda: leaf(2, 3).squeeze((0, 1)), ShapeError, r"^squeeze: .*not equal to one.*\(2, 3\)"),
    "affine's bias has more axes": (
        lambda: tj.affine(leaf(2, 3), leaf(3, 2), leaf(1, 1)),
        ShapeError,
        r"^affine: .*bias.*\(1, 1\).*\(2, 2\)",
    ),
    "affine_relu": (
        lambda: tj.affine_relu(leaf(2, 3), leaf(2, 2), leaf(2)),
        ShapeError,
        r"^affine_relu: shapes \(2, 3\) and \(2, 2\) do not align: 3 \(axis 1 of x\) != 2 \(axis 0 of w\)",
    ),
    "affine of a number": (lambda: tj.affine(leaf(), leaf(2, 2), leaf(2)), ShapeError, r"^affine: .*\(\).*\(2, 2\)"),
    "squeeze": (lambda: leaf(2, 3).squeeze(0), ShapeError, r"^squeeze: .*\(2, 3\)"),
    "split": (lambda: leaf(3).split(2), ShapeError, r"^split: axis 0 of length 3 does not divide into 2 equal parts"),
    "stack": (lambda: tj.stack([leaf(2), leaf(3)]), ShapeError, r"^stack: .*one shape.*\(2,\).*\(3,\)"),
    "stack of nothing": (lambda: tj.stack([]), ShapeError, r"^stack: "),
    "concatenate nothing": (lambda: tj.concatenate([]), ShapeError, r"^concatenate: .*at least one"),
    "concatenate": (
        lambda: tj.concatenate([leaf(2, 3), leaf(2, 4)]),
        ShapeError,
        r"^concatenate: .*\(2, 3\).*\(2, 4\)",
    ),
    "transpose": (lambda: leaf(2, 3).transpose(0), ShapeError, r"^transpose: .*\(2, 3\)"),
    "max of nothing": (lambda: leaf(0).max(), ShapeError, r"^max: .*\(0,\)"),
    "clip": (lambda: leaf(2).clip(np.zeros(3)), ShapeError, r"^clip: .*\(2,\).*\(3,\)"),
    "pad": (lambda: tj.pad(leaf(3), -1), ShapeError, r"^pad: .*not be negative.*-1"),
    "einsum: operands": (
        lambda: tj.einsum("ij,jk", leaf(2, 2)),
        ShapeError,
        r"^einsum: 'ij,jk' names 2 operands, got 1",
    ),
    "einsum: axes": (
        lambda: tj.einsum("ij,jk", leaf(2, 2), leaf(2)),
        ShapeError,
        r"^einsum: 'jk' .*does not fit .*1 axes",
    ),
    "einsum: lengths": (
        lambda: tj.einsum("ij,jk->ik", leaf(2, 2), leaf(3, 3)),
        ShapeError,
        r"^einsum: .*(\(2, ?2\).*\(3, ?3\)|'?j'?.*2.*3)",
    ),
    "einsum: diagonal": (lambda: tj.einsum("ii", leaf(2, 3)), ShapeError, r"^einsum: 'ii' repeats .*\(2, 3\)"),
    "einsum: result": (lambda: tj.einsum("i->j", leaf(2)), ShapeError, r"^einsum: .*'j'"),
    "im2col: rank": (lambda: tj.im2col(leaf(1, 3, 3), 2, 2), ShapeError, r"^im2col: .*\(N, C, H, W\), got \(1, 3, 3\)"),
    "im2col: filter": (
        lambda: tj.im2col(leaf(1, 1, 3, 3), 6, 2, pad=1),
        ShapeError,
        r"^im2col: the 6×2 filter is larger than \(3, 3\) padded by 1",
    ),
    "col2im": (
        lambda: tj.col2im(leaf(3, 4), (1, 1, 3, 3), 2, 2),
        ShapeError,
        r"^col2im: .*\(4, 4\), got \(3, 4\)",
    ),
    "labels": (
        lambda: tj.softmax_cross_entropy(leaf(2, 3), [0, 1, 2]),
        ShapeError,
        r"^softmax_cross_entropy: .*\(2, 3\) need labels of shape \(2,\) or one-hot .*\(2, 3\), got \(3,\)",
    ),
    "scores": (
        lambda: tj.softmax_cross_entropy(leaf(2, 3, 3), [0, 1]),
        ShapeError,
        r"^softmax_cross_entropy: .*\(N, classes\).*got \(2, 3, 3\)",
    ),
    "item": (lambda: leaf(2, 3, name="w").item(), ShapeError, r"^item: .*one element, 'w' has 6"),
}


class TestShapes:
    @cases(SHAPES)
    def test_message(self, run: Any, kind: Any, message: str) -> None:
        check(run, kind, message)

    def test_concatenating_is_not_broadcasting(self) -> None:
        """Lengths of 1 do not help there."""
        with pytest.raises(ShapeError) as caught:
            tj.concatenate([leaf(2, 3), leaf(2, 4)])
        assert "broadcast" not in str(caught.value)

    @settings(deadline=None)
    @given(hnp.array_shapes(max_dims=3, max_side=3), hnp.array_shapes(max_dims=3, max_side=3))
    def test_whatever_does_not_broadcast_names_the_axis(self, a: tuple[int, ...], b: tuple[int, ...]) -> None:
        """The axis that the message names is one at which the lengths differ and neither is 1."""
        try:
            np.broadcast_shapes(a, b)
        except ValueError:
            with pytest.raises(ShapeError) as caught:
                leaf(*a) * leaf(*b)
            message = str(caught.value)
            assert f"shapes {a} and {b}" in message
            found = re.search(r"axis −(\d+) is (\d+) in x, (\d+) in y", message)
            back, n, m = map(int, found.groups())
            assert (a[-back], b[-back]) == (n, m)
            assert n != m
            assert 1 not in (n, m)
        else:
            assert (leaf(*a) * leaf(*b)).shape == np.broadcast_shapes(a, b)

    def test_composites_name_themselves(self) -> None:
        """Not the op they happen to be made of."""
        check(lambda: tj.outer("a", leaf(2)), DtypeError, "Tensor: cannot hold|^outer: ")
        check(lambda: tj.tile(leaf(2), -1), ShapeError, "^tile: ")


# ------------------------------------------------------------------------------------------------ axes

REDUCTIONS = ["sum", "mean", "var", "std", "prod", "max", "min", "logsumexp", "norm", "all", "any"]


class TestAxes:
    @pytest.mark.parametrize("axis", [2, -3, (0, 2)], ids=str)
    @pytest.mark.parametrize("name", [*REDUCTIONS, "softmax", "log_softmax"])
    def test_an_axis_that_is_not_there(self, name: str, axis: Any) -> None:
        check(
            lambda: TABLE[name](leaf(2, 3), axis=axis),
            AxisError,
            rf"^{name}: .*\(2, 3\).*out of bounds.*−ndim to ndim − 1",
        )

    @pytest.mark.parametrize("name", ["argmax", "argmin", "cumsum"])
    def test_an_axis_that_is_not_there_along_one(self, name: str) -> None:
        check(lambda: TABLE[name](leaf(2, 3), axis=2), AxisError, rf"^{name}: .*\(2, 3\).*axis 2 is out of bounds")

    @pytest.mark.parametrize(
        ("name", "args"),
        [
            ("swapaxes", (0, 2)),
            ("moveaxis", (2, 0)),
            ("expand_dims", (4,)),
            ("squeeze", (2,)),
            ("flip", (2,)),
            ("roll", (1, 2)),
            ("transpose", ((0, 2),)),
            ("take", ([0], 2)),
            ("repeat", (2, 2)),
            ("split", (1, 2)),
        ],
    )
    def test_an_axis_that_is_not_there_in_movements(self, name: str, args: Any) -> None:
        check(lambda: TABLE[name](leaf(2, 3), *args), AxisError, rf"^{name}: ")

    @pytest.mark.parametrize("name", ["concatenate", "stack"])
    def test_an_axis_that_is_not_there_in_joins(self, name: str) -> None:
        check(lambda: TABLE[name]([leaf(2), leaf(2)], axis=5), AxisError, rf"^{name}: .*5")

    @pytest.mark.parametrize("axis", [(0, 0), (1, -1)], ids=str)
    @pytest.mark.parametrize("name", REDUCTIONS)
    def test_an_axis_named_twice(self, name: str, axis: Any) -> None:
        check(lambda: TABLE[name](leaf(2, 3), axis=axis), AxisError, rf"^{name}: .*\(2, 3\)")

    @pytest.mark.parametrize(
        ("name", "args"), [("transpose", ((0, 0),)), ("expand_dims", ((0, 0),)), ("moveaxis", ((0, 0), (0, 1)))]
    )
    def test_an_axis_named_twice_in_movements(self, name: str, args: Any) -> None:
        check(lambda: TABLE[name](leaf(2, 3), *args), AxisError, rf"^{name}: ")

    @pytest.mark.parametrize("axis", ["rows", 0.5])
    def test_an_axis_that_is_no_whole_number(self, axis: Any) -> None:
        with pytest.raises(TypeError, match=r"^sum: "):
            tj.sum(leaf(2, 3), axis=axis)

    def test_an_axis_error_is_what_numpy_users_catch(self) -> None:
        for kind in (ValueError, IndexError, ShapeError):
            with pytest.raises(kind):
                leaf(2).sum(axis=1)


# ------------------------------------------------------------------------------------------------ dtypes and values

DTYPES: dict[str, Case] = {
    "whole numbers with a gradient": (
        lambda: Tensor([100, 200], requires_grad=True, name="apple"),
        DtypeError,
        r"'apple' has dtype int64.*write 100\.0 for 100, or Tensor\(…, dtype=float\)",
    ),
    "Booleans with a gradient": (lambda: Tensor(True, requires_grad=True), DtypeError, "dtype bool.*only floating"),
    "switched on later": (lambda: setattr(Tensor([1]), "requires_grad", True), DtypeError, "dtype int64"),
    "string": (lambda: Tensor("a"), DtypeError, "^Tensor: cannot hold dtype <U1; it holds"),
    "strings": (lambda: Tensor(["a", "b"]), DtypeError, "^Tensor: cannot hold dtype <U1"),
    "complex": (lambda: Tensor([1j]), DtypeError, "^Tensor: cannot hold dtype complex128"),
    "None": (lambda: Tensor(None), DtypeError, "^Tensor: cannot hold dtype object"),
    "object array": (
        lambda: Tensor(np.array([1, None])),
        DtypeError,
        "dtype object.*ragged, or an element not a number",
    ),
    "date": (lambda: Tensor(np.array(["2016-09-26"], "M8[D]")), DtypeError, r"cannot hold dtype datetime64\[D\]"),
    "ragged list": (lambda: Tensor([[1.0, 2.0], [3.0]]), DtypeError, "^Tensor: .*inhomogeneous"),
    "dictionary": (lambda: Tensor({"a": 1}), DtypeError, "^Tensor: cannot hold dtype object"),
    "huge number": (lambda: Tensor(10**400), DtypeError, "^Tensor: cannot hold dtype object"),
    "dtype complex": (lambda: Tensor([1.0], dtype=complex), DtypeError, "^Tensor: cannot hold dtype complex128"),
    "tensors in a list": (lambda: Tensor([leaf(2), leaf(2)]), DtypeError, "join Tensors with stack or concatenate"),
    "string operand": (lambda: leaf(2) + "a", DtypeError, "^add: needs numbers .*got str of dtype <U1"),
    "None operand": (lambda: None * leaf(2), DtypeError, "^mul: needs numbers .*got NoneType"),
    "complex operand": (lambda: leaf(2) * 1j, DtypeError, "^mul: needs numbers .*complex"),
    "ragged operand": (lambda: leaf(2) * [[1.0], [1.0, 2.0]], DtypeError, "^mul: .*inhomogeneous"),
    "function of a string": (lambda: tj.exp("a"), DtypeError, "^exp: needs numbers"),
    "bits of floats": (lambda: leaf(2) & leaf(2), DtypeError, "^bitwise_and: .*float64"),
    "not of floats": (lambda: ~leaf(2), DtypeError, "^invert: .*float64"),
    "minus of Booleans": (lambda: -Tensor([True]), DtypeError, "^neg: .*bool"),
    "take with floats": (
        lambda: tj.take(leaf(3), [0.5]),
        DtypeError,
        "^take: indices must be whole numbers, got dtype float64",
    ),
    "labels of floats": (
        lambda: tj.softmax_cross_entropy(leaf(2, 3), [0.0, 1.0]),
        DtypeError,
        r"^softmax_cross_entropy: labels must be whole numbers, got dtype float64; use t\.astype\(int\)",
    ),
    "gradient to a bound": (
        lambda: leaf(2).clip(leaf(2)),
        DtypeError,
        r"^clip: no gradient flows to 'a_min'; pass a_min\.detach\(\)",
    ),
    "index": (lambda: [1, 2][leaf()], DtypeError, "^index: needs a whole number"),
}


class TestDtypes:
    @pytest.mark.parametrize("name", ["take", "repeat", "pad"])
    def test_a_tensor_with_a_gradient_as_static_argument(self, name: str) -> None:
        """The reason must not get lost on the way through the composite."""
        with pytest.raises(DtypeError, match=rf"^{name}: .*gradient.*detach\(\)"):
            TABLE[name](leaf(2), leaf(2, name="w"))

    @cases(DTYPES)
    def test_message(self, run: Any, kind: Any, message: str) -> None:
        check(run, kind, message)

    @pytest.mark.parametrize("exponent", [-1, np.array([-2, 1])], ids=str)
    def test_negative_power_of_whole_numbers(self, exponent: Any) -> None:
        """No shape is wrong here."""
        with pytest.raises((ValueError, TypeError), match=r"^pow: .*[Ii]nteger") as caught:
            Tensor([2, 3]) ** exponent
        assert not isinstance(caught.value, ShapeError)


VALUES: dict[str, Case] = {
    "labels too large": (
        lambda: tj.softmax_cross_entropy(leaf(2, 3), [0, 3]),
        ArgumentError,
        r"^softmax_cross_entropy: labels must lie in 0…2, got 0…3",
    ),
    "labels negative": (
        lambda: tj.softmax_cross_entropy(leaf(2, 3), [-1, 0]),
        ArgumentError,
        r"^softmax_cross_entropy: labels must lie in 0…2, got -1…0",
    ),
    "label of one example": (
        lambda: tj.softmax_cross_entropy(leaf(3), 3),
        ArgumentError,
        r"labels must lie in 0…2, got 3…3",
    ),
    "clip without bounds": (lambda: leaf(2).clip(), ArgumentError, "^clip: give a_min, a_max or both"),
    "im2col: stride": (
        lambda: tj.im2col(leaf(1, 1, 3, 3), 2, 2, stride=0),
        ArgumentError,
        r"^im2col: stride .*at least 1.*stride=0",
    ),
    "im2col: pad": (
        lambda: tj.im2col(leaf(1, 1, 3, 3), 2, 2, pad=-1),
        ArgumentError,
        r"^im2col: .*pad at least 0.*pad=-1",
    ),
    "im2col: no filter": (lambda: tj.im2col(leaf(1, 1, 3, 3), 0, 2), ArgumentError, r"^im2col: .*filter .*at least 1"),
    "col2im: stride": (
        lambda: tj.col2im(leaf(4, 4), (1, 1, 3, 3), 2, 2, stride=0),
        ArgumentError,
        r"^col2im: stride .*at least 1.*stride=0",
    ),
    "norm": (lambda: leaf(2).norm(ord=0.5), ArgumentError, r"^norm: ord must be at least 1, got 0\.5"),
    "pad: mode": (
        lambda: tj.pad(leaf(2), 1, "mirror"),
        ArgumentError,
        "^pad: unknown mode 'mirror'; use constant, edge",
    ),
    "bool": (lambda: bool(leaf(2, name="x")), ArgumentError, r"^bool: 'x' has 2 elements; use all\(\) or any\(\)"),
}


class TestValues:
    @cases(VALUES)
    def test_message(self, run: Any, kind: Any, message: str) -> None:
        check(run, kind, message)

    @pytest.mark.parametrize(
        ("index", "message"),
        [
            (5, r"index 5 is out of bounds for axis 0 with size 2.*\(2, 3\)"),
            ((0, -4), r"index -4 is out of bounds for axis 1 with size 3.*\(2, 3\)"),
            ((0, 0, 0), r"too many indices.*\(2, 3\)"),
            (np.array([0, 2]), r"index 2 is out of bounds"),
            (np.ones(3, bool), r"boolean index did not match.*\(2, 3\)"),
            ("a", r"only integers"),
        ],
        ids=str,
    )
    def test_index(self, index: Any, message: str) -> None:
        check(lambda: leaf(2, 3)[index], IndexingError, f"^getitem: {message}")

    @pytest.mark.parametrize(
        ("index", "value", "kind", "message"),
        [
            (5, 1.0, IndexError, "index 5 is out of bounds"),
            ("a", 1.0, IndexError, "only integers"),
            (slice(None), np.ones(3), ShapeError, r"\(3,\).*\(2,\)"),
            (0, "a", (DtypeError, ArgumentError), "a"),
        ],
    )
    def test_assignment(self, index: Any, value: Any, kind: Any, message: str) -> None:
        t = Tensor([1.0, 2.0])
        with pytest.raises(kind, match=f"^setitem: .*{message}"):
            t[index] = value
        assert t.tolist() == [1.0, 2.0]

    @pytest.mark.parametrize("name", ["take", "split"])
    def test_index_in_composites(self, name: str) -> None:
        if name == "take":
            check(lambda: tj.take(leaf(3), [3]), IndexingError, r"^take: .*index 3 is out of bounds")
        else:
            assert [len(part) for part in tj.split(leaf(3), [5])] == [3, 0]  # as in NumPy


# ------------------------------------------------------------------------------------------------ calls

CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    "primitive, unknown keyword": (lambda: ops.sum(leaf(2), axes=1), r"sum.*'?axes'?"),
    "fused, unknown keyword": (lambda: ops.softmax(leaf(2), dim=1), r"softmax.*'?dim'?"),
    "no attributes, unknown keyword": (lambda: ops.add(leaf(2), leaf(2), out=None), r"add.*'?out'?"),
    "composite, unknown keyword": (lambda: ops.ravel(leaf(2), order="F"), r"ravel.*'?order'?"),
    "variadic, unknown keyword": (lambda: ops.concatenate([leaf(2)], dim=0), r"concatenate.*'?dim'?"),
    "method, unknown keyword": (lambda: leaf(2).sum(axes=1), r"sum.*'?axes'?"),
    "inputs by keyword": (lambda: ops.add(x=leaf(2), y=leaf(2)), r"add"),
    "missing input": (lambda: ops.add(leaf(2)), r"add.*'?y'?"),
    "missing every input": (lambda: ops.exp(), r"exp.*'?x'?"),
    "missing attribute": (lambda: ops.im2col(leaf(1, 1, 3, 3), 2), r"im2col.*'?filter_w'?"),
    "missing shape": (lambda: ops.reshape(leaf(2)), r"reshape.*'?shape'?"),
    "missing attribute of a composite": (lambda: ops.take(leaf(2)), r"take.*'?indices'?"),
    "missing input of a composite": (lambda: ops.ravel(), r"ravel.*'?x'?"),
    "missing input of a variadic composite": (lambda: ops.stack(), r"stack.*'?xs'?"),
    "missing input of a variadic op": (lambda: ops.concatenate(), r"concatenate.*'?xs'?"),
    "missing subscripts": (lambda: ops.einsum(), r"einsum.*'?subscripts'?"),
    "too many": (lambda: ops.add(leaf(2), leaf(2), leaf(2)), r"add.*too many positional|add.*positional argument"),
    "too many attributes": (lambda: ops.sum(leaf(2), 0, True), r"sum.*too many positional|sum.*positional argument"),
    "twice": (lambda: ops.sum(leaf(2), 0, axis=0), r"sum.*multiple values.*'?axis'?"),
    "several instead of a list": (lambda: ops.concatenate(leaf(2), leaf(2), 0), r"concatenate"),
}


class TestCalls:
    @pytest.mark.parametrize(("run", "message"), [pytest.param(*case, id=name) for name, case in CALLS.items()])
    def test_wrong_arguments_are_a_type_error_that_names_the_op(self, run: Any, message: str) -> None:
        with pytest.raises(TypeError, match=message):
            run()


# ------------------------------------------------------------------------------------------------ going backward


def freed() -> Tensor:
    y = (leaf(2) * leaf(2)).sum()
    y.backward()
    return y


def changed() -> Tensor:
    x, w = leaf(2), leaf(2)
    y = (x * w).sum()
    with tj.no_grad():
        x += 1.0
    return y


def unrecorded() -> Tensor:
    with tj.no_grad():
        return leaf() * 2


BACKWARD: dict[str, Case] = {
    "twice": (lambda: freed().backward(), GraphFreedError, "^sum: an earlier backward pass freed.*retain_graph=True"),
    "no single number": (
        lambda: (leaf(2, 3) * 2).backward(),
        GraphError,
        r"^backward: the tensor of shape \(2, 3\) has 6 elements.*y\.sum\(\)\.backward\(\).*gradient=",
    ),
    "no element": (lambda: (leaf(0) * 2).backward(), GraphError, "has 0 elements"),
    "constant": (
        lambda: Tensor([1.0], name="c").backward(),
        GraphError,
        r"^backward: nothing was recorded for 'c'.*requires_grad=True, outside no_grad\(\)",
    ),
    "under no_grad": (lambda: unrecorded().backward(), GraphError, "^backward: nothing was recorded"),
    "detached": (lambda: (leaf() * 2).detach().backward(), GraphError, "^backward: nothing was recorded"),
    "comparison": (lambda: (leaf() > 0).backward(), GraphError, "^backward: nothing was recorded"),
    "gradient of a wrong shape": (
        lambda: (leaf(2) * 2).backward(np.ones(3)),
        ShapeError,
        r"^backward: gradient has shape \(3,\), but the tensor of shape \(2,\) has shape \(2,\)",
    ),
    "gradient that would broadcast": (lambda: (leaf(2) * 2).backward(1.0), ShapeError, r"gradient has shape \(\)"),
    "gradient of a leaf": (lambda: leaf(2, name="w").backward(np.ones((1, 2))), ShapeError, r"\(1, 2\), but 'w'"),
    "gradient that is no number": (lambda: (leaf(2) * 2).backward(["a", "b"]), DtypeError, "cannot hold dtype <U1"),
    "changed in place": (
        lambda: changed().backward(),
        InPlaceError,
        r"^mul: an array of shape \(2,\) that it saved .*changed in place.*after backward\(\), or change a copy",
    ),
    "leaf in place": (
        lambda: leaf(2, name="w").__iadd__(1.0),
        InPlaceError,
        r"^add: 'w' is a leaf .*while recording; .*with no_grad\(\):.*x = x \+ y",
    ),
    "element in place": (lambda: leaf(2, name="w").__setitem__(0, 1.0), InPlaceError, r"^setitem: 'w' is a leaf"),
    "requires_grad of a result": (
        lambda: setattr(leaf() * 2, "requires_grad", False),
        GraphError,
        r"^requires_grad: .*was computed; take t\.detach\(\)",
    ),
    "grad of what is not used": (
        lambda: tj.grad(leaf() * 2, leaf(name="w")),
        GraphError,
        r"^grad: .*does not depend on 'w'; pass allow_unused=True",
    ),
    "grad of several elements": (lambda: tj.grad(leaf(2) * 2, leaf(2)), GraphError, "has 2 elements"),
    "dispatch": (
        lambda: np.median(leaf(2)),
        UnsupportedError,
        r"^numpy\.median does not take a Tensor: .*t\.numpy\(\)",
    ),
    "asarray": (
        lambda: np.asarray(leaf(2, name="w")),
        DtypeError,
        r"^'w' requires a gradient.*t\.numpy\(\) or t\.detach\(\)",
    ),
}


class TestBackward:
    @cases(BACKWARD)
    def test_message(self, run: Any, kind: Any, message: str) -> None:
        check(run, kind, message)

    def test_a_failed_pass_sets_no_gradient(self) -> None:
        x, w = leaf(2), leaf(2)
        y = (x * w).sum() + x.sum()
        with tj.no_grad():
            w += 1.0
        with pytest.raises(InPlaceError):
            y.backward()
        assert (x.grad, w.grad) == (None, None)

    @pytest.mark.parametrize("name", ["apple", "りんご"])
    def test_messages_name_the_tensor(self, name: str) -> None:
        with pytest.raises(GraphError, match=f"'{name}' has 2 elements"):
            leaf(2, name=name).backward()


# ------------------------------------------------------------------------------------------------ the classes


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (ShapeError, ValueError),
        (AxisError, IndexError),
        (AxisError, ShapeError),
        (DtypeError, TypeError),
        (UnsupportedError, TypeError),
        (GraphError, RuntimeError),
        (GraphFreedError, GraphError),
        (InPlaceError, GraphError),
        (errors.GradientError, AssertionError),
        (errors.DataError, OSError),
    ],
)
def test_every_exception_is_one_a_numpy_user_would_catch(kind: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(kind, builtin)
    assert kind.__doc__


def test_numpys_own_exception_is_the_cause() -> None:
    with pytest.raises(ShapeError) as caught:
        leaf(2) + leaf(3)
    assert isinstance(caught.value.__cause__, ValueError)


class TestOwnOps:
    """Mistakes in a row of one's own are found where the row is written, or else named."""

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ({"X": lambda g: g}, r"^f: has a vjp for 'X', but its inputs are x"),
            ({"x": lambda g, z: g}, r"^f: the vjp of 'x' names z; after g it can name x, out, k, x_shape"),
            ({"x": np.negative}, r"^f: the vjp of 'x' names .*wrap a NumPy function in a lambda"),
        ],
    )
    def test_vjp_that_does_not_fit(self, row: Any, message: str) -> None:
        with pytest.raises(errors.CallError, match=message):

            @tj.op(vjp=row)
            def f(x: Any, /, k: int = 1) -> Any:
                return x

    def test_forgotten_slash(self) -> None:
        with pytest.raises(errors.CallError, match=r"^f: has no input; inputs are positional-only: def f\(x, /\)"):

            @tj.op(vjp={})
            def f(x: Any) -> Any:
                return x

    @pytest.mark.parametrize("returned", [None, "a", [np.ones(2), np.ones(2)], (np.ones(2), np.ones(3))], ids=str)
    def test_forward_returns_no_array(self, returned: Any) -> None:
        @tj.op()
        def f(x: Any, /) -> Any:
            return returned

        with pytest.raises(DtypeError, match=r"^f: its forward must return one array of numbers, got"):
            f(leaf(2))

    def test_vjp_returns_none(self) -> None:
        @tj.op(vjp={"x": lambda g: None})
        def f(x: Any, /) -> Any:
            return x * 1.0

        with pytest.raises(DtypeError, match=r"^f: the vjp of input 0 returned NoneType"):
            f(leaf(2)).sum().backward()

    def test_vjp_that_returns_its_input_shares_no_memory(self) -> None:
        @tj.op(vjp={"x": lambda g, x: x})
        def half_square(x: Any, /) -> Any:
            return 0.5 * np.sum(x * x)

        x = Tensor(np.ones(100), requires_grad=True)
        (half_square(x) + half_square(x)).backward()
        assert set(x.tolist()) == {1.0}
        assert x.grad is not None
        assert set(x.grad.tolist()) == {2.0}
        assert not np.shares_memory(x.grad.numpy(), x.numpy())

    def test_names_are_strings(self) -> None:
        with pytest.raises(DtypeError, match="the name must be a string, got 5"):
            Tensor(1.0, name=5)  # type: ignore[arg-type]

"""Tensor as a reader meets it: making one, operators on either side, dtypes, indexing, leaving the tape, in place."""

from __future__ import annotations

import copy
import operator
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_jp as tj
from tinygrad_jp import Tensor
from tinygrad_jp.errors import (
    ArgumentError,
    DtypeError,
    GraphError,
    IndexingError,
    InPlaceError,
    ShapeError,
    UnsupportedError,
)
from tinygrad_jp.testing import gradcheck, shapes

EXAMPLES = settings(deadline=None, max_examples=50)


def leaf(values: Any, **more: Any) -> Tensor:
    return Tensor(np.array(values, dtype=more.pop("dtype", float)), requires_grad=True, **more)


class TestMaking:
    @pytest.mark.parametrize(
        ("data", "dtype", "shape"),
        [
            (2.0, "float64", ()),
            (2, "int64", ()),
            (True, "bool", ()),
            (np.float32(2), "float32", ()),
            ([1.0, 2.0], "float64", (2,)),
            ([[1, 2, 3], [4, 5, 6]], "int64", (2, 3)),
            ((1.0, 2.0), "float64", (2,)),
            ([], "float64", (0,)),
            (range(3), "int64", (3,)),
            (np.zeros((2, 0)), "float64", (2, 0)),
            (np.ones((2, 3), np.float16), "float16", (2, 3)),
            (np.array([1, 2], np.uint8), "uint8", (2,)),
            ([True, False], "bool", (2,)),
        ],
    )
    def test_takes_what_numpy_takes(self, data: Any, dtype: str, shape: tuple[int, ...]) -> None:
        t = Tensor(data)
        assert isinstance(t.data, np.ndarray)
        assert (t.dtype, t.shape) == (np.dtype(dtype), shape)
        assert (t.ndim, t.size) == (len(shape), int(np.prod(shape)))
        np.testing.assert_array_equal(t.data, np.asarray(data))

    def test_defaults(self) -> None:
        t = Tensor([1.0])
        assert (t.grad, t.name, t.requires_grad, t.is_leaf) == (None, None, False, True)

    def test_keywords(self) -> None:
        t = Tensor([1, 2], requires_grad=True, name="x", dtype=np.float32)
        assert (t.name, t.requires_grad, t.dtype) == ("x", True, np.float32)
        assert Tensor([1.7, -1.7], dtype=int).tolist() == [1, -1]

    def test_shares_the_memory_of_an_array(self) -> None:
        array = np.zeros(3)
        t = Tensor(array)
        assert t.data is array
        array[0] = 5.0
        assert t.tolist() == [5.0, 0.0, 0.0]

    def test_of_a_tensor_is_a_leaf_with_the_same_memory(self) -> None:
        x = leaf([1.0, 2.0])
        t = Tensor(x * 1.0)
        assert t.is_leaf
        assert not t.requires_grad
        assert np.shares_memory(Tensor(x).data, x.data)

    def test_of_a_list_of_constant_tensors(self) -> None:
        assert Tensor([Tensor(1.0), Tensor(2.0)]).tolist() == [1.0, 2.0]

    def test_as_tensor(self) -> None:
        t = Tensor(1.0)
        assert tj.as_tensor(t) is t
        assert tj.as_tensor([1, 2]).tolist() == [1, 2]

    def test_transpose_attribute(self) -> None:
        x = leaf(np.arange(6.0).reshape(2, 3))
        np.testing.assert_array_equal(x.T.data, x.data.T)
        x.T.backward(np.arange(6.0).reshape(3, 2))
        np.testing.assert_array_equal(x.grad.data, np.arange(6.0).reshape(3, 2).T)
        assert Tensor(np.zeros((2, 3, 4))).T.shape == (4, 3, 2)

    def test_name_can_be_set_later(self) -> None:
        y = leaf(1.0) * 2
        y.name = "y"
        assert y.name == "y"
        assert "name='y'" in repr(y)

    def test_requires_grad_can_be_switched_on_a_leaf(self) -> None:
        x = Tensor([1.0])
        x.requires_grad = True
        assert (x * 2).requires_grad
        x.requires_grad = False
        assert not (x * 2).requires_grad

    def test_no_other_attributes(self) -> None:
        with pytest.raises(AttributeError):
            Tensor(1.0).gard = None


# ------------------------------------------------------------------------------------------------ operators

ARITHMETIC = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "@": operator.matmul,
}
UFUNCS = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "//": np.floor_divide,
    "%": np.remainder,
    "**": np.power,  # the operator of NumPy takes the short cut np.square for ** 2, which has other dtypes
}
COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
LOGICAL = {"&": operator.and_, "|": operator.or_, "^": operator.xor}
VECTOR = np.array([0.75, 1.6, 2.3])
OTHERS: dict[str, Any] = {
    "Tensor": Tensor([1.3, 0.47, 1.6]),
    "Tensor that requires a gradient": leaf([1.3, 0.47, 1.6]),
    "ndarray": np.array([1.3, 0.47, 1.6]),
    "2-d ndarray": np.array([[1.3, 0.47, 1.6], [0.5, 2.5, 1.1], [1.4, 0.3, 0.7]]),
    "0-d ndarray": np.array(1.4),
    "np.float64": np.float64(1.4),
    "np.float32": np.float32(1.7),
    "float": 1.4,
    "int": 2,
    "bool": True,
    "list": [1.3, 0.47, 1.6],
}
SIDES = ("left", "right")


def plain(x: Any) -> Any:
    return x.numpy() if isinstance(x, Tensor) else x


def applied(function: Callable[..., Any], tensor: Any, other: Any, side: str) -> Any:
    """Call with the tensor on this side."""
    return function(tensor, other) if side == "left" else function(other, tensor)


def pairs(functions: dict[str, Any]) -> list[Any]:
    return [
        pytest.param(function, other, side, id=f"{symbol} {kind} {side}")
        for symbol, function in functions.items()
        for kind, other in OTHERS.items()
        for side in SIDES
        if not (symbol == "@" and np.ndim(plain(other)) == 0)
    ]


class TestOperators:
    @pytest.mark.parametrize(("function", "other", "side"), pairs(ARITHMETIC))
    def test_arithmetic(self, function: Any, other: Any, side: str) -> None:
        x = leaf(VECTOR)
        y = applied(function, x, other, side)
        assert type(y) is Tensor
        expected = applied(function, VECTOR, np.array(other) if isinstance(other, list) else plain(other), side)
        np.testing.assert_array_equal(y.numpy(), expected)
        assert y.dtype == expected.dtype
        assert y.requires_grad
        if isinstance(other, np.float32):  # its logarithm, in the gradient of other ** x, has single precision
            expected = tj.vjp(lambda t: applied(function, t, float(other), side), x, np.ones(3))[1]
            y.sum().backward()
            np.testing.assert_allclose(x.grad.numpy(), expected.numpy(), rtol=1e-6)
            return
        inputs = [x, other] if isinstance(other, Tensor) else [x]
        assert gradcheck(lambda t, o=other: applied(function, t, o, side), inputs)

    @pytest.mark.parametrize(("function", "other", "side"), pairs(COMPARISONS))
    def test_comparisons(self, function: Any, other: Any, side: str) -> None:
        x = leaf([1.5, 1.4, 2.0])
        y = applied(function, x, other, side)
        assert type(y) is Tensor
        assert y.dtype == bool
        assert not y.requires_grad
        np.testing.assert_array_equal(y.numpy(), applied(function, x.numpy(), plain(other), side))

    @pytest.mark.parametrize("side", SIDES)
    @pytest.mark.parametrize("symbol", LOGICAL)
    @pytest.mark.parametrize(
        ("ours", "other"),
        [
            ([True, True, False], Tensor([True, False, False])),
            ([True, True, False], np.array([True, False, False])),
            ([True, True, False], True),
            ([True, True, False], np.bool_(True)),
            ([6, 5, 3], np.array([3, 3, 8])),
            ([6, 5, 3], 3),
            ([6, 5, 3], [3, 3, 8]),
        ],
    )
    def test_logical(self, symbol: str, ours: list[Any], other: Any, side: str) -> None:
        y = applied(LOGICAL[symbol], Tensor(ours), other, side)
        assert type(y) is Tensor
        expected = applied(LOGICAL[symbol], np.array(ours), np.asarray(plain(other)), side)
        np.testing.assert_array_equal(y.numpy(), expected)
        assert y.dtype == expected.dtype

    @pytest.mark.parametrize("side", SIDES)
    @pytest.mark.parametrize("kind", ["Tensor", "ndarray", "np.float64", "float", "int"])
    def test_divmod(self, kind: str, side: str) -> None:
        x, other = leaf(VECTOR), OTHERS[kind]
        quotient, remainder = applied(divmod, x, other, side)
        expected = applied(divmod, VECTOR, plain(other), side)
        np.testing.assert_array_equal(quotient.numpy(), expected[0])
        np.testing.assert_array_equal(remainder.numpy(), expected[1])
        remainder.sum().backward()
        slope = np.ones(3) if side == "left" else -expected[0]
        np.testing.assert_allclose(x.grad.numpy(), slope)

    @pytest.mark.parametrize(
        ("function", "theirs", "gradient"),
        [
            (operator.neg, np.negative, [-1.0, -1.0, -1.0]),
            (operator.pos, np.positive, [1.0, 1.0, 1.0]),
            (abs, np.abs, [-1.0, 1.0, 1.0]),
            (round, np.round, [0.0, 0.0, 0.0]),
            (lambda x: round(x, 1), lambda x: np.round(x, 1), [0.0, 0.0, 0.0]),
        ],
    )
    def test_unary(self, function: Any, theirs: Any, gradient: list[float]) -> None:
        x = leaf([-1.24, 0.3, 2.66])
        y = function(x)
        assert type(y) is Tensor
        np.testing.assert_array_equal(y.numpy(), theirs(x.numpy()))
        y.sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), gradient)

    def test_round_with_digits(self) -> None:
        assert round(Tensor([1.25, 2.671]), 2).tolist() == [1.25, 2.67]
        assert round(Tensor([0.5, 1.5, 2.5])).tolist() == [0.0, 2.0, 2.0]

    def test_invert(self) -> None:
        assert (~Tensor([True, False])).tolist() == [False, True]
        assert (~Tensor([0, 5])).tolist() == [-1, -6]
        with pytest.raises(DtypeError, match="invert"):
            ~Tensor([1.0])

    def test_masks_combine(self) -> None:
        x = Tensor([-2.0, 0.5, 3.0])
        assert ((x > 0) & (x < 1)).tolist() == [False, True, False]
        assert (~(x > 0) | (x >= 3)).tolist() == [True, False, True]

    @pytest.mark.parametrize("nothing", [None, "text", object(), ["text"]])
    def test_equality_with_what_is_no_number(self, nothing: Any) -> None:
        t = Tensor([1.0])
        assert (t == nothing) is False
        assert (t != nothing) is True
        assert (nothing == t) is False

    @pytest.mark.parametrize("function", [*ARITHMETIC.values(), *LOGICAL.values(), operator.lt], ids=repr)
    @pytest.mark.parametrize("other", [None, "text", 1j, object()], ids=repr)
    def test_operators_refuse_what_is_no_number(self, function: Any, other: Any) -> None:
        with pytest.raises(TypeError):
            function(leaf([1.0, 2.0]), other)

    def test_matrix_product_with_lists(self) -> None:
        x = leaf([1.0, 10.0])
        assert ([[1, 2], [3, 4]] @ x).tolist() == [21.0, 43.0]
        assert (x @ [[1, 2], [3, 4]]).tolist() == [31.0, 42.0]

    def test_builtin_sum(self) -> None:
        xs = [leaf(1.0), leaf(2.0)]
        total = sum(xs)
        total.backward()
        assert total.item() == 3.0
        assert [x.grad.item() for x in xs] == [1.0, 1.0]

    @EXAMPLES
    @given(st.data(), st.sampled_from(["+", "-", "*", "/"]))
    def test_broadcast_gradients_have_the_shape_of_the_input(self, data: st.DataObject, symbol: str) -> None:
        drawn = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=0))
        a, b = (leaf(np.random.default_rng(i).uniform(0.5, 2, s)) for i, s in enumerate(drawn.input_shapes))
        y = ARITHMETIC[symbol](a, b)
        v = np.random.default_rng(2).normal(size=y.shape)
        y.backward(v)
        full_a, full_b = np.broadcast_arrays(a.numpy(), b.numpy())
        slopes = {
            "+": (1, 1),
            "-": (1, -1),
            "*": (full_b, full_a),
            "/": (1 / full_b, -full_a / full_b**2),
        }[symbol]
        for x, slope in zip((a, b), slopes, strict=True):
            expected = (v * slope).sum(tuple(range(y.ndim - x.ndim)))
            expected = expected.sum(tuple(a for a, n in enumerate(x.shape) if n == 1), keepdims=True)
            np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-12, atol=1e-12)


# ------------------------------------------------------------------------------------------------ dtypes

DTYPES = [np.dtype(c) for c in "?bBhHiIlLefd"]
FLOATING = [np.dtype(c) for c in "efd"]


class TestDtypes:
    """Dtypes follow NumPy 2, whose Python scalars are weak."""

    @settings(deadline=None, max_examples=300)
    @given(
        st.sampled_from(sorted(UFUNCS)),
        st.sampled_from(DTYPES),
        st.one_of(st.sampled_from(DTYPES), st.sampled_from([True, 2, 2.0])),
        st.sampled_from(["Tensor", "ndarray", "scalar"]),
        st.sampled_from(SIDES),
        shapes(max_dims=1, min_side=1, max_side=2),
    )
    @pytest.mark.filterwarnings("ignore")
    def test_result_dtype_is_numpys(
        self, symbol: str, dtype: np.dtype[Any], second: Any, kind: str, side: str, shape: tuple[int, ...]
    ) -> None:
        function = ARITHMETIC[symbol]
        a = np.ones(shape, dtype)
        if not isinstance(second, np.dtype):
            b, other = second, second
        elif kind == "scalar":
            b = other = second.type(1)
        else:
            b = np.ones(shape, second)
            other = Tensor(b) if kind == "Tensor" else b
        try:
            expected = np.asarray(applied(UFUNCS[symbol], a, b, side)).dtype
        except TypeError:
            with pytest.raises(TypeError):
                applied(function, Tensor(a), other, side)
            return
        result = applied(function, Tensor(a), other, side)
        assert type(result) is Tensor
        assert result.dtype == expected

    @pytest.mark.parametrize("dtype", FLOATING, ids=str)
    @pytest.mark.parametrize("symbol", sorted(UFUNCS))
    def test_python_scalars_are_weak_also_in_the_gradient(self, symbol: str, dtype: Any) -> None:
        for scalar in (2.0, 2, True):
            for side in SIDES:
                x = leaf([1.5, 2.5], dtype=dtype)
                y = applied(ARITHMETIC[symbol], x, scalar, side)
                y.sum().backward()
                assert (y.dtype, x.grad.dtype) == (dtype, dtype)

    @pytest.mark.parametrize("name", ["exp", "sqrt", "sigmoid", "tanh", "relu", "log", "abs", "softmax", "sum", "mean"])
    @pytest.mark.parametrize("dtype", FLOATING, ids=str)
    def test_functions_keep_floating_dtypes(self, name: str, dtype: Any) -> None:
        x = leaf([0.5, 1.5], dtype=dtype)
        y = getattr(tj, name)(x)
        y.backward(np.ones(y.shape))
        assert (y.dtype, x.grad.dtype) == (dtype, dtype)

    @pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8])
    @pytest.mark.parametrize(
        "name",
        [
            *("exp", "log1p", "sqrt", "sin", "tanh", "sigmoid", "mean", "var", "std", "norm", "logsumexp"),
            *("softmax", "log_softmax", "softmax_cross_entropy"),
        ],
    )
    def test_functions_take_whole_numbers(self, name: str, dtype: Any) -> None:
        """Images are uint8, where 0 − 1 is 255."""
        values = np.array([1, 0, 1], dtype)
        labels = (np.array(2),) if name == "softmax_cross_entropy" else ()
        y = getattr(tj, name)(Tensor(values), *labels)
        expected = getattr(tj, name)(Tensor(values.astype(float)), *labels)
        assert y.dtype.kind == "f"
        np.testing.assert_allclose(y.numpy(), expected.numpy(), rtol=2e-3 if y.dtype == np.float16 else 1e-6)

    @pytest.mark.parametrize("x", [np.float32, np.float64, np.int64], ids=lambda d: f"x {d.__name__}")
    @pytest.mark.parametrize("w", [np.float32, np.float64, np.int64], ids=lambda d: f"w {d.__name__}")
    @pytest.mark.parametrize("b", [np.float32, np.float64, np.int64], ids=lambda d: f"b {d.__name__}")
    def test_affine_has_the_dtype_of_what_it_is_made_of(self, x: Any, w: Any, b: Any) -> None:
        inputs = np.array([[1, 2]], x), np.array([[1, 0], [2, 1]], w), (np.array([1, 2]) / 2).astype(b)
        y = tj.affine(*inputs)
        expected = np.dot(inputs[0], inputs[1]) + inputs[2]
        assert y.dtype == expected.dtype
        np.testing.assert_array_equal(y.numpy(), expected)

    def test_each_gradient_has_its_own_inputs_dtype(self) -> None:
        a, b = leaf([1.0, 2.0], dtype=np.float32), leaf([3.0, 4.0])
        y = a * b
        assert y.dtype == np.float64
        y.backward(np.array([1 / 3, 2 / 3]))
        assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)
        np.testing.assert_array_equal(a.grad.numpy(), np.array([1.0, 8 / 3], np.float32))

    @pytest.mark.parametrize(
        "make",
        [
            lambda x: x[0],
            lambda x: x.sum(),
            lambda x: x[0] * x[1],
            lambda x: x[0] + 1,
            lambda x: x.dot(x),
            lambda x: x.max(),
            lambda x: tj.exp(x[0]),
            lambda x: x.mean(),
            lambda x: x.norm(),
            lambda x: x @ x,
            lambda x: x.argmax(),
            lambda x: x[0] > 0,
            lambda x: tj.softmax_cross_entropy(x, 1),
            lambda x: np.float64(2) * x[0],
            lambda x: tj.einsum("i,i", x, x),
        ],
    )
    def test_results_of_shape_nothing_stay_arrays(self, make: Any) -> None:
        x = leaf([1.0, 2.0])
        y = make(x)
        assert y.shape == ()
        assert type(y.data) is np.ndarray
        if y.requires_grad:
            y.backward()
            assert type(x.grad.data) is np.ndarray

    @pytest.mark.parametrize(
        "f",
        [lambda x: x * 2.0, lambda x: x + x, lambda x: x * x + tj.sin(x) / x + x, lambda x: tj.exp(x), lambda x: -x],
    )
    def test_gradients_of_shape_nothing_stay_arrays(self, f: Any) -> None:
        x = leaf(3.0)
        f(x).backward()
        assert type(x.grad.data) is np.ndarray
        x.backward()
        assert type(x.grad.data) is np.ndarray

    @pytest.mark.parametrize("dtype", [np.float32, "float32", np.dtype("f4")])
    def test_astype(self, dtype: Any) -> None:
        x = leaf([1.5])
        assert x.astype(dtype).dtype == np.float32
        assert x.astype(int).tolist() == [1]
        assert not np.shares_memory(x.astype(float).data, x.data)

    @pytest.mark.parametrize("dtype", [str, complex, object])
    def test_astype_refuses_what_a_tensor_cannot_hold(self, dtype: Any) -> None:
        with pytest.raises(DtypeError, match="astype"):
            leaf([1.5]).astype(dtype)


# ------------------------------------------------------------------------------------------------ indexing

X = np.arange(12.0).reshape(3, 4)
INDICES: dict[str, Any] = {
    "int": 1,
    "negative": -1,
    "np.int64": np.int64(2),
    "two ints": (1, 2),
    "slice": slice(1, 3),
    "negative step": (slice(None, None, -1), slice(None, None, -2)),
    "ellipsis": (Ellipsis, 0),
    "None": (None, slice(None), None, 1),
    "nothing": (),
    "Boolean mask": X % 5 > 2,
    "Boolean rows": np.array([True, False, True]),
    "Boolean scalar": True,
    "no element": np.zeros((3, 4), bool),
    "integer array": np.array([2, 0]),
    "repeated": np.array([1, 1, 1, 0]),
    "repeated pairs": (np.array([0, 0, 2]), np.array([3, 3, 1])),
    "2-d integer array": np.array([[0, 1], [1, 2]]),
    "slice and array": (slice(None), np.array([1, 1, 0])),
    "array and int": (np.array([1, 1, 0]), 2),
    "list": [2, 0, 2],
    "list in a tuple": ([0, 1], slice(1, 3)),
    "list of bool": [True, False, True],
    "empty list": [],
    "0-d array": np.array(1),
}


class TestIndexing:
    @pytest.mark.parametrize("index", [pytest.param(i, id=name) for name, i in INDICES.items()])
    def test_values_and_gradients(self, index: Any) -> None:
        x = leaf(X)
        y = x[index]
        assert type(y) is Tensor
        np.testing.assert_array_equal(y.numpy(), X[index])
        assert y.shape == X[index].shape
        v = np.random.default_rng(0).normal(size=y.shape)
        y.backward(v)
        expected = np.zeros_like(X)
        np.add.at(expected, index, v)
        np.testing.assert_allclose(x.grad.numpy(), expected)

    def test_repeated_indices_add_up(self) -> None:
        x = leaf([1.0, 2.0, 3.0])
        x[[0, 2, 2, 2]].sum().backward()
        assert x.grad.tolist() == [1.0, 0.0, 3.0]

    @pytest.mark.parametrize(
        "index",
        [
            Tensor(1),
            Tensor([2, 0, 2]),
            Tensor([True, False, True]),
            (Tensor([0, 1]), Tensor([3, 3])),
            (slice(None), Tensor([1, 1])),
        ],
        ids=repr,
    )
    def test_tensor_as_index(self, index: Any) -> None:
        same = tuple(plain(i) for i in index) if isinstance(index, tuple) else index.numpy()
        x = leaf(X)
        y = x[index]
        np.testing.assert_array_equal(y.numpy(), X[same])
        y.sum().backward()
        expected = np.zeros_like(X)
        np.add.at(expected, same, 1.0)
        np.testing.assert_array_equal(x.grad.numpy(), expected)

    def test_a_list_may_change_after_it_was_used(self) -> None:
        x, index = leaf([1.0, 2.0, 3.0]), [0, 1]
        y = x[index]
        index[0] = 2
        y.sum().backward()
        assert x.grad.tolist() == [1.0, 1.0, 0.0]

    def test_mask_of_a_comparison(self) -> None:
        x = leaf([-1.0, 2.0, 3.0])
        x[x > 0].sum().backward()
        assert x.grad.tolist() == [0.0, 1.0, 1.0]

    @EXAMPLES
    @given(st.data())
    def test_any_basic_index(self, data: st.DataObject) -> None:
        shape = data.draw(shapes())
        array = np.arange(float(np.prod(shape))).reshape(shape)
        index = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
        x = leaf(array)
        y = x[index]
        np.testing.assert_array_equal(y.numpy(), array[index])
        v = np.arange(1.0, y.size + 1).reshape(y.shape)
        y.backward(v)
        expected = np.zeros(shape)
        expected[index] = v
        np.testing.assert_array_equal(x.grad.numpy(), expected)

    def test_index_of_an_index(self) -> None:
        x = leaf(X)
        x[1:][0][[1, 1]].sum().backward()
        expected = np.zeros_like(X)
        expected[1, 1] = 2
        np.testing.assert_array_equal(x.grad.numpy(), expected)

    @pytest.mark.parametrize(
        "index",
        [3, -4, (0, 4), (0, 0, 0), np.array([0, 3]), "a", 0.5, np.array([0.5]), Tensor(0.5), [[0, 1], [2]]],
    )
    def test_bad_index(self, index: Any) -> None:
        with pytest.raises(IndexingError, match="getitem"):
            leaf(X)[index]

    def test_iteration_and_unpacking(self) -> None:
        x = leaf(X)
        rows = list(x)
        assert [type(row) for row in rows] == [Tensor] * 3
        (rows[0] * 2 + rows[2]).sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), [[2] * 4, [0] * 4, [1] * 4])
        a, b = Tensor([1, 2])
        assert (a.item(), b.item()) == (1, 2)

    def test_length(self) -> None:
        assert len(Tensor(X)) == 3
        assert len(Tensor(np.zeros((0, 2)))) == 0

    @pytest.mark.parametrize("function", [len, iter, list])
    def test_shape_nothing_has_no_length(self, function: Any) -> None:
        with pytest.raises(TypeError, match=r"shape \(\)"):
            function(Tensor(1.0))

    def test_in(self) -> None:
        x = Tensor([1.0, 2.0])
        assert 2.0 in x
        assert 3.0 not in x
        assert Tensor(1.0) in x
        for nothing in (None, "x"):
            with pytest.raises(DtypeError, match=r"^in: a Tensor holds numbers"):
                nothing in x  # noqa: B015

    def test_integer_tensor_is_an_index_of_python_and_numpy(self) -> None:
        assert ["a", "b", "c"][Tensor(1)] == "b"
        assert list(range(Tensor(3))) == [0, 1, 2]
        assert np.array([5, 6])[Tensor(1)] == 6

    @pytest.mark.parametrize("t", [Tensor(1.0), Tensor([1])], ids=repr)
    def test_other_tensors_are_no_index(self, t: Tensor) -> None:
        with pytest.raises(TypeError, match="index"):
            ["a", "b"][t]


# ------------------------------------------------------------------------------------------------ leaving the tape


class TestLeaving:
    @pytest.mark.parametrize("value", [2.5, [2.5], [[2.5]]])
    def test_a_single_element_is_a_python_number(self, value: Any) -> None:
        t = leaf(value)
        assert t.item() == 2.5
        assert type(t.item()) is float
        assert (float(t), int(t), bool(t)) == (2.5, 2, True)

    def test_types_of_item(self) -> None:
        assert type(Tensor(2).item()) is int
        assert type(Tensor(True).item()) is bool
        assert type(Tensor(2.0, dtype=np.float32).item()) is float

    @pytest.mark.parametrize("values", [[1.0, 2.0], []])
    @pytest.mark.parametrize("function", [Tensor.item, float, int, bool])
    def test_several_elements_are_no_number(self, function: Any, values: list[float]) -> None:
        with pytest.raises(ValueError, match=rf"'x' has {len(values)}"):
            function(Tensor(values, name="x"))

    def test_bool_says_what_to_do(self) -> None:
        with pytest.raises(ValueError, match=r"any\(\) or all\(\)|all\(\) or any\(\)"):
            bool(Tensor([1.0, 2.0]) > 0)

    def test_tolist(self) -> None:
        assert Tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
        assert Tensor(1.5).tolist() == 1.5

    def test_numpy_is_the_memory_itself(self) -> None:
        x = leaf([1.0, 2.0])
        assert x.numpy() is x.data
        assert (x * 2).numpy().tolist() == [2.0, 4.0]

    def test_detach_shares_memory_and_is_not_connected(self) -> None:
        x = leaf([1.0, 2.0])
        d = (x * 2).detach()
        assert d.is_leaf
        assert not d.requires_grad
        assert np.shares_memory(x.detach().data, x.data)
        y = (x * x.detach()).sum()
        y.backward()
        assert x.grad.tolist() == [1.0, 2.0]

    def test_copy_owns_its_memory_and_is_recorded(self) -> None:
        x = leaf([1.0, 2.0])
        c = x.copy()
        assert not np.shares_memory(c.data, x.data)
        c.backward(np.array([3.0, 4.0]))
        assert x.grad.tolist() == [3.0, 4.0]
        assert Tensor([1, 2]).copy().tolist() == [1, 2]

    def test_zero_grad(self) -> None:
        x = leaf(1.0)
        x.backward()
        x.zero_grad()
        assert x.grad is None


class TestShown:
    @pytest.mark.parametrize(
        ("t", "expected"),
        [
            (Tensor(2.2), "Tensor(2.2)"),
            (Tensor(3), "Tensor(3)"),
            (Tensor([1.0, 2.0]), "Tensor([1., 2.])"),
            (Tensor([[1.0, 2.0], [3.0, 4.5]]), "Tensor([[1. , 2. ],\n        [3. , 4.5]])"),
            (Tensor([1, 2], dtype=np.int32), "Tensor([1, 2], dtype=int32)"),
            (Tensor([1.5], dtype=np.float32), "Tensor([1.5], dtype=float32)"),
            (Tensor([True]), "Tensor([ True])"),
            (Tensor([]), "Tensor([], shape=(0,))"),
            (leaf([1.0], name="w"), "Tensor([1.], name='w', requires_grad=True)"),
            (leaf(2.0) * 3, "Tensor(6., op=mul)"),
            (Tensor(2.0) * 3, "Tensor(6.)"),
            (Tensor(np.arange(200)), "Tensor([  0,   1,   2, ..., 197, 198, 199])"),
        ],
    )
    def test_repr(self, t: Tensor, expected: str) -> None:
        assert repr(t) == expected
        assert str(t) == expected

    def test_repr_is_that_of_the_docs(self) -> None:
        apple = Tensor(100.0, requires_grad=True)
        price = apple * 2 * 1.1
        price.backward()
        assert repr(apple.grad) == "Tensor(2.2)"

    @pytest.mark.parametrize(
        ("spec", "expected"), [(".2f", "1.23"), ("8.3f", "   1.235"), (".1e", "1.2e+00"), ("", "Tensor(1.23456)")]
    )
    def test_format(self, spec: str, expected: str) -> None:
        assert format(Tensor(1.23456), spec) == expected
        assert f"{Tensor([7]):03d}" == "007"

    def test_format_of_several_elements(self) -> None:
        assert f"{Tensor([1.0, 2.0])}" == "Tensor([1., 2.])"
        with pytest.raises(ValueError, match="one element"):
            f"{Tensor([1.0, 2.0]):.2f}"


class TestIdentity:
    def test_tensors_are_dictionary_keys_by_identity(self) -> None:
        a, b = Tensor([1.0]), Tensor([1.0])
        table = {a: "a", b: "b"}
        assert (table[a], table[b]) == ("a", "b")
        assert len({a, b, a}) == 2

    @pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda t: pickle.loads(pickle.dumps(t))])
    @pytest.mark.parametrize("requires_grad", [True, False])
    @pytest.mark.parametrize("values", [1.5, [1.0, 2.0], np.zeros((0, 3)), np.ones((2, 2), np.float32)[:, ::-1]])
    def test_a_leaf_can_be_copied_and_pickled(self, duplicate: Any, requires_grad: bool, values: Any) -> None:
        t = Tensor(values, requires_grad=requires_grad, name="t")
        twin = duplicate(t)
        assert twin is not t
        assert (twin.name, twin.requires_grad, twin.dtype, twin.shape) == ("t", requires_grad, t.dtype, t.shape)
        np.testing.assert_array_equal(twin.numpy(), t.numpy())
        assert not np.shares_memory(twin.data, t.data)
        assert twin.is_leaf

    def test_deepcopy_keeps_what_a_dictionary_shares(self) -> None:
        w = leaf([1.0])
        twins = copy.deepcopy({"a": w, "b": w})
        assert twins["a"] is twins["b"]

    @pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, pickle.dumps])
    def test_a_result_cannot(self, duplicate: Any) -> None:
        with pytest.raises(GraphError, match=r"detach\(\)"):
            duplicate(leaf([1.0]) * 2)
        duplicate((leaf([1.0]) * 2).detach())


# ------------------------------------------------------------------------------------------------ in place

IN_PLACE: dict[str, Any] = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "/=": operator.itruediv,
    "**=": operator.ipow,
    "//=": operator.ifloordiv,
    "%=": operator.imod,
}


class TestInPlace:
    def test_loss_accumulates_and_is_recorded(self) -> None:
        x = leaf([1.0, 2.0, 3.0])
        loss = 0
        for term in x:
            loss += term * term
        loss.backward()
        assert loss.item() == 14.0
        assert x.grad.tolist() == [2.0, 4.0, 6.0]

    def test_accumulating_into_a_constant_makes_a_new_tensor(self) -> None:
        x, total = leaf(2.0), Tensor(1.0)
        before = total
        total += x
        assert (total.item(), before.item()) == (3.0, 1.0)
        total.backward()
        assert x.grad.item() == 1.0

    def test_of_what_cannot_be_changed_so(self) -> None:
        constant, small = Tensor(np.broadcast_to(1.0, (3,))), Tensor(np.array([1, 2], np.int8))
        with pytest.raises(ArgumentError, match=r"^add: .*\(3,\) is read-only; give it a copy"):
            constant += 1
        with pytest.raises(ArgumentError, match=r"^setitem: .*read-only"):
            constant[0] = 2
        with pytest.raises(ArgumentError, match=r"^add: .*300 out of bounds for int8"):
            small += 300
        with pytest.raises(ArgumentError, match=r"^setitem: .*300 out of bounds for int8"):
            small[0] = 300
        with pytest.raises(ArgumentError, match=r"^setitem: cannot convert float NaN"):
            small[0] = np.nan
        assert (constant.tolist(), small.tolist()) == ([1.0] * 3, [1, 2])

    @pytest.mark.parametrize("symbol", IN_PLACE)
    def test_a_recorded_result_is_rebound_not_changed(self, symbol: str) -> None:
        x = leaf([1.5, 2.5])
        y = before = x * 1.0
        y = IN_PLACE[symbol](y, 2.0)
        assert y is not before
        np.testing.assert_array_equal(before.numpy(), [1.5, 2.5])
        np.testing.assert_array_equal(y.numpy(), ARITHMETIC[symbol[:-1]](np.array([1.5, 2.5]), 2.0))
        assert y.requires_grad

    @pytest.mark.parametrize("symbol", IN_PLACE)
    def test_a_leaf_is_refused_while_recording(self, symbol: str) -> None:
        w = leaf([1.5, 2.5], name="w")
        with pytest.raises(InPlaceError, match=r"'w' is a leaf.*no_grad\(\)"):
            IN_PLACE[symbol](w, 2.0)
        assert w.tolist() == [1.5, 2.5]

    @pytest.mark.parametrize("symbol", IN_PLACE)
    @pytest.mark.parametrize("other", [2.0, np.array([2.0, 3.0]), Tensor([2.0, 3.0])], ids=repr)
    def test_a_leaf_is_changed_under_no_grad(self, symbol: str, other: Any) -> None:
        array = np.array([1.5, 2.5])
        w = same = Tensor(array, requires_grad=True)
        with tj.no_grad():
            w = IN_PLACE[symbol](w, other)
        assert w is same
        assert w.data is array
        assert w.requires_grad
        np.testing.assert_array_equal(array, ARITHMETIC[symbol[:-1]](np.array([1.5, 2.5]), plain(other)))

    @pytest.mark.parametrize("symbol", IN_PLACE)
    def test_a_constant_is_changed_also_while_recording(self, symbol: str) -> None:
        t = same = Tensor([1.5, 2.5])
        t = IN_PLACE[symbol](t, 2.0)
        assert t is same

    def test_sgd_step_of_the_book(self) -> None:
        w = same = leaf([1.0, -2.0])
        (w * w).sum().backward()
        with tj.no_grad():
            w -= 0.1 * w.grad
        assert w is same
        np.testing.assert_allclose(w.numpy(), [0.8, -1.6])
        assert w.is_leaf

    def test_sgd_step_through_data(self) -> None:
        w = leaf([1.0, -2.0])
        memory = w.data
        (w * w).sum().backward()
        w.data -= 0.1 * w.grad
        assert w.data is memory
        np.testing.assert_allclose(w.numpy(), [0.8, -1.6])
        w.data -= 0.1 * w.grad.numpy()
        np.testing.assert_allclose(w.numpy(), [0.6, -1.2])
        assert w.requires_grad

    def test_float32_leaf_stays_float32(self) -> None:
        w = leaf([1.0], dtype=np.float32)
        with tj.no_grad():
            w -= np.float64(0.1) * np.ones(1)
        assert w.dtype == np.float32

    def test_an_array_changed_by_a_constant_tensor(self) -> None:
        array = np.array([1.0, 2.0])
        array -= Tensor([0.5, 0.5])
        assert array.tolist() == [0.5, 1.5]
        with pytest.raises(UnsupportedError, match="subtract"):
            array -= leaf([0.5, 0.5])

    def test_setitem(self) -> None:
        t = Tensor([1.0, 2.0, 3.0])
        t[0] = 5
        t[1:] = Tensor([6.0, 7.0])
        t[[0, 1]] = [8.0, 9.0]
        t[t > 8.5] = 0.0
        t[Tensor(2)] = Tensor(4.0)
        assert t.tolist() == [8.0, 0.0, 4.0]

    def test_setitem_needs_no_grad_where_a_gradient_is_at_stake(self) -> None:
        w = leaf([1.0, 2.0], name="w")
        with pytest.raises(InPlaceError, match="setitem: 'w' is a leaf"):
            w[0] = 5.0
        with pytest.raises(InPlaceError, match="where, concatenate or stack"):
            (w * 2)[0] = 5.0
        with pytest.raises(InPlaceError, match="setitem"):
            Tensor([1.0, 2.0])[0] = w[0]
        assert w.tolist() == [1.0, 2.0]
        with tj.no_grad():
            w[0] = 5.0
            w[1] = w[0] * 2
        assert w.tolist() == [5.0, 10.0]

    def test_shape_of_a_leaf_cannot_change(self) -> None:
        w = leaf([1.0, 2.0], name="w")
        with pytest.raises(ShapeError, match=r"'w' has shape \(2,\), got \(3,\)"):
            w.data = np.zeros(3)
        with tj.no_grad(), pytest.raises(ShapeError, match="add"):
            w += np.ones((2, 2))
        assert w.tolist() == [1.0, 2.0]

    @pytest.mark.parametrize("data", [[3, 4], [True, False]])
    def test_data_of_a_leaf_stays_floating(self, data: Any) -> None:
        """Whole numbers would truncate every gradient to whole numbers, silently."""
        w = leaf([1.0, 2.0], name="w")
        try:
            w.data = data
        except DtypeError:
            return
        assert w.dtype.kind == "f"
        (w * 0.5).sum().backward()
        assert w.grad.tolist() == [0.5, 0.5]

    @pytest.mark.parametrize("data", [["a", "b"], [1j, 2j], [None, 1.0]])
    def test_data_refuses_what_is_no_number(self, data: Any) -> None:
        with pytest.raises(DtypeError, match="data"):
            leaf([1.0, 2.0]).data = data

    def test_integers_in_place(self) -> None:
        t = Tensor([1, 2])
        t += 1
        assert t.tolist() == [2, 3]
        with pytest.raises(TypeError, match="div"):
            t /= 2

"""NumPy's functions on Tensors: each runs its row of the op table or raises, never a silent ndarray."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tests.calls import Call, calls
from tinygrad_jp import Tensor
from tinygrad_jp.errors import DtypeError, UnsupportedError
from tinygrad_jp.ops import TABLE, Op

EXAMPLES = settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))


def leaf(values: Any) -> Tensor:
    return Tensor(np.array(values, dtype=float), requires_grad=True)


# ------------------------------------------------------------------------------------------------ every row

FUNCTIONS = [
    pytest.param(row, function, id=f"np.{function.__name__}")
    for row in TABLE.values()
    for function in row.numpy
    if row.name not in ("ones_like", "zeros_like")
]
POSITIONAL = ("clip", "reshape")
"""Rows whose static arguments have other names in NumPy, or other names in different versions of it."""


@contextmanager
def rows_run() -> Iterator[list[Op[Any]]]:
    """Note which rows are called, in order."""
    ran: list[Op[Any]] = []
    call = Op.__call__

    def noting(self: Op[Any], *args: Any, **kwargs: Any) -> Any:
        ran.append(self)
        return call(self, *args, **kwargs)

    with mock.patch.object(Op, "__call__", noting):
        yield ran


def through(function: Callable[..., Any], call: Call, inputs: list[Any]) -> Any:
    """Make the call that `call` describes with NumPy's function."""
    args = [*call.before, *([inputs] if call.row.variadic else inputs)]
    if call.row.name in POSITIONAL:
        return function(*args, *call.attrs.values())
    attrs = {} if function is np.rint else call.attrs
    return function(*args, **attrs)


@pytest.mark.parametrize(("row", "function"), FUNCTIONS)
@EXAMPLES
@given(data=st.data())
def test_every_function_of_a_row_runs_it(row: Op[Any], function: Any, data: st.DataObject) -> None:
    call = data.draw(calls(row))
    kind = data.draw(st.sampled_from(["all", "first", "last"])) if len(call.arrays) > 1 else "all"
    chosen = {"all": range(len(call.arrays)), "first": [0], "last": [len(call.arrays) - 1]}[kind]
    inputs: list[Any] = [
        Tensor(a, requires_grad=i in call.differentiable and a.dtype.kind == "f") if i in chosen else a
        for i, a in enumerate(call.arrays)
    ]
    with rows_run() as ran:
        result = through(function, call, inputs)
    assert ran[0] is row
    expected = through(function, call, call.arrays)
    results, arrays = (result, expected) if isinstance(result, list) else ([result], [expected])
    recorded = any(isinstance(x, Tensor) and x.requires_grad for x in inputs) and bool(row.vjps or row.composite)
    for ours, theirs in zip(results, arrays, strict=True):
        assert type(ours) is Tensor
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-5, atol=1e-6)
        assert (ours.shape, ours.dtype) == (np.shape(theirs), np.asarray(theirs).dtype)
        assert ours.requires_grad is recorded
    if recorded and not row.composite:
        assert result._node.plan.op is row


@pytest.mark.parametrize("function", [np.ones_like, np.zeros_like])
def test_constants_like_a_tensor(function: Any) -> None:
    for dtype in (np.float32, np.int64):
        t = Tensor(np.full((2, 3), 5, dtype))
        made = function(t)
        assert type(made) is Tensor
        assert made.dtype == dtype
        assert not made.requires_grad
        np.testing.assert_array_equal(made.numpy(), function(t.numpy()))


def test_no_function_stands_in_two_rows() -> None:
    functions = [f for row in TABLE.values() for f in row.numpy]
    assert len(functions) == len(set(functions))


# ------------------------------------------------------------------------------------------------ as a reader writes it


class TestAsWritten:
    @pytest.mark.parametrize(
        ("call", "gradient"),
        [
            (lambda t: np.exp(t), np.exp([0.5, 1.0, 2.0])),
            (lambda t: np.multiply(np.array([1.0, 2.0, 3.0]), t), [1.0, 2.0, 3.0]),
            (lambda t: np.array([1.0, 2.0, 3.0]) + t, [1.0, 1.0, 1.0]),
            (lambda t: np.array([1.0, 2.0, 3.0]) - t, [-1.0, -1.0, -1.0]),
            (lambda t: np.array([1.0, 2.0, 3.0]) @ t, [1.0, 2.0, 3.0]),
            (lambda t: np.float64(2) * t, [2.0, 2.0, 2.0]),
            (lambda t: np.float32(2) * t, [2.0, 2.0, 2.0]),
            (lambda t: np.int64(2) * t, [2.0, 2.0, 2.0]),
            (lambda t: np.array(2.0) * t, [2.0, 2.0, 2.0]),
            (lambda t: np.float64(1) / t, [-4.0, -1.0, -0.25]),
            (lambda t: np.float64(1) - t, [-1.0, -1.0, -1.0]),
            (lambda t: np.concatenate([t, np.ones(2), t]), [2.0, 2.0, 2.0]),
            (lambda t: np.concatenate([np.ones((2, 2)), t[:2].reshape(1, 2)], axis=0), [1.0, 1.0, 0.0]),
            (lambda t: np.stack([t, np.zeros(3)]), [1.0, 1.0, 1.0]),
            (lambda t: np.stack((np.zeros(3), t), axis=-1), [1.0, 1.0, 1.0]),
            (lambda t: np.where(t > 0.7, t, 0.0), [0.0, 1.0, 1.0]),
            (lambda t: np.where([True, False, True], 5.0, t), [0.0, 1.0, 0.0]),
            (lambda t: np.sum(t), [1.0, 1.0, 1.0]),
            (lambda t: np.sum(t, axis=0, keepdims=True), [1.0, 1.0, 1.0]),
            (lambda t: np.sum(t, 0), [1.0, 1.0, 1.0]),
            (lambda t: np.mean(t), [1 / 3] * 3),
            (lambda t: np.max(t), [0.0, 0.0, 1.0]),
            (lambda t: np.prod(t), [2.0, 1.0, 0.5]),
            (lambda t: np.einsum("i,i->", t, np.array([1.0, 2.0, 3.0])), [1.0, 2.0, 3.0]),
            (lambda t: np.einsum("i,j->ij", np.ones(2), t), [2.0, 2.0, 2.0]),
            (lambda t: np.linalg.vector_norm(t), np.array([0.5, 1.0, 2.0]) / np.sqrt(5.25)),
            (lambda t: np.linalg.vector_norm(t, ord=1), [1.0, 1.0, 1.0]),
            (lambda t: np.dot(t, np.array([1.0, 2.0, 3.0])), [1.0, 2.0, 3.0]),
            (lambda t: np.dot(np.array([1.0, 2.0, 3.0]), t), [1.0, 2.0, 3.0]),
            (lambda t: np.matmul(np.eye(3) * 2, t), [2.0, 2.0, 2.0]),
            (lambda t: np.outer(np.ones(2), t), [2.0, 2.0, 2.0]),
            (lambda t: np.maximum(t, 1.5), [0.0, 0.0, 1.0]),
            (lambda t: np.maximum(0.7, t), [0.0, 1.0, 1.0]),
            (lambda t: np.clip(t, 0.7, 1.5), [0.0, 1.0, 0.0]),
            (lambda t: np.reshape(t, (3, 1)), [1.0, 1.0, 1.0]),
            (lambda t: np.transpose(t.reshape(1, 3)), [1.0, 1.0, 1.0]),
            (lambda t: np.expand_dims(t, 0), [1.0, 1.0, 1.0]),
            (lambda t: np.squeeze(t.reshape(1, 3)), [1.0, 1.0, 1.0]),
            (lambda t: np.broadcast_to(t, (4, 3)), [4.0, 4.0, 4.0]),
            (lambda t: np.tile(t, 2), [2.0, 2.0, 2.0]),
            (lambda t: np.repeat(t, [1, 0, 2]), [1.0, 0.0, 2.0]),
            (lambda t: np.take(t, [0, 0, 2]), [2.0, 0.0, 1.0]),
            (lambda t: np.pad(t, 1, mode="edge"), [2.0, 1.0, 2.0]),
            (lambda t: np.cumsum(t), [3.0, 2.0, 1.0]),
            (lambda t: np.split(t, 3)[1], [0.0, 1.0, 0.0]),
            (lambda t: np.square(t), [1.0, 2.0, 4.0]),
            (lambda t: np.power(t, 2), [1.0, 2.0, 4.0]),
            (lambda t: np.negative(t), [-1.0, -1.0, -1.0]),
            (lambda t: np.abs(t), [1.0, 1.0, 1.0]),
        ],
    )
    def test_numpy_calls_are_recorded(self, call: Any, gradient: Any) -> None:
        values = np.array([0.5, 1.0, 2.0])
        t = leaf(values)
        y = call(t)
        assert type(y) is Tensor
        np.testing.assert_allclose(y.numpy(), call(Tensor(values)).numpy())
        y.sum().backward()
        np.testing.assert_allclose(t.grad.numpy(), gradient)

    @pytest.mark.parametrize(
        ("ufunc", "name"),
        [
            (np.add, "sum"),
            (np.multiply, "prod"),
            (np.maximum, "max"),
            (np.minimum, "min"),
            (np.logical_and, "all"),
            (np.logical_or, "any"),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("options", [{}, {"axis": 1}, {"axis": None}, {"axis": (0, 1)}, {"keepdims": True}])
    def test_reduce(self, ufunc: Any, name: str, options: Any) -> None:
        """Like NumPy's, ``ufunc.reduce`` reduces axis 0 unless told."""
        values = np.array([[1.0, 2.0, 0.0], [4.0, 5.0, 7.0]])
        t = leaf(values)
        with rows_run() as ran:
            y = ufunc.reduce(t, **options)
        assert ran == [TABLE[name]]
        expected = ufunc.reduce(values, **options)
        np.testing.assert_array_equal(y.numpy(), expected)
        assert y.shape == np.shape(expected)
        assert y.requires_grad is (y.dtype.kind == "f")

    def test_reduce_with_a_positional_axis(self) -> None:
        values = np.arange(6.0).reshape(2, 3)
        np.testing.assert_array_equal(np.add.reduce(leaf(values), 1).numpy(), values.sum(1))

    def test_bounds_of_clip_by_keyword(self) -> None:
        clipped = np.clip(leaf([-1.0, 0.5, 2.0]), a_min=0.0, a_max=1.0)
        assert clipped.tolist() == [0.0, 0.5, 1.0]
        clipped.sum().backward()

    def test_other_names_of_the_bounds_of_clip_are_refused(self) -> None:
        with pytest.raises(UnsupportedError, match=r"np\.clip: max, min=.*a_min.*a_max"):
            np.clip(leaf([-1.0, 0.5, 2.0]), min=0.0, max=1.0)


# ------------------------------------------------------------------------------------------------ refused

T = leaf([[2.0, 1.0], [1.0, 3.0]])
REFUSED: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "np.median": (lambda t: np.median(t), "numpy.median"),
    "np.percentile": (lambda t: np.percentile(t, 50), "percentile"),
    "np.sort": (lambda t: np.sort(t), "sort"),
    "np.linalg.inv": (lambda t: np.linalg.inv(t), r"numpy\.linalg\.inv"),
    "np.linalg.norm": (lambda t: np.linalg.norm(t), r"linalg\.norm"),
    "np.fft.fft": (lambda t: np.fft.fft(t), r"numpy\.fft\.fft"),
    "np.trace": (lambda t: np.trace(t), "trace"),
    "np.gradient": (lambda t: np.gradient(t), "gradient"),
    "np.interp": (lambda t: np.interp(0.5, [0.0, 1.0], t[0]), "interp"),
    "np.cross": (lambda t: np.cross(t, t), "cross"),
    "np.kron": (lambda t: np.kron(t, t), "kron"),
    "np.copyto": (lambda t: np.copyto(np.zeros((2, 2)), t), "copyto"),
    "np.add.accumulate": (lambda t: np.add.accumulate(t), r"np\.add\.accumulate"),
    "np.multiply.outer": (lambda t: np.multiply.outer(t, t), r"np\.multiply\.outer"),
    "np.multiply.outer of an array": (lambda t: np.multiply.outer(np.ones(2), t), r"np\.multiply\.outer"),
    "np.add.reduceat": (lambda t: np.add.reduceat(t, [0, 1]), r"np\.add\.reduceat"),
    "np.add.at": (lambda t: np.add.at(np.zeros(2), [0, 1], t[0]), r"np\.add\.at"),
    "np.subtract.reduce": (lambda t: np.subtract.reduce(t), r"np\.subtract\.reduce"),
    "np.modf": (lambda t: np.modf(t), "modf"),
    "np.hypot": (lambda t: np.hypot(t, t), "hypot"),
    "np.spacing": (lambda t: np.spacing(t), "spacing"),
    "np.sum(where=)": (lambda t: np.sum(t, where=np.eye(2, dtype=bool)), "np.sum: where="),
    "np.sum(dtype=)": (lambda t: np.sum(t, dtype=np.float32), "np.sum: dtype="),
    "np.sum(initial=)": (lambda t: np.sum(t, initial=3.0), "np.sum: initial="),
    "np.sum(out=)": (lambda t: np.sum(t, axis=0, out=np.zeros(2)), "np.sum: out="),
    "np.max(initial=)": (lambda t: np.max(t, initial=3.0), "np.(a)?max: initial="),
    "np.add.reduce(where=)": (lambda t: np.add.reduce(t, where=np.eye(2, dtype=bool)), "np.add.*: where="),
    "np.exp(out=array)": (lambda t: np.exp(t, out=np.zeros((2, 2))), "np.exp: out="),
    "np.exp(out=Tensor)": (lambda t: np.exp(np.ones((2, 2)), out=Tensor(np.zeros((2, 2)))), "np.exp: out="),
    "np.exp(where=)": (lambda t: np.exp(t, where=np.eye(2, dtype=bool)), "np.exp: where="),
    "np.exp(dtype=)": (lambda t: np.exp(t, dtype=np.float32), "np.exp: dtype="),
    "np.add(casting=)": (lambda t: np.add(t, t, casting="no"), "np.add: casting="),
    "np.reshape(order=)": (lambda t: np.reshape(t, (4,), order="F"), "np.reshape: order="),
    "np.take(mode=)": (lambda t: np.take(t, [5], mode="wrap"), "np.take: mode="),
    "np.concatenate(dtype=)": (lambda t: np.concatenate([t, t], dtype=np.float32), "np.concatenate: dtype="),
    "np.einsum(optimize=)": (lambda t: np.einsum("ij->i", t, dtype=np.float32), "np.einsum: dtype="),
    "array += t": (lambda t: np.zeros((2, 2)).__iadd__(t), "np.add: out="),
}


class TestRefused:
    @pytest.mark.parametrize(("call", "message"), [pytest.param(*case, id=name) for name, case in REFUSED.items()])
    def test_what_the_table_does_not_have_raises_and_names_it(self, call: Any, message: str) -> None:
        with pytest.raises(UnsupportedError, match=message) as caught:
            call(T)
        assert isinstance(caught.value, TypeError)

    def test_it_says_what_to_do(self) -> None:
        with pytest.raises(UnsupportedError, match=r"t\.numpy\(\) \(after t\.detach\(\)"):
            np.median(T)

    def test_positional_options_of_numpy_are_not_swallowed(self) -> None:
        with pytest.raises(TypeError):
            np.sum(T, None, np.float32)
        with pytest.raises(TypeError):
            np.reshape(T, (4,), "F")

    @pytest.mark.parametrize("convert", [np.asarray, np.array, lambda t: np.asarray(t, np.float32), np.asanyarray])
    def test_a_gradient_is_never_lost_silently(self, convert: Any) -> None:
        for t in (T, T * 2, leaf(1.0)):
            with pytest.raises(TypeError, match=r"requires a gradient.*t\.numpy\(\) or t\.detach\(\)"):
                convert(t)
        with pytest.raises(DtypeError):
            np.array([leaf(1.0), leaf(2.0)])

    def test_array_methods_do_not_lose_it_either(self) -> None:
        with pytest.raises(TypeError):
            np.ones((2, 2)).dot(T)
        with pytest.raises(TypeError):
            np.zeros((2, 2))[:] = T

    def test_without_a_gradient_an_array_comes_out(self) -> None:
        t = Tensor([1.0, 2.0])
        assert type(np.asarray(t)) is np.ndarray
        assert np.shares_memory(np.asarray(t), t.numpy())
        assert not np.shares_memory(np.array(t), t.numpy())
        assert np.asarray(t, dtype=np.float32).dtype == np.float32
        assert np.asarray(T.detach()).tolist() == [[2.0, 1.0], [1.0, 3.0]]
        with pytest.raises(ValueError, match="copy"):
            np.array(t, dtype=np.float32, copy=False)


# ------------------------------------------------------------------------------------------------ facts


class TestFacts:
    """Functions whose answer is no quantity to differentiate see the values."""

    def test_comparisons(self) -> None:
        assert np.allclose(T, T.numpy())
        assert not np.allclose(T.numpy(), T + 1)
        assert np.array_equal(T, T * 1)
        assert np.isclose(T, T.numpy() + np.eye(2)).tolist() == [[False, True], [True, False]]
        np.testing.assert_allclose(T.detach(), T.numpy())

    def test_shapes_and_dtypes(self) -> None:
        assert (np.shape(T), np.ndim(T), np.size(T)) == ((2, 2), 2, 4)
        assert np.size(T, 1) == 2
        assert np.result_type(T, np.float32) == np.float64
        assert not np.iscomplexobj(T)
        assert np.isrealobj(T)

    def test_memory(self) -> None:
        assert np.shares_memory(T, T.detach())
        assert not np.may_share_memory(T, T.copy())

    def test_text(self) -> None:
        assert np.array2string(Tensor([1.0, 2.0])) == "[1. 2.]"
        assert np.array_str(Tensor([1, 2])) == "[1 2]"

    def test_tests_of_numbers(self) -> None:
        t = leaf([1.0, np.nan, np.inf])
        assert np.isnan(t).tolist() == [False, True, False]
        assert np.isfinite(t).tolist() == [True, False, False]
        assert np.isinf(t).tolist() == [False, False, True]

    def test_results_of_rows_are_tensors_even_without_a_gradient(self) -> None:
        t = Tensor([1, 2])
        for y in (np.exp(t), np.sum(t), np.argmax(t), np.ones(2) > t):
            assert type(y) is Tensor
            assert not y.requires_grad

    def test_out_of_a_constant_tensor_may_be_an_array(self) -> None:
        out = np.zeros(2)
        assert np.multiply(Tensor([1.0, 2.0]), 3.0, out=out) is out
        assert out.tolist() == [3.0, 6.0]

    def test_einsum_of_numpy_is_that_of_the_table(self) -> None:
        a, b = leaf(np.ones((2, 3))), leaf(np.ones((3, 2)))
        np.einsum("ij,jk->ik", a, b).sum().backward()
        assert a.grad.tolist() == [[2.0] * 3] * 2
        assert tj.einsum is TABLE["einsum"]

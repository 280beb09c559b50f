"""The tape: the book's numbers, higher derivatives, what is kept alive, modes, hooks, changes in place."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import Tensor, op
from tinygrad_jp.errors import CallError, GraphError, GraphFreedError, InPlaceError, ShapeError
from tinygrad_jp.tape import Node, topological_order

BIG = 40
"""More elements than a node keeps for its picture."""


def leaf(values: Any, **more: Any) -> Tensor:
    return Tensor(np.array(values, dtype=float), requires_grad=True, **more)


def big() -> Tensor:
    return leaf(np.linspace(0.5, 1.5, BIG))


def recorded(y: Tensor) -> list[str]:
    """Names of the recorded ops, newest first."""
    return [node.plan.op.name for node in topological_order(y._node)]


def alive(kind: type) -> int:
    return sum(type(thing) is kind for thing in gc.get_objects())


@contextmanager
def without_cycle_collector() -> Iterator[None]:
    """Only reference counting frees anything in here."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


# ------------------------------------------------------------------------------------------------ the book's numbers


class TestBook:
    """Chapter 5."""

    def test_apples(self) -> None:
        """Figure 5-3 and section 5.4.1: two apples at 100 yen, 10 % tax."""
        apple, number, tax = leaf(100), leaf(2), leaf(1.1)
        price = apple * number * tax
        price.backward()
        assert price.item() == pytest.approx(220, rel=1e-15)
        assert [t.grad.item() for t in (apple, number, tax)] == pytest.approx([2.2, 110, 200], rel=1e-15)

    def test_apples_and_oranges(self) -> None:
        """Figure 5-17 and section 5.4.2."""
        apple, apples, orange, oranges, tax = leaf(100), leaf(2), leaf(150), leaf(3), leaf(1.1)
        apple_price, orange_price = apple * apples, orange * oranges
        total = apple_price + orange_price
        for t in (apple_price, orange_price, total):
            t.retain_grad()
        price = total * tax
        price.backward()
        assert price.item() == pytest.approx(715, rel=1e-15)
        gradients = [t.grad.item() for t in (apple, apples, orange, oranges, tax)]
        assert gradients == pytest.approx([2.2, 110, 3.3, 165, 650], rel=1e-15)
        assert [t.grad.item() for t in (total, apple_price, orange_price)] == pytest.approx([1.1] * 3, rel=1e-15)


# ------------------------------------------------------------------------------------------------ graphs


class TestGraphs:
    def test_the_same_input_twice(self) -> None:
        x = leaf([3.0, -2.0])
        (x * x).backward(np.array([1.0, 10.0]))
        assert x.grad.tolist() == [6.0, -40.0]

    def test_diamond(self) -> None:
        x = leaf(3.0)
        h = x * x
        y = h * 2 + h * h
        y.backward()
        assert x.grad.item() == 2 * 2 * 3 + 4 * 3**3

    def test_diamond_over_diamond(self) -> None:
        """Each level doubles the number of paths; each node is visited once all the same."""
        y = x = leaf(1.0)
        for _ in range(60):
            y = y + y
        y.backward()
        assert x.grad.item() == 2.0**60

    @pytest.mark.parametrize("width", [2, 3, 50])
    def test_fan_out_of_large_arrays(self, width: int) -> None:
        """Many contributions to one gradient: the first is borrowed, later ones are added in place."""
        x = big()
        h = x * 1.0
        sum((h * float(i) for i in range(1, width + 1)), h.sum() * 0.0).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), np.full(BIG, width * (width + 1) / 2))

    def test_an_input_that_feeds_two_depths(self) -> None:
        x = leaf(2.0)
        y = tj.exp(x * x) * x
        y.backward()
        assert x.grad.item() == pytest.approx(np.exp(4.0) * (1 + 2 * 2.0 * 2.0))

    def test_an_ignored_branch_costs_nothing(self) -> None:
        x = leaf(2.0)
        ignored = tj.log(x)
        (x * 3).backward()
        assert x.grad.item() == 3.0
        assert ignored.grad is None

    def test_constants_get_no_gradient(self) -> None:
        x, c = leaf(2.0), Tensor(3.0)
        (x * c).backward()
        assert c.grad is None

    OPERATIONS: tuple[tuple[str, Callable[..., Any], Callable[..., Any]], ...] = (
        ("+", lambda a, b: a + b, lambda a, b, da, db: da + db),
        ("-", lambda a, b: a - b, lambda a, b, da, db: da - db),
        ("*", lambda a, b: a * b, lambda a, b, da, db: da * b + a * db),
        ("sin", lambda a, b: np.sin(a), lambda a, b, da, db: np.cos(a) * da),
        ("tanh", lambda a, b: np.tanh(a), lambda a, b, da, db: (1 - np.tanh(a) ** 2) * da),
        ("max", lambda a, b: np.maximum(a, b), lambda a, b, da, db: np.where(a > b, da, db)),
    )

    @settings(deadline=None, max_examples=100)
    @given(st.data())
    def test_any_graph_against_forward_mode(self, data: st.DataObject) -> None:
        """Random graphs, with fan-out; dual numbers are the oracle."""
        n = data.draw(st.integers(1, 3))
        shape = data.draw(st.sampled_from([(), (3,), (20,)]))
        rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
        points = [rng.uniform(-1, 1, shape) for _ in range(n)]
        direction = [rng.normal(size=shape) for _ in range(n)]
        xs = [leaf(p) for p in points]
        values, duals = list(xs), list(zip(points, direction, strict=True))
        for _ in range(data.draw(st.integers(1, 12))):
            _, ours, dual = data.draw(st.sampled_from(self.OPERATIONS))
            i, j = (data.draw(st.integers(0, len(values) - 1)) for _ in range(2))
            if dual is self.OPERATIONS[-1][2] and i == j:
                continue
            values.append(ours(values[i], values[j]))
            (a, da), (b, db) = duals[i], duals[j]
            duals.append((ours(a, b), dual(a, b, da, db)))
        y = values[-1]
        v = rng.normal(size=shape)
        np.testing.assert_allclose(y.numpy(), duals[-1][0], rtol=1e-12, atol=1e-12)
        y.backward(v)
        slope = sum(float((x.grad.numpy() * d).sum()) for x, d in zip(xs, direction, strict=True) if x.grad is not None)
        scale = max(1.0, float(np.abs(v * duals[-1][1]).sum()), abs(slope))
        assert abs(slope - float((v * duals[-1][1]).sum())) <= 1e-9 * scale

    def test_a_hundred_thousand_ops(self) -> None:
        y = x = leaf(0.0)
        for _ in range(100_000):
            y = y + 1.0
        assert y.item() == 100_000.0
        y.backward()
        assert x.grad.item() == 1.0
        del y  # freed without recursion too

    def test_a_long_chain_can_be_dropped_without_backward(self) -> None:
        y = leaf(0.5)
        for _ in range(100_000):
            y = y * 1.0
        last = weakref.ref(y)
        del y
        assert last() is None


# ------------------------------------------------------------------------------------------------ backward


class TestBackward:
    def test_gradients_accumulate_over_calls(self) -> None:
        x = leaf([1.0, 2.0])
        for times in (1, 2, 3):
            (x * x).sum().backward()
            np.testing.assert_array_equal(x.grad.numpy(), times * 2 * x.numpy())

    def test_accumulating_leaves_an_earlier_gradient_object_alone(self) -> None:
        x = big()
        x.sum().backward()
        first = x.grad
        x.sum().backward()
        assert set(first.tolist()) == {1.0}
        assert set(x.grad.tolist()) == {2.0}

    @pytest.mark.parametrize("v", [np.array([1.0, 10.0]), Tensor([1.0, 10.0]), [1.0, 10.0], [1, 10]], ids=repr)
    def test_a_given_gradient(self, v: Any) -> None:
        x = leaf([3.0, 4.0])
        (x * x).backward(v)
        assert x.grad.tolist() == [6.0, 80.0]
        assert x.grad.dtype == np.float64

    def test_a_given_gradient_is_not_touched_and_not_shared(self) -> None:
        x = big()
        v = np.ones(BIG)
        (x + 1.0).backward(v)
        (x + 1.0).backward(v)
        assert set(v) == {1.0}
        assert not np.shares_memory(x.grad.data, v)

    @pytest.mark.parametrize("values", [2.0, [2.0], [[2.0]]])
    def test_a_single_number_needs_no_gradient(self, values: Any) -> None:
        x = leaf(values)
        (x * 3).backward()
        np.testing.assert_array_equal(x.grad.numpy(), np.full(np.shape(values), 3.0))

    def test_of_a_leaf(self) -> None:
        x = leaf([1.0, 2.0])
        v = np.array([3.0, 4.0])
        x.backward(v)
        assert x.grad.tolist() == [3.0, 4.0]
        assert not np.shares_memory(x.grad.data, v)
        scalar = leaf(5.0)
        scalar.backward()
        assert scalar.grad.item() == 1.0

    def test_a_given_gradient_is_cast(self) -> None:
        x = Tensor(np.ones(2, np.float32), requires_grad=True)
        x.backward([1, 10])
        assert x.grad.dtype == np.float32
        seen = []
        y = x * 2
        y.register_hook(seen.append)
        y.backward(np.array([1 / 3, 1.0]))
        assert seen[0].dtype == np.float32
        assert x.grad.tolist() == [1 + np.float32(1 / 3) * 2, 12.0]

    def test_empty_arrays(self) -> None:
        x = leaf(np.zeros((0, 3)))
        (x * 2).sum().backward()
        assert x.grad.shape == (0, 3)

    def test_only_leaves_get_a_gradient(self) -> None:
        x = leaf(2.0)
        h = x * 3
        y = h * 4
        y.backward()
        assert (h.grad, y.grad) == (None, None)

    def test_two_outputs_share_a_subgraph(self) -> None:
        x = leaf([1.0, 2.0, 3.0])
        h = x * x
        a, b = (h * 2).sum(), (h * 3).sum()
        a.backward(retain_graph=True)
        np.testing.assert_array_equal(x.grad.numpy(), 4 * x.numpy())
        b.backward()
        np.testing.assert_array_equal(x.grad.numpy(), 10 * x.numpy())

    def test_two_outputs_share_a_subgraph_that_is_freed(self) -> None:
        x = leaf([1.0, 2.0])
        h = x * x
        a, b = (h * 2).sum(), (h * 3).sum()
        a.backward()
        with pytest.raises(
            GraphFreedError, match=r"mul: an earlier backward pass freed this graph; .*retain_graph=True"
        ):
            b.backward()
        np.testing.assert_array_equal(x.grad.numpy(), 4 * x.numpy())

    def test_retain_graph(self) -> None:
        x = leaf(3.0)
        y = tj.exp(x * x)
        y.backward(retain_graph=True)
        once = x.grad.item()
        y.backward(retain_graph=True)
        assert x.grad.item() == 2 * once
        y.backward()
        assert x.grad.item() == 3 * once

    @pytest.mark.parametrize(
        ("make", "name"),
        [
            (lambda x: x * x, "mul"),
            (lambda x: x + 1.0, "add"),
            (lambda x: tj.exp(x), "exp"),
            (lambda x: x.sum(), "sum"),
        ],
    )
    def test_a_second_pass_names_the_op(self, make: Any, name: str) -> None:
        y = make(leaf(2.0))
        y.backward()
        with pytest.raises(GraphFreedError, match=f"^{name}: "):
            y.backward()
        with pytest.raises(GraphError, match="compute the result anew"):
            y.backward()

    @settings(deadline=None)
    @given(st.lists(st.sampled_from(["x", "h", "2x", "square", "sum", "view"]), min_size=2, max_size=6))
    def test_gradients_of_two_leaves_never_share_memory(self, kinds: list[str]) -> None:
        make: dict[str, Callable[[Tensor], Tensor]] = {
            "x": lambda x: x,
            "h": lambda x: x + 0.0,
            "2x": lambda x: x + x,
            "square": lambda x: x * x,
            "sum": lambda x: x.sum(),
            "view": lambda x: x.reshape(4, 10).T.reshape(BIG),
        }
        xs = [big() for _ in kinds]
        v = np.ones(BIG)
        y = sum((make[kind](x) for x, kind in zip(xs, kinds, strict=True)), Tensor(0.0))
        y.backward(v if y.shape else 1.0)
        for i, x in enumerate(xs):
            assert x.grad.data.flags.writeable
            assert not np.shares_memory(x.grad.data, v)
            assert not any(np.shares_memory(x.grad.data, other.grad.data) for other in xs[:i])

    @pytest.mark.parametrize("size", [3, BIG])
    def test_nor_do_gradients_that_can_be_differentiated(self, size: int) -> None:
        a, b = leaf(np.ones(size)), leaf(np.ones(size))
        (a + b).sum().backward(create_graph=True)
        with tj.no_grad():
            a.grad *= 5.0
        assert set(a.grad.tolist()) == {5.0}
        assert set(b.grad.tolist()) == {1.0}


# ------------------------------------------------------------------------------------------------ higher derivatives


class TestCreateGraph:
    def test_all_derivatives_of_a_power(self) -> None:
        x = leaf(3.0)
        y = x**4
        for expected in (4 * 27.0, 12 * 9.0, 24 * 3.0, 24.0):
            y = tj.grad(y, x, create_graph=True)
            assert y.item() == pytest.approx(expected, rel=1e-14)
        assert not y.requires_grad or tj.grad(y, x, allow_unused=True).item() == 0.0

    @settings(deadline=None)
    @given(st.lists(st.integers(-3, 3), min_size=2, max_size=6), st.floats(-2, 2))
    def test_derivatives_of_polynomials(self, coefficients: list[int], at: float) -> None:
        x = leaf(at)
        y = sum((c * x**n for n, c in enumerate(coefficients)), x * 0.0)
        exact = np.polynomial.Polynomial(coefficients)
        for _ in range(3):
            y = tj.grad(y, x, create_graph=True)
            exact = exact.deriv()
            np.testing.assert_allclose(y.numpy(), exact(at), rtol=1e-9, atol=1e-9)
            if not y.requires_grad:
                break

    @pytest.mark.parametrize(
        ("f", "derivatives"),
        [
            (tj.exp, [np.exp] * 4),
            (lambda x: 1 / x, [lambda x: -1 / x**2, lambda x: 2 / x**3, lambda x: -6 / x**4, lambda x: 24 / x**5]),
            (tj.sin, [np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin]),
            (tj.log, [lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3, lambda x: -6 / x**4]),
            (lambda x: x * tj.exp(x), [lambda x, n=n: (x + n) * np.exp(x) for n in (1, 2, 3, 4)]),
            (tj.sqrt, [lambda x: x**-0.5 / 2, lambda x: -(x**-1.5) / 4, lambda x: 3 * x**-2.5 / 8]),
        ],
        ids=["exp", "1/x", "sin", "log", "x exp x", "sqrt"],
    )
    def test_grad_of_grad(self, f: Any, derivatives: list[Any]) -> None:
        at = np.array([0.7, 1.3, 2.1])
        x = leaf(at)
        y = f(x)
        for exact in derivatives:
            y = tj.grad(y.sum(), x, create_graph=True)
            np.testing.assert_allclose(y.numpy(), exact(at), rtol=1e-12)

    def test_grad_of_grad_through_matmul(self) -> None:
        """φ(A) = ‖A·A‖² / 2: compare the derivative of its gradient with a difference quotient."""
        rng = np.random.default_rng(0)
        at, d = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))

        def gradient(a: np.ndarray) -> np.ndarray:
            return a.T @ (s := a @ a) + s @ a.T

        a = leaf(at)
        s = a @ a
        first = tj.grad((s * s).sum() / 2, a, create_graph=True)
        np.testing.assert_allclose(first.numpy(), gradient(at), rtol=1e-12)
        second = tj.grad(first, a, d)
        h = 1e-6
        numeric = (gradient(at + h * d) - gradient(at - h * d)) / (2 * h)
        np.testing.assert_allclose(second.numpy(), numeric, rtol=1e-6, atol=1e-7)

    def test_through_backward(self) -> None:
        x = leaf([1.0, 2.0])
        (x**3).sum().backward(create_graph=True)
        g = x.grad
        assert g.requires_grad
        x.zero_grad()
        (g * g).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), 36 * x.numpy() ** 3)

    def test_backward_with_create_graph_accumulates_recorded(self) -> None:
        x = leaf(2.0)
        for _ in range(2):
            (x**3).backward(create_graph=True)
        assert x.grad.item() == 24.0
        assert tj.grad(x.grad, x).item() == 24.0

    def test_implies_retain_graph(self) -> None:
        x = leaf(2.0)
        y = x**3
        first = tj.grad(y, x, create_graph=True)
        y.backward()
        assert (x.grad.item(), first.item()) == (12.0, 12.0)

    def test_gradient_penalty(self) -> None:
        """The gradient of a loss that contains a gradient, as in WGAN-GP."""
        rng = np.random.default_rng(1)
        w, x = leaf(rng.normal(size=(3, 2))), leaf(rng.normal(size=(4, 3)))
        g = tj.grad(tj.tanh(x @ w).sum(), x, create_graph=True)
        (g * g).sum().backward()
        t = np.tanh(x.numpy() @ w.numpy())
        u = (1 - t**2) @ w.numpy().T
        expected = 2 * u.T @ (1 - t**2) + x.numpy().T @ (2 * (u @ w.numpy()) * (-2 * t * (1 - t**2)))
        np.testing.assert_allclose(w.grad.numpy(), expected, rtol=1e-10)

    def test_with_respect_to_the_given_gradient(self) -> None:
        x, v = leaf([1.0, 2.0]), leaf([3.0, 4.0])
        g = tj.grad(x * x, x, v, create_graph=True)
        assert g.tolist() == [6.0, 16.0]
        assert tj.grad(g.sum(), v).tolist() == [2.0, 4.0]

    def test_without_it_the_gradient_is_a_constant(self) -> None:
        x = leaf(2.0)
        assert not tj.grad(x**3, x).requires_grad
        (x**3).backward()
        assert not x.grad.requires_grad

    def test_inside_no_grad(self) -> None:
        """Asking for a graph of the backward pass is asking to record it."""
        x = leaf(2.0)
        y = x**3
        with tj.no_grad():
            first = tj.grad(y, x, create_graph=True)
        assert tj.grad(first, x).item() == 12.0


# ------------------------------------------------------------------------------------------------ what is kept alive


def released(array: np.ndarray) -> Callable[[], bool]:
    handle = weakref.ref(array)
    return lambda: handle() is None


class TestMemory:
    @pytest.mark.parametrize(
        ("f", "kept"),
        [
            (lambda a, b: a + b, ""),
            (lambda a, b: a - b, ""),
            (lambda a, b: a * b, "ab"),
            (lambda a, b: a / b, "b"),
            (lambda a, b: tj.where(np.ones(BIG, bool), a, b), ""),
            (lambda a, b: tj.maximum(a, b), "ab"),
            (lambda a, b: tj.concatenate([a, b]), ""),
            (lambda a, b: tj.exp(a) + tj.sigmoid(b), ""),
            (lambda a, b: tj.log(a) + tj.relu(b), "a"),
            (lambda a, b: tj.sin(a) + b.sum(), "a"),
            (lambda a, b: a * 2.0 + b / 3.0, ""),
            (lambda a, b: a.mean() + b.max(), "b"),
            (lambda a, b: a.dot(b), "ab"),
            (lambda a, b: tj.softmax(a) + b.cumsum(), ""),
            (lambda a, b: a**2 + b.square(), "ab"),
            (lambda a, b: a[[0, 1, 1]].sum() + b.norm(), "b"),
        ],
    )
    def test_an_op_keeps_only_the_inputs_it_needs(self, f: Any, kept: str) -> None:
        x = big()
        a, b = x + 1.0, x + 2.0
        gone = {"a": released(a.numpy()), "b": released(b.numpy())}
        y = f(a, b)
        del a, b
        assert {name for name, is_gone in gone.items() if not is_gone()} == set(kept)
        y.sum().backward()
        assert all(is_gone() for is_gone in gone.values())
        assert y.numpy().size

    @pytest.mark.parametrize(
        ("f", "kept"), [(tj.exp, True), (tj.tanh, True), (tj.sin, False), (lambda x: x + 1.0, False)]
    )
    def test_an_op_keeps_its_output_only_if_it_needs_it(self, f: Any, kept: bool) -> None:
        x = big()
        y = f(x)
        gone = released(y.numpy())
        z = y.sum()
        del y
        assert gone() is not kept
        z.backward()
        assert gone()
        assert x.grad is not None

    def test_a_large_constant_is_not_kept_where_it_is_not_needed(self) -> None:
        x, c = big(), np.ones(BIG)
        gone = released(c)
        y = x + Tensor(c) + c
        del c
        assert gone()
        y.sum().backward()
        assert x.grad.tolist() == [1.0] * BIG

    def test_a_large_gradient_that_a_hook_saw_is_not_kept(self) -> None:
        x = big()
        seen: list[Any] = []
        x.register_hook(lambda g: seen.append(weakref.ref(g.data)))
        (x * 2).sum().backward()
        x.grad = None
        assert seen[0]() is None
        assert x._hooks is not None
        assert x._hooks.last is None

    def test_a_gradient_is_not_kept_when_its_leaf_forgets_it(self) -> None:
        x = big()
        y = x.max()
        y.backward()
        gone = released(x.grad.numpy())
        x.zero_grad()
        assert gone()
        assert y.item() == 1.5

    def test_retain_graph_keeps_them(self) -> None:
        x = big()
        y = tj.exp(x)
        gone = released(y.numpy())
        z = y.sum()
        del y
        z.backward(retain_graph=True)
        assert not gone()
        z.backward()
        assert gone()

    def test_nothing_is_recorded_that_needs_no_gradient(self) -> None:
        c = Tensor(np.ones(BIG))
        y = c * c
        gone = released(c.numpy())
        del c
        assert gone()
        assert y.is_leaf

    @pytest.mark.parametrize(
        "use",
        [
            lambda y, x: None,
            lambda y, x: y.backward(),
            lambda y, x: y.backward(retain_graph=True),
            lambda y, x: tj.grad(y, x, create_graph=True),
            lambda y, x: y.retain_grad(),
            lambda y, x: (y.retain_grad(), y.backward()),
            lambda y, x: y.register_hook(lambda g: None),
            lambda y, x: repr(y),
        ],
        ids=["nothing", "backward", "retain_graph", "grad", "retain_grad", "retain_grad, backward", "hook", "repr"],
    )
    def test_reference_counting_frees_everything(self, use: Any) -> None:
        with without_cycle_collector():
            nodes, tensors = alive(Node), alive(Tensor)
            x = big()
            h = tj.exp(x * x) / x
            y = (h[:10] @ h[10:20]) + tj.concatenate([h, x]).sum()
            handles = [weakref.ref(h), weakref.ref(h.numpy())]
            use(y, x)
            assert alive(Node) > nodes
            del h, y
            assert [handle() for handle in handles] == [None, None]
            assert alive(Node) == nodes
            x.zero_grad()
            del x
            assert alive(Tensor) == tensors

    def test_also_after_an_error(self) -> None:
        with without_cycle_collector():
            nodes = alive(Node)
            x = big()
            y = tj.exp(x) * x
            with pytest.raises(GraphError, match="elements"):
                y.backward()
            del y
            assert alive(Node) == nodes

    def test_the_forward_values_live_as_long_as_the_tensor(self) -> None:
        x = big()
        y = tj.exp(x)
        y.sum().backward()
        np.testing.assert_array_equal(y.numpy(), np.exp(x.numpy()))


# ------------------------------------------------------------------------------------------------ grad


class ForbiddenError(Exception):
    pass


def forbid(g: Any) -> Any:
    raise ForbiddenError


@op(vjp={"x": forbid})
def forbidden(x: Any, /) -> Any:
    """Identity whose vjp must not run."""
    return np.array(x)


class TestGrad:
    def test_leaves_grad_untouched(self) -> None:
        x, w = leaf(2.0), leaf(3.0)
        assert tj.grad(x * w, x).item() == 3.0
        assert (x.grad, w.grad) == (None, None)
        (x * w).backward()
        tj.grad(x * w * 5, [x, w])
        assert (x.grad.item(), w.grad.item()) == (3.0, 2.0)

    def test_structure(self) -> None:
        x, w = leaf([1.0, 2.0]), leaf(3.0)
        y = (x * w).sum()
        single = tj.grad(y, x, retain_graph=True)
        assert isinstance(single, Tensor)
        for several in ([w, x], (w, x)):
            found = tj.grad(y, several, retain_graph=True)
            assert isinstance(found, tuple)
            assert [g.tolist() for g in found] == [3.0, [3.0, 3.0]]
        assert tj.grad(y, []) == ()

    def test_the_same_tensor_asked_twice(self) -> None:
        x = leaf(3.0)
        a, b = tj.grad(x * x, [x, x])
        assert (a.item(), b.item()) == (6.0, 6.0)

    def test_intermediate_targets(self) -> None:
        x = leaf([1.0, 2.0])
        h = x * x
        y = (h * h).sum()
        to_h, to_x, to_y = tj.grad(y, [h, x, y])
        assert to_h.tolist() == [2.0, 8.0]
        assert to_x.tolist() == [4.0, 32.0]
        assert to_y.item() == 1.0

    @pytest.mark.parametrize("size", [3, BIG])
    @pytest.mark.parametrize(
        "make",
        [lambda u, w: u + w, lambda u, w: (u + w).reshape(-1), lambda u, w: u + w + u.sum(), lambda u, w: u - w + w],
    )
    def test_gradients_of_intermediates_are_nobody_elses(self, make: Any, size: int) -> None:
        a, b = leaf(np.ones(size)), leaf(np.ones(size))
        u, w = a * 2, b * 3
        v = np.ones(size)
        y = make(u, w)
        found = tj.grad(y, [u, w, a, b, y], v)
        for i, g in enumerate(found):
            assert g.data.flags.writeable
            assert not np.shares_memory(g.data, v)
            assert not any(np.shares_memory(g.data, other.data) for other in found[:i])

    def test_gradient_of_a_sum_is_an_array_of_its_own(self) -> None:
        h = big() * 2.0
        g = tj.grad(h.sum(), h)
        g += 1.0
        assert g.tolist() == [2.0] * BIG

    def test_walks_only_the_needed_paths(self) -> None:
        a, b = leaf(2.0), leaf(3.0)
        y = forbidden(a) * b + tj.exp(b)
        assert tj.grad(y, b, retain_graph=True).item() == pytest.approx(2 + np.exp(3.0))
        with pytest.raises(ForbiddenError):
            tj.grad(y, a)

    def test_stops_at_an_intermediate_target(self) -> None:
        h = forbidden(leaf(2.0))
        assert tj.grad(h * h, h).item() == 4.0

    def test_no_hook_runs_on_paths_that_are_not_needed(self) -> None:
        a, b = leaf(2.0), leaf(3.0)
        seen = []
        h = a * a
        h.register_hook(lambda g: seen.append("h"))
        a.register_hook(lambda g: seen.append("a"))
        b.register_hook(lambda g: seen.append("b"))
        tj.grad(h * b, b)
        assert seen == ["b"]

    def test_frees_only_the_paths_it_walked(self) -> None:
        a, b = leaf(2.0), leaf(3.0)
        left, right = a * a, b * b
        y = left + right
        tj.grad(y, b)
        assert tj.grad(left, a).item() == 4.0
        with pytest.raises(GraphFreedError):
            tj.grad(right, b)

    def test_unused(self) -> None:
        x, z, constant = leaf(2.0, name="x"), leaf(3.0, name="z"), Tensor(1.0, name="c")
        with pytest.raises(GraphError, match=r"does not depend on 'z'; pass allow_unused=True"):
            tj.grad(x * 2, [x, z])
        with pytest.raises(GraphError, match=r"'c', which has requires_grad=False"):
            tj.grad(x * constant, constant)
        a, b = tj.grad(x * 2, [x, z], allow_unused=True)
        assert a.item() == 2.0
        assert b is None
        assert tj.grad(x * 2, z, allow_unused=True) is None

    def test_of_a_leaf_by_itself(self) -> None:
        x = leaf([1.0, 2.0])
        v = np.array([3.0, 4.0])
        g = tj.grad(x, x, v)
        assert g.tolist() == [3.0, 4.0]
        assert not np.shares_memory(g.data, v)

    def test_given_gradient_and_dtype(self) -> None:
        x = Tensor(np.array([1.0, 2.0], np.float32), requires_grad=True)
        g = tj.grad(x * np.array([3.0, 4.0]), x, [10.0, 20.0])
        assert g.tolist() == [30.0, 80.0]
        assert g.dtype == np.float32


# ------------------------------------------------------------------------------------------------ modes


class TestModes:
    def test_no_grad(self) -> None:
        x = leaf(2.0)
        with tj.no_grad():
            y = x * x
            assert not y.requires_grad
            assert y.is_leaf
        assert (x * x).requires_grad

    def test_no_grad_as_decorator(self) -> None:
        @tj.no_grad()
        def square(x: Tensor) -> Tensor:
            return x * x

        for _ in range(2):
            assert not square(leaf(2.0)).requires_grad
        assert (leaf(2.0) * 2).requires_grad

    def test_what_runs_on_after_its_call_is_not_decorated(self) -> None:
        def generator() -> Iterator[Tensor]:
            yield leaf(2.0) * 2

        async def coroutine() -> Tensor:
            return leaf(2.0) * 2

        for function in (generator, coroutine):
            with pytest.raises(CallError, match=rf"^{function.__name__}: .* inside it"):
                tj.no_grad()(function)

    def test_nested(self) -> None:
        x = leaf(2.0)
        with tj.no_grad():
            with tj.no_grad():
                pass
            assert not (x * 2).requires_grad
            with tj.enable_grad():
                assert (x * 2).requires_grad
                with tj.no_grad():
                    assert not (x * 2).requires_grad
                assert (x * 2).requires_grad
            assert not (x * 2).requires_grad
        assert (x * 2).requires_grad

    def test_an_error_restores_recording(self) -> None:
        with pytest.raises(ZeroDivisionError), tj.no_grad():
            raise ZeroDivisionError
        assert (leaf(2.0) * 2).requires_grad

    def test_what_was_recorded_before_can_go_backward_inside(self) -> None:
        x = leaf(3.0)
        y = x * x
        with tj.no_grad():
            y.backward()
        assert x.grad.item() == 6.0

    def test_another_thread_still_records(self) -> None:
        x = leaf(2.0)
        results: list[bool] = []

        def work() -> None:
            results.append((x * 2).requires_grad)
            with tj.no_grad():
                results.append((x * 2).requires_grad)

        with tj.no_grad():
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            results.append((x * 2).requires_grad)
        assert results == [True, False, False]

    def test_threads_take_turns_without_disturbing_each_other(self) -> None:
        barrier = threading.Barrier(2, timeout=10)
        results: dict[str, list[bool]] = {"quiet": [], "loud": []}

        def work(name: str, mode: Any) -> None:
            x = leaf(2.0)
            for _ in range(5):
                barrier.wait()
                with mode():
                    barrier.wait()
                    results[name].append((x * 2).requires_grad)
                    barrier.wait()

        threads = [threading.Thread(target=work, args=a) for a in (("quiet", tj.no_grad), ("loud", tj.enable_grad))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == {"quiet": [False] * 5, "loud": [True] * 5}

    def test_backward_passes_in_threads(self) -> None:
        leaves = [leaf(np.full(BIG, float(i))) for i in range(8)]

        def work(x: Tensor) -> None:
            for _ in range(20):
                (x * x).sum().backward()

        threads = [threading.Thread(target=work, args=(x,)) for x in leaves]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i, x in enumerate(leaves):
            assert set(x.grad.tolist()) == {40.0 * i}

    @pytest.mark.parametrize(
        ("make", "fused", "pieces"),
        [
            (lambda x: tj.sigmoid(x), "sigmoid", {"neg", "exp", "add", "div"}),
            (lambda x: tj.affine(x, np.ones((3, 2)), np.ones(2)), "affine", {"dot", "add"}),
            (lambda x: tj.softmax(x), "softmax", {"exp", "sum", "div"}),
            (lambda x: tj.mean(x), "mean", {"sum", "div"}),
            (
                lambda x: tj.softmax_cross_entropy(x, 1),
                "softmax_cross_entropy",
                {"exp", "log", "sum", "mul", "neg", "div"},
            ),
        ],
    )
    def test_primitives(self, make: Any, fused: str, pieces: set[str]) -> None:
        x = leaf([0.1, 0.2, 0.3])
        assert recorded(make(x)) == [fused]
        with tj.primitives():
            y = make(x)
        assert fused not in recorded(y)
        assert set(recorded(y)) == pieces
        np.testing.assert_allclose(y.numpy(), make(x).numpy())
        assert recorded(make(x)) == [fused]


# ------------------------------------------------------------------------------------------------ retain_grad, hooks


class TestRetainGrad:
    def test_sets_the_gradient_of_a_result(self) -> None:
        x = leaf([1.0, 2.0])
        h = x * x
        h.retain_grad()
        (h * 3).sum().backward()
        assert h.grad.tolist() == [3.0, 3.0]
        assert x.grad.tolist() == [6.0, 12.0]

    def test_keeps_what_hooks_made_of_it_whenever_they_were_registered(self) -> None:
        x = leaf([1.0, 2.0])
        h = x * 2
        h.register_hook(lambda g: g * 10)
        h.retain_grad()
        h.register_hook(lambda g: g + 1)
        h.sum().backward()
        assert h.grad.tolist() == [11.0, 11.0]
        assert x.grad.tolist() == [22.0, 22.0]

    def test_accumulates_like_a_leaf(self) -> None:
        x = leaf(2.0)
        h = x * x
        h.retain_grad()
        y = h * 3
        y.backward(retain_graph=True)
        y.backward()
        assert h.grad.item() == 6.0

    def test_asked_twice_counts_once(self) -> None:
        h = leaf(2.0) * 1.0
        h.retain_grad()
        h.retain_grad()
        (h * 3).backward()
        assert h.grad.item() == 3.0

    def test_of_the_output_itself_and_of_a_leaf(self) -> None:
        x = leaf(2.0)
        x.retain_grad()
        y = x * 3
        y.retain_grad()
        y.backward()
        assert (x.grad.item(), y.grad.item()) == (3.0, 1.0)

    def test_shares_no_memory(self) -> None:
        x, w = big(), big()
        h, k = x * 1.0, w * 1.0
        h.retain_grad()
        k.retain_grad()
        v = np.ones(BIG)
        (h + k).backward(v)
        held = [x.grad.data, w.grad.data, h.grad.data, k.grad.data, v]
        assert not any(np.shares_memory(a, b) for i, a in enumerate(held) for b in held[:i])

    def test_does_not_keep_the_tensor_alive(self) -> None:
        with without_cycle_collector():
            x = big()
            h = x * x
            h.retain_grad()
            y = h.sum()
            handle = weakref.ref(h)
            del h
            assert handle() is None
            y.backward()
            np.testing.assert_array_equal(x.grad.numpy(), 2 * x.numpy())

    def test_with_create_graph_it_can_be_differentiated(self) -> None:
        x = leaf(2.0)
        h = x * x
        h.retain_grad()
        (h**3).backward(create_graph=True)
        assert h.grad.item() == 48.0
        assert tj.grad(h.grad, x).item() == 3 * 4 * 8.0

    def test_is_refused_without_a_gradient(self) -> None:
        with pytest.raises(GraphError, match="retain_grad: 'c' requires no gradient"):
            Tensor(1.0, name="c").retain_grad()


LEAF_OR_RESULT = pytest.mark.parametrize("make", [lambda x: x, lambda x: x * 1.0], ids=["leaf", "result"])


class TestHooks:
    @LEAF_OR_RESULT
    def test_sees_the_whole_gradient_once(self, make: Any) -> None:
        x = leaf([1.0, 2.0])
        h = make(x)
        seen = []
        h.register_hook(seen.append)
        (h * 2 + h * h).sum().backward()
        assert [type(g) for g in seen] == [Tensor]
        assert seen[0].tolist() == [4.0, 6.0]

    @LEAF_OR_RESULT
    @pytest.mark.parametrize("returned", [Tensor([10.0, 20.0]), np.array([10.0, 20.0]), [10, 20]], ids=repr)
    def test_replaces_the_gradient(self, make: Any, returned: Any) -> None:
        x = leaf([1.0, 2.0])
        h = make(x)
        h.register_hook(lambda g: returned)
        (h * h).sum().backward()
        assert x.grad.tolist() == [10.0, 20.0]
        assert x.grad.dtype == np.float64

    @LEAF_OR_RESULT
    def test_several_run_in_order_on_what_the_last_one_returned(self, make: Any) -> None:
        x = leaf(1.0)
        h = make(x)
        h.register_hook(lambda g: g + 1)
        h.register_hook(lambda g: None)
        h.register_hook(lambda g: g * 10)
        (h * 2).backward()
        assert x.grad.item() == 30.0

    @LEAF_OR_RESULT
    def test_can_be_removed(self, make: Any) -> None:
        x = leaf(1.0)
        h = make(x)
        seen: list[str] = []
        remove = h.register_hook(lambda g: seen.append("a"))
        h.register_hook(lambda g: seen.append("b"))
        y = h * 2
        y.backward(retain_graph=True)
        remove()
        y.backward()
        assert seen == ["a", "b", "b"]

    @LEAF_OR_RESULT
    def test_removing_twice_is_harmless(self, make: Any) -> None:
        h = make(leaf(1.0))
        remove = h.register_hook(lambda g: g * 10)
        remove()
        remove()
        kept = []
        h.register_hook(lambda g: kept.append(g.item()))
        h.backward()
        assert kept == [1.0]

    @LEAF_OR_RESULT
    @pytest.mark.parametrize("returned", [1.0, np.ones(3), Tensor([[1.0, 2.0]])], ids=repr)
    def test_a_wrong_shape_is_refused(self, make: Any, returned: Any) -> None:
        h = make(leaf([1.0, 2.0]))
        h.register_hook(lambda g: returned)
        with pytest.raises(ShapeError, match=r"hook: .*shape \(2,\)"):
            (h * 2).sum().backward()

    @LEAF_OR_RESULT
    def test_keeps_the_dtype(self, make: Any) -> None:
        x = Tensor(np.ones(2, np.float32), requires_grad=True)
        h = make(x)
        h.register_hook(lambda g: g.numpy().astype(float))
        (h * 2).sum().backward()
        assert x.grad.dtype == np.float32

    @LEAF_OR_RESULT
    def test_runs_in_grad_too(self, make: Any) -> None:
        x = leaf(3.0)
        h = make(x)
        h.register_hook(lambda g: g * 10)
        assert tj.grad(h * h, x, retain_graph=True).item() == 60.0
        assert tj.grad(h * h, h).item() == 60.0

    @LEAF_OR_RESULT
    def test_is_differentiated_under_create_graph(self, make: Any) -> None:
        x = leaf(3.0)
        h = make(x)
        remove = h.register_hook(lambda g: g * g)
        first = tj.grad(h * h, x, create_graph=True)
        remove()
        assert first.item() == 36.0
        assert tj.grad(first, x).item() == pytest.approx(8 * 3.0)

    @LEAF_OR_RESULT
    def test_of_the_tensor_that_goes_backward(self, make: Any) -> None:
        x = leaf(3.0)
        h = make(x)
        h.register_hook(lambda g: g * 10)
        h.backward()
        assert x.grad.item() == 10.0

    def test_a_kept_gradient_does_not_change_later(self) -> None:
        x, w = big(), big()
        seen = []
        h = x + w
        h.register_hook(seen.append)
        (h.sum() + (x * 2.0).sum() + (w * 3.0).sum()).backward()
        assert set(seen[0].tolist()) == {1.0}
        assert set(x.grad.tolist()) == {3.0}
        assert set(w.grad.tolist()) == {4.0}

    @pytest.mark.parametrize("size", [3, BIG])
    def test_changing_the_gradient_in_place_reaches_no_other_tensor(self, size: int) -> None:
        """`add` hands the same array to both sides, and here it is the caller's own."""
        a, b, v = leaf(np.ones(size)), leaf(np.ones(size)), np.ones(size)
        h = a + b

        def halve(g: Tensor) -> None:
            g *= 0.5

        a.register_hook(halve)
        h.register_hook(lambda g: None)
        h.backward(v)
        assert set(v.tolist()) == {1.0}
        assert set(b.grad.tolist()) == {1.0}
        c = leaf(np.ones(size))
        c.register_hook(halve)
        c.backward(v)
        assert set(v.tolist()) == {1.0}

    def test_gradient_clipping(self) -> None:
        w = leaf([100.0, 0.1])
        w.register_hook(lambda g: np.clip(g, -1, 1))
        (w * w).sum().backward()
        assert w.grad.tolist() == [1.0, 0.2]

    def test_is_refused_without_a_gradient(self) -> None:
        with pytest.raises(GraphError, match="register_hook: 'c' requires no gradient"):
            Tensor(1.0, name="c").register_hook(lambda g: None)


# ------------------------------------------------------------------------------------------------ in-place changes


def add_in_place(t: Tensor) -> None:
    t += 1.0


def multiply_in_place(t: Tensor) -> None:
    t *= 2.0


def set_element(t: Tensor) -> None:
    t[0] = 5.0


def new_data(t: Tensor) -> None:
    t.data = np.zeros(t.shape)


def subtract_from_data(t: Tensor) -> None:
    t.data -= 1.0


def through(view: Callable[[Tensor], Tensor], change: Callable[[Tensor], None]) -> Callable[[Tensor], None]:
    return lambda t: change(view(t))


CHANGES: dict[str, Callable[[Tensor], None]] = {
    "x += 1": add_in_place,
    "x *= 2": multiply_in_place,
    "x[0] = 5": set_element,
    "x.data = …": new_data,
    "x.data -= 1": subtract_from_data,
    "x[0:2] += 1": through(lambda t: t[0:2], add_in_place),
    "x.reshape(…)[0] = 5": through(lambda t: t.reshape(2, -1), set_element),
    "x.detach() += 1": through(Tensor.detach, add_in_place),
    "x.detach().data -= 1": through(Tensor.detach, subtract_from_data),
    "x.T.reshape(…)[0] = 5": through(lambda t: t.T[::-1], set_element),
    "Tensor(x.data)[0] = 5": through(lambda t: Tensor(t.data), set_element),
}
CHANGED = pytest.mark.parametrize("change", [pytest.param(f, id=name) for name, f in CHANGES.items()])


class TestInPlaceChanges:
    @CHANGED
    @pytest.mark.parametrize("size", [4, BIG])
    def test_of_a_saved_input_are_refused(self, change: Any, size: int) -> None:
        x, w = leaf(np.ones(size)), leaf(np.full(size, 2.0))
        y = x * w
        with tj.no_grad():
            change(x)
        with pytest.raises(InPlaceError, match=rf"^mul: .*shape \({size},\).*changed in place.*copy"):
            y.sum().backward()

    def test_are_seen_through_views_that_have_no_array_as_their_base(self) -> None:
        values = np.ones(3)
        x, windows, w = Tensor(values), Tensor(np.lib.stride_tricks.sliding_window_view(values, 2)), leaf([1.0, 1.0])
        y = (w * windows).sum()
        x += 1
        with pytest.raises(InPlaceError, match=r"^mul: "):
            y.backward()

    def test_that_end_with_an_error_of_the_values_are_seen(self) -> None:
        x, w = Tensor([1.0, 2.0]), leaf([1.0, 1.0])
        y = (w * x).sum()
        with np.errstate(all="raise"), pytest.raises(FloatingPointError):
            x /= np.array([0.0, 1.0])
        with pytest.raises(InPlaceError, match=r"^mul: "):
            y.backward()

    @CHANGED
    def test_of_a_saved_output_are_refused(self, change: Any) -> None:
        x = leaf(np.ones(4))
        y = tj.exp(x)
        with tj.no_grad():
            change(y)
        with pytest.raises(InPlaceError, match=r"^exp: "):
            y.sum().backward()

    @CHANGED
    def test_of_a_saved_constant_are_refused(self, change: Any) -> None:
        c, w = Tensor(np.ones(4)), leaf(np.full(4, 2.0))
        y = c * w
        change(c)
        with pytest.raises(InPlaceError, match=r"^mul: "):
            y.sum().backward()

    @CHANGED
    def test_of_what_no_op_saved_are_fine(self, change: Any) -> None:
        x = leaf(np.ones(4))
        y = (x + 1.0) * 3.0
        with tj.no_grad():
            change(x)
            change(y)
        y.sum().backward()
        assert x.grad.tolist() == [3.0] * 4

    @CHANGED
    def test_before_recording_are_fine(self, change: Any) -> None:
        x, w = leaf(np.ones(4)), leaf(np.full(4, 2.0))
        with tj.no_grad():
            change(x)
        (x * w).sum().backward()
        np.testing.assert_array_equal(w.grad.numpy(), x.numpy())

    @CHANGED
    def test_after_backward_are_fine(self, change: Any) -> None:
        x, w = leaf(np.ones(4)), leaf(np.full(4, 2.0))
        for _ in range(2):
            w.zero_grad()
            (x * w).sum().backward()
            np.testing.assert_array_equal(w.grad.numpy(), x.numpy())
            with tj.no_grad():
                change(x)

    @CHANGED
    def test_of_one_array_do_not_accuse_another(self, change: Any) -> None:
        x, w, other = leaf(np.ones(4)), leaf(np.full(4, 2.0)), leaf(np.ones(4))
        y = x * w
        with tj.no_grad():
            change(other)
        y.sum().backward()
        assert x.grad.tolist() == [2.0] * 4

    def test_of_the_base_reach_a_view(self) -> None:
        x, w = leaf(np.ones(6)), leaf(np.full((2, 3), 2.0))
        y = x.reshape(2, 3) * w
        with tj.no_grad():
            x[5] = 7.0
        with pytest.raises(InPlaceError, match=r"shape \(2, 3\)"):
            y.sum().backward()

    def test_of_a_saved_index_are_refused(self) -> None:
        x, index = leaf([1.0, 2.0, 3.0]), Tensor([0, 1])
        y = x[index]
        index[0] = 2
        with pytest.raises(InPlaceError, match="getitem"):
            y.sum().backward()

    def test_of_one_of_many_inputs_are_refused(self) -> None:
        a, b = leaf(np.ones((2, 2))), leaf(np.ones((2, 2)))
        y = tj.einsum("ij,jk->ik", a, b)
        with tj.no_grad():
            b += 1.0
        with pytest.raises(InPlaceError):
            y.sum().backward()

    def test_only_the_paths_that_are_walked_matter(self) -> None:
        x, w = leaf(np.ones(4)), leaf(np.ones(4))
        h, k = x * x, w * w
        y = (h + k).sum()
        with tj.no_grad():
            x += 1.0
        assert tj.grad(y, w, retain_graph=True).tolist() == [2.0] * 4
        with pytest.raises(InPlaceError):
            tj.grad(y, x)

    def test_are_seen_by_create_graph_too(self) -> None:
        x = leaf(np.ones(4))
        first = tj.grad((x**3).sum(), x, create_graph=True)
        with tj.no_grad():
            x += 1.0
        with pytest.raises(InPlaceError):
            tj.grad(first.sum(), x)

    def test_memory_that_is_reused_by_the_allocator_is_not_accused(self) -> None:
        for _ in range(50):
            x = leaf(np.ones(BIG))
            with tj.no_grad():
                x += 1.0
            del x
            y = big()
            (y * y).sum().backward()
            np.testing.assert_array_equal(y.grad.numpy(), 2 * y.numpy())

    def test_a_training_loop_is_never_accused(self) -> None:
        rng = np.random.default_rng(0)
        x, t = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
        w, b = leaf(np.zeros((3, 1))), leaf(np.zeros(1))
        losses = []
        for step in range(50):
            d = x @ w + b - t
            loss = (d * d).mean()
            w.zero_grad()
            b.zero_grad()
            loss.backward()
            losses.append(loss.item())
            if step % 2:
                with tj.no_grad():
                    w -= 0.1 * w.grad
                    b -= 0.1 * b.grad
            else:
                w.data -= 0.1 * w.grad
                b.data = b.data - 0.1 * b.grad.data
        best = np.linalg.lstsq(np.hstack([x, np.ones((20, 1))]), t, rcond=None)[1][0] / 20
        assert losses[-1] == pytest.approx(best, rel=0.05)
        assert losses == sorted(losses, reverse=True)


def test_a_mode_can_be_used_again_and_nested() -> None:
    mode = tj.no_grad()
    x = Tensor(1.0, requires_grad=True)
    for _ in range(2):
        with mode, mode:
            assert not (x * 2).requires_grad
        assert (x * 2).requires_grad


# ---------------------------------------------------------------------------------------------- vjps at once


class TestTogether:
    """A row may compute several vjps at once; its separate vjps say what that must be."""

    @pytest.fixture
    def calls(self) -> list[Any]:
        return []

    @pytest.fixture
    def product_plus(self, calls: list[Any]) -> Any:
        def together(g: Any, wanted: Any, **known: Any) -> list[Any]:
            calls.append((tuple(wanted), set(known)))
            rules = {"x": lambda: g * known["y"], "y": lambda: g * known["x"], "z": lambda: g}
            return [rules[name]() for name in wanted]

        @op(vjp={"x": lambda g, y: g * y, "y": lambda g, x: g * x, "z": lambda g: g}, together=together)
        def product_plus(x: Any, y: Any, z: Any, /) -> Any:
            return x * y + z

        return product_plus

    @pytest.mark.parametrize("wanted", ["xyz", "xy", "xz", "yz"])
    def test_backward_calls_it_once_with_what_the_vjps_name(
        self, product_plus: Any, calls: list[Any], wanted: str
    ) -> None:
        x, y, z = (Tensor(v, requires_grad=name in wanted) for name, v in zip("xyz", (2.0, 3.0, 5.0), strict=True))
        product_plus(x, y, z).backward()
        expected = {"x": 3.0, "y": 2.0, "z": 1.0}
        assert {n: t.grad.item() for n, t in zip("xyz", (x, y, z), strict=True) if t.grad is not None} == {
            name: expected[name] for name in wanted
        }
        assert calls == [(tuple(wanted), {n for n, other in (("y", "x"), ("x", "y")) if other in wanted})]

    def test_one_gradient_too_few_is_refused(self) -> None:
        @op(vjp={"x": lambda g, y: g * y, "y": lambda g, x: g * x}, together=lambda g, wanted, x, y: [g * y])
        def product(x: Any, y: Any, /) -> Any:
            return x * y

        x, y = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
        with pytest.raises(CallError, match="product: together returned 1 gradients for x, y"):
            product(x, y).backward()

    def test_the_separate_ones_serve_everything_else(self, product_plus: Any, calls: list[Any]) -> None:
        x, y, z = (Tensor(v, requires_grad=True) for v in (2.0, 3.0, 5.0))
        assert tj.grad(product_plus(x, y, z), y).item() == 2.0
        product_plus(x, y.item(), z.item()).backward()
        product_plus(x, y, z).backward(create_graph=True)
        with tj.strict_zero():
            product_plus(x, y, z).backward()
        assert calls == []
        assert x.grad.item() == 9.0

    @settings(deadline=None, max_examples=30)
    @given(
        pool=st.integers(1, 2), relu=st.booleans(), channels=st.sampled_from([1, 3, 16]), fast=st.booleans(),
        seed=st.integers(0, 99),
    )  # fmt: skip
    def test_a_convolutional_layer_gives_the_same(
        self, pool: int, relu: bool, channels: int, fast: bool, seed: int
    ) -> None:
        if fast:
            pytest.importorskip("numba", reason="the extra [fast] is not installed")
        tj.use_fast(fast)
        rng = np.random.default_rng(seed)
        shapes = (3, channels, 8, 9), (16, channels, 3, 3), (16,)
        x, w, b = (Tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes)
        layer = tj.conv_layer(x, w, b, padding=1, relu=relu, pool=pool)
        g = rng.normal(size=layer.shape)
        separate = tj.grad(layer, [x, w, b], g, retain_graph=True)
        layer.backward(g)
        for found, expected in zip((x, w, b), separate, strict=True):
            np.testing.assert_allclose(found.grad.numpy(), expected.numpy(), rtol=1e-9, atol=1e-9)
        tj.use_fast(None)

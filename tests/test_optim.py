"""Optimizers against their formulas and against PyTorch; groups, state, clipping, schedulers; what users do wrong."""

from __future__ import annotations

import copy
import gc
import json
import math
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_jp import Tensor, optim, parallel, use_fast
from tinygrad_jp.errors import ArgumentError, DataError, DtypeError, InPlaceError, ShapeError
from tinygrad_jp.nn import Module, Parameter
from tinygrad_jp.optim import chunks
from tinygrad_jp.optim import optimizer as core

EXAMPLES = settings(deadline=None, max_examples=40)

Array = np.ndarray


def leaf(values: Any, dtype: Any = float) -> Tensor:
    return Tensor(np.array(values, dtype), requires_grad=True)


def give(p: Tensor, g: Any) -> None:
    p.grad = None if g is None else Tensor(np.asarray(g, p.dtype))


@contextmanager
def limits(chunk: int, small: int, parallel_from: int) -> Iterator[None]:
    """Cut and gather tiny parameters as if they were huge, and update them in two threads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK", chunk)
        patch.setattr(chunks, "SMALL", small)
        patch.setattr(core, "PARALLEL", parallel_from)
        patch.setattr(core, "CHUNK", chunk)
        patch.setattr(parallel, "threads", lambda: 2)
        yield


# ---------------------------------------------------------------------------------------------- the rules, in float64


def sgd(p: Array, g: Array, s: dict[str, Any], t: int, lr: float, momentum: float, nesterov: bool, **_: Any) -> Array:
    s["v"] = momentum * s.get("v", 0) + g
    return p - lr * (g + momentum * s["v"] if nesterov else s["v"])


def momentum(p: Array, g: Array, s: dict[str, Any], t: int, lr: float, momentum: float, **_: Any) -> Array:
    s["v"] = momentum * s.get("v", 0) - lr * g
    return p + s["v"]


def adagrad(p: Array, g: Array, s: dict[str, Any], t: int, lr: float, eps: float, **_: Any) -> Array:
    s["h"] = s.get("h", 0) + g * g
    return p - lr * g / (np.sqrt(s["h"]) + eps)


def rmsprop(p: Array, g: Array, s: dict[str, Any], t: int, lr: float, rho: float, eps: float, **_: Any) -> Array:
    s["h"] = rho * s.get("h", 0) + (1 - rho) * g * g
    return p - lr * g / (np.sqrt(s["h"]) + eps)


def adadelta(p: Array, g: Array, s: dict[str, Any], t: int, lr: float, rho: float, eps: float, **_: Any) -> Array:
    s["h"] = rho * s.get("h", 0) + (1 - rho) * g * g
    delta = np.sqrt(s.get("s", 0) + eps) / np.sqrt(s["h"] + eps) * g
    s["s"] = rho * s.get("s", 0) + (1 - rho) * delta**2
    return p - lr * delta


def adam(p: Array, g: Array, s: dict[str, Any], t: int, lr: float, beta1: float, beta2: float, **o: Any) -> Array:
    s["m"] = beta1 * s.get("m", 0) + (1 - beta1) * g
    s["v"] = beta2 * s.get("v", 0) + (1 - beta2) * g * g
    m, v = s["m"] / (1 - beta1**t), s["v"] / (1 - beta2**t)
    return p - lr * m / (np.sqrt(v + o["eps"]) if o["eps_inside"] else np.sqrt(v) + o["eps"])


Rule = Callable[..., Array]
RULES: dict[str, tuple[type[optim.Optimizer], Rule, dict[str, Any]]] = {
    "SGD": (optim.SGD, sgd, {"lr": 0.1}),
    "SGD momentum": (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.8}),
    "SGD nesterov": (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.8, "nesterov": True}),
    "SGD penalties": (optim.SGD, sgd, {"lr": 0.1, "weight_decay": 0.3, "l1": 0.2}),
    "Momentum": (optim.Momentum, momentum, {"lr": 0.1}),
    "Momentum l1": (optim.Momentum, momentum, {"lr": 0.1, "momentum": 0.5, "l1": 0.2}),
    "AdaGrad": (optim.AdaGrad, adagrad, {"lr": 0.1}),
    "AdaGrad decay": (optim.AdaGrad, adagrad, {"lr": 0.1, "eps": 0.5, "weight_decay": 0.3}),
    "RMSprop": (optim.RMSprop, rmsprop, {"lr": 0.05, "rho": 0.9}),
    "RMSprop eps": (optim.RMSprop, rmsprop, {"lr": 0.05, "eps": 0.5, "weight_decay": 0.3}),
    "AdaDelta": (optim.AdaDelta, adadelta, {"lr": 1.0}),
    "AdaDelta eps": (optim.AdaDelta, adadelta, {"lr": 0.5, "rho": 0.7, "eps": 0.1, "weight_decay": 0.3}),
    "Adam": (optim.Adam, adam, {"lr": 0.05}),
    "Adam eps": (optim.Adam, adam, {"lr": 0.05, "beta1": 0.5, "beta2": 0.8, "eps": 0.3, "weight_decay": 0.3}),
    "Adam eps inside": (optim.Adam, adam, {"lr": 0.05, "eps": 0.3, "eps_inside": True, "l1": 0.1}),
    "AdamW": (optim.AdamW, adam, {"lr": 0.05, "weight_decay": 0.4}),
    "AdamW eps inside": (optim.AdamW, adam, {"lr": 0.05, "eps": 0.2, "eps_inside": True}),
}


def expected(rule: Rule, decoupled: bool, p: Array, grads: list[Array | None], options: dict[str, Any]) -> Array:
    """Follow the rule in float64; an update counts only where there is a gradient."""
    p, state, t = p.astype(float), {}, 0
    for g in grads:
        if g is not None:
            t += 1
            g = g + options["l1"] * np.sign(p) + (0 if decoupled else options["weight_decay"] * p)
            p = p * (1 - options["lr"] * options["weight_decay"]) if decoupled else p
            p = rule(p, g, state, t, **options)
    return p


def laid_out(values: Array, layout: str) -> Array:
    """Return equal values in memory that is contiguous in C's or Fortran's order, strided, or turned round."""
    if layout == "F":
        return np.array(values, order="F")
    if layout == "strided" and values.ndim:
        wide = np.zeros((*values.shape[:-1], 2 * values.shape[-1]), values.dtype)
        wide[..., ::2] = values
        return wide[..., ::2]
    if layout == "reversed" and values.ndim:
        return values[::-1].copy()[::-1]
    return values.copy()


SHAPES = st.sampled_from([(), (0,), (1,), (3,), (2, 3), (17,), (4, 5), (3, 1, 2), (1, 23), (0, 2), (11, 2)])
LAYOUTS = st.sampled_from(["C", "F", "strided", "reversed"])
LIMITS = st.sampled_from([(65_536, 16_384, 200_000), (7, 3, 1), (5, 5, 1), (16, 16, 1), (4, 1, 1000), (40, 30, 1)])


@pytest.mark.parametrize("name", RULES)
@given(
    parameters=st.lists(st.tuples(SHAPES, LAYOUTS, LAYOUTS), min_size=1, max_size=5),
    dtypes=st.sampled_from([["float64"], ["float32"], ["float16"], ["float64", "float32", "float16"]]),
    given_grads=st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=4, max_size=4),
    cut=LIMITS,
    seed=st.integers(0, 10**6),
)
@EXAMPLES
def test_rules(
    name: str, parameters: list[Any], dtypes: list[str], given_grads: list[list[bool]], cut: Any, seed: int
) -> None:
    kind, rule, options = RULES[name]
    rng = np.random.default_rng(seed)
    starts = [rng.normal(size=shape).astype(dtypes[i % len(dtypes)]) for i, (shape, _, _) in enumerate(parameters)]
    memory = [laid_out(start, layout) for start, (_, layout, _) in zip(starts, parameters, strict=True)]
    params = [Tensor(array, requires_grad=True) for array in memory]
    history: list[list[Array | None]] = [[] for _ in params]
    with limits(*cut):
        optimizer = kind(params, **options)
        for present in given_grads:
            for i, p in enumerate(params):
                g = laid_out(rng.normal(size=p.shape).astype(p.dtype), parameters[i][2]) if present[i] else None
                p.grad = None if g is None else Tensor(g)
                history[i].append(None if g is None else g.copy())
            optimizer.step()
            for p, past in zip(params, history, strict=True):
                if p.grad is not None:
                    np.testing.assert_array_equal(p.grad.numpy(), past[-1])  # a step leaves gradients alone
    for p, array, start, past in zip(params, memory, starts, history, strict=True):
        assert p.data is array
        wanted = expected(rule, optimizer.decoupled, start, past, optimizer.param_groups[0])
        tolerance = {"float64": 1e-12, "float32": 1e-5, "float16": 1e-2}[str(p.dtype)]
        np.testing.assert_allclose(p.numpy(), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_large_parameters_are_cut_and_shared_out(name: str, order: Any) -> None:
    """Sizes beyond the real limits: 3 chunks and a bit, several small ones gathered, two threads."""
    kind, rule, options = RULES[name]
    rng = np.random.default_rng(1)
    shapes = [(3, 70_001), (100, 100), (50,), (20_000,), (90, 100)]
    starts = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    params = [Tensor(np.array(start, order=order), requires_grad=True) for start in starts]
    grads = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "threads", lambda: 2)
        optimizer = kind(params, **options)
        for _ in range(2):
            for p, g in zip(params, grads, strict=True):
                p.grad = Tensor(np.array(g, order=order))
            optimizer.step()
    for p, start, g in zip(params, starts, grads, strict=True):
        wanted = expected(rule, optimizer.decoupled, start, [g, g], optimizer.param_groups[0])
        np.testing.assert_allclose(p.numpy(), wanted, rtol=1e-5, atol=1e-5)


def test_a_float16_parameter_survives_gradients_whose_square_float16_cannot_hold() -> None:
    for g in (0.0, 1e-5, 1000.0):
        p = leaf([1.0], np.float16)
        give(p, [g])
        optim.Adam([p], lr=0.1).step()
        assert p.dtype == np.float16
        assert float(p[0]) == pytest.approx(1.0 if g == 0 else 0.9, rel=2e-3)


@pytest.mark.parametrize("name", ["sgd", "momentum", "adagrad", "rmsprop", "adadelta", "adam", "adamw"])
def test_every_optimizer_comes_down_the_valley_of_figure_6_8(name: str) -> None:
    """f(x, y) = x²/20 + y² (the book, equation 6.2) from (−7, 2)."""
    settings = {
        "sgd": {"lr": 0.9},
        "momentum": {"lr": 0.1},
        "adagrad": {"lr": 1.5},
        "rmsprop": {"lr": 0.05},
        "adadelta": {"lr": 1.0, "eps": 0.01},
        "adam": {"lr": 0.3},
        "adamw": {"lr": 0.3},
    }
    x, y = leaf(-7.0), leaf(2.0)
    optimizer = optim.by_name(name)([x, y], **settings[name])
    for _ in range(400):
        optimizer.zero_grad()
        (x**2 / 20 + y**2).backward()
        optimizer.step()
    assert abs(float(x)) < 0.05
    assert abs(float(y)) < 0.05


# ---------------------------------------------------------------------------------------------- PyTorch


TORCH: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}, "SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}, "SGD", {"momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}, "SGD", {"momentum": 0.9, "nesterov": True}),
    ("Momentum", {"lr": 0.1, "momentum": 0.7}, "SGD", {"momentum": 0.7}),
    ("Adam", {"lr": 0.1}, "Adam", {}),
    ("Adam", {"lr": 0.1, "beta1": 0.5, "beta2": 0.9, "eps": 0.1, "weight_decay": 0.2}, "Adam",
     {"betas": (0.5, 0.9), "eps": 0.1, "weight_decay": 0.2}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.2}, "AdamW", {"weight_decay": 0.2}),
    ("AdaGrad", {"lr": 0.1, "eps": 0.1}, "Adagrad", {"eps": 0.1}),
    ("RMSprop", {"lr": 0.1, "rho": 0.9, "eps": 0.1}, "RMSprop", {"alpha": 0.9, "eps": 0.1}),
    ("AdaDelta", {"lr": 0.1, "rho": 0.9, "eps": 1e-3, "weight_decay": 0.1}, "Adadelta",
     {"rho": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "ours", "theirs", "options"), TORCH)
def test_against_torch(name: str, ours: dict[str, Any], theirs: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    start = rng.normal(size=(4, 3))
    p, q = leaf(start), torch.tensor(start, requires_grad=True)
    optimizer = optim.by_name(name)([p], **ours)
    other = getattr(torch.optim, theirs)([q], **({"lr": ours["lr"]} | options))
    for _ in range(8):
        g = rng.normal(size=(4, 3))
        give(p, g)
        q.grad = torch.tensor(g)
        optimizer.step()
        other.step()
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-11, atol=1e-12)


# ---------------------------------------------------------------------------------------------- groups and parameters


def test_groups_have_options_of_their_own() -> None:
    a, b, c = leaf([1.0, 1.0]), leaf([1.0]), leaf([1.0])
    optimizer = optim.SGD(
        [{"params": [a], "lr": 1.0}, {"params": (p for p in [b]), "weight_decay": 0.5}, {"params": c}], lr=0.1
    )
    for p in (a, b, c):
        give(p, np.full(p.shape, 0.5))
    optimizer.step()
    np.testing.assert_allclose(a.numpy(), [0.5, 0.5])
    np.testing.assert_allclose(b.numpy(), [1 - 0.1 * (0.5 + 0.5)])
    np.testing.assert_allclose(c.numpy(), [0.95])
    assert [group["lr"] for group in optimizer.param_groups] == [1.0, 0.1, 0.1]


def test_bias_correction_counts_a_parameters_own_updates() -> None:
    a, b = leaf([1.0]), leaf([1.0])
    optimizer = optim.Adam([a, b], lr=0.1)
    for _ in range(3):
        give(a, [2.0])
        optimizer.step()
    np.testing.assert_array_equal(b.numpy(), [1.0])
    give(b, [2.0])
    optimizer.step()  # b's first: Adam's first step has length lr
    np.testing.assert_allclose(b.numpy(), [0.9], rtol=1e-6)
    assert optimizer.state_dict()["state"]["0.steps"].tolist() == [4, 1]


def test_nothing_moves_without_gradients() -> None:
    p = leaf([1.0, 2.0])
    optimizer = optim.AdamW([p], weight_decay=0.5)
    optimizer.step()
    np.testing.assert_array_equal(p.numpy(), [1.0, 2.0])
    assert optimizer.state_dict()["state"]["0.steps"].tolist() == [0]


def test_a_frozen_parameter_is_taken_but_stands_still_even_with_an_old_gradient() -> None:
    p = Parameter([1.0, 2.0])
    p.requires_grad = False
    optimizer = optim.SGD([p], lr=1.0, momentum=0.5)
    give(p, [1.0, 1.0])
    optimizer.step()
    np.testing.assert_array_equal(p.numpy(), [1.0, 2.0])
    p.requires_grad = True
    optimizer.step()
    np.testing.assert_array_equal(p.numpy(), [0.0, 1.0])


def test_zero_grad_forgets_all() -> None:
    a, b = leaf([1.0]), leaf([1.0])
    optimizer = optim.SGD([{"params": [a]}, {"params": [b]}])
    give(a, [1.0])
    give(b, [1.0])
    optimizer.zero_grad()
    assert a.grad is None
    assert b.grad is None


@pytest.mark.parametrize("shapes", [[(3,)], [(2,), (3,)], [(30_000,)]])
def test_a_step_between_forward_and_backward_is_detected(shapes: list[tuple[int, ...]]) -> None:
    params = [leaf(np.ones(shape)) for shape in shapes]
    loss = sum((p * p).sum() for p in params)
    for p in params:
        give(p, np.ones(p.shape))
    optim.SGD(params).step()
    with pytest.raises(InPlaceError):
        loss.backward()


def test_a_training_loop() -> None:
    x, t = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[1.0], [2.0], [3.0]])
    w, b = leaf(np.zeros((2, 1))), leaf([0.0])
    optimizer = optim.SGD([w, b], lr=0.3)
    for _ in range(300):
        optimizer.zero_grad()
        ((Tensor(x).dot(w) + b - t) ** 2).mean().backward()
        optimizer.step()
    np.testing.assert_allclose(w.numpy(), [[2.0], [1.0]], atol=1e-3)
    np.testing.assert_allclose(b.numpy(), [0.0], atol=1e-3)


# ---------------------------------------------------------------------------------------------- what users do


def test_options_may_change_between_steps() -> None:
    p = leaf([0.0])
    optimizer = optim.SGD([p], lr=1.0)
    for lr in (1.0, np.float64(0.5), 0):
        optimizer.param_groups[0]["lr"] = lr
        give(p, [1.0])
        optimizer.step()
    np.testing.assert_array_equal(p.numpy(), [-1.5])


def test_momentum_may_be_switched_on_later() -> None:
    p = leaf([0.0])
    optimizer = optim.SGD([p], lr=1.0)
    optimizer.param_groups[0]["momentum"] = 0.5
    for _ in range(2):
        give(p, [1.0])
        optimizer.step()
    np.testing.assert_array_equal(p.numpy(), [-2.5])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": -0.1}, "lr must be a number, finite and ≥ 0; got -0.1"),
        ({"lr": math.nan}, "lr must be a number"),
        ({"lr": "0.1"}, "lr must be a number"),
        ({"momentum": 1.0}, r"momentum must be a number, in \[0, 1\); got 1.0"),
        ({"weight_deacy": 0.1}, "unknown option 'weight_deacy'; did you mean 'weight_decay'"),
        ({"nesterov": 1}, "nesterov must be True or False"),
        ({"nesterov": True, "momentum": 0}, "nesterov=True needs a momentum"),
        ({"params": []}, "use add_param_group"),
    ],
)
def test_an_impossible_change_is_refused_before_anything_moves(change: dict[str, Any], message: str) -> None:
    a, b = leaf([0.0]), leaf([0.0])
    optimizer = optim.SGD([{"params": [a]}, {"params": [b]}], momentum=0.5)
    give(a, [1.0])
    give(b, [1.0])
    optimizer.param_groups[1].update(change)
    for _ in range(2):
        with pytest.raises(ArgumentError, match=message):
            optimizer.step()
    np.testing.assert_array_equal([a.numpy(), b.numpy()], [[0.0], [0.0]])


def test_a_missing_option_is_named() -> None:
    optimizer = optim.SGD([leaf([0.0])])
    del optimizer.param_groups[0]["lr"]
    with pytest.raises(ArgumentError, match="lacks the option 'lr'"):
        optimizer.step()


def test_parameters_cannot_be_slipped_in() -> None:
    optimizer = optim.SGD([leaf([0.0])])
    for members in (optimizer.param_groups, optimizer.param_groups[0]["params"]):
        with pytest.raises(AttributeError):
            members.append({"params": [leaf([0.0])]})  # type: ignore[attr-defined]


def test_a_group_added_later_starts_fresh_and_keeps_the_others_history() -> None:
    a, b = leaf([1.0]), leaf([1.0])
    optimizer = optim.Adam([a], lr=0.1)
    alone = leaf([1.0])
    other = optim.Adam([alone], lr=0.1)
    for step in range(4):
        if step == 2:
            optimizer.add_param_group({"params": [b], "lr": 0.2})
        for p in (a, b, alone):
            give(p, [step + 1.0])
        optimizer.step()
        other.step()
    np.testing.assert_array_equal(a.numpy(), alone.numpy())
    assert optimizer.state_dict()["state"]["1.steps"].tolist() == [2]
    with pytest.raises(ArgumentError, match="stands twice"):
        optimizer.add_param_group({"params": [b]})


def test_a_refused_group_leaves_no_trace() -> None:
    a, b = leaf([1.0]), leaf([1.0])
    optimizer = optim.SGD([a])
    with pytest.raises(ArgumentError):
        optimizer.add_param_group({"params": [b], "lr": -1})
    optimizer.add_param_group({"params": [b]})
    assert len(optimizer.param_groups) == 2
    a.requires_grad = False
    a.data = np.ones(4)
    with pytest.raises(ShapeError, match="make a new optimizer"):
        optimizer.add_param_group({"params": [leaf([1.0])]})
    assert len(optimizer.param_groups) == 2


@pytest.mark.parametrize("kind", [optim.SGD, optim.Momentum, optim.Adam])
def test_a_parameters_array_may_be_replaced(kind: type[optim.Optimizer]) -> None:
    """By one in another order of memory, as ``Module.load_state_dict`` may do."""
    values = np.arange(6.0).reshape(2, 3)
    p, q = leaf(values), leaf(values)
    first, second = kind([p]), kind([q])
    for step in range(3):
        q.data = np.array(q.data, order="CF"[step % 2])  # type: ignore[call-overload]
        for r, optimizer in ((p, first), (q, second)):
            give(r, values - step)
            optimizer.step()
    np.testing.assert_array_equal(p.numpy(), q.numpy())


@pytest.mark.parametrize(("before", "after"), [("float32", "float64"), ("float64", "float32"), ("float32", "float16")])
def test_the_dtype_may_change_after_the_optimizer_was_made(before: str, after: str) -> None:
    class Net(Module):
        def __init__(self) -> None:
            self.w = Parameter([1.0, 2.0], dtype=before)
            self.b = Parameter([3.0], dtype=before)

    net, same = Net(), Net().astype(after)
    optimizer, other = optim.Adam(net.parameters(), lr=0.1), optim.Adam(same.parameters(), lr=0.1)
    for step in range(4):
        for p in (*net.parameters(), *same.parameters()):
            give(p, np.full(p.shape, 1 / 3 + step))
        optimizer.step()
        other.step()
        if step == 0:
            net.astype(after)
    wide = after == "float64"
    assert all(
        v.dtype == (float if wide else np.float32) for k, v in optimizer.state_dict()["state"].items() if "s" not in k
    )
    for p, q in zip(net.parameters(), same.parameters(), strict=True):
        assert p.dtype == after
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=2e-3 if after == "float16" else 1e-6)


@pytest.mark.parametrize("way", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_a_copied_optimizer_continues_with_copied_parameters(way: Callable[[Any], Any]) -> None:
    params = [leaf([1.0, 2.0]), leaf([[3.0]], np.float32)]
    optimizer = optim.Adam(params, lr=0.1)

    def step(optimizer: optim.Optimizer, scale: float) -> None:
        for p in optimizer.param_groups[0]["params"]:
            give(p, np.full(p.shape, scale))
        optimizer.step()

    step(optimizer, 1.0)
    copied = way(optimizer)
    before = [p.numpy().copy() for p in params]
    step(copied, 3.0)
    for p, values in zip(params, before, strict=True):
        np.testing.assert_array_equal(p.numpy(), values)
    step(optimizer, 3.0)
    for p, q in zip(params, copied.param_groups[0]["params"], strict=True):
        assert q is not p
        np.testing.assert_array_equal(p.numpy(), q.numpy())
    first, second = optimizer.state_dict(), copied.state_dict()
    assert first["state"].keys() == second["state"].keys()
    for name, values in first["state"].items():
        np.testing.assert_array_equal(values, second["state"][name])
    with pytest.raises(ArgumentError, match="stands twice"):
        copied.add_param_group({"params": [copied.param_groups[0]["params"][0]]})


def test_a_model_and_its_optimizer_copied_together_stay_together() -> None:
    p = leaf([1.0])
    q, optimizer = copy.deepcopy((p, optim.SGD([p], lr=1.0)))
    give(q, [1.0])
    optimizer.step()
    assert float(q) == 0.0
    assert float(p) == 1.0


def test_optimizers_step_in_threads_of_their_own() -> None:
    starts = [np.random.default_rng(i).normal(size=(40, 40)) for i in range(4)]
    params = [leaf(start) for start in starts]

    def work(p: Tensor, optimizer: optim.Optimizer) -> None:
        for _ in range(20):
            give(p, p.numpy() * 2)
            optimizer.step()

    with limits(100, 100, 1):
        optimizers = [optim.Adam([p], lr=0.1) for p in params]
        threads = [threading.Thread(target=work, args=pair) for pair in zip(params, optimizers, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for p, start in zip(params, starts, strict=True):
        alone = leaf(start)
        work(alone, optim.Adam([alone], lr=0.1))
        np.testing.assert_array_equal(p.numpy(), alone.numpy())


@pytest.mark.parametrize("set_by_hand", [Tensor(np.ones((3, 2))), Tensor(1.0), np.ones((2, 3)), 1.0])
def test_a_gradient_that_does_not_fit_is_refused_before_anything_moves(set_by_hand: Any) -> None:
    a, b = leaf([1.0]), leaf(np.ones((2, 3)))
    optimizer = optim.Adam([{"params": [a]}, {"params": [b]}])
    give(a, [1.0])
    b.grad = set_by_hand
    with pytest.raises(ShapeError if isinstance(set_by_hand, Tensor) else DtypeError, match="step: the gradient of"):
        optimizer.step()
    assert float(a) == 1.0
    assert optimizer.state_dict()["state"]["0.steps"].tolist() == [0]


def test_a_read_only_parameter_is_refused_before_anything_moves() -> None:
    a, b = leaf([1.0]), leaf(np.ones(3))
    optimizer = optim.Adam([a, b])
    b.data = np.broadcast_to(1.0, (3,))
    give(a, [1.0])
    give(b, np.ones(3))
    with pytest.raises(ArgumentError, match=r"step: the tensor of shape \(3,\) holds a read-only array"):
        optimizer.step()
    assert float(a) == 1.0
    assert optimizer.state_dict()["state"]["0.steps"].tolist() == [0, 0]


def test_swapped_gradients_of_equal_total_size_are_refused() -> None:
    a, b = leaf(np.ones(2)), leaf(np.ones(3))
    a.grad, b.grad = Tensor(np.ones(3)), Tensor(np.ones(2))
    with pytest.raises(ShapeError, match=r"shape \(3,\), but the parameter has shape \(2,\)"):
        optim.SGD([a, b]).step()


def test_a_gradient_of_another_dtype_is_cast() -> None:
    for shapes in ([(2,)], [(2,), (1,)]):
        params = [leaf(np.zeros(shape), np.float32) for shape in shapes]
        for p in params:
            p.grad = Tensor(np.full(p.shape, 0.1))
        optim.SGD(params, lr=1.0).step()
        assert all(p.dtype == np.float32 for p in params)
        np.testing.assert_array_equal(params[0].numpy(), np.float32([-0.1, -0.1]))


def test_numpy_numbers_as_options_keep_float32_arithmetic_and_json() -> None:
    values = np.linspace(-1, 1, 7)
    p, q = leaf(values, np.float32), leaf(values, np.float32)
    first, second = optim.Adam([p], lr=0.5), optim.Adam([q], lr=np.float32(0.5), eps_inside=np.bool_(False))
    for r, optimizer in ((p, first), (q, second)):
        give(r, values * 3)
        optimizer.step()
    np.testing.assert_array_equal(p.numpy(), q.numpy())
    assert json.loads(json.dumps(second.state_dict()["groups"])) == first.state_dict()["groups"]


once = leaf([1.0])


@pytest.mark.parametrize(
    ("params", "options", "error", "message"),
    [
        ([], {}, ArgumentError, "no parameters"),
        ((p for p in ()), {}, ArgumentError, "no parameters .was a generator"),
        ([{"params": []}], {}, ArgumentError, "no parameters"),
        ([{"lr": 0.1}], {}, ArgumentError, "a group is a dict with 'params'"),
        ([{"params": [once]}, leaf([1.0])], {}, ArgumentError, "a group is a dict with 'params'"),
        (once, {}, ArgumentError, "got one Tensor"),
        ({"params": [once]}, {}, ArgumentError, "got one dict"),
        (Module(), {}, ArgumentError, r"net\.parameters\(\).*got one Module"),
        ([once, once], {}, ArgumentError, r"parameter 1 of shape \(1,\) stands twice"),
        ([{"params": [once]}, {"params": [once]}], {}, ArgumentError, "stands twice"),
        ([Tensor([1.0])], {}, DtypeError, "parameter 0 is no leaf"),
        ([once, once * 2], {}, DtypeError, "parameter 1 is no leaf"),
        ([np.ones(3)], {}, DtypeError, "parameter 0 is no leaf"),
        ([("w", once)], {}, DtypeError, "parameter 0 is no leaf"),
        ([Tensor(np.broadcast_to(1.0, (3,)), requires_grad=True)], {}, ArgumentError, "read-only"),
        ([once], {"lr": -0.1}, ArgumentError, "lr must be"),
        ([once], {"lr": math.inf}, ArgumentError, "lr must be"),
        ([once], {"lr": True}, ArgumentError, "lr must be"),
        ([once], {"lr": None}, ArgumentError, "lr must be"),
        ([once], {"momentum": 1.0}, ArgumentError, "momentum must be"),
        ([once], {"weight_decay": -1}, ArgumentError, "weight_decay must be"),
        ([once], {"l1": -1}, ArgumentError, "l1 must be"),
        ([once], {"nesterov": True}, ArgumentError, "needs a momentum above 0"),
        ([{"params": [once], "nesterov": True}], {}, ArgumentError, "needs a momentum above 0"),
        ([{"params": [once], "momentun": 0.5}], {}, ArgumentError, "'momentun'; did you mean 'momentum'"),
        ([{"params": [once], "betas": 0.5}], {}, ArgumentError, "'betas'; there are lr, momentum"),
    ],
)
def test_bad_arguments(params: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        optim.SGD(params, **options)


@pytest.mark.parametrize("option", [{"beta1": 1.0}, {"beta2": -0.1}, {"eps": -1e-8}, {"eps_inside": "no"}])
def test_bad_arguments_of_adam(option: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=f"Adam: {next(iter(option))} must be"):
        optim.Adam([once], **option)


def test_by_name() -> None:
    assert optim.by_name("AdamW") is optim.AdamW
    assert optim.by_name("sgd") is optim.SGD
    with pytest.raises(ArgumentError, match="no optimizer 'adm'; did you mean 'adam'"):
        optim.by_name("adm")
    with pytest.raises(ArgumentError, match="there are sgd, momentum, adagrad"):
        optim.by_name("quux")
    with pytest.raises(ArgumentError, match="no optimizer None"):
        optim.by_name(None)  # type: ignore[arg-type]


def test_repr_tells_the_options() -> None:
    assert (
        repr(optim.AdaGrad([leaf([1.0])], lr=0.5))
        == "AdaGrad(1 parameters: lr=0.5, eps=1e-07, weight_decay=0.0, l1=0.0)"
    )


# ---------------------------------------------------------------------------------------------- state


def run(optimizer: optim.Optimizer, steps: range) -> None:
    for step in steps:
        for group in optimizer.param_groups:
            for i, p in enumerate(group["params"]):
                rng = np.random.default_rng((step, i))
                give(p, rng.normal(size=p.shape) if rng.random() < 0.8 else None)
        optimizer.step()


@pytest.mark.parametrize("name", RULES)
def test_a_stored_state_continues_bit_for_bit(name: str) -> None:
    kind, _, options = RULES[name]

    def fresh(values: list[Array], **options: Any) -> tuple[list[Tensor], optim.Optimizer]:
        params = [Tensor(v.copy(), requires_grad=True) for v in values]
        return params, kind([{"params": params[:2], "weight_decay": 0.1}, {"params": params[2:]}], **options)

    rng = np.random.default_rng(0)
    start = [rng.normal(size=shape).astype(dtype) for shape, dtype in (((3, 2), "f4"), ((4,), "f8"), ((), "f4"))]
    through, optimizer = fresh(start, **options)
    run(optimizer, range(6))
    halfway, first = fresh(start, **options)
    run(first, range(3))
    stored = first.state_dict()
    groups = json.loads(json.dumps({k: v for k, v in stored.items() if k != "state"}))
    run(first, range(3, 5))  # what was stored must not follow
    halfway, first = fresh(start, **options)
    run(first, range(3))
    continued, second = fresh([p.numpy() for p in halfway], lr=0.9)  # the stored options count
    second.load_state_dict(groups | {"state": stored["state"]})
    run(second, range(3, 6))
    for p, q in zip(through, continued, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def assert_refused(optimizer: optim.Optimizer, state: Any, *messages: str) -> None:
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(DataError) as caught:
        optimizer.load_state_dict(state)
    for message in messages:
        assert message in str(caught.value)
    after = optimizer.state_dict()
    assert after["groups"] == before["groups"]
    for name, values in before["state"].items():
        np.testing.assert_array_equal(after["state"][name], values)


def stepped(kind: type[optim.Optimizer] = optim.Adam, shapes: Any = ((2, 3), (3,)), **options: Any) -> optim.Optimizer:
    optimizer = kind([leaf(np.ones(shape)) for shape in shapes], **options)
    run(optimizer, range(3))
    return optimizer


@pytest.mark.parametrize("other", [optim.AdamW, optim.SGD, optim.AdaGrad, optim.RMSprop])
def test_the_state_of_another_optimizer_is_refused(other: type[optim.Optimizer]) -> None:
    assert_refused(stepped(), stepped(other).state_dict(), f"kind: Adam here, {other.__name__} stored")


def test_the_state_of_other_parameters_is_refused_with_all_problems() -> None:
    assert_refused(
        stepped(),
        stepped(shapes=((3, 2), (3,), (1,))).state_dict(),
        "shape: 0.0.m has shape (2, 3) here, (3, 2) stored",
        "shape: 0.0.v has shape",
        "unknown: 0.2.m of shape (1,)",
        "shape: 0.steps has shape (2,) here, (3,) stored",
    )
    assert_refused(stepped(), stepped(shapes=((2, 3),)).state_dict(), "missing: 0.1.m of shape (3,)")
    two = optim.Adam([{"params": [leaf([1.0])]}, {"params": [leaf([1.0])]}])
    assert_refused(stepped(), two.state_dict(), "groups: 1 here, 2 stored")
    assert_refused(two, stepped().state_dict(), "groups: 2 here, 1 stored", "missing: 1.0.m")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["groups"][0].update(lr=-1.0), "group 0: Adam: lr must be a number"),
        (lambda s: s["groups"][0].update(lr="fast"), "group 0: Adam: lr must be a number"),
        (lambda s: s["groups"][0].update(rate=1.0), "unknown option 'rate'"),
        (lambda s: s["groups"][0].pop("eps"), "lacks the option 'eps'"),
        (lambda s: s["state"].update({"0.1.m": np.array(["a", "b", "c"])}), "values: 0.1.m must hold real numbers"),
        (lambda s: s["state"].update({"0.1.m": np.ones(3, complex)}), "values: 0.1.m must hold real numbers"),
        (lambda s: s["state"].update({"0.1.m": None}), "shape: 0.1.m has shape (3,) here, () stored"),
        (lambda s: s["state"].update({"0.steps": np.array([1.0, 2.0])}), "values: 0.steps must hold counts"),
        (lambda s: s["state"].update({"0.steps": np.array([1, -2])}), "values: 0.steps must hold counts"),
        (lambda s: s["state"].pop("0.steps"), "missing: 0.steps"),
        (lambda s: s.pop("kind"), "needs a dict as state_dict() returns it"),
        (lambda s: s.pop("groups"), "needs a dict as state_dict() returns it"),
        (lambda s: s.update(groups=3), "needs a dict as state_dict() returns it"),
        (lambda s: s.update(state=None), "needs a dict as state_dict() returns it"),
    ],
)
def test_a_damaged_state_is_refused(change: Callable[[Any], Any], message: str) -> None:
    state = stepped().state_dict()
    change(state)
    assert_refused(stepped(), state, message)


def test_what_is_no_state_is_refused() -> None:
    assert_refused(stepped(), None, "needs a dict")
    assert_refused(stepped(), [1], "needs a dict")


def test_a_state_passes_between_dtypes() -> None:
    state = stepped().state_dict()
    narrow = optim.Adam([leaf(np.ones((2, 3)), np.float32), leaf(np.ones(3), np.float64)])
    narrow.load_state_dict(state)
    for name, values in narrow.state_dict()["state"].items():
        np.testing.assert_allclose(values, state["state"][name], rtol=1e-6)


# ---------------------------------------------------------------------------------------------- clipping


@given(
    st.lists(st.tuples(SHAPES, st.sampled_from(["float16", "float32", "float64"])), min_size=1, max_size=4),
    st.floats(0.01, 20),
    st.integers(0, 10**6),
)
@EXAMPLES
def test_clip_grad_norm(parameters: list[Any], max_norm: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    params = [leaf(np.zeros(shape), dtype) for shape, dtype in parameters]
    for p in params:
        give(p, rng.normal(size=p.shape))
    params.append(leaf([1.0]))  # without a gradient
    grads = [p.grad.numpy() for p in params if p.grad is not None]
    before = [g.copy() for g in grads]
    norm = optim.clip_grad_norm((p for p in params), max_norm)
    assert norm == pytest.approx(math.sqrt(sum((g.astype(float) ** 2).sum() for g in before)), rel=1e-5)
    for g, old in zip(grads, before, strict=True):
        if norm <= max_norm:
            np.testing.assert_array_equal(g, old)
        else:
            rtol = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-12}[str(g.dtype)]
            np.testing.assert_allclose(g, old * (max_norm / norm), rtol=rtol, atol=1e-7)


def test_clip_grad_norm_is_exact_where_numbers_are() -> None:
    a, b = leaf([0.0]), leaf([0.0, 0.0])
    give(a, [3.0])
    give(b, [0.0, 4.0])
    assert optim.clip_grad_norm([a, b], 2.5) == 5.0
    assert a.grad is not None
    assert b.grad is not None
    np.testing.assert_array_equal(a.grad.numpy(), [1.5])
    np.testing.assert_array_equal(b.grad.numpy(), [0.0, 2.0])


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_clipping_by_a_norm_that_is_not_finite_changes_nothing(bad: float) -> None:
    a, b = leaf([0.0]), leaf([0.0])
    give(a, [30.0])
    give(b, [bad])
    norm = optim.clip_grad_norm([a, b], 1.0)
    assert not math.isfinite(norm)
    assert a.grad is not None
    assert float(a.grad) == 30.0


@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e25), ("float32", 1e-25), ("float16", 6e4)])
def test_exploded_gradients_are_clipped_although_their_squares_overflow(dtype: str, size: float) -> None:
    p = leaf(np.zeros(4), dtype)
    give(p, np.full(4, size))
    assert optim.clip_grad_norm(p, size / 4) == pytest.approx(2 * size, rel=1e-3)
    assert p.grad is not None
    np.testing.assert_allclose(p.grad.numpy(), np.full(4, size / 8), rtol=1e-3)


def test_a_small_factor_does_not_round_float16_gradients_to_nothing() -> None:
    p = leaf(np.zeros(4), np.float16)
    give(p, np.full(4, 6e4))
    optim.clip_grad_norm(p, 1e-3)  # times 8e-9, which float16 cannot hold
    assert p.grad is not None
    np.testing.assert_allclose(p.grad.numpy(), np.full(4, 5e-4), rtol=1e-3)


def test_clipping_works_on_what_backward_leaves() -> None:
    w = leaf(np.ones((2, 3)))
    (w.sum() * 4).backward()
    assert optim.clip_grad_norm([w], 1.0) == pytest.approx(4 * math.sqrt(6))
    assert w.grad is not None
    np.testing.assert_allclose(w.grad.numpy(), np.full((2, 3), 1 / math.sqrt(6)))


def test_clip_grad_value() -> None:
    a, b = leaf([0.0, 0.0, 0.0]), leaf([0.0])
    give(a, [-3.0, 0.5, 2.0])
    grad = a.grad
    optim.clip_grad_value([a, b], 1.5)
    assert a.grad is grad
    np.testing.assert_array_equal(a.grad.numpy(), [-1.5, 0.5, 1.5])  # type: ignore[union-attr]


@pytest.mark.parametrize("clip", [optim.clip_grad_norm, optim.clip_grad_value])
def test_clipping_refuses_nonsense(clip: Callable[..., Any]) -> None:
    for limit in (0.0, -1.0, math.nan):
        with pytest.raises(ArgumentError, match="must be positive"):
            clip([once], limit)
    with pytest.raises(ArgumentError, match="no parameters"):
        clip((p for p in ()), 1.0)
    with pytest.raises(DtypeError, match="needs Tensors with gradients, got tuple"):
        clip([("w", once)], 1.0)


def test_clipping_between_two_backward_passes_is_detected() -> None:
    x = leaf([2.0])
    (x**3).sum().backward(create_graph=True)
    assert x.grad is not None
    square = (x.grad * x.grad).sum()
    optim.clip_grad_norm([x], 1.0)
    with pytest.raises(InPlaceError):
        square.backward()


# ---------------------------------------------------------------------------------------------- schedulers


def two_groups(lr: float = 0.1) -> optim.Optimizer:
    return optim.SGD([{"params": [leaf([1.0])]}, {"params": [leaf([1.0])], "lr": 10 * lr}], lr=lr)


def rates(scheduler: optim.Scheduler, metrics: Any) -> list[float]:
    """Return the first group's learning rate from the start on; the second's is ten times that."""
    found = [scheduler.optimizer.param_groups[0]["lr"]]
    for metric in metrics:
        scheduler.step(metric)
        first, second = (group["lr"] for group in scheduler.optimizer.param_groups)
        assert second == pytest.approx(10 * first, rel=1e-12)
        found.append(first)
    return found


SCHEDULERS: list[tuple[Callable[[optim.Optimizer], optim.Scheduler], list[float] | int, list[float]]] = [
    (lambda o: optim.StepLR(o, 2), 5, [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]),
    (lambda o: optim.StepLR(o, 1, gamma=0.5), 3, [0.1, 0.05, 0.025, 0.0125]),
    (lambda o: optim.ExponentialLR(o, 0.5), 3, [0.1, 0.05, 0.025, 0.0125]),
    (lambda o: optim.CosineLR(o, 4), 6, [0.1, 0.0853553391, 0.05, 0.0146446609, 0.0, 0.0, 0.0]),
    (lambda o: optim.CosineLR(o, 5, warmup=3), 6, [0.025, 0.05, 0.075, 0.1, 0.05, 0.0, 0.0]),
    (lambda o: optim.CosineLR(o, 2, minimum=0.5), 3, [0.1, 0.075, 0.05, 0.05]),
    (lambda o: optim.ReduceLROnPlateau(o, 0.5, 1), [3, 2, 2, 2, 1, 1, 1, 1, 1],
     [0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.0125]),
    (lambda o: optim.ReduceLROnPlateau(o, 0.5, 0, "max", minimum=0.3), [1, 2, 2, 2, 2],
     [0.1, 0.1, 0.1, 0.05, 0.03, 0.03]),
    (lambda o: optim.ReduceLROnPlateau(o, 0.5, 0, threshold=0.5), [3, 2.6, 2.4], [0.1, 0.1, 0.05, 0.05]),
    (lambda o: optim.ReduceLROnPlateau(o, 0.5, 0), [math.nan, 2, math.nan, 1], [0.1, 0.05, 0.05, 0.025, 0.025]),
]  # fmt: skip


@pytest.mark.parametrize(("make", "metrics", "wanted"), SCHEDULERS)
def test_learning_rates(make: Any, metrics: Any, wanted: list[float]) -> None:
    given = [None] * metrics if isinstance(metrics, int) else metrics
    np.testing.assert_allclose(rates(make(two_groups()), given), wanted, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda o: optim.StepLR(o, 3, 0.7), lambda s, o: s.StepLR(o, 3, 0.7)),
        (lambda o: optim.ExponentialLR(o, 0.9), lambda s, o: s.ExponentialLR(o, 0.9)),
        (lambda o: optim.CosineLR(o, 12, minimum=0.1), lambda s, o: s.CosineAnnealingLR(o, 12, eta_min=0.01)),
        (
            lambda o: optim.ReduceLROnPlateau(o, 0.5, 2, threshold=0.01, minimum=0.1),
            lambda s, o: s.ReduceLROnPlateau(o, "min", 0.5, 2, 0.01, "abs", min_lr=0.01),
        ),
    ],
)
def test_schedulers_against_torch(ours: Any, theirs: Any) -> None:
    torch = pytest.importorskip("torch")
    other = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    schedule = theirs(torch.optim.lr_scheduler, other)
    metrics = np.random.default_rng(3).choice(5, 12) / 100
    plateau = isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau)
    wanted = [other.param_groups[0]["lr"]]
    for metric in metrics:
        other.step()
        schedule.step(*([float(metric)] if plateau else []))
        wanted.append(other.param_groups[0]["lr"])
    np.testing.assert_allclose(rates(ours(two_groups()), metrics), wanted, rtol=1e-10)


@pytest.mark.parametrize("make", [row[0] for row in SCHEDULERS])
def test_a_scheduler_continues_from_its_state(make: Any) -> None:
    metrics = [3.0, 3.0, 2.0, 2.0, 2.0, 1.0]
    wanted = rates(make(two_groups()), metrics)
    first = make(two_groups())
    rates(first, metrics[:3])
    state = json.loads(json.dumps(first.state_dict()))
    second = make(two_groups(lr=0.7))
    second.load_state_dict(state)
    assert rates(second, metrics[3:]) == wanted[3:]


def test_a_scheduler_and_its_optimizer_continue_together() -> None:
    first = two_groups()
    schedule = optim.StepLR(first, 1)
    schedule.step()
    for order in (1, -1):
        optimizer = two_groups(lr=0.5)
        other = optim.StepLR(optimizer, 1)
        for part, stored in [(optimizer, first), (other, schedule)][::order]:
            part.load_state_dict(stored.state_dict())  # type: ignore[attr-defined]
        assert rates(other, [None]) == pytest.approx([0.01, 0.001])


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (None, "needs a dict of step_size"),
        ({}, "needs a dict of step_size"),
        (optim.ExponentialLR(two_groups(), 0.5).state_dict(), "needs a dict of step_size"),
        (optim.StepLR(optim.SGD([once]), 1).state_dict(), r"base: \[0.1, 1.0\] here, \[0.01\] stored"),
        (optim.StepLR(two_groups(), 1).state_dict() | {"time": "3", "base": 1.0}, r"time: 0 here, '3' stored\n  base"),
    ],
)
def test_the_state_of_another_scheduler_is_refused(state: Any, message: str) -> None:
    scheduler = optim.StepLR(two_groups(), 1)
    before = scheduler.state_dict()
    with pytest.raises(DataError, match=message):
        scheduler.load_state_dict(state)
    assert scheduler.state_dict() == before


@pytest.mark.parametrize("make", [row[0] for row in SCHEDULERS])
def test_a_learning_rate_that_somebody_else_set_is_not_silently_lost(make: Any) -> None:
    optimizer = two_groups()
    scheduler = make(optimizer)
    scheduler.step(1.0)
    optimizer.param_groups[1]["lr"] = 0.123
    time = scheduler.time
    with pytest.raises(ArgumentError, match=r"had set the learning rates to \[.*0\.123"):
        scheduler.step(1.0)
    assert scheduler.time == time


def test_two_schedulers_and_added_groups_are_found() -> None:
    optimizer = two_groups()
    first, _ = optim.StepLR(optimizer, 1), optim.CosineLR(optimizer, 10, warmup=2)
    with pytest.raises(ArgumentError, match="leave them to one scheduler"):
        first.step()
    optimizer = two_groups()
    scheduler = optim.StepLR(optimizer, 1)
    optimizer.add_param_group({"params": [leaf([1.0])]})
    with pytest.raises(ArgumentError, match="has 3 groups now, but had 2"):
        scheduler.step()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: optim.StepLR(o, 0), "step_size must be at least 1"),
        (lambda o: optim.StepLR(o, 1, -0.1), "gamma must be at least 0"),
        (lambda o: optim.ExponentialLR(o, -1), "gamma must be at least 0"),
        (lambda o: optim.CosineLR(o, 0), "needs 0 ≤ warmup < total"),
        (lambda o: optim.CosineLR(o, 3, 3), "needs 0 ≤ warmup < total"),
        (lambda o: optim.CosineLR(o, 3, minimum=2), r"minimum must be in \[0, 1\]"),
        (lambda o: optim.ReduceLROnPlateau(o, 1.0), r"reduction must lie in \(0, 1\)"),
        (lambda o: optim.ReduceLROnPlateau(o, mode="lowest"), "mode must be 'min' or 'max', got 'lowest'"),
        (lambda o: optim.ReduceLROnPlateau(o, patience=-1), "patience must be at least 0"),
        (lambda o: optim.ReduceLROnPlateau(o, threshold=-1), "threshold must be at least 0"),
        (lambda o: optim.ReduceLROnPlateau(o, minimum=1.5), r"minimum must be in \[0, 1\]"),
        (lambda o: optim.ReduceLROnPlateau(o).step(), "needs the metric's value"),
    ],
)
def test_bad_schedules(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make(two_groups())


# ---------------------------------------------------------------------------------------------- threads


def test_share_out_deals_all_jobs_and_keeps_the_callers_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "threads", lambda: 2)
    seen: dict[int, Any] = {}
    helping = threading.Event()

    def work(worker: int, jobs: Any) -> None:
        seen[worker] = list(jobs), np.geterr()["over"], threading.get_ident()
        helping.set() if worker else helping.wait(10)

    with np.errstate(over="raise"):
        parallel.share_out(work, [1, 2, 3, 4, 5])
    assert seen[0][0] == [1, 3, 5]
    assert seen[1][0] == [2, 4]
    assert seen[0][2] != seen[1][2]
    assert seen[1][1] == "raise"


@pytest.mark.parametrize("failing", [0, 1])
def test_share_out_waits_for_all_and_hands_errors_on(monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    monkeypatch.setattr(parallel, "threads", lambda: 2)
    started, done = threading.Event(), []

    def work(worker: int, jobs: Any) -> None:
        if worker == failing:
            started.set()
            raise ZeroDivisionError
        started.wait(10)
        done.append(worker)

    with pytest.raises(ZeroDivisionError):
        parallel.share_out(work, [1, 2])
    assert done == [1 - failing]


def test_share_out_within_share_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits lends a hand: with one helper, both levels would wait for it."""
    monkeypatch.setattr(parallel, "threads", lambda: 2)
    seen: list[int] = []

    def inner(_: int, jobs: Any) -> None:
        seen.extend(jobs)

    def outer(_: int, jobs: Any) -> None:
        for i in jobs:
            parallel.share_out(inner, range(4 * i, 4 * i + 4))

    caller = threading.Thread(target=parallel.share_out, args=(outer, range(6)), daemon=True)
    caller.start()
    caller.join(30)
    assert sorted(seen) == [*range(24)]


def test_share_out_without_any_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(parallel, "threads", lambda: 3)
    monkeypatch.setattr(parallel, "_helpers", [])
    monkeypatch.setattr(parallel, "_tasks", SimpleQueue())
    monkeypatch.setattr(threading.Thread, "start", refused)
    for _ in range(2):
        seen: dict[int, list[int]] = {}
        parallel.share_out(lambda worker, jobs, seen=seen: seen.update({worker: list(jobs)}), range(6))
        assert seen == {0: [0, 3], 1: [1, 4], 2: [2, 5]}


def test_an_error_in_share_out_keeps_nothing_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "threads", lambda: 2)
    array = np.zeros(3)
    alive = weakref.ref(array)
    helping = threading.Event()

    def work(worker: int, jobs: Any, array: Array = array) -> None:
        if worker:
            helping.set()
            raise ZeroDivisionError(array.sum())
        helping.wait(10)

    gc.disable()
    try:
        with pytest.raises(ZeroDivisionError) as raised:
            parallel.share_out(work, [1, 2])
        del raised, work, array
        assert alive() is None
    finally:
        gc.enable()


FORKED = """
import os
from tinygrad_jp import parallel
parallel.threads = lambda: 2
seen = []
def work(worker, jobs):
    seen.extend(jobs)
parallel.share_out(work, [1, 2])
child = os.fork()
if not child:
    parallel.share_out(work, [3, 4])
    os._exit(0 if sorted(seen) == [1, 2, 3, 4] else 1)
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_share_out_has_threads_in_a_forked_process_too() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "0\n"


class Mixed:
    def update(self, p: Array, g: Array, *_: Any) -> None:
        p += g


@pytest.mark.parametrize("base", [optim.SGD, optim.Adam, optim.AdamW])
@pytest.mark.parametrize("how", ["subclass", "subclass of it", "mixin", "object", "class"])
def test_another_rule_is_used_although_the_inherited_one_has_a_compiled_kernel(
    base: Any, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = leaf([1.0, 2.0])
    if how == "class":
        monkeypatch.setattr(optim.SGD, "update", Mixed.update)
        monkeypatch.setattr(optim.Adam, "update", Mixed.update)
        optimizer = base([p])
    elif how == "object":
        optimizer = base([p])
        optimizer.update = Mixed().update
    else:
        own = type("Own", (base,), {"update": Mixed.update})
        kind = {"subclass": own, "subclass of it": type("Further", (own,), {}), "mixin": type("Own", (Mixed, base), {})}
        optimizer = kind[how]([p])
    give(p, [10.0, 20.0])
    optimizer.step()
    np.testing.assert_array_equal(p.numpy(), [11.0, 22.0])


def test_a_parameter_of_another_size_is_refused() -> None:
    p, q = leaf(np.ones(3)), leaf(np.ones(3))
    optimizer = optim.Adam([p, q])
    p.requires_grad = False
    p.data = np.ones(12)
    p.requires_grad = True
    give(p, np.ones(12))
    give(q, np.ones(3))
    with pytest.raises(ShapeError, match=r"step: .*shape \(12,\) now.*make a new optimizer"):
        optimizer.step()
    assert (q.numpy() == 1).all()


def test_long_doubles_are_left_to_numpy() -> None:
    p = leaf(np.ones(3), np.longdouble)
    give(p, np.ones(3))
    optim.SGD([p], lr=0.5).step()
    np.testing.assert_array_equal(p.numpy(), np.full(3, 0.5))


@pytest.fixture
def numpy_only() -> Iterator[None]:
    use_fast(False)
    yield
    use_fast(None)


@pytest.mark.usefixtures("numpy_only")
@pytest.mark.parametrize("kind", [optim.Adam, optim.RMSprop, lambda params: optim.SGD(params, momentum=0.5)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_state_does_not_shrink_to_numbers_that_slow_a_processor(kind: Any, dtype: str) -> None:
    p = leaf(np.ones(40), dtype)
    optimizer = kind([p])
    tiny = np.finfo(dtype).tiny
    state = [array for array in optimizer._stored().values() if array.dtype == dtype]
    for array in state:
        array[:20], array[20:] = tiny * np.linspace(0, 1, 20), tiny * 1e6
    for _ in range(core.FLUSHED_EVERY):
        give(p, np.zeros(40))
        optimizer.step()
    assert state
    for array in state:
        assert not array[:20].any()
        assert (array[20:] > tiny).all()

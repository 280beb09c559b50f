"""viz.cost: multiply-adds and memory of an operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_jp as tj
from tinygrad_jp import Tensor, keep_values, nn, primitives
from tinygrad_jp.tape import Node
from tinygrad_jp.viz.cost import Cost, cost
from tinygrad_jp.viz.record import reachable
from tinygrad_jp.viz.replay import replay
from tinygrad_jp.viz.watch import tensors


def variable(*shape: int, dtype: Any = np.float32) -> Tensor:
    return Tensor(np.random.default_rng(0).normal(size=shape).astype(dtype), requires_grad=True)


def nodes(y: Tensor) -> list[Node]:
    assert y._node is not None
    return reachable([y._node])


def multiply_adds(y: Tensor) -> int:
    return sum(cost(node).multiply_adds or 0 for node in nodes(y))


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (lambda: variable(2, 3) @ variable(3, 5), 2 * 3 * 5),
        (lambda: variable(7, 2, 3) @ variable(3, 5), 7 * 2 * 3 * 5),
        (lambda: variable(3) @ variable(3), 3),
        (lambda: tj.dot(variable(2, 3), 2.0), 0),
        (lambda: tj.affine(variable(4, 3), variable(3, 5), variable(5)), 4 * 3 * 5),
        (lambda: tj.einsum("ij,jk->ik", variable(2, 3), variable(3, 5)), 2 * 3 * 5),
        (lambda: tj.conv2d(variable(2, 3, 8, 8), variable(4, 3, 3, 3)), 2 * 4 * 6 * 6 * 27),
        (lambda: tj.conv2d(variable(2, 4, 8, 8), variable(6, 2, 3, 3), groups=2), 2 * 6 * 6 * 6 * 18),
        (lambda: tj.max_pool2d(variable(2, 3, 8, 8), 2), 0),
        (lambda: variable(5) + variable(5), 0),
        (lambda: tj.sigmoid(variable(5)), 0),
    ],
)
def test_multiply_adds_are_those_of_products(y: Callable[[], Tensor], expected: int) -> None:
    assert multiply_adds(y()) == expected


NETWORKS: list[tuple[Callable[[], nn.Module], tuple[int, ...]]] = [
    (nn.SimpleConvNet, (3, 1, 28, 28)),
    (lambda: nn.models.ResNet(18, (1, 8, 8), 3, width=0.05), (3, 1, 8, 8)),
    (lambda: nn.LSTM(5, 7), (3, 20, 5)),
    (lambda: nn.MultiHeadAttention(16, 4), (3, 6, 16)),
    (lambda: nn.ConvTranspose2d(2, 3, 4, stride=2), (1, 2, 5, 5)),
]


@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_the_sum_over_a_network_is_that_of_its_summary(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    net = make().eval()
    with keep_values():
        y = net(Tensor(np.zeros(shape, np.float32)))
        y = tj.concatenate([part.ravel() for part in tensors(y)])
    assert multiply_adds(y) == net.summary(shape).multiply_adds > 0
    assert multiply_adds(replay(y)[0]) == multiply_adds(y)
    y.sum().backward()
    assert multiply_adds(y) == net.summary(shape).multiply_adds  # from what was kept


def test_what_a_backward_pass_freed_is_not_known() -> None:
    y = tj.ops.conv_layer(variable(1, 1, 4, 4), variable(1, 1, 3, 3), variable(1), pool=2)
    z = tj.einsum("ij,jk->ik", variable(2, 3), variable(3, 5))
    assert [cost(nodes(t)[-1]).multiply_adds for t in (y, z)] == [36, 30]
    for t in (y, z):
        t.sum().backward()
        assert cost(nodes(t)[-1]).multiply_adds is None


def test_memory_is_the_result_and_what_is_kept_besides() -> None:
    x, mask = variable(10, 10), np.ones((10, 10), np.float32)
    root = tj.exp((x + 1.0) * mask)
    found = {node.plan.op.name: cost(node).bytes for node in nodes(root)}
    assert found == {"add": 400, "mul": 800, "exp": 400}  # the mask is nobody else's; exp saves its own result
    y = root.sum()
    y.backward()
    assert cost(nodes(y)[1]) == Cost(0, 400)


def test_memory_that_is_shared_counts_once() -> None:
    mask = np.ones((10, 10), np.float32)
    y = tj.einsum("ij,jk,kl->il", variable(10, 10), mask, mask.T)
    assert cost(nodes(y)[-1]).bytes == 800


def test_fused_and_opened_ops_keep_what_they_tell() -> None:
    x, w, b = variable(50, 20), variable(20, 30), variable(30)
    assert cost(nodes(tj.affine(x, w, b))[0]).bytes == 50 * 30 * 4
    with primitives():
        assert sum(cost(node).bytes for node in nodes(tj.affine(x, w, b))) == 2 * 50 * 30 * 4
    scores = variable(50, 10)
    t = np.zeros(50, int)
    assert cost(nodes(tj.softmax_cross_entropy(scores, t))[0]).bytes == 4 + 50 * 10 * 4 + t.nbytes  # y − t, and t

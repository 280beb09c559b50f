"""Every row that PyTorch has too: the same values, first and second derivatives, and choices at kinks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
F = torch.nn.functional

import tinygrad_jp as tj  # noqa: E402
from tinygrad_jp import Tensor, ops  # noqa: E402
from tinygrad_jp.ops import TABLE  # noqa: E402
from tinygrad_jp.ops.table import REAL, Interval  # noqa: E402
from tinygrad_jp.testing import spaced  # noqa: E402

Shape = tuple[int, ...]


@dataclass
class Pair:
    """One op in both libraries: shapes of the inputs, and the same call of each."""

    shapes: Sequence[Shape]
    ours: Callable[..., Any]
    theirs: Callable[..., Any]
    domain: Sequence[Sequence[Interval]] = field(default_factory=list)
    """Where the inputs lie; by default where the row says."""


UNARY: dict[str, Callable[..., Any]] = {
    "neg": torch.neg,
    "abs": torch.abs,
    "sign": torch.sign,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "log": torch.log,
    "log1p": torch.log1p,
    "log2": torch.log2,
    "log10": torch.log10,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "reciprocal": torch.reciprocal,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "arcsin": torch.arcsin,
    "arccos": torch.arccos,
    "arctan": torch.arctan,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "identity": torch.nn.Identity(),
    "softplus": F.softplus,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "erf": torch.erf,
    "silu": F.silu,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "trunc": torch.trunc,
    "round": torch.round,
    "ravel": torch.ravel,
}
BINARY: dict[str, Callable[..., Any]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "floor_divide": lambda x, y: torch.floor(x / y),  # torch.floor_divide has no derivative
    "mod": torch.remainder,
    "pow": torch.pow,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "arctan2": torch.arctan2,
    "logaddexp": torch.logaddexp,
}
BROADCAST: list[list[Shape]] = [[(), ()], [(3,), (3,)], [(2, 3), (3,)], [(2, 1), (1, 3)], [(), (2, 2)]]


def reduction(theirs: Callable[..., Any], **attrs: Any) -> Callable[[Any], Any]:
    """PyTorch's reductions take dim and keepdim."""
    return lambda x: theirs(x, dim=attrs.get("axis", tuple(range(x.ndim))), keepdim=attrs.get("keepdims", False))


def reductions(name: str, theirs: Callable[..., Any]) -> list[Pair]:
    row = TABLE[name]
    given = [{}, {"axis": 0}, {"axis": (0, 2)}, {"axis": -1, "keepdims": True}]
    return [Pair([(2, 3, 2)], lambda x, a=a: row(x, **a), reduction(theirs, **a)) for a in given]


LABELS = np.array([2, 0])
ROWS_OF_PROBABILITIES = np.array([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]])


def unfold(x: Any, size: tuple[int, int], stride: int, pad: int) -> Any:
    """PyTorch's columns, one row a window."""
    columns = F.unfold(x, size, stride=stride, padding=pad)
    return columns.transpose(1, 2).reshape(-1, columns.shape[1])


def fold(col: Any, shape: Shape, size: tuple[int, int], stride: int, pad: int) -> Any:
    columns = col.reshape(shape[0], -1, col.shape[1]).transpose(1, 2)
    return F.fold(columns, shape[2:], size, stride=stride, padding=pad)


def both_reductions(name: str, theirs: Callable[..., Any], **options: Any) -> list[Pair]:
    """A loss of prediction and target, with gradients for both."""
    row = TABLE[name]
    return [
        Pair([(2, 3), (2, 3)], lambda x, t, a=a: row(x, t, **a, **options), lambda x, t, a=a: theirs(x, t, **a))
        for a in ({"reduction": "mean"}, {"reduction": "sum"}, {"reduction": "none"})
    ]


def of_targets(name: str, theirs: Callable[..., Any], t: np.ndarray, **options: Any) -> list[Pair]:
    """A loss whose targets are constant."""
    return [
        Pair(
            [(2, 3)],
            lambda x, a=a: TABLE[name](x, t, **a, **options),
            lambda x, a=a: theirs(x, torch.tensor(t), **a),
        )
        for a in ({"reduction": "mean"}, {"reduction": "sum"}, {"reduction": "none"})
    ]


def reduced(losses: Callable[..., Any]) -> Callable[..., Any]:
    """A loss that PyTorch does not have, out of its functions."""
    finish = {"mean": torch.mean, "sum": torch.sum, "none": lambda x: x}
    return lambda x, t, reduction="mean", **options: finish[reduction](losses(x, t, **options))


def pinball(x: Any, t: Any, quantile: float = 0.9) -> Any:
    return torch.maximum((1 - quantile) * (x - t), -quantile * (x - t))


def insensitive(x: Any, t: Any, epsilon: float = 0.5) -> Any:
    return torch.relu(torch.abs(x - t) - epsilon)


CONVOLUTIONS: list[tuple[Shape, Shape, dict[str, Any]]] = [
    ((2, 3, 5, 4), (4, 3, 3, 2), {}),
    ((2, 3, 6, 4), (4, 3, 3, 2), {"stride": (2, 3), "padding": (1, 2)}),
    ((1, 4, 7, 5), (6, 2, 2, 3), {"dilation": (2, 1), "groups": 2, "padding": 1}),
    ((2, 3, 5, 4), (4, 3, 5, 3), {"padding": "same"}),
    ((2, 3, 5, 7), (3, 1, 3, 3), {"padding": "same", "dilation": 2, "groups": 3}),
    ((2, 3, 4, 5), (2, 3, 1, 1), {}),
    ((2, 5, 4, 3), (3, 5, 1, 1), {"stride": 2}),
]
"""Shapes of images and filters, and the arguments, which are the same in PyTorch."""


def output_gradient(x: Shape, w: Shape, **attrs: Any) -> Shape:
    return tj.conv2d(np.zeros(x), np.zeros(w), **attrs).shape


POOLS: list[tuple[Shape, Any, dict[str, Any]]] = [
    ((2, 2, 4, 6), 2, {}),
    ((2, 1, 7, 5), (3, 2), {}),
    ((1, 2, 7, 5), (3, 2), {"stride": (2, 1), "padding": (1, 1)}),
    ((2, 2, 5, 6), (2, 3), {"stride": (3, 2), "padding": (1, 0)}),
    ((1, 1, 4, 5), (2, 1), {"stride": 3}),
]
"""Shapes of images, sizes of windows, and further arguments, which are the same in PyTorch."""
POOL_IDS = list(range(len(POOLS)))
WINNERS = [
    ops.argmax_pool2d.forward(np.random.default_rng(i).normal(size=shape), size, **attrs)
    for i, (shape, size, attrs) in enumerate(POOLS)
]


def pools(name: str, theirs: Callable[..., Any], **options: Any) -> list[Pair]:
    """A pooling of images."""
    row = TABLE[name]
    return [
        Pair([s], lambda x, k=k, a=a: row(x, k, **a, **options), lambda x, k=k, a=a: theirs(x, k, **a, **options))
        for s, k, a in POOLS
    ]


def positions(i: int) -> Any:
    """PyTorch's indices of the winners: positions in the flattened image."""
    shape = POOLS[i][0]
    size, stride, padding = (np.broadcast_to(v, 2) for v in arguments(i))
    out_h, out_w = WINNERS[i].shape[2:]
    rows = np.arange(out_h)[:, None] * stride[0] - padding[0] + WINNERS[i] // size[1]
    columns = np.arange(out_w) * stride[1] - padding[1] + WINNERS[i] % size[1]
    return torch.tensor(rows * shape[3] + columns).flatten(2)


def arguments(i: int) -> tuple[Any, Any, Any]:
    _, size, attrs = POOLS[i]
    return size, attrs.get("stride", size), attrs.get("padding", 0)


def unpooled(x: Any, i: int) -> Any:
    n, c, h, w = POOLS[i][0]
    return torch.zeros(n, c, h * w, dtype=x.dtype).scatter_add(2, positions(i), x.flatten(2)).reshape(n, c, h, w)


def sum_unpooled(x: Any, i: int) -> Any:
    """The transposed convolution with ones, each channel on its own, filled up with zeros."""
    _, c, h, w = POOLS[i][0]
    size, stride, padding = (tuple(np.broadcast_to(v, 2).tolist()) for v in arguments(i))
    whole = F.conv_transpose2d(x, torch.ones(c, 1, *size, dtype=x.dtype), stride=stride, groups=c)
    filled = F.pad(whole, (0, w + 2 * padding[1] - whole.shape[3], 0, h + 2 * padding[0] - whole.shape[2]))
    return filled[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + w]


ENLARGED: list[dict[str, Any]] = [
    *({"size": size} for size in ((6, 8), (3, 4), (7, 3), (1, 1))),
    *({"scale_factor": factor} for factor in (2, (1.5, 2.7), (0.6, 3.0))),
]


def enlarged(size: Any = None, scale_factor: Any = None, **options: Any) -> Pair:
    attrs = {"size": size, "scale_factor": scale_factor, **options}
    return Pair([(2, 2, 3, 4)], lambda x: tj.upsample(x, **attrs), lambda x: F.interpolate(x, **attrs))


SIGNS = np.array([[-1.0, 1.0, 1.0], [1.0, -1.0, -1.0]])
BITS = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.25]])


PAIRS: dict[str, list[Pair]] = {
    **{name: [Pair([s], TABLE[name], f) for s in ((), (2, 3))] for name, f in UNARY.items()},
    **{name: [Pair(s, TABLE[name], f) for s in BROADCAST] for name, f in BINARY.items()},
    "divmod": [
        Pair(
            [(2, 3), (3,)],
            lambda x, y: tj.stack(tj.divmod(x, y)),
            lambda x, y: torch.stack([torch.floor(x / y), torch.remainder(x, y)]),
            [TABLE["mod"].domain["x"], TABLE["mod"].domain["y"]],
        )
    ],
    "where": [
        Pair(
            [(2, 3), (3,)],
            lambda x, y: tj.where(np.array([[True], [False]]), x, y),
            lambda x, y: torch.where(torch.tensor([[True], [False]]), x, y),
            [REAL, REAL],
        )
    ],
    "clip": [
        Pair([(2, 3)], lambda x: tj.clip(x, -1, 1), lambda x: torch.clamp(x, -1, 1)),
        Pair([(2, 3)], lambda x: tj.clip(x, a_min=0.9), lambda x: torch.clamp(x, min=0.9)),
    ],
    "astype": [Pair([(3,)], lambda x: x.astype(np.float64) * 2, lambda x: x.to(torch.float64) * 2)],
    "sum": reductions("sum", torch.sum),
    "mean": reductions("mean", torch.mean),
    "max": reductions("max", torch.amax),
    "min": reductions("min", torch.amin),
    "logsumexp": reductions("logsumexp", torch.logsumexp),
    "norm": [
        *reductions("norm", torch.linalg.vector_norm),
        *(
            Pair(
                [(2, 3)],
                lambda x, p=p: tj.norm(x, axis=1, ord=p),
                lambda x, p=p: torch.linalg.vector_norm(x, p, dim=1),
            )
            for p in (1, 2.5, 3, np.inf)
        ),
    ],
    "var": [
        Pair([(3, 4)], lambda x, d=d: tj.var(x, axis=1, ddof=d), lambda x, d=d: torch.var(x, dim=1, correction=d))
        for d in (0, 1)
    ],
    "std": [
        Pair([(3, 4)], lambda x, d=d: tj.std(x, axis=0, ddof=d), lambda x, d=d: torch.std(x, dim=0, correction=d))
        for d in (0, 1)
    ],
    "prod": [
        Pair([(2, 3)], tj.prod, torch.prod),
        Pair([(2, 3)], lambda x: tj.prod(x, axis=1), lambda x: torch.prod(x, dim=1)),
    ],
    "cumsum": [
        Pair([(2, 3)], lambda x: tj.cumsum(x, axis=1), lambda x: torch.cumsum(x, 1)),
        Pair([(2, 3)], tj.cumsum, lambda x: torch.cumsum(x.ravel(), 0)),
    ],
    "softmax": [Pair([(2, 3)], lambda x, a=a: tj.softmax(x, a), lambda x, a=a: torch.softmax(x, a)) for a in (-1, 0)],
    "log_softmax": [
        Pair([(2, 3)], lambda x, a=a: tj.log_softmax(x, a), lambda x, a=a: torch.log_softmax(x, a)) for a in (-1, 0)
    ],
    "softmax_cross_entropy": [
        Pair(
            [(2, 3)],
            lambda x: tj.softmax_cross_entropy(x, LABELS),
            lambda x: F.cross_entropy(x, torch.tensor(LABELS)),
        ),
        Pair(
            [(2, 3)],
            lambda x: tj.softmax_cross_entropy(x, ROWS_OF_PROBABILITIES),
            lambda x: F.cross_entropy(x, torch.tensor(ROWS_OF_PROBABILITIES)),
        ),
        Pair([(3,)], lambda x: tj.softmax_cross_entropy(x, 1), lambda x: F.cross_entropy(x, torch.tensor(1))),
    ],
    "gelu": [
        Pair([(2, 3)], lambda x, a=a: tj.gelu(x, approximate=a), lambda x, a=a: F.gelu(x, approximate=a))
        for a in ("none", "tanh")
    ],
    "prelu": [
        Pair([(2, 3), (1,)], tj.prelu, F.prelu),
        Pair([(2, 3), (3,)], tj.prelu, F.prelu),
        Pair([(2, 3, 2), (3,)], lambda x, w: tj.prelu(x, w.reshape(3, 1)), F.prelu),
    ],
    "sum_squared_error": both_reductions("sum_squared_error", reduced(lambda x, t: 0.5 * ((x - t) ** 2).sum(1))),
    "mean_squared_error": both_reductions("mean_squared_error", F.mse_loss),
    "mean_absolute_error": both_reductions("mean_absolute_error", F.l1_loss),
    "huber_loss": both_reductions("huber_loss", F.huber_loss)
    + both_reductions("huber_loss", lambda x, t, reduction: F.huber_loss(x, t, reduction, 10.0), delta=10.0),
    "smooth_l1_loss": both_reductions("smooth_l1_loss", F.smooth_l1_loss)
    + both_reductions(
        "smooth_l1_loss", lambda x, t, reduction: F.smooth_l1_loss(x, t, None, None, reduction, 7), beta=7
    ),
    "quantile_loss": both_reductions("quantile_loss", reduced(pinball), quantile=0.9),
    "epsilon_insensitive_loss": both_reductions("epsilon_insensitive_loss", reduced(insensitive), epsilon=0.5),
    "cross_entropy": of_targets("cross_entropy", F.cross_entropy, LABELS)
    + of_targets("cross_entropy", F.cross_entropy, ROWS_OF_PROBABILITIES),
    "cross_entropy_error": of_targets(
        "cross_entropy_error", lambda x, t, reduction: F.nll_loss(torch.log(x), t, reduction=reduction), LABELS, eps=0.0
    ),
    "nll_loss": of_targets("nll_loss", F.nll_loss, LABELS),
    "binary_cross_entropy": of_targets("binary_cross_entropy", F.binary_cross_entropy, BITS, eps=0.0),
    "binary_cross_entropy_with_logits": of_targets(
        "binary_cross_entropy_with_logits", F.binary_cross_entropy_with_logits, BITS
    ),
    "logistic_loss": of_targets("logistic_loss", F.soft_margin_loss, SIGNS),
    "exponential_loss": of_targets("exponential_loss", reduced(lambda x, t: torch.exp(-t * x)), SIGNS),
    "hinge_loss": of_targets("hinge_loss", reduced(lambda x, t: torch.relu(1 - t * x)), SIGNS),
    "batch_norm": [
        Pair(
            [shape, shape[1:2], shape[1:2]],
            lambda x, w, b, r=relu: tj.batch_norm(x, w, b, relu=r),
            lambda x, w, b, r=relu: (F.relu if r else torch.clone)(F.batch_norm(x, None, None, w, b, training=True)),
        )
        for shape in ((6, 3), (2, 3, 4, 5))
        for relu in (False, True)
    ],
    "standardize": [
        Pair([(4, 3)], tj.standardize, lambda x: F.layer_norm(x, (3,))),
        Pair([(2, 3, 4)], lambda x: tj.standardize(x, (1, 2), 0.1), lambda x: F.layer_norm(x, (3, 4), eps=0.1)),
        Pair([(4, 3)], lambda x: tj.standardize(x, 0), lambda x: F.batch_norm(x, None, None, training=True)),
    ],
    "reshape": [Pair([(2, 3)], lambda x: x.reshape(3, -1), lambda x: x.reshape(3, -1))],
    "transpose": [
        Pair([(2, 3, 4)], lambda x: x.transpose(2, 0, 1), lambda x: x.permute(2, 0, 1)),
        Pair([(2, 3)], lambda x: x.T, lambda x: x.T),
    ],
    "swapaxes": [Pair([(2, 3, 4)], lambda x: x.swapaxes(0, 2), lambda x: x.swapaxes(0, 2))],
    "moveaxis": [Pair([(2, 3, 4)], lambda x: tj.moveaxis(x, 0, -1), lambda x: torch.moveaxis(x, 0, -1))],
    "expand_dims": [Pair([(2, 3)], lambda x: x.expand_dims(1), lambda x: x.unsqueeze(1))],
    "squeeze": [Pair([(1, 3, 1)], lambda x: x.squeeze(), lambda x: x.squeeze())],
    "broadcast_to": [Pair([(1, 3)], lambda x: x.broadcast_to((2, 4, 3)), lambda x: x.broadcast_to((2, 4, 3)))],
    "concatenate": [
        Pair([(2, 3), (2, 1)], lambda x, y: tj.concatenate([x, y, x], 1), lambda x, y: torch.concatenate([x, y, x], 1))
    ],
    "vstack": [Pair([(3,), (2, 3)], lambda x, y: tj.vstack([x, y]), lambda x, y: torch.vstack([x, y]))],
    "hstack": [Pair([(2, 3), (2, 1)], lambda x, y: tj.hstack([x, y]), lambda x, y: torch.hstack([x, y]))],
    "stack": [Pair([(2, 3), (2, 3)], lambda x, y: tj.stack([x, y], -1), lambda x, y: torch.stack([x, y], -1))],
    "split": [
        Pair(
            [(5, 2)],
            lambda x: tj.concatenate(tj.split(x, [1, 3])[::-1]),
            lambda x: torch.concatenate(torch.tensor_split(x, [1, 3])[::-1]),
        )
    ],
    "pad": [
        Pair(
            [(2, 3)],
            lambda x: tj.pad(x, ((1, 0), (2, 1)), constant_values=1.5),
            lambda x: F.pad(x, (2, 1, 1, 0), value=1.5),
        ),
        Pair(
            [(1, 3, 4)],
            lambda x: tj.pad(x, ((0, 0), (2, 1), (1, 2)), "reflect"),
            lambda x: F.pad(x, (1, 2, 2, 1), "reflect"),
        ),
        Pair(
            [(1, 3, 4)],
            lambda x: tj.pad(x, ((0, 0), (2, 1), (1, 2)), "edge"),
            lambda x: F.pad(x, (1, 2, 2, 1), "replicate"),
        ),
        Pair(
            [(1, 3, 4)],
            lambda x: tj.pad(x, ((0, 0), (2, 1), (1, 2)), "wrap"),
            lambda x: F.pad(x, (1, 2, 2, 1), "circular"),
        ),
    ],
    "flip": [Pair([(2, 3)], lambda x: tj.flip(x, (0, 1)), lambda x: torch.flip(x, (0, 1)))],
    "roll": [
        Pair([(2, 3)], lambda x: tj.roll(x, 4), lambda x: torch.roll(x, 4)),
        Pair([(2, 3)], lambda x: tj.roll(x, (1, -2), (0, 1)), lambda x: torch.roll(x, (1, -2), (0, 1))),
    ],
    "tile": [Pair([(2, 3)], lambda x: tj.tile(x, (2, 1, 2)), lambda x: torch.tile(x, (2, 1, 2)))],
    "repeat": [
        Pair(
            [(2, 3)],
            lambda x: x.repeat([2, 0, 1], axis=1),
            lambda x: torch.repeat_interleave(x, torch.tensor([2, 0, 1]), dim=1),
        )
    ],
    "take": [
        Pair([(2, 3)], lambda x: x.take([5, 0, 0]), lambda x: torch.take(x, torch.tensor([5, 0, 0]))),
        Pair([(2, 3)], lambda x: x.take([2, 2], 1), lambda x: torch.index_select(x, 1, torch.tensor([2, 2]))),
    ],
    "getitem": [
        Pair([(3, 4)], lambda x, i=i: x[i], lambda x, i=i: x[i])
        for i in ((1,), (slice(None), slice(1, 3)), ([0, 0, 2], [1, 1, 3]), (None, Ellipsis, 0))
    ],
    "scatter_add": [
        Pair(
            [(3,)],
            lambda x: ops.scatter_add(x, np.array([1, 1, 0]), (4,)),
            lambda x: torch.zeros(4, dtype=x.dtype).index_add(0, torch.tensor([1, 1, 0]), x),
        )
    ],
    "dot": [Pair([(3,), (3,)], tj.dot, torch.dot), Pair([(2, 3), (3, 4)], tj.dot, torch.mm)],
    "matmul": [
        Pair(list(s), tj.matmul, torch.matmul)
        for s in (
            ((2, 3), (3, 4)),
            ((3,), (3,)),
            ((3,), (3, 2)),
            ((2, 3), (3,)),
            ((2, 2, 3), (3, 4)),
            ((2, 1, 2, 3), (3, 3, 1)),
        )
    ],
    "affine": [
        Pair([shape, (3, 4), (4,)], tj.affine, lambda x, w, b: F.linear(x, w.T, b)) for shape in ((2, 3), (5, 2, 3))
    ],
    "affine_relu": [
        Pair([shape, (3, 4), (4,)], tj.affine_relu, lambda x, w, b: F.relu(F.linear(x, w.T, b)))
        for shape in ((2, 3), (5, 2, 3), (3,))
    ],
    "outer": [Pair([(2,), (3,)], tj.outer, torch.outer)],
    "einsum": [
        Pair(list(s), lambda *xs, e=e: tj.einsum(e, *xs), lambda *xs, e=e: torch.einsum(e, *xs))
        for e, *s in (
            ("ij,jk->ik", (2, 3), (3, 2)),
            ("ii->i", (3, 3)),
            ("bij,bkj->bik", (2, 2, 3), (2, 4, 3)),
            ("...i,...i", (2, 3), (2, 3)),
            ("i,j,k->k", (2,), (3,), (2,)),
        )
    ],
    "im2col": [
        Pair([(2, 2, 5, 4)], lambda x, a=a: tj.im2col(x, 3, 2, *a), lambda x, a=a: unfold(x, (3, 2), *a))
        for a in ((1, 0), (2, 1), (3, 2))
    ],
    "conv2d": [
        Pair([x, w], lambda x, w, a=a: tj.conv2d(x, w, **a), lambda x, w, a=a: F.conv2d(x, w, **a))
        for x, w, a in CONVOLUTIONS
    ],
    "conv_layer": [
        Pair(
            [x, w, (w[0],)],
            lambda x, w, b, a=a, r=relu, p=pool: tj.conv_layer(x, w, b, relu=r, pool=p, **a),
            lambda x, w, b, a=a, r=relu, p=pool: F.max_pool2d(
                (F.relu if r else torch.clone)(F.conv2d(x, w, b, **a)), p
            ),
        )
        for x, w, a in CONVOLUTIONS
        for relu in (False, True)
        for pool in (1, 2)
        if min(output_gradient(x, w, **a)[2:]) >= pool
    ],
    "conv2d_input_gradient": [
        Pair(
            [output_gradient(x, w, **a), w],
            lambda y, w, x=x, a=a: tj.conv2d_input_gradient(y, w, x, **a),
            lambda y, w, x=x, a=a: torch.nn.grad.conv2d_input(x, w, y, **a),
        )
        for x, w, a in CONVOLUTIONS
        if a.get("padding") != "same"
    ],
    "conv2d_weight_gradient": [
        Pair(
            [output_gradient(x, w, **a), x],
            lambda y, x, w=w, a=a: tj.conv2d_weight_gradient(y, x, w, **a),
            lambda y, x, w=w, a=a: torch.nn.grad.conv2d_weight(x, w, y, **a),
        )
        for x, w, a in CONVOLUTIONS
        if a.get("padding") != "same"
    ],
    "conv1d": [
        Pair([(2, 4, 7), (6, 2, 3)], lambda x, w, a=a: tj.conv1d(x, w, **a), lambda x, w, a=a: F.conv1d(x, w, **a))
        for a in ({"groups": 2, "stride": 2, "padding": 1, "dilation": 2}, {"groups": 2, "padding": "same"})
    ],
    "conv_transpose2d": [
        Pair([x, w], lambda x, w, a=a: tj.conv_transpose2d(x, w, **a), lambda x, w, a=a: F.conv_transpose2d(x, w, **a))
        for x, w, a in (
            ((2, 3, 3, 2), (3, 4, 3, 2), {}),
            ((2, 3, 3, 2), (3, 4, 3, 2), {"stride": (2, 3), "padding": (1, 0), "output_padding": (0, 1)}),
            ((1, 4, 3, 2), (4, 2, 2, 3), {"stride": 2, "dilation": (1, 2), "groups": 2, "output_padding": 1}),
        )
    ],
    "col2im": [
        Pair(
            [(2 * 3 * 3, 2 * 3 * 2)],
            lambda x: tj.col2im(x, (2, 2, 5, 4), 3, 2, 2, 1),
            lambda x: fold(x, (2, 2, 5, 4), (3, 2), 2, 1),
        )
    ],
    "max_pool2d": pools("max_pool2d", F.max_pool2d),
    "avg_pool2d": pools("avg_pool2d", F.avg_pool2d) + pools("avg_pool2d", F.avg_pool2d, count_include_pad=False),
    "sum_pool2d": pools("sum_pool2d", lambda x, k, **attrs: F.avg_pool2d(x, k, **attrs, divisor_override=1)),
    "max_unpool2d": [
        Pair(
            [WINNERS[i].shape],
            lambda x, i=i: tj.max_unpool2d(x, WINNERS[i], POOLS[i][0][2:], *arguments(i)),
            lambda x, i=i: unpooled(x, i),
        )
        for i in POOL_IDS
    ],
    "take_winners2d": [
        Pair(
            [POOLS[i][0]],
            lambda x, i=i: tj.take_winners2d(x, WINNERS[i], *arguments(i)),
            lambda x, i=i: x.flatten(2).gather(2, positions(i)).reshape(WINNERS[i].shape),
        )
        for i in POOL_IDS
    ],
    "sum_unpool2d": [
        Pair(
            [WINNERS[i].shape],
            lambda x, i=i: tj.sum_unpool2d(x, POOLS[i][0][2:], *arguments(i)),
            lambda x, i=i: sum_unpooled(x, i),
        )
        for i in POOL_IDS
    ],
    **{
        f"adaptive_{kind}_pool2d": [
            Pair(
                [(2, 2, 6, 5)],
                lambda x, s=s, kind=kind: TABLE[f"adaptive_{kind}_pool2d"](x, s),
                lambda x, s=s, kind=kind: getattr(F, f"adaptive_{kind}_pool2d")(x, s),
            )
            for s in (1, (3, 5), (4, 3), (8, 2))
        ]
        for kind in ("avg", "max")
    },
    "global_avg_pool2d": [
        Pair([(2, 3, 4, 5)], tj.global_avg_pool2d, lambda x: x.mean((2, 3))),
        Pair([(2, 3, 4, 5)], lambda x: tj.global_avg_pool2d(x, keepdims=True), lambda x: F.adaptive_avg_pool2d(x, 1)),
    ],
    "global_max_pool2d": [
        Pair([(2, 3, 4, 5)], tj.global_max_pool2d, lambda x: x.amax((2, 3))),
        Pair([(2, 3, 4, 5)], lambda x: tj.global_max_pool2d(x, keepdims=True), lambda x: F.adaptive_max_pool2d(x, 1)),
    ],
    "upsample": [
        *(enlarged(**a, mode="nearest") for a in ENLARGED),
        *(enlarged(**a, mode="bilinear") for a in ENLARGED),
        *(enlarged(**a, mode="bilinear", align_corners=True) for a in ENLARGED),
    ],
    "local_response_norm": [
        Pair(
            [(2, 5, 2, 3)],
            lambda x, n=n: tj.local_response_norm(x, n, 0.5, 0.7, 2.0),
            lambda x, n=n: F.local_response_norm(x, n, 0.5, 0.7, 2.0),
        )
        for n in (1, 2, 3, 4, 5, 7)
    ],
    "resample": [
        Pair(
            [(2, 3, 4)],
            lambda x: tj.resample(x, np.arange(12.0).reshape(3, 4)),
            lambda x: x @ torch.arange(12.0, dtype=x.dtype).reshape(3, 4).T,
        )
    ],
    "resample_nearest": [
        Pair(
            [(2, 3, 4)],
            lambda x: tj.resample_nearest(x, np.array([0, 0, 2]), 1),
            lambda x: torch.index_select(x, 1, torch.tensor([0, 0, 2])),
        )
    ],
}
WITHOUT_COUNTERPART = {
    "step": "heaviside has no derivative in PyTorch",
    "contract": "the primitive under einsum",
    "ones_like": "a constant",
    "zeros_like": "a constant",
}


def test_every_differentiable_row_is_compared() -> None:
    differentiable = {name for name, row in TABLE.items() if row.vjps or row.composite}
    assert {*PAIRS, *WITHOUT_COUNTERPART} == differentiable
    assert not {*PAIRS} & {*WITHOUT_COUNTERPART}


def as_torch(array: np.ndarray) -> Any:
    return torch.tensor(array, requires_grad=True)


def values(results: Sequence[Any], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """As ndarrays; None, for what does not depend on an input, as zeros."""
    return [
        np.zeros(a.shape) if r is None else r.numpy() if isinstance(r, Tensor) else r.detach().numpy(force=True)
        for r, a in zip(results, arrays, strict=True)
    ]


def our_derivatives(f: Callable[..., Any], arrays: Sequence[np.ndarray], seed: int) -> list[np.ndarray]:
    """Value; gradients of ⟨v, f⟩; gradients of Σᵢ⟨uᵢ, gradientᵢ⟩."""
    rng = np.random.default_rng(seed)
    xs = [Tensor(a, requires_grad=True) for a in arrays]
    y = f(*xs)
    first = tj.grad(y, xs, rng.normal(size=y.shape), create_graph=True)
    s = sum((g * rng.normal(size=g.shape)).sum() for g in first)
    second = tj.grad(s, xs, allow_unused=True) if s.requires_grad else [None] * len(xs)
    return [y.numpy(), *values(first, arrays), *values(second, arrays)]


def their_derivatives(f: Callable[..., Any], arrays: Sequence[np.ndarray], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    xs = [as_torch(a) for a in arrays]
    y = f(*xs)
    v = torch.tensor(rng.normal(size=tuple(y.shape)))
    first = torch.autograd.grad(y, xs, v, create_graph=True)
    s = sum((g * torch.tensor(rng.normal(size=tuple(g.shape)))).sum() for g in first)
    second = torch.autograd.grad(s, xs, allow_unused=True) if s.requires_grad else [None] * len(xs)
    return [y.detach().numpy(), *values(first, arrays), *values(second, arrays)]


CASES = [
    pytest.param(name, pair, id=f"{name} {i}" if i else name)
    for name, pairs in PAIRS.items()
    for i, pair in enumerate(pairs)
]


@pytest.mark.parametrize(("name", "pair"), CASES)
@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 2**32 - 1))
def test_value_and_derivatives(name: str, pair: Pair, seed: int) -> None:
    row = TABLE[name]
    domains = list(pair.domain or row.domain.values())[: len(pair.shapes)] or [REAL]
    domains += [domains[-1]] * (len(pair.shapes) - len(domains))
    if row.variadic or name == "einsum":
        domains = [REAL] * len(pair.shapes)
    rng = np.random.default_rng(seed)
    n = [int(np.prod(s)) for s in pair.shapes]
    if len(set(map(tuple, domains))) == 1:  # one draw, so that no two inputs share a value
        drawn = np.split(spaced(rng, sum(n), domains[0]), np.cumsum(n)[:-1])
    else:
        drawn = [spaced(rng, k, d) for k, d in zip(n, domains, strict=True)]
    arrays = [a.reshape(s) for a, s in zip(drawn, pair.shapes, strict=True)]
    ours, theirs = our_derivatives(pair.ours, arrays, seed), their_derivatives(pair.theirs, arrays, seed)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.shape == tuple(other.shape)
        scale = max(1.0, float(np.abs(other).max(initial=0.0)))
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-11 * scale)


# ------------------------------------------------------------------------------------------------ kinks and edges


def gradients(f: Callable[..., Any], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Gradients of the sum, in the library of the function's argument."""
    xs = [as_torch(a) for a in arrays]
    return [g.numpy() for g in torch.autograd.grad(f(*xs).sum(), xs)]


def our_gradients(f: Callable[..., Any], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    xs = [Tensor(a, requires_grad=True) for a in arrays]
    return [g.numpy() for g in tj.grad(f(*xs).sum(), xs)]


def norm(x: Any, axis: Any = None, ord: float = 2) -> Any:
    return torch.linalg.vector_norm(x, ord, dim=axis)


AT_KINKS: dict[str, Callable[..., Any]] = {
    "abs": torch.abs,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "relu": torch.relu,
    "clip": lambda x, a_min, a_max: torch.clamp(x, a_min, a_max),
    "max": lambda x: torch.amax(x),
    "min": lambda x: torch.amin(x),
    "norm": norm,
    "std": lambda x: torch.std(x, correction=0),
    "leaky_relu": F.leaky_relu,
    "prelu": lambda x, weight: torch.where(x > 0, x, x * weight),
    "elu": F.elu,
    "selu": F.selu,
    "mean_absolute_error": F.l1_loss,
    "quantile_loss": reduced(pinball),
    "epsilon_insensitive_loss": reduced(insensitive),
    "max_pool2d": lambda x, size: F.max_pool2d(x, size),
    "adaptive_max_pool2d": F.adaptive_max_pool2d,
    "global_max_pool2d": lambda x: torch.amax(x, (2, 3)),
    "affine_relu": lambda x, w, b: F.relu(F.linear(x, w.T, b)),
    "batch_norm": lambda x, w, b, relu: F.relu(F.batch_norm(x, None, None, w, b, training=True)),
    "conv_layer": lambda x, w, b, relu=False, pool=1: F.max_pool2d(
        (F.relu if relu else torch.clone)(F.conv2d(x, w, b)), pool
    ),
}
DIFFER = {"logsumexp": "all elements −∞: PyTorch's gradient is softmax of −∞, NaN; ours is 0"}
KINKS = [
    pytest.param(row, kink, id=f"{name}: {kink.where}")
    for name, row in TABLE.items()
    for kink in row.kinks
    if name not in DIFFER
]


def test_every_kink_is_compared() -> None:
    assert {name for name, row in TABLE.items() if row.kinks} == {*AT_KINKS, *DIFFER}


@pytest.mark.parametrize(("row", "kink"), KINKS)
def test_the_declared_gradient_at_a_kink_is_pytorchs(row: Any, kink: Any) -> None:
    arrays = [np.asarray(a, float) for a in kink.inputs]
    theirs = gradients(lambda *xs: AT_KINKS[row.name](*xs, **kink.attrs or {}), arrays)
    for mine, declared, other in zip(
        our_gradients(lambda *xs: row(*xs, **kink.attrs or {}), arrays), kink.gradients, theirs, strict=True
    ):
        np.testing.assert_array_equal(mine, declared)
        np.testing.assert_array_equal(mine, other)


WHOLE = st.integers(0, 2**32 - 1)
KINKED: dict[str, tuple[int, Callable[..., Any], Callable[..., Any]]] = {
    "maximum": (2, tj.maximum, torch.maximum),
    "minimum": (2, tj.minimum, torch.minimum),
    "max": (1, tj.max, torch.amax),
    "max of rows": (1, lambda x: x.max(axis=1), lambda x: torch.amax(x, 1)),
    "min of columns": (1, lambda x: x.min(axis=0), lambda x: torch.amin(x, 0)),
    "abs": (1, tj.abs, torch.abs),
    "relu": (1, tj.relu, torch.relu),
    "clip": (1, lambda x: tj.clip(x, -1, 1), lambda x: torch.clamp(x, -1, 1)),
    "clip below": (1, lambda x: tj.clip(x, a_min=0), lambda x: torch.clamp(x, min=0)),
    "norm": (1, tj.norm, torch.linalg.vector_norm),
    "norm of rows": (1, lambda x: x.norm(axis=1), lambda x: torch.linalg.vector_norm(x, dim=1)),
    "norm, ord=1": (1, lambda x: x.norm(ord=1), lambda x: torch.linalg.vector_norm(x, 1)),
    "norm, ord=3": (1, lambda x: x.norm(ord=3, axis=0), lambda x: torch.linalg.vector_norm(x, 3, dim=0)),
    "norm, ord=∞": (1, lambda x: x.norm(ord=np.inf), lambda x: torch.linalg.vector_norm(x, np.inf)),
    "prod": (1, tj.prod, torch.prod),
    "prod of rows": (1, lambda x: x.prod(axis=1), lambda x: torch.prod(x, 1)),
    "std": (1, lambda x: x.std(axis=1), lambda x: torch.std(x, 1, correction=0)),
    "sign": (1, tj.sign, torch.sign),
    "floor": (1, tj.floor, torch.floor),
    "x ** 2": (1, lambda x: x**2, lambda x: x**2),
    "x ** 0": (1, lambda x: x**0, lambda x: x**0),
    "x ** 3.0": (1, lambda x: x**3.0, lambda x: x**3.0),
    "2 ** x": (1, lambda x: 2.0**x, lambda x: 2.0**x),
    "sqrt": (1, lambda x: tj.sqrt(abs(x)), lambda x: torch.sqrt(abs(x))),
    "log": (1, lambda x: tj.log(x * x), lambda x: torch.log(x * x)),
    "where": (1, lambda x: tj.where(x > 0, x * x, -x), lambda x: torch.where(x > 0, x * x, -x)),
    "x % 2": (1, lambda x: x % 2, lambda x: x % 2),
    "max_pool2d": (
        1,
        lambda x: tj.max_pool2d(x.reshape(1, 1, 3, 3), 2, 1, 1),
        lambda x: F.max_pool2d(x.reshape(1, 1, 3, 3), 2, 1, 1),
    ),
    "adaptive_max_pool2d": (
        1,
        lambda x: tj.adaptive_max_pool2d(x.reshape(1, 1, 3, 3), 2),
        lambda x: F.adaptive_max_pool2d(x.reshape(1, 1, 3, 3), 2),
    ),
    "max_pool2d of −∞": (
        1,
        lambda x: tj.max_pool2d(tj.where(x > 0, x, -np.inf).reshape(1, 1, 3, 3), 2, 1, 1),
        lambda x: F.max_pool2d(torch.where(x > 0, x, -np.inf).reshape(1, 1, 3, 3), 2, 1, 1),
    ),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("n", "ours", "theirs"), [pytest.param(*k, id=name) for name, k in KINKED.items()])
@settings(deadline=None, max_examples=25)
@given(seed=WHOLE)
def test_at_whole_numbers(n: int, ours: Any, theirs: Any, seed: int) -> None:
    """At −1, 0, 1 there are ties, edges and zeros everywhere."""
    rng = np.random.default_rng(seed)
    arrays = [rng.integers(-1, 2, (3, 3)).astype(float) for _ in range(n)]
    for mine, other in zip(our_gradients(ours, arrays), gradients(theirs, arrays), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-15)


def test_where_we_differ_from_pytorch() -> None:
    """Declared in the row, so a change on either side is seen here."""
    assert np.isnan(gradients(lambda x: torch.logsumexp(x, 0), [np.full(2, -np.inf)])[0]).all()
    np.testing.assert_array_equal(our_gradients(tj.logsumexp, [np.full(2, -np.inf)])[0], [0.0, 0.0])

"""For every row of the op table a Hypothesis strategy for valid calls: input arrays and static arguments.

The rows' families and domains give most of them; ops with arguments of their own have an entry in ``OWN``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_jp import ops
from tinygrad_jp.ops import Op
from tinygrad_jp.testing import broadcastable_shapes, dtypes, shapes, spaced
from tinygrad_jp.testing.strategies import LAYOUTS, _laid_out


@dataclass
class Call:
    """One call of a row: its inputs (arrays), static arguments, and which inputs may require a gradient."""

    row: Op[Any]
    arrays: list[np.ndarray]
    attrs: dict[str, Any] = field(default_factory=dict)
    before: tuple[Any, ...] = ()  # positional arguments in front of the inputs (einsum's subscripts)
    differentiable: list[int] = field(default_factory=list)

    def run(self, *inputs: Any) -> Any:
        args = [list(inputs)] if self.row.variadic else list(inputs)
        result = self.row(*self.before, *args, **self.attrs)
        return ops.concatenate([part.ravel() for part in result]) if isinstance(result, list) else result


Draw = Callable[[st.SearchStrategy[Any]], Any]


def fill(draw: Draw, row: Op[Any], given: list[tuple[int, ...]], names: list[str] | None = None) -> list[np.ndarray]:
    """Fill shapes with values from the row's domains; inputs of one domain share no value."""
    dtype = draw(dtypes())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    domains = [row.domain.get(name, ops.table.REAL) for name in names or [*row.inputs[:1], "any"][:1] * len(given)]
    values = {
        domain: iter(spaced(rng, sum(math.prod(s) for s, d in zip(given, domains, strict=True) if d == domain), domain))
        for domain in domains
    }
    filled = [
        np.array([next(values[d]) for _ in range(math.prod(s))]).reshape(s).astype(dtype)
        for s, d in zip(given, domains, strict=True)
    ]
    return [_laid_out(a, draw(st.sampled_from(LAYOUTS))) for a in filled]


def call(draw: Draw, row: Op[Any], given: list[tuple[int, ...]], before: tuple[Any, ...] = (), **attrs: Any) -> Call:
    names = None if row.variadic or len(row.inputs) != len(given) else list(row.inputs)
    arrays = fill(draw, row, given, names)
    return Call(row, arrays, attrs, before, list(range(len(arrays))))


def axis_of(shape: tuple[int, ...]) -> st.SearchStrategy[int]:
    return st.integers(-len(shape), len(shape) - 1)


def axes_of(shape: tuple[int, ...], several: bool = True) -> st.SearchStrategy[Any]:
    options: list[st.SearchStrategy[Any]] = [st.none()]
    if shape:
        options.append(axis_of(shape))
        if several:
            options.append(hnp.valid_tuple_axes(len(shape)))
    return st.one_of(options)


def elementwise(draw: Draw, row: Op[Any]) -> Call:
    return call(draw, row, list(draw(broadcastable_shapes(len(row.inputs)))))


def reduction(draw: Draw, row: Op[Any], min_side: int = 0, several: bool = True) -> Call:
    shape = draw(shapes(min_side=min_side))
    attrs = {"axis": draw(axes_of(shape, several))}
    if "keepdims" in row.defaults:
        attrs["keepdims"] = draw(st.booleans())
    return call(draw, row, [shape], **attrs)


def spread_out(draw: Draw, row: Op[Any]) -> Call:
    """var and std: enough elements that n − ddof is positive and that they are not all equal."""
    shape = draw(shapes(min_dims=1, min_side=2))
    several = st.one_of(st.none(), axis_of(shape), hnp.valid_tuple_axes(len(shape), min_size=1))
    return call(
        draw, row, [shape], axis=draw(several), keepdims=draw(st.booleans()), ddof=draw(st.sampled_from([0, 1]))
    )


def standardize(draw: Draw, row: Op[Any]) -> Call:
    """Any batch, the empty one too, but the axes of the mean have elements.

    ε is large: with a small one, two numbers become ±1, and their gradient, nearly 0, is lost to rounding.
    """
    shape = (draw(st.integers(0, 3)), *draw(shapes(min_dims=1, max_dims=2, min_side=1)))
    axes: list[Any] = [-1, 1, tuple(range(1, len(shape)))]
    axes += [None, 0, (0, -1)] if shape[0] else []
    return call(draw, row, [shape], axis=draw(st.sampled_from(axes)), eps=draw(st.sampled_from([0.1, 1.0])))


def norm(draw: Draw, row: Op[Any]) -> Call:
    drawn = reduction(draw, row, min_side=1)
    return Call(row, drawn.arrays, drawn.attrs | {"ord": draw(st.sampled_from([1, 2, 2.5, np.inf]))}, (), [0])


def along_axis(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes(min_dims=1))
    return call(draw, row, [shape], axis=draw(axis_of(shape)))


def cumsum(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes())
    return call(draw, row, [shape], axis=draw(axes_of(shape, several=False)))


def where(draw: Draw, row: Op[Any]) -> Call:
    c, x, y = draw(broadcastable_shapes(3))
    condition = draw(hnp.arrays(bool, c))
    drawn = fill(draw, row, [x, y], ["x", "y"])
    return Call(row, [condition, *drawn], {}, (), [1, 2])


def clip(draw: Draw, row: Op[Any]) -> Call:
    low, high = draw(st.sampled_from([(-1, 1), (None, 1.0), (-1.0, None)]))
    return call(draw, row, [draw(shapes())], a_min=low, a_max=high)


def cross_entropy(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes(min_dims=1, max_dims=2, min_side=1))
    x = fill(draw, row, [shape], list(row.inputs[:1]))
    labels = draw(hnp.arrays(np.int64, shape[:-1], elements=st.integers(0, shape[-1] - 1)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    t = draw(st.sampled_from([labels, rng.uniform(0.1, 1.0, shape).astype(x[0].dtype)]))
    return Call(row, [*x, t], {}, (), [0])


REDUCTIONS = st.sampled_from(["mean", "sum", "none"])


def regression(**options: list[float]) -> Callable[[Draw, Op[Any]], Call]:
    """A loss of prediction and target of one shape, with one of the options for each further argument."""

    def strategy(draw: Draw, row: Op[Any]) -> Call:
        shape = draw(shapes(min_side=1))
        attrs = {name: draw(st.sampled_from(values)) for name, values in options.items()}
        return call(draw, row, [shape, shape], reduction=draw(REDUCTIONS), **attrs)

    return strategy


def class_loss(draw: Draw, row: Op[Any]) -> Call:
    drawn = cross_entropy(draw, row)
    return Call(row, drawn.arrays, {"reduction": draw(REDUCTIONS)}, (), [0])


def two_classes(*targets: float) -> Callable[[Draw, Op[Any]], Call]:
    """A loss of scores or probabilities, and targets out of a few numbers."""

    def strategy(draw: Draw, row: Op[Any]) -> Call:
        shape = draw(shapes(min_side=1))
        drawn = fill(draw, row, [shape], ["prediction"])
        dtype = draw(st.sampled_from([drawn[0].dtype, np.dtype(np.int64)]))
        t = np.random.default_rng(draw(st.integers(0, 99))).choice(targets, shape).astype(dtype)
        return Call(row, [*drawn, np.asarray(t)], {"reduction": draw(REDUCTIONS)}, (), [0])

    return strategy


def reshape(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes())
    n = math.prod(shape)
    options: list[Any] = [n, (n,), shape[::-1], (1, *shape, 1)]
    if n:
        options.append(-1)
    return call(draw, row, [shape], shape=draw(st.sampled_from(options)))


def transpose(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes())
    permutation = draw(st.permutations(range(len(shape))))
    signed = [a - len(shape) * draw(st.integers(0, 1)) for a in permutation]
    return call(draw, row, [shape], axes=draw(st.sampled_from([None, signed])))


def two_axes(first: str, second: str) -> Callable[[Draw, Op[Any]], Call]:
    def strategy(draw: Draw, row: Op[Any]) -> Call:
        shape = draw(shapes(min_dims=1))
        return call(draw, row, [shape], **{first: draw(axis_of(shape)), second: draw(axis_of(shape))})

    return strategy


def expand_dims(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes())
    axis = draw(st.sampled_from([0, -1, len(shape), (0, -1)]))
    return call(draw, row, [shape], axis=axis)


def squeeze(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes(max_side=2, min_side=1))
    ones = [a for a, n in enumerate(shape) if n == 1]
    return call(draw, row, [shape], axis=draw(st.sampled_from([None, tuple(ones), *ones])))


def broadcast_to(draw: Draw, row: Op[Any]) -> Call:
    small, large = draw(broadcastable_shapes(2))
    return call(draw, row, [small], shape=np.broadcast_shapes(small, large))


def concatenate(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes(min_dims=1))
    axis = draw(axis_of(shape))
    lengths = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    parts = [tuple(n if a == axis % len(shape) else m for a, m in enumerate(shape)) for n in lengths]
    return call(draw, row, parts, axis=axis)


def stack(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes(max_dims=2))
    n = draw(st.integers(1, 3))
    return call(draw, row, [shape] * n, axis=draw(st.integers(-len(shape) - 1, len(shape))))


def side_by_side(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes(max_dims=3))
    return call(draw, row, [shape] * draw(st.integers(1, 3)))


def split(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes(min_dims=1))
    axis = draw(axis_of(shape))
    n = shape[axis]
    cuts = sorted(draw(st.lists(st.integers(0, n), max_size=3)))
    whole = [k for k in range(1, n + 1) if n % k == 0] or [2]
    return call(draw, row, [shape], indices_or_sections=draw(st.sampled_from([cuts, *whole])), axis=axis)


def pad(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes(min_side=1))
    width = st.integers(0, 3)
    widths: list[Any] = [draw(width), [(draw(width), draw(width)) for _ in shape]]
    mode = draw(st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]))
    attrs = {"constant_values": draw(st.sampled_from([0, 1.5]))} if mode == "constant" else {}
    return call(
        draw, row, [shape], pad_width=draw(st.sampled_from(widths if shape else widths[:1])), mode=mode, **attrs
    )


def flip(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes())
    return call(draw, row, [shape], axis=draw(axes_of(shape)))


def roll(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes())
    shift = st.integers(-5, 5)
    options: list[Any] = [(draw(shift), None)]
    if shape:
        options += [(draw(shift), draw(axis_of(shape))), ((draw(shift), draw(shift)), (0, -1))]
    amount, axis = draw(st.sampled_from(options))
    return call(draw, row, [shape], shift=amount, axis=axis)


def tile(draw: Draw, row: Op[Any]) -> Call:
    reps = draw(st.one_of(st.integers(0, 3), st.lists(st.integers(0, 3), max_size=3)))
    return call(draw, row, [draw(shapes(max_dims=2))], reps=reps)


def repeat(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes())
    axis = draw(axes_of(shape, several=False))
    n = math.prod(shape) if axis is None else shape[axis]
    counts = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    return call(draw, row, [shape], repeats=draw(st.sampled_from([2, 0, counts])), axis=axis)


def take(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes(min_side=1))
    axis = draw(axes_of(shape, several=False))
    n = math.prod(shape) if axis is None else shape[axis]
    indices = draw(hnp.arrays(np.int64, draw(shapes(max_dims=2)), elements=st.integers(-n, n - 1)))
    return call(draw, row, [shape], indices=indices, axis=axis)


def an_index(draw: Draw, shape: tuple[int, ...]) -> Any:
    kinds: list[st.SearchStrategy[Any]] = [
        hnp.basic_indices(shape, allow_newaxis=True),
        hnp.arrays(bool, shape),
    ]
    if shape and math.prod(shape):
        kinds.append(hnp.integer_array_indices(shape))
        rows = hnp.arrays(np.int64, 3, elements=st.integers(-shape[0], shape[0] - 1))
        kinds.append(rows.map(lambda i: (i, Ellipsis)))
        kinds.append(rows.map(lambda i: (Ellipsis, i % shape[-1])))
    return draw(st.one_of(kinds))


def getitem(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes())
    return call(draw, row, [shape], index=an_index(draw, shape))


def scatter_add(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes())
    index = an_index(draw, shape)
    return call(draw, row, [np.empty(shape)[index].shape], index=index, shape=shape)


def dot(draw: Draw, row: Op[Any]) -> Call:
    k = draw(st.integers(0, 3))
    x = draw(st.sampled_from([(k,), (2, k), (3, k), (2, 1, k)]))
    y = draw(st.sampled_from([(k,), (k, 3), (k, 1), (2, k, 3)]))
    scalars = [((), ()), ((), (2, 3)), ((2,), ())]
    return call(draw, row, list(draw(st.sampled_from([(x, y), (x, y), (x, y), *scalars]))))


def matmul(draw: Draw, row: Op[Any]) -> Call:
    drawn = draw(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3, min_side=0))
    return call(draw, row, list(drawn.input_shapes))


def affine(draw: Draw, row: Op[Any]) -> Call:
    n, k, m = (draw(st.integers(0, 3)) for _ in range(3))
    return call(draw, row, [draw(st.sampled_from([(n, k), (k,), (2, n, k)])), (k, m), (m,)])


def outer(draw: Draw, row: Op[Any]) -> Call:
    return call(draw, row, [draw(shapes(max_dims=2)), draw(shapes(max_dims=2))])


EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 2)), ("ij,jk", (2, 3), (3, 4)), ("i,i", (3,), (3,)), ("i->", (3,)), ("ii", (3, 3)),
    ("ii->i", (3, 3)), ("iji->j", (2, 3, 2)), ("ij->ji", (2, 3)), ("ij,k->i", (2, 3), (2,)), ("i,j->ij", (2,), (3,)),
    ("...ij,...jk->...ik", (2, 2, 3), (3, 2)), ("...i,...i", (2, 3), (1, 3)), ("bij,bjk->bik", (2, 2, 3), (2, 3, 1)),
    ("ij,jk,kl->il", (2, 3), (3, 2), (2, 2)), ("ab,cd,bc", (2, 3), (2, 2), (3, 2)), ("ij,ij->", (0, 3), (0, 3)),
    (",i->i", (), (3,)), ("i...->...", (2, 3)),
]  # fmt: skip


def einsum(draw: Draw, row: Op[Any]) -> Call:
    subscripts, *given = draw(st.sampled_from(EINSUMS))
    return call(draw, row, given, (subscripts,)) if row is ops.einsum else call(draw, row, given, subscripts=subscripts)


def contract(draw: Draw, row: Op[Any]) -> Call:
    plain = [e for e in EINSUMS if "->" in e[0] and "." not in e[0] and not e[0].startswith("ii") and e[0] != "iji->j"]
    subscripts, *given = draw(st.sampled_from(plain))
    return call(draw, row, given, subscripts=subscripts)


def window(draw: Draw) -> tuple[tuple[int, int, int, int], dict[str, Any]]:
    n, c, h, w = (draw(st.integers(0, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    pad = draw(st.integers(0, 1))
    filters = {"filter_h": draw(st.integers(1, h + 2 * pad)), "filter_w": draw(st.integers(1, w + 2 * pad))}
    stride = draw(st.sampled_from([1, 2, 3, (2, 1)]))
    return (n, c, h, w), filters | {"stride": stride, "pad": draw(st.sampled_from([pad, (pad, pad + 1)]))}


def im2col(draw: Draw, row: Op[Any]) -> Call:
    shape, attrs = window(draw)
    return call(draw, row, [shape], **attrs)


def col2im(draw: Draw, row: Op[Any]) -> Call:
    shape, attrs = window(draw)
    windows = ops.im2col.forward(np.zeros(shape), **attrs).shape
    return call(draw, row, [windows], input_shape=shape, **attrs)


def convolution(draw: Draw, axes: int) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
    """Shapes of images and filters, and how the one slides over the other: nothing square, the last step cut short."""
    one_or_two = st.integers(1, 2)
    groups, channels, outputs = (draw(one_or_two) for _ in range(3))
    sizes = [draw(st.integers(1, 3)) for _ in range(axes)]
    dilation = tuple(draw(one_or_two) for _ in range(axes))
    padding: Any = tuple(draw(st.integers(0, 1)) for _ in range(axes))
    covered = [d * (k - 1) + 1 for k, d in zip(sizes, dilation, strict=True)]
    image = [max(1, c - 2 * p) + draw(st.integers(0, 2)) for c, p in zip(covered, padding, strict=True)]
    stride = tuple(draw(st.sampled_from([1, 1, 2, 3])) for _ in range(axes))
    if stride == (1,) * axes:
        padding = draw(st.sampled_from([padding, "same"]))
    elif axes == 2:
        padding = draw(st.sampled_from([padding, ((padding[0], 2), (0, covered[1]))]))
    x = (draw(st.integers(0, 2)), groups * channels, *image)
    w = (groups * outputs, channels, *sizes)
    return x, w, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


def conv2d(draw: Draw, row: Op[Any]) -> Call:
    x, w, attrs = convolution(draw, 2)
    return call(draw, row, [x, w], **attrs)


def batch_norm(draw: Draw, row: Op[Any]) -> Call:
    x = draw(
        st.one_of(
            hnp.array_shapes(min_dims=2, max_dims=2, min_side=3, max_side=4),  # of two numbers x̂ is always ±1
            hnp.array_shapes(min_dims=4, max_dims=4, min_side=2, max_side=3),
        )
    )
    found = call(draw, row, [x, x[1:2], x[1:2]], eps=draw(st.sampled_from([1e-5, 0.1])), relu=False)
    far = np.abs(row.forward(*found.arrays, **found.attrs)).min() > 0.3  # from the kink of relu, for differences
    found.attrs["relu"] = bool(far) and draw(st.booleans())
    return found


def conv_layer(draw: Draw, row: Op[Any]) -> Call:
    x, w, attrs = convolution(draw, 2)
    smallest = min(ops.conv2d.forward(np.zeros(x), np.zeros(w), **attrs).shape[2:])
    attrs |= {"relu": draw(st.booleans()), "pool": draw(st.integers(1, min(smallest, 3)))}
    return call(draw, row, [x, w, (w[0],)], **attrs)


def conv2d_input_gradient(draw: Draw, row: Op[Any]) -> Call:
    x, w, attrs = convolution(draw, 2)
    y = ops.conv2d.forward(np.zeros(x), np.zeros(w), **attrs).shape
    return call(draw, row, [y, w], x_shape=x, **attrs)


def conv2d_weight_gradient(draw: Draw, row: Op[Any]) -> Call:
    x, w, attrs = convolution(draw, 2)
    y = ops.conv2d.forward(np.zeros(x), np.zeros(w), **attrs).shape
    return call(draw, row, [y, x], w_shape=w, **attrs)


def conv1d(draw: Draw, row: Op[Any]) -> Call:
    x, w, attrs = convolution(draw, 1)
    single = {name: value[0] if isinstance(value, tuple) else value for name, value in attrs.items()}
    return call(draw, row, [x, w], **single)


def conv_transpose2d(draw: Draw, row: Op[Any]) -> Call:
    """Filters as a convolution's that maps the result to `x`, and sizes that the padding leaves something of."""
    x, w, attrs = convolution(draw, 2)
    x = (x[0], w[0], draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    padding = tuple(draw(st.integers(0, (d * (k - 1)) // 2)) for k, d in zip(w[2:], attrs["dilation"], strict=True))
    extra = tuple(draw(st.integers(0, s - 1)) for s in attrs["stride"])
    return call(draw, row, [x, w], **attrs | {"padding": padding, "output_padding": extra})


def pooling(draw: Draw) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Images, and windows that are not square, overlap or leave gaps, and do not fill the image."""
    one_to = lambda n: draw(st.integers(1, n))  # noqa: E731
    size = (one_to(3), one_to(3))
    padding: Any = (draw(st.integers(0, size[0] // 2)), draw(st.integers(0, size[1] // 2)))
    image = [max(1, k - 2 * p) + draw(st.integers(0, 3)) for k, p in zip(size, padding, strict=True)]
    stride = draw(st.sampled_from([None, 1, (one_to(3), one_to(3))]))
    if size[0] == size[1] and padding[0] == padding[1]:
        size, padding = draw(st.sampled_from([(size, padding), (size[0], padding[0])]))
    return (draw(st.integers(0, 2)), one_to(2), *image), {"size": size, "stride": stride, "padding": padding}


def pool(draw: Draw, row: Op[Any]) -> Call:
    shape, attrs = pooling(draw)
    if "count_include_pad" in row.defaults:
        attrs["count_include_pad"] = draw(st.booleans())
    return call(draw, row, [shape], **attrs)


def winners(draw: Draw, shape: tuple[int, ...], attrs: dict[str, Any]) -> np.ndarray:
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return ops.argmax_pool2d.forward(rng.normal(size=shape), **attrs)


def unpool(draw: Draw, row: Op[Any]) -> Call:
    shape, attrs = pooling(draw)
    winner = winners(draw, shape, attrs)
    drawn = call(draw, row, [winner.shape], image=shape[2:], **attrs)
    arrays = [*drawn.arrays, winner] if row is ops.max_unpool2d else drawn.arrays
    return Call(row, arrays, drawn.attrs, (), [0])


def take_winners2d(draw: Draw, row: Op[Any]) -> Call:
    shape, attrs = pooling(draw)
    drawn = call(draw, row, [shape], **attrs)
    return Call(row, [*drawn.arrays, winners(draw, shape, attrs)], attrs, (), [0])


def images(draw: Draw) -> tuple[int, int, int, int]:
    return draw(st.integers(0, 2)), *(draw(st.integers(1, n)) for n in (2, 5, 5))


def adaptive(draw: Draw, row: Op[Any]) -> Call:
    return call(draw, row, [images(draw)], output_size=draw(st.sampled_from([1, 2, (3, 2), (2, 6)])))


def whole_image(draw: Draw, row: Op[Any]) -> Call:
    return call(draw, row, [images(draw)], keepdims=draw(st.booleans()))


def resample(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes(min_dims=1))
    matrix = np.random.default_rng(draw(st.integers(0, 99))).normal(size=(draw(st.integers(0, 4)), shape[-1]))
    return call(draw, row, [shape], matrix=matrix)


def resample_nearest(draw: Draw, row: Op[Any]) -> Call:
    shape = draw(shapes(min_dims=1, min_side=1))
    axis = draw(axis_of(shape))
    source = draw(st.lists(st.integers(0, shape[axis] - 1), max_size=5))
    return call(draw, row, [shape], source=np.array(sorted(source), int), axis=axis)


def upsample(draw: Draw, row: Op[Any]) -> Call:
    how = st.sampled_from([{"size": 3}, {"size": (6, 2)}, {"scale_factor": 2}, {"scale_factor": (1.5, 2.7)}])
    mode = st.sampled_from([{"mode": "nearest"}, {}, {"align_corners": True}])
    return call(draw, row, [images(draw)], **draw(how), **draw(mode))


def local_response_norm(draw: Draw, row: Op[Any]) -> Call:
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 5)), 1, draw(st.integers(1, 2)))
    return call(draw, row, [shape], size=draw(st.integers(1, 5)), alpha=draw(st.sampled_from([1e-4, 2.0])), k=2.0)


def alike(draw: Draw, row: Op[Any]) -> Call:
    return call(draw, row, [draw(shapes())])


def divmod(draw: Draw, row: Op[Any]) -> Call:
    drawn = call(draw, ops.mod, list(draw(broadcastable_shapes(2))))
    return Call(row, drawn.arrays, {}, (), [0, 1])


def integers(draw: Draw, row: Op[Any]) -> Call:
    given = draw(broadcastable_shapes(len(row.inputs)))
    return Call(row, [draw(hnp.arrays(draw(st.sampled_from([bool, np.int64])), s)) for s in given])


OWN: dict[str, Callable[[Draw, Op[Any]], Call]] = {
    "vstack": side_by_side, "hstack": side_by_side,
    "divmod": divmod, "where": where, "clip": clip, "ones_like": alike, "zeros_like": alike, "bitwise_and": integers,
    "bitwise_or": integers, "bitwise_xor": integers, "invert": integers,
    "round": lambda draw, row: call(draw, row, [draw(shapes())], decimals=draw(st.sampled_from([0, 0]))),
    "astype": lambda draw, row: call(draw, row, [draw(shapes())], dtype=np.dtype(np.float64)),
    "max": lambda draw, row: reduction(draw, row, min_side=1),
    "min": lambda draw, row: reduction(draw, row, min_side=1),
    "argmax": lambda draw, row: reduction(draw, row, 1, several=False),
    "argmin": lambda draw, row: reduction(draw, row, 1, several=False),
    "mean": lambda draw, row: reduction(draw, row, min_side=1), "var": spread_out, "std": spread_out, "norm": norm,
    "standardize": standardize,
    "logsumexp": lambda draw, row: reduction(draw, row, min_side=1),
    "cumsum": cumsum, "softmax_cross_entropy": cross_entropy, "reshape": reshape, "ravel": alike,
    "transpose": transpose, "swapaxes": two_axes("axis1", "axis2"), "moveaxis": two_axes("source", "destination"),
    "expand_dims": expand_dims, "squeeze": squeeze, "broadcast_to": broadcast_to, "concatenate": concatenate,
    "stack": stack, "split": split, "pad": pad, "flip": flip, "roll": roll, "tile": tile, "repeat": repeat,
    "take": take, "getitem": getitem, "scatter_add": scatter_add, "dot": dot, "matmul": matmul, "affine": affine,
    "affine_relu": affine, "outer": outer, "einsum": einsum, "contract": contract, "im2col": im2col, "col2im": col2im,
    "conv_layer": conv_layer,
    "batch_norm": batch_norm,
    "conv2d": conv2d, "conv2d_input_gradient": conv2d_input_gradient, "conv2d_weight_gradient": conv2d_weight_gradient,
    "conv1d": conv1d, "conv_transpose2d": conv_transpose2d,
    "max_pool2d": pool, "argmax_pool2d": pool, "sum_pool2d": pool, "avg_pool2d": pool, "max_unpool2d": unpool,
    "sum_unpool2d": unpool, "take_winners2d": take_winners2d, "adaptive_avg_pool2d": adaptive,
    "adaptive_max_pool2d": adaptive, "global_avg_pool2d": whole_image, "global_max_pool2d": whole_image,
    "resample": resample, "resample_nearest": resample_nearest, "upsample": upsample,
    "local_response_norm": local_response_norm,
    "gelu": lambda draw, row: call(draw, row, [draw(shapes())], approximate=draw(st.sampled_from(["none", "tanh"]))),
    "sum_squared_error": regression(), "mean_squared_error": regression(), "mean_absolute_error": regression(),
    "huber_loss": regression(delta=[0.5, 10.0]), "smooth_l1_loss": regression(beta=[0.5, 10.0]),
    "quantile_loss": regression(quantile=[0.1, 0.5, 0.9]), "epsilon_insensitive_loss": regression(epsilon=[0.5, 10.0]),
    "cross_entropy_error": class_loss, "cross_entropy": class_loss, "nll_loss": class_loss,
    "binary_cross_entropy": two_classes(0, 1), "binary_cross_entropy_with_logits": two_classes(0, 1),
    "logistic_loss": two_classes(-1, 1), "exponential_loss": two_classes(-1, 1), "hinge_loss": two_classes(-1, 1),
}  # fmt: skip
"""Rows whose calls their family does not tell."""

FAMILIES = {"elementwise": elementwise, "reduction": reduction, "along_axis": along_axis}


@st.composite
def calls(draw: st.DrawFn, row: Op[Any]) -> Call:
    """Draw a valid call of a row."""
    strategy = OWN.get(row.name) or FAMILIES[row.family]
    return strategy(draw, row)

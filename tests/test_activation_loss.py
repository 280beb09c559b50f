"""Activation and loss functions: the book's numbers, extremes, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import Tensor
from tinygrad_jp.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_jp.ops import TABLE

ACTIVATIONS = ["identity", "softplus", "leaky_relu", "elu", "selu", "gelu", "silu", "erf"]
REGRESSION = [
    *("sum_squared_error", "mean_squared_error", "mean_absolute_error", "huber_loss", "smooth_l1_loss"),
    *("quantile_loss", "epsilon_insensitive_loss"),
]
MARGIN = ["logistic_loss", "exponential_loss", "hinge_loss"]
BINARY = ["binary_cross_entropy", "binary_cross_entropy_with_logits"]
CLASSES = ["cross_entropy_error", "cross_entropy", "nll_loss"]
LOSSES = [*REGRESSION, *MARGIN, *BINARY, *CLASSES]

BOOK_Y = [0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0]
BOOK_WRONG = [0.1, 0.05, 0.1, 0.0, 0.05, 0.1, 0.0, 0.6, 0.0, 0.0]
BOOK_T = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]


def valid(name: str, n: int = 4, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """A prediction and a target that the loss takes: n examples."""
    rng = np.random.default_rng(0)
    if name in CLASSES:
        return rng.uniform(0.1, 0.9, (n, 3)).astype(dtype), rng.integers(0, 3, n)
    targets = {MARGIN[0]: [-1, 1], MARGIN[1]: [-1, 1], MARGIN[2]: [-1, 1]}.get(name, [0, 1])
    return rng.uniform(0.1, 0.9, (n, 3)).astype(dtype), rng.choice(targets, (n, 3)).astype(dtype)


def gradient(f: Callable[[Tensor], Tensor], x: Any) -> np.ndarray:
    leaf = Tensor(x, requires_grad=True)
    f(leaf).sum().backward()
    assert leaf.grad is not None
    return leaf.grad.numpy()


class TestActivations:
    def test_logistic_is_sigmoid(self) -> None:
        assert tj.logistic is tj.sigmoid

    @pytest.mark.parametrize("name", ACTIVATIONS)
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.filterwarnings("error")
    def test_extremes_are_finite_and_the_dtype_stays(self, name: str, dtype: Any) -> None:
        x = np.array([-1000.0, -50.0, 0.5, 50.0, 1000.0], dtype)
        y = TABLE[name](x)
        slope = gradient(TABLE[name], x)
        assert y.dtype == slope.dtype == dtype
        assert np.isfinite(y.numpy()).all()
        assert np.isfinite(slope).all()
        linear = {"erf": (1.0, 0.0), "selu": (1050.700987355, 1.050700987355)}.get(name, (1000.0, 1.0))
        assert (y.numpy()[-1], slope[-1]) == pytest.approx(linear, rel=1e-6)

    @pytest.mark.filterwarnings("error")
    def test_gelu_by_tanh_at_extremes(self) -> None:
        x = np.array([-1000.0, 1000.0], np.float32)
        np.testing.assert_array_equal(tj.gelu(x, approximate="tanh").numpy(), [0.0, 1000.0])
        np.testing.assert_array_equal(gradient(lambda t: tj.gelu(t, approximate="tanh"), x), [0.0, 1.0])

    @given(x=st.floats(-8, 8) | st.floats(-1, 1) | st.floats(allow_nan=False))
    @settings(deadline=None, max_examples=300)
    def test_erf_is_accurate_to_rounding(self, x: float) -> None:
        exact = math.erf(x)
        assert abs(tj.erf(x).item() - exact) <= 8 * math.ulp(exact)
        single = np.float32(np.clip(x, -1e30, 1e30))
        exact = math.erf(float(single))
        assert abs(float(tj.erf(single).item()) - exact) <= 8 * float(np.spacing(np.float32(abs(exact))))

    def test_erf_of_infinity_nan_and_float16(self) -> None:
        np.testing.assert_array_equal(tj.erf([np.inf, -np.inf, np.nan, -0.0]).numpy(), [1.0, -1.0, np.nan, -0.0])
        np.testing.assert_array_equal(tj.erf(np.float16([5.0, -7.0])).numpy(), np.float16([1.0, -1.0]))

    def test_softplus_is_accurate_in_the_tail(self) -> None:
        assert tj.softplus(-40.0).item() == pytest.approx(math.exp(-40), rel=1e-15)
        np.testing.assert_array_equal(tj.softplus([np.inf, -np.inf, np.nan]).numpy(), [np.inf, 0.0, np.nan])

    def test_selu_keeps_mean_0_and_variance_1(self) -> None:
        """G. Klambauer et al., 2017: that is how its two constants were chosen."""
        y = tj.selu(np.random.default_rng(0).normal(size=400_000)).numpy()
        assert abs(y.mean()) < 0.01
        assert abs(y.var() - 1) < 0.01

    def test_gelu_at_known_places(self) -> None:
        phi = 0.5 * (1 + math.erf(1 / math.sqrt(2)))
        np.testing.assert_allclose(tj.gelu([-1.0, 0.0, 1.0]).numpy(), [phi - 1, 0.0, phi], rtol=1e-15)
        x = np.linspace(-6, 6, 1001)
        off = np.abs(tj.gelu(x).numpy() - tj.gelu(x, approximate="tanh").numpy()).max()
        assert 1e-4 < off < 5e-4

    def test_prelu_with_a_weight_for_each_channel(self) -> None:
        x = -np.ones((2, 3, 2, 2), np.float32)
        weight = Tensor(np.array([0.1, 0.2, 0.3], np.float32).reshape(3, 1, 1), requires_grad=True)
        y = tj.prelu(x, weight)
        np.testing.assert_allclose(y.numpy()[0, :, 0, 0], [-0.1, -0.2, -0.3], rtol=1e-6)
        y.sum().backward()
        assert weight.grad is not None
        np.testing.assert_array_equal(weight.grad.numpy().ravel(), [-8.0, -8.0, -8.0])

    def test_whole_numbers_become_floating(self) -> None:
        for name in ("softplus", "leaky_relu", "elu", "selu", "gelu", "silu", "erf"):
            assert TABLE[name]([1, -1]).dtype == np.float64
        assert tj.identity([1, -1]).dtype == np.int64

    def test_bad_arguments(self) -> None:
        with pytest.raises(ArgumentError, match=r"^elu: alpha must be at least 0, got -1"):
            tj.elu(1.0, alpha=-1)
        with pytest.raises(ArgumentError, match=r"^gelu: approximate must be 'none' or 'tanh', got 'exact'"):
            tj.gelu(1.0, approximate="exact")
        with pytest.raises(ShapeError, match=r"^prelu: .*\(2, 3\) and \(2,\)"):
            tj.prelu(np.ones((2, 3)), np.ones(2))


class TestNumbers:
    def test_sum_squared_error_of_the_book(self) -> None:
        """Section 4.2.1: 0.0975 and 0.5975 (printed with their rounding errors)."""
        assert tj.sum_squared_error(BOOK_Y, BOOK_T).item() == pytest.approx(0.0975, rel=1e-12)
        assert tj.sum_squared_error(BOOK_WRONG, BOOK_T).item() == pytest.approx(0.5975, rel=1e-12)

    def test_cross_entropy_error_of_the_book(self) -> None:
        """Section 4.2.2."""
        for t in (BOOK_T, 2):
            assert tj.cross_entropy_error(BOOK_Y, t).item() == pytest.approx(0.510825457099338, rel=1e-14)
            assert tj.cross_entropy_error(BOOK_WRONG, t).item() == pytest.approx(2.302584092994546, rel=1e-14)

    def test_mean_over_the_batch(self) -> None:
        """Equation 4.3: divided by N, not by the number of elements."""
        y, t = np.array([BOOK_Y, BOOK_WRONG]), np.array([BOOK_T, BOOK_T])
        assert tj.sum_squared_error(y, t).item() == pytest.approx((0.0975 + 0.5975) / 2)
        np.testing.assert_allclose(tj.sum_squared_error(y, t, reduction="none").numpy(), [0.0975, 0.5975])
        mean = (0.510825457099338 + 2.302584092994546) / 2
        assert tj.cross_entropy_error(y, [2, 2]).item() == pytest.approx(mean)

    def test_gradient_of_sum_squared_error_is_the_residual(self) -> None:
        y, t = valid("sum_squared_error")
        np.testing.assert_allclose(gradient(lambda x: tj.sum_squared_error(x, t, "sum"), y), y - t)

    def test_huber_in_both_regions(self) -> None:
        d = np.array([-3.0, -0.5, 0.0, 2.0, 5.0])
        expected = [2 * (3 - 1), 0.125, 0.0, 2.0, 2 * (5 - 1)]
        np.testing.assert_allclose(tj.huber_loss(d, np.zeros(5), "none", delta=2.0).numpy(), expected)
        np.testing.assert_array_equal(
            gradient(lambda x: tj.huber_loss(x, np.zeros(5), "sum", delta=2.0), d), [-2.0, -0.5, 0.0, 2.0, 2.0]
        )
        assert tj.hessian(lambda x: tj.huber_loss(x, np.zeros(1), "sum"), [0.0]).item() == 1.0

    def test_smooth_l1_is_hubers_divided_by_beta(self) -> None:
        y, t = valid("huber_loss")
        np.testing.assert_allclose(
            tj.smooth_l1_loss(y, t, beta=0.3).numpy(), tj.huber_loss(y, t, delta=0.3).numpy() / 0.3
        )

    def test_the_best_constant_of_the_quantile_loss_is_the_quantile(self) -> None:
        t = np.arange(1.0, 100.0)
        losses = [tj.quantile_loss(np.full(99, c), t, quantile=0.9).item() for c in t]
        assert t[int(np.argmin(losses))] == 90.0
        assert tj.quantile_loss([0.0], [1.0], quantile=0.9).item() == pytest.approx(0.9)
        assert tj.quantile_loss([1.0], [0.0], quantile=0.9).item() == pytest.approx(0.1)

    def test_epsilon_insensitive(self) -> None:
        losses = tj.epsilon_insensitive_loss([0.05, -0.3, 1.0], np.zeros(3), "none")
        np.testing.assert_allclose(losses.numpy(), [0.0, 0.2, 0.9])

    def test_margin_losses(self) -> None:
        y, t = np.array([0.0, 2.0, -1.0]), np.array([1, 1, 1])
        np.testing.assert_allclose(tj.logistic_loss(y, t, "none").numpy(), np.log1p(np.exp(-y)))
        np.testing.assert_allclose(tj.exponential_loss(y, t, "none").numpy(), np.exp(-y))
        np.testing.assert_array_equal(tj.hinge_loss(y, t, "none").numpy(), [1.0, 0.0, 2.0])
        np.testing.assert_array_equal(tj.hinge_loss(y, -t, "none").numpy(), [1.0, 3.0, 0.0])

    def test_hinge_at_its_kink(self) -> None:
        np.testing.assert_array_equal(
            gradient(lambda x: tj.hinge_loss(x, [1, 1, -1], "sum"), [1.0, 0.5, -1.0]), [0.0, -1.0, 0.0]
        )

    def test_the_ways_to_cross_entropy_agree(self) -> None:
        x = np.random.default_rng(1).normal(size=(5, 4))
        t = np.array([0, 3, 1, 1, 2])
        rows = np.eye(4, dtype=int)[t]
        for reduction in ("mean", "sum", "none"):
            expected = tj.cross_entropy(x, t, reduction).numpy()
            for other in (
                tj.cross_entropy(x, rows, reduction),
                tj.nll_loss(tj.log_softmax(x), t, reduction),
                tj.nll_loss(tj.log_softmax(x), rows, reduction),
                tj.cross_entropy_error(tj.softmax(x), t, reduction, eps=0.0),
            ):
                np.testing.assert_allclose(other.numpy(), expected, rtol=1e-12)
        assert tj.cross_entropy(x, t).item() == tj.softmax_cross_entropy(x, t).item()
        assert Tensor(0.0).shape == tj.cross_entropy(x[0], 2, "none").shape

    def test_the_mean_of_cross_entropy_is_one_fused_node(self) -> None:
        loss = tj.cross_entropy(Tensor([[1.0, 2.0]], requires_grad=True), [0])
        assert loss._node is not None
        assert loss._node.plan.op is tj.softmax_cross_entropy

    def test_the_ways_to_binary_cross_entropy_agree(self) -> None:
        x, t = np.array([-2.0, 0.3, 1.0, 4.0]), np.array([0, 1, 1, 0])
        expected = tj.binary_cross_entropy(tj.sigmoid(x), t, "none", eps=0.0)
        np.testing.assert_allclose(tj.binary_cross_entropy_with_logits(x, t, "none").numpy(), expected.numpy())
        np.testing.assert_allclose(tj.logistic_loss(x, 2 * t - 1, "none").numpy(), expected.numpy())
        two = np.stack([np.zeros(4), x], 1)
        np.testing.assert_allclose(tj.cross_entropy(two, t, "none").numpy(), expected.numpy())


class TestEveryLoss:
    @pytest.mark.parametrize("name", LOSSES)
    def test_reductions_agree(self, name: str) -> None:
        y, t = valid(name)
        none = TABLE[name](y, t, reduction="none").numpy()
        per_example = name in CLASSES or name == "sum_squared_error"
        assert none.shape == ((4,) if per_example else (4, 3))
        assert TABLE[name](y, t).item() == pytest.approx(none.mean())
        assert TABLE[name](y, t, "mean").item() == pytest.approx(none.mean())
        assert TABLE[name](y, t, "sum").item() == pytest.approx(none.sum())

    @pytest.mark.parametrize("name", LOSSES)
    @pytest.mark.parametrize("whole", [False, True])
    def test_float32_stays_float32(self, name: str, whole: bool) -> None:
        y, t = valid(name, dtype=np.float32)
        for targets in [t, np.eye(3, dtype=int)[t]] if name in CLASSES else [t.astype(int) if whole else t]:
            for reduction in ("mean", "sum", "none"):
                assert TABLE[name](y, targets, reduction).dtype == np.float32

    @pytest.mark.parametrize("name", LOSSES)
    def test_gradients_flow_to_targets_of_regression_only(self, name: str) -> None:
        y, t = valid(name)
        target = Tensor(t, requires_grad=t.dtype.kind == "f")
        TABLE[name](Tensor(y, requires_grad=True), target).backward()
        assert (target.grad is not None) == (name in REGRESSION)

    @pytest.mark.parametrize("name", sorted({*LOSSES} - {*CLASSES}))
    @pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (4, 1)), ((4, 3), (3,)), ((3,), ()), ((2, 3), (3, 2))])
    def test_shapes_are_never_broadcast(self, name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        y, t = (np.full(s, v) for s, v in zip(shapes, (0.5, 1.0), strict=True))
        with pytest.raises(ShapeError) as caught:
            TABLE[name](y, t)
        message = str(caught.value)
        assert message.startswith(f"{name}: prediction of shape {shapes[0]} and target of shape {shapes[1]}")
        assert (f"target.reshape({shapes[0]})" in message) == (y.size == t.size)
        assert "reshape" in message

    @pytest.mark.parametrize("name", CLASSES)
    @pytest.mark.parametrize("shape", [(4, 1), (1, 4), (3,), (), (3, 4), (4, 2)])
    def test_targets_of_classes_must_fit(self, name: str, shape: tuple[int, ...]) -> None:
        with pytest.raises(ShapeError) as caught:
            TABLE[name](np.full((4, 3), 0.3), np.zeros(shape, int))
        message = str(caught.value)
        assert message.startswith(f"{name}: a prediction of shape (4, 3) needs labels of shape (4,)")
        assert message.endswith(f"got {shape}; reshape the target")

    @pytest.mark.parametrize("name", CLASSES)
    def test_predictions_of_classes_have_one_or_two_axes(self, name: str) -> None:
        for shape in ((), (2, 3, 4)):
            with pytest.raises(ShapeError, match=rf"^{name}: .*\(N, classes\) or \(classes,\), got \(.*\)$"):
                TABLE[name](np.full(shape, 0.3), np.zeros(shape[:-1], int))

    @pytest.mark.parametrize("name", CLASSES)
    def test_labels(self, name: str) -> None:
        y = np.full((2, 3), 0.3)
        for t, span in (([0, 3], "0…3"), ([-1, 0], "-1…0")):
            with pytest.raises(ArgumentError, match=rf"^{name}: labels must lie in 0…2, got {span}"):
                TABLE[name](y, t)
        with pytest.raises(DtypeError, match=rf"^{name}: labels must be whole numbers, got dtype float64; use"):
            TABLE[name](y, [0.0, 1.0])

    @pytest.mark.parametrize("name", [*CLASSES, "softmax_cross_entropy"])
    @pytest.mark.parametrize("dtype", [int, float])
    def test_rows_of_targets_are_probabilities(self, name: str, dtype: Any) -> None:
        for wrong, span in (([0, -1, 0], "-1.*1"), ([0, 2, 0], "0.*2")):
            with pytest.raises(ArgumentError, match=rf"^{name}: one-hot targets .* must lie in 0…1, got {span}"):
                TABLE[name](np.full((2, 3), 0.3), np.array([[0, 0, 1], wrong], dtype))
        TABLE[name](np.full((1, 3), 0.3), np.array([[0, 1, 0]], bool))
        assert np.isnan(TABLE[name](np.full((1, 3), 0.3), [[0, 1, np.nan]]).item())

    @pytest.mark.parametrize("name", MARGIN)
    @pytest.mark.parametrize("wrong", [0, 2.0, np.nan, False])
    def test_margins_need_signs(self, name: str, wrong: float) -> None:
        with pytest.raises(ArgumentError, match=rf"^{name}: targets must be −1 or \+1, got .*2 \* t - 1"):
            TABLE[name]([0.5, 0.5], np.array([1, wrong]))

    @pytest.mark.parametrize("name", BINARY)
    @pytest.mark.parametrize("wrong", [-1, 2, 1.01])
    def test_binary_targets_are_probabilities(self, name: str, wrong: float) -> None:
        with pytest.raises(ArgumentError, match=rf"^{name}: targets must lie in 0…1, got .*\(t \+ 1\) / 2"):
            TABLE[name]([0.5, 0.5], [0.5, wrong])

    @pytest.mark.parametrize(("name", "t"), [("cross_entropy_error", 1), ("binary_cross_entropy", [0.0, 1.0])])
    def test_scores_where_probabilities_are_needed(self, name: str, t: Any) -> None:
        with pytest.raises(ArgumentError, match=rf"^{name}: probabilities must lie in 0…1, got -0.5…3; .*with_logits"):
            TABLE[name]([-0.5, 3.0], t)

    def test_a_diverged_run_shows_nan(self) -> None:
        assert np.isnan(tj.cross_entropy_error([np.nan, 0.5], 0).item())
        assert np.isnan(tj.binary_cross_entropy([np.nan], [1.0]).item())

    @pytest.mark.parametrize("name", LOSSES)
    def test_empty_batch(self, name: str) -> None:
        y, t = valid(name, 0)
        with pytest.raises(ArgumentError, match=rf"^{name}: an empty batch has no mean"):
            TABLE[name](y, t)
        assert TABLE[name](y, t, "sum").item() == 0.0
        assert TABLE[name](y, t, "none").size == 0

    @pytest.mark.parametrize("name", LOSSES)
    def test_unknown_reduction(self, name: str) -> None:
        with pytest.raises(ArgumentError, match=rf"^{name}: reduction must be .* got 'maen'; did you mean 'mean'"):
            TABLE[name](*valid(name), reduction="maen")

    @pytest.mark.parametrize(
        ("name", "argument", "values"),
        [
            ("huber_loss", "delta", [0, -1.0, np.nan]),
            ("smooth_l1_loss", "beta", [0, -1.0]),
            ("quantile_loss", "quantile", [0, 1, 1.5, np.nan]),
            ("epsilon_insensitive_loss", "epsilon", [-0.1, np.nan]),
        ],
    )
    def test_arguments_out_of_range(self, name: str, argument: str, values: list[float]) -> None:
        for value in values:
            with pytest.raises(ArgumentError, match=f"^{name}: {argument} must .*got {value!r}"):
                TABLE[name](1.0, 1.0, **{argument: value})

    @pytest.mark.parametrize("name", sorted({*LOSSES} - {"exponential_loss"}))
    @pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.filterwarnings("error")
    def test_extremes_are_finite(self, name: str, reduction: str, dtype: Any) -> None:
        """Scores of ±1000, right and wrong; probabilities of exactly 0 and 1."""
        y = np.array([[-1000.0, 1000.0, 0.0], [1000.0, -1000.0, 0.0]], dtype)
        y = (y > 0).astype(dtype) if name in ("cross_entropy_error", "binary_cross_entropy") else y
        t = np.array([0, 0]) if name in CLASSES else np.array([[1, 1, 1], [1, 1, 1]])
        loss = lambda x: TABLE[name](x, t, reduction)  # noqa: E731
        assert np.isfinite(loss(Tensor(y)).numpy()).all()
        assert np.isfinite(gradient(loss, y)).all()

    def test_exponential_loss_overflows_to_infinity(self) -> None:
        with np.errstate(over="ignore"):
            assert tj.exponential_loss([-1000.0], [1]).item() == np.inf
        assert tj.exponential_loss([1000.0], [1]).item() == 0.0

    def test_losses_that_are_nearly_0_are_accurate(self) -> None:
        for x, t in ((40.0, 1.0), (-40.0, 0.0)):
            assert tj.binary_cross_entropy_with_logits(x, t).item() == pytest.approx(math.exp(-40), rel=1e-12)
        assert tj.logistic_loss(-40.0, -1).item() == pytest.approx(math.exp(-40), rel=1e-12)

    def test_nll_of_a_label_beside_minus_infinity(self) -> None:
        log_y = [[0.0, -np.inf]]
        assert tj.nll_loss(log_y, [0]).item() == 0.0
        np.testing.assert_array_equal(gradient(lambda x: tj.nll_loss(x, [0]), log_y), [[-1.0, 0.0]])

    @pytest.mark.parametrize("name", LOSSES)
    def test_documented(self, name: str) -> None:
        doc = TABLE[name].__doc__ or ""
        for section in ("Parameters\n----------\n", "Returns\n-------\n", "Raises\n------\n"):
            assert doc.count(section) == 1
        for argument in TABLE[name].defaults:
            assert f"\n{argument}\n    " in doc

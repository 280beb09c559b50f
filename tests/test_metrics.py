"""The metrics: worked examples, invariances, 0/0, and input that must be refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_jp import Tensor
from tinygrad_jp.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_jp.metrics import (
    METRICS,
    accuracy,
    confusion_matrix,
    f_score,
    get_metric,
    mae,
    mse,
    precision,
    r2_score,
    recall,
    rmse,
    top_k_accuracy,
)

CLASSES = 4

# The example of scikit-learn's documentation of precision, recall and F, with the values printed there.
TRUE = np.array([0, 1, 2, 0, 1, 2])
PREDICTED = np.array([0, 2, 1, 0, 0, 1])


@st.composite
def labels(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true labels below CLASSES."""
    pairs = draw(st.lists(st.tuples(*[st.integers(0, CLASSES - 1)] * 2), min_size=1, max_size=20))
    y, t = np.array(pairs).T
    return y, t


@st.composite
def scores(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Scores with many ties, and labels."""
    n = draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    return rng.integers(0, 4, (n, CLASSES)) / 4, rng.integers(0, CLASSES, n)


@st.composite
def numbers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(2, 12))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    return rng.normal(size=n), rng.normal(size=n)


class TestExamples:
    def test_accuracy_and_confusion(self) -> None:
        assert accuracy(PREDICTED, TRUE) == pytest.approx(1 / 3)
        np.testing.assert_array_equal(confusion_matrix(PREDICTED, TRUE), [[2, 0, 0], [1, 0, 1], [0, 2, 0]])

    @pytest.mark.parametrize(
        ("metric", "average", "expected"),
        [
            (precision, "macro", 2 / 9),
            (precision, "micro", 1 / 3),
            (precision, "none", [2 / 3, 0, 0]),
            (recall, "macro", 1 / 3),
            (recall, "none", [1, 0, 0]),
            (f_score, "macro", 0.8 / 3),
            (f_score, "none", [0.8, 0, 0]),
        ],
    )
    def test_scikit_learns_example(self, metric: Callable[..., Any], average: str, expected: Any) -> None:
        np.testing.assert_allclose(metric(PREDICTED, TRUE, average=average), expected, rtol=1e-12)

    def test_beta(self) -> None:
        """scikit-learn's example of fbeta_score: 0.23809… for β = 0.5."""
        assert f_score(PREDICTED, TRUE, 0.5, "macro") == pytest.approx(0.238095238)

    def test_binary(self) -> None:
        y, t = np.array([1, 1, 1, 0, 0]) > 0, np.array([1, 0, 1, 1, 0])
        assert precision(y, t) == pytest.approx(2 / 3)
        assert recall(y, t) == pytest.approx(2 / 3)
        assert precision(np.array([0, 1]), np.array([0, 0])) == 0

    def test_top_k(self) -> None:
        """scikit-learn's example of top_k_accuracy_score: 0.75 for k = 2, 1.0 for k = 3."""
        y = np.array([[0.5, 0.2, 0.2], [0.3, 0.4, 0.2], [0.2, 0.4, 0.3], [0.7, 0.2, 0.1]])
        assert top_k_accuracy(y, [0, 1, 2, 2], k=2) == 0.75
        assert top_k_accuracy(y, [0, 1, 2, 2], k=3) == 1.0

    def test_numbers(self) -> None:
        """scikit-learn's examples: 0.375, 0.612…, 0.5, 0.948…."""
        t, y = [3, -0.5, 2, 7], [2.5, 0.0, 2, 8]
        assert mse(y, t) == 0.375
        assert rmse(y, t) == pytest.approx(0.612372435)
        assert mae(y, t) == 0.5
        assert r2_score(y, t) == pytest.approx(0.948608137)

    def test_r2_of_several_outputs_is_their_mean(self) -> None:
        """scikit-learn's example with two outputs."""
        t, y = [[0.5, 1], [-1, 1], [7, -6]], [[0, 2], [-1, 2], [8, -5]]
        assert r2_score(y, t) == pytest.approx(0.936800526)

    def test_nan_is_the_lowest_score(self) -> None:
        y = [[np.nan, 0.0, 1.0]]
        assert accuracy(y, [2]) == 1
        assert top_k_accuracy(y, [0], k=2) == 0

    def test_nan_alone_predicts_no_class(self) -> None:
        y = [[0.0, 1.0], [np.nan, np.nan]]
        for label in (0, 1):
            assert accuracy(y, [1, label]) == 0.5
            assert top_k_accuracy(y, [1, label], k=2) == 0.5
        for metric in (confusion_matrix, precision, recall, f_score):
            with pytest.raises(ArgumentError, match=f"^{metric.__name__}: row 1 of the scores is all NaN"):
                metric(y, [1, 0])

    def test_tensors_that_require_a_gradient(self) -> None:
        y = Tensor([[0.1, 0.9], [0.8, 0.2]], requires_grad=True)
        assert accuracy(y, Tensor([1, 1])) == 0.5
        assert mse(y, y) == 0


class TestZeroDivision:
    def test_declared(self) -> None:
        y, t = np.array([0, 0]), np.array([0, 1])  # class 1 never predicted, class 2 neither predicted nor true
        for value in (0.0, 1.0):
            np.testing.assert_array_equal(precision(y, t, "none", 3, value), [0.5, value, value])
            np.testing.assert_array_equal(recall(y, t, "none", 3, value), [1, 0, value])
            np.testing.assert_allclose(f_score(y, t, 1.0, "none", 3, value), [2 / 3, 0, value])

    def test_nan_leaves_a_class_out(self) -> None:
        y, t = np.array([0, 0]), np.array([0, 1])
        assert precision(y, t, "macro", 3, np.nan) == 0.5
        assert recall(y, t, "macro", 3, np.nan) == 0.5
        assert np.isnan(precision([0], [0], zero_division=np.nan))

    def test_r2_of_equal_targets(self) -> None:
        assert r2_score([0.1] * 3, [0.1] * 3) == 1
        assert r2_score([0.1, 0.1, 0.2], [0.1] * 3) == 0


class TestProperties:
    @given(labels(), st.randoms(use_true_random=False))
    def test_order_of_examples_does_not_matter(self, pair: tuple[np.ndarray, np.ndarray], random: Any) -> None:
        y, t = pair
        order = random.sample(range(len(y)), len(y))
        np.testing.assert_array_equal(
            confusion_matrix(y[order], t[order], CLASSES), confusion_matrix(y, t, classes=CLASSES)
        )
        assert f_score(y[order], t[order], 2.0, "macro") == f_score(y, t, 2.0, "macro")

    @given(labels())
    def test_confusion_matrix_tells_accuracy_and_counts(self, pair: tuple[np.ndarray, np.ndarray]) -> None:
        y, t = pair
        matrix = confusion_matrix(y, t, CLASSES)
        assert accuracy(y, t) == pytest.approx(np.trace(matrix) / matrix.sum())
        np.testing.assert_array_equal(matrix.sum(axis=1), np.bincount(t, minlength=CLASSES))
        np.testing.assert_array_equal(matrix.sum(axis=0), np.bincount(y, minlength=CLASSES))
        np.testing.assert_array_equal(matrix.T, confusion_matrix(t, y, CLASSES))

    @given(labels(), st.floats(0, 10))
    def test_micro_is_accuracy(self, pair: tuple[np.ndarray, np.ndarray], beta: float) -> None:
        y, t = pair
        for value in (f_score(y, t, beta, "micro"), precision(y, t, "micro"), recall(y, t, "micro")):
            assert value == pytest.approx(accuracy(y, t))

    @given(labels())
    def test_recall_is_the_precision_of_the_exchanged(self, pair: tuple[np.ndarray, np.ndarray]) -> None:
        y, t = pair
        np.testing.assert_array_equal(recall(y, t, "none"), precision(t, y, "none"))

    @given(labels(), st.floats(0.1, 10))
    def test_f_is_the_weighted_harmonic_mean(self, pair: tuple[np.ndarray, np.ndarray], beta: float) -> None:
        y, t = pair
        p, r, f = precision(y, t, "none"), recall(y, t, "none"), f_score(y, t, beta, "none")
        both = (p > 0) & (r > 0)
        np.testing.assert_allclose(f[both], (1 + beta**2) / (1 / p[both] + beta**2 / r[both]), rtol=1e-9)
        np.testing.assert_array_equal(f[~both], 0)
        np.testing.assert_array_equal(f_score(y, t, 0.0, "none"), p)

    @given(scores())
    def test_labels_and_one_hot_rows_say_the_same(self, pair: tuple[np.ndarray, np.ndarray]) -> None:
        y, t = pair
        rows = np.eye(CLASSES)[t]
        expected = confusion_matrix(y, t)
        assert expected.shape == (CLASSES, CLASSES)
        for form in (confusion_matrix(y, rows), confusion_matrix(y.argmax(axis=1), rows)):
            np.testing.assert_array_equal(form, expected)

    @given(scores())
    def test_top_k_grows_from_accuracy_to_one(self, pair: tuple[np.ndarray, np.ndarray]) -> None:
        shares = [top_k_accuracy(*pair, k=k) for k in range(1, CLASSES + 1)]
        assert shares[0] == accuracy(*pair)
        assert shares == sorted(shares)
        assert shares[-1] == 1

    @given(numbers(), st.floats(0.5, 3), st.floats(-3, 3))
    def test_errors_of_numbers(self, pair: tuple[np.ndarray, np.ndarray], scale: float, shift: float) -> None:
        y, t = pair
        assert mae(y, t) <= rmse(y, t) * (1 + 1e-12)
        assert mse(y, t) == pytest.approx(rmse(y, t) ** 2)
        assert mse(y + shift, t + shift) == pytest.approx(mse(y, t))
        assert rmse(scale * y, scale * t) == pytest.approx(scale * rmse(y, t))
        assert r2_score(scale * y + shift, scale * t + shift) == pytest.approx(r2_score(y, t))
        assert r2_score(t, t) == 1
        assert r2_score(np.full_like(t, t.mean()), t) == pytest.approx(0)


class TestRefused:
    @pytest.mark.parametrize(
        ("y", "t", "error", "message"),
        [
            (np.zeros((3, 1)), np.zeros(3, int), ShapeError, r"\(3, 1\) and \(3,\).*2 classes or more"),
            (np.zeros(3, int), np.zeros((3, 1), int), ShapeError, "2 classes or more"),
            (np.zeros((3, 2)), np.zeros(4, int), ShapeError, r"\(3, 2\) and \(4,\)"),
            (np.zeros((3, 2)), np.eye(3), ShapeError, "numbers of classes differ"),
            (np.zeros(()), np.zeros((), int), ShapeError, r"\(\)"),
            (np.zeros((3, 2)), np.zeros(3), DtypeError, r"true labels .* float64; write labels.astype\(int\)"),
            (np.array([0.2, 0.7]), np.array([0, 1]), DtypeError, "y > 0.5"),
            (np.array([["a", "b"]]), np.array([0]), DtypeError, "scores must be numbers"),
            (np.zeros((3, 2)), np.array([0, 1, 2]), ArgumentError, "true labels must lie in 0…1, got 2"),
            (np.array([0, 5]), np.eye(2), ArgumentError, "predicted labels must lie in 0…1, got 5"),
            (np.zeros((2, 2)), np.array([0, -1]), ArgumentError, "got -1"),
            (np.zeros((2, 2)), np.array([[1, 0], [1, 1]]), ArgumentError, "row 1 .* not one-hot"),
            (np.zeros((0, 2)), np.zeros(0, int), ArgumentError, "the batch is empty"),
        ],
    )
    def test_classes(self, y: np.ndarray, t: np.ndarray, error: type[Exception], message: str) -> None:
        for metric in (accuracy, confusion_matrix, precision):
            with pytest.raises(error, match=f"^{metric.__name__}: .*{message}"):
                metric(y, t)

    @pytest.mark.parametrize("metric", [mse, rmse, mae, r2_score])
    def test_numbers(self, metric: Callable[..., float]) -> None:
        with pytest.raises(ShapeError, match=rf"^{metric.__name__}: .*\(3, 1\).*\(3,\).*not broadcast"):
            metric(np.zeros((3, 1)), np.zeros(3))
        with pytest.raises(ArgumentError, match="the batch is empty"):
            metric(np.zeros(0), np.zeros(0))
        with pytest.raises(DtypeError, match="complex128"):
            metric(np.zeros(2, complex), np.zeros(2, complex))

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda: precision([0], [2]), "3 classes; say average='macro'"),
            (lambda: recall([0], [1], average="weighted"), "average must be .* got 'weighted'"),
            (lambda: f_score([0], [1], beta=-1), "beta must be .* got -1"),
            (lambda: top_k_accuracy(np.zeros((2, 3)), [0, 1], k=4), "k must lie in 1…3"),
            (lambda: top_k_accuracy([0, 1], [0, 1], k=1), "needs scores"),
            (lambda: confusion_matrix([0, 3], [0, 1], classes=3), "predicted labels must lie in 0…2, got 3"),
        ],
    )
    def test_arguments(self, call: Callable[[], Any], message: str) -> None:
        with pytest.raises(ArgumentError, match=message):
            call()


def test_registry() -> None:
    assert get_metric("accuracy") is accuracy
    for name in ("mse", "rmse", "mae", "r2_score", "accuracy", "precision"):
        assert isinstance(METRICS[name]([0, 1, 1], [0, 1, 0]), float)
    with pytest.raises(ArgumentError, match="'acuracy'; did you mean 'accuracy'"):
        get_metric("acuracy")
    with pytest.raises(ArgumentError, match="there are accuracy, top_k_accuracy"):
        get_metric("zzz")

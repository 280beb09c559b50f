"""keep_values and detect_anomaly: what ops tell while they run."""

import numpy as np
import pytest

import tinygrad_jp as tj
from tinygrad_jp import Tensor, detect_anomaly, enable_grad, exp, keep_values, log, no_grad, sqrt
from tinygrad_jp.errors import AnomalyError

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def variable(*values, name=None):
    return Tensor(np.array(values, float), requires_grad=True, name=name)


def large(*shape):
    return np.random.default_rng(0).normal(size=shape)


def test_nothing_is_kept_by_default():
    w = Tensor(large(30, 20), requires_grad=True)
    y = (Tensor(large(5, 30)) @ w).sum()
    y.backward()
    assert y._node.call is None
    assert y._node.source is None


def test_all_values_and_gradients_stay_with_the_nodes():
    x, w = large(5, 30), Tensor(large(30, 20), requires_grad=True)
    with keep_values():
        y = (Tensor(x) @ w).sum(axis=0).sum()
    y.backward()
    total = y._node
    columns = total.edges[0]
    product = columns.edges[0]
    assert columns.call.attrs == {"axis": 0, "keepdims": False}
    np.testing.assert_array_equal(product.call.inputs[0], x)
    np.testing.assert_array_equal(product.value, x @ w.numpy())
    np.testing.assert_array_equal(columns.contributions()[0], np.ones((5, 20)))
    np.testing.assert_array_equal(product.contributions()[1], w.grad.numpy())
    assert product.contributions()[1] is not w.grad.numpy()


def test_what_was_kept_of_a_leaf_does_not_follow_its_changes():
    w = Tensor(large(30, 20), requires_grad=True)
    before = w.numpy().copy()
    with keep_values():
        y = (w * 2.0).sum()
    y.backward()
    with no_grad():
        w -= w.grad
    np.testing.assert_array_equal(y._node.edges[0].call.inputs[0], before)


def test_kept_gradients_are_right_where_several_meet():
    x = Tensor(large(10, 10), requires_grad=True)
    with keep_values():
        s = exp(x)
        y = (s * 2.0 + s * 3.0 + s).sum()
    y.backward()
    node = y._node.edges[0].edges[0].edges[0].edges[0]
    assert node.plan.op.name == "exp"
    np.testing.assert_array_equal(node.gradients[-1], np.full((10, 10), 6.0))
    np.testing.assert_allclose(x.grad.numpy(), 6 * np.exp(x.numpy()))


def test_the_line_that_ran_the_op_is_noted():
    with keep_values():
        y = variable(2.0) * 3.0  # this line
    source = y._node.source
    assert source.file == __file__
    assert source.text.endswith("# this line")
    assert source.function == "test_the_line_that_ran_the_op_is_noted"


def test_no_grad_inside_records_nothing_and_enable_grad_keeps_again():
    x = variable(2.0)
    with keep_values(), no_grad():
        assert (x * 2.0)._node is None
        with enable_grad():
            assert (x * 2.0)._node.call is not None
    with no_grad(), keep_values():
        assert (x * 2.0)._node is None
        with enable_grad():
            assert (x * 2.0)._node.call is not None
    assert (x * 2.0)._node.call is None


@keep_values()
def doubled(x):
    return x * 2.0


def test_it_decorates_functions():
    assert doubled(variable(1.0))._node.call is not None


@pytest.mark.parametrize(
    ("compute", "told"),
    [
        (lambda: exp(variable(1.0, 800.0)), ["exp: the forward", "1 inf among 2", "[1] = inf", "x = 800.0"]),
        (lambda: variable(0.0, 1.0) / 0.0, ["div", "1 NaN and 1 inf", "y = 0.0"]),
        (lambda: log(variable(-1.0)), ["log", "1 NaN", "float64 (1,)"]),
        (lambda: np.concatenate([variable(1.0), variable(2.0)]) @ (variable(1e200, 1) * 1e200), ["mul", "1 inf"]),
        (lambda: exp(Tensor([1000.0])), ["exp", "1 inf"]),
        (
            lambda: sqrt(variable(0.0, 4.0)).sum().backward(),
            ["sqrt: the backward", "gradient of x", "arrived there is 1"],
        ),
    ],
)
def test_the_first_anomaly_raises_and_shows_its_line(compute, told):
    with detect_anomaly(), pytest.raises(AnomalyError) as error:
        compute()
    for part in [*told, "recorded by", __file__]:
        assert part in str(error.value)


def test_contributions_that_overflow_together_raise():
    h = Tensor(np.float16(0), requires_grad=True) * 1
    y = h * 40000 + h * 40000
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"mul: the backward pass made 1 inf .* add up"):
        y.backward()


def test_what_was_recorded_outside_is_told_without_its_line():
    y = sqrt(variable(0.0)).sum()
    with detect_anomaly(), pytest.raises(AnomalyError, match="run the forward pass inside"):
        y.backward()


def test_infinities_that_come_in_are_nobodys_fault():
    with detect_anomaly():
        scores = variable(1.0, -np.inf)
        tj.softmax(scores).sum().backward()
        assert (variable(np.nan) * 2.0).numpy() != 0


def test_both_can_be_asked_for():
    with keep_values(), detect_anomaly():
        assert doubled(variable(1.0))._node.call is not None
        with pytest.raises(AnomalyError):
            log(variable(0.0))

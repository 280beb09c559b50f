"""The story of a computation: formulas that are true, numbers that are the tape's, words in both languages."""

from __future__ import annotations

import contextlib
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tests.calls import calls
from tinygrad_jp import Tensor, keep_values, nn, ops, viz
from tinygrad_jp.errors import ArgumentError, GraphError
from tinygrad_jp.language import speaking
from tinygrad_jp.testing import spaced
from tinygrad_jp.text import width
from tinygrad_jp.viz import story as told_by
from tinygrad_jp.viz.gallery import apple, apple_and_orange_gradients, apple_gradients, softmax_with_loss
from tinygrad_jp.viz.phrases import CHAIN, PHRASES, phrase_of
from tinygrad_jp.viz.scene import number
from tinygrad_jp.viz.story import NOT_COMPUTED, BackwardStep, Story, story


def variable(values: Any, name: str | None = None) -> Tensor:
    return Tensor(np.asarray(values, float), requires_grad=True, name=name)


def backward(told: Story) -> dict[str, str]:
    """Return the last numbers of each value's gradient, the sum where several meet."""
    return {step.to: step.total or step.numbers for step in told.backward}


# ------------------------------------------------------------------------------------------------ the book's shops

APPLE = """\
Forward, in order of computing
     computation                 numbers
  1  v1 = りんご × りんごの個数  100 × 2 = 200
  2  支払金額 = v1 × 消費税      200 × 1.1 = 220

Backward, from the result (∂L/∂x: how much the final result L grows per unit of x)
     gradient                            numbers
     ∂L/∂支払金額                        1
  1  ∂L/∂v1 = ∂L/∂支払金額 × 消費税      1 × 1.1 = 1.1
  2  ∂L/∂消費税 = ∂L/∂支払金額 × v1      1 × 200 = 200
  3  ∂L/∂りんご = ∂L/∂v1 × りんごの個数  1.1 × 2 = 2.2
  4  ∂L/∂りんごの個数 = ∂L/∂v1 × りんご  1.1 × 100 = 110

Rules
  ×  Multiplies. Each input gets the arriving gradient times the other input: the inputs change places."""

APPLE_JA = """\
順伝播(計算した順)
     計算                        数値
  1  v1 = りんご × りんごの個数  100 × 2 = 200
  2  支払金額 = v1 × 消費税      200 × 1.1 = 220

逆伝播(結果から順に。∂L/∂x は x が 1 増えるごとに最終結果 L がどれだけ増えるか)
     勾配                                数値
     ∂L/∂支払金額                        1
  1  ∂L/∂v1 = ∂L/∂支払金額 × 消費税      1 × 1.1 = 1.1
  2  ∂L/∂消費税 = ∂L/∂支払金額 × v1      1 × 200 = 200
  3  ∂L/∂りんご = ∂L/∂v1 × りんごの個数  1.1 × 2 = 2.2
  4  ∂L/∂りんごの個数 = ∂L/∂v1 × りんご  1.1 × 100 = 110

規則
  ×  掛け算をします。届いた勾配に相手側の入力を掛けます。順伝播のときと入力が入れ替わる形です。"""

SHOP_JA = """\
順伝播(計算した順)
     計算                        数値
  1  v1 = りんご × りんごの個数  100 × 2 = 200
  2  v2 = みかん × みかんの個数  150 × 3 = 450
  3  v3 = v1 + v2                200 + 450 = 650
  4  支払金額 = v3 × 消費税      650 × 1.1 = 715
"""


def test_the_apples_are_told_in_both_languages() -> None:
    assert apple_gradients().explain("en") == APPLE
    assert apple_gradients().explain("ja") == APPLE_JA
    with speaking("ja"):
        assert apple_gradients().explain() == APPLE_JA
    assert apple_gradients().explain() == APPLE


def test_apples_and_oranges() -> None:
    assert apple_and_orange_gradients().explain("ja").startswith(SHOP_JA)
    told = story(apple_and_orange_gradients())
    assert [step.numbers for step in told.forward][-1] == "650 × 1.1 = 715"
    assert backward(told) == {
        "v3": "1 × 1.1 = 1.1",
        "消費税": "1 × 650 = 650",
        "v1": "1.1 × 1 = 1.1",
        "v2": "1.1 × 1 = 1.1",
        "みかん": "1.1 × 3 = 3.3",
        "みかんの個数": "1.1 × 150 = 165",
        "りんご": "1.1 × 2 = 2.2",
        "りんごの個数": "1.1 × 100 = 110",
    }


def test_softmax_with_loss_adds_up_where_gradients_meet() -> None:
    told = story(softmax_with_loss())
    assert len(told.forward) == 18
    assert told.forward[5].formula == "1 ÷ v5"
    sums = [step.total for step in told.backward if step.total]
    assert sums[0] == "0 + (-74.12) + 0 = -74.12"
    assert len(sums) == 4
    by_name = {step.to: step for step in told.backward}
    assert by_name["a2"].formula == "∂L/∂a2 = ∂L/∂v2 × v2"
    assert by_name["a2"].numbers == "-0.04153 × 18.17 = -0.7548"


# ------------------------------------------------------------------------------------------------ the formulas


def evaluated(template: str, known: dict[str, Any]) -> Any:
    """Compute a formula of the table with NumPy."""
    text = re.sub(r"\[\{index}]", "[index]", template)
    text = re.sub(r"\[(\{\w+} [<>=] (?:\{\w+}|0))]", r"(\1)", text).replace(" = ", " == ")
    text = text.replace("{more}", "").replace("√π", "sqrt(pi)").replace("√(", "sqrt(").replace("log 10", "log(10)")
    text = text.replace("log 2", "log(2)").replace("log Σ exp", "logsumexp").replace("Σ(", "sum(")
    text = re.sub(r"⌊(.*)⌋", r"floor(\1)", re.sub(r"⌈(.*)⌉", r"ceil(\1)", text))
    text = re.sub(r"‖(.*)‖", r"norm(\1)", re.sub(r"\|(.*)\|", r"abs(\1)", text))
    text = text.replace("Πⱼ≠ᵢ {x}", "(out / {x})").replace(" as {dtype}", "").replace("mod", "%").replace("ᵀ", ".T")
    for sign, python in (("×", "*"), ("÷", "/"), ("−", "-"), ("²", "**2"), ("·", "@")):
        text = text.replace(sign, python)
    x = known.get("x", 0)
    functions = {
        **{name: getattr(np, name) for name in dir(np) if not name.startswith("_")},
        **{row.name: row.forward for row in ops.TABLE.values() if row.name in text and not hasattr(np, row.name)},
        "max": lambda *xs: np.maximum(*xs) if len(xs) > 1 else np.max(*xs),
        "min": lambda *xs: np.minimum(*xs) if len(xs) > 1 else np.min(*xs),
        "norm": np.linalg.norm,
        "log": lambda x: np.log(x),
        "repeat": lambda g: np.broadcast_to(g, x.shape),
        "transpose": lambda a: a.T,
        "identity": lambda a: a,
        "expand_dims": lambda a: a[None],
        "reshape": lambda a, shape=None: np.reshape(a, x.shape if shape is None else shape),
        "one_hot": lambda t: np.eye(known["x"].shape[1])[t],
    }
    names = {"col2im": lambda g: ops.col2im.forward(g, x.shape, 2, 2)}
    names["max_unpool2d"] = lambda g: ops.max_unpool2d.forward(g, ops.argmax_pool2d.forward(x, 2), x.shape[2:], 2)
    names["im2col"] = lambda x: ops.im2col.forward(x, 2, 2)
    names["max_pool2d"] = lambda x: ops.max_pool2d.forward(x, 2)
    names["avg_pool2d"] = lambda x: ops.avg_pool2d.forward(x, 2)
    return eval(re.sub(r"{(\w+)}", r"\1", text), functions | names, known)


SHAPES: dict[str, list[tuple[int, ...]]] = {
    "matmul": [(2, 3), (3, 4)], "affine": [(2, 3), (3, 4), (4,)],
    "affine_relu": [(2, 3), (3, 4), (4,)], "conv2d": [(1, 1, 3, 3), (2, 1, 2, 2)],
    "im2col": [(1, 2, 4, 4)], "max_pool2d": [(1, 2, 4, 4)], "avg_pool2d": [(1, 2, 4, 4)], "softmax": [(4,)],
    "log_softmax": [(4,)], "squeeze": [(1, 3)], "cumsum": [(5,)],
}  # fmt: skip
ATTRS: dict[str, dict[str, Any]] = {
    "clip": {"a_min": -0.5, "a_max": 0.5}, "reshape": {"shape": (3, 2)}, "expand_dims": {"axis": 0},
    "broadcast_to": {"shape": (4, 2, 3)}, "getitem": {"index": 0}, "im2col": {"filter_h": 2, "filter_w": 2},
    "max_pool2d": {"size": 2}, "avg_pool2d": {"size": 2}, "astype": {"dtype": np.float64},
}  # fmt: skip


def example(name: str, k: int) -> tuple[list[Any], dict[str, Any]]:
    """Return inputs and static arguments for the k-th phrase of a row."""
    row, rng = ops.TABLE[name], np.random.default_rng(0)
    shapes = SHAPES.get(name, [(2, 3)] * len(row.inputs))
    if name == "dot":
        shapes = [[(2, 3), (3, 4)], [(3,), (3,)]][k]
    inputs: list[Any] = [
        spaced(rng, math.prod(shape), row.domain[n]).reshape(shape) for n, shape in zip(row.inputs, shapes, strict=True)
    ]
    if name == "where":
        inputs[0] = inputs[0] > 0
    if name == "softmax_cross_entropy":
        inputs[1] = np.array([2, 0])
    return inputs, ATTRS.get(name, {})


@pytest.mark.parametrize(("name", "k"), [(name, k) for name, phrases in PHRASES.items() for k in range(len(phrases))])
def test_every_formula_of_the_table_is_true(name: str, k: int) -> None:
    phrase, row = PHRASES[name][k], ops.TABLE[name]
    inputs, attrs = example(name, k)
    assert phrase_of(row, [np.shape(x) for x in inputs], attrs) is phrase
    leaves = [Tensor(x, requires_grad=n in row.vjps) for n, x in zip(row.inputs, inputs, strict=True)]
    with keep_values():
        y = row(*leaves, **attrs)
    g = np.random.default_rng(1).normal(size=y.shape)
    y.backward(g)
    size = max(leaves[0].size, 1)
    known = dict(zip(row.inputs, inputs, strict=True)) | row.defaults | attrs
    known |= {"g": g, "out": y.numpy(), "n": size // max(y.size, 1), "rows": len(inputs[0])}
    np.testing.assert_allclose(evaluated(phrase.formula, known), y.numpy(), rtol=1e-10)
    assert set(phrase.back) == set(row.vjps)
    for i, contribution in y._node.contributions().items():
        template = phrase.back[row.inputs[i]]
        if template != CHAIN:
            value = evaluated(template, known)
            extra = value.ndim - contribution.ndim  # broadcast_to
            np.testing.assert_allclose(value.sum(tuple(range(extra))), contribution, rtol=1e-10, atol=1e-12)


def test_rules_are_sentences_in_both_languages() -> None:
    phrases = [phrase for row in PHRASES.values() for phrase in row]
    phrases += [
        phrase_of(ops.TABLE[name], [()], {}) for name in ("flip", "batch_norm", "hypot_of_nobody"[:0] or "norm")
    ]
    for phrase in phrases:
        for said in (phrase.does, phrase.returns):
            assert said.en[0].isalnum() or said.en[0] == "∂"
            assert said.en.endswith(".")
            assert said.ja.endswith("。")
            assert re.search("[ぁ-ん]", said.ja)


@settings(max_examples=5, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize(
    "row", [row for row in ops.TABLE.values() if row.composite or row.vjps], ids=lambda row: row.name
)
def test_every_row_can_be_told(row: ops.Op[Any], data: st.DataObject) -> None:
    call = data.draw(calls(row))
    inputs = [Tensor(a, requires_grad=i in call.differentiable) for i, a in enumerate(call.arrays)]
    y = call.run(*inputs)
    if y.is_leaf:
        return
    if data.draw(st.booleans()):
        y.backward(np.ones(y.shape, y.dtype))
    told = story(y)
    assert len({step.node for step in told.forward}) == len(told.forward)
    for step in (*told.forward, *told.backward):
        assert not re.search(r"{\w+}", step.formula + step.numbers)
        assert re.search(" [=→] ", step.numbers) or step.numbers == NOT_COMPUTED
    for language in ("en", "ja"):
        assert y.explain(language).count("\n") > len(told.forward) + len(told.backward)


# ------------------------------------------------------------------------------------------------ numbers


def results(step: BackwardStep) -> str:
    return re.split(" [=→] ", step.numbers)[-1]


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(-3, 3, width=32), min_size=2, max_size=4), data=st.data())
def test_numbers_are_those_of_the_tape(values: list[float], data: st.DataObject) -> None:
    known = [variable(value) for value in values]
    for _ in range(data.draw(st.integers(1, 6))):
        a, b = (data.draw(st.sampled_from(known)) for _ in range(2))
        known.append(data.draw(st.sampled_from([a + b, a * b, a - b, tj.tanh(a), tj.maximum(a, b)])))
    y = known[-1]
    y.backward()
    told = story(y)
    for step in told.forward:
        assert step.numbers.endswith(f" = {number(step.node.value.item())}")
    for step in told.backward:
        contribution = step.node.contributions()[step.input].item()
        assert results(step) == number(contribution)
    leaves = {id(edge): step for step in told.backward if isinstance(edge := step.node.edges[step.input], Tensor)}
    for leaf in known:
        if leaf.is_leaf and leaf.grad is not None:
            step = leaves[id(leaf)]
            assert (step.total or step.numbers).endswith(f" = {number(leaf.grad.item())}")


def test_what_meets_is_added_at_the_last_contribution() -> None:
    x = variable(2, "x")
    y = x * 1.1 + x * 2.2
    y.backward()
    told = story(y)
    to_x = [step for step in told.backward if step.to == "x"]
    assert [step.formula for step in to_x] == ["∂L/∂x += ∂L/∂v2 × 2.2", "∂L/∂x += ∂L/∂v1 × 1.1"]
    assert [step.total for step in to_x] == [None, "2.2 + 1.1 = 3.3"]
    assert re.search(r"^ {5}∂L/∂x +2\.2 \+ 1\.1 = 3\.3$", y.explain("en"), re.MULTILINE)


def test_a_sum_of_many_contributions_is_shortened() -> None:
    x = variable(2, "x")
    y = tj.stack([x * float(k) for k in range(20)]).sum()
    y.backward()
    assert [step.total for step in story(y).backward if step.total] == ["19 + 18 + 17 + 16 + 15 + 14 + … + 0 = 190"]


def test_an_op_that_takes_a_value_twice() -> None:
    x = variable(3, "x")
    y = x * x
    y.backward()
    assert [step.total for step in story(y).backward] == [None, "3 + 3 = 6"]


def test_small_arrays_are_written_out_and_large_ones_by_shape() -> None:
    x, w = variable([1, 2], "x"), variable(np.ones((30, 20)), "w")
    assert story(x * 2).forward[0].numbers == "[1, 2] × 2 = [2, 4]"
    assert story(Tensor(np.ones((5, 30))) @ w).forward[0].numbers == "(5, 30) · (30, 20) → (5, 20)"
    assert story(w * 2).forward[0].numbers == "(30, 20) × 2 → (30, 20)"
    assert story(w.sum()).forward[0].numbers == "sum((30, 20)) → 600"
    assert story(x * variable([3, 4], "y") * w[:2, :1]).forward[0].numbers == "[1, 2] × [3, 4] = [3, 8]"
    thirds = variable([1 / 3, -2 / 3, 1 / 7], "t")
    assert story(thirds + 1).forward[0].numbers == "[0.3333, -0.6667, 0.1429] + 1 = [1.333, 0.3333, 1.143]"
    assert story(thirds * thirds).forward[0].numbers == "(3,) × (3,) → [0.1111, 0.4444, 0.02041]"  # too long a line


def test_negative_numbers_stand_in_parentheses_beside_signs() -> None:
    x = variable(-2, "x")
    assert story(3 - x).forward[0].numbers == "3 − (-2) = 5"
    assert story(x - 3).forward[0].numbers == "-2 − 3 = -5"
    assert story(x**2).forward[0].numbers == "(-2) ** 2 = 4"
    assert story(-x).forward[0].numbers == "-(-2) = 2"
    assert story(abs(x)).forward[0].numbers == "|-2| = 2"


def test_broadcast_inputs_are_summed_and_told_so() -> None:
    b = variable([1, 2], "b")
    y = Tensor(np.ones((3, 2))) * b
    y.backward(np.ones((3, 2)))
    (step,) = story(y).backward
    assert step.formula == "∂L/∂b = sum(∂L/∂v1 × x1)"
    assert step.numbers == "sum((3, 2) × (3, 2)) → [3, 3]"
    assert "summed over the axes along which it was repeated" in step.rule.en
    assert "繰り返した軸について勾配を合計" in step.rule.ja


def test_what_was_not_computed_is_never_0() -> None:
    told = story(apple())
    assert {step.numbers for step in told.backward} == {NOT_COMPUTED}
    assert told.start == f"∂L/∂支払金額 = {NOT_COMPUTED}"
    assert apple().explain("en").count("not computed") == 6  # in five lines, and in the hint
    assert "計算していません" in apple().explain("ja")
    x, y = variable(3, "x"), variable(4, "y")
    z = x * y
    tj.grad(z, x)
    by_name = {step.to: step.numbers for step in story(z).backward}
    assert by_name == {"x": "1 × 4 = 4", "y": NOT_COMPUTED}


def test_a_hook_that_replaces_a_gradient_is_told() -> None:
    x = variable(2, "x")
    h = x * 3.0
    h.register_hook(lambda g: g * 2)
    y = h * 1.5
    y.backward()
    assert [step.total for step in story(y).backward] == ["1.5 ⇒ 3", None]
    assert story(y).backward[1].numbers == "3 × 3 = 9"


def test_a_hook_of_a_leaf_is_told() -> None:
    x = variable(3, "x")
    x.register_hook(lambda g: g * 10)
    y = x * x
    y.backward()
    assert [step.total for step in story(y).backward] == [None, "3 + 3 = 6 ⇒ 60"]
    (x * 2.0).backward()  # adds to x.grad, and is not told here
    assert [step.total for step in story(y).backward] == [None, "3 + 3 = 6"]
    seen = variable(3, "x")
    seen.register_hook(lambda g: None)
    y = seen * 2.0
    y.backward()
    assert story(y).backward[0].total is None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_strict_zero_did_is_told() -> None:
    x = variable([-1.0, 4.0], "x")
    y = tj.where(x > 0, tj.sqrt(x), 0.0) @ np.ones(2)
    with tj.strict_zero():
        y.backward(retain_graph=True)
    last = story(y).backward[-1]
    assert last.numbers == "[0, 1] ÷ (2 × [NaN, 2]) = [0, 0.25] (strict_zero)"
    assert "strict_zero() made the gradient exactly 0" in last.rule.en
    assert "ちょうど 0" in last.rule.ja
    assert all("strict_zero" not in step.numbers + step.rule.en for step in story(y).backward[:-1])
    assert y.explain("en").count("strict_zero() made the gradient exactly 0") == 1
    assert "strict_zero() が勾配をちょうど 0 にしました" in y.explain("ja")
    y.backward()
    assert "strict_zero" not in y.explain("en")
    assert story(y).backward[-1].numbers.endswith("= [NaN, 0.25]")


@pytest.mark.parametrize("keep", [False, True])
def test_a_gradient_of_another_pass_is_not_passed_off_as_the_sum(keep: bool) -> None:
    x = variable(3, "x")
    with keep_values() if keep else contextlib.nullcontext():
        z = x * 2.0
        first, second = z * 3.0, z * 4.0
    first.backward(retain_graph=True)
    assert [hint.en[:1] for hint in story(second).hints] == ["W", "⇒"]  # z has a gradient, which is not this one's
    second.backward()
    told = story(first)
    assert [step.total for step in told.backward] == ["3 ⇒ 4", None]
    assert told.hints[0].en.startswith("⇒")
    assert told.hints[0].ja in told.backward[0].rule.ja  # where a page tells it
    assert not story(second).hints
    whole = x * 5.0
    (whole * 2.0 + whole).backward()
    assert story(whole).hints == ()


@pytest.mark.parametrize("dtype", [np.float32, np.int64, bool])
def test_a_constant_array_changed_since_is_told_as_it_was(dtype: Any) -> None:
    weights = np.array([0, 1], dtype)
    y = (variable([3.0, 4.0], "x") * weights).sum()
    z = ops.concatenate([variable([5.0], "x"), weights])
    before, joined = y.explain("en"), z.explain("en")
    weights[:] = [1, 0]
    assert y.explain("en") == before
    assert z.explain("en") == joined


def test_a_leaf_changed_since_is_not_told_by_its_new_value() -> None:
    def told(keep: bool) -> Story:
        x = variable(2, "x")
        if keep:
            with keep_values():
                y = x * 3.0
        else:
            y = x * 3.0
        x.data = 5.0
        return story(y)

    assert told(True).forward[0].numbers == "2 × 3 = 6"
    assert told(False).forward[0].numbers == "() × 3 → 6"
    assert "keep_values" in told(False).hints[-1].en
    assert all("keep_values" not in hint.en for hint in told(True).hints)


# ------------------------------------------------------------------------------------------------ names and lines


def test_names() -> None:
    a, b = variable([1, 2]), variable(3)
    y = a * b
    y.name = "two\nlines {x} <b>"
    z = (y + Tensor([1, 2])) * Tensor(np.ones((3, 2)), name="mask") + np.ones((5, 3, 2))
    assert [step.formula for step in story(z).forward] == [
        "x1 × x2", "two lines {x} <b> + [1, 2]", "v1 × mask", "v2 + x3",
    ]  # fmt: skip
    assert [step.result for step in story(z).forward] == ["two lines {x} <b>", "v1", "v2", "v3"]


def test_a_story_tells_all_names() -> None:
    x, y = variable(2, "x"), variable(3)
    z = x * y * 2
    told = story(z, 1)
    assert told.names == {x: "x", y: "x1", z._node.edges[0]: "v1", z._node: "v2"}
    assert told.result == "v2"


def test_generated_names_avoid_given_ones() -> None:
    x = variable(1, "v1")
    assert [step.result for step in story(x * 2 * 3).forward] == ["v2", "v3"]


def test_layers_parameters_are_numbered() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1))
    y = model(Tensor(np.ones((4, 2), np.float32), name="x"))
    assert [step.formula for step in story(y).forward] == ["x · W1 + b1", "sigmoid(v1)", "v2 · W2 + b2"]


def test_the_lines_of_code_are_told_if_they_are_known() -> None:
    with keep_values():
        price = variable(100, "apple") * 2
        total = price + 10
    header, first, second = total.explain("en").split("\n")[1:4]
    assert header.split() == ["computation", "numbers", "line"]
    assert re.search(r"test_story\.py:\d+  price = variable\(100, \"apple\"\) \* 2$", first)
    assert first.index("test_story") == second.index("test_story")


def test_static_arguments() -> None:
    x = variable(np.ones((2, 3)), "x")
    with keep_values():
        assert story(x.sum(axis=0)).forward[0].formula == "sum(x, axis=0)"
        assert story(x.sum()).forward[0].formula == "sum(x)"
        assert story(x[0, 1:]).forward[0].formula == "x[0, 1:]"
        assert story(x.reshape(3, 2)).forward[0].formula == "reshape(x, (3, 2))"
        assert story(x.astype(np.float32)).forward[0].formula == "x as float32"
        assert story(tj.clip(x, 0)).forward[0].formula == "clip(x, 0, None)"
        assert story(tj.concatenate([x, x])).forward[0].formula == "concatenate(x, x)"
    assert story(x[0, 1:]).forward[0].formula == "x[…]"


def test_arguments_that_were_not_kept_are_not_guessed() -> None:
    x = variable([1, -2, 4], "x")
    matrix = variable([[1, 2], [3, 4]], "m")
    told = story(x.var(ddof=1))
    assert told.forward[0].formula == "var(x, …)"
    assert "÷ …" in told.backward[0].formula
    assert "keep_values" in told.hints[-1].en
    assert story(ops.norm(x, ord=1)).backward[0].formula == "∂L/∂x = ∂L/∂v1 · ∂v1/∂x"
    assert story(matrix.sum(axis=0)).forward[0].formula == "sum(m, …)"
    for y in (matrix.sum(), x.sum(), ops.softmax(x)):
        assert "…" not in story(y).forward[0].formula
    with keep_values():
        assert story(ops.leaky_relu(x, 0.2)).forward[0].formula == "leaky_relu(x, negative_slope=0.2)"
        assert story(ops.elu(x, 2.0)).forward[0].formula == "elu(x, alpha=2)"
        assert story(x.var(ddof=1)).backward[0].formula.endswith("÷ 2")
        assert story(ops.norm(x)).backward[0].formula == "∂L/∂x = ∂L/∂v1 × x ÷ v1"


def test_formulas_hold_at_ties() -> None:
    x, y = variable(2, "x"), variable(2, "y")
    for f, sign in ((ops.maximum, ">"), (ops.minimum, "<")):
        z = f(x, y)
        z.backward()
        assert story(z).backward[0].numbers == f"1 × ([2 {sign} 2] + [2 = 2] ÷ 2) = 0.5"
    top = variable([3, 1, 3], "x").max()
    top.backward()
    assert story(top).backward[0].numbers == "1 × [[3, 1, 3] = 3] ÷ Σ[[3, 1, 3] = 3] = [0.5, 0, 0.5]"


def test_ops_of_users_have_general_phrases() -> None:
    @tj.op(vjp={"x": lambda g, x: 2 * g * x})
    def add(x: Any, /, power: int = 2) -> Any:  # named as a row of the table, which it is not
        return x**power

    y = add(variable(3, "x"), 3)
    y.backward()
    (forward,), (back,) = story(y).forward, story(y).backward
    assert forward.formula == "add(x, …)"
    assert forward.numbers == "add(3, …) = 27"
    assert back.formula == "∂L/∂x = ∂L/∂v1 · ∂v1/∂x"
    assert back.numbers == "1 · … = 6"
    assert "own derivative" in back.rule.en


# ------------------------------------------------------------------------------------------------ large, bad, shown


def test_long_graphs_are_cut_with_a_notice() -> None:
    y = variable(1, "x")
    for _ in range(100):
        y = y + 1.0
    y.backward()
    text = y.explain("en", max_steps=3)
    assert text.count("… 97 earlier steps left out (max_steps=3)") == 2
    assert "  98   v98 = v97 + 1   98 + 1 = 99" in text.split("\n")
    assert len(story(y, 3).backward) == 3
    assert story(y).left_out == 0
    assert "… これより前の 50 ステップは省略(max_steps=50)" in y.explain("ja")


def test_a_very_large_graph_is_told() -> None:
    y = variable(1, "x")
    for _ in range(5_000):
        y = y * 1.0
    y.backward()
    told = story(y, 2)
    assert [step.numbers for step in told.backward] == ["() × 1 → ()"] * 2  # computed, and not kept
    assert "keep_values" in told.hints[-1].en
    y = y.detach()
    y.requires_grad = True
    for _ in range(2_001):
        y = y * 1.0
    y.backward(retain_graph=True)
    assert "may just not be known" in story(y, 2).hints[1].en


@pytest.mark.parametrize("leaf", [variable(1.0, "x"), Tensor(1.0, name="x"), variable(1.0, "x").detach()])
def test_nothing_to_explain(leaf: Tensor) -> None:
    with pytest.raises(GraphError, match=r"explain: .*explain what was computed"):
        leaf.explain()


def test_bad_arguments() -> None:
    y = variable(1) * 2
    with pytest.raises(ArgumentError, match="'fr'"):
        y.explain("fr")
    with pytest.raises(ArgumentError, match="max_steps"):
        y.explain(max_steps=0)
    with pytest.raises(ArgumentError, match="whole number"):
        y.explain(max_steps=2.5)


def test_a_session_shows_the_text_as_it_is() -> None:
    text = apple().explain("ja")
    assert repr(text) == text
    assert isinstance(text, str)
    lines = text.split("\n")
    starts = {
        width(line[: line.index(number)]) for line, number in zip(lines[1:4], ("数値", "100", "200"), strict=True)
    }
    assert len(starts) == 1  # aligned
    assert all(line == line.rstrip() for line in text.split("\n"))


def test_of_a_large_graph_only_the_formulas_that_are_drawn_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    x = variable(1.0, "x")
    y = x
    for _ in range(300):
        y = y * 1.5 + x
    y.backward()
    whole = viz.graph(y, show="formulas").dot
    written: list[str] = []
    filled = told_by._filled
    monkeypatch.setattr(
        told_by, "_filled", lambda template, fields: written.append(template) or filled(template, fields)
    )
    cut = viz.graph(y, show="formulas", max_nodes=4).dot
    assert len(written) <= 8
    shown = set(re.findall(r"∂L/∂[^<]*", cut))
    assert len(shown) >= 4
    assert shown <= set(re.findall(r"∂L/∂[^<]*", whole))


def test_a_long_integer_is_written() -> None:
    assert number(10**20) == "1e+20"
    assert "1e+20" in (variable(1.0, "x") * 10**20).explain("en")

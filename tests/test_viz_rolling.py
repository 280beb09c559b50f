"""Loops drawn once: which operations and modules are one, how often arrows are used, and where they lead back."""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import Tensor, keep_values, nn, testing, viz, witness
from tinygrad_jp.errors import ArgumentError, GraphError
from tinygrad_jp.tape import Node
from tinygrad_jp.viz.columns import in_columns
from tinygrad_jp.viz.detail import detail
from tinygrad_jp.viz.loops import ordinal
from tinygrad_jp.viz.marks import Marks, nonfinite
from tinygrad_jp.viz.places import Places, around
from tinygrad_jp.viz.record import Record, reachable
from tinygrad_jp.viz.rolling import Rolling
from tinygrad_jp.viz.scene import Box, Circle, Label, Scene, Turn, Wire, scene

from .loops import Doubled, Looped, descent, newton, variable

LOOP = "to the next run of the loop"


def nodes_of(y: Tensor) -> list[Node]:
    assert y._node is not None
    return reachable([y._node])


def rolled(y: Tensor, limit: int | None = None) -> Scene:
    nodes = nodes_of(y)
    return scene(y, limit, None, Marks(notes=nonfinite(nodes)), rolling=Rolling(nodes))


def of_model(model: nn.Module, x: Any, depth: Any = None, fold: bool = True) -> Scene:
    """Read a scene the way ``graph`` does, before it is cut into columns."""
    with keep_values(), viz.watch(model) as runs:
        y = model(x)
    record = Record([y._node])
    rolling = Rolling(record.nodes, runs)
    chosen = detail(runs, record, depth, (), ())
    return scene(y, None, Places(runs, record, chosen, fold, rolling), rolling=rolling)


def name_of(item: Any) -> str:
    """Tell an item with how often it runs: "add ×3"."""
    if isinstance(item, Label | Turn):
        return item.text
    name = item.op if isinstance(item, Circle) else item.text
    return f"{name} ×{item.times_run}" if item.times_run > 1 else name


def names(picture: Scene) -> list[str]:
    return [name_of(item) for item in picture.items]


def arrows(picture: Scene) -> set[tuple[str, str, str, bool]]:
    """List from what to what, how often, and whether to the next run."""
    called = {item.id: name_of(item).partition(" ×")[0] for item in picture.items}
    return {(called[wire.tail], called[wire.head], wire.often, wire.to_next) for wire in picture.wires}


def wire(picture: Scene, tail: str, head: str) -> Wire:
    """Return the first arrow between two items."""
    called = {item.id: name_of(item).partition(" ×")[0] for item in picture.items}
    return next(w for w in picture.wires if (called[w.tail], called[w.head]) == (tail, head))


class Rows(nn.Module):
    """A loop over different layers, several times."""

    def __init__(self, times: int = 1) -> None:
        self.layers = nn.ModuleList(nn.Linear(3, 3) for _ in range(3))
        self.times = times

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.times):
            for layer in self.layers:
                x = tj.relu(layer(x))
        return x


class Again(nn.Module):
    """The same layers several times, with nothing in between."""

    def __init__(self) -> None:
        self.body = nn.Sequential(*(nn.Sequential(nn.Linear(3, 3), nn.Tanh()) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(4):
            x = self.body(x)
        return x


STEPS = np.zeros((2, 6, 3), np.float32)
X = np.zeros((2, 3), np.float32)


# ---------------------------------------------------------------------------------------------- what is one


def test_an_iteration_is_drawn_once_with_arrows_back() -> None:
    picture = rolled(newton())
    assert names(picture) == ["a", "y", "div ×6", "add ×6", "div ×6", "root"]
    assert [item.symbol for item in picture.items if isinstance(item, Circle)] == ["÷", "+", "÷2"]
    assert sorted((w.often, w.to_next, w.back) for w in picture.wires) == [
        ("", False, False),
        ("", False, False),
        ("", False, False),
        ("1st", False, False),
        ("1st", False, False),
        ("last", False, False),
        ("×5", True, True),
        ("×5", True, True),
    ]


def test_without_roll_every_run_is_drawn() -> None:
    assert viz.graph(newton()).rows() != viz.graph(newton(), roll=True).rows()
    assert len(viz.graph(newton()).rows()) == 18
    assert all(row["runs"] == 1 for row in viz.graph(newton()).rows())


def test_two_calls_in_one_line_are_two() -> None:
    x = variable(1.0, "x")
    with keep_values():
        for _ in range(3):
            x = tj.tanh(tj.tanh(x))
    assert names(rolled(x)) == ["x", "tanh ×3", "tanh ×3", ""]


def test_a_function_that_is_called_from_two_places_is_two() -> None:
    def double(x: Tensor) -> Tensor:
        return x * 2

    with keep_values():
        y = double(variable(1.0, "x"))
        y = double(y)
    assert names(rolled(y)) == ["x", "mul", "mul", ""]


def test_a_helper_inside_a_loop_is_one() -> None:
    def double(x: Tensor) -> Tensor:
        return x * 2

    x = variable(1.0, "x")
    with keep_values():
        for _ in range(3):
            x = double(x)
    assert names(rolled(x)) == ["x", "mul ×3", ""]


def test_recursion_differs_by_depth() -> None:
    def deep(x: Tensor, n: int) -> Tensor:
        return deep(x * 2, n - 1) if n else x

    with keep_values():
        y = deep(variable(1.0, "x"), 3)
    assert names(rolled(y)) == ["x", "mul", "mul", "mul", ""]


def test_other_shapes_are_not_the_same() -> None:
    x = variable([1.0, 2.0], "x")
    with keep_values():
        for _ in range(3):
            x = tj.concatenate([x, x])
    assert names(rolled(x)) == ["x", "concatenate", "concatenate", "concatenate", ""]


def test_a_place_stays_the_same_when_python_speeds_its_instructions_up() -> None:
    x = variable(np.ones((40, 2)), "x")
    with keep_values():
        y = tj.stack([x[t] for t in range(40)]).sum()
    assert "getitem ×40" in names(rolled(y))
    rows = viz.graph(nn.RNN(3, 4), (1, 20, 3), depth="ops", roll=True).rows()
    runs = [(row["type"], row["runs"]) for row in rows]
    assert runs[1:7] == [("getitem", 2), ("getitem", 4), *((op, 20) for op in ("getitem", "dot", "add", "tanh"))]


def test_the_condition_of_a_while_loop_stands_twice_in_the_program_but_once_in_the_text() -> None:
    x = variable(1.0, "x")
    with keep_values():
        while (x := x * 2).item() < 30:
            pass
    assert names(rolled(x)) == ["x", "mul ×5", ""]


def test_two_blocks_that_keep_values_make_one_graph() -> None:
    x = variable(1.0, "x")
    for _ in range(3):
        with keep_values():
            x = x * 2
    assert names(rolled(x)) == ["x", "mul ×3", ""]


def test_the_first_of_a_sum_that_starts_with_a_number_is_another_operation() -> None:
    with keep_values():
        y = sum(variable(float(k), f"x{k}") for k in range(4))
    assert isinstance(y, Tensor)
    picture = rolled(y)
    assert [item.symbol for item in picture.items if isinstance(item, Circle)] == ["+0", "+"]
    assert names(picture) == ["x0", "add", "x1 … x3", "add ×3", ""]


def test_gradients_that_are_recorded_are_told_apart_by_what_they_are_of() -> None:
    picture = rolled(descent())
    counts = Counter(name for name in names(picture) if not name.startswith("astype"))
    # d(x·x·x) = g·(x·x) + (g·x)·x + (g·x)·x, and the first product, which is x·x
    assert counts == {"x": 1, "1": 1, "": 1, "mul ×4": 6, "add ×4": 2, "sub ×4": 1}


def test_places_are_forgotten_with_the_graph() -> None:
    gc.collect()
    before = len(witness._sites), len(witness._known_sites)
    y = newton()
    assert len(witness._sites) == before[0] + 3
    del y
    gc.collect()
    assert (len(witness._sites), len(witness._known_sites)) == before


# ---------------------------------------------------------------------------------------------- arrows


def test_a_gathering_operation_takes_all_runs_by_one_arrow() -> None:
    x = variable(1.0, "x")
    with keep_values():
        parts = []
        for _ in range(4):
            x = x * 2
            parts.append(x)
        y = tj.stack(parts).sum()
    assert ("mul", "expand_dims", "", False) in arrows(rolled(y))
    assert ("expand_dims", "concatenate", "", False) in arrows(rolled(y))


def test_a_value_of_the_run_before_is_told() -> None:
    x = before = variable(1.0, "x")
    with keep_values():
        for _ in range(4):
            new = tj.tanh(x)
            x = new + before
            before = new
    told = arrows(rolled(x))
    assert ("tanh", "add", "", False) in told
    assert ("tanh", "add", "×3", True) in told
    assert ("add", "tanh", "×3", True) in told


def test_an_operation_of_a_single_run_stands_in_its_place() -> None:
    x = variable(1.0, "x")
    with keep_values():
        for k in range(5):
            x = x * 2
            if k == 2:
                x = tj.exp(x)
            x = x + 1
    picture = rolled(x)
    assert names(picture) == ["x", "mul ×5", "exp", "add ×5", ""]
    assert arrows(picture) == {
        ("x", "mul", "1st", False),
        ("mul", "exp", "3rd", False),
        ("mul", "add", "×4", False),
        ("exp", "add", "3rd", False),
        ("add", "mul", "×4", True),
        ("add", "", "last", False),
    }


def test_ordinals() -> None:
    told = "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 103rd 111th"
    assert [ordinal(int(text[:-2])) for text in told.split()] == told.split()


def test_what_a_loop_takes_anew_each_time_has_one_label() -> None:
    weights = [variable(np.full((2, 2), k), f"W{k}") for k in range(4)]
    x = variable(np.ones((1, 2)), "x")
    with keep_values():
        for w in weights:
            x = x @ w
    picture = rolled(x)
    assert names(picture) == ["x", "W0 … W3", "matmul ×4", ""]
    assert ("W0 … W3", "matmul", "", False) in arrows(picture)


def test_numbers_that_differ_stand_as_the_first_and_the_last() -> None:
    x = variable(1.0)
    with keep_values():
        for k in range(1, 5):
            x = x * k
    (circle,) = (item for item in rolled(x).items if isinstance(item, Circle))
    assert circle.symbol == "×1 … 4"
    dot = viz.graph(newton(), roll=True).dot
    assert "2 … 1.414" in dot
    assert "1.5 … 1.414" in dot
    y = newton()
    y.backward()
    first, last = y._node.edges[0], y._node  # type: ignore[union-attr]
    assert isinstance(first, Node)
    assert f"… {last.contributions()[0]}" in viz.graph(y, roll=True).dot


def test_a_table_that_differs_is_drawn_by_its_shape_and_one_that_stays_by_its_numbers() -> None:
    w, x = variable([2.0, 3.0], "w"), variable([1.0, 1.0], "x")
    with keep_values():
        for _ in range(3):
            x = x * w
    picture = rolled(x)
    assert wire(picture, "mul", "mul").varies == {"value"}
    assert not wire(picture, "w", "mul").varies
    dot = viz.graph(x, roll=True).dot
    assert "2 3" in dot
    assert "4 9" not in dot
    assert "(2,)" in dot


def test_gradients_that_vanish_are_told_by_the_norm_of_the_first_and_last_run() -> None:
    x = variable([1.0, 0.0], "x")
    with keep_values():
        for _ in range(3):
            x = x * 0.1
    x.backward(np.array([1.0, 0.0]))
    assert "|∇| 0.01 … 0.1" in viz.graph(x, roll=True).dot
    assert "|∇| 0.01 … 0.1" in viz.graph(x, roll=True, gradients="relative").dot


def test_arrows_that_lead_back_do_not_turn_the_order_around() -> None:
    dot = viz.graph(newton(), roll=True).dot
    back = [line for line in dot.splitlines() if "dir=back" in line]
    assert len(back) == 2
    assert all(f'tooltip="{LOOP}"' in line and "style=dashed" in line and "×5" in line for line in back)
    assert LOOP in viz.graph(newton(), roll=True).svg
    assert LOOP not in viz.graph(newton()).svg


def test_an_operation_that_feeds_itself() -> None:
    x = variable(1.0, "x")
    with keep_values():
        for _ in range(3):
            x = x * 2
    for rankdir in ("LR", "TB", "RL", "BT"):
        assert "×2" in viz.graph(x, roll=True, rankdir=rankdir).svg  # type: ignore[arg-type]
    assert "  n1 -> n1 [style=dashed" in viz.graph(x, roll=True, show="nothing").dot


# ---------------------------------------------------------------------------------------------- modules


def test_a_layer_with_operations_between_its_runs() -> None:
    picture = of_model(Doubled(), X)
    assert names(picture) == ["x", "fc Linear 3, 3 ×4", "add ×4", "mul ×4", ""]
    assert ("mul", "fc Linear 3, 3", "×3", True) in arrows(picture)


def test_a_module_in_a_loop_is_one_box_with_its_parameters_once() -> None:
    picture = of_model(Looped(), STEPS)
    assert names(picture) == ["x", "getitem ×6", "(2, 4)", "cell Cell ×6", "out Linear 4, 2", ""]
    cell = next(item for item in picture.items if isinstance(item, Box))
    assert cell.notes == ("cell · 144 parameters",)
    assert cell.row["runs"] == 6
    assert cell.row["parameters"] == 144
    assert cell.row["input_shapes"] == [(2, 3), (2, 4)]
    assert ("cell Cell", "cell Cell", "×5", True) in arrows(picture)


def test_an_opened_module_in_a_loop_is_one_frame() -> None:
    picture = of_model(Looped(), STEPS, 2)
    frames = {group for item in picture.items for group in around(item.group)}
    assert [group.title for group in frames] == ["cell\nCell ↻ ×6"]
    assert {"input Linear 3, 16 ×6", "state Linear 4, 16 ×6", "tanh ×6"} <= set(names(picture))


def test_costs_of_all_runs_add_up() -> None:
    net = Looped()

    def total(**options: Any) -> dict[str, int]:
        rows = viz.graph(net, STEPS, fold=False, **options).rows()
        return {name: sum(row[name] for row in rows) for name in ("multiply_adds", "bytes")}

    for depth in (1, 2, "ops"):
        assert total(depth=depth, roll=True) == total(depth=depth)
    rows = {row["name"]: row for row in viz.graph(net, STEPS, roll=True, notes="seconds").rows()}
    assert rows["cell"]["runs"] == 6
    assert rows["cell"]["multiply_adds"] == 6 * 2 * (3 * 16 + 4 * 16)
    assert rows["cell"]["seconds"] > 0


def test_a_loop_over_different_modules_is_none() -> None:
    picture = of_model(Rows(), X)
    assert [name.partition(" ")[0] for name in names(picture)] == ["x", *["Linear", "relu"] * 3, ""]
    assert not any(w.to_next for w in picture.wires)


def test_a_loop_around_a_loop_over_different_modules() -> None:
    picture = of_model(Rows(4), X)
    assert names(picture) == ["x", *["Linear 3, 3 ×4", "relu ×4"] * 3, ""]
    assert [w.often for w in picture.wires if w.back] == ["×3"]


def test_blocks_that_are_folded_and_rolled() -> None:
    picture = of_model(Again(), X, 2)
    (box,) = (item for item in picture.items if isinstance(item, Box))
    assert (box.times, box.times_run) == (3, 4)
    assert box.notes == ("body.0 … 2 · 3 × 12 parameters",)
    assert arrows(picture) >= {("Sequential", "Sequential", "×3", True), ("Sequential", "", "last", False)}
    unfolded = of_model(Again(), X, 2, fold=False)
    assert names(unfolded) == ["x", *["Sequential ×4"] * 3, ""]


def test_what_only_some_runs_of_a_module_do_stands_in_the_same_frame() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            self.fc, self.k = nn.Linear(3, 3), 0

        def forward(self, x: Tensor) -> Tensor:
            self.k += 1
            x = self.fc(x)
            return tj.exp(x) if self.k == 2 else x

    class Outer(nn.Module):
        def __init__(self) -> None:
            self.odd = Odd()

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(4):
                x = self.odd(x)
            return x

    picture = of_model(Outer(), X, 2)
    assert names(picture) == ["x", "fc Linear 3, 3 ×4", "exp", ""]
    assert {around(item.group)[0].title for item in picture.items if isinstance(item, Box | Circle)} == {
        "odd\nOdd ↻ ×4"
    }
    assert names(of_model(Outer(), X, 1)) == ["x", "odd Odd ×4", ""]


def test_one_module_alone() -> None:
    drawn = viz.graph(Looped(), STEPS, roll=True, only="cell.state", depth="ops")
    (row,) = drawn.rows()
    assert row["runs"] == 6
    assert drawn.dot.count("… add") == 1
    assert "(2, 4), … mul" in drawn.dot


def test_runs_watched_at_the_top() -> None:
    layer = nn.Linear(3, 3)
    x = variable(X, "x")
    with keep_values(), viz.watch(layer) as runs:
        for _ in range(3):
            x = tj.tanh(layer(x))
    x.sum().backward()
    rows = viz.graph(x, runs=runs, roll=True, depth=0).rows()
    assert [(row["type"], row["runs"]) for row in rows] == [("Linear", 3), ("tanh", 3)]


def test_columns_are_not_cut_inside_a_loop() -> None:
    class Long(nn.Module):
        def __init__(self) -> None:
            self.before = nn.Sequential(*(nn.Linear(3, 3) for _ in range(9)))
            self.fc = nn.Linear(3, 3)
            self.after = nn.Sequential(*(nn.Linear(3, 3) for _ in range(9)))

        def forward(self, x: Tensor) -> Tensor:
            x = self.before(x)
            for _ in range(4):
                for f in (tj.tanh, tj.relu, tj.exp, tj.sin, tj.cos, tj.sigmoid, tj.sqrt, tj.abs, tj.square):
                    x = f(x)
                x = self.fc(x)
            return self.after(x)

    picture = in_columns(of_model(Long(), X, "layers", fold=False))
    turns = [k for k, item in enumerate(picture.items) if isinstance(item, Turn)]
    looped = [k for k, item in enumerate(picture.items) if isinstance(item, Box | Circle) and item.times_run > 1]
    assert turns
    assert not any(looped[0] < k < looped[-1] for k in turns)


# ---------------------------------------------------------------------------------------------- the rest of graph


def test_the_run_of_the_first_nan_is_told() -> None:
    x = variable(1.0, "x")
    with np.errstate(all="ignore"), keep_values():
        for _ in range(5):
            x = tj.log(x) - 0.5
    log = next(item for item in rolled(x).items if isinstance(item, Circle))
    assert log.mark is not None
    assert log.mark.note == "NaN arose here\nin the 2nd run of 5"
    assert "log (run ×5) (NaN arose here, in the 2nd run of 5)" in viz.graph(x, roll=True).svg


def test_the_worst_verdict_of_all_runs_is_shown() -> None:
    x = variable(3.5, "x")
    with keep_values():
        for _ in range(6):
            x = tj.relu(x - 0.5)
    report = testing.verify(x)
    kinds = {report.of(node).kind for node in nodes_of(x)}  # type: ignore[union-attr]
    picture = scene(x, None, None, Marks(report=report), rolling=Rolling(nodes_of(x)))
    assert kinds == {"right"}
    assert [item.mark.verdict for item in picture.items if isinstance(item, Circle) and item.mark] == ["ok", "ok"]

    class Wrong:
        def of(self, node: Node) -> Any:
            verdict = report.of(node)
            return None if node is nodes_of(x)[3] else verdict

    picture = scene(x, None, None, Marks(report=Wrong()), rolling=Rolling(nodes_of(x)))  # type: ignore[arg-type]
    verdicts = [item.mark.verdict for item in picture.items if isinstance(item, Circle) and item.mark]
    assert verdicts == ["ok", "unjudged"]


def test_hidden_operations_let_arrows_through_in_every_run() -> None:
    x = variable(1.0, "x")
    with keep_values():
        for _ in range(4):
            x = tj.tanh(x * 2)
    dot = viz.graph(x, roll=True, hide="mul").dot
    assert "×3" in dot
    assert len(viz.graph(x, roll=True, hide="mul").rows()) == 1


def test_max_nodes_counts_what_is_drawn() -> None:
    y = newton(50)
    assert names(rolled(y, 3)) == ["a", "y", "div ×50", "add ×50", "div ×50", "root"]
    cut = rolled(y, 2)
    assert cut.cut
    assert "…" in names(cut)
    assert len([item for item in cut.items if isinstance(item, Circle)]) == 2
    assert len(rolled(newton(4000), 100).items) == 6


def test_the_description_tells_how_often() -> None:
    assert "div (run ×6); add (run ×6)" in viz.graph(newton(), roll=True).svg


def test_depth_primitives() -> None:
    x, w, b = variable(np.ones((1, 2)), "x"), variable(np.ones((2, 2)), "w"), variable(np.ones(2), "b")
    with keep_values():
        for _ in range(3):
            x = tj.affine(x, w, b)
    assert [row["runs"] for row in viz.graph(x, roll=True, depth="primitives").rows()] == [3, 3]
    rows = viz.graph(Again(), X, roll=True, fold=False, depth="primitives").rows()
    assert {row["runs"] for row in rows} == {4}


def test_a_saved_computation_keeps_where_it_ran(tmp_path: Path) -> None:
    y = newton()
    y.backward()
    assert viz.graph(viz.save(y, tmp_path / "y.npz"), roll=True).dot == viz.graph(y, roll=True).dot


def test_without_notes_of_where_operations_ran_there_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    y = variable(1.0) * 2
    for subject in (y, viz.save(y, tmp_path / "y.npz")):
        with pytest.raises(GraphError, match=r"compute the result inside `with keep_values\(\):`"):
            viz.graph(subject, roll=True)
    with pytest.raises(ArgumentError, match="roll=True"):
        viz.graph(newton(), roll=True, show="formulas")


def test_what_broke_off_in_a_loop() -> None:
    class Grows(nn.Module):
        def __init__(self) -> None:
            self.fc = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            for k in range(4):
                x = self.fc(x if k < 3 else tj.concatenate([x, x], axis=1))
            return x

    with pytest.raises(tj.errors.ShapeError) as raised:
        viz.graph(Grows(), X, roll=True, depth="ops")
    rows = raised.value.graph.rows()  # type: ignore[attr-defined]
    assert [(row["type"], row["runs"]) for row in rows] == [("affine", 3), ("concatenate", 1), ("raised", 1)]


# ---------------------------------------------------------------------------------------------- any program


def statements(depth: int) -> st.SearchStrategy[list[Any]]:
    """Make programs: assignments, and loops around some of them."""
    names = st.sampled_from("xyz")
    plain = st.tuples(names, st.sampled_from(["{} * 0.5", "{} + {}", "tanh({})", "{} * w"]), names, names)
    if not depth:
        return st.lists(plain, min_size=1, max_size=3)
    loop = st.tuples(st.integers(1, 3), statements(depth - 1))
    return st.lists(plain | loop, min_size=1, max_size=3)


def lines(program: list[Any], indent: str = "    ") -> Iterator[str]:
    for part in program:
        if len(part) == 2:
            yield f"{indent}for _ in range({part[0]}):"
            yield from lines(part[1], indent + "    ")
        else:
            yield f"{indent}{part[0]} = {part[1].format(*part[2:])}"


@settings(max_examples=60, deadline=None)
@given(statements(2))
def test_any_program_is_rolled_without_losing_anything(program: list[Any]) -> None:
    text = "\n".join(["with keep_values():", *lines(program), "    out = x + y + z"])
    known: dict[str, Any] = {"keep_values": keep_values, "tanh": tj.tanh}
    known |= {name: variable(float(k), name) for k, name in enumerate("xyzw")}
    exec(compile(text, "program.py", "exec"), known)
    out = known["out"]
    whole, once = scene(out, None), rolled(out)
    circles = [item for item in once.items if isinstance(item, Circle)]
    assert sum(item.times_run for item in circles) == len(nodes_of(out))
    assert sum(len(w.uses) for w in once.wires) == len(whole.wires)
    assert len(circles) <= len(list(lines(program))) + 2
    for name in ("bytes", "multiply_adds"):
        rows = [item.row[name] for item in whole.items if isinstance(item, Circle)]
        assert sum(item.row[name] for item in circles) == sum(rows)
    place = {item.id: k for k, item in enumerate(once.items)}
    for w in once.wires:  # only arrows to the next run lead back
        assert w.back == (place[w.tail] >= place[w.head])
        assert w.to_next or not w.back
    out.backward()
    once = rolled(out)
    total = math.fsum(float(item.row["gradient"]) ** 2 for item in once.items if isinstance(item, Circle))
    parts = [float(node.gradients[-1]) for node in nodes_of(out) if node.gradients]
    assert total == pytest.approx(math.fsum(g * g for g in parts))

"""viz.save and viz.load: computations in files."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import Tensor, keep_values, nn, viz
from tinygrad_jp.errors import ArgumentError, DataError, DtypeError, GraphError
from tinygrad_jp.io import load_npz, save_npz
from tinygrad_jp.ops import op
from tinygrad_jp.tape import Node
from tinygrad_jp.viz.record import reachable
from tinygrad_jp.viz.replay import replay
from tinygrad_jp.viz.saved import FILE, FORMAT, VERSION, load, save


def apples() -> Tensor:
    apple = Tensor(100.0, requires_grad=True, name="りんご <b>\n")
    number = Tensor(2.0, requires_grad=True, name="個数 \ud800")
    price = apple * number * 1.1
    price.name = "値段"
    price.backward()
    return price


def network(values: bool = True) -> tuple[Tensor, viz.Runs]:
    net = nn.SimpleConvNet((1, 12, 12), filters=4, hidden=6)
    x = np.random.default_rng(0).normal(size=(2, 1, 12, 12)).astype(np.float32)
    with keep_values() if values else tj.enable_grad(), viz.watch(net) as runs:
        loss = tj.softmax_cross_entropy(net(x), np.array([1, 2]))
    loss.backward()
    return loss, runs


def nodes(y: Tensor) -> list[Node]:
    assert y._node is not None
    return reachable([y._node])


def test_it_is_drawn_alike(tmp_path: Path) -> None:
    y = apples()
    found = load(save(y, tmp_path / "run.npz"))
    assert found.runs is None
    assert found.result.name == "値段"
    assert viz.graph(found.result).dot == viz.graph(y).dot
    assert found.result.item() == y.item()


@pytest.mark.parametrize(("values", "depth"), [(False, 0), (False, 1), (False, "layers"), (True, 2), (True, "ops")])
def test_modules_are_drawn_alike(tmp_path: Path, values: bool, depth: Any) -> None:
    loss, runs = network(False)
    found = load(save(loss, tmp_path / "run.npz", runs, values))
    assert viz.graph(found.result, runs=found.runs, depth=depth).dot == viz.graph(loss, runs=runs, depth=depth).dot


def test_repeated_blocks_are_folded(tmp_path: Path) -> None:
    net = nn.models.ResNet(18, (1, 8, 8), 3, width=0.05)
    with viz.watch(net) as runs:
        y = net(np.zeros((2, 1, 8, 8), np.float32)).sum()
    y.backward()
    found = load(save(y, tmp_path / "run.npz", runs))
    for depth in (1, 2, "layers"):
        assert viz.graph(found.result, runs=found.runs, depth=depth).dot == viz.graph(y, runs=runs, depth=depth).dot
    assert "×2" in viz.graph(found.result, runs=found.runs, depth=2).dot


def test_values_gradients_and_lines_are_there(tmp_path: Path) -> None:
    loss, runs = network()
    found = load(save(loss, tmp_path / "run.npz", runs, values=True))
    for old, new in zip(nodes(loss), nodes(found.result), strict=True):
        assert (new.plan.op, new.shape, new.dtype, new.source) == (old.plan.op, old.shape, old.dtype, old.source)
        assert new.source.text == old.source.text != ""
        np.testing.assert_array_equal(new.value, old.value)
        assert new.contributions().keys() == old.contributions().keys()
        for i, g in old.contributions().items():
            np.testing.assert_array_equal(new.contributions()[i], g)
        for a, b in zip(old.call.inputs, new.call.inputs, strict=True):
            np.testing.assert_array_equal(a, b)
        assert new.call.attrs.keys() == old.call.attrs.keys()


def test_what_was_loaded_can_be_opened_and_saved_again(tmp_path: Path) -> None:
    loss, runs = network()
    found = load(save(loss, tmp_path / "run.npz", runs, values=True))
    again = load(save(found.result, tmp_path / "again.npz", found.runs, values=True))
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "run.npz").read_bytes()
    opened, _ = replay(again.result, again.runs)
    expected, _ = replay(loss, runs)
    for old, new in zip(nodes(expected), nodes(opened), strict=True):
        np.testing.assert_array_equal(new.value, old.value)


def test_without_values_a_file_is_small(tmp_path: Path) -> None:
    loss, runs = network()
    small = save(loss, tmp_path / "small.npz", runs)
    large = save(loss, tmp_path / "large.npz", runs, values=True)
    assert small.stat().st_size < 30_000 < large.stat().st_size
    node = nodes(load(small).result)[0]
    assert node.value is None
    assert node.contributions()[0] is None


def test_each_array_is_stored_once(tmp_path: Path) -> None:
    w = Tensor(np.ones((50, 50)), requires_grad=True)
    with keep_values():
        y = Tensor(np.ones(50))
        for _ in range(20):
            y = tj.tanh(tj.dot(y, w))
        y = y.sum()
    arrays = load_npz(save(y, tmp_path / "run.npz", values=True))
    assert sum(array.shape == (50, 50) for array in arrays.values()) == 2  # the leaf, and its value at the first use


def test_no_backward_pass_can_go_through_it(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="freed"):
        load(save(apples(), tmp_path / "run.npz")).result.backward()


@op(symbol="★", vjp={"x": lambda g, y: g * y, "y": lambda g, x: g * x})
def own_product(x: Any, y: Any, /, scale: float = 1.0) -> Any:
    return x * y * scale


def test_unknown_ops_are_drawn_and_cannot_run(tmp_path: Path) -> None:
    x = Tensor(3.0, requires_grad=True, name="x")
    with keep_values():
        y = own_product(x, 2.0, scale=5.0)
    y.backward()
    found = load(save(y, tmp_path / "run.npz", values=True)).result
    assert viz.graph(found).dot == viz.graph(y).dot
    assert found._node.plan.op.name == "own_product"
    with pytest.raises(GraphError, match="own_product: this program has no such op"):
        replay(found)


def test_static_arguments_come_back(tmp_path: Path) -> None:
    x = Tensor(np.arange(24.0).reshape(2, 3, 4), requires_grad=True)
    with keep_values():
        y = x[..., np.array([0, 2]), None, 1:3:2]
        y = tj.concatenate([y, y], axis=0).astype(np.float32).transpose(3, 0, 1, 2).sum(axis=(0, 1), keepdims=True)
        y = y.sum()
    found = nodes(load(save(y, tmp_path / "run.npz", values=True)).result)
    for old, new in zip(nodes(y), found, strict=True):
        assert repr(dict(new.call.attrs)) == repr(dict(old.call.attrs))


def test_runs_must_be_some(tmp_path: Path) -> None:
    with pytest.raises(DtypeError, match=r"viz.save: runs= is what viz.watch\(model\) gives, got str"):
        save(apples(), tmp_path / "run.npz", runs="runs")  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match=r"viz.replay: runs= is what viz.watch\(model\) gives, got str"):
        replay(apples(), "runs")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["run", "run.svg", "run.npz.html", "図.NPY"])
def test_another_suffix_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"viz.save: unknown suffix .* in .*; use \.npz"):
        save(apples(), tmp_path / name)
    assert not list(tmp_path.iterdir())
    assert save(apples(), tmp_path / "RUN.NPZ").exists()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_strict_zero_did_comes_back(tmp_path: Path) -> None:
    x = Tensor([-1.0, 4.0], requires_grad=True, name="x")
    y = tj.where(x > 0, tj.sqrt(x), 0.0).sum()
    with tj.strict_zero():
        y.backward()
    assert "(strict_zero)" in y.explain("en")
    assert load(save(y, tmp_path / "run.npz")).result.explain("en") == y.explain("en")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["exp", "neg", "add", "mul", "sum", "half", "same"]), max_size=12), st.integers(0, 99))
def test_any_graph_comes_back(ops: list[str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = [Tensor(rng.normal(size=(2, 3)), requires_grad=True, name=f"x{k}") for k in range(2)]
    for name in ops:
        a, b = (made[k] for k in rng.integers(0, len(made), 2))
        made.append({"exp": tj.exp(a * 0.1), "neg": -a, "add": a + b, "mul": a * b, "sum": a + b.sum(), "half": a * 0.5,
                     "same": tj.concatenate([a[:1], b[1:]])}[name])  # fmt: skip
    y = (made[-1] * 1.0).sum()
    y.backward()
    with io_folder() as folder:
        found = load(save(y, folder / "run.npz")).result
    assert viz.graph(found).dot == viz.graph(y).dot


def io_folder() -> Any:
    import tempfile

    class Folder(tempfile.TemporaryDirectory):  # type: ignore[type-arg]
        def __enter__(self) -> Path:  # type: ignore[override]
            return Path(super().__enter__())

    return Folder()


def test_in_another_process(tmp_path: Path) -> None:
    y = apples()
    save(y, tmp_path / FILE)
    program = "import sys; from tinygrad_jp import viz; print(ascii(viz.graph(viz.load(sys.argv[1]).result).dot))"
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ascii(viz.graph(y).dot)


def test_a_large_graph(tmp_path: Path) -> None:
    y = Tensor(1.0, requires_grad=True)
    for _ in range(20_000):
        y = y * 1.0
    assert len(nodes(load(save(y, tmp_path / "run.npz")).result)) == 20_000


# ---------------------------------------------------------------------------------------------- bad files


class Bomb:
    def __reduce__(self) -> Any:
        return exec, ("import tinygrad_jp; tinygrad_jp.exploded = True",)


def test_a_pickle_inside_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    np.savez(path, **{FORMAT: np.array([Bomb()], object)})
    with pytest.raises(DataError, match="not an npz file of numeric arrays"):
        load(path)
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="not an npz file"):
        load(path)
    save(apples(), path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("0.npy", io.BytesIO(_object_array()).read())
    with pytest.raises(DataError, match="not an npz file of numeric arrays"):
        load(path)
    assert not hasattr(tj, "exploded")


def _object_array() -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, np.array([Bomb()], object), allow_pickle=True)
    return content.getvalue()


def test_other_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        load(tmp_path / "none.npz")
    with pytest.raises(DataError, match=rf"{FILE}: there is no such file"):
        load(tmp_path)
    save_npz(tmp_path / "weights.npz", {"W": np.ones(3)})
    with pytest.raises(DataError, match="no saved computation"):
        load(tmp_path / "weights.npz")


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    path = save(apples(), tmp_path / "run.npz")
    content = path.read_bytes()
    for size in (0, 10, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(DataError):
            load(path)


def changed(path: Path, change: Any) -> Path:
    arrays = load_npz(path)
    note = json.loads(arrays[FORMAT].tobytes())
    note = change(note) or note
    arrays[FORMAT] = np.frombuffer(json.dumps(note).encode(), np.uint8)
    return save_npz(path, arrays)


def test_a_newer_version_is_told(tmp_path: Path) -> None:
    path = changed(save(tj.exp(Tensor(1.0, requires_grad=True)), tmp_path / "run.npz"), lambda n: n.update(version=9))
    with pytest.raises(DataError, match=f"version 9, but this tinygrad_jp reads versions up to {VERSION}"):
        load(path)


def plant(*keys: Any, value: Any) -> Any:
    def change(note: Any) -> None:
        for key in keys[:-1]:
            note = note[key]
        note[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda note: [note],
        lambda note: note.pop("nodes"),
        plant("nodes", value=[]),
        plant("nodes", 0, "edges", value=[0, 1]),
        plant("nodes", 0, "edges", value=[-99, -1]),
        plant("nodes", 0, "edges", value=[True]),
        plant("nodes", 0, "active", value=[10**9]),
        plant("nodes", 0, "active", value=[]),
        plant("nodes", 0, "shape", value=[10**30]),
        plant("nodes", 0, "shape", value=[10**6, 10**6]),
        plant("nodes", 0, "dtype", value="O"),
        plant("nodes", 0, "op", value=-1),
        plant("nodes", 0, "op", value="__import__"),
        plant("nodes", 0, "value", value=7),
        plant("nodes", 0, "gradients", value=[None]),
        plant("nodes", 0, "name", value=3),
        plant("nodes", 0, "source", value=0),
        plant("leaves", 0, "kind", value="module"),
        plant("leaves", 0, "shape", value=[-1]),
        plant(
            "ops", 0, value={"name": "a b", "symbol": "", "inputs": ["not a name"], "variadic": False, "known": False}
        ),
        plant("result", "value", value=["<f8", [2], [1.0, 2.0]]),
        plant("modules", value=[{"class": "A", "options": "", "inside": [["a", 0]], "parameters": []}]),
        plant("modules", value=[{"class": "A\0", "options": "", "inside": [], "parameters": []}]),
        plant("modules", value=[{"class": "A", "options": "", "inside": [], "parameters": [["forward", 0]]}]),
        plant("runs", value={"model": 0, "runs": [], "given": [], "norms": []}),
    ],
)
def test_altered_files_are_refused(tmp_path: Path, change: Any) -> None:
    y = tj.exp(Tensor(1.0, requires_grad=True, name="x")) * 2.0
    y.backward()
    path = changed(save(y, tmp_path / "run.npz"), change)
    with pytest.raises(DataError, match=r"run\.npz: "):
        load(path)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_altered_no_other_error_comes(data: st.DataObject) -> None:
    with io_folder() as folder:
        path = save(apples(), folder / "run.npz")
        arrays = load_npz(path)
        note = json.loads(arrays[FORMAT].tobytes().decode("utf-8", "surrogatepass"))
        place: Any = note
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = data.draw(st.sampled_from(keys))
            if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.integers(0, 5)) == 0:
                break
            place = place[key]
        place[key] = data.draw(st.sampled_from([None, -1, 0, 1, 10**20, 0.5, "x", "O", [], {}, [1], ["tuple", 3]]))
        arrays[FORMAT] = np.frombuffer(json.dumps(note).encode("utf-8", "surrogatepass"), np.uint8)
        save_npz(path, arrays)
        try:
            read = load(path)
        except DataError:
            return  # refused: any other exception fails
        assert viz.graph(read.result).dot.startswith("digraph")


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(DtypeError, match="got int"):
        save(3, tmp_path / "x.npz")  # type: ignore[arg-type]
    with pytest.raises(GraphError, match="nothing was recorded for 'x'"):
        save(Tensor(1.0, name="x"), tmp_path / "x.npz")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="could not write"):
        save(apples(), tmp_path / "file" / "x.npz")


def test_graph_takes_the_file_or_what_was_read(tmp_path: Path) -> None:
    loss, runs = network()
    path = save(loss, tmp_path / "x.npz", runs)
    expected = viz.graph(loss, runs=runs, depth="layers", show="shapes").dot
    for saved in (path, str(path), load(path)):
        assert viz.graph(saved, depth="layers", show="shapes").dot == expected
    with pytest.raises(ValueError, match="a saved computation has its own"):
        viz.graph(path, runs=runs)
    with pytest.raises(DataError, match="nowhere"):
        viz.graph(str(tmp_path / "nowhere.npz"))

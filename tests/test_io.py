"""Files: checkpoints that restore all or nothing, npz, and the book's pickles, which may not run anything."""

from __future__ import annotations

import copy
import copyreg
import errno
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_jp import Tensor, data, generator
from tinygrad_jp.errors import ArgumentError, CallError, DataError, DtypeError
from tinygrad_jp.files import STALE, write_atomically
from tinygrad_jp.io import (
    load_book_pickle,
    load_checkpoint,
    load_npz,
    read_checkpoint,
    save_checkpoint,
    save_npz,
)
from tinygrad_jp.io.checkpoint import KEY, _checksum

safetensors_numpy = pytest.importorskip("safetensors.numpy")

SHARED = Path(__file__).parents[1].parent / "shared"
INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = ("bool", *INTS, "float16", "float32", "float64")
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


def examples(count: int) -> settings:
    """So many examples, all in the test's one folder."""
    return settings(max_examples=count, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def arrays(draw: st.DrawFn, dtypes: tuple[str, ...] = DTYPES) -> np.ndarray:
    """Arrays of any dtype, shape (0-d and empty too), byte order and memory layout."""
    dtype = np.dtype(draw(st.sampled_from(dtypes))).newbyteorder(draw(st.sampled_from("<>")))
    array = draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))
    layout = draw(st.sampled_from(["C", "transposed", "strided"]))
    return array.T if layout == "transposed" else array[::2] if layout == "strided" and array.ndim else array


def assert_same(found: dict[str, np.ndarray], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, array in found.items():
        assert array.dtype == np.asarray(expected[name]).dtype.newbyteorder("=")
        assert array.dtype.isnative
        assert array.flags.writeable
        assert array.shape == np.shape(expected[name])
        np.testing.assert_array_equal(array, expected[name])


class Part:
    """Anything with a state: what io knows of a model, an optimizer, a scheduler, a loader."""

    def __init__(self, state: Any, refuses: bool = False) -> None:
        self.state = state
        self.refuses = refuses

    def state_dict(self) -> Any:
        return self.state

    def load_state_dict(self, state: Any) -> None:
        if self.refuses:
            self.refuses = False  # its own state, which comes next, it takes
            raise ValueError("not mine")
        self.state = state


def run_of(seed: int, hidden: int = 3) -> dict[str, Part]:
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(2, hidden)).astype(np.float32)
    return {
        "model": Part({"重み": weight, "bias": rng.normal(size=hidden)}),
        "optimizer": Part({"state": {"0.m": rng.normal(size=hidden)}, "groups": [{"lr": rng.random(), "ε": 1e-8}]}),
        "scheduler": Part({"step": int(rng.integers(100))}),
        "loader": Part({"epoch": int(rng.integers(100)), "order": [1, 0]}),
    }


def states(parts: dict[str, Part]) -> dict[str, Any]:
    return copy.deepcopy({name: part.state for name, part in parts.items()})


def assert_equal_states(found: dict[str, Any], expected: dict[str, Any]) -> None:
    np.testing.assert_equal(found, expected)


class TestCheckpoint:
    def test_all_parts_and_the_generator_come_back(self, tmp_path: Path) -> None:
        generator.seed(5)
        saved, others = run_of(0), run_of(1)
        path = save_checkpoint(tmp_path / "しおり.safetensors", **saved, extra={"epoch": 3, "loss": [np.float32(0.5)]})
        expected = generator.generator().random(4)
        found = load_checkpoint(path, **others)
        assert_equal_states(states(others), states(saved))
        assert found.extra == {"epoch": 3, "loss": [0.5]}
        np.testing.assert_array_equal(generator.generator().random(4), expected)

    def test_the_generator_stays_if_asked(self, tmp_path: Path) -> None:
        path = save_checkpoint(tmp_path / "c", **run_of(0))
        generator.seed(1)
        before = generator.state()
        load_checkpoint(path, model=run_of(1)["model"], generator=False)
        assert generator.state() == before

    def test_reading_changes_nothing_and_tells_what_was_not_saved(self, tmp_path: Path) -> None:
        path = save_checkpoint(tmp_path / "c", model=run_of(0)["model"])
        generator.generator().random()
        before = generator.state()
        found = read_checkpoint(path)
        assert generator.state() == before
        assert (found.optimizer, found.scheduler, found.loader, found.extra) == (None,) * 4
        assert found.model is not None
        assert set(found.model) == {"重み", "bias"}

    @examples(50)
    @given(state=st.dictionaries(NAMES, arrays(), max_size=4))
    def test_any_arrays(self, tmp_path: Path, state: dict[str, np.ndarray]) -> None:
        path = save_checkpoint(tmp_path / "c", model=Part(state), optimizer=Part({"state": state, "groups": []}))
        found = read_checkpoint(path)
        assert found.model is not None
        assert found.optimizer is not None
        assert_same(found.model, state)
        assert_same(found.optimizer["state"], state)

    def test_it_is_a_safetensors_file_and_the_same_bytes_each_time(self, tmp_path: Path) -> None:
        first, second = (save_checkpoint(tmp_path / name, **run_of(0), extra=[1]) for name in "ab")
        assert first.read_bytes() == second.read_bytes()
        tensors = safetensors_numpy.load_file(first)
        assert set(tensors) == {"model.重み", "model.bias", "optimizer.0.m"}

    def test_real_model_optimizer_and_scheduler_continue_alike(self, tmp_path: Path) -> None:
        from tinygrad_jp import nn, optim

        def make(seed: int) -> tuple[Any, Any, Any]:
            generator.seed(seed)
            model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
            optimizer = optim.Adam(model.parameters(), lr=0.1)
            return model, optimizer, optim.ExponentialLR(optimizer, 0.9)

        def train(model: Any, optimizer: Any, scheduler: Any) -> None:
            x = Tensor(generator.generator().normal(size=(5, 4)).astype(np.float32))
            optimizer.zero_grad()
            (model(x) ** 2).sum().backward()
            optimizer.step()
            scheduler.step()

        (a, a_optim, a_sched), (b, b_optim, b_sched) = make(0), make(1)
        train(a, a_optim, a_sched)
        path = save_checkpoint(tmp_path / "c", model=a, optimizer=a_optim, scheduler=a_sched)
        train(a, a_optim, a_sched)
        load_checkpoint(path, model=b, optimizer=b_optim, scheduler=b_sched)
        train(b, b_optim, b_sched)
        for name, values in a.state_dict().items():
            np.testing.assert_array_equal(b.state_dict()[name], values)


class TestAllOrNothing:
    def test_another_architecture_lists_every_name_with_both_shapes(self, tmp_path: Path) -> None:
        path = save_checkpoint(tmp_path / "c", **run_of(0, hidden=3))
        other = run_of(1, hidden=5)
        other["model"].state["new"] = np.zeros(7)
        other["optimizer"].state["groups"].append({})
        before, stood = states(other), generator.state()
        with pytest.raises(DataError) as caught:
            load_checkpoint(path, **other)
        for line in (
            "model.重み: (2, 5) here, (2, 3) in the file",
            "model.bias: (5,) here, (3,) in the file",
            "model.new: (7,) here, nothing in the file",
            "optimizer.0.m: (5,) here, (3,) in the file",
            "optimizer: 2 parameter groups here, 1 in the file",
        ):
            assert line in str(caught.value)
        assert str(path) in str(caught.value)
        assert_equal_states(states(other), before)
        assert generator.state() == stood

    @pytest.mark.parametrize("name", ["optimizer", "scheduler", "loader"])
    def test_a_part_that_refuses_leaves_all_as_they_were(self, tmp_path: Path, name: str) -> None:
        path = save_checkpoint(tmp_path / "c", **run_of(0))
        other = run_of(1)
        other[name].refuses = True
        before, stood = states(other), generator.state()
        with pytest.raises(DataError, match=f"the {name} does not fit, nothing was changed: not mine"):
            load_checkpoint(path, **other)
        assert_equal_states(states(other), before)
        assert generator.state() == stood

    def test_ctrl_c_while_loading(self, tmp_path: Path) -> None:
        path = save_checkpoint(tmp_path / "c", **run_of(0))
        other = run_of(1)
        before = states(other)
        calls = []

        def interrupted(state: Any) -> None:
            calls.append(state)
            if len(calls) == 1:
                raise KeyboardInterrupt

        other["loader"].load_state_dict = interrupted  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            load_checkpoint(path, **other)
        assert_equal_states(states(other), before)

    def test_a_generator_state_that_does_not_fit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(generator, "state", lambda: {"bit_generator": "MT19937"})
        path = save_checkpoint(tmp_path / "c", **run_of(0))
        monkeypatch.undo()
        other = run_of(1)
        before, stood = states(other), generator.state()
        with pytest.raises(DataError, match="state of the generator does not fit"):
            load_checkpoint(path, **other)
        assert_equal_states(states(other), before)
        assert generator.state() == stood

    def test_what_was_not_saved_cannot_be_restored(self, tmp_path: Path) -> None:
        parts = run_of(0)
        path = save_checkpoint(tmp_path / "c", model=parts["model"])
        with pytest.raises(DataError, match="no state for optimizer and loader"):
            load_checkpoint(path, model=parts["model"], optimizer=parts["optimizer"], loader=parts["loader"])


class TestDamagedCheckpoint:
    def content(self, tmp_path: Path) -> tuple[Path, bytes]:
        path = save_checkpoint(tmp_path / "c.safetensors", **run_of(0), extra={"epoch": 1})
        return path, path.read_bytes()

    def resealed(self, path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
        """The file with its metadata changed, and the checksum that belongs to it."""
        tensors = safetensors_numpy.load(path.read_bytes())

        def seal(note: dict[str, Any]) -> None:
            del note["sha256"]
            change(note)
            note["sha256"] = _checksum(json.dumps(note), tensors)

        return self.rewritten(path, seal)

    def rewritten(self, path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
        """The file with its metadata changed, and nothing else."""
        content = path.read_bytes()
        tensors = safetensors_numpy.load(content)
        length = struct.unpack("<Q", content[:8])[0]
        note = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][KEY])
        change(note)
        path.write_bytes(safetensors_numpy.save(tensors, metadata={KEY: json.dumps(note)}))
        return path

    def test_truncated_anywhere(self, tmp_path: Path) -> None:
        path, content = self.content(tmp_path)
        for length in {*range(0, len(content), 37), 7, 8, 9, len(content) - 1}:
            path.write_bytes(content[:length])
            with pytest.raises(DataError, match="truncated, altered or not a checkpoint") as caught:
                read_checkpoint(path)
            assert str(path) in str(caught.value)
            assert "copy the file again" in str(caught.value)

    def test_each_byte_altered_is_noticed_or_harmless(self, tmp_path: Path) -> None:
        path, content = self.content(tmp_path)
        good = read_checkpoint(path)
        harmless = 0
        for position in range(len(content)):
            path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
            try:
                found = read_checkpoint(path)
            except DataError:
                continue
            harmless += 1
            np.testing.assert_equal(vars(found), vars(good))
        assert harmless < 20  # spaces that pad the header

    @pytest.mark.parametrize("part", ["data", "header"])
    def test_altered_is_said_to_be_altered(self, tmp_path: Path, part: str) -> None:
        path, content = self.content(tmp_path)
        position = len(content) - 3 if part == "data" else content.index(b'epoch\\": 1') + len(b'epoch\\": ')
        path.write_bytes(content[:position] + bytes([content[position] ^ 2]) + content[position + 1 :])
        with pytest.raises(DataError, match="SHA-256"):
            read_checkpoint(path)

    @examples(60)
    @given(noise=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), min_size=1, max_size=8))
    def test_noise(self, tmp_path: Path, noise: list[tuple[int, int]]) -> None:
        path, content = self.content(tmp_path)
        changed = bytearray(content)
        for position, byte in noise:
            changed[position % len(changed)] = byte
        path.write_bytes(changed)
        try:
            found = read_checkpoint(path)
        except DataError as error:
            assert str(path) in str(error)  # noqa: PT017 (either is right)
        else:
            path.write_bytes(content)
            np.testing.assert_equal(vars(found), vars(read_checkpoint(path)))

    def test_newer_version(self, tmp_path: Path) -> None:
        path = self.rewritten(self.content(tmp_path)[0], lambda note: note.update(version=2))
        with pytest.raises(DataError, match=r"version 2, but .* up to 1; update tinygrad_jp"):
            read_checkpoint(path)

    def test_older_looking_version_is_no_way_around_the_checksum(self, tmp_path: Path) -> None:
        path = self.rewritten(self.content(tmp_path)[0], lambda note: note.update(version=0))
        with pytest.raises(DataError, match="SHA-256"):
            read_checkpoint(path)

    @pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"version": 1}', "[" * 100_000])
    def test_metadata_that_is_none(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "c"
        path.write_bytes(safetensors_numpy.save({"model.a": np.zeros(1)}, metadata={KEY: text}))
        with pytest.raises(DataError, match="cannot be read"):
            read_checkpoint(path)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *[("version", value) for value in ("1", 0, -1, 1.5, None, True)],
            *[("optimizer", value) for value in ([1], 0, "x", {"groups": 5})],
            ("model", 1),
            *[("generator", value) for value in (None, [1])],
        ],
    )
    def test_a_right_checksum_over_a_wrong_layout(self, tmp_path: Path, name: str, value: Any) -> None:
        path = self.resealed(self.content(tmp_path)[0], lambda note: note.update({name: value}))
        with pytest.raises(DataError, match=f"not a checkpoint .its .*{'groups' if type(value) is dict else name}"):
            read_checkpoint(path)

    @pytest.mark.parametrize("name", ["model", "optimizer", "scheduler", "loader", "generator", "extra"])
    def test_a_right_checksum_and_a_missing_key(self, tmp_path: Path, name: str) -> None:
        path = self.resealed(self.content(tmp_path)[0], lambda note: note.pop(name))
        with pytest.raises(DataError, match=f"metadata has no '{name}'"):
            read_checkpoint(path)

    def test_the_optimizers_arrays_are_the_tensors(self, tmp_path: Path) -> None:
        path, _ = self.content(tmp_path)
        good = read_checkpoint(path)
        self.resealed(path, lambda note: note["optimizer"].update(state=5))
        np.testing.assert_equal(vars(read_checkpoint(path)), vars(good))

    def test_somebody_elses_safetensors(self, tmp_path: Path) -> None:
        path = tmp_path / "c"
        safetensors_numpy.save_file({"weight": np.zeros(3)}, path)
        with pytest.raises(DataError, match=r"not a checkpoint of tinygrad_jp.*save_checkpoint"):
            read_checkpoint(path)

    def test_no_file_and_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"nothing\.here: there is no such file; check the path"):
            read_checkpoint(tmp_path / "nothing.here")
        with pytest.raises(DataError, match="cannot be read"):
            read_checkpoint(tmp_path)


class TestSaving:
    def test_disk_full(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = save_checkpoint(tmp_path / "c", **run_of(0))
        before = path.read_bytes()

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(DataError, match=r"could not write .* bytes \(No space left on device\).*unchanged; free"):
            save_checkpoint(path, **run_of(1))
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["c"]

    @pytest.mark.skipif(sys.platform == "win32", reason="no limit on a file's size there")
    def test_a_real_limit_on_the_disk(self, tmp_path: Path) -> None:
        script = """if True:
            import resource, signal, sys
            import numpy as np
            from tinygrad_jp.errors import DataError
            from tinygrad_jp.io import save_npz
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            save_npz(sys.argv[1], {"a": np.ones(10)})
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
            try:
                save_npz(sys.argv[1], {"a": np.zeros(100_000)})
            except DataError as error:
                print(error)
        """
        path = tmp_path / "a.npz"
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, timeout=60
        )
        assert "File too large" in done.stdout
        assert os.listdir(tmp_path) == ["a.npz"]
        np.testing.assert_array_equal(load_npz(path)["a"], np.ones(10))

    def test_a_folder_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "c").mkdir()
        with pytest.raises(DataError, match="could not write"):
            save_checkpoint(tmp_path / "c", **run_of(0))
        assert os.listdir(tmp_path) == ["c"]

    @pytest.mark.parametrize("values", [np.array(["a"]), np.array([object()]), np.zeros(2, complex), [{}]])
    def test_no_numbers(self, tmp_path: Path, values: Any) -> None:
        with pytest.raises(DtypeError, match=r"model\.x is .*astype"):
            save_checkpoint(tmp_path / "c", model=Part({"x": values}))
        assert not os.listdir(tmp_path)

    def test_what_json_cannot_hold(self, tmp_path: Path) -> None:
        circle: list[Any] = []
        circle.append(circle)
        for extra in (object(), {1, 2}, np.zeros(2), circle, {(1, 2): 3}, {1: 2, "1": 3}, [({None: 1},)]):
            with pytest.raises(ArgumentError, match="extra cannot be written as JSON"):
                save_checkpoint(tmp_path / "c", extra=extra)
        with pytest.raises(ArgumentError, match="scheduler cannot be written as JSON"):
            save_checkpoint(tmp_path / "c", scheduler=Part({"step": b""}))
        assert not os.listdir(tmp_path)

    def test_without_the_library(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
        with pytest.raises(CallError, match=r'pip install "tinygrad_jp\[io\]"'):
            save_checkpoint(tmp_path / "c")

    def test_importing_io_does_not_import_safetensors(self) -> None:
        script = "import sys, tinygrad_jp.io; print('safetensors' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", script], check=True, timeout=60, capture_output=True, text=True)
        assert done.stdout.strip() == "False"


class TestFiles:
    def test_errors_name_the_file_and_say_what_is_wrong_with_its_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "a.png"
        with pytest.raises(OSError, match=r"there is no folder .*file, and it cannot be made: ") as caught:
            write_atomically(path, b"all")
        assert caught.value.filename == str(path)
        assert ".part" not in str(caught.value)

    @pytest.mark.parametrize("kind", [PermissionError(13, "denied"), OSError(28, "no space"), OSError("odd")])
    def test_errors_of_writing_name_the_file_and_leave_what_was_there(
        self, kind: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write_atomically(tmp_path / "a", b"old")

        def fail(*_: Any) -> None:
            raise kind

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(type(kind), match=kind.strerror or "odd") as caught:
            write_atomically(path, b"new")
        assert caught.value.filename == str(path)
        assert (path.read_bytes(), os.listdir(tmp_path)) == (b"old", ["a"])

    def test_parts_of_killed_processes_are_removed_and_no_others(self, tmp_path: Path) -> None:
        old, new = f"a[b].{'0' * 16}.part", f"a[b].{'f' * 16}.part"
        others = ["a[b].mine.part", f"ab.{'0' * 16}.part", f"a[b].x.{'0' * 16}.part", f"a[b].{'0' * 16}"]
        for name in (old, new, *others):
            (tmp_path / name).write_bytes(b"")
            if name != new:  # its writer may be at work
                os.utime(tmp_path / name, (0, 0))
        write_atomically(tmp_path / "a[b]", b"all")
        assert sorted(os.listdir(tmp_path)) == sorted(["a[b]", new, *others])
        assert STALE >= 600

    def test_a_part_that_cannot_be_removed_does_not_stop_the_writing(self, tmp_path: Path) -> None:
        part = tmp_path / f"a.{'0' * 16}.part"
        part.mkdir()
        os.utime(part, (0, 0))
        assert write_atomically(tmp_path / "a", b"all").read_bytes() == b"all"

    @pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a right there")
    @pytest.mark.parametrize("there", [True, False])
    def test_a_symbolic_link_stays_one(self, tmp_path: Path, there: bool) -> None:
        target, link = tmp_path / "runs" / "7", tmp_path / "latest"
        link.symlink_to(Path("runs") / "7")
        if there:
            write_atomically(target, b"old")
        assert write_atomically(link, b"new") == link
        assert link.is_symlink()
        assert target.read_bytes() == b"new"
        assert not target.is_symlink()
        assert os.listdir(target.parent) == ["7"]


class TestNpz:
    @examples(50)
    @given(state=st.dictionaries(NAMES, arrays(), max_size=4))
    def test_any_arrays(self, tmp_path: Path, state: dict[str, np.ndarray]) -> None:
        found = load_npz(save_npz(tmp_path / "a.npz", state))
        assert list(found) == list(state)
        for name, array in state.items():
            np.testing.assert_array_equal(found[name], array, strict=True)

    def test_numpy_reads_it_and_is_read(self, tmp_path: Path) -> None:
        state = {"W1": np.ones((2, 3), np.float32), "隠れ.b": np.arange(3), "file": np.array(1.5)}
        with np.load(save_npz(tmp_path / "ours", Part(state))) as archive:
            np.testing.assert_equal(dict(archive), state)
        np.savez_compressed(tmp_path / "theirs.npz", a=np.ones(5), b=np.arange(4))
        np.testing.assert_equal(load_npz(tmp_path / "theirs.npz"), {"a": np.ones(5), "b": np.arange(4)})

    def test_objects_are_refused_both_ways(self, tmp_path: Path) -> None:
        with pytest.raises(DtypeError, match="'a' holds Python objects"):
            save_npz(tmp_path / "a.npz", {"a": np.array([{}])})
        assert not os.listdir(tmp_path)
        trap = tmp_path / "trap"
        np.savez(tmp_path / "evil.npz", a=np.array([Call(os.mkdir, str(trap))], dtype=object))
        with pytest.raises(DataError, match="allow_pickle=False"):
            load_npz(tmp_path / "evil.npz")
        assert not trap.exists()

    @pytest.mark.parametrize("state", [None, [np.ones(2)], {1: np.ones(2)}, {"a\0b": np.ones(2)}])
    def test_no_state(self, tmp_path: Path, state: Any) -> None:
        with pytest.raises(ArgumentError, match="save_npz"):
            save_npz(tmp_path / "a.npz", state)

    @examples(100)
    @given(position=st.integers(0, 10**6), byte=st.integers(1, 255), cut=st.booleans())
    def test_damaged(self, tmp_path: Path, position: int, byte: int, cut: bool) -> None:
        content = bytearray(save_npz(tmp_path / "a.npz", {"a": np.arange(20), "b": np.ones(3)}).read_bytes())
        position %= len(content)
        if cut:
            del content[position:]
        else:
            content[position] ^= byte
        (tmp_path / "a.npz").write_bytes(content)
        try:
            found = load_npz(tmp_path / "a.npz")
        except DataError as error:
            assert "a.npz" in str(error)  # noqa: PT017 (either is right)
        else:  # zip keeps a checksum of the arrays, not of dates and names
            np.testing.assert_equal(list(found.values()), [np.arange(20), np.ones(3)])

    def test_a_directory_that_loses_an_array(self, tmp_path: Path) -> None:
        path = save_npz(tmp_path / "a.npz", {"a": np.arange(20), "b": np.ones(3)})
        content = bytearray(path.read_bytes())
        content[content.index(b"PK\x01\x02") + 33] ^= 1  # the first entry's comment now swallows the second entry
        path.write_bytes(content)
        with pytest.raises(DataError, match="names 1 arrays and says that there are 2"):
            load_npz(path)

    def test_a_header_that_claims_more_than_there_is(self, tmp_path: Path) -> None:
        array = io.BytesIO()
        np.lib.format.write_array_header_1_0(array, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("a.npy", array.getvalue() + b"12345678")
        with pytest.raises(DataError, match="bytes do not fit"):
            load_npz(tmp_path / "a.npz")


class Call:
    """Pickles as a call of the function: whoever unpickles it naively, runs it."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.reduced = function, arguments

    def __reduce__(self) -> Any:
        return self.reduced


class Ours:
    """Some class that a pickle names."""


def book(tmp_path: Path, content: bytes) -> dict[str, np.ndarray]:
    path = tmp_path / "weights.pkl"
    path.write_bytes(content)
    return load_book_pickle(path)


PYTHON_2 = {  # written by Python 2.7 and NumPy 1.16: {"W": np.array([[0.5], [-2.0]], np.float32)}
    "protocol 0": b"(dp1\nS'W'\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntS'b'\ntRp4\n(I1\n"
    b"(I2\nI1\ntcnumpy\ndtype\np5\n(S'f4'\nI0\nI1\ntRp6\n(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n"
    b"S'\\x00\\x00\\x00?\\x00\\x00\\x00\\xc0'\ntbs.",
    "protocol 2": b"\x80\x02}q\x00U\x01Wq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85"
    b"q\x04U\x01bq\x05\x87q\x06Rq\x07(K\x01K\x02K\x01\x86q\x08cnumpy\ndtype\nq\tU\x02f4q\nK\x00K\x01\x87q\x0bRq\x0c"
    b"(K\x03U\x01<q\rNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0eb\x89U\x08\x00\x00\x00?\x00\x00\x00\xc0q\x0f"
    b"tq\x10bs.",
}
PICKLED = (*DTYPES, "complex64", "complex128")


class TestBookPickle:
    @pytest.mark.parametrize("protocol", range(6))
    @examples(30)
    @given(state=st.dictionaries(st.text(max_size=8), arrays(PICKLED), max_size=4))
    def test_every_protocol(self, tmp_path: Path, protocol: int, state: dict[str, np.ndarray]) -> None:
        assert_same(book(tmp_path, pickle.dumps(state, protocol)), state)

    @pytest.mark.parametrize("protocol", range(6))
    def test_scalars_shared_arrays_and_old_names(self, tmp_path: Path, protocol: int) -> None:
        shared = np.arange(3.0)
        state = {"lr": np.float64(0.5), "ok": np.True_, "a": shared, "b": shared, "one": np.array([7], np.int8)}
        content = pickle.dumps(state, protocol)
        assert_same(book(tmp_path, content), state)
        if protocol < 4:  # names with a length would need another length
            assert_same(book(tmp_path, content.replace(b"numpy._core", b"numpy.core")), state)

    @pytest.mark.parametrize("content", PYTHON_2.values(), ids=PYTHON_2)
    def test_written_by_python_2(self, tmp_path: Path, content: bytes) -> None:
        assert_same(book(tmp_path, content), {"W": np.array([[0.5], [-2.0]], np.float32)})

    def test_the_books_weights_recognise_9352_digits(self) -> None:
        path = SHARED / "book" / "sample_weight.pkl"
        if not path.exists() or not (SHARED / "mnist").is_dir():
            pytest.skip("needs the book's sample_weight.pkl and MNIST in ../shared")
        w = load_book_pickle(path)
        assert {name: array.shape for name, array in w.items()} == {
            **{"W1": (784, 50), "b1": (50,), "W2": (50, 100), "b2": (100,), "W3": (100, 10), "b3": (10,)}
        }
        *_, x, t = data.mnist(SHARED / "mnist", download=False)
        for layer in "12":
            x = 1 / (1 + np.exp(-(x @ w[f"W{layer}"] + w[f"b{layer}"])))
        scores = x @ w["W3"] + w["b3"]
        y = np.exp(scores - scores.max(axis=1, keepdims=True))
        y /= y.sum(axis=1, keepdims=True)
        assert (y.argmax(axis=1) == t).mean() == 0.9352

    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            ([np.ones(2)], "holds a list, no dict"),
            (np.ones(2), "holds a NumPy array, no dict"),
            ({"lr": 0.1}, "'lr' is a float, no array"),
            ({"params": {"W": np.ones(2)}}, "'params' is a dict, no array"),
            ({1: np.ones(2)}, "keys that are no strings"),
            ({"a": np.array(["text"])}, "dtype 'U4'.*not numeric"),
            ({"a": np.array([None])}, "dtype 'O8'.*not numeric"),
            ({"a": np.zeros(2, [("x", "f4")])}, "not numeric|state of a dtype"),
            ({"a": np.zeros(2, "M8[s]")}, "not numeric|state of a dtype"),
            ({"a": Ours()}, r"asks for (copyreg|copy_reg)\._reconstructor|test_io\.Ours"),
        ],
    )
    def test_something_else(self, tmp_path: Path, value: Any, problem: str) -> None:
        for protocol in range(6):
            with pytest.raises(DataError, match=problem):
                book(tmp_path, pickle.dumps(value, protocol))

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no such file"):
            load_book_pickle(tmp_path / "nothing.pkl")


class WithId(pickle.Pickler):
    """Writes tuples as persistent ids."""

    def persistent_id(self, value: Any) -> Any:
        return "evil" if isinstance(value, tuple) else None


def with_id(protocol: int) -> bytes:
    content = io.BytesIO()
    WithId(content, protocol).dump({"a": (1,)})
    return content.getvalue()


def malicious(trap: str) -> dict[str, tuple[Any, str]]:
    """Objects that would make the folder `trap` if their pickle was run, and the name that must be refused."""
    code = f"__import__('os').mkdir({trap!r})"
    objects = np.empty(2, object)
    objects[:] = [Call(os.mkdir, trap)] * 2
    return {
        "os.system": ({"a": Call(os.system, f"mkdir '{trap}'")}, f"{os.name}.system"),
        "os.mkdir": ({"a": Call(os.mkdir, trap)}, f"{os.name}.mkdir"),
        "eval": ({"a": Call(eval, code)}, r"(builtins|__builtin__)\.eval"),
        "exec": ({"a": Call(exec, code)}, r"(builtins|__builtin__)\.exec"),
        "Popen": ({"a": Call(subprocess.Popen, ["mkdir", trap])}, r"(subprocess|commands)\.Popen"),
        "getattr chain": ({"a": Call(Call(getattr, os, "mkdir"), trap)}, r"(builtins|__builtin__)\.getattr"),
        "import": ({"a": Call(__import__, "antigravity")}, r"(builtins|__builtin__)\.__import__"),
        "a bound method": ({"a": Call(Path(trap).mkdir)}, r"(builtins|__builtin__)\.getattr|pathlib"),
        "numpy.load": ({"a": Call(np.load, trap)}, r"numpy\.load"),
        "numpy.save": ({"a": Call(np.save, trap, 1)}, r"numpy\.save"),
        "an array of objects": ({"a": objects}, f"{os.name}.mkdir"),
        "a key": ({Call(os.mkdir, trap): 1}, f"{os.name}.mkdir"),
        "the dict": (Call(os.mkdir, trap), f"{os.name}.mkdir"),
        "bytes of an object": ({"a": Call(bytes, Call(os.mkdir, trap))}, f"{os.name}.mkdir"),
    }


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
DTYPE = b"cnumpy\ndtype\n(U\x02f4K\x00K\x01tR(K\x03U\x01<NNNK\x00K\x00K\x00tb"
ARRAY = RECONSTRUCT + b"cnumpy\nndarray\nK\x00\x85U\x01b\x87R"


def filled(shape: bytes = b"K\x01\x85", dtype: bytes = DTYPE, content: bytes = b"U\x041234") -> bytes:
    """An array's opcodes, by default of a genuine one."""
    return ARRAY + b"(K\x01" + shape + dtype + b"\x89" + content + b"tb"


def dict_of(value: bytes) -> bytes:
    return b"\x80\x02}U\x01a" + value + b"s."


PIECES = [
    *(bytes([code]) for code in b"(02N)]}tldsuaeRbQo\x81\x85\x86\x87\x92\x93\x94"),
    *(b"h\0", b"h\1", b"q\0", b"q\1", b"U\1a", b"C\x041234", b"K\1", b"I01\n", b"P1\n", b"V\\ud800\n", b"S'\n"),
    *(b"cos\nsystem\n", b"ios\nsystem\n", b"\x8c\2os", b"\x8c\6system", b"\x82\xf0", b"cnumpy\ndtype\n"),
    *(RECONSTRUCT, b"cnumpy\nndarray\n", DTYPE, ARRAY, filled()),
]


class Audit:
    """What the interpreter reports while a pickle is read: nothing may be imported, compiled or run."""

    events = ("import", "exec", "compile", "os.system", "os.mkdir", "subprocess.Popen", "pickle.find_class")

    def __init__(self) -> None:
        self.active = False
        self.seen: list[str] = []
        sys.addaudithook(self.hook)

    def hook(self, event: str, _: tuple[Any, ...]) -> None:
        if self.active and event in self.events:
            self.seen.append(event)


AUDIT = Audit()  # a hook cannot be taken away again, so there is one


def limited(read: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray] | None:
    """What was read, None if it was refused; nothing may have run, nor have taken more than 50 MB."""
    AUDIT.seen.clear()
    tracemalloc.start()
    AUDIT.active = True
    try:
        return read()
    except DataError:
        return None
    finally:
        AUDIT.active = False
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 50e6
        assert not AUDIT.seen


def assert_only_numbers(read: dict[str, np.ndarray] | None) -> None:
    """Whatever was read by :func:`limited` consists of named arrays of numbers."""
    for name, array in (read or {}).items():
        assert isinstance(name, str)
        assert array.dtype.kind in "biuf"


class TestMaliciousPickle:
    @pytest.mark.parametrize("protocol", range(6))
    @pytest.mark.parametrize("case", malicious("").keys())
    def test_refused_by_name_and_nothing_runs(self, tmp_path: Path, case: str, protocol: int) -> None:
        trap = tmp_path / "trap"
        if case == "getattr chain":  # a module cannot be pickled: written by hand
            content = b"cbuiltins\ngetattr\n(cos\n__dict__\nS'mkdir'\ntR(S'" + os.fsencode(trap) + b"'\ntR."
            name = r"builtins\.getattr"
        else:
            value, name = malicious(str(trap))[case]
            content = pickle.dumps(value, protocol)
        with pytest.raises(DataError, match=rf"asks for {name}"):
            book(tmp_path, content)
        assert not trap.exists()

    def test_the_audit_sees_what_runs(self, tmp_path: Path) -> None:
        content = pickle.dumps(Call(os.mkdir, str(tmp_path / "trap")))
        with pytest.raises(AssertionError):
            limited(lambda: pickle.loads(content))

    def test_the_traps_are_real(self, tmp_path: Path) -> None:
        """Otherwise the tests above would prove nothing."""
        for case in ("os.system", "os.mkdir", "eval", "exec", "a bound method", "an array of objects"):
            trap = tmp_path / case
            pickle.loads(pickle.dumps(malicious(str(trap))[case][0]))
            assert trap.exists(), case

    @pytest.mark.parametrize("module", ["numpy.f2py", "numpy.f2py.crackfortran", "numpy.testing._private.utils"])
    def test_other_names_of_numpy(self, tmp_path: Path, module: str) -> None:
        content = f"c{module}\nrunstring\n(S'1'\ntR.".encode()
        with pytest.raises(DataError, match=rf"asks for {module}\.runstring, which could run code"):
            book(tmp_path, content)
        assert module not in sys.modules or module.startswith("numpy.testing")

    @pytest.mark.parametrize("name", ["os.system", "ndarray.tofile", "core.multiarray._reconstruct.__globals__"])
    def test_dotted_names(self, tmp_path: Path, name: str) -> None:
        content = b"\x80\x04\x8c\x05numpy\x8c" + bytes([len(name)]) + name.encode() + b"\x93."
        with pytest.raises(DataError, match=rf"asks for numpy\.{name}"):
            book(tmp_path, content)

    @pytest.mark.parametrize("protocol", range(6))
    def test_persistent_id(self, tmp_path: Path, protocol: int) -> None:
        with pytest.raises(DataError, match="asks for a persistent id"):
            book(tmp_path, with_id(protocol))

    def test_extension_registry(self, tmp_path: Path) -> None:
        copyreg.add_extension(__name__, "Ours", 240)
        try:
            for code in (240, 0x1234, 0x12345678):
                copyreg.remove_extension(__name__, "Ours", 240)
                copyreg.add_extension(__name__, "Ours", code)
                content = pickle.dumps({"a": Ours}, 2)
                copyreg.remove_extension(__name__, "Ours", code)
                copyreg.add_extension(__name__, "Ours", 240)
                with pytest.raises(DataError, match="copyreg's extension registry"):
                    book(tmp_path, content)
        finally:
            copyreg.remove_extension(__name__, "Ours", 240)

    @pytest.mark.parametrize(
        "content",
        [
            dict_of(RECONSTRUCT + b"cnumpy\ndtype\nK\x00\x85U\x01b\x87R"),  # of another class than ndarray
            dict_of(RECONSTRUCT + b"cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85U\x01b\x87R"),  # a large array at once
            dict_of(RECONSTRUCT + RECONSTRUCT + b"K\x00\x85U\x01b\x87R"),
            dict_of(b"cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85R"),  # the class itself called
            dict_of(b"cnumpy\ndtype\n]\x85R"),
            dict_of(b"c_codecs\nencode\nU\x01aU\x04rot13\x86R"),  # another codec
            dict_of(b"cbuiltins\nbytes\nJ\xff\xff\xff\x7f\x85R"),  # bytes(2147483647)
            dict_of(RECONSTRUCT + b"}U\x0c__defaults__Nsb"),  # the state of a function
            dict_of(filled(dtype=DTYPE.replace(b"f4", b"O8"))),
            dict_of(filled(dtype=DTYPE.replace(b"NNN", b"N)}"))),  # fields
            dict_of(filled(content=b"]")),
            dict_of(filled(content=b"N")),
            dict_of(filled(shape=b"]")),
            dict_of(filled(shape=b"U\x01a\x85")),
            dict_of(filled(shape=b"J\xff\xff\xff\xffJ\xff\xff\xff\xff\x86")),  # (-1, -1)
            dict_of(b"U\x01aU\x01b\x86U\x01cs"),  # a string called, as it were
            dict_of(b"U\x01a)R"),
            dict_of(ARRAY),  # never filled
            dict_of(b"]cnumpy\nndarray\n)\x81"),  # NEWOBJ
        ],
    )
    def test_numpys_names_misused(self, tmp_path: Path, content: bytes) -> None:
        with pytest.raises(DataError):
            book(tmp_path, content)

    def test_the_crafted_array_is_right(self, tmp_path: Path) -> None:
        assert book(tmp_path, dict_of(filled()))["a"].tobytes() == b"1234"

    @pytest.mark.parametrize(
        "content",
        [
            dict_of(filled(shape=b"J\xff\xff\xff\x7f\x85")),  # claims 8 GB
            dict_of(filled(shape=b"K\x00" + b"\x8a\x0f" + b"\xff" * 14 + b"\x7f\x86", content=b"U\x00")),
            b"\x80\x02Nr\xff\xff\xff\x7f.",  # a memo of 2 ** 31 entries
            b"\x80\x05\x96\xff\xff\xff\xff\x0f\0\0\0a.",  # 64 GB of bytes announced
            b"\x80\x04\x95\xff\xff\xff\xff\x0f\0\0\0N.",  # a frame of them
            b"\x80\x02}" + b"N" + b"\x85" * 200_000 + b"Ns.",  # a key whose hash overflows the stack
            b"\x80\x02}" + b"N" + b"q\0h\0\x86" * 60 + b"Ns.",  # a key whose hash takes 2 ** 60 steps
            b"\x80\x02" + b"]q\0h\0a" * 1000 + b".",
            b"I" + b"9" * 200_000 + b"\n.",
            b"\x80\x02}U\x01a"
            + filled(b"M\xff\x7f\x85", DTYPE + b"q\x05", b"B\xfc\xff\x01\0" + b"x" * (4 * 0x7FFF) + b"q\x06")
            + b"s"
            + b"(" + b"".join(b"U\x04%04d" % i + filled(b"M\xff\x7f\x85", b"h\x05", b"h\x06") for i in range(2000))
            + b"u.",  # the same 128 kB, 2000 times
        ],
    )  # fmt: skip
    def test_bombs(self, tmp_path: Path, content: bytes) -> None:
        assert limited(lambda: book(tmp_path, content)) is None

    @examples(300)
    @given(
        protocol=st.integers(0, 5),
        noise=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6),
        cut=st.none() | st.integers(0, 10**6),
    )
    def test_noise(self, tmp_path: Path, protocol: int, noise: list[tuple[int, int]], cut: int | None) -> None:
        state = {"W1": np.arange(6, dtype=np.float32).reshape(2, 3), "lr": np.float64(1), "b": np.zeros((0, 2))}
        content = bytearray(pickle.dumps(state, protocol))
        for position, byte in noise:
            content[position % len(content)] = byte
        if cut is not None:
            del content[cut % len(content) :]
        assert_only_numbers(limited(lambda: book(tmp_path, bytes(content))))

    @examples(300)
    @given(parts=st.lists(st.sampled_from(PIECES), max_size=15))
    def test_any_program(self, tmp_path: Path, parts: list[bytes]) -> None:
        assert_only_numbers(limited(lambda: book(tmp_path, b"".join(parts) + b".")))

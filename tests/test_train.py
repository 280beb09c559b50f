"""The Trainer: it learns, measures, stops, saves, and goes on after an interruption as if there had been none."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_jp as tj
from tinygrad_jp import nn
from tinygrad_jp.data import DataLoader
from tinygrad_jp.errors import ArgumentError, DataError, DtypeError, TrainingError
from tinygrad_jp.io import read_checkpoint
from tinygrad_jp.language import speaking
from tinygrad_jp.metrics import accuracy
from tinygrad_jp.optim import SGD, Adam, CosineLR, ReduceLROnPlateau, StepLR
from tinygrad_jp.train import BEST, LAST, Callback, EarlyStopping, History, Trainer


def blobs(n: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """Three clouds of points that a linear model can tell apart."""
    rng = np.random.default_rng(0)
    t = np.arange(n) % 3
    centres = np.array([[0, 3], [3, 0], [-3, -3]])
    return (centres[t] + rng.normal(0, 0.5, (n, 2))).astype(np.float32), t


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 3))


def trainer(model: nn.Module | None = None, optimizer: Any = None, **options: Any) -> Trainer:
    model = model or network()
    optimizer = optimizer or Adam(model.parameters(), lr=0.02)
    return Trainer(model, tj.softmax_cross_entropy, optimizer, **({"progress": False} | options))


def loader(batch_size: int = 10, **options: Any) -> DataLoader:
    return DataLoader(blobs(), batch_size=batch_size, **({"shuffle": True} | options))


def weights(t: Trainer) -> dict[str, np.ndarray]:
    return t.model.state_dict()


def assert_same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def small(folder: Path, **options: Any) -> Trainer:
    return trainer(nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3)), out=folder, **options)


class CtrlC(Callback):
    """Presses Ctrl-C after so many batches; after 0, never."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        self.left -= 1
        if not self.left:
            signal.raise_signal(signal.SIGINT)


class TestFit:
    def test_learns_and_records(self) -> None:
        tj.seed(0)
        t = trainer(metrics=["accuracy"])
        history = t.fit(loader(), DataLoader(blobs(30), batch_size=7), epochs=15)
        assert len(history) == 15
        assert history.names[:3] == ["epoch", "loss", "accuracy"]
        assert {"lr", "seconds", "val_loss", "val_accuracy"} < set(history.names)
        assert history["val_accuracy"][-1] > 0.95
        assert history["loss"][-1] < 0.5 * history["loss"][0]
        assert history["epoch"] == list(range(1, 16))
        assert t.updates == 15 * 9

    def test_epochs_are_counted_from_the_beginning(self) -> None:
        t = trainer()
        t.fit(loader(), epochs=2)
        t.fit(loader(), epochs=3)
        assert t.history["epoch"] == [1, 2, 3]

    def test_training_loss_is_the_mean_over_examples_not_over_batches(self) -> None:
        tj.seed(0)
        model = nn.Linear(2, 3)
        t = trainer(model, SGD(model.parameters(), lr=0.0))
        row = t.fit(DataLoader(blobs(25), batch_size=10), epochs=1)[0]
        x, labels = blobs(25)
        assert row["loss"] == pytest.approx(tj.softmax_cross_entropy(model(tj.Tensor(x)), labels).item(), rel=1e-5)

    def test_accumulated_batches_equal_one_large_batch(self) -> None:
        results = []
        for batch_size, accumulate in ((30, 1), (10, 3)):
            tj.seed(0)
            model = nn.Linear(2, 3)
            t = trainer(model, SGD(model.parameters(), lr=0.1), accumulate=accumulate)
            t.fit(loader(batch_size, shuffle=False), epochs=2)
            assert t.updates == 6
            results.append(weights(t))
        for name in results[0]:
            np.testing.assert_allclose(results[0][name], results[1][name], rtol=1e-5, atol=1e-6)

    def test_last_incomplete_accumulation_is_averaged_over_what_there_is(self) -> None:
        tj.seed(0)
        model = nn.Linear(2, 3)
        before = model.state_dict()
        x, labels = blobs(20)
        t = trainer(model, SGD(model.parameters(), lr=1.0), accumulate=5)
        t.fit(DataLoader((x, labels), batch_size=10), epochs=1)
        fresh = nn.Linear(2, 3)
        fresh.load_state_dict(before)
        tj.softmax_cross_entropy(fresh(tj.Tensor(x)), labels).backward()
        expected = before["weight"] - fresh.weight.grad.numpy()
        np.testing.assert_allclose(model.weight.numpy(), expected, rtol=1e-5, atol=1e-6)

    def test_gradients_are_clipped(self) -> None:
        tj.seed(0)
        model = nn.Linear(2, 3)
        before = model.state_dict()
        t = trainer(model, SGD(model.parameters(), lr=1.0), clip_norm=1e-3)
        t.fit(loader(90), epochs=1)
        moved = np.sqrt(sum(((model.state_dict()[k] - before[k]) ** 2).sum() for k in before))
        assert moved == pytest.approx(1e-3, rel=1e-3)

    def test_schedulers_run_by_epoch_or_by_update(self) -> None:
        model = nn.Linear(2, 3)
        optimizer = SGD(model.parameters(), lr=1e-3)
        t = trainer(model, optimizer, scheduler=StepLR(optimizer, 2, gamma=0.1))
        assert t.fit(loader(), epochs=5)["lr"] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-5])
        optimizer = SGD(model.parameters(), lr=1e-3)
        t = trainer(model, optimizer, scheduler=CosineLR(optimizer, total=9), schedule="step")
        t.fit(loader(), epochs=1)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)

    def test_plateau_scheduler_sees_the_monitored_value(self) -> None:
        model = nn.Linear(2, 3)
        optimizer = SGD(model.parameters(), lr=0.0)
        optimizer.param_groups[0]["lr"] = 1e-12
        scheduler = ReduceLROnPlateau(optimizer, patience=0, threshold=1e-3)
        trainer(model, optimizer, scheduler=scheduler).fit(loader(), epochs=3)
        assert scheduler.current == pytest.approx(0.01)

    def test_evaluate_and_predict_leave_mode_and_gradients_alone(self) -> None:
        t = trainer(metrics=["accuracy"])
        x, labels = blobs()
        result = t.evaluate(DataLoader((x, labels), batch_size=7))
        assert set(result) == {"loss", "accuracy"}
        scores = t.predict(x, batch_size=13)
        assert scores.shape == (90, 3)
        assert result["accuracy"] == pytest.approx((scores.argmax(1) == labels).mean())
        assert t.model.training
        assert all(p.grad is None for p in t.model.parameters())

    def test_nan_loss_ends_with_a_clear_error_and_keeps_the_checkpoint(self, tmp_path: Path) -> None:
        t = trainer(out=tmp_path)
        t.fit(loader(), epochs=1)
        before = (tmp_path / LAST).read_bytes()
        x, labels = blobs()
        x[50] = np.nan
        with pytest.raises(TrainingError, match=r"loss became nan in epoch 2 .*learning rate"):
            t.fit(DataLoader((x, labels), batch_size=10), epochs=2)
        assert (tmp_path / LAST).read_bytes() == before

    def test_runs_in_a_thread(self) -> None:
        import threading

        t = trainer()
        thread = threading.Thread(target=t.fit, args=(loader(),))
        thread.start()
        thread.join()
        assert t.epoch == 1


class TestCallbacks:
    def test_early_stopping(self) -> None:
        model = nn.Linear(2, 3)
        stopping = EarlyStopping("loss", patience=2, threshold=1e-6)
        t = trainer(model, SGD(model.parameters(), lr=0.0), callbacks=[stopping])
        t.fit(loader(shuffle=False), epochs=50)
        assert t.epoch == 4  # the first, and three without improvement

    def test_a_run_that_stopped_early_stays_stopped_when_resumed(self, tmp_path: Path) -> None:
        def make() -> Trainer:
            model = nn.Linear(2, 3)
            stopping = EarlyStopping("loss", patience=0, threshold=1e-6)
            return trainer(model, SGD(model.parameters(), lr=0.0), callbacks=[stopping], out=tmp_path)

        make().fit(loader(shuffle=False), epochs=50)
        again = make()
        again.fit(loader(shuffle=False), epochs=50, resume=True)
        assert again.epoch == 2

    def test_accuracy_is_to_rise(self) -> None:
        stopping = EarlyStopping("val_accuracy", patience=0)
        t = trainer()
        for value, stop in ((0.5, False), (0.6, False), (0.6, True)):
            stopping.on_epoch_end(t, {"val_accuracy": value})
            assert t.stop is stop

    def test_unknown_column_names_those_there_are(self) -> None:
        with pytest.raises(ArgumentError, match=r"no column 'val_loss'; it has epoch, loss"):
            trainer(callbacks=[EarlyStopping("val_loss")]).fit(loader(), epochs=1)

    def test_callbacks_see_every_step_and_epoch(self) -> None:
        seen: list[Any] = []

        class Spy(Callback):
            def on_fit_start(self, trainer: Trainer) -> None:
                seen.append("start")

            def on_step_end(self, trainer: Trainer, loss: float) -> None:
                seen.append(loss)

            def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
                row["mine"] = 7
                trainer.stop = True

            def on_fit_end(self, trainer: Trainer) -> None:
                seen.append("end")

        history = trainer(callbacks=[Spy()]).fit(loader(), epochs=9)
        assert (seen[0], len(seen), seen[-1]) == ("start", 11, "end")
        assert history["mine"] == [7]


class TestCheckpoints:
    def test_best_is_the_best_epoch(self, tmp_path: Path) -> None:
        class Worse(Callback):
            def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
                if trainer.epoch == 2:
                    trainer.model.weight.data *= -1
                    trainer.optimizer.param_groups[0]["lr"] = 1e-9

        tj.seed(1)
        model = nn.Linear(2, 3)
        t = trainer(model, SGD(model.parameters(), lr=0.1), out=tmp_path, callbacks=[Worse()])
        history = t.fit(loader(), loader(30, shuffle=False), epochs=4)
        best = read_checkpoint(tmp_path / BEST)
        assert best.extra["epoch"] == 1 + int(np.argmin(history["val_loss"])) == 2
        assert read_checkpoint(tmp_path / LAST).extra["epoch"] == 4

    @pytest.mark.parametrize("prefetch", [0, 2])
    @pytest.mark.parametrize("batches", [3, 9, 14])
    def test_ctrl_c_and_resume_give_the_weights_of_an_uninterrupted_run(
        self, tmp_path: Path, batches: int, prefetch: int
    ) -> None:
        tj.seed(3)
        whole = trainer(metrics=["accuracy"])
        whole.fit(loader(prefetch=prefetch), epochs=3)

        tj.seed(3)
        first = trainer(metrics=["accuracy"], out=tmp_path, callbacks=[CtrlC(batches)])
        first.fit(loader(prefetch=prefetch), epochs=3)
        assert first.interrupted
        assert first.updates == batches

        tj.seed(99)
        second = trainer(metrics=["accuracy"], out=tmp_path, callbacks=[CtrlC(0)])
        history = second.fit(loader(prefetch=prefetch), epochs=3, resume=True)
        assert_same(weights(second), weights(whole))
        assert history["loss"] == whole.history["loss"]
        assert history["accuracy"] == whole.history["accuracy"]

    @pytest.mark.parametrize("batches", [8, 9])
    def test_ctrl_c_in_the_last_incomplete_accumulation(self, tmp_path: Path, batches: int) -> None:
        tj.seed(3)
        whole = trainer(accumulate=4)
        whole.fit(loader(), epochs=2)
        tj.seed(3)
        trainer(accumulate=4, out=tmp_path, callbacks=[CtrlC(batches)]).fit(loader(), epochs=2)
        second = trainer(accumulate=4, out=tmp_path, callbacks=[CtrlC(0)])
        second.fit(loader(), epochs=2, resume=True)
        assert second.updates == whole.updates == 6
        assert_same(weights(second), weights(whole))

    def test_evaluating_the_training_data_within_an_epoch_does_not_disturb_it(self, tmp_path: Path) -> None:
        data = loader(shuffle=False)

        class Evaluate(Callback):
            def on_step_end(self, trainer: Trainer, loss: float) -> None:
                trainer.evaluate(data)
                if trainer.updates == 3:
                    signal.raise_signal(signal.SIGINT)

        first = trainer(out=tmp_path, callbacks=[Evaluate()])
        first.fit(data, epochs=1)
        assert (first.epoch, first.updates) == (0, 3)
        second = trainer(out=tmp_path, callbacks=[Evaluate()])
        second.fit(loader(shuffle=False), epochs=1, resume=True)
        assert second.updates == 9

    def test_an_exception_leaves_no_gradients_for_the_next_run(self, tmp_path: Path) -> None:
        class Fail(Callback):
            def on_step_end(self, trainer: Trainer, loss: float) -> None:
                raise ZeroDivisionError

        model = nn.Linear(2, 3)
        t = trainer(model, SGD(model.parameters(), lr=0.1), accumulate=3, callbacks=[Fail()])
        before = weights(t)
        with pytest.raises(ZeroDivisionError):
            t.fit(loader(shuffle=False), epochs=1)
        t.callbacks.clear()
        t.fit(loader(shuffle=False), epochs=1)
        other_model = nn.Linear(2, 3)
        other_model.load_state_dict(before)
        other = trainer(other_model, SGD(other_model.parameters(), lr=0.1), accumulate=3)
        other.fit(loader(shuffle=False), epochs=1)
        assert_same(weights(t), weights(other))
        assert t.history["loss"] == other.history["loss"]

    def test_weights_that_are_not_finite_are_never_saved(self, tmp_path: Path) -> None:
        model = nn.Linear(2, 3)
        t = trainer(model, SGD(model.parameters(), lr=0.1), out=tmp_path)
        t.fit(loader(90), epochs=1)
        before = (tmp_path / LAST).read_bytes()
        t.optimizer.param_groups[0]["lr"] = 1e39
        with pytest.raises(TrainingError, match=r"weight.* became NaN or infinite"), np.errstate(all="ignore"):
            t.fit(loader(90), epochs=2)
        assert (tmp_path / LAST).read_bytes() == before

    @pytest.mark.parametrize(
        ("other", "what"),
        [
            (lambda folder: trainer(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3)), out=folder), "Tanh"),
            (lambda folder: small(folder, metrics=["accuracy"]), "accuracy"),
            (lambda folder: small(folder, accumulate=2), "accumulate"),
            (lambda folder: small(folder, callbacks=[EarlyStopping("loss")]), "EarlyStopping"),
        ],
    )
    def test_another_run_is_not_resumed(self, tmp_path: Path, other: Any, what: str) -> None:
        small(tmp_path).fit(loader(), epochs=1)
        t = other(tmp_path)
        before = weights(t)
        with pytest.raises(DataError, match=what):
            t.fit(loader(), epochs=2, resume=True)
        assert_same(weights(t), before)

    def test_options_of_callbacks_are_those_given_now(self, tmp_path: Path) -> None:
        small(tmp_path, callbacks=[EarlyStopping("loss", patience=1)]).fit(loader(), epochs=1)
        stopping = EarlyStopping("loss", patience=50)
        small(tmp_path, callbacks=[stopping]).fit(loader(), epochs=2, resume=True)
        assert stopping.patience == 50
        assert stopping.best < np.inf

    def test_another_run_is_not_overwritten(self, tmp_path: Path) -> None:
        t = small(tmp_path)
        t.fit(loader(), epochs=1)
        t.fit(loader(), epochs=2)
        with pytest.raises(DataError, match="holds the checkpoints of another run"):
            small(tmp_path).fit(loader(), epochs=1)
        assert read_checkpoint(tmp_path / LAST).extra["epoch"] == 2

    def test_validation_loader_goes_on_too(self, tmp_path: Path) -> None:
        def noisy(batch: Any, rng: np.random.Generator) -> Any:
            return batch[0] + rng.normal(size=batch[0].shape).astype(np.float32), batch[1]

        def val() -> DataLoader:
            return DataLoader(blobs(30), transform=noisy, generator=np.random.default_rng(5))

        tj.seed(0)
        whole = small(tmp_path / "whole").fit(loader(), val(), epochs=3)
        tj.seed(0)
        small(tmp_path / "cut").fit(loader(), val(), epochs=2)
        resumed = small(tmp_path / "cut").fit(loader(), val(), epochs=3, resume=True)
        assert resumed["val_loss"] == whole["val_loss"]

    def test_second_ctrl_c_ends_at_once(self) -> None:
        class Twice(Callback):
            def on_step_end(self, trainer: Trainer, loss: float) -> None:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            trainer(callbacks=[Twice()]).fit(loader(), epochs=1)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def test_resume_needs_a_folder_and_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match="out="):
            trainer().fit(loader(), resume=True)
        with pytest.raises(DataError, match="nothing to resume from"):
            trainer(out=tmp_path).fit(loader(), resume=True)

    def test_checkpoint_of_another_architecture_changes_nothing(self, tmp_path: Path) -> None:
        trainer(out=tmp_path).fit(loader(), epochs=1)
        model = nn.Sequential(nn.Linear(2, 5), nn.Linear(5, 3))
        other = trainer(model, out=tmp_path)
        before = weights(other)
        with pytest.raises(DataError, match=r"Linear\(2, 5\)(.|\n)*Linear\(2, 8\)"):
            other.fit(loader(), epochs=2, resume=True)
        assert_same(weights(other), before)

    def test_killed_process_goes_on_to_the_same_weights(self, tmp_path: Path) -> None:
        script = tmp_path / "run.py"
        script.write_text(
            textwrap.dedent(
                """
                import sys, time
                import numpy as np
                import tinygrad_jp as tj
                from tests.test_train import loader, trainer, weights
                from tinygrad_jp.train import Callback

                class Slow(Callback):
                    def on_step_end(self, trainer, loss):
                        print(trainer.updates, flush=True)
                        time.sleep(float(sys.argv[3]))

                tj.seed(5)
                t = trainer(out=sys.argv[1], checkpoint_every=2, callbacks=[Slow()])
                t.fit(loader(prefetch=1), epochs=2, resume=sys.argv[2] == "resume")
                np.savez(sys.argv[1] + "/final.npz", **weights(t))
                """
            )
        )
        root = Path(__file__).parents[1]
        environment = os.environ | {"PYTHONPATH": str(root)}

        def start(folder: str, how: str, pause: str) -> subprocess.Popen[str]:
            command = [sys.executable, str(script), str(tmp_path / folder), how, pause]
            return subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True)

        assert start("whole", "new", "0").wait(60) == 0
        killed = start("cut", "new", "0.05")
        assert killed.stdout is not None
        for line in killed.stdout:
            if int(line) >= 13:  # in the second epoch, one update after a checkpoint
                killed.kill()
                break
        assert killed.wait(60) != 0
        assert not (tmp_path / "cut" / "final.npz").exists()
        assert read_checkpoint(tmp_path / "cut" / LAST).extra["updates"] == 12
        assert start("cut", "resume", "0").wait(60) == 0
        with np.load(tmp_path / "whole/final.npz") as whole, np.load(tmp_path / "cut/final.npz") as resumed:
            assert_same(dict(whole), dict(resumed))


class TestShown:
    def test_plain_lines_where_there_is_no_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        trainer(progress=True, metrics=["accuracy"]).fit(loader(), epochs=2)
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 2
        assert lines[1].startswith("epoch 2  loss ")
        assert "accuracy" in lines[1]

    def test_lines_within_a_long_epoch_tell_speed_and_remaining_time(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tinygrad_jp.train.display.PATIENCE", 0.0)
        trainer(progress=True).fit(loader(), epochs=1)
        assert "epoch 1/1: 10/90, loss " in capsys.readouterr().err.splitlines()[0]

    def test_bar_on_a_terminal(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        trainer(progress=True, metrics=["accuracy"], callbacks=[_Pause()]).fit(loader(), epochs=1)
        text = capsys.readouterr().err
        assert "examples/s" in text
        assert "accuracy=" in text

    def test_history_is_a_table(self, tmp_path: Path) -> None:
        history = History([{"epoch": 1, "loss": 0.51234567}, {"epoch": 2, "loss": 0.25, "val_loss": 0.3}])
        assert str(history).splitlines() == [
            "epoch    loss  val_loss",
            "    1  0.5123          ",
            "    2    0.25       0.3",
        ]
        assert history["val_loss"] == [None, 0.3]
        assert history[1]["loss"] == 0.25
        assert "<th>val_loss</th>" in history._repr_html_()
        assert history.plot(tmp_path / "curves.svg").stat().st_size > 1000
        path = history.save(tmp_path / "history.csv")
        assert path.read_text() == "epoch,loss,val_loss\n1,0.51234567,\n2,0.25,0.3\n"

    def test_lines_in_japanese(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tinygrad_jp.train.display.PATIENCE", 0.0)
        with speaking("ja"):
            t = trainer(progress=True, metrics={"accuracy": accuracy, "mine": accuracy})
            t.fit(loader(), loader(), epochs=1)
        first, *_, last = capsys.readouterr().err.splitlines()
        assert re.fullmatch(
            r"エポック 1/1: 10/90、損失 [\d.]+, 認識精度 [\d.]+, mine [\d.]+、\d+ 個/秒、残り \d+ 秒", first
        )
        assert last.startswith("エポック 1  損失 ")
        assert "  検証認識精度 " in last
        assert "  検証mine " in last
        assert t.history.names[:3] == ["epoch", "loss", "accuracy"]

    def test_bar_in_japanese(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        with speaking("ja"):
            trainer(progress=True, metrics=["accuracy"], callbacks=[_Pause()]).fit(loader(), epochs=1)
        text = capsys.readouterr().err
        assert "エポック 1/1: " in text
        assert " 個/s" in text
        assert "認識精度=" in text

    @pytest.mark.parametrize(
        ("lang", "expected"),
        [("en", "interrupted in epoch 1; fit(…, resume=True) goes on"), ("ja", "で中断しました。fit(…")],
    )
    def test_what_is_said_of_an_interruption(
        self, lang: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with speaking(lang):
            small(tmp_path, progress=True, callbacks=[CtrlC(3)]).fit(loader(), epochs=1)
        said = capsys.readouterr().err
        assert expected in said
        assert str(tmp_path / LAST) in said

    def test_history_in_japanese(self, tmp_path: Path) -> None:
        history = History([{"epoch": 1, "loss": 0.5, "val_loss": 0.3}])
        with speaking("ja"):
            assert str(history).splitlines() == ["エポック  損失  検証損失", "       1   0.5       0.3"]
            assert "<th>検証損失</th>" in history._repr_html_()
            assert history.save(tmp_path / "a.csv").read_text(encoding="utf-8").startswith("epoch,loss,val_loss\n")
            assert str(History()) == "(終わったエポックはありません)"


class _Pause(Callback):
    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        time.sleep(0.03)


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"schedule": "batch"}, "schedule must be 'epoch' or 'step'"),
            ({"accumulate": 0}, "accumulate must be a whole number from 1 on"),
            ({"accumulate": 1.5}, "accumulate"),
            ({"checkpoint_every": -1}, "checkpoint_every"),
            ({"metrics": ["acuracy"]}, "accuracy"),
            ({"metrics": {"loss": lambda y, t: 7.0}}, "cannot be named 'loss'"),
            ({"callbacks": [print]}, "must be a Callback"),
            ({"optimizer": Adam}, "needs an optimizer"),
            ({"optimizer": Adam(nn.Linear(2, 3).parameters())}, "no parameter of this model"),
        ],
    )
    def test_refused(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ArgumentError, match=message):
            trainer(**options)

    def test_early_stopping_patience(self) -> None:
        with pytest.raises(ArgumentError, match="patience"):
            EarlyStopping(patience=-1)

    @pytest.mark.parametrize(
        ("loaders", "message"),
        [
            (((1, 2),), "train must be a DataLoader"),
            ((DataLoader(np.zeros((3, 2))),), "got 1 arrays"),
            ((DataLoader((np.zeros((3, 2)), np.zeros(3))), (1, 2)), "val must be a DataLoader"),
        ],
    )
    def test_loaders(self, loaders: Any, message: str) -> None:
        with pytest.raises(ArgumentError, match=message):
            trainer().fit(*loaders)

    def test_loss_must_be_a_tensor(self) -> None:
        model = nn.Linear(2, 3)
        t = Trainer(model, lambda y, t: 1.0, SGD(model.parameters()), progress=False)  # type: ignore[arg-type, return-value]
        with pytest.raises(DtypeError, match="must return a Tensor"):
            t.fit(loader())

    def test_frozen_parts_stay_frozen(self) -> None:
        model = network()
        model[1].eval()  # type: ignore[index]
        trainer(model).fit(loader(), loader(), epochs=1)
        assert not model[1].training  # type: ignore[index]
        np.testing.assert_array_equal(model[1].running_mean, np.zeros(8))  # type: ignore[index]

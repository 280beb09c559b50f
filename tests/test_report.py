"""The page about a training run: what is on it, in both languages, and what is left out."""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_jp
from tinygrad_jp import nn, optim, softmax_cross_entropy, viz
from tinygrad_jp.__main__ import main
from tinygrad_jp.data import DataLoader, mnist
from tinygrad_jp.errors import ArgumentError, DataError, DtypeError
from tinygrad_jp.language import speaking
from tinygrad_jp.nn.models import SimpleConvNet
from tinygrad_jp.train import BEST, LAST, Histograms, History, Trainer
from tinygrad_jp.viz.page import picture

pytest.importorskip("matplotlib")
pytest.importorskip("safetensors")

EMPTY = {"meta", "img", "br", "link", "input"}
DIGITS = mnist(subset="mini", flatten=False)
X, T = DIGITS.x_test[:60], DIGITS.t_test[:60]
SECTIONS = ["training", "results", "network", "learned", "settings", "history"]
HISTORY = [
    {"epoch": 1, "loss": 2.0, "accuracy": 0.5, "seconds": 3.0, "val_loss": 2.5},
    {"epoch": 2, "loss": 1.0, "accuracy": 0.75, "seconds": 4.0, "val_loss": 2.25},
]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_JP_LANG", "en")


class Content(HTMLParser):
    """What is on a page; every tag must be closed where it belongs."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: dict[str, list[str]] = {}
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and "style" not in self.open:
            self.words.setdefault(self.open[-1] if self.open else "", []).append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def notes(self) -> list[str]:
        """What is said to be missing: all paragraphs but those."""
        return self.words.get("p", [])

    @property
    def images(self) -> dict[str, ElementTree.Element]:
        """The pictures by their alternative texts."""
        found = {}
        for image in self.all("img"):
            kind, _, data = (image["src"] or "").partition(",")
            assert kind == "data:image/svg+xml;base64"
            assert image["alt"]
            found[image["alt"]] = ElementTree.fromstring(b64decode(data))
        return found


def texts(svg: ElementTree.Element) -> set[str | None]:
    return {element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")}


def only(images: dict[str, ElementTree.Element], beginning: str) -> ElementTree.Element:
    [found] = [svg for alt, svg in images.items() if alt.startswith(beginning)]
    return found


def assert_stands_alone(html: str) -> None:
    """No script, nothing that is fetched; what a page without network could not show."""
    content = Content(html)
    assert not {tag for tag, _ in content.tags} & {"script", "link", "iframe", "object"}
    assert not [name for _, attributes in content.tags for name in attributes if name.startswith("on")]
    links = [value for _, attributes in content.tags for k, value in attributes.items() if k in ("href", "src")]
    assert all((value or "").startswith(("#", "data:")) for value in links)
    assert "url(" not in html
    [policy] = [a["content"] for a in content.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """A convolutional network, trained for a moment."""
    tinygrad_jp.seed(0)
    net = SimpleConvNet(filters=4, hidden=8, init="he")
    return_ = Trainer(
        net,
        softmax_cross_entropy,
        optim.Adam(net.parameters(), lr=0.01),
        metrics=["accuracy"],
        callbacks=[Histograms(X[:10], T[:10])],
        out=tmp_path_factory.mktemp("runs") / "trainer",
        progress=False,
    )
    return_.fit(DataLoader((X, T), 20), DataLoader((X, T), 60), epochs=2)
    return return_


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the command line."""
    folder = tmp_path_factory.mktemp("runs") / "<b>first"
    assert main(["train", "--hidden", "20", "--epochs", "2", "--out", str(folder)]) == 0
    return folder


class TestTrainer:
    def test_everything_is_on_the_page(self, run: Trainer) -> None:
        before = {name: values.copy() for name, values in run.model.state_dict().items()}
        state = tinygrad_jp.generator.state()
        page = viz.report(run)
        assert_stands_alone(page.html)
        content = Content(page.html)
        assert content.words["h1"] == ["SimpleConvNet"]
        assert [section["id"] for section in content.all("section")] == SECTIONS
        assert [link["href"] for link in content.all("a")] == [f"#{name}" for name in SECTIONS]
        assert all(section["aria-labelledby"] == f"{section['id']}-head" for section in content.all("section"))
        images = content.images
        assert len(images) == 11
        assert {"loss", "accuracy", "validation"} <= texts(only(images, "Learning curves: loss "))
        assert "predicted" in texts(only(images, "Confusion matrix."))
        assert "4 filters of 5 × 5" in texts(only(images, "The 4 filters of layers.0.weight"))
        assert "layers.0 Conv2d: 4 × (24 × 24)" in texts(only(images, "What each layer makes"))
        assert "layers.0.weight" in texts(only(images, "A histogram for each of 3 arrays"))
        assert "layers.1 ReLU" in texts(only(images, "Activations of 6 layers"))
        only(images, "Gradients of the activations of 6 layers")
        only(images, "Graph of SimpleConvNet")
        for name, values in run.model.state_dict().items():
            np.testing.assert_array_equal(values, before[name])
        assert run.model.training
        assert tinygrad_jp.generator.state() == state

    def test_its_numbers_are_those_of_the_run(self, run: Trainer) -> None:
        content = Content(viz.report(run).html)
        predicted = run.predict(X).argmax(axis=1)
        numbers = dict(zip(content.words["dt"], content.words["dd"], strict=True))
        assert numbers["accuracy on validation data"] == f"{np.mean(predicted == T):.2%}"
        assert numbers["least validation loss"] == f"{min(run.history['val_loss']):.4g}"
        assert numbers["epochs"] == numbers["weights of epoch"] == "2"
        assert numbers["parameters"] == f"{sum(p.size for p in run.model.parameters()):,}"
        cells = content.words["td"]
        assert {"Adam", "0.01", "softmax_cross_entropy"} <= set(cells)
        assert f"{run.history['val_loss'][1]:.4g}" in cells
        assert f"{run.model.summary((1, 1, 28, 28)).multiply_adds:,}" in cells
        assert cells.count("layers.0: Conv2d") == 1
        wrong = int(np.sum(predicted != T))
        assert f"{wrong} of 60 images misclassified" in " ".join(map(str, texts(only(content.images, "The first of"))))

    def test_in_japanese(self, run: Trainer) -> None:
        with speaking("ja"):
            content = Content(viz.report(run, title="手書き数字").html)
        assert content.all("html") == [{"lang": "ja"}]
        assert content.words["h1"] == content.words["title"] == ["手書き数字"]
        assert content.words["h2"] == ["学習の経過", "結果", "ネットワーク", "学習したもの", "設定", "履歴"]
        assert "検証データの認識精度" in content.words["dt"]
        assert any(alt.startswith("混同行列。最も多い誤りは ") for alt in content.images)
        own = {"SimpleConvNet", "Conv", "ReLU", "Linear", "tinygrad_jp", "viz.report", "layers.0.weight"}
        said = " ".join(words for tag in ("h2", "h3", "p", "dt", "th", "figcaption") for words in content.words[tag])
        assert {word for word in re.findall(r"[A-Za-z_.\d]{4,}", said) if not re.fullmatch(r"[\d.]+", word)} <= own

    def test_folder_of_a_trainer_does_not_hold_the_network(self, run: Trainer, tmp_path: Path) -> None:
        content = Content(viz.report(run.out).html)
        assert content.words["h1"] == ["trainer"]
        assert any("The network itself is not in the folder" in note for note in content.notes)
        assert any("Conv2d" in note for note in content.notes)
        images = content.images
        assert len(images) == 7  # neither results nor graph nor feature maps
        assert "4 filters of 5 × 5" in texts(only(images, "The 4 filters of layers.0.weight"))
        only(images, "Activations of 6 layers")
        (tmp_path / BEST).write_bytes((run.out or tmp_path).joinpath(BEST).read_bytes())
        assert len(Content(viz.report(tmp_path).html).images) == 7

    def test_trainer_before_its_training(self) -> None:
        net = nn.MLP((4, 3))
        content = Content(viz.report(Trainer(net, softmax_cross_entropy, optim.SGD(net.parameters()))).html)
        assert sum(note.startswith("No history") for note in content.notes) == 2
        assert any(note.startswith("No results") for note in content.notes)
        assert any(note.startswith("No graph and no table") for note in content.notes)
        assert list(content.images) == ["A histogram for each of 1 arrays of weights"]


class TestFolder:
    def test_of_the_command_line(self, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "new" / "page.html"
        capsys.readouterr()
        assert main(["report", str(digits), "--output", str(path)]) == 0
        assert capsys.readouterr().out == f"saved {path}\n"
        html = path.read_text(encoding="utf-8")
        assert_stands_alone(html)
        content = Content(html)
        assert content.words["h1"] == ["<b>first"]  # as it is called: escaped
        assert html.count("<b>") == 0
        assert main(["eval", str(digits)]) == 0
        accuracy = capsys.readouterr().out.partition("test accuracy: ")[2].partition(" ")[0]
        assert content.words["dd"][0] == accuracy
        assert {"mini", "adam", "1, 28, 28", "20"} <= set(content.words["td"])
        assert len(content.images) == 5
        assert not any("filters" in alt for alt in content.images)  # it has no convolution
        assert [note for note in content.notes if note.startswith("No ")] == [
            "No histograms over the epochs: the run kept none; Trainer(…, callbacks=[Histograms(x, t)]) does."
        ]

    def test_the_command_speaks_japanese(
        self, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["report", str(digits), "-o", str(tmp_path / "a.html"), "--lang", "ja"]) == 0
        assert "保存しました" in capsys.readouterr().out
        assert '<html lang="ja">' in (tmp_path / "a.html").read_text(encoding="utf-8")

    def test_refused_in_one_line(self, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "file").touch()
        for arguments, expected in [
            ((tmp_path, "a.html"), "holds no run (no config.json)"),
            ((digits, "a.pdf"), "let its name end with .html"),
            ((digits, tmp_path / "file" / "a.html"), "there is no folder"),
        ]:
            run, output = arguments
            capsys.readouterr()
            assert main(["report", str(run), "--output", str(output)]) == 1
            error = capsys.readouterr().err
            assert expected in error
            assert error.count("\n") == 1
        with pytest.raises(DataError, match="holds no run"):
            viz.report(tmp_path)

    def test_damaged_checkpoint(self, run: Trainer, tmp_path: Path) -> None:
        assert run.out is not None
        (tmp_path / LAST).write_bytes((run.out / LAST).read_bytes()[:-9])
        with pytest.raises(DataError, match="truncated"):
            viz.report(tmp_path)

    def test_data_that_cannot_be_had(self, digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def load(seed: int) -> None:
            raise DataError("mnist: there is no network")

        monkeypatch.setattr("tinygrad_jp.cli.datasets.Kind.load", property(lambda _: load), raising=False)
        content = Content(viz.report(digits).html)
        assert "No results: mnist: there is no network" in content.notes
        assert len(content.images) == 2


class TestModelAndHistory:
    def test_without_data(self) -> None:
        content = Content(viz.report((nn.MLP((4, 3)), History(HISTORY))).html)
        assert content.words["h1"] == ["MLP"]
        assert "loss 2 → 1; accuracy 0.5 → 0.75; validation loss 2.5 → 2.25." in [
            note.replace("val_loss", "validation loss") for note in content.notes
        ]
        assert dict(zip(content.words["dt"], content.words["dd"], strict=True))["training time"] == "7 s"

    @pytest.mark.parametrize(
        "history", [HISTORY, {"loss": [2.0, 1.0], "val_loss": [2.5, 2.25]}, History(HISTORY), iter(HISTORY)]
    )
    def test_kinds_of_histories(self, history: Any) -> None:
        content = Content(viz.report((nn.MLP((4, 3)), history)).html)
        assert {"1", "2", "2.25"} <= set(content.words["td"])
        assert any(alt.startswith("Learning curves: loss 2 → 1; ") for alt in content.images)

    def test_classifier_of_points_with_names(self) -> None:
        x = np.float32([[0, 1], [1, 0], [1, 1]])
        model = nn.Sequential(nn.Linear(2, 2))
        model[0].load_state_dict({"weight": np.eye(2), "bias": [0, 0]})
        page = viz.report(model, data=(x, np.array([1, 0, 1])), classes=["犬", "<script>alert(1)</script>"])
        assert_stands_alone(page.html)
        content = Content(page.html)
        assert content.words["dd"][0] == "66.67%"
        told = "Most often confused: <script>alert(1)</script> was taken for 犬, 1 of 2 times."
        assert content.words["figcaption"][0] == told
        assert any("they are no images" in note for note in content.notes)
        assert {"犬", "<script>alert(1)</scrip…"} <= texts(only(content.images, "Confusion matrix"))

    def test_regression(self) -> None:
        x = np.linspace(0, 1, 12, dtype=np.float32)[:, None]
        content = Content(viz.report(nn.MLP((1, 1)), data=(x, 2 * x)).html)
        assert "observed" in texts(only(content.images, "Observed numbers"))

    def test_targets_of_another_kind(self) -> None:
        content = Content(viz.report(nn.MLP((2, 3)), data=(np.ones((4, 2), np.float32), np.ones((4, 2)))).html)
        assert any(note.startswith("No plots: the targets are neither") for note in content.notes)

    def test_labels_that_the_network_does_not_have(self) -> None:
        content = Content(viz.report(nn.MLP((2, 3)), data=(np.ones((4, 2), np.float32), np.full(4, 7))).html)
        assert any(note.startswith("No results: ") for note in content.notes)

    def test_data_that_the_network_does_not_take(self) -> None:
        content = Content(viz.report(nn.MLP((2, 3)), data=(np.ones((4, 5), np.float32), np.ones(4, int))).html)
        assert any(note.startswith("No results: ") and "(4, 5)" in note for note in content.notes)
        assert len(content.all("section")) == len(SECTIONS)

    @pytest.mark.parametrize("broken", [float("nan"), float("inf")])
    def test_what_is_not_finite_is_said(self, broken: float) -> None:
        model = nn.MLP((4, 3))
        with tinygrad_jp.no_grad():
            model.parameters().__next__()[0, 0] = broken
        history = [*HISTORY, {"epoch": 3, "loss": broken, "val_loss": None}, {"epoch": 4, "loss": 0.5}]
        content = Content(viz.report((model, history)).html)
        assert "NaN or infinite in epoch 3." in content.notes
        assert "NaN or infinite" in texts(only(content.images, "Learning curves: loss 2 → 0.5"))
        assert "1 not finite" in " ".join(map(str, texts(only(content.images, "A histogram for each"))))

    @pytest.mark.parametrize("history", [[], {}, {"loss": []}])
    def test_empty_history(self, history: Any) -> None:
        content = Content(viz.report((nn.MLP((4, 3)), history)).html)
        assert sum(note.startswith("No history") for note in content.notes) == 2

    def test_history_without_numbers(self) -> None:
        rows = [{"epoch": 1, "loss": float("nan"), "note": "<i>x"}]
        page = viz.report((nn.MLP((4, 3)), rows))
        assert "No curves: the history holds no finite number." in Content(page.html).notes
        assert "<i>" not in page.html
        assert "<i>x" in Content(page.html).words["td"]

    def test_names_cannot_inject_anything(self, tmp_path: Path) -> None:
        evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'

        class Net(nn.Module):
            def __init__(self) -> None:
                self.layer = nn.Linear(2, 2)

            def forward(self, x: Any) -> Any:
                return self.layer(x)

        Net.__name__ = evil
        history = {"loss": [1.0], evil: [2.0]}
        data = (np.ones((3, 2), np.float32), np.zeros(3, int))
        page = viz.report((Net(), history), data=data, classes=[evil, "b"], settings={evil: evil}, title=evil)
        assert_stands_alone(page.html)
        content = Content(page.html)
        assert content.words["h1"] == [evil]
        for svg in content.images.values():
            tags = {element.tag.rpartition("}")[2] for element in svg.iter()}
            assert not tags & {"script", "img"}


class TestPage:
    def test_written_whole_or_not_at_all(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "a.html"
        path.write_text("before")

        def fail(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("tinygrad_jp.files.os.replace", fail)
        with pytest.raises(OSError, match="No space left"):
            viz.report(nn.MLP((2, 2)), path)
        assert path.read_text() == "before"
        assert list(tmp_path.iterdir()) == [path]

    def test_the_same_run_gives_the_same_page(self, run: Trainer) -> None:
        assert viz.report(run).html == viz.report(run).html

    @pytest.mark.parametrize("name", ["a.pdf", "a", "a.html.txt"])
    def test_other_suffixes_are_refused_before_any_work(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match=r"unknown suffix .*use \.html"):
            viz.report("no folder at all", tmp_path / name)

    @pytest.mark.parametrize(
        ("run", "options", "error"),
        [
            (3, {}, DtypeError),
            ((nn.MLP((2, 2)), [1, 2]), {}, ArgumentError),
            (nn.MLP((2, 2)), {"data": np.ones((3, 2))}, ArgumentError),
            (nn.MLP((2, 2)), {"data": (np.ones((3, 2)), np.ones(2))}, ArgumentError),
            (nn.MLP((2, 2)), {"data": (np.ones((0, 2)), np.ones(0))}, ArgumentError),
        ],
    )
    def test_refused(self, run: Any, options: dict[str, Any], error: type[Exception]) -> None:
        with pytest.raises(error, match="report: "):
            viz.report(run, **options)

    def test_jupyter_shows_it_in_a_frame_of_its_own(self) -> None:
        shown = viz.report(nn.MLP((2, 2)))._repr_html_()
        [(tag, attributes)] = Content(shown).tags
        assert tag == "iframe"
        assert (attributes["srcdoc"] or "").startswith("<!DOCTYPE html>")

    def test_pictures_are_turned_dark_unless_they_do_it_themselves_or_are_photographs(self) -> None:
        svg = '<svg width="72pt" height="9pt" xmlns="http://www.w3.org/2000/svg"></svg>'
        [plain] = Content(picture(svg, "a")).all("img")
        assert (plain["class"], plain["style"]) == ("drawn", "--width: 96px")
        assert Content(picture(svg, "a", photographs=True)).all("img")[0]["class"] == "light"
        own = svg.replace("></svg>", "><style>@media (prefers-color-scheme: dark) {}</style></svg>")
        assert Content(picture(own, "a")).all("img")[0]["class"] == ""

    def test_without_matplotlib_all_else_is_there(self, run: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "tinygrad_jp.viz.plots", None)
        monkeypatch.delattr("tinygrad_jp.viz.plots", raising=False)
        content = Content(viz.report(run).html)
        assert list(content.images) == ["Graph of SimpleConvNet"]
        assert any('pip install "tinygrad_jp[demo]"' in note for note in content.notes)
        assert "layers.0: Conv2d" in content.words["td"]

    def test_without_graphviz_all_else_is_there(self, run: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
        def graph(*_: Any) -> None:
            raise viz.GraphvizError("viz.graph: there is no Graphviz")

        monkeypatch.setattr(sys.modules["tinygrad_jp.viz.report"], "graph", graph)
        content = Content(viz.report(run).html)
        assert len(content.images) == 10
        assert "Left out: viz.graph: there is no Graphviz" in content.notes

    def test_without_a_japanese_font_the_page_says_why_its_plots_are_in_english(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tinygrad_jp.viz.plots.stylesheet.japanese_font", lambda: None)
        viz.plots.stylesheet.warn_of_missing_font.cache_clear()
        with speaking("ja"), pytest.warns(UserWarning, match="日本語のフォント"):
            content = Content(viz.report((nn.MLP((2, 2)), HISTORY)).html)
        assert "日本語のフォントが見つからないので、図の言葉は英語です。" in content.notes
        assert "training" in texts(only(content.images, "学習曲線"))

    def test_name_and_module_do_not_hide_each_other(self) -> None:
        code = (
            "import sys; import tinygrad_jp.viz.report; from tinygrad_jp import viz; assert callable(viz.report);"
            "assert not {'matplotlib', 'click', 'tinygrad_jp.train'} & set(sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr


def test_a_network_that_gives_nan_has_predicted_nothing() -> None:
    model = nn.Linear(3, 2)
    for parameter in model.parameters():
        parameter.data = parameter.numpy() * np.nan
    page = viz.report(model, data=(np.ones((4, 3), np.float32), np.zeros(4, int)))
    found = Content(page.html)
    assert "0.00%" in found.words["dd"]  # and not the share of class 0
    assert any("all NaN" in note for note in found.notes)


def test_a_title_and_settings_of_a_wrong_kind_are_refused() -> None:
    with pytest.raises(ArgumentError, match="title"):
        viz.report(nn.Linear(3, 2), title=5)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="settings"):
        viz.report(nn.Linear(3, 2), settings="lr")  # type: ignore[arg-type]


def test_a_run_that_diverged_is_not_told_by_its_last_finite_loss() -> None:
    page = viz.report((nn.Linear(3, 2), {"epoch": [1, 2, 3], "loss": [2.0, 1.5, np.inf]}))
    assert any("2 → inf" in note for note in Content(page.html).notes)


@pytest.mark.parametrize("classes", [["a"], ["a", "b", "c"], [], 5, [1, 2], {"a", "b"}, np.array(["a", "b", "c"])])
def test_classes_that_do_not_fit_are_refused(classes: Any) -> None:
    data = (np.ones((4, 3), np.float32), np.array([0, 1, 0, 1]))
    with pytest.raises(
        ArgumentError, match=r"report: (classes must be a sequence of texts|\d classes are named, but .* 2)"
    ):
        viz.report(nn.Linear(3, 2), data=data, classes=classes)
    assert "cat" in viz.report(nn.Linear(3, 2), data=data, classes=np.array(["cat", "dog"])).html


@pytest.mark.parametrize("data", [(5, 5), (None, None), ("ab", "cd"), ([[1], [1, 2]], [0, 1]), (np.ones((2, 3)), [0])])
def test_data_that_are_no_examples_are_refused(data: Any) -> None:
    with pytest.raises(ArgumentError, match=r"report: (needs as many targets as inputs|data must be two arrays)"):
        viz.report(nn.Linear(3, 2), data=data)


def test_tensors_and_lists_are_examples() -> None:
    data = (tinygrad_jp.Tensor(np.ones((2, 3), np.float32)), [0, 1])
    assert "On 2 examples" in viz.report(nn.Linear(3, 2), data=data).html

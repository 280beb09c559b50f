"""The plots: what they show, the files they write, Japanese names, and input that must be refused."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from tinygrad_jp import Tensor, sigmoid, viz
from tinygrad_jp.errors import ArgumentError, ShapeError
from tinygrad_jp.language import speaking

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.figure import Figure  # noqa: E402

from tinygrad_jp.viz import plots  # noqa: E402

RNG = np.random.default_rng(0)
HISTORY = {"loss": [1.0, 0.5, np.nan, 0.2], "val_loss": [1.1, 0.7], "accuracy": [0.5, 0.6, 0.7, 0.8]}
TRIALS = [
    {"params": {"lr": 0.001}, "history": {"accuracy": [0.3, 0.4], "val_accuracy": [0.2, 0.1]}},
    {"params": {"lr": 0.01, "units": 50}, "history": {"accuracy": [0.3], "val_accuracy": [0.9]}},
    {"history": {"accuracy": [], "val_accuracy": [np.nan]}},
]
SHEETS: dict[str, Callable[..., Any]] = {
    "loss_curve": lambda path=None: plots.loss_curve([3.0, 2.0, 1.0], path),
    "learning_curves": lambda path=None: plots.learning_curves(HISTORY, path, title="学習曲線"),
    "curves": lambda path=None: plots.curves({"SGD": [3, 2, 1], "Adam": [1]}, path, smooth=2, ylim=(0, 1)),
    "search_sheet": lambda path=None: plots.search_sheet(TRIALS, path),
    "confusion_matrix_plot": lambda path=None: plots.confusion_matrix_plot([[3, 1], [0, 0]], path, names=["犬", "cat"]),
    "observed_against_predicted": lambda path=None: plots.observed_against_predicted([1.0, 2.0], Tensor([1, 3]), path),
    "prediction_sheet": lambda path=None: plots.prediction_sheet(RNG.random((3, 9)), np.arange(3), np.arange(3), path),
    "misclassified": lambda path=None: plots.misclassified(RNG.random((3, 3, 4, 4)), np.arange(3), np.ones(3), path),
    "activation_histograms": lambda path=None: plots.activation_histograms({"1": RNG.random((5, 4))}, path),
    "weight_histograms": lambda path=None: plots.weight_histograms({"w": Tensor([[1.0, np.inf]])}, path),
    "activation_sheet": lambda path=None: plots.activation_sheet({"sigmoid": sigmoid, "step": lambda x: x > 0}, path),
    "optimizer_paths": lambda path=None: plots.optimizer_paths({"SGD": [[-7, 2], [0, 0]]}, lambda x, y: x**2 + y, path),
    "gradient_field": lambda path=None: plots.gradient_field(lambda x, y: x**2 + 3 * y, path, arrows=3),
}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Let the warning of a missing font be given anew, and silence it where it is not tested."""
    plots._warn_of_missing_font.cache_clear()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="plots: ")
        yield


def texts(figure: Figure) -> set[str]:
    return {text.get_text() for text in figure.findobj(matplotlib.text.Text)}


def lines(figure: Figure, panel: int = 0) -> dict[str, np.ndarray]:
    return {str(line.get_label()): np.asarray(line.get_xydata()) for line in figure.axes[panel].lines}


class TestEverySheet:
    @pytest.mark.parametrize("name", SHEETS)
    def test_figure_without_a_path_and_nothing_of_the_users_settings_changed(self, name: str) -> None:
        before = matplotlib.rcParams.copy()
        assert isinstance(SHEETS[name](), Figure)
        assert matplotlib.rcParams.copy() == before
        pyplot = sys.modules.get("matplotlib.pyplot")
        assert pyplot is None or pyplot.get_fignums() == []

    @pytest.mark.parametrize("name", ["learning_curves", "confusion_matrix_plot", "optimizer_paths"])
    def test_svg_is_deterministic_and_its_text_is_text(self, name: str, tmp_path: Path) -> None:
        first, second = (SHEETS[name](tmp_path / f"{k}.svg") for k in range(2))
        assert first == tmp_path / "0.svg"
        assert first.read_bytes() == second.read_bytes()
        shown = {element.text for element in ElementTree.parse(first).iter("{http://www.w3.org/2000/svg}text")}
        assert shown & {"学習曲線", "犬", "SGD"}

    def test_other_formats(self, tmp_path: Path) -> None:
        assert SHEETS["curves"](str(tmp_path / "below" / "a.PNG")).read_bytes().startswith(b"\x89PNG")
        pdf = SHEETS["curves"](tmp_path / "a.pdf").read_bytes()
        assert pdf.startswith(b"%PDF")
        assert b"CreationDate" not in pdf

    @pytest.mark.parametrize("file", ["a.docx", "a"])
    def test_unknown_format(self, file: str, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match=rf"cannot write '{file}'.*\.svg"):
            SHEETS["loss_curve"](tmp_path / file)
        assert list(tmp_path.iterdir()) == []


class TestWhatIsShown:
    def test_learning_curves_put_pairs_together(self) -> None:
        figure = SHEETS["learning_curves"]()
        assert [panel.get_ylabel() for panel in figure.axes] == ["loss", "accuracy"]
        assert set(lines(figure)) == {"training", "validation"}
        np.testing.assert_array_equal(lines(figure)["validation"], [[2, 1.1], [4, 0.7]])  # every second epoch

    def test_curves_are_smoothed(self) -> None:
        np.testing.assert_allclose(lines(SHEETS["curves"]())["SGD"], [[1, 2.5], [2, 1.5]])
        np.testing.assert_allclose(lines(SHEETS["curves"]())["Adam"], [[0, 1]])

    def test_search_sheet_is_sorted_by_the_best_validation(self) -> None:
        titles = [panel.get_title() for panel in SHEETS["search_sheet"]().axes]
        assert titles == ["1. best 0.9\nlr = 0.01\nunits = 50", "2. best 0.2\nlr = 0.001", "3. no validation"]

    def test_confusion_matrix_has_counts_and_shares(self) -> None:
        figure = SHEETS["confusion_matrix_plot"]()
        assert {"3", "1", "0", "犬", "cat"} <= texts(figure)
        np.testing.assert_allclose(figure.axes[0].images[0].get_array(), [[0.75, 0.25], [0, 0]])

    def test_r2_and_axes_of_observed_against_predicted(self) -> None:
        figure = SHEETS["observed_against_predicted"]()
        assert "R² = 0.500" in texts(figure)
        np.testing.assert_array_equal(figure.axes[0].collections[0].get_offsets(), [[1, 1], [2, 3]])

    def test_misclassified(self) -> None:
        figure = plots.misclassified(np.zeros((3, 4)), [0, 1, 2], [0, 2, 1], names=["a", "b", "c"])
        assert isinstance(figure, Figure)
        assert {"b → c", "c → b", "2 of 3 images misclassified (label → prediction)"} <= texts(figure)
        assert [len(panel.images) for panel in figure.axes] == [1, 1, 0, 0, 0, 0]

    @pytest.mark.parametrize("shape", [(12,), (3, 2, 2), (2, 2, 3)])
    def test_colour_images(self, shape: tuple[int, ...]) -> None:
        image = plots._picture(np.linspace(-1, 1, 12).reshape(shape))
        assert image.shape == (2, 2, 3)
        assert (image.min(), image.max()) == (0, 1)

    def test_channels_go_last(self) -> None:
        np.testing.assert_array_equal(plots._picture(np.arange(12))[0, 1], [1, 5, 9])
        np.testing.assert_array_equal(plots._picture(np.arange(4).reshape(1, 2, 2)), [[0, 1], [2, 3]])

    def test_weights_of_a_model_are_its_matrices(self) -> None:
        parameters = [("w1", Tensor(np.ones((2, 3)))), ("b1", Tensor(np.ones(3)))]
        figure = plots.weight_histograms(SimpleNamespace(named_parameters=lambda: iter(parameters)))
        assert isinstance(figure, Figure)
        assert [panel.get_title() for panel in figure.axes] == ["w1\nstd 0.0"]
        assert sum(bar.get_height() for bar in figure.axes[0].patches) == 6

    def test_numbers_that_are_not_finite_are_counted(self) -> None:
        assert "1 not finite" in SHEETS["weight_histograms"]().axes[0].get_title()

    def test_activation_with_its_derivative(self) -> None:
        figure = SHEETS["activation_sheet"]()
        x, slope = lines(figure)["derivative"].T
        s = 1 / (1 + np.exp(-x))
        np.testing.assert_allclose(slope, s * (1 - s))
        assert "derivative" not in lines(figure, 1)  # a step records none

    def test_arrows_point_downhill(self) -> None:
        arrows = SHEETS["gradient_field"]().axes[0].collections[0]
        np.testing.assert_array_equal(arrows.U, [4, 0, -4] * 3)
        np.testing.assert_array_equal(arrows.V, [-3] * 9)


class TestJapanese:
    @pytest.mark.parametrize("name", SHEETS)
    def test_every_word_of_a_sheet_is_in_the_table(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        english = texts(SHEETS[name]())
        monkeypatch.setattr(plots, "japanese_font", lambda: "DejaVu Sans")
        with speaking("ja"):
            japanese = texts(SHEETS[name]())
        assert english != japanese or name in ("optimizer_paths", "gradient_field")  # which have only x and y
        words = set(re.findall(r"[A-Za-z]{3,}", " ".join(japanese)))
        assert words <= {"cat", "units", "sigmoid", "step", "SGD", "Adam"}  # of the caller

    def test_words_of_the_caller_stay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(plots, "japanese_font", lambda: "DejaVu Sans")
        with speaking("ja"):
            figure = plots.curves({"loss": [1, 2]}, xlabel="step", title="loss")
            assert isinstance(figure, Figure)
            [panel] = figure.axes
            assert (panel.get_xlabel(), panel.get_ylabel(), panel.get_title()) == ("step", "損失", "loss")
            assert set(lines(figure)) == {"loss"}

    def test_without_a_font_the_words_are_english_and_one_warning_says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(plots, "japanese_font", lambda: None)
        with speaking("ja"), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert "training" in texts(plots.learning_curves({"loss": [1.0]}))
            SHEETS["loss_curve"](tmp_path / "a.png")
        [warning] = caught
        assert re.search("日本語のフォントが見つからない.*英語で.*apt install fonts-noto-cjk", str(warning.message))
        assert warning.filename == __file__


class TestFonts:
    def test_without_a_font_one_warning_says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(plots, "japanese_font", lambda: None)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            SHEETS["curves"](tmp_path / "a.png")  # nothing Japanese in it
            SHEETS["confusion_matrix_plot"](tmp_path / "a.svg")  # shown by the viewer's font
            assert [str(w.message) for w in caught] == []
            SHEETS["confusion_matrix_plot"](tmp_path / "a.png")
            SHEETS["confusion_matrix_plot"](tmp_path / "b.png")
        assert len(caught) == 1
        assert "apt install fonts-noto-cjk" in str(caught[0].message)
        assert caught[0].filename == __file__

    def test_the_first_installed_font_serves_what_the_usual_one_lacks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fonts = [SimpleNamespace(name=name) for name in ("DejaVu Sans", "IPAGothic", "Yu Gothic")]
        monkeypatch.setattr(plots.font_manager, "fontManager", SimpleNamespace(ttflist=fonts))
        plots.japanese_font.cache_clear()
        try:
            with plots.style():
                assert matplotlib.rcParams["font.family"] == ["DejaVu Sans", "Yu Gothic"]
        finally:
            plots.japanese_font.cache_clear()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plots.learning_curves({}), ArgumentError, "learning_curves: there is nothing to draw: no history"),
        (lambda: plots.loss_curve([]), ArgumentError, "loss_curve: .* no losses"),
        (lambda: plots.weight_histograms({}), ArgumentError, "weight_histograms: .* no weights"),
        (lambda: plots.learning_curves({"loss": []}), ArgumentError, "to draw: no finite number in the history"),
        (lambda: plots.learning_curves({"loss": [None, np.nan]}), ArgumentError, "no finite number"),
        (lambda: plots.learning_curves({"loss": ["a"]}), ArgumentError, r"'loss' must hold numbers, got \['a'\]"),
        (lambda: plots.loss_curve([np.inf]), ArgumentError, "loss_curve: .* no finite number"),
        (lambda: plots.curves({"SGD": []}), ArgumentError, "curves: .* no finite number"),
        (lambda: plots.activation_histograms({"1": np.zeros((0, 3))}), ArgumentError, "no finite number in the activ"),
        (lambda: plots.weight_histograms({"w": np.full((2, 2), np.nan)}), ArgumentError, "no finite number in the w"),
        (lambda: plots.observed_against_predicted([1.0, np.nan], [1.0, 2.0]), ArgumentError, "must be finite"),
        (lambda: plots.confusion_matrix_plot(np.ones((2, 3))), ShapeError, r"got \(2, 3\)"),
        (lambda: plots.confusion_matrix_plot(np.eye(3), names=["a"]), ArgumentError, "1 names for 3 classes"),
        (lambda: plots.observed_against_predicted(np.ones((3, 1)), np.ones(3)), ShapeError, "not broadcast"),
        (lambda: plots.misclassified(np.ones((2, 9)), [0, 1], [0]), ShapeError, r"\(2, 9\), \(2,\) and \(1,\)"),
        (lambda: plots.misclassified(np.ones((1, 10)), [0], [1]), ShapeError, "10 pixels are no square image"),
        (lambda: plots.optimizer_paths({"SGD": np.ones((3, 3))}, max), ShapeError, r"\(3, 3\) for 'SGD'"),
    ],
)
def test_refused(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_plots_are_reached_by_name_and_loaded_only_then() -> None:
    code = "import sys; from tinygrad_jp import viz; assert 'matplotlib' not in sys.modules; print(viz.plots.curves)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert done.stdout.startswith("<function curves"), done.stderr
    with pytest.raises(AttributeError, match="has no attribute 'plotz'"):
        viz.plotz  # type: ignore[attr-defined]  # noqa: B018


def test_without_matplotlib_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['matplotlib'] = None; import tinygrad_jp.viz.plots"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert 'pip install "tinygrad_jp[demo]"' in done.stderr

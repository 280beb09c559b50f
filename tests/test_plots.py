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

from tinygrad_jp import Tensor, nn, sigmoid, viz
from tinygrad_jp.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_jp.language import speaking
from tinygrad_jp.nn.models import LeNet5, SimpleConvNet
from tinygrad_jp.train import Histogram

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.figure import Figure  # noqa: E402

from tinygrad_jp.viz import plots  # noqa: E402
from tinygrad_jp.viz.plots import convolution, predictions, stylesheet  # noqa: E402

RNG = np.random.default_rng(0)
HISTORY = {"loss": [1.0, 0.5, np.nan, 0.2], "val_loss": [1.1, 0.7], "accuracy": [0.5, 0.6, 0.7, 0.8]}
TRIALS = [
    {"params": {"lr": 0.001}, "history": {"accuracy": [0.3, 0.4], "val_accuracy": [0.2, 0.1]}},
    {"params": {"lr": 0.01, "units": 50}, "history": {"accuracy": [0.3], "val_accuracy": [0.9]}},
    {"history": {"accuracy": [], "val_accuracy": [np.nan]}},
]
LAYERS = {"relu": [np.maximum(RNG.normal(size=50), 0) for _ in range(3)], "idle": [None, [1.0, np.nan], [2.0]]}
SHEETS: dict[str, Callable[..., Any]] = {
    "loss_curve": lambda path=None: plots.loss_curve([3.0, 2.0, 1.0], path),
    "learning_curves": lambda path=None: plots.learning_curves(HISTORY, path, title="学習曲線"),
    "curves": lambda path=None: plots.curves({"SGD": [3, 2, 1], "Adam": [1]}, path, smooth=2, ylim=(0, 1)),
    "curve_sheet": lambda path=None: plots.curve_sheet({"std": {"SGD": [0.1, 0.3], "Adam": [0.2]}}, path, first=0),
    "search_sheet": lambda path=None: plots.search_sheet(TRIALS, path),
    "confusion_matrix_plot": lambda path=None: plots.confusion_matrix_plot([[3, 1], [0, 0]], path, names=["犬", "cat"]),
    "observed_against_predicted": lambda path=None: plots.observed_against_predicted([1.0, 2.0], Tensor([1, 3]), path),
    "prediction_sheet": lambda path=None: plots.prediction_sheet(RNG.random((3, 9)), np.arange(3), np.arange(3), path),
    "misclassified": lambda path=None: plots.misclassified(RNG.random((3, 3, 4, 4)), np.arange(3), np.ones(3), path),
    "activation_histograms": lambda path=None: plots.activation_histograms({"1": RNG.random((5, 4))}, path),
    "weight_histograms": lambda path=None: plots.weight_histograms({"w": Tensor([[1.0, np.inf]])}, path),
    "histograms_over_time": lambda path=None: plots.histograms_over_time(LAYERS, path),
    "histograms_over_time as columns": lambda path=None: plots.histograms_over_time(LAYERS, path, kind="heat"),
    "filters": lambda path=None: plots.filters({"前": SimpleConvNet(), "cat": RNG.normal(size=(2, 5, 3, 3))}, path),
    "feature_maps": lambda path=None: plots.feature_maps(SimpleConvNet(), np.zeros((1, 28, 28)), path),
    "activation_sheet": lambda path=None: plots.activation_sheet({"sigmoid": sigmoid, "step": lambda x: x > 0}, path),
    "optimizer_paths": lambda path=None: plots.optimizer_paths({"SGD": [[-7, 2], [0, 0]]}, lambda x, y: x**2 + y, path),
    "gradient_field": lambda path=None: plots.gradient_field(lambda x, y: x**2 + 3 * y, path, arrows=3),
}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Let the warning of a missing font be given anew, and silence it where it is not tested."""
    stylesheet.warn_of_missing_font.cache_clear()
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
        assert "sans-serif" in first.read_text(encoding="utf-8")  # for who has none of the other fonts
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
        assert set(lines(figure)) == {"training", "validation", "NaN or infinite"}
        np.testing.assert_array_equal(lines(figure)["validation"], [[2, 1.1], [4, 0.7]])  # every second epoch

    def test_curves_are_smoothed(self) -> None:
        np.testing.assert_allclose(lines(SHEETS["curves"]())["SGD"], [[2, 2.5], [3, 1.5]])
        np.testing.assert_allclose(lines(SHEETS["curves"]())["Adam"], [[1, 1]])

    def test_counting_begins_where_it_is_told(self) -> None:
        assert lines(plots.loss_curve([3.0, 2.0]))["every step"].tolist() == [[1, 3], [2, 2]]
        assert lines(plots.curves({"a": [3.0, 2.0]}, first=0))["a"].tolist() == [[0, 3], [1, 2]]
        assert lines(plots.curves({"a": [3.0, 2.0, 1.0]}, first=1, every=10))["a"][:, 0].tolist() == [1, 11, 21]

    def test_curve_sheet_has_a_panel_for_each_and_one_legend(self) -> None:
        figure = plots.curve_sheet({"x": {"a": [1.0], "b": [2.0]}, "y": {"b": [3.0, 4.0]}}, ylim=(0, 5))
        assert isinstance(figure, Figure)
        assert [panel.get_title() for panel in figure.axes] == ["x", "y"]
        assert lines(figure, 1)["b"].tolist() == [[1, 3], [2, 4]]
        assert [panel.get_ylim() for panel in figure.axes] == [(0, 5), (0, 5)]
        [legend] = figure.legends
        assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]

    @pytest.mark.parametrize("broken", [np.nan, np.inf])
    def test_what_is_not_finite_is_a_marked_gap_and_what_was_not_measured_is_a_gap(self, broken: float) -> None:
        values = [4.0, None, 3.0, broken, 2.0, 1.0]
        for figure in (plots.learning_curves({"loss": values}), plots.curves({"training": values})):
            drawn = lines(figure)
            np.testing.assert_array_equal(drawn["training"][:, 1], [4, np.nan, 3, np.nan, 2, 1])
            np.testing.assert_array_equal(drawn["NaN or infinite"][:, 0], [4])
            [panel] = figure.axes
            [line] = [line for line in panel.lines if line.get_label() == "training"]
            assert line.get_marker() == "o"  # without one, the lonely 3 would not be seen
        assert "NaN or infinite" not in lines(plots.learning_curves({"loss": [1.0, None, 2.0]}))

    def test_mean_of_a_loss_is_a_gap_wherever_a_step_was_not_finite(self) -> None:
        mean = lines(plots.loss_curve([1.0] * 30 + [np.inf] + [2.0] * 30))["mean of 20 steps"]
        assert np.isnan(mean[:, 1]).sum() == 20
        np.testing.assert_allclose(mean[-1], [61, 2])

    def test_search_sheet_is_sorted_by_the_best_validation(self) -> None:
        titles = [panel.get_title() for panel in SHEETS["search_sheet"]().axes]
        assert titles == ["1. best 0.9\nlr = 0.01\nunits = 50", "2. best 0.2\nlr = 0.001", "3. no validation"]

    def test_confusion_matrix_has_counts_and_shares(self) -> None:
        figure = SHEETS["confusion_matrix_plot"]()
        assert {"3", "1", "0", "犬", "cat"} <= texts(figure)
        np.testing.assert_allclose(figure.axes[0].images[0].get_array(), [[0.75, 0.25], [0, 0]])

    def test_long_names_are_shortened(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figure = plots.confusion_matrix_plot(np.eye(2), names=["a" * 24, "b" * 500])
            assert isinstance(figure, Figure)
            plots.svg(figure)
        assert {"a" * 24, "b" * 23 + "…"} <= texts(figure)

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
        image = predictions.picture(np.linspace(-1, 1, 12).reshape(shape))
        assert image.shape == (2, 2, 3)
        assert (image.min(), image.max()) == (0, 1)

    def test_channels_go_last(self) -> None:
        np.testing.assert_array_equal(predictions.picture(np.arange(12))[0, 1], [1, 5, 9])
        np.testing.assert_array_equal(predictions.picture(np.arange(4).reshape(1, 2, 2)), [[0, 1], [2, 3]])

    def test_weights_of_a_model_are_its_matrices(self) -> None:
        parameters = [("w1", Tensor(np.ones((2, 3)))), ("b1", Tensor(np.ones(3)))]
        figure = plots.weight_histograms(SimpleNamespace(named_parameters=lambda: iter(parameters)))
        assert isinstance(figure, Figure)
        assert [panel.get_title() for panel in figure.axes] == ["w1\nstd 0.0"]
        assert sum(bar.get_height() for bar in figure.axes[0].patches) == 6

    def test_hills_stand_one_before_the_other_and_zeros_apart(self) -> None:
        values = [np.array([0.0, 0.0, 1.0, 2.0]), np.array([0.0, 3.0, 3.0, 4.0])]
        figure = plots.histograms_over_time({"relu": values}, epochs=[0, 5])
        [panel] = figure.axes
        assert panel.get_title() == "relu\nstd 0.83 → 1.5\nzero: 50% → 25%"
        assert [label.get_text() for label in panel.get_yticklabels()] == ["0", "5"]
        behind, before = (hill.get_paths()[0].vertices for hill in panel.collections)
        assert behind[:, 1].min() == 0
        assert before[:, 1].min() == -1  # a step lower
        assert behind[:, 1].max() == before[:, 1].max() + 1 == 2.2  # both of one height
        np.testing.assert_allclose([behind[:, 0].min(), behind[:, 0].max()], [1, 2])
        assert panel.collections[1].get_zorder() > panel.collections[0].get_zorder()

    def test_columns_hold_the_numbers_of_an_epoch(self) -> None:
        row = [Histogram.of([1.0] * 10 + [2.0]), Histogram.of([2.0] * 7), None, Histogram.of([0.0])]
        [panel] = plots.histograms_over_time({"a": row}, epochs=[1, 2, 3, 4], kind="heat").axes
        [mesh] = panel.collections
        columns = np.asarray(mesh.get_array()).T
        middles = mesh.get_coordinates()[:-1, 0, 1] + np.diff(mesh.get_coordinates()[:, 0, 1]) / 2
        assert mesh.get_coordinates()[0, :, 0].tolist() == [0.5, 1.5, 3.0, 4.5]  # the third was not there
        assert abs(middles[columns[0].argmax()] - 1) < 0.05
        assert abs(middles[columns[1].argmax()] - 2) < 0.7
        assert columns.max(axis=1).tolist() == [1, 1, 0]

    def test_many_epochs_become_columns(self) -> None:
        assert len(plots.histograms_over_time({"a": [[1.0, 2.0]] * 20}).axes[0].collections) == 20
        assert len(plots.histograms_over_time({"a": [[1.0, 2.0]] * 21}).axes[0].collections) == 1

    def test_numbers_that_are_not_finite_are_counted(self) -> None:
        assert "1 not finite" in SHEETS["weight_histograms"]().axes[0].get_title()

    def test_activation_with_its_derivative(self) -> None:
        figure = SHEETS["activation_sheet"]()
        x, slope = lines(figure)["derivative"].T
        s = 1 / (1 + np.exp(-x))
        np.testing.assert_allclose(slope, s * (1 - s))
        assert "derivative" not in lines(figure, 1)  # a step records none

    def test_path_and_its_start(self) -> None:
        figure = plots.optimizer_paths({"SGD": [[-7, 2], [np.nan, 0], [1, 1]]}, lambda x, y: 5.0)
        drawn = lines(figure)
        np.testing.assert_array_equal(drawn["path"], [[-7, 2], [np.nan, 0], [1, 1]])
        assert drawn["start"].tolist() == [[-7, 2]]
        assert [len(panel.collections) for panel in figure.axes] == [0]  # a plane has no lines of equal height

    def test_points_that_flew_away_end_the_line(self) -> None:
        figure = plots.optimizer_paths({"SGD": [[0, 1], [50, 1], [1e20, 1]]}, lambda x, y: x, xlim=(-1, 1), ylim=(0, 2))
        np.testing.assert_array_equal(lines(figure)["path"], [[0, 1], [50, 1], [np.nan, np.nan]])

    def test_heights_that_are_not_finite_leave_gaps_in_the_contours(self) -> None:
        with np.errstate(invalid="ignore"):
            figure = plots.optimizer_paths({"SGD": [[-1, 1], [1, 1]]}, lambda x, y: np.sqrt(x) + y)
        [contours] = figure.axes[0].collections
        assert min(path.vertices[:, 0].min() for path in contours.get_paths() if len(path.vertices)) >= 0

    def test_arrows_point_downhill(self) -> None:
        arrows = SHEETS["gradient_field"]().axes[0].collections[0]
        np.testing.assert_array_equal(arrows.U, [4, 0, -4] * 3)
        np.testing.assert_array_equal(arrows.V, [-3] * 9)


RED, WHITE, BLUE = ([1, 0, 0], [1, 1, 1], [0, 0, 1])


def hue(pixel: np.ndarray) -> list[int]:
    """Tell whether a colour is red, blue or white."""
    return WHITE if np.ptp(pixel[:3]) < 0.05 else RED if pixel[0] > pixel[2] else BLUE


class TestConvolution:
    def test_each_filter_is_a_picture_with_zero_white(self) -> None:
        weights = np.array([[[[1.0, 0.0], [-1.0, 0.5]]], [[[-0.5, 0.0], [0.0, 0.0]]]])
        figure = plots.filters(weights)
        assert figure.axes[0].get_title() == "2 filters of 2 × 2"
        pixels = np.asarray(figure.axes[0].images[0].get_array())
        side = 24 + 2  # 12 pixels for each, and a frame of 1
        assert pixels.shape == (side, 2 * side, 4)
        seen = [[hue(pixels[6 + 12 * i, 6 + 12 * j + side * k]) for i in range(2) for j in range(2)] for k in range(2)]
        assert seen == [[RED, WHITE, BLUE, RED], [BLUE, WHITE, WHITE, WHITE]]
        assert figure.axes[1].get_ylim() == (-1, 1)  # the bar of colours

    def test_filters_of_three_channels_are_in_colour(self) -> None:
        weights = np.zeros((1, 3, 1, 1))
        weights[0, :, 0, 0] = [1, 0, -1]
        figure = plots.filters(weights)
        np.testing.assert_allclose(figure.axes[0].images[0].get_array()[12, 12], [1, 0.5, 0, 1])
        assert len(figure.axes) == 1

    def test_filters_of_many_channels_are_rows(self) -> None:
        figure = plots.filters(np.ones((4, 40, 3, 3)), most=2)
        assert figure.axes[0].get_title() == "2 of 4 filters of 3 × 3, 32 of 40 channels to the right"
        height, width, _ = figure.axes[0].images[0].get_array().shape
        assert width == 16 * height

    def test_numbers_that_are_not_finite_are_told(self) -> None:
        figure = plots.filters(np.array([[[[np.nan, np.inf, 1.0]]]]))
        assert "orange: NaN or infinite" in figure.axes[0].get_title()
        pixels = figure.axes[0].images[0].get_array()
        for column in (4, 12):
            np.testing.assert_allclose(pixels[4, column], matplotlib.colors.to_rgba("#E69F00"))
        assert hue(pixels[4, 20]) == RED

    def test_filters_of_a_model(self) -> None:
        model = LeNet5()
        names = [name.rpartition(".")[0] for name, p in model.named_parameters() if p.ndim == 4]
        first, second = (plots.filters(model, layer=layer).axes[0].get_title() for layer in (None, names[1]))
        assert first == "6 filters of 5 × 5"
        assert second.startswith("16 filters of 5 × 5, 6 of 6 channels")
        with pytest.raises(ArgumentError, match=rf"no convolution 'nowhere'; there are {names[0]}, {names[1]}"):
            plots.filters(model, layer="nowhere")

    def test_maps_of_each_layer(self) -> None:
        model = SimpleConvNet()
        model.train()
        image = RNG.random((1, 28, 28))
        figure = plots.feature_maps(model, image, most=3)
        assert [panel.get_title(loc="left") for panel in figure.axes] == [
            "image",
            "layers.0 Conv2d: 3 of 30 × (24 × 24)",
            "layers.1 ReLU: 3 of 30 × (24 × 24)",
            "layers.2 MaxPool2d: 3 of 30 × (12 × 12)",
        ]
        assert model.training
        assert not any(module._forward_hooks for module in model.modules())
        weight, bias = (model.state_dict()[f"layers.0.{name}"] for name in ("weight", "bias"))
        windows = np.lib.stride_tricks.sliding_window_view(image[0], (5, 5))
        expected = np.einsum("ijkl,kl->ij", windows, weight[1, 0]) + bias[1]
        shown = np.asarray(figure.axes[1].images[0].get_array())[1:25, 26 + 1 : 26 + 25, 0]  # the second map
        assert np.corrcoef(shown.ravel(), expected.ravel())[0, 1] < -0.99  # the greater, the darker

    def test_layers_by_name_and_colour_images(self) -> None:
        model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU())
        figure = plots.feature_maps(model, np.zeros((1, 3, 5, 5)), layers=["1"])
        assert [panel.get_title(loc="left") for panel in figure.axes] == ["image", "1 ReLU: 2 × (3 × 3)"]

    def test_a_deep_network_is_shown_from_its_first_layer_to_its_last(self) -> None:
        model = nn.Sequential(*(nn.Conv2d(1, 1, 1) for _ in range(30)))
        titles = [
            panel.get_title(loc="left").split()[0] for panel in plots.feature_maps(model, np.ones((1, 4, 4))).axes
        ]
        assert len(titles) == 1 + convolution.ROWS
        assert (titles[1], titles[-1]) == ("0", "29")


class TestJapanese:
    @pytest.mark.parametrize("name", SHEETS)
    def test_every_word_of_a_sheet_is_in_the_table(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        english = texts(SHEETS[name]())
        monkeypatch.setattr(stylesheet, "japanese_font", lambda: "DejaVu Sans")
        with speaking("ja"):
            japanese = texts(SHEETS[name]())
        assert english != japanese or name == "gradient_field"  # which has only x and y
        words = set(re.findall(r"[A-Za-z]{3,}", " ".join(japanese)))
        callers = {"cat", "units", "sigmoid", "step", "std", "SGD", "Adam", "relu", "idle"}
        assert words <= callers | {"NaN", "layers", "Conv", "ReLU", "MaxPool"}

    def test_words_of_the_caller_stay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stylesheet, "japanese_font", lambda: "DejaVu Sans")
        with speaking("ja"):
            figure = plots.curves({"loss": [1, 2]}, xlabel="step", title="loss")
            assert isinstance(figure, Figure)
            [panel] = figure.axes
            assert (panel.get_xlabel(), panel.get_ylabel(), panel.get_title()) == ("step", "損失", "loss")
            assert set(lines(figure)) == {"loss"}

    def test_without_a_font_the_words_are_english_and_one_warning_says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stylesheet, "japanese_font", lambda: None)
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
        monkeypatch.setattr(stylesheet, "japanese_font", lambda: None)
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
        monkeypatch.setattr(stylesheet.font_manager, "fontManager", SimpleNamespace(ttflist=fonts))
        plots.japanese_font.cache_clear()
        try:
            with plots.style():
                assert matplotlib.rcParams["font.family"] == ["DejaVu Sans", "Yu Gothic", "sans-serif"]
        finally:
            plots.japanese_font.cache_clear()

    def test_a_font_that_matplotlib_does_not_list_is_found_by_its_characters(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        files = ["b-serif-bold.ttf", "a-regular.ttf", "latin-regular.ttf", "broken-regular.ttf"]

        def get_font(path: str) -> SimpleNamespace:
            if path.startswith("broken"):
                raise RuntimeError("In FT2Font: Could not set the fontsize")
            return SimpleNamespace(
                family_name=path, get_char_index=lambda code: 0 if path.startswith("latin") else code
            )

        added: list[str] = []
        manager = SimpleNamespace(ttflist=[SimpleNamespace(name="DejaVu Sans")], addfont=added.append)
        replaced = SimpleNamespace(fontManager=manager, findSystemFonts=lambda: files, get_font=get_font)
        monkeypatch.setattr(stylesheet, "font_manager", replaced)
        plots.japanese_font.cache_clear()
        try:
            assert plots.japanese_font() == "a-regular.ttf"  # before the bold one
            assert added == ["a-regular.ttf"]
            files[:] = ["latin-regular.ttf"]
            plots.japanese_font.cache_clear()
            assert plots.japanese_font() is None
        finally:
            plots.japanese_font.cache_clear()

    @pytest.mark.skipif(plots.japanese_font() is None, reason="needs a Japanese font")
    def test_japanese_is_drawn_with_its_font_and_what_no_font_has_is_warned_of(self, tmp_path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            plots.curves({"学習": [1.0]}, tmp_path / "a.png", title="損失")
        with pytest.warns(UserWarning, match="Glyph .* missing"):
            plots.curves({"a": [1.0]}, tmp_path / "b.png", title="\U0001f34e\U000e0041")

    def test_dollar_signs_are_no_formula(self, tmp_path: Path) -> None:
        path = plots.curves({"$\\x$ 1 $": [1.0]}, tmp_path / "a.svg")
        assert "$\\x$ 1 $" in {element.text for element in ElementTree.parse(path).iter()}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plots.learning_curves({}), ArgumentError, "learning_curves: there is nothing to draw: no history"),
        (lambda: plots.loss_curve([]), ArgumentError, "loss_curve: .* no finite number in the losses"),
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
        (lambda: plots.optimizer_paths({"SGD": [[np.nan, 1.0]]}, max), ArgumentError, "no finite point in the paths"),
        (
            lambda: plots.gradient_field(lambda x, y: x * y, arrows=0),
            ArgumentError,
            "gradient_field: arrows must be .* at least 1, got 0",
        ),
        (lambda: plots.curves({"a": [1.0]}, smooth=0), ArgumentError, "curves: smooth must be .* at least 1, got 0"),
        (lambda: plots.curve_sheet({}), ArgumentError, "curve_sheet: .* no panels"),
        (lambda: plots.curve_sheet({"x": {"a": []}}), ArgumentError, "no finite number in the lines of 'x'"),
        (lambda: plots.histograms_over_time({}), ArgumentError, "histograms_over_time: .* no layers"),
        (lambda: plots.histograms_over_time({"a": [[np.nan]]}), ArgumentError, "no finite number in the layers"),
        (
            lambda: plots.histograms_over_time({"a": [[1.0]], "b": []}),
            ArgumentError,
            "'b' has 0 histograms for 1 epochs",
        ),
        (lambda: plots.histograms_over_time({"a": ["x"]}), ArgumentError, "'a' must hold numbers, got 'x'"),
        (lambda: plots.histograms_over_time({"a": [[1.0]]}, kind="pie"), ArgumentError, "'ridge' or 'heat', got 'pie'"),
        (lambda: plots.filters(nn.MLP((4, 3))), ArgumentError, "filters: MLP has no convolution .* weight_histograms"),
        (lambda: plots.filters(np.ones((3, 3))), ShapeError, r"channels, height, width\), got \(3, 3\)"),
        (lambda: plots.feature_maps(nn.MLP((4, 3)), np.ones((1, 2, 2))), ShapeError, "."),
        (
            lambda: plots.feature_maps(nn.Flatten(), np.ones((1, 2, 2))),
            ArgumentError,
            "no layer of Flatten returned maps",
        ),
        (lambda: plots.feature_maps(SimpleConvNet(), np.ones((28, 28))), ShapeError, r"one image .* got \(28, 28\)"),
        (lambda: plots.feature_maps(nn.ReLU(), np.ones((1, 2, 2)), layers=["x"]), ArgumentError, "no module 'x'"),
    ],
)
def test_refused(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


ARGUMENTS: dict[str, dict[str, Any]] = {
    "loss_curve": {"losses": [1.0]},
    "learning_curves": {"history": HISTORY, "xlabel": "x", "title": "t"},
    "curves": {
        "lines": {"a": [1.0]},
        "smooth": 1,
        "ylim": (0, None),
        "log": False,
        "first": 0,
        "every": 2,
        "ylabel": "",
    },
    "curve_sheet": {"panels": {"p": {"a": [1.0]}}, "ylim": (0, 1), "first": 0, "every": 1},
    "search_sheet": {"trials": [{"history": {"val_loss": [1.0]}}], "quantity": "loss", "most": 3},
    "confusion_matrix_plot": {"matrix": np.eye(2), "names": ["a", "b"]},
    "misclassified": {"images": np.ones((2, 9)), "labels": [0, 1], "predicted": [1, 0], "most": 1, "names": "ab"},
    "prediction_sheet": {"images": np.ones((2, 9)), "labels": [0, 1], "predicted": [1, 0]},
    "observed_against_predicted": {"y": [1.0, 2.0], "t": [1.0, 3.0]},
    "activation_histograms": {"activations": {"a": [1.0]}, "bins": 3, "range": (0, 1), "ylim": (0, 1)},
    "weight_histograms": {"weights": {"a": [1.0]}, "bins": 3, "range": (0, 1)},
    "histograms_over_time": {"layers": {"a": [[1.0]]}, "epochs": [1], "kind": "heat", "xlabel": "x"},
    "filters": {"weights": np.ones((1, 1, 2, 2)), "layer": None, "most": 1},
    "feature_maps": {"model": nn.ReLU(), "image": np.ones((1, 2, 2)), "layers": None, "most": 1},
    "activation_sheet": {"functions": {"f": sigmoid}, "xlim": (0, 1)},
    "optimizer_paths": {"paths": {"a": np.ones((2, 2))}, "f": max, "xlim": (0, 1), "ylim": (0, 1)},
    "gradient_field": {"f": lambda x, y: x * y, "xlim": (0, 1), "ylim": (0, 1), "arrows": 2},
    "svg": {"figure": None},
}
ODD = [object(), 1j, {"a": object()}, {1: 1j}, np.array(1j), [[1], [1, 2]], b"abc"]


@pytest.mark.parametrize(("plot", "argument"), [(plot, name) for plot, given in ARGUMENTS.items() for name in given])
def test_whatever_is_wrong_is_told_by_name(plot: str, argument: str) -> None:
    for odd in ODD:
        with pytest.raises((ArgumentError, DtypeError), match=f"^{plot}: ") as raised:
            getattr(plots, plot)(**ARGUMENTS[plot] | {argument: odd})
        assert len(str(raised.value)) < 300


@pytest.mark.parametrize("plot", [plot for plot in ARGUMENTS if plot != "svg"])
def test_a_path_must_be_one(plot: str) -> None:
    with pytest.raises(ArgumentError, match=f"{plot}: path must be a path, got 5"):
        getattr(plots, plot)(**ARGUMENTS[plot], path=5)


@pytest.mark.parametrize("text", ["abc", ["a", "b"]])
def test_texts_are_no_numbers(text: Any) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: plots.loss_curve(text),
        lambda: plots.learning_curves(text),
        lambda: plots.learning_curves({"loss": text}),
        lambda: plots.curves({"a": text}),
        lambda: plots.weight_histograms(text),
        lambda: plots.filters(text),
        lambda: plots.search_sheet(text),
        lambda: plots.confusion_matrix_plot(text),
    ]
    for call in calls:
        with pytest.raises(ArgumentError):
            call()


def test_lines_of_several_axes_are_refused() -> None:
    table = np.ones((2, 2))
    for call in (
        lambda: plots.loss_curve(table),
        lambda: plots.learning_curves({"loss": table}),
        lambda: plots.curves({"loss": table}),
        lambda: plots.curve_sheet({"p": {"loss": table}}),
        lambda: plots.search_sheet([{"history": {"accuracy": table}}]),
    ):
        with pytest.raises(ShapeError, match=r"one number after the other, got an array of shape \(2, 2\)"):
            call()


@pytest.mark.parametrize("values", [[1e307] * 3, [1e16, 1e16 + 2], [0.0, 0.0], [5e-324], [-1e-300, 1e-300]])
def test_weights_that_are_alike_are_drawn(values: list[float]) -> None:
    assert isinstance(plots.weight_histograms({"w": values}), Figure)


def test_names_of_lines_need_not_be_texts() -> None:
    assert isinstance(plots.curves({0.1: [1.0, 2.0], (1, 2): [2.0]}), Figure)
    assert isinstance(plots.learning_curves({1: [1.0, 2.0]}), Figure)
    assert isinstance(plots.histograms_over_time({1: [[1.0, 2.0]]}), Figure)


def test_classes_without_a_name_are_refused() -> None:
    with pytest.raises(ArgumentError, match="for 2 names, labels and predicted must be whole numbers below 2"):
        plots.misclassified(np.ones((2, 9)), [0, 1], [2, 0], names=["a", "b"])


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

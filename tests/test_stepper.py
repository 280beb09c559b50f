"""The page of ``viz.step``: what is in it, and that no name can become markup. (How it plays: test_stepper_browser.)"""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_jp import Tensor, nn, no_grad, viz
from tinygrad_jp.__main__ import main
from tinygrad_jp.errors import ArgumentError, DtypeError, GraphError
from tinygrad_jp.language import speaking
from tinygrad_jp.ops import softmax_cross_entropy
from tinygrad_jp.tape import keep_values
from tinygrad_jp.viz.stepper import page as pages
from tinygrad_jp.viz.stepper.arrays import ALL, FEWEST, LARGEST, Store, beside, exact
from tinygrad_jp.viz.stepper.diagram import LONGEST, MANY
from tinygrad_jp.witness import Source

NASTY = "</script><img src=x onerror=alert(1)>\"'&\n<!--\u2028\\N {{data}} 🍎 ]]> \x07"
Capture = pytest.CaptureFixture[str]


def data_of(page: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.html)[0]
    )
    return found


def apple() -> Tensor:
    with keep_values():
        price = Tensor(100.0, requires_grad=True, name="apple") * Tensor(2.0, requires_grad=True, name="count") * 1.1
    price.name = "price"
    price.backward()
    return price


def network() -> tuple[Tensor, viz.Runs]:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 2))
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    with keep_values(), viz.watch(net) as runs:
        loss = softmax_cross_entropy(net(x), np.array([0, 1]))
    loss.backward()
    return loss, runs


class TestContents:
    def test_steps_go_forward_turn_and_go_back(self) -> None:
        steps = data_of(viz.step(apple()))["steps"]
        assert [s["kind"] for s in steps] == ["start", "forward", "forward", "turn", "backward", "backward", "backward"]
        assert steps[1]["numbers"] == "100 × 2 = 200"
        assert [s["numbers"] for s in steps[4:]] == ["1 × 1.1 = 1.1", "1.1 × 2 = 2.2", "1.1 × 100 = 110"]
        assert all({"en", "ja"} == s["rule"].keys() for s in steps if "rule" in s)

    def test_every_step_names_what_is_drawn(self) -> None:
        loss, runs = network()
        data = data_of(viz.step(loss, runs=runs))
        ids = {part["id"] for part in data["items"] + data["wires"]}
        assert {s[key] for s in data["steps"] for key in ("op", "wire", "to") if key in s} <= ids
        assert all(w["tail"] in ids and w["head"] in ids for w in data["wires"])
        assert len(ids) == len(data["items"]) + len(data["wires"])

    def test_a_number_is_written_into_the_circle(self) -> None:
        items = data_of(viz.step(apple()))["items"]
        assert [i["text"] for i in items if i["kind"] == "op"] == ["×", "×1.1"]
        assert [i["text"] for i in items if i["kind"] == "leaf"] == ["apple", "count"]

    def test_a_square_has_two_wires_and_one_sum(self) -> None:
        x = Tensor(3.0, requires_grad=True, name="x")
        (y := x * x).backward()
        data = data_of(viz.step(y))
        assert [w["input"] for w in data["wires"]] == [0, 1, None]
        assert data["items"][0]["total"] == ["6"]
        assert [s["total"] for s in data["steps"] if s["kind"] == "backward"] == [None, "3 + 3 = 6"]

    def test_a_gradient_that_was_not_computed_is_no_zero(self) -> None:
        y = Tensor(3.0, requires_grad=True, name="x") * Tensor(0.0, name="constant")
        before = data_of(viz.step(y))
        assert all(w["gradient"] is None for w in before["wires"])
        assert {s["kind"] for s in before["steps"]} == {"start", "forward"}
        y.backward()
        after = data_of(viz.step(y))
        assert [w["gradient"] for w in after["wires"]] == [["0"], None, ["1"]]
        told = {i["text"]: i["told"] for i in after["items"]}
        assert told["x"]["computed"]
        assert not told["constant"]["computed"]
        assert told["constant"]["gradient"] is None

    def test_the_gradients_of_another_result_are_not_played(self) -> None:
        x = Tensor(3.0, requires_grad=True, name="x")
        y = x * 2
        (y * 5).backward()
        assert [s["kind"] for s in data_of(viz.step(y * 7))["steps"]] == ["start", "forward", "forward"]
        steps = data_of(viz.step(y))["steps"]
        assert [s["numbers"] for s in steps[2:]] == ["5", "5 × 2 = 10"]

    def test_what_was_not_kept_is_told_by_its_shape(self) -> None:
        y = (Tensor(np.zeros((5, 7)), requires_grad=True, name="x") * 2).sum()
        data = data_of(viz.step(y))
        assert not data["kept"]
        assert [w["value"] for w in data["wires"]] == [["(5, 7)"], ["(5, 7)"], ["0"]]
        assert data["items"][1]["told"]["value"] is None
        assert data["items"][1]["told"]["source"] is None
        assert data_of(viz.step(apple()))["kept"]

    def test_a_weight_that_changed_since_is_not_shown_with_its_new_value(self) -> None:
        w = Tensor([1.0, 2.0], requires_grad=True, name="w")
        y = (w * 3.0).sum()
        y.backward()
        with no_grad():
            w -= w.grad
        told = data_of(viz.step(y))["items"][0]["told"]
        assert told["value"] is None

    def test_the_line_of_code_is_told_without_its_folder(self) -> None:
        page = viz.step(apple())
        source = data_of(page)["items"][-2]["told"]["source"]
        assert source["file"] == "test_stepper.py"
        assert "* 1.1" in source["text"]
        assert str(Path(__file__).parent) not in page.html

    def test_special_values_are_written_out(self) -> None:
        with keep_values():
            y = (Tensor([np.nan, np.inf, -np.inf, 1e-30], requires_grad=True) * 1).sum()
        y.backward()
        data = data_of(viz.step(y))
        assert ["NaN", "∞", "-∞", "1e-30"] in [a["elements"] for a in data["arrays"]]

    def test_an_empty_array_is_drawn(self) -> None:
        with keep_values():
            y = (Tensor(np.zeros((0, 3)), requires_grad=True, name="x") * 2).sum()
        y.backward()
        assert data_of(viz.step(y))["wires"][0]["value"] == ["(0, 3)"]

    def test_a_large_array_has_a_picture_and_is_cut(self) -> None:
        with keep_values():
            y = (Tensor(np.arange(10_000.0).reshape(100, 100), requires_grad=True, name="x") * 2).sum()
        data = data_of(viz.step(y))
        assert len(data["arrays"][0]["elements"]) == LARGEST
        assert data["arrays"][0]["shape"] == [100, 100]
        name, width, height = data["wires"][0]["picture"]
        assert data["pictures"][name].startswith("iVBOR")
        assert width > 0 < height

    def test_many_arrays_share_the_room(self) -> None:
        assert Store(10).most == LARGEST
        assert Store(500).most == ALL // 500
        assert Store(10**9).most == FEWEST

    def test_modules_are_frames_inside_each_other(self) -> None:
        loss, runs = network()
        data = data_of(viz.step(loss, runs=runs))
        names = [(f["name"], f["layer"], f["parent"]) for f in data["frames"]]
        assert names[:3] == [("", "Sequential", None), ("0", "Linear", 0), ("1", "ReLU", 0)]
        assert names[3:5] == [("2", "Sequential", 0), ("2.0", "Linear", 3)]
        framed = {i["text"]: i["frame"] for i in data["items"]}
        assert framed["x"] is None
        assert framed["softmax + cross entropy"] is None
        assert framed["W1"] == 1

    def test_without_runs_there_are_no_frames(self) -> None:
        assert data_of(viz.step(network()[0]))["frames"] == []

    def test_nothing_overlaps(self) -> None:
        loss, runs = network()
        data = data_of(viz.step(loss, runs=runs))
        places = [part["place"] for part in data["items"] + data["wires"]]
        for k, (x, y, w, h) in enumerate(places):
            for x2, y2, w2, h2 in places[:k]:
                assert abs(x - x2) >= (w + w2) / 2 - 1 or abs(y - y2) >= (h + h2) / 2 - 1

    @pytest.mark.parametrize(("steps", "alone"), [(3, False), (MANY, True)])
    def test_in_a_large_graph_an_input_stands_wherever_it_is_used(self, steps: int, alone: bool) -> None:
        w = Tensor(1.0, requires_grad=True, name="w")
        y = Tensor(1.0, requires_grad=True, name="x")
        for _ in range(steps):
            y = y + w
        data = data_of(viz.step(y * w))
        shown = [item for item in data["items"] if item["text"] == "w"]
        assert len(shown) == (steps + 1 if alone else 1)
        assert {item["same"] for item in shown} == {shown[0]["id"]}
        assert all(item["total"] is None for item in shown)

    def test_a_sum_is_told_wherever_an_input_stands(self) -> None:
        w = Tensor(2.0, requires_grad=True, name="w")
        y = w * 1
        for _ in range(MANY):
            y = y + w
        y.backward()
        data = data_of(viz.step(y))
        assert {tuple(item["total"]) for item in data["items"] if item["text"] == "w"} == {(str(MANY + 1),)}

    def test_equal_graphs_give_equal_pages(self) -> None:
        assert viz.step(apple()).html == viz.step(apple()).html

    def test_the_language_is_the_speakers(self) -> None:
        with speaking("ja"):
            assert '<html lang="ja">' in viz.step(apple()).html
        with speaking("en"):
            assert '<html lang="en">' in viz.step(apple()).html


class TestNumbers:
    @given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([np.float64, np.float32, np.float16]))
    def test_an_element_is_read_back_exactly(self, x: float, dtype: Any) -> None:
        with np.errstate(over="ignore"):
            element = dtype(x)
        if np.isfinite(element):
            assert dtype(exact(element)) == element

    def test_whole_numbers_and_truth_values(self) -> None:
        assert list(map(exact, np.array([3, -2]))) == ["3", "-2"]
        assert list(map(exact, np.array([True, False]))) == ["True", "False"]

    def test_small_arrays_are_written_in_rows(self) -> None:
        assert beside(np.array([[1.5, 2], [3, 4]]), (2, 2)) == ["1.5 2", "3 4"]
        assert beside(np.array(7.0), ()) == ["7"]
        assert beside(np.zeros((2, 1, 2)), (2, 1, 2)) == ["0 0", "0 0"]
        assert beside(np.zeros((1, 9)), (1, 9)) == ["(1, 9)"]
        assert beside(np.zeros(0), (0,)) == ["(0,)"]
        assert beside(None, (2,)) == ["(2,)"]


class TestOnePage:
    def test_it_refers_to_nothing_outside(self) -> None:
        page = viz.step(apple()).html
        references = re.findall(r'(?:src|href)="([^"]*)"', page)
        assert all(r.startswith(("data:", "#")) for r in references)
        assert set(re.findall(r"https?://[^\s\"'`]*", page)) == {"http://www.w3.org/2000/svg"}  # a name, not an address
        assert "@import" not in page
        assert "url(" not in page.replace("url(#", "")

    def test_its_policy_allows_its_own_script_and_style_only(self) -> None:
        page = viz.step(apple()).html
        policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[0]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        for tag in ("style", "script"):
            content = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[0]
            assert f"sha256-{b64encode(sha256(content.encode()).digest()).decode()}" in policy

    @pytest.mark.parametrize("where", ["result", "leaf", "title"])
    def test_names_stay_text(self, where: str) -> None:
        plain, nasty = (self._named("name", where), self._named(NASTY, where))
        tags = [re.findall(r"</?\w+", re.sub(r">[^<]*", ">", page.html)) for page in (plain, nasty)]
        assert tags[0] == tags[1]
        assert "<img" not in nasty.html
        assert {NASTY, " ".join(NASTY.split())} & set(strings(data_of(nasty)))  # a name is told in one line

    def _named(self, name: str, where: str) -> Any:
        y = Tensor(1.0, requires_grad=True, name=name if where == "leaf" else "x") * 2
        y.name = name if where == "result" else "y"
        return viz.step(y, title=name if where == "title" else "t")

    @given(st.text(alphabet=st.characters(exclude_categories=[])))
    def test_json_is_safe_and_whole(self, text: str) -> None:
        written = pages.safe_json({"x": text})
        assert not set("<>&\u2028\u2029") & set(written)
        assert json.loads(written)["x"] == text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")

    def test_a_long_name_is_cut_in_the_picture_only(self) -> None:
        y = Tensor(1.0, requires_grad=True, name="a" * 300) * 2
        leaf = data_of(viz.step(y))["items"][0]
        assert len(leaf["text"]) == LONGEST
        assert leaf["told"]["name"] == "a" * 300

    def test_a_notebook_gets_a_frame_with_an_origin_of_its_own(self) -> None:
        page = viz.step(apple(), title=NASTY)
        frame = page._repr_html_()
        srcdoc = re.findall(
            r'^<iframe srcdoc="([^"]*)" title="([^"]*)" sandbox="allow-scripts" style="[^"]*"></iframe>$', frame
        )
        assert len(srcdoc) == 1
        assert html.unescape(srcdoc[0][0]) == page.html

    def test_the_scripts_are_in_the_package(self) -> None:
        for name in (*(f"{script}.js" for script in pages.SCRIPTS), "page.css", "page.html"):
            assert pages.asset(name)
        assets = Path(pages.__file__).parent / "assets"
        assert {f.stem for f in assets.glob("*.js")} == set(pages.SCRIPTS)

    def test_both_languages_have_the_same_texts(self) -> None:
        english, japanese = pages.asset("texts.js").split("\n  ja: {")
        keys = [re.findall(r'(?:^|, )\s*"([^"]+)": ["\[]', part, re.MULTILINE) for part in (english, japanese)]
        assert keys[0] == keys[1]
        assert len(keys[0]) > 60
        used = {key for name in pages.SCRIPTS for key in re.findall(r'\bsay\("([^"]+)"', pages.asset(f"{name}.js"))}
        used |= set(re.findall(r'data-(?:text|label|placeholder)="([^"]+)"', pages.asset("page.html")))
        assert used <= set(keys[0])


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in strings(part)]


class TestSaving:
    def test_the_file_is_the_page(self, tmp_path: Path) -> None:
        page = viz.step(apple())
        path = page.save(tmp_path / "new" / "apple.html")
        assert path.read_text("utf-8") == page.html
        assert list(path.parent.iterdir()) == [path]

    def test_another_suffix_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match=r"unknown suffix '\.svg'.*use \.html"):
            viz.step(apple()).save(tmp_path / "apple.svg")

    def test_an_unwritable_path_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OSError, match="file"):
            viz.step(apple()).save(tmp_path / "file" / "apple.html")

    def test_it_says_what_it_is(self) -> None:
        assert repr(viz.step(apple())) == "<Page: 2 operations, 7 steps; .save('x.html') writes it>"


class TestRefused:
    def test_a_leaf(self) -> None:
        with pytest.raises(GraphError, match=r"viz\.step: .*shape \(2,\).*leaf"):
            viz.step(Tensor([1.0, 2.0], requires_grad=True))

    def test_what_was_not_recorded(self) -> None:
        with no_grad():
            y = Tensor(1.0, requires_grad=True) * 2
        with pytest.raises(GraphError, match="no_grad"):
            viz.step(y)

    def test_a_module(self) -> None:
        with pytest.raises(DtypeError, match=r"the module Linear; pass the Tensor"):
            viz.step(nn.Linear(2, 2))  # type: ignore[arg-type]

    def test_what_is_no_tensor(self) -> None:
        with pytest.raises(DtypeError, match="got float"):
            viz.step(1.0)  # type: ignore[arg-type]
        with pytest.raises(DtypeError, match=r"runs= .*got int"):
            viz.step(apple(), runs=1)  # type: ignore[arg-type]

    @pytest.mark.parametrize("most", [0, True, 1.5])
    def test_a_strange_limit(self, most: Any) -> None:
        with pytest.raises(ArgumentError, match="max_nodes must be"):
            viz.step(apple(), max_nodes=most)

    def test_no_graphviz(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shutil.which", lambda _: None)
        monkeypatch.setitem(sys.modules, "pygraphviz", None)
        with pytest.raises(viz.GraphvizError, match="pip install pygraphviz"):
            viz.step(apple())

    def test_too_many_operations(self) -> None:
        y = Tensor(1.0, requires_grad=True)
        for _ in range(700):
            y = y + 1
        with pytest.raises(ArgumentError, match=r"700 operations.*at most 600.*max_nodes="):
            viz.step(y)
        with pytest.raises(ArgumentError, match=r"2 operations.*at most 1"):
            viz.step(apple(), max_nodes=1)


SCRIPT = """
from tinygrad_jp import Tensor
import neighbour

x = Tensor(3.0, requires_grad=True)
y = x * 2
z = y * neighbour.FACTOR
z.backward()
later = x + 1
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TINYGRAD_JP_LANG", "en")
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "neighbour.py").write_text("FACTOR = 5")
    monkeypatch.delitem(sys.modules, "neighbour", raising=False)
    path = folder / "script.py"
    path.write_text(SCRIPT)
    return path


def saved(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        re.findall(r'<script type="application/json" id="data">(.*?)</script>', path.read_text("utf-8"))[0]
    )
    return found


class TestCommand:
    def test_plays_what_backward_was_called_on(self, script: Path, tmp_path: Path, capsys: Capture) -> None:
        assert main(["step", str(script)]) == 0
        assert capsys.readouterr().out == "saved script.step.html\n"
        data = saved(tmp_path / "script.step.html")
        assert data["title"] == "z"
        assert [s["numbers"] for s in data["steps"] if s["kind"] == "forward"] == ["3 × 2 = 6", "6 × 5 = 30"]
        assert data["items"][1]["told"]["source"]["text"] == "y = x * 2"
        assert data["items"][0]["text"] == "x"

    def test_plays_the_result_that_is_named(self, script: Path, tmp_path: Path, capsys: Capture) -> None:
        page = tmp_path / "page.html"
        assert main(["step", str(script), "--result", "later", "-o", str(page)]) == 0
        assert "later has no gradients" in capsys.readouterr().out
        assert saved(page)["title"] == "later"

    def test_leaves_the_process_as_it_was(self, script: Path) -> None:
        before = sys.modules["__main__"], sys.argv, list(sys.path)
        assert main(["step", str(script)]) == 0
        assert (sys.modules["__main__"], sys.argv, sys.path) == before

    def test_the_script_is_the_main_one_and_may_exit(self, script: Path, tmp_path: Path) -> None:
        script.write_text(SCRIPT + "import sys\nif __name__ == '__main__':\n    print(sys.argv)\n    sys.exit(0)\n")
        assert main(["step", str(script)]) == 0
        assert (tmp_path / "script.step.html").exists()

    def test_modules_that_the_script_watched_are_frames(self, script: Path, tmp_path: Path) -> None:
        script.write_text(
            "import numpy as np\nfrom tinygrad_jp import nn, viz\nnet = nn.Sequential(nn.Linear(2, 2), nn.ReLU())\n"
            "with viz.watch(net) as runs:\n    y = net(np.ones((1, 2)))\nloss = y.sum()\nloss.backward()\n"
        )
        assert main(["step", str(script)]) == 0
        assert [f["layer"] for f in saved(tmp_path / "script.step.html")["frames"]] == ["Sequential", "Linear", "ReLU"]

    @pytest.mark.parametrize("lang", ["en", "ja"])
    @pytest.mark.parametrize(
        ("source", "options", "told"),
        [
            ("x = (1", [], {"en": "script.py, line 1: this is no Python", "ja": "1 行目は Python として読めません"}),
            ("x = 1\n1 / 0", [], {"en": "script.py, line 2: ZeroDivisionError", "ja": "2 行目: ZeroDivisionError"}),
            ("x = '\0'", [], {"en": "no Python", "ja": "読めません"}),
            ("raise SystemExit(3)", [], {"en": "exit status 3", "ja": "終了コード 3"}),
            ("x = 1", [], {"en": "leaves nothing to step through", "ja": "たどれる計算がありません"}),
            (SCRIPT, ["--result", "zz"], {"en": "no 'zz'.*did you mean 'z'", "ja": "'zz' がありません"}),
            (SCRIPT, ["--result", "x"], {"en": "nothing was computed for x", "ja": "計算の記録がありません"}),
            (SCRIPT, ["--result", "neighbour"], {"en": "of type module", "ja": "module です"}),
            (SCRIPT, ["-o", "page.txt"], {"en": "end with .html", "ja": r"\.html にしてください"}),
            (SCRIPT, ["-o", "scripts/script.py/x.html"], {"en": "x.html: ", "ja": "x.html: "}),
        ],
    )
    def test_errors(
        self, source: str, options: list[str], told: dict[str, str], lang: str, script: Path, capsys: Capture
    ) -> None:
        script.write_text(source)
        assert main(["step", str(script), "--lang", lang, *options]) == 1
        error = capsys.readouterr().err
        assert re.search(told[lang], error)
        assert "site-packages" not in error
        assert not list(Path().glob("*.html"))

    def test_more_operations_are_played_on_request(self, script: Path, tmp_path: Path, capsys: Capture) -> None:
        script.write_text(SCRIPT.replace("y = x * 2", "y = x * 2\nfor _ in range(600):\n    y = y + 1"))
        assert main(["step", str(script), "--lang", "en"]) == 1
        told = capsys.readouterr().err
        assert "behind z are 602 operations" in told
        advice = re.findall(r"--max-nodes \d+", told)
        assert advice == ["--max-nodes 602"]
        assert main(["step", str(script), "--lang", "ja"]) == 1
        assert "--max-nodes 602" in capsys.readouterr().err
        assert main(["step", str(script), *advice[0].split()]) == 0
        assert len(saved(tmp_path / "script.step.html")["items"]) > 602
        assert main(["step", str(script), "--max-nodes", "0"]) == 2

    def test_a_missing_file(self, script: Path, capsys: Capture) -> None:
        assert main(["step", "missing.py"]) == 1
        assert capsys.readouterr().err.startswith("tinygrad-jp: missing.py: ")
        assert main(["step"]) == 2
        assert "FILE.py is missing" in capsys.readouterr().err

    def test_the_traceback_begins_in_the_script(self, script: Path, capsys: Capture) -> None:
        script.write_text("def f():\n    return {}['key']\nf()\n")
        assert main(["step", str(script)]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert lines[1].endswith('script.py", line 3, in <module>')

    def test_opens_a_browser_on_request(
        self, script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        opened: list[str] = []
        monkeypatch.setattr("webbrowser.open", lambda url: not opened.append(url))
        assert main(["step", str(script), "--open"]) == 0
        assert opened == [(tmp_path / "script.step.html").as_uri()]
        monkeypatch.setattr("webbrowser.open", lambda url: False)
        assert main(["step", str(script), "--open"]) == 1
        assert "no browser could be started" in capsys.readouterr().err

    def test_importing_viz_loads_no_matplotlib(self) -> None:
        code = (
            "import sys, tinygrad_jp.viz; print([m for m in ('matplotlib', 'pygraphviz', 'click') if m in sys.modules])"
        )
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_title_must_be_a_text() -> None:
    y = Tensor(1.0, requires_grad=True) * 2.0
    with pytest.raises(DtypeError, match="title"):
        viz.step(y, title=5)  # type: ignore[arg-type]


def test_folders_are_not_told_whatever_separates_them() -> None:
    with keep_values():
        y = Tensor(1.0, requires_grad=True) * 2.0
    assert y._node is not None
    y._node.annotate().source = Source("C:\\Users\\花子\\first try.py", 3, "f")
    page = viz.step(y)
    assert "first try.py" in page.html
    assert "花子" not in page.html

"""The page of ``viz.step`` in a real browser: what can be read on it, compared with the tape, and how it is used."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_jp import Tensor, nn, viz
from tinygrad_jp.language import speaking
from tinygrad_jp.ops import exp, log, softmax_cross_entropy
from tinygrad_jp.tape import Node, keep_values
from tinygrad_jp.viz.record import reachable
from tinygrad_jp.viz.text import number

from .webdriver import Browser, Firefox, missing

chromium = pytest.mark.skipif(bool(missing("chromedriver", "chromium")), reason=missing("chromedriver", "chromium"))
firefox = pytest.mark.skipif(bool(missing("firefox")), reason=missing("firefox"))

SHOWN = """
const shown = (element) => element.getClientRects().length > 0 && getComputedStyle(element).visibility === 'visible';
const seen = (selector) => [...document.querySelectorAll(selector)].filter(shown);
"""
VISIBLE = """
const texts = (kind) => Object.fromEntries(seen(`.wire text.${kind}`)
    .map((text) => [text.closest('.wire').id, [...text.children].map((line) => line.textContent).join('|')]));
return {values: texts('value'), gradients: texts('gradient')};
"""
TABLES = """
document.getElementById(arguments[0]).dispatchEvent(new MouseEvent('click', {bubbles: true}));
const select = document.getElementById('arrays');
return [...select.options].map((option, k) => {
    select.selectedIndex = k;
    select.dispatchEvent(new Event('change'));
    return [option.textContent, [...document.querySelectorAll('#table tbody td')].map((cell) => cell.textContent)];
});
"""
Opened = Callable[..., Browser]


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def browser(window: Browser, tmp_path: Path) -> Iterator[Opened]:
    """Opens a page; afterwards nothing must have been fetched and no error logged."""

    def opened(page: Any, width: int = 1280, height: int = 800) -> Browser:
        window.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        window.command("Emulation.setEmulatedMedia", features=[still])
        window.log("browser")
        window.log("performance")
        path = tmp_path / "page.html"
        path.write_text(page if isinstance(page, str) else page.html, "utf-8")
        window.open(path)
        return window

    yield opened
    assert [line["message"] for line in window.log("browser")] == []
    assert requests(window) == ["page.html"]


def requests(window: Browser) -> list[str]:
    """List the files that were asked for, except those of the browser itself and those that a policy stopped."""
    events = [json.loads(line["message"])["message"] for line in window.log("performance")]
    stopped = {e["params"]["requestId"] for e in events if e["params"].get("blockedReason") == "csp"}
    sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    urls = [s["request"]["url"] for s in sent if s["requestId"] not in stopped]
    return [url.rpartition("/")[2] for url in urls if not url.startswith(("data:", "chrome"))]


def text(browser: Browser, selector: str) -> str:
    found: str = browser.run("return document.querySelector(arguments[0]).textContent", selector)
    return found


def position(browser: Browser) -> tuple[int, int]:
    at, _, most = text(browser, "#position").partition(" / ")
    return int(at), int(most)


def shop() -> Tensor:
    """The book's figures 5-15 and 5-17."""

    def variable(value: float, name: str) -> Tensor:
        return Tensor(value, requires_grad=True, name=name)

    with keep_values():
        apples = variable(100.0, "りんご") * variable(2.0, "りんごの個数")
        oranges = variable(150.0, "みかん") * variable(3.0, "みかんの個数")
        price = (apples + oranges) * variable(1.1, "消費税")
    price.name = "支払金額"
    price.backward()
    return price


def entropy() -> Tensor:
    """Values that are used several times, and small arrays."""
    x = Tensor([[0.5, 2.0], [1.5, 1.0]], requires_grad=True, name="x")
    with keep_values():
        y = exp(x) / exp(x).sum(axis=1, keepdims=True)
        loss = -(y * log(y)).sum() + (x * x * 0.1).sum()
    loss.backward()
    return loss


def network() -> tuple[Tensor, viz.Runs]:
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 3))
    x = rng.normal(size=(8, 20)).astype(np.float32)
    with keep_values(), viz.watch(net) as runs:
        loss = softmax_cross_entropy(net(x), np.arange(8) % 3)
    loss.name = "loss"
    loss.backward()
    return loss, runs


def contents(page: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.html.partition('id="data">')[2].partition("</script>")[0])
    return found


def root(y: Tensor) -> Node:
    assert y._node is not None
    return y._node


@chromium
class TestNumbers:
    @pytest.mark.parametrize("example", [shop, entropy])
    def test_step_by_step_the_numbers_are_the_tapes(self, example: Callable[[], Tensor], browser: Opened) -> None:
        y = example()
        page = viz.step(y)
        data = contents(page)
        window = browser(page)
        nodes = {i["id"]: node for i, node in zip(ops_of(data), reachable([root(y)]), strict=True)}
        assert window.run(SHOWN + VISIBLE)["gradients"] == {}
        for step in data["steps"][1:]:
            before = window.run(SHOWN + VISIBLE)
            window.press("Right")
            after = window.run(SHOWN + VISIBLE)
            node = nodes[step["op"]]
            if step["kind"] == "forward":
                new = {id: t for id, t in after["values"].items() if id not in before["values"]}
                assert set(new) == {w["id"] for w in data["wires"] if w["tail"] == step["op"]}
                assert set(new.values()) == {lines(node.value)}
                assert step["numbers"] in text(window, "#narration")
                assert step["numbers"] in text(window, "#callout")
            elif step["kind"] == "backward":
                new = {id: t for id, t in after["gradients"].items() if id not in before["gradients"]}
                wire = next(w for w in data["wires"] if w["id"] == step["wire"])
                assert new == {wire["id"]: lines(node.contributions()[wire["input"]])}
        assert position(window) == (len(data["steps"]) - 1,) * 2

    def test_the_shops_numbers_are_the_books(self, browser: Opened) -> None:
        window = browser(viz.step(shop()))
        window.press("End")
        shown = window.run(SHOWN + VISIBLE)
        forward = [1.1, 2, 3, 100, 150, 200, 450, 650, 715]
        backward = [1, 1.1, 1.1, 1.1, 2.2, 3.3, 110, 165, 650]
        assert sorted(map(float, shown["values"].values())) == forward
        assert sorted(map(float, shown["gradients"].values())) == backward

    def test_all_values_and_gradients_can_be_read_whole(self, browser: Opened) -> None:
        loss, runs = network()
        page = viz.step(loss, runs=runs)
        window = browser(page)
        window.run("setAll(false)")
        for item, node in zip(ops_of(contents(page)), reachable([root(loss)]), strict=True):
            tables = window.run(TABLES, item["id"])
            assert node.call is not None
            assert node.gradients is not None
            sent = [g for _, g in sorted(node.contributions().items())]
            wanted = [node.value, node.gradients[-1], *node.call.inputs, *sent]
            assert len(tables) == len(wanted)
            for (_, cells), array in zip(tables, wanted, strict=True):
                assert np.array_equal(np.array(cells, np.asarray(array).dtype).ravel(), np.ravel(array))

    def test_the_gradients_of_the_leaves_are_those_of_the_tensors(self, browser: Opened) -> None:
        y = entropy()
        page = viz.step(y)
        window = browser(page)
        leaf = next(i for i in contents(page)["items"] if i["text"] == "x")
        (_, value), (_, gradient) = window.run(TABLES, leaf["id"])
        x = next(e for node in reachable([root(y)]) for e in node.edges if isinstance(e, Tensor))
        assert np.array_equal(np.array(value, float), x.numpy().ravel())
        assert x.grad is not None
        assert np.array_equal(np.array(gradient, float), x.grad.numpy().ravel())

    def test_gradients_that_meet_add_up(self, browser: Opened) -> None:
        x = Tensor(3.0, requires_grad=True, name="x")
        y = x * x + x * 4
        y.backward()
        window = browser(viz.step(y))
        sums = SHOWN + "return seen('.total')"
        window.press("End")
        assert "add up" in text(window, "#narration")
        assert text(window, "#callout .sum").endswith("= 10")
        assert window.run(sums + ".map(e => e.textContent)") == ["Σ 10"]
        window.press("Left")
        assert window.run(sums + ".length") == 0

    def test_what_was_not_computed_is_not_shown(self, browser: Opened) -> None:
        y = Tensor(2.0, requires_grad=True, name="x") * Tensor(3.0, name="c")
        page = viz.step(y)
        window = browser(page)
        window.press("End")
        assert window.run(SHOWN + VISIBLE)["gradients"] == {}
        assert "backward()" in window.run("player.end(-1); return byId('narration').textContent")
        window.press("End", "Enter")
        window.run("const s = byId('arrays'); s.selectedIndex = 1; s.dispatchEvent(new Event('change'))")
        assert text(window, "#table") == "not computed"

    def test_large_arrays_are_cut_with_a_notice(self, browser: Opened) -> None:
        with keep_values():
            y = (Tensor(np.arange(9000.0).reshape(90, 100), requires_grad=True, name="x") * 2).sum()
        window = browser(viz.step(y))
        window.run(TABLES, "n1")
        window.run("const s = byId('arrays'); s.selectedIndex = 0; s.dispatchEvent(new Event('change'))")
        assert text(window, ".cut") == "The first 4,096 of 9,000 elements are shown."
        assert window.run("return document.querySelectorAll('#table tbody td').length") == 4096
        assert window.run("const s = document.querySelector('.scroll'); return s.scrollHeight > s.clientHeight")


def ops_of(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for item in data["items"] if item["kind"] == "op"]


def lines(array: Any) -> str:
    array = np.asarray(array)
    rows = array.reshape(-1, array.shape[-1] if array.ndim else 1)
    return "|".join(" ".join(map(number, row)) for row in rows.tolist())


@chromium
class TestPlaying:
    def test_keys(self, browser: Opened) -> None:
        window = browser(viz.step(shop()))
        assert position(window) == (0, 13)
        window.press("Right", "Right", "Right")
        assert position(window) == (3, 13)
        window.press("Left")
        assert position(window) == (2, 13)
        window.press("b")
        assert text(window, "#narration .phase") == "Turn"
        window.press("End", "Right")
        assert position(window) == (13, 13)
        window.press("Home", "Left")
        assert position(window) == (0, 13)

    def test_it_plays_by_itself_and_stops_at_the_end(self, browser: Opened) -> None:
        window = browser(viz.step(shop()))
        window.run("byId('speed').selectedIndex = 3")
        window.press("Space")
        assert window.run("return byId('play').getAttribute('aria-label')") == "Pause"
        for _ in range(200):
            if position(window)[0] == 13 and not window.run("return player.playing"):
                break
            time.sleep(0.1)
        assert position(window) == (13, 13)
        assert window.run("return byId('play').getAttribute('aria-label')") == "Play"
        window.press("Space")
        assert position(window)[0] == 0
        window.press("Right")  # a step by hand stops it
        assert not window.run("return player.playing")

    def test_buttons_and_slider(self, browser: Opened) -> None:
        window = browser(viz.step(shop()))
        assert window.run("return byId('previous').disabled && byId('first').disabled && !byId('next').disabled")
        window.click("#next")
        window.click("#next")
        assert position(window) == (2, 13)
        window.click("#last")
        assert window.run("return byId('next').disabled && byId('last').disabled")
        window.click("#slider")
        assert 5 <= position(window)[0] <= 8
        window.press("Home")  # the slider has the focus
        assert position(window) == (0, 13)
        window.press("Right")
        assert position(window) == (1, 13)
        assert window.run("return byId('slider').getAttribute('aria-valuetext')") == "step 1 of 13, Forward"

    def test_the_graph_can_be_moved_and_zoomed(self, browser: Opened) -> None:
        window = browser(viz.step(shop()))
        view = "return [camera.x, camera.y, camera.scale]"
        x, y, scale = window.run(view)
        window.drag((600, 120), (660, 150))
        assert window.run(view) == pytest.approx([x + 60, y + 30, scale])
        window.wheel((600, 300), -200)
        assert window.run(view)[2] > scale
        window.press("0")
        assert window.run(view) == pytest.approx([x, y, scale])
        for selector, larger in (("#zoom-in", True), ("#zoom-out", False), ("#zoom-out", False)):
            before = window.run(view)[2]
            window.click(selector)
            assert (window.run(view)[2] > before) == larger
        window.click("#zoom-fit")
        window.pinch((500, 300), 40, 80)
        assert window.run(view)[2] == pytest.approx(2 * scale, rel=0.1)
        assert window.run("return byId('panel').hidden")  # none of this was a click


@chromium
class TestTelling:
    def test_a_click_tells_the_line_of_code_and_the_history(self, browser: Opened) -> None:
        page = viz.step(shop())
        window = browser(page)
        plus = next(i for i in contents(page)["items"] if i["text"] == "+")
        window.click(f"#{plus['id']} .shape")
        assert text(window, "#source") == 'price = (apples + oranges) * variable(1.1, "消費税")'
        assert "test_stepper_browser.py:" in text(window, ".place")
        rows = window.run("return [...document.querySelectorAll('#history .numbers')].map(e => e.textContent)")
        assert rows == ["200 + 450 = 650", "1 × 1.1 = 1.1", "1.1 × 1 = 1.1", "1.1 × 1 = 1.1"]
        window.click("#history li:nth-child(2) button")
        assert text(window, "#callout .numbers") == "1 × 1.1 = 1.1"
        window.press("Escape")
        assert window.run("return byId('panel').hidden")

    def test_without_kept_values_it_says_how_to_keep_them(self, browser: Opened) -> None:
        y = (Tensor(np.zeros((9, 9)), requires_grad=True) * 2).sum()
        window = browser(viz.step(y))
        assert "keep_values" in text(window, "#notice")
        window.run(TABLES, "n1")
        assert "keep_values" in text(window, "#panel")
        assert not window.run("return byId('notice').hidden")

    def test_the_language_is_switched_in_the_page(self, browser: Opened) -> None:
        with speaking("ja"):
            window = browser(viz.step(shop()))
        window.press("Right")
        assert text(window, "#narration .phase") == "順伝播"
        japanese = text(window, "#narration .rule")
        assert window.run("return byId('next').getAttribute('aria-label')") == "次のステップ"
        window.click("#language")
        assert text(window, "#narration .phase") == "Forward"
        assert text(window, "#narration .rule") != japanese
        assert window.run("return document.documentElement.lang") == "en"
        window.press("l")
        assert text(window, "#narration .rule") == japanese

    def test_search_finds_names_ops_and_modules(self, browser: Opened) -> None:
        loss, runs = network()
        window = browser(viz.step(loss, runs=runs))
        window.press("/", *"affine")
        found = "return [...document.querySelectorAll('#found .found-name')].map(e => e.textContent)"
        assert len(window.run(found)) == 2
        window.press("Down", "Enter")
        assert text(window, ".kind").startswith("operation: affine")
        assert window.run("return document.querySelectorAll('.selected').length") == 1
        window.press("/")
        window.run("byId('query').value = ''")
        window.press(*"loss", "Enter")
        assert text(window, "#panel-title") == "loss"
        window.press("/")
        window.run("byId('query').value = ''")
        window.press(*"xyz")
        assert text(window, "#found") == "nothing found"
        window.press("Escape", "Escape")
        assert window.run("return byId('found').hidden && byId('panel').hidden")


@chromium
class TestModules:
    def test_a_module_closes_and_opens(self, browser: Opened) -> None:
        loss, runs = network()
        page = viz.step(loss, runs=runs)
        window = browser(page)
        ops = SHOWN + "return seen('.op').length"
        steps = position(window)[1]
        assert window.run(ops) == 4
        linear = next(k for k, frame in enumerate(contents(page)["frames"]) if frame["name"] == "0")
        window.click(f"#open{linear} .frame-title")
        assert window.run(ops) == 3
        assert position(window)[1] == steps - 3 + 1  # of its three gradients that of its input is still seen
        assert window.run(SHOWN + f"return seen('#f{linear}').length") == 1
        window.press("End")
        assert set(window.run(SHOWN + VISIBLE)["gradients"]) <= {w["id"] for w in contents(page)["wires"]}
        window.click(f"#f{linear} .shape")
        assert window.run(ops) == 4
        assert position(window)[1] == steps

    def test_all_close_and_open_from_the_list(self, browser: Opened) -> None:
        loss, runs = network()
        window = browser(viz.step(loss, runs=runs))
        steps = position(window)[1]
        window.click("#modules")
        window.click("#panel-body p button:nth-child(2)")
        assert window.run(SHOWN + "return [seen('.op').length, seen('.box').length]") == [1, 1]
        window.press("End")
        gradients = window.run(SHOWN + VISIBLE)["gradients"]
        assert sorted(gradients.values()) == ["(8, 20)", "(8, 3)", "1"]
        window.click("#panel-body p button:nth-child(1)")
        assert position(window)[1] == steps
        labels = window.run("return [...document.querySelectorAll('#module-list button')].map(e => e.textContent)")
        assert labels == ["▾ Sequential", "▾ 0 · Linear", "▾ 1 · ReLU", "▾ 2 · Linear"]
        window.click("#module-list li:nth-child(3) button")
        assert window.run("return closed.size") == 1

    def test_the_search_opens_what_is_closed(self, browser: Opened) -> None:
        loss, runs = network()
        window = browser(viz.step(loss, runs=runs))
        window.run("setAll(true)")
        window.press("/", *"relu", "Down", "Enter")
        assert text(window, ".kind") == "operation: relu "

    def test_nothing_overlaps_whatever_is_closed(self, browser: Opened) -> None:
        loss, runs = network()
        page = viz.step(loss, runs=runs)
        window = browser(page)
        overlaps = """
            const places = [...layout.places];
            const meet = (p, q, at, size) => Math.abs(p[at] - q[at]) < (p[size] + q[size]) / 2 - 1;
            const both = (p, q) => meet(p, q, 'x', 'w') && meet(p, q, 'y', 'h');
            return places.flatMap(([a, p], k) => places.slice(0, k).filter(([, q]) => both(p, q)).map(([b]) => [a, b]));
        """
        frames = range(len(contents(page)["frames"]))
        for chosen in [[], *([k] for k in frames), [1, 3], [1, 2, 3]]:
            window.run("closed.clear(); for (const k of arguments[0]) closed.add(k); arrange()", chosen)
            assert window.run(overlaps) == []


@chromium
class TestSafety:
    def test_no_name_becomes_markup(self, browser: Opened) -> None:
        nasty = '</script><script>window.hit=1</script><img src=x onerror="window.hit=1">\'&🍎'
        with keep_values():
            y = Tensor(1.0, requires_grad=True, name=nasty) * 2
        y.name = nasty + "\nresult"
        y.backward()
        window = browser(viz.step(y, title=nasty))
        assert text(window, "h1") == nasty
        assert window.run("return document.title") == nasty
        window.press("Right", "End", "Enter")
        assert nasty in text(window, "#panel-title")
        assert nasty in text(window, "#history")
        window.press("/", "o")
        assert window.run("return [window.hit, document.images.length, document.scripts.length]") == [None, 0, 2]

    def test_the_policy_forbids_the_network(self, window: Browser, tmp_path: Path) -> None:
        window.open(viz.step(shop()).save(tmp_path / "page.html"))
        window.log("performance")
        script = "return fetch('http://127.0.0.1:9/').then(() => 'fetched', (error) => error.name)"
        assert window.run(script) == "TypeError"
        window.run("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'}))")
        refused = [line["message"] for line in window.log("browser")]
        assert len([line for line in refused if "Content Security Policy" in line]) >= 2
        assert requests(window) == []

    def test_numbers_that_are_none_break_nothing(self, browser: Opened) -> None:
        with keep_values(), np.errstate(all="ignore"):
            y = log(Tensor([-1.0, 0.0, 1.0], requires_grad=True, name="x")).sum()
            y.backward()
        window = browser(viz.step(y))
        window.press("End")
        assert "NaN -∞ 0" in window.run(SHOWN + VISIBLE)["values"].values()


@chromium
class TestReaders:
    def test_everything_has_a_name(self, browser: Opened) -> None:
        window = browser(viz.step(*network()[:1]))
        tree = window.command("Accessibility.getFullAXTree")["nodes"]
        controls = [
            n for n in tree if n["role"]["value"] in ("button", "slider", "combobox", "searchbox", "image", "img")
        ]
        named = [n["name"]["value"] for n in controls if not n.get("ignored")]
        assert len(named) >= 12
        assert all(named)
        description = window.run("return document.querySelector('#graph > desc').textContent")
        assert description.startswith("4 operations. The result is loss.")
        assert window.run("return byId('graph').getAttribute('role')") == "img"

    def test_the_step_is_read_out(self, browser: Opened) -> None:
        window = browser(viz.step(shop()))
        assert window.run("return byId('narration').getAttribute('aria-live')") == "polite"
        window.press("Right")
        told = text(window, "#narration")
        assert told.startswith("Forward v1 = りんご × りんごの個数 100 × 2 = 200 ")

    def test_the_keyboard_reaches_everything(self, browser: Opened) -> None:
        window = browser(viz.step(*network()[:1]))
        reached = []
        for _ in range(16):
            window.press("Tab")
            reached.append(window.run("return document.activeElement.id"))
        wanted = {
            "query",
            "language",
            "help-button",
            "zoom-in",
            "zoom-out",
            "zoom-fit",
            "play",
            "next",
            "last",
            "slider",
            "speed",
        }
        assert wanted <= set(reached)
        window.press("?")
        assert window.run("return byId('help').open")
        window.press("Escape")
        assert not window.run("return byId('help').open")
        outline = window.run("byId('language').focus(); return getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"

    def test_dark_mode_is_dark(self, browser: Opened) -> None:
        window = browser(viz.step(shop()))
        colour = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        assert min(window.run(colour)) > 230
        window.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        assert max(window.run(colour)) < 40


@chromium
class TestPhones:
    def test_it_fits_and_can_be_touched(self, browser: Opened) -> None:
        window = browser(viz.step(shop()), 390, 844)
        assert window.run("return document.documentElement.scrollWidth") == 390
        small = """
            const bad = ({height, right}) => height < 34 || right > 391;
            return seen('button, select, input').filter(e => bad(e.getBoundingClientRect())).map(e => e.id);
        """
        assert window.run(SHOWN + small) == []
        for _ in range(13):
            window.press("Right")
            callout = window.run("const b = byId('callout').getBoundingClientRect(); return [b.left, b.right]")
            assert callout[0] >= 0
            assert callout[1] <= 390
        window.press("Enter")
        panel = window.run("const b = byId('panel').getBoundingClientRect(); return [b.left, b.right, b.bottom]")
        assert panel == [0, 390, 844]


@chromium
class TestNotebooks:
    def test_it_plays_inside_a_frame(self, window: Browser, tmp_path: Path) -> None:
        path = tmp_path / "page.html"
        path.write_text(f"<!doctype html><meta charset=utf-8>{viz.step(shop())._repr_html_()}", "utf-8")
        window.log("browser")
        window.open(path)
        with window.frame("iframe"):
            window.click("#next")
            assert position(window) == (1, 13)
            assert text(window, "#callout .numbers") == "100 × 2 = 200"
        assert [line["message"] for line in window.log("browser")] == []


@firefox
class TestFirefox:
    def test_it_plays_to_the_end_with_the_books_numbers(self, tmp_path: Path) -> None:
        path = viz.step(shop()).save(tmp_path / "page.html")
        with Firefox() as window:
            window.open(path)
            press = "for (let k = 0; k < 13; k++) document.getElementById('next').click();"
            told = "return [document.getElementById('position'), ...document.querySelectorAll('#callout > div')]"
            assert window.run(press + told + ".map((e) => e.textContent)") == [
                "13 / 13",
                "∂L/∂りんごの個数 = ∂L/∂v1 × りんご",
                "1.1 × 100 = 110",
            ]
            gradients = window.run(SHOWN + VISIBLE)["gradients"].values()
            assert sorted(map(float, gradients)) == [1, 1.1, 1.1, 1.1, 2.2, 3.3, 110, 165, 650]
            window.run("document.querySelector('.op').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
            assert window.run("return document.getElementById('source').textContent").startswith("apples = ")


@chromium
def test_a_single_gradient_that_was_replaced_is_not_called_a_sum(window: Browser, tmp_path: Path) -> None:
    h = Tensor(2.0, requires_grad=True, name="x") * 3.0
    h.register_hook(lambda g: g * 2)
    y = h * 1.5
    y.backward()
    window.open(viz.step(y).save(tmp_path / "hook.html"))
    for _ in range(4):
        window.press("Right")
    told = window.run("return document.body.innerText")
    assert "1.5 ⇒ 3" in told
    assert "add up" not in told
    assert "another one" in told

"""Pictures and the stepper in a notebook: cells that a kernel ran, in a page that a browser shows."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from .webdriver import Browser, missing

needed = [name for name in ("ipykernel", "nbconvert") if find_spec(name) is None]
pytestmark = [
    pytest.mark.skipif(bool(needed), reason=f"needs {' and '.join(needed)}"),
    pytest.mark.skipif(bool(missing("chromedriver", "chromium")), reason=missing("chromedriver", "chromium")),
]

PRICE = """
from tinygrad_jp import Tensor, viz
from tinygrad_jp.tape import keep_values

apple = Tensor(100.0, requires_grad=True, name="りんご")
tax = Tensor(1.1, requires_grad=True, name="消費税")
with keep_values():
    price = apple * 2 * tax
price.backward()
"""
TEXTS = """
const shown = [...document.querySelectorAll(arguments[0])].filter((text) => text.getClientRects().length > 0);
return shown.map((text) => text.textContent);
"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Show a notebook whose last two cells are a picture and a stepper."""
    sources = (PRICE, "viz.graph(price)", "viz.step(price)")
    new = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    cells = [new | {"source": source} for source in sources]
    path = tmp_path_factory.mktemp("notebook") / "price.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}), "utf-8")
    # in another process: what is imported for it makes the progress bars of this one those of a notebook
    words = ["--to", "html", "--execute", "--template", "basic", str(path)]
    subprocess.run([sys.executable, "-m", "nbconvert", *words], check=True, capture_output=True)
    window = Browser()
    window.open(path.with_suffix(".html"))
    yield window
    window.close()


def test_a_picture_shows_itself(notebook: Browser) -> None:
    width, source = notebook.run("const image = document.images[0]; return [image.naturalWidth, image.src]")
    assert width > 100
    drawn = base64.b64decode(source.removeprefix("data:image/svg+xml;base64,")).decode()
    texts = set(re.findall(r"<text[^>]*>([^<]*)</text>", drawn))
    assert {"りんご", "100", "2.2", "消費税", "1.1", "200", "220"} <= texts


def test_the_stepper_is_played_to_its_end(notebook: Browser) -> None:
    with notebook.frame("iframe"):
        notebook.run("document.body.focus()")
        notebook.press("End")
        values, gradients = (notebook.run(TEXTS, f".wire text.{kind}") for kind in ("value", "gradient"))
    assert sorted(map(float, values)) == [1.1, 100, 200, 220]
    assert sorted(map(float, gradients)) == [1, 1.1, 2.2, 200]

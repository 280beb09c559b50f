"""Take docs/images/stepper.png and stepper.ja.png of a page of viz.step. Run: python -m docs.make_stepper_pictures.

Needs Chromium and its driver (Debian: apt install chromium chromium-driver).
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from tests.webdriver import KEYS, Browser
from tinygrad_jp import viz
from tinygrad_jp.viz.gallery import apple_and_orange_gradients

IMAGES = Path(__file__).parent / "images"
STEP = 12
"""The gradient of the apple's price was just computed."""
MOVING = 1.0
"""Seconds until nothing moves any more."""


def main() -> None:
    """Play the second shop to that step, in both languages."""
    for language, name in (("en", "stepper.png"), ("ja", "stepper.ja.png")):
        os.environ["TINYGRAD_JP_LANG"] = language
        browser = Browser(1120, 700)
        with tempfile.TemporaryDirectory() as folder:
            browser.open(viz.step(apple_and_orange_gradients()).save(Path(folder) / "shop.html"))
            for _ in range(STEP):
                browser.press(KEYS["Right"])
            time.sleep(MOVING)
            browser.screenshot(IMAGES / name)
        browser.close()


if __name__ == "__main__":
    main()

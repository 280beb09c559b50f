"""Headless browsers for tests: Chromium, by the WebDriver protocol (W3C), and Firefox, by its own, Marionette."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

PROGRAMS = {
    "chromedriver": ("chromedriver",),
    "chromium": ("chromium", "chromium-browser", "google-chrome", "chrome"),
    "firefox": ("firefox-esr", "firefox"),
}
KEYS = {"Left": "\ue012", "Right": "\ue014", "Up": "\ue013", "Down": "\ue015", "Home": "\ue011", "End": "\ue010"}
KEYS |= {"Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004", "Shift": "\ue008", "Space": " "}
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
OPTIONS = ["--headless=new", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
OPTIONS += ["--disable-sync", "--no-first-run", "--hide-scrollbars", "--lang=en", "--disable-dev-shm-usage"]


def program(kind: str) -> str | None:
    """Find a program on the PATH."""
    return next(filter(None, map(shutil.which, PROGRAMS[kind])), None)


def missing(*kinds: str) -> str:
    """Return which programs cannot be had; "" if all can."""
    absent = [kind for kind in kinds if program(kind) is None]
    return f"no {' and no '.join(absent)} on the PATH (Debian: apt install chromium chromium-driver)" if absent else ""


class Browser:
    """A Chromium with one window.

    Parameters
    ----------
    width, height
        Of the window, in pixels.
    """

    def __init__(self, width: int = 1280, height: int = 800) -> None:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        assert self._driver.stdout is not None
        ports = (re.search(r"started successfully on port (\d+)", line) for line in self._driver.stdout)
        self._url = f"http://127.0.0.1:{next(found[1] for found in ports if found)}"
        arguments = [*OPTIONS, f"--window-size={width},{height}", f"--user-data-dir={self._folder.name}"]
        if os.name == "posix" and os.geteuid() == 0:
            arguments.append("--no-sandbox")  # Chromium refuses to run as root otherwise
        options = {"binary": program("chromium"), "args": arguments, "prefs": {"intl.accept_languages": "en"}}
        logs = {"browser": "ALL", "performance": "ALL"}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": logs}
        try:
            answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        except Exception:
            self._stop()
            raise
        self._url += f"/session/{answer['sessionId']}"

    def _ask(self, method: str, path: str, content: Any = None) -> Any:
        body = None if content is None else json.dumps(content).encode()
        request = Request(self._url + path, body, {"Content-Type": "application/json"}, method=method)
        with urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]

    def open(self, path: Path) -> None:
        """Open a file, and forget what was logged before."""
        self._ask("POST", "/url", {"url": path.resolve().as_uri()})
        # keys that come before a page was first drawn are lost
        self.run("return new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(() => drawn())))")

    @contextmanager
    def frame(self, selector: str) -> Iterator[None]:
        """Be inside a frame in this ``with`` block."""
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        self._ask("POST", "/frame", {"id": found})
        try:
            yield
        finally:
            self._ask("POST", "/frame", {"id": None})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a JavaScript function and return what it returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": arguments})

    def press(self, *keys: str) -> None:
        """Press and release keys one after the other, by name or character."""
        actions = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def click(self, selector: str) -> None:
        """Click on the middle of an element, as a mouse does."""
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        moves = [{"type": "pointerMove", "duration": 0, "origin": {ELEMENT: found[ELEMENT]}, "x": 0, "y": 0}]
        moves += [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._point([moves])

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Press the mouse at a place, move it to another and release it."""
        first, last = ({"type": "pointerMove", "duration": 50, "x": x, "y": y} for x, y in (start, end))
        self._point([[first, {"type": "pointerDown", "button": 0}, last, {"type": "pointerUp", "button": 0}]])

    def pinch(self, centre: tuple[int, int], before: int, after: int) -> None:
        """Move two fingers apart, or towards each other, from and to distances from a centre."""
        (x, y), fingers = centre, []
        for side in (-1, 1):
            first, last = ({"type": "pointerMove", "duration": 50, "x": x + side * d, "y": y} for d in (before, after))
            fingers.append([first, {"type": "pointerDown", "button": 0}, last, {"type": "pointerUp", "button": 0}])
        self._point(fingers, "touch")

    def _point(self, pointers: list[Any], kind: str = "mouse") -> None:
        sources = [
            {"type": "pointer", "id": f"{kind}{k}", "parameters": {"pointerType": kind}, "actions": actions}
            for k, actions in enumerate(pointers)
        ]
        self._ask("POST", "/actions", {"actions": sources})

    def wheel(self, at: tuple[int, int], amount: int) -> None:
        """Turn the wheel at a place."""
        scroll = {"type": "scroll", "x": at[0], "y": at[1], "deltaX": 0, "deltaY": amount, "duration": 0}
        self._ask("POST", "/actions", {"actions": [{"type": "wheel", "id": "wheel", "actions": [scroll]}]})

    def command(self, name: str, **values: Any) -> Any:
        """Send a command of Chromium's own protocol."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": name, "params": values})

    def log(self, kind: str) -> list[dict[str, Any]]:
        """Return what was logged since this was last asked: "browser" (the console) or "performance"."""
        found: list[dict[str, Any]] = self._ask("POST", "/se/log", {"type": kind})
        return found

    def screenshot(self, path: Path) -> None:
        """Write what the window shows as PNG."""
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def close(self) -> None:
        """End the browser."""
        try:
            self._ask("DELETE", "")
        finally:
            self._stop()

    def _stop(self) -> None:
        self._driver.terminate()
        self._driver.communicate(timeout=20)
        self._folder.cleanup()


class Firefox:
    """A Firefox with one window; ends with the ``with`` block."""

    def __enter__(self) -> Firefox:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        Path(self._folder.name, "user.js").write_text(f'user_pref("marionette.port", {port});')
        words = [str(program("firefox")), "--headless", "--no-remote", "--marionette", "--profile", self._folder.name]
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._socket = self._connected(port)
        self._number = 0
        self._read()
        self._ask("WebDriver:NewSession")
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(timeout=20)
        self._folder.cleanup()

    def _connected(self, port: int) -> socket.socket:
        """Wait until the browser listens."""
        for _ in range(600):
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=60)
            except OSError:
                time.sleep(0.1)
        self._process.terminate()
        raise TimeoutError("Firefox did not start")

    def _read(self) -> Any:
        """Read a message: its length, a colon, JSON."""
        length = b"".join(iter(lambda: self._socket.recv(1), b":"))
        content = b""
        while len(content) < int(length):
            content += self._socket.recv(int(length) - len(content))
        return json.loads(content)

    def _ask(self, command: str, **values: Any) -> Any:
        self._number += 1
        message = json.dumps([0, self._number, command, values]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, answer = self._read()
        assert error is None, error
        return answer

    def open(self, path: Path) -> None:
        """Open a file."""
        self._ask("WebDriver:Navigate", url=path.resolve().as_uri())

    def run(self, script: str) -> Any:
        """Run the body of a JavaScript function and return what it returns."""
        return self._ask("WebDriver:ExecuteScript", script=script, args=[], sandbox=None)["value"]

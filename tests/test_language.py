"""The language of the library's words: how it is chosen, and that all of them are there in Japanese."""

from __future__ import annotations

import ast
import locale
import os
import string
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

import tinygrad_jp
from tinygrad_jp import nn
from tinygrad_jp.errors import ArgumentError
from tinygrad_jp.language import JAPANESE, language, preferred, speaking, tell
from tinygrad_jp.text import pad, table, width

SOURCES = [p for p in Path(tinygrad_jp.__file__).parent.rglob("*.py") if p.name != "language.py"]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_JP_LANG", "en")


class TestChoice:
    @pytest.mark.parametrize(
        ("environment", "expected"),
        [
            ({"LANG": "ja_JP.UTF-8"}, "ja"),
            ({"LANG": "Japanese_Japan.932"}, "ja"),
            ({"LANG": "de_DE.UTF-8"}, "en"),
            ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, "en"),
            ({"LANG": "ja_JP.UTF-8", "LC_ALL": ""}, "ja"),
            ({"LANG": "C", "LC_MESSAGES": "ja_JP.eucJP"}, "ja"),
            ({"LANG": "C", "TINYGRAD_JP_LANG": "ja"}, "ja"),
            ({"LANG": "ja_JP.UTF-8", "TINYGRAD_JP_LANG": "en"}, "en"),
        ],
    )
    def test_environment(self, environment: dict[str, str], expected: str) -> None:
        assert preferred(environment) == expected

    @pytest.mark.parametrize(("name", "expected"), [("ja_JP.UTF-8", "ja"), ("C", "en")])
    def test_locale_of_the_process_where_no_variable_is_set(
        self, name: str, expected: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(locale, "setlocale", lambda category: name)
        assert preferred({}) == expected

    def test_the_environment_is_looked_at_each_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert tell("loss") == "loss"
        monkeypatch.setenv("TINYGRAD_JP_LANG", "ja")
        assert tell("loss") == "損失"

    def test_speaking_ends_with_its_block_and_other_threads_do_not_hear_it(self) -> None:
        heard = []
        with speaking("ja"):
            with suppress(ZeroDivisionError), speaking("en"):
                assert language() == "en"
                _ = 1 / 0
            assert language() == "ja"
            thread = Thread(target=lambda: heard.append(language()))
            thread.start()
            thread.join()
        assert [*heard, language()] == ["en", "en"]

    def test_there_are_two(self) -> None:
        with pytest.raises(ArgumentError, match="no language 'fr'; there are en, ja"), speaking("fr"):
            pass


class TestTexts:
    def test_every_text_that_is_told_is_there_in_japanese_and_no_other(self) -> None:
        written: set[str] = set()
        told: set[str] = set()
        for path in SOURCES:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    written.add(node.value)
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "tell":
                    told |= {a.value for a in node.args if isinstance(a, ast.Constant)}
        assert len(told) > 30
        assert told <= JAPANESE.keys()
        names = {"top_k_accuracy", "mse", "rmse", "mae", "r2_score", "f_score"}  # names of functions
        assert JAPANESE.keys() - names <= written

    @pytest.mark.parametrize("text", JAPANESE)
    def test_same_braces(self, text: str) -> None:
        parts = [string.Formatter().parse(t) for t in (text, JAPANESE[text])]
        english, japanese = (sorted((name, spec) for _, name, spec, _ in part if name) for part in parts)
        assert english == japanese

    def test_words_of_the_user_stay(self) -> None:
        with speaking("ja"):
            assert tell("my {metric}") == "my {metric}"


class TestTables:
    def test_a_japanese_character_takes_two_columns(self) -> None:
        assert [width("ab"), width("aあ"), width("ア")] == [2, 3, 2]
        assert pad("あ", 4) == "あ  "
        assert pad("あ", 4, left=False) == "  あ"
        assert table([["a", "bb", "c"], ["あ", "い", "うえ"]], left=2) == "a   bb     c\nあ  い  うえ"

    def test_summary(self) -> None:
        found = nn.MLP((4, 3, 2)).summary((10, 4))
        with speaking("ja"):
            lines = str(found).split("\n")
            assert lines[0].split() == ["層", "出力の形状", "パラメータ数", "積和演算の回数"]
            assert lines[-1].split() == ["合計", "23", "180"]
            assert len({width(line) for line in lines}) == 1
            assert '<th style="text-align:right">パラメータ数</th>' in found._repr_html_()
            frozen = nn.MLP((4, 3, 2)).requires_grad_(False).summary((10, 4))
            assert "合計(うち 23 個のパラメータは固定)" in str(frozen)
        assert str(found).startswith("layer ")


def test_a_japanese_locale_is_enough() -> None:
    code = "from tinygrad_jp.train import History; print(History([{'epoch': 1, 'val_loss': 0.5}]))"
    others = {k: v for k, v in os.environ.items() if k != "TINYGRAD_JP_LANG" and not k.startswith("LC_")}
    environment = others | {"LANG": "ja_JP.UTF-8", "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", env=environment)
    assert done.stdout.split() == ["エポック", "検証損失", "1", "0.5"], done.stderr

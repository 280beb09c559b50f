"""The code of both READMEs runs, and says what they say; their local links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
READMES = ["README.md", "README.ja.md"]


@pytest.mark.parametrize("name", READMES)
def test_code_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    namespace: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, name, "exec"), namespace)
    assert "220 2.2 110 200" in capsys.readouterr().out
    assert (tmp_path / "apple.svg").stat().st_size > 1000
    assert namespace["accuracy"] > 0.9
    assert namespace["test_accuracy"] > 0.92
    assert (tmp_path / "runs/first/best.safetensors").exists()


@pytest.mark.parametrize("name", READMES)
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / name).read_text(encoding="utf-8"))
    assert len(links) > 8
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_both_languages_have_the_same_code() -> None:
    """Apart from comments and from what is printed."""
    codes = []
    for name in READMES:
        code = "".join(re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL))
        codes.append(re.sub(r" *#.*|^print.*", "", code, flags=re.MULTILINE))
    assert codes[0] == codes[1]


def test_page_of_ops_is_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import make_ops_page

    assert make_ops_page.PAGE.read_text(encoding="utf-8") == make_ops_page.page(), "run python docs/make_ops_page.py"

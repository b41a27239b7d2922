"""The snippets of the pages on results and skeletons run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import poise
from poise.frames import Frame, Media
from poise.results import Results
from poise.skeletons import get

DOCS = Path(__file__).resolve().parents[2] / "docs"


class OnePerson:
    """Stands in for a model: these pages are about what comes out of it."""

    def __call__(self, source: str) -> list[Results]:
        frame = Frame(np.zeros((480, 640, 3), np.uint8), Media(source))
        xy = np.random.default_rng(0).uniform(100, 300, (1, 17, 2))
        return [Results.of(frame, [[100, 50, 300, 450, 0.9, 0]], xy, np.full((1, 17), 0.8))]


@pytest.mark.parametrize("page", ["results.md", "skeletons.md"])
def test_snippets_run(page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(vars(poise), "Pose", OnePerson)
    text = (DOCS / page).read_text(encoding="utf-8")
    scope: dict[str, Any] = {}
    blocks = list(re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    for block in blocks:
        lines_before = "\n" * text.count("\n", 0, block.start(1))
        exec(compile(lines_before + block[1], str(DOCS / page), "exec"), scope)  # noqa: S102  # our own page

    assert blocks
    assert capsys.readouterr().out


def test_toml_of_the_page_is_a_skeleton(tmp_path: Path) -> None:
    text = (DOCS / "skeletons.md").read_text(encoding="utf-8")
    [toml] = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    path = tmp_path / "lamp.toml"
    path.write_text(toml, encoding="utf-8")

    assert get(path).pairs == ((2, 3),)

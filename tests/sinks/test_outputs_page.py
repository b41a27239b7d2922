"""The page about outputs says what is true."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from poise.sinks import _open
from poise.sinks._tables import COLUMNS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "outputs.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("snippet", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_snippet_runs(snippet: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(snippet, {})  # noqa: S102 - our own page

    assert '"skeleton": "coco17"' in capsys.readouterr().out


def test_page_names_every_ending() -> None:
    for ending in _open._ENDINGS.split():
        assert f"{ending}`" in PAGE


def test_page_names_every_column() -> None:
    assert ", ".join(COLUMNS) in PAGE.replace("\n", " ")


def test_importing_the_sinks_loads_no_optional_package() -> None:
    code = "import sys, poise.sinks; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert set(loaded).isdisjoint({"av", "pyarrow", "polars", "cv2", "torch", "onnxruntime"})
    assert "poise" in loaded

"""The reports fit a narrow screen: nothing is cut off at the right, in a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from clip_kit import first_frames

from poise import samples
from poise.cli import main

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Says what is wider than the place that it has.
MEASURE = """<script>addEventListener("load", () => { const wide = []
document.querySelectorAll("*").forEach(e => { if (e.clientWidth && e.scrollWidth > e.clientWidth + 1
  && getComputedStyle(e).display != "inline") wide.push(e.tagName + "." + e.className) })
const root = document.documentElement; if (root.scrollWidth > innerWidth) wide.push("page")
const out = document.createElement("pre"); out.id = "wide"; out.textContent = wide.join(" ")
document.body.append(out) })
</script></body>"""


def wide(page: Path, width: int) -> str:
    """Return what overflows at a width; browsers without a window are 500 pixels wide at least."""
    probe = page.with_name("probe.html")
    probe.write_text(page.read_text(encoding="utf-8").replace("</body>", MEASURE), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900", "--dump-dom"]
    profile = f"--user-data-dir={page.parent / 'profile'}"
    done = subprocess.run(
        [str(BROWSER), *options, profile, "--virtual-time-budget=2000", probe.as_uri()],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    found = re.search(r'<pre id="wide">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs a browser: chromium")
def test_the_report_of_repetitions_fits_a_narrow_screen(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    clip = first_frames(samples.squats, tmp_path / "squats.mp4", 90)
    assert main(["reps", str(clip), "--model", "body-fast", "--report", str(page), "--quiet"]) == 0

    assert wide(page, 500) == ""
    assert wide(page, 1200) == ""

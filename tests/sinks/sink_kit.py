"""Results that the tests of sinks write."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise.frames import Frame, Image, Media
from poise.results import Results

SHARED = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))


def picture(width: int = 64, height: int = 48, shade: int = 0) -> Image:
    """A picture with a gradient, so that no two shades look alike."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :, 0] = np.linspace(0, 200, width, dtype=np.uint8)
    image[:, :, 1] = np.linspace(0, 200, height, dtype=np.uint8)[:, None]
    image[:, :, 2] = shade % 256
    return image


def result(
    n: int = 1,
    *,
    media: Media | None = None,
    frame: int = 0,
    time: float = 0.0,
    image: Image | None = None,
    ids: bool = False,
    **columns: NDArray[np.float32],
) -> Results:
    """N people: box i is (10 + i, 5, 40 + i, 45), keypoint k of it is at (10 + i + k, 5 + k) with conf 0.5."""
    image = picture() if image is None else image
    at = np.arange(n, dtype=np.float32)
    boxes = np.stack([10 + at, 5 + 0 * at, 40 + at, 45 + 0 * at, 0.9 - 0.1 * at, 0 * at], axis=1)
    if ids:
        boxes = np.insert(boxes, 4, at + 1, axis=1)
    k = np.arange(17, dtype=np.float32)
    xy = np.stack([10 + at[:, None] + k, 5 + 0 * at[:, None] + k], axis=-1)
    values = {"xy": xy, "conf": np.full((n, 17), 0.5, np.float32), **columns}
    return Results.of(Frame(image, media or Media("runner.jpg", path="runner.jpg"), frame, time), boxes, **values)


def clip(times: list[float], *, size: tuple[int, int] = (64, 48), media: Media | None = None) -> list[Results]:
    """A clip with a frame at each time."""
    media = media or Media("clip.mp4", "video", 25.0, len(times), None, "clip.mp4")
    return [result(media=media, frame=i, time=t, image=picture(*size, shade=7 * i)) for i, t in enumerate(times)]


def original(result: Results) -> Image:
    """Draw nothing."""
    return result.orig_img


def run_and_kill(code: str, folder: Path) -> None:
    """Run a program that writes results into ``folder`` and ends by SIGKILL, in the middle of its work."""
    here = str(Path(__file__).parent)
    source = str(Path(__file__).resolve().parents[2] / "src")
    head = (
        f"import os, signal, sys\nsys.path[:0] = [{here!r}, {source!r}]\n"
        "from pathlib import Path\nfrom sink_kit import clip, original, result\nfrom poise.sinks import *\n"
        f"folder = Path({str(folder)!r})\n"
    )
    end = "\nos.kill(os.getpid(), signal.SIGKILL)\n"
    done = subprocess.run([sys.executable, "-c", head + code + end], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr

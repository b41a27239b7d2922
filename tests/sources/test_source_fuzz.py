"""Whatever a stranger's file holds: frames, or a SourceError, and nothing else."""

from __future__ import annotations

import io
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_clips import encode, write_video

from poise.errors import SourceError
from poise.sources import open_source

NOISE = np.random.default_rng(5).integers(0, 256, (24, 32, 3), np.uint8)


KINDS = ("JPEG", "PNG", "GIF", "WEBP", "APNG", "TIFF", "BMP", "mp4", "avi", "mkv")


@cache
def sample(kind: str) -> bytes:
    if kind in ("mp4", "avi", "mkv"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"a.{kind}"
            write_video(path, frames=8, size=(32, 32), codec="mpeg4" if kind == "avi" else "libx264")
            return path.read_bytes()
    if kind in ("GIF", "WEBP", "APNG"):
        pages = [PIL.Image.fromarray(np.roll(NOISE, i, 1)) for i in range(3)]
        out = io.BytesIO()
        pages[0].save(out, "PNG" if kind == "APNG" else kind, save_all=True, append_images=pages[1:], duration=50)
        return out.getvalue()
    return encode(NOISE, kind)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_flipped_bits_and_cuts_give_frames_or_a_source_error(kind: str, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(sample(kind))
    for place, bit in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 7)), min_size=1, max_size=12)
    ):
        content[place] ^= 1 << bit
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(content[:cut])

    try:
        for frame in open_source([path], on_error=lambda _: None, prefetch=0, max_pixels=10_000_000):
            assert frame.image.dtype == np.uint8
            assert frame.image.ndim == 3
            assert np.isfinite(frame.time)
    except SourceError:
        pytest.fail("with on_error and a list nothing is raised")

"""Animated GIF, WebP, PNG and AVIF are videos with times of their own."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from source_clips import read

from poise.errors import SourceError
from poise.sources import open_source

shared = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
COLOURS = ["red", "lime", "blue", "white"]


def animated(kind: str, durations: list[int], **options: object) -> bytes:
    pages = [PIL.Image.new("RGB", (40, 30), colour) for colour in COLOURS]
    out = io.BytesIO()
    pages[0].save(out, kind, save_all=True, append_images=pages[1:], duration=durations, loop=0, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
@pytest.mark.parametrize("durations", [[40, 100, 250, 70], [100] * 4])
def test_frames_come_at_the_stated_times(kind: str, durations: list[int]) -> None:
    source = open_source(animated(kind, durations, **({"lossless": True} if kind == "WEBP" else {})))
    frames = list(source)

    assert np.allclose([frame.time for frame in frames], np.cumsum([0, *durations[:-1]]) / 1000)
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.image[5, 5].tolist() for frame in frames] == [[0, 0, 255], [0, 255, 0], [255, 0, 0], [255] * 3]
    media = frames[0].media
    assert all(frame.media is media for frame in frames)
    assert (media.kind, media.frames) == ("video", 4)
    assert media.duration == pytest.approx(sum(durations) / 1000)
    assert media.fps == pytest.approx(4000 / sum(durations))


def test_avif_sequence() -> None:
    if not PIL.features.check("avif"):
        pytest.skip("this Pillow has no AVIF")

    frames = list(open_source(animated("AVIF", [100] * 4)))

    assert [round(frame.time, 3) for frame in frames] == [0.0, 0.1, 0.2, 0.3]
    assert frames[0].media.kind == "video"


def test_frames_without_a_duration_are_shown_for_a_tenth_of_a_second_as_browsers_do() -> None:
    frames = list(open_source(animated("GIF", [0, 10, 20, 0])))

    assert np.allclose([frame.time for frame in frames], [0, 0.1, 0.2, 0.22])


def test_stride() -> None:
    frames = list(open_source(animated("GIF", [50, 60, 70, 80]), vid_stride=2))

    assert [(frame.index, round(frame.time, 3)) for frame in frames] == [(0, 0.0), (2, 0.11)]
    assert frames[1].image[5, 5].tolist() == [255, 0, 0]


def test_still_picture_for_programs_that_do_not_animate_is_no_frame() -> None:
    data = animated("PNG", [100, 200, 300], default_image=True)

    frames = list(open_source(data))

    assert [frame.image[5, 5].tolist() for frame in frames] == [[0, 255, 0], [255, 0, 0], [255] * 3]
    assert np.allclose([frame.time for frame in frames], [0, 0.1, 0.3])


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_one_page_is_a_picture(kind: str, tmp_path: Path) -> None:
    PIL.Image.new("RGB", (8, 8), "red").save(tmp_path / "a", kind)

    (frame,) = open_source(tmp_path / "a")

    assert (frame.media.kind, frame.media.fps) == ("image", 0.0)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_total_and_kind_of_a_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(animated(kind, [50] * 4))
    source = open_source(path, vid_stride=3)
    assert (source.total, source.kind, len(list(source))) == (2, "video", 2)

    PIL.Image.new("RGB", (8, 8), "red").save(path, kind)
    source = open_source(path)
    assert (source.total, source.kind, len(list(source))) == (1, "image", 1)


def test_cut_animation_gives_what_is_there_and_one_report(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pages = [PIL.Image.fromarray(rng.integers(0, 256, (60, 80), np.uint8)) for _ in range(4)]
    out = io.BytesIO()
    pages[0].save(out, "GIF", save_all=True, append_images=pages[1:], duration=50)
    data = out.getvalue()
    (tmp_path / "cut.gif").write_bytes(data[: int(len(data) * 0.6)])

    frames, errors = read(tmp_path / "cut.gif")

    assert len(frames) == 2
    assert len(errors) == 1
    assert "cut.gif: truncated GIF" in errors[0]
    assert "2 of 3 frames were read" in errors[0]


def test_a_real_gif_equals_pillow() -> None:
    path = shared / "data" / "videos" / "people_worker_zone.gif"
    if not path.is_file():
        pytest.skip(f"no shared data at {shared}")

    frames = list(open_source(path))

    assert len(frames) == frames[0].media.frames == 71
    times = [0.0]
    with PIL.Image.open(path) as picture:
        for index, frame in enumerate(frames):
            picture.seek(index)
            assert np.array_equal(frame.image, np.asarray(picture.convert("RGB"))[:, :, ::-1])
            times.append(times[-1] + picture.info["duration"] / 1000)
    assert np.allclose([frame.time for frame in frames], times[:-1])


def test_bad_source_error_is_a_poise_error() -> None:
    with pytest.raises(SourceError, match="GIF"):
        list(open_source(b"GIF89a" + bytes(4)))

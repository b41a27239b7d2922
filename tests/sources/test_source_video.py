"""Video: every frame, upright, at its own time; damage is passed over and told."""

from __future__ import annotations

import gc
import os
import random
from pathlib import Path

import av
import numpy as np
import pytest
from source_clips import bars, corners, encode, quarters, read, write_tone, write_video

from poise.errors import SourceError
from poise.sources import open_source

shared = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    write_video(path, frames=30, options={"movflags": "faststart"})
    return path


@pytest.mark.parametrize("prefetch", [0, 1, 4])
def test_every_frame_once_in_order_with_one_media(clip: Path, prefetch: int) -> None:
    source = open_source(clip, prefetch=prefetch)
    frames = list(source)

    assert bars(frames) == list(range(30))
    assert [frame.index for frame in frames] == list(range(30))
    assert np.allclose([frame.time for frame in frames], np.arange(30) * 0.04, atol=1e-6)
    assert all(frame.media is frames[0].media for frame in frames)
    media = frames[0].media
    assert (media.kind, media.frames, media.audio, media.path) == ("video", 30, False, str(clip))
    assert media.fps == pytest.approx(25, rel=0.02)
    assert media.duration == pytest.approx(1.2, abs=0.05)
    assert (source.total, source.kind, source.live, source.dropped) == (30, "video", False, 0)


def test_stride_keeps_the_index_and_time_of_the_video(clip: Path) -> None:
    source = open_source(clip, vid_stride=7)
    frames = list(source)

    assert bars(frames) == [frame.index for frame in frames] == [0, 7, 14, 21, 28]
    assert frames[2].time == pytest.approx(0.56)
    assert source.total == 5


def test_variable_frame_rate(tmp_path: Path) -> None:
    times = [0, 40, 100, 110, 300, 333, 400, 1000, 1010, 2000]
    write_video(tmp_path / "a.mp4", frames=10, times_ms=times)

    frames, errors = read(tmp_path / "a.mp4")

    assert [round(frame.time * 1000) for frame in frames] == times
    assert errors == []


def test_time_starts_at_the_start_of_the_stream(tmp_path: Path) -> None:
    write_video(tmp_path / "late.mkv", frames=3, times_ms=[5000, 5040, 5100])

    frames, _ = read(tmp_path / "late.mkv")

    assert [round(frame.time, 3) for frame in frames] == [0.0, 0.04, 0.1]


@pytest.mark.parametrize(
    ("rotation", "expected"),
    [
        (0, ["red", "green", "blue", "white"]),
        (90, ["green", "white", "red", "blue"]),  # degrees counterclockwise
        (180, ["white", "blue", "green", "red"]),
        (-90, ["blue", "red", "white", "green"]),
    ],
)
def test_rotation_flag_is_applied(rotation: int, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "turned.mp4"
    write_video(path, frames=4, rotation=rotation)

    frames, _ = read(path)

    assert [corners(frame.image) for frame in frames] == [expected] * 4
    assert frames[0].image.shape == ((64, 48, 3) if rotation in (90, -90) else (48, 64, 3))
    assert frames[0].image.flags.c_contiguous
    with av.open(str(path)) as container:
        plain = next(container.decode(video=0))
        turned = np.rot90(plain.to_ndarray(format="bgr24"), rotation // 90)
    # One grey level: chroma of the turned frame is interpolated along the other axis.
    assert np.abs(frames[0].image.astype(int) - turned).mean() < 1


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((-1, 0, 0, 1), ["green", "red", "white", "blue"]),  # mirrored
        ((1, 0, 0, -1), ["blue", "white", "red", "green"]),  # upside down mirrored
        ((0, 1, 1, 0), ["red", "blue", "green", "white"]),  # transposed
        ((0, -1, -1, 0), ["white", "green", "blue", "red"]),
    ],
)
def test_mirroring_display_matrix_is_applied(
    matrix: tuple[int, int, int, int], expected: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "mirrored.mp4"
    write_video(path, frames=2, rotation=90)
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 4 + 20 + 16  # ISO/IEC 14496-12, 8.3.2: version 0 track header up to its matrix
    one = 1 << 16
    a, b, c, d = (value * one for value in matrix)
    for offset, value in ((0, a), (4, b), (12, c), (16, d)):
        data[place + offset : place + offset + 4] = value.to_bytes(4, "big", signed=True)
    path.write_bytes(data)

    frames, _ = read(path)

    assert corners(frames[0].image) == expected


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.avi", "mpeg4"), ("a.mkv", "libx264"), ("a.webm", "libvpx"), ("a.mov", "libx264"), ("a.ts", "libx264")],
)
def test_other_containers(name: str, codec: str, tmp_path: Path) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    times = [index * 40 for index in range(12)]
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in times:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(quarters(), format="bgr24")))
        container.mux(stream.encode())

    frames, errors = read(tmp_path / name)

    assert [round(frame.time * 1000) for frame in frames] == times
    assert corners(frames[-1].image) == ["red", "green", "blue", "white"]
    assert errors == []


def test_sound_is_noted(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames=5, sound=True)

    assert next(iter(open_source(tmp_path / "a.mp4"))).media.audio


def test_no_video_stream(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "x.mp4"), "w") as container:
        write_tone(container, container.add_stream("aac", rate=8000))

    with pytest.raises(SourceError, match=r"x\.mp4: no video stream \(found: audio aac\)"):
        list(open_source(tmp_path / "x.mp4"))


def test_index_missing(tmp_path: Path) -> None:
    write_video(tmp_path / "cut.mp4")
    data = (tmp_path / "cut.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])

    with pytest.raises(SourceError, match=r"cut\.mp4: truncated video: its index \(moov\) is missing"):
        list(open_source(tmp_path / "cut.mp4"))


def test_cut_short_gives_the_frames_that_are_there_and_one_report(clip: Path) -> None:
    data = clip.read_bytes()
    media = data.index(b"mdat")
    clip.write_bytes(data[: media + (len(data) - media) * 8 // 10])

    frames, errors = read(clip)

    # A frame that is shown before another may be stored behind it, and be cut off alone.
    shown = bars(frames)
    assert shown == sorted(set(shown))
    assert shown[:4] == [0, 1, 2, 3]
    assert 3 < len(frames) < 30
    assert len(errors) == 1
    assert f"{30 - len(frames)} of 30 stated frames are not in the file" in errors[0]


def damage(path: Path, start: float, length: float) -> None:
    """Overwrite part of the pictures of an MP4 file; positions as fractions of its media data."""
    data = bytearray(path.read_bytes())
    media = data.index(b"mdat") + 4
    size = int.from_bytes(data[media - 8 : media - 4], "big") - 8
    first = media + int(size * start)
    data[first : first + int(size * length)] = random.Random(1).randbytes(int(size * length))
    path.write_bytes(data)


def test_damaged_middle_is_passed_over_and_told_once(tmp_path: Path) -> None:
    path = tmp_path / "hurt.mp4"
    write_video(path, frames=60)
    damage(path, 0.4, 0.15)

    frames, errors = read(path)

    assert 30 < len(frames) < 60
    assert [frame.time for frame in frames] == sorted({frame.time for frame in frames})
    assert bars(frames[:10]) == list(range(10))
    assert bars(frames[-5:]) == [55, 56, 57, 58, 59]  # after the next key frame all is well again
    assert len(errors) == 1
    assert "hurt.mp4: damaged video:" in errors[0]
    assert "of 60 packets could not be decoded" in errors[0]
    assert f"{len(frames)} frames were read" in errors[0]


def test_damage_without_on_error_is_a_warning_not_the_loss_of_the_frames(tmp_path: Path) -> None:
    path = tmp_path / "hurt.mp4"
    write_video(path, frames=60)
    damage(path, 0.4, 0.15)

    with pytest.warns(RuntimeWarning, match="damaged video"):
        frames = list(open_source(path))

    assert len(frames) > 30


def test_a_single_damaged_video_is_told_to_on_error(tmp_path: Path) -> None:
    path = tmp_path / "hurt.mp4"
    write_video(path, frames=60)
    damage(path, 0.4, 0.15)
    errors: list[SourceError] = []

    frames = list(open_source(path, on_error=errors.append))

    assert (len(errors), len(frames) > 30) == (1, True)


def test_nothing_decodable_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    write_video(path)
    damage(path, 0.0, 1.0)

    with pytest.raises(SourceError, match=r"noise\.mp4: no frame could be decoded"):
        list(open_source(path))


def test_pixel_limit_holds_for_video(clip: Path) -> None:
    with pytest.raises(SourceError, match="64 x 48 is 3,072 pixels, the limit is 3,071"):
        list(open_source(clip, max_pixels=3071))


def test_no_decoded_frame_waits_for_the_garbage_collector(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames=5, rotation=90)
    gc.collect()
    gc.disable()
    try:
        count = sum(1 for _ in open_source(tmp_path / "a.mp4"))
        left = [thing for thing in gc.get_objects() if isinstance(thing, av.VideoFrame) and thing.width > 16]
    finally:
        gc.enable()

    assert (count, left) == (5, [])


def test_video_among_pictures(clip: Path) -> None:
    frames = list(open_source([quarters(), clip, encode(quarters())]))

    assert [frame.media.kind for frame in frames] == ["image"] + ["video"] * 30 + ["image"]
    assert [frame.index for frame in frames] == [0, *range(30), 0]


def test_a_playlist_under_a_video_name_does_not_reach_for_the_network(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")

    with pytest.raises(SourceError, match=r"a\.mp4"):
        list(open_source(tmp_path / "a.mp4"))


def test_a_list_of_files_under_a_video_name_is_refused(clip: Path) -> None:
    evil = clip.with_name("evil.mp4")
    evil.write_text(f"ffconcat version 1.0\nfile {clip.name}\n")

    with pytest.raises(SourceError, match=r"evil\.mp4: not a video"):
        list(open_source(evil))


def test_real_clips_equal_pyav_in_pixels_and_time() -> None:
    if not shared.is_dir():
        pytest.skip(f"no shared data at {shared}")
    path = shared / "data" / "videos" / "gesture_wave.mp4"

    frames, errors = read(path)

    assert errors == []
    assert len(frames) == 61  # as the data's README states
    with av.open(str(path)) as container:
        for frame, plain in zip(frames, container.decode(video=0), strict=True):
            assert np.array_equal(frame.image, plain.to_ndarray(format="bgr24"))
            assert frame.time == pytest.approx(plain.time, abs=1e-9)

"""Written videos, read back with PyAV."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from sink_kit import SHARED, clip, original, picture, result, run_and_kill

from poise.errors import PoiseError
from poise.frames import Frame, Media
from poise.results import Results
from poise.sinks import AnimationSink, VideoFolderSink, VideoSink, open_sink

av = pytest.importorskip("av")
STEADY = [i / 25 for i in range(30)]
VARIABLE = [0.0, 0.04, 0.05, 0.2, 0.233333, 0.9, 0.91, 1.5]


def times_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


def write(path: Path, results: list[Results], **options: object) -> VideoSink:
    with VideoSink(path, original, **options) as sink:
        for one in results:
            sink.write(one)
    return sink


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".m4v"])
@pytest.mark.parametrize("times", [STEADY, VARIABLE], ids=["steady", "variable"])
def test_frames_keep_their_times(tmp_path: Path, ending: str, times: list[float]) -> None:
    write(tmp_path / f"a{ending}", clip(times))

    assert times_of(tmp_path / f"a{ending}") == pytest.approx(times, abs=1 / 90_000)


def test_matroska_keeps_times_to_the_millisecond(tmp_path: Path) -> None:
    write(tmp_path / "a.mkv", clip(VARIABLE))

    assert times_of(tmp_path / "a.mkv") == pytest.approx(VARIABLE, abs=0.001)  # its clock


def test_browsers_can_play_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write(path, clip(STEADY))

    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
        assert codec.profile in ("Constrained Baseline", "Baseline", "Main", "High")
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert b"moof" not in data


@pytest.mark.parametrize(
    ("times", "stated", "expected"),
    [(STEADY, 1.2, 1.2), (VARIABLE, 1.6, 1.6), (STEADY, None, 1.2), (STEADY, 60.0, 1.2)],
    ids=["stated", "stated, variable", "not stated", "stopped early"],
)
def test_last_frame_lasts_as_long_as_in_the_source(
    tmp_path: Path, times: list[float], stated: float | None, expected: float
) -> None:
    write(tmp_path / "a.mp4", clip(times, media=Media("c.mp4", "video", 25.0, None, stated)))

    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.duration / av.time_base == pytest.approx(expected, abs=1e-3)


def test_strided_video_keeps_its_duration(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", clip(STEADY)[::3])

    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.duration / av.time_base == pytest.approx(1.2, abs=1e-3)


def test_colours_survive(tmp_path: Path) -> None:
    image = np.empty((48, 64, 3), np.uint8)
    image[:] = (30, 90, 200)
    write(tmp_path / "a.mp4", [result(image=image, media=Media("c", "video", 25.0))])

    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = next(container.decode(video=0))
        read = frame.reformat(format="bgr24", src_colorspace="ITU709").to_ndarray()
    assert frame.colorspace == 1  # BT.709
    assert np.abs(read.astype(int) - image).max() <= 4  # limited-range YUV and a lossy codec


@pytest.mark.parametrize("size", [(63, 47), (1, 1), (64, 47)])
def test_odd_sizes_become_even(tmp_path: Path, size: tuple[int, int]) -> None:
    write(tmp_path / "a.mp4", clip(STEADY[:3], size=size))

    with av.open(str(tmp_path / "a.mp4")) as container:
        frames = [f.to_ndarray(format="bgr24") for f in container.decode(video=0)]
    assert len(frames) == 3
    assert frames[0].shape[:2] == (size[1] + size[1] % 2, size[0] + size[0] % 2)


def test_huge_pictures_are_made_smaller(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", [result(image=np.zeros((1200, 8000, 3), np.uint8))])

    with av.open(str(tmp_path / "a.mp4")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (4096, 614)


def test_frame_of_another_size_is_fitted_into_the_first(tmp_path: Path) -> None:
    white = np.full((48, 24, 3), 255, np.uint8)
    write(tmp_path / "a.mp4", [result(image=picture()), result(image=white)])

    with av.open(str(tmp_path / "a.mp4")) as container:
        second = [f.to_ndarray(format="bgr24") for f in container.decode(video=0)][1]
    assert second.shape == (48, 64, 3)
    assert second[24, 32].min() > 240  # the picture in the middle
    assert second[24, 4].max() < 16  # black beside it


def test_pictures_follow_each_other_at_the_given_rate(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", [result(media=Media(f"{i}.jpg")) for i in range(3)], fps=2.0)

    assert times_of(tmp_path / "a.mp4") == pytest.approx([0.0, 0.5, 1.0])


def test_times_that_run_backwards_are_put_in_order(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", clip([0.0, 0.04, 0.02, 0.08, float("nan"), 0.12]))

    times = times_of(tmp_path / "a.mp4")
    assert len(times) == 6
    assert times == sorted(set(times))


def test_live_stream_begins_at_zero_and_runs_in_real_time(tmp_path: Path) -> None:
    media = Media("camera 0", "stream", 30.0)
    write(tmp_path / "a.mp4", clip([7.0, 7.1, 7.9], media=media))

    assert times_of(tmp_path / "a.mp4") == pytest.approx([0.0, 0.1, 0.9], abs=1e-4)


def test_next_video_begins_a_new_file(tmp_path: Path) -> None:
    both = clip(STEADY[:5]) + clip(STEADY[:7])

    sink = write(tmp_path / "a.mp4", both)

    assert [p.name for p in sink.paths] == ["a.mp4", "a-2.mp4"]
    assert [len(times_of(p)) for p in sink.paths] == [5, 7]


def test_streams_side_by_side_have_a_file_each(tmp_path: Path) -> None:
    one, two = Media("camera 0", "stream", 30.0), Media("camera 1", "stream", 30.0)
    with VideoFolderSink(tmp_path, original) as sink:
        for i in range(6):
            sink.write(result(media=(one, two)[i % 2], frame=i // 2, time=i / 60))

    assert sorted(p.name for p in sink.paths) == ["camera_0.mp4", "camera_1.mp4"]
    assert [len(times_of(p)) for p in sink.paths] == [3, 3]


def sounding(path: Path, codec: str = "aac", seconds: float = 2.0, fps: int = 25, sound: float | None = None) -> Media:
    """A clip with a tone of ``sound`` seconds; else the tone outlasts the picture a little."""
    with av.open(str(path), "w") as out:
        video, audio = out.add_stream("libx264", rate=fps), out.add_stream(codec, rate=44_100, layout="mono")
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for i in range(int(seconds * fps)):
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture(shade=i), format="bgr24")))
        kind = audio.codec_context.format.name
        for i in range(round((sound or seconds + 0.05) * 44_100 / 1024)):
            wave = np.sin(np.arange(i * 1024, (i + 1) * 1024) / 20)
            wave = wave.astype(np.float32) if kind.startswith("flt") else (wave * 9000).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(wave[None], format=kind, layout="mono")
            frame.sample_rate, frame.pts = 44_100, i * 1024
            out.mux(audio.encode(frame))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))
    return Media(str(path), "video", fps, None, seconds, str(path), True)


def sound_of(path: Path) -> list[tuple[int, bytes]]:
    with av.open(str(path)) as container:
        return [(p.pts, bytes(p)) for p in container.demux(audio=0) if p.dts is not None]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_sound_is_copied_packet_by_packet(tmp_path: Path, ending: str, stride: int) -> None:
    media = sounding(tmp_path / f"source{ending}")
    results = clip([i / 25 for i in range(50)], media=media)[::stride]

    sink = write(tmp_path / f"a{ending}", results)

    assert sink.notes == []
    copied, source = sound_of(tmp_path / f"a{ending}"), sound_of(Path(media.path))
    if ending == ".mkv":
        source = source[1:]  # the encoder's run-in before the first frame: Matroska has no time below zero
    assert [data for _, data in copied] == [data for _, data in source]
    if ending == ".mp4":
        assert [t for t, _ in copied] == [t for t, _ in source]
    assert times_of(tmp_path / f"a{ending}") == pytest.approx([r.time for r in results], abs=0.001)


def test_sound_ends_where_the_picture_was_stopped(tmp_path: Path) -> None:
    media = sounding(tmp_path / "source.mp4", seconds=4.0)

    write(tmp_path / "a.mp4", clip([i / 25 for i in range(25)], media=media))

    with av.open(str(tmp_path / "a.mp4")) as container:
        audio = container.streams.audio[0]
        assert float(audio.duration * audio.time_base) == pytest.approx(1.0, abs=0.05)  # two packets


def test_damaged_sound_costs_no_picture(tmp_path: Path) -> None:
    media = sounding(tmp_path / "source.mkv", seconds=2.0)
    data = bytearray(Path(media.path).read_bytes())
    data[len(data) // 3 :] = bytes(len(data) - len(data) // 3)
    Path(media.path).write_bytes(data)

    write(tmp_path / "a.mp4", clip([i / 25 for i in range(50)], media=media))

    assert len(times_of(tmp_path / "a.mp4")) == 50


def test_sound_shorter_than_the_picture_is_kept_whole(tmp_path: Path) -> None:
    media = sounding(tmp_path / "source.mp4", seconds=3.0, sound=0.5)

    write(tmp_path / "a.mp4", clip([i / 25 for i in range(75)], media=media))

    assert sound_of(tmp_path / "a.mp4") == sound_of(Path(media.path))
    assert len(times_of(tmp_path / "a.mp4")) == 75


def test_sound_that_mp4_cannot_hold_is_left_out_with_a_note(tmp_path: Path) -> None:
    media = sounding(tmp_path / "source.mkv", "pcm_s16le")

    sink = write(tmp_path / "a.mp4", clip(STEADY, media=media))

    assert len(times_of(tmp_path / "a.mp4")) == 30
    assert "sound (pcm_s16le) left out" in sink.notes[0]


def test_sound_that_cannot_be_opened_is_left_out_with_a_note(tmp_path: Path) -> None:
    media = Media("gone.mp4", "video", 25.0, path=str(tmp_path / "gone.mp4"), audio=True)

    sink = write(tmp_path / "a.mp4", clip(STEADY, media=media))

    assert len(times_of(tmp_path / "a.mp4")) == 30
    assert "sound left out" in sink.notes[0]


@pytest.mark.parametrize("name", ["hold_plank_gym.mp4", "mocap_walk_side.mp4", "squat_barbell_side.mp4"])
def test_real_clips_keep_frames_times_and_sound(tmp_path: Path, name: str) -> None:
    path = SHARED / "data" / "videos" / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    with av.open(str(path)) as source:
        track = source.streams.video[0]
        sound = bool(source.streams.audio)
        media = Media(str(path), "video", float(track.average_rate), None, None, str(path), sound)
        times = [frame.time - track.start_time * track.time_base for frame in source.decode(track)]

    write(tmp_path / "a.mp4", clip(times, media=media))

    assert times_of(tmp_path / "a.mp4") == pytest.approx(times, abs=1 / 90_000)
    if sound:
        assert [d for _, d in sound_of(tmp_path / "a.mp4")] == [d for _, d in sound_of(path)]


@pytest.mark.parametrize(("ending", "sound"), [(".mp4", None), (".mp4", 0.4), (".mkv", None)])
def test_killed_run_leaves_the_frames_before(tmp_path: Path, ending: str, sound: float | None) -> None:
    media = sounding(tmp_path / "source.mp4", sound=sound)
    code = (
        f"from poise.frames import Media\nmedia = Media('s.mp4', 'video', 25.0, None, 2.0, {media.path!r}, True)\n"
        f"sink = VideoSink(folder / 'a{ending}', original)\n"
        "for one in clip([i / 25 for i in range(45)], media=media): sink.write(one)\n"
    )

    run_and_kill(code, tmp_path)

    frames = []
    with av.open(str(tmp_path / f"a{ending}")) as container:
        try:
            for frame in container.decode(video=0):
                frames.append(frame.time)
        except av.FFmpegError:
            pass  # the frame that was being written
    # Four wait in the queue, one is drawn, one waits for its duration; Matroska gathers 0.2 s, which are five.
    # Without sound to wait for, another half second of pictures waits.
    assert len(frames) >= 45 - (7 if ending == ".mp4" else 12) - (13 if sound else 0)
    assert frames == pytest.approx(STEADY[:1] + [i / 25 for i in range(1, len(frames))], abs=0.001)


def test_interrupted_run_leaves_every_frame(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "a.mp4", original)

    def interrupted() -> None:
        with sink:
            for one in clip(STEADY[:20]):
                sink.write(one)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert len(times_of(tmp_path / "a.mp4")) == 20


def test_existing_video_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"precious")

    with pytest.raises(PoiseError, match=r"a\.mp4: exists already; .*overwrite=True"):
        VideoSink(path, original)
    assert path.read_bytes() == b"precious"

    write(path, clip(STEADY), overwrite=True)
    assert len(times_of(path)) == 30


def test_error_while_drawing_reaches_the_caller(tmp_path: Path) -> None:
    def broken(_: Results) -> np.ndarray:
        raise RuntimeError("no pen")

    sink = VideoSink(tmp_path / "a.mp4", broken)
    sink.write(result())

    with pytest.raises(RuntimeError, match="no pen"):
        sink.close()


def test_writer_that_stays_behind_holds_the_caller_back(tmp_path: Path) -> None:
    import threading

    gate, drawn = threading.Event(), []

    def slow(one: Results) -> np.ndarray:
        gate.wait(5)
        drawn.append(one.frame)
        return one.orig_img

    frames = iter(clip(STEADY))
    sink = VideoSink(tmp_path / "a.mp4", slow)
    feeder = threading.Thread(target=lambda: [sink.write(one) for one in frames])
    feeder.start()
    feeder.join(0.1)
    taken = 30 - len(list(frames))

    gate.set()
    feeder.join(5)
    sink.close()
    assert taken <= 7  # four in the queue, one being drawn, one in the feeder's hand


def test_full_disk_is_named_and_the_video_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from poise.sinks import _videofile

    written = 0

    def write_all(stream: object, data: bytes) -> None:
        nonlocal written
        room = max(0, 20_000 - written)
        stream.write(data[:room])  # type: ignore[attr-defined]
        written += len(data[:room])
        if room < len(data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_videofile, "write_all", write_all)
    rng = np.random.default_rng(0)
    media = Media("c.mp4", "video", 25.0)

    with pytest.raises(PoiseError, match=r"a\.mp4: cannot be written: the disk is full"):
        write(
            tmp_path / "a.mp4",
            [
                result(media=media, frame=i, time=i / 25, image=rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))
                for i in range(60)
            ],
        )

    times = times_of(tmp_path / "a.mp4")
    assert len(times) >= 3
    assert times == pytest.approx([i / 25 for i in range(len(times))])


def test_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").mkdir()

    with pytest.raises(PoiseError, match="is a folder"):
        VideoSink(tmp_path / "a.mp4", original)


def test_missing_pyav_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "av", None)

    with pytest.raises(PoiseError, match=r"writing \.mp4 needs av; run: pip install '\S*\[video\]'"):
        VideoSink(tmp_path / "a.mp4")


def test_unknown_ending_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.mp4, \.m4v, \.mov, \.mkv, got '\.avi'"):
        VideoSink(tmp_path / "a.avi")


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_animation_has_the_frames_and_durations(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    with open_sink(path, render=original) as sink:
        for one in clip([0.0, 0.04, 0.2, 0.5, 0.6]):
            sink.write(one)

    with PIL.Image.open(path) as animation:
        durations, shades = [], []
        for i in range(animation.n_frames):
            animation.seek(i)
            animation.load()
            durations.append(animation.info["duration"])
            shades.append(np.asarray(animation.convert("RGB"))[24, 32, 0])
    assert durations == [40, 160, 300, 100, 100]
    assert np.abs(np.array(shades, dtype=int) - [0, 7, 14, 21, 28]).max() <= 12  # 256 colours, or a lossy codec


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_killed_animation_holds_the_frames_before(tmp_path: Path, ending: str) -> None:
    code = (
        f"sink = AnimationSink(folder / 'a{ending}', original)\n"
        "for one in clip([i / 25 for i in range(30)]): sink.write(one)\n"
    )

    run_and_kill(code, tmp_path)

    with PIL.Image.open(tmp_path / f"a{ending}") as animation:
        assert (
            animation.n_frames >= 30 - 7
        )  # four in the queue, one drawn, one waiting for its duration, one half written


def test_webp_of_a_picture_is_a_still(tmp_path: Path) -> None:
    with open_sink(tmp_path / "a.webp", render=original) as sink:
        sink.write(Results.of(Frame(picture(), Media("a.jpg"))))

    with PIL.Image.open(tmp_path / "a.webp") as still:
        assert (still.format, still.is_animated) == ("WEBP", False)


def test_animation_refuses_other_endings(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.gif or \.webp"):
        AnimationSink(tmp_path / "a.apng")


def test_name_that_is_not_utf8(tmp_path: Path) -> None:
    import os
    import sys

    if sys.platform != "linux":
        pytest.skip("only Linux has such names")
    path = tmp_path / os.fsdecode(b"caf\xe9.mp4")

    write(path, clip(STEADY))

    path.rename(tmp_path / "a.mp4")
    assert len(times_of(tmp_path / "a.mp4")) == 30


def test_fragments_stay_where_there_is_no_room_for_the_plain_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from poise.sinks import _videofile

    def full(av: object, source: Path, target: Path, kind: str) -> None:
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_videofile, "_remux", full)

    sink = write(tmp_path / "a.mp4", clip(VARIABLE))

    assert times_of(tmp_path / "a.mp4") == pytest.approx(VARIABLE, abs=1 / 90_000)
    assert "kept in fragments" in sink.notes[0]
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]

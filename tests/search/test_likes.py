"""What is looked for: pictures, frames, stretches of video, files of poses and taught gestures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pose_tables import bodies, write_people
from search_kit import pictures, result

from poise import Pose, Results
from poise.errors import FormatError, SourceError
from poise.gestures import learn_shapes, write_shapes
from poise.search import Like, read_like, search
from poise.sinks import open_sink
from poise.skeletons import get

ASSETS = Path(__file__).parents[1] / "assets"
CLIP = ASSETS / "clip.mp4"


@pytest.fixture(scope="module")
def fast() -> Pose:
    return Pose("body-fast", threads=1)


def refuse() -> Pose:
    raise AssertionError("no model is needed")


def test_a_picture_is_looked_at_three_times(fast: Pose, photo: Path) -> None:
    once = read_like(photo, model=lambda: fast, looks=False)
    thrice = read_like(photo, model=lambda: fast)

    assert len(once) == 1
    assert len(thrice) == 3
    assert thrice.person.tolist() == [0, 0, 0]
    np.testing.assert_allclose(thrice.embedding[0], once.embedding[0])
    # The turned looks lie in the picture as the first does.
    first = thrice.embedding[0, -1]
    assert np.abs(np.rad2deg(thrice.embedding[1:, -1] - first)).max() < 10
    assert len(thrice.pictures) == 1


def test_the_pose_of_a_picture_is_found_in_itself(fast: Pose, photo: Path, tmp_path: Path) -> None:
    found = fast.predict(str(photo), verbose=False)
    xy = np.concatenate([np.asarray(found[0].keypoints.xy)[:1], bodies(100)])
    index = pictures(xy)

    hits = search(index, read_like(photo, model=lambda: fast), top=1)

    assert (hits[0].source, hits[0].distance < 0.01) == ("0.jpg", True)


def test_a_frame_of_a_video_is_taken_at_its_time(fast: Pose) -> None:
    pytest.importorskip("av")

    like = read_like(f"{CLIP}@0.5", model=lambda: fast, looks=False)

    assert like.pictures[0][0].time == pytest.approx(0.5, abs=0.06)


def test_a_stretch_of_a_video_is_a_movement(fast: Pose) -> None:
    pytest.importorskip("av")

    like = read_like(f"{CLIP}@0.2-1", model=lambda: fast, window=True)

    assert like.times[0] == 0
    assert like.times[-1] == pytest.approx(0.8, abs=0.15)
    assert len(like) == len(like.times) == len(like.pictures)


@pytest.mark.parametrize(
    ("text", "window", "said"),
    [
        (f"{CLIP}", False, "say which moment of it, such as .*@12.5"),
        (f"{CLIP}@0.2-1", False, "a stretch of time is a movement; add --window"),
        (f"{CLIP}@0.5", True, r"a movement is a stretch of a video, such as clip\.mp4@10-12"),
        (f"{CLIP}@0.2-0.3", True, "a movement lasts 0.3 s or more"),
        ("set.toml", False, r"say which gesture of the set, such as set\.toml:NAME"),
    ],
)
def test_what_is_unclear_is_asked_back(text: str, window: bool, said: str, fast: Pose) -> None:
    with pytest.raises(ValueError, match=said):
        read_like(text, model=lambda: fast, window=window)


def test_a_time_beyond_the_end_is_told(fast: Pose) -> None:
    pytest.importorskip("av")
    with pytest.raises(SourceError, match=r"nothing at 500 s: it lasts"):
        read_like(f"{CLIP}@500", model=lambda: fast)


def test_a_picture_without_people_is_told(fast: Pose, tmp_path: Path) -> None:
    import PIL.Image

    PIL.Image.new("RGB", (200, 200), "white").save(tmp_path / "empty.png")

    with pytest.raises(ValueError, match=r"empty\.png: nobody was found in it"):
        read_like(tmp_path / "empty.png", model=lambda: fast)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_a_file_of_poses_needs_no_model(ending: str, tmp_path: Path) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    xy = bodies(6)
    with open_sink(tmp_path / f"poses.{ending}") as sink:
        for i in range(3):
            sink.write(result(xy[2 * i : 2 * i + 2], source="v", frame=i, time=i / 10))

    first = read_like(tmp_path / f"poses.{ending}", model=refuse)
    later = read_like(f"{tmp_path}/poses.{ending}@0.19", model=refuse)

    assert len(first) == len(later) == 2
    assert search(pictures(xy), first, top=1)[0].row in (0, 1)
    assert search(pictures(xy), later, top=1)[0].row in (4, 5)


def test_a_person_is_chosen_by_size(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    small, large = bodies(2)
    xy = np.stack([(small - 500) * 0.1 + 500, large * 2])
    path = write_people(tmp_path / "a.parquet", xy, source=["a", "a"], instance=np.arange(2, dtype=np.int32))

    assert search(pictures(xy), read_like(path, person=1, model=refuse), top=1)[0].row == 1
    assert search(pictures(xy), read_like(path, person=2, model=refuse), top=1)[0].row == 0
    with pytest.raises(ValueError, match=r"a\.parquet: person must be from 1 \(the largest\) to 2, got 3"):
        read_like(path, person=3, model=refuse)


def test_who_shows_too_little_is_not_looked_for() -> None:
    xy = bodies(2)
    conf = np.ones((2, 17))
    conf[0, 3:] = 0

    assert len(Like.of(result(xy, conf))) == 1
    with pytest.raises(ValueError, match="nobody in it shows enough of a pose"):
        Like.of(result(xy[:1], conf[:1]))


def test_a_name_with_an_at_sign_is_a_file(fast: Pose, photo: Path, tmp_path: Path) -> None:
    named = tmp_path / "pose@12"
    named.write_bytes(photo.read_bytes())

    assert len(read_like(named, model=lambda: fast, looks=False)) == 1


def shapes(tmp_path: Path, skeleton: str = "coco17") -> Path:
    rng = np.random.default_rng(0)
    base = bodies(50)[:2] if skeleton == "coco17" else rng.uniform(0, 200, (2, 21, 2))
    examples = [
        (name, xy + rng.normal(0, 1, xy.shape), None) for name, xy in zip("ab", base, strict=True) for _ in range(6)
    ]
    taught = learn_shapes("own", get(skeleton), examples)
    return write_shapes(taught, tmp_path / "own.toml")


def test_a_taught_gesture_of_bodies_is_looked_for_by_its_examples(tmp_path: Path) -> None:
    path = shapes(tmp_path)

    hits = search(pictures(bodies(50)), read_like(f"{path}:b", model=refuse), top=1)

    assert (hits[0].source, hits[0].distance < 0.1) == ("1.jpg", True)


@pytest.mark.parametrize(
    ("skeleton", "name", "error", "said"),
    [
        ("coco17", "c", ValueError, "no gesture named 'c'"),
        ("hand21", "a", FormatError, "holds measures of hands, from which no pose can be drawn"),
    ],
)
def test_what_a_set_does_not_hold_is_told(
    skeleton: str, name: str, error: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said):
        read_like(f"{shapes(tmp_path, skeleton)}:{name}", model=refuse)


def test_a_set_of_definitions_holds_no_poses() -> None:
    body = Path(__file__).parents[2] / "src/poise/gestures/sets/body.toml"

    with pytest.raises(FormatError, match=r"body\.toml: holds no poses, but what gestures are told by"):
        read_like(f"{body}:hand_raised", model=refuse)


def test_looks_that_see_nobody_leave_the_first() -> None:
    class Blind:
        def predict(self, *_: Any, **__: Any) -> list[Results]:
            return [result(np.empty((0, 17, 2)))]

    like = Like.of(result(bodies(1)), model=Blind())  # type: ignore[arg-type]

    assert len(like) == 1

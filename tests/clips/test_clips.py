"""A whole clip as columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poise.clips import Clip
from poise.errors import FormatError
from poise.frames import Frame, Media
from poise.results import Results
from poise.skeletons import get

MEDIA = Media("walk.mp4", "video", 25.0)
PICTURE = np.zeros((90, 160, 3), np.uint8)


def result(frame: int, ids: list[int] | None, *, x: float = 10.0, count: int | None = None) -> Results:
    n = len(ids) if ids is not None else count or 0
    box = [[x + 20 * i, 10.0, x + 20 * i + 15, 50.0] for i in range(n)]
    rows = [[*b, *([] if ids is None else [ids[i]]), 0.9, 0] for i, b in enumerate(box)]
    xy = np.full((n, 17, 2), x, np.float32) + np.arange(n)[:, None, None]
    return Results.of(Frame(PICTURE, MEDIA, frame, frame / 25), rows, xy, np.full((n, 17), 0.8))


def test_a_row_belongs_to_its_id_whatever_its_place_in_the_frame() -> None:
    clip = Clip.of([result(0, [3, 7]), result(1, [7, 3]), result(2, [7])])

    assert clip.ids.tolist() == [3, 7]
    assert clip.xy[:, :, 0, 0].tolist()[1] == [11.0, 10.0, 10.0]
    assert np.isnan(clip.xy[0, 2]).all()
    assert clip.present.tolist() == [[True, True, False], [True, True, True]]


def test_one_instance_a_frame_without_ids_is_id_one() -> None:
    clip = Clip.of([result(0, None, count=1), result(1, None, count=0), result(2, None, count=1)])

    assert clip.ids.tolist() == [1]
    assert clip.present.tolist() == [[True, False, True]]


def test_several_instances_without_ids_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="frame 1 has 2 instances without ids; track them first"):
        Clip.of([result(0, None, count=1), result(1, None, count=2)])


def test_results_come_back_as_they_went_in() -> None:
    clip = Clip.of([result(0, [1, 2]), result(4, [2], x=30.0), result(5, [])])

    again = Clip.of(clip.results())

    for name in ("times", "frames", "ids", "boxes", "box_conf", "xy", "conf", "sigma"):
        assert np.array_equal(getattr(again, name), getattr(clip, name), equal_nan=True), name
    assert again.size == (160, 90)


def test_a_frame_that_the_clip_lacks_gives_a_result_without_instances() -> None:
    clip = Clip.of([result(0, [1]), result(2, [1])])

    found = list(clip.results(Frame(PICTURE, MEDIA, i, i / 25) for i in range(3)))

    assert [len(r) for r in found] == [1, 0, 1]


def test_points_without_a_box_get_their_extent() -> None:
    clip = Clip.of([result(0, [1])])
    bare = clip.replace(boxes=np.full((1, 1, 4), np.nan))

    (back,) = bare.results()

    assert back.boxes.xyxy.tolist() == [[10.0, 10.0, 10.0, 10.0]]


def test_a_saved_clip_reads_back_the_same(tmp_path: Path) -> None:
    clip = Clip.of([result(0, [1, 2]), result(1, [2])])

    again = Clip.load(clip.save(tmp_path / "walk.npz"))

    assert np.array_equal(again.xy, clip.xy, equal_nan=True)
    assert (again.source, again.fps, again.size) == ("walk.mp4", 25.0, (160, 90))
    assert again.skeleton is get("coco17")


def test_a_file_that_is_no_clip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, a=np.zeros(3))

    with pytest.raises(FormatError, match=r"x\.npz: not a saved clip"):
        Clip.load(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"not there\.npz: there is no such file; Clip\.save writes one"):
        Clip.load(tmp_path / "not there.npz")


def test_a_pickle_in_disguise_is_never_run(tmp_path: Path) -> None:
    path = tmp_path / "evil.npz"
    np.savez(path, size=np.array([print], dtype=object))

    with pytest.raises(FormatError):
        Clip.load(path)


@pytest.mark.parametrize(
    ("results", "what"),
    [
        ([], "a clip needs results, got none"),
        ([result(1, [1]), result(0, [1])], "must increase"),
        ([result(0, [1, 1])], "an id is twice in frame 0"),
    ],
)
def test_what_cannot_be_one_clip_is_refused(results: list[Results], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Clip.of(results)


def test_columns_are_read_only() -> None:
    clip = Clip.of([result(0, [1])])

    with pytest.raises(ValueError, match="read-only"):
        clip.xy[0, 0, 0, 0] = 1.0


def test_an_id_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(KeyError, match=r"no id 9 in walk\.mp4; known: 1, 2"):
        Clip.of([result(0, [1, 2])]).row(9)

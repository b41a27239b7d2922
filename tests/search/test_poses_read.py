"""Poses are read from what Poise wrote, and strangers' files cost one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pose_tables import bodies, person_table, write_people
from search_kit import result

from poise.errors import FormatError
from poise.search import Like, PoseIndex, search
from poise.search import keypoints as keypoints_
from poise.search import lines as lines_
from poise.search import tables as tables_
from poise.search.reading import find_files, read_poses
from poise.sinks import open_sink
from poise.skeletons import Skeleton, get

pytest.importorskip("pyarrow")


def frames(count: int = 4, people: int = 3) -> list[Any]:
    xy = bodies(count * people).reshape(count, people, 17, 2)
    xy[0, 0, 9] = np.nan
    conf = np.random.default_rng(0).uniform(0.1, 1, (count, people, 17))
    ids = range(1, people + 1)
    return [result(xy[i], conf[i], source="clip.mp4", frame=i, time=i / 10, ids=list(ids)) for i in range(count)]


def same(a: PoseIndex, b: PoseIndex, *, atol: float = 0.02) -> None:
    assert a.sources == b.sources
    for name in ("source", "frame", "time", "instance", "id"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), err_msg=name)
    rows = np.arange(len(a))
    for found, wanted in zip(a.points(rows), b.points(rows), strict=True):
        np.testing.assert_allclose(found, wanted, atol=atol)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_what_predict_writes_is_what_is_read(ending: str, tmp_path: Path) -> None:
    results = frames()
    with open_sink(tmp_path / f"poses.{ending}") as sink:
        for one in results:
            sink.write(one)

    index = PoseIndex.read(tmp_path / f"poses.{ending}")

    same(index, PoseIndex.of(results))


def test_a_batchs_rows_are_read_with_or_without_metadata(tmp_path: Path) -> None:
    xy, conf = bodies(6), np.random.default_rng(0).uniform(0.3, 1, (6, 17))
    one = write_people(tmp_path / "one.parquet", xy, conf)
    two = write_people(tmp_path / "two.parquet", xy, conf, metadata=False)

    same(PoseIndex.read(one), PoseIndex.read(two))
    assert PoseIndex.read(one).sources == [f"{i}.jpg" for i in range(6)]
    np.testing.assert_allclose(PoseIndex.read(one).points(np.array([3]))[0][0], xy[3], atol=0.02)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("rows", [5, 17, 40])
def test_instances_that_are_cut_by_what_is_read_at_a_time_are_put_together(
    ending: str, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = frames()
    with open_sink(tmp_path / f"poses.{ending}") as sink:
        for one in results:
            sink.write(one)
    monkeypatch.setattr(tables_, "_READ_ROWS", rows)
    monkeypatch.setattr(lines_, "_READ_ROWS", rows)

    same(PoseIndex.read(tmp_path / f"poses.{ending}"), PoseIndex.of(results))


def test_one_person_of_a_network_of_ones_own(tmp_path: Path) -> None:
    box = Skeleton("box", ("a", "b", "c", "d"))
    with open_sink(tmp_path / "poses.csv") as sink:
        sink.write(result([[[0, 0], [10, 0], [10, 10], [0, 12]]], skeleton=box))

    index = PoseIndex.read(tmp_path / "poses.csv")

    assert index.layout.points == ("a", "b", "c", "d")
    assert len(index) == 1


def test_bodies_of_two_networks_share_an_index(tmp_path: Path) -> None:
    xy, other = bodies(2), get("blazepose33")
    more = get("coco17").convert(np.concatenate([xy, np.ones((2, 17, 1))], axis=-1), other)
    write_people(tmp_path / "a.parquet", xy)
    write_people(tmp_path / "b.parquet", more[..., :2], more[..., 2], skeleton=other)

    index = PoseIndex.read(tmp_path)

    points, _ = index.points(np.arange(4))
    np.testing.assert_allclose(points[:2], points[2:], atol=0.01)


def test_hands_among_bodies_are_refused_by_name(tmp_path: Path) -> None:
    write_people(tmp_path / "a.parquet", bodies(2))
    write_people(tmp_path / "b.parquet", np.random.default_rng(0).uniform(0, 99, (2, 21, 2)), skeleton=get("hand21"))

    with pytest.raises(FormatError, match=r"b\.parquet: poses of hand21, and .*a\.parquet has some of coco17"):
        PoseIndex.read(tmp_path)


def test_a_folder_gives_its_best_format_and_no_unfinished_work(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("deep/b.parquet", "a.parquet", "c.jsonl", ".d.parquet", "e.txt"):
        (tmp_path / name).write_bytes(b"")

    assert find_files([tmp_path]) == [tmp_path / "a.parquet", tmp_path / "deep/b.parquet"]
    assert find_files([tmp_path / "c.jsonl"]) == [tmp_path / "c.jsonl"]


def test_places_without_poses_are_told(tmp_path: Path) -> None:
    (tmp_path / "e.txt").write_bytes(b"")

    with pytest.raises(FormatError, match="no poses in it"):
        find_files([tmp_path])
    with pytest.raises(FormatError, match=r"e\.txt: poses are read from \.parquet, \.jsonl, \.csv"):
        find_files([tmp_path / "e.txt"])
    with pytest.raises(FileNotFoundError):
        find_files([tmp_path / "gone"])


def test_one_bad_file_costs_one_line(tmp_path: Path) -> None:
    write_people(tmp_path / "a.parquet", bodies(2))
    (tmp_path / "b.parquet").write_bytes(b"PAR1 and nothing more")
    told: list[Exception] = []

    index = PoseIndex.read(tmp_path, on_error=told.append)

    assert len(index) == 2
    assert ["b.parquet" in str(error) for error in told] == [True]
    with pytest.raises(FormatError, match=r"b\.parquet: cannot be read as Parquet"):
        PoseIndex.read(tmp_path)


def test_frames_without_people_leave_nothing_to_search(tmp_path: Path) -> None:
    with open_sink(tmp_path / "a.jsonl") as sink:
        sink.write(result(np.empty((0, 17, 2))))

    with pytest.raises(FormatError, match="nobody was found in it"):
        PoseIndex.read(tmp_path / "a.jsonl")


def broken(**columns: Any) -> Any:
    """Return a table with other columns in it; None leaves one out."""
    import pyarrow as pa

    table = person_table(bodies(3))
    for name, column in columns.items():
        at = table.schema.get_field_index(name)
        table = table.remove_column(at) if column is None else table.set_column(at, name, pa.array(column))
    return table


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"source": [1, 2, 3]}, "the column source must hold text, got int64"),
        ({"source": ["a", None, "c"]}, "the column source must say something in each row"),
        ({"source": ["a", "b" * 100_000, "c"]}, "a source of 100,000 characters"),
        ({"frame": ["a", "b", "c"]}, "the column frame must hold numbers, got string"),
        ({"x1": [[1], [2], [3]]}, "the column x1 must hold numbers"),
        ({"xy": [[1.0], [2.0], [3.0]]}, "the column xy must be a fixed_size_list of x and y"),
        ({"keypoint_conf": [1.0, 1.0, 1.0]}, "the column keypoint_conf must be a fixed_size_list of 17"),
        ({"xy": None}, "the columns xy are missing"),
    ],
)
def test_hostile_columns_are_refused_by_name(columns: dict[str, Any], said: str, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(broken(**columns), tmp_path / "a.parquet")

    with pytest.raises(FormatError, match=said) as told:
        PoseIndex.read(tmp_path / "a.parquet")

    assert "a.parquet" in str(told.value)
    assert "expected what 'poise batch' or 'poise predict --out' wrote" in str(told.value)


@pytest.mark.parametrize(
    "about",
    [b"{", b"[]", b'{"keypoints": 3}', b'{"keypoints": ["a", "a"]}', b'{"keypoints": ["a"], "edges": [[0, 9]]}'],
)
def test_hostile_metadata_is_refused(about: bytes, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = person_table(bodies(1)).replace_schema_metadata({"poise.skeleton": about})
    parquet.write_table(table, tmp_path / "a.parquet")

    with pytest.raises(FormatError, match=r"a\.parquet: 'poise\.skeleton' of its metadata"):
        PoseIndex.read(tmp_path / "a.parquet")


def test_points_of_another_number_than_the_skeletons_are_refused(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = person_table(bodies(1)).replace_schema_metadata({"poise.skeleton": json.dumps({"keypoints": ["a", "b"]})})
    parquet.write_table(table, tmp_path / "a.parquet")

    with pytest.raises(FormatError, match="xy has 17 points a row, and the skeleton 'object-2' has 2"):
        PoseIndex.read(tmp_path / "a.parquet")


def test_lists_that_are_null_are_refused(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = person_table(bodies(2))
    column = pa.array([[1.0] * 34, None], type=pa.list_(pa.float32(), 34))
    table = table.set_column(table.schema.get_field_index("xy"), "xy", column)
    parquet.write_table(table, tmp_path / "a.parquet")

    with pytest.raises(FormatError, match="the column xy must have 34 numbers in each row, got null"):
        PoseIndex.read(tmp_path / "a.parquet")


def test_numbers_that_are_none_hurt_nobody(tmp_path: Path) -> None:
    xy = bodies(3)
    xy[0] = np.nan
    xy[1] = np.inf
    write_people(
        tmp_path / "a.parquet",
        np.nan_to_num(xy, nan=0, posinf=0),
        np.full((3, 17), np.nan),
        time=np.array([np.nan, np.inf, -np.inf]),
        **dict.fromkeys(("x1", "y1", "x2", "y2"), np.array([np.nan, np.inf, -1e38], np.float32)),
    )

    hits = search(PoseIndex.read(tmp_path / "a.parquet"), Like.of(result(xy[2:])))

    assert [hit.source for hit in hits if hit.distance < 0.01] == ["2.jpg"]
    assert all(np.isfinite(hit.time) for hit in hits)


@given(data=st.data())
def test_a_damaged_file_is_an_error_that_names_it_or_gives_poses(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    write_people(path, bodies(20))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(len(raw) // 2, len(raw)))])

    told: list[str] = []
    try:
        PoseIndex.read(path)
    except FormatError as error:
        told.append(str(error))

    assert all("damaged.parquet" in text for text in told)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not a frame of poses"),
        ("[1]", "expected a table with 'source', 'skeleton' and 'instances'"),
        ('{"source": "a", "skeleton": "cocoa", "instances": [{}]}', "the skeleton 'cocoa' is not one of"),
        ('{"source": "a", "skeleton": "coco17", "instances": [{"keypoints": [[1, 2, 3]]}]}', "must be 17 rows"),
        ('{"source": "a", "skeleton": "coco17", "instances": [{"keypoints": "no"}]}', "is not a frame of poses"),
        ('{"source": "a", "skeleton": "coco17", "instances": [3]}', "is not a frame of poses"),
        ("[" * 100_000, "is not a frame of poses"),
        ("\udcff", "is not text in UTF-8"),
    ],
)
def test_a_bad_line_of_json_is_told_with_its_number(text: str, said: str, tmp_path: Path) -> None:
    with open_sink(tmp_path / "a.jsonl") as sink:
        sink.write(frames()[0])
    with (tmp_path / "a.jsonl").open("ab") as file:
        file.write(b"\n" + text.encode("utf-8", "surrogateescape") + b"\n")

    with pytest.raises(FormatError, match=said) as told:
        list(read_poses(tmp_path / "a.jsonl"))

    assert "a.jsonl:3: " in str(told.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("keypoint", "part"), r"a\.csv:1: the columns keypoint are missing"),
        (("nose", "noose"), r"a\.csv: .*keypoint names must differ, found twice: left_ankle"),
        (("\nclip.mp4,0,0.0,1", "\nclip.mp4,zero,0.0,1"), r"a\.csv:19: in the column frame: could not convert"),
        (("\nclip.mp4,0,0.0,1", "\nclip.mp4\nclip.mp4,0,0.0,1"), r"a\.csv:19: \d+ fields, expected"),
    ],
)
def test_a_bad_row_of_a_table_is_told(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    with open_sink(tmp_path / "a.csv") as sink:
        sink.write(frames()[0])
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(text.replace(*change, 1))

    with pytest.raises(FormatError, match=said):
        list(read_poses(tmp_path / "a.csv"))


def test_a_table_that_ends_within_a_person_is_told(tmp_path: Path) -> None:
    with open_sink(tmp_path / "a.csv") as sink:
        sink.write(frames()[0])
    rows = (tmp_path / "a.csv").read_text().splitlines(keepends=True)
    (tmp_path / "a.csv").write_text("".join(rows[:-3]))

    with pytest.raises(FormatError, match=r"a\.csv: ends in the middle of an instance, after 48 rows"):
        list(read_poses(tmp_path / "a.csv"))


def test_more_points_than_a_skeleton_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keypoints_, "MOST_POINTS", 8)
    with open_sink(tmp_path / "a.csv") as sink:
        sink.write(frames()[0])

    with pytest.raises(FormatError, match="the first 8 rows are of different keypoints"):
        list(read_poses(tmp_path / "a.csv"))

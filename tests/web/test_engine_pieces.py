"""Single functions of the JavaScript engine give what their counterparts in Python give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from web_kit import ROOT, run_node

from poise.estimators import letterbox as yolo_letterbox
from poise.estimators.people import move
from poise.estimators.postprocess import Choice, Layout, choose, select
from poise.frames import Image
from poise.image import crop, letterbox
from poise.web.packing import pack

ENGINE = ROOT / "src/poise/web/page/engine"


def called(calls: list[dict[str, Any]], folder: Path) -> list[Any]:
    """Call functions of the engine, all in one run of Node."""
    made: list[Any] = run_node("run_pieces.mjs", {"engine": str(ENGINE), "calls": calls}, folder)
    return made


def pictures(count: int, *, most: int = 400) -> list[Image]:
    """Random pictures, every second one smooth."""
    rng = np.random.default_rng(0)
    made = []
    for i in range(count):
        height, width = rng.integers(24, most, 2)
        noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        smooth = np.cumsum(noise.astype(int) - 127, axis=1).clip(0, 255).astype(np.uint8)
        made.append(smooth if i % 2 else noise)
    return made


def lying(picture: Image, folder: Path, number: int) -> dict[str, Any]:
    """Write a picture as it is in memory, for Node to read."""
    file = folder / f"{number}.raw"
    np.ascontiguousarray(picture).tofile(file)
    return {"file": str(file), "width": picture.shape[1], "height": picture.shape[0]}


def off(found: list[int], wanted: NDArray[Any]) -> tuple[int, float]:
    """The largest difference of levels, and the share that differs."""
    apart = np.abs(np.array(found) - wanted.astype(int).ravel())
    return int(apart.max()), float((apart > 0).mean())


def test_pictures_are_laid_on_a_canvas_as_pillow_does_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    sources = pictures(24)
    sizes = [tuple(int(n) * 32 for n in rng.integers(1, 9, 2)) for _ in sources]

    calls = [
        {"what": "letterbox", "source": lying(source, tmp_path, i), "width": size[0], "height": size[1]}
        for i, (source, size) in enumerate(zip(sources, sizes, strict=True))
    ]
    wanted = [letterbox(source, size, centre=False)[0] for source, size in zip(sources, sizes, strict=True)]

    found = [off(mine, theirs) for mine, theirs in zip(called(calls, tmp_path), wanted, strict=True)]
    # Before version 13 Pillow rounds some tall pictures in another order, which shows in the last bit.
    assert max(most for most, _ in found) <= 1
    assert sum(share == 0 for _, share in found) >= 18


def test_crops_are_cut_and_turned_as_pillow_does_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    calls, wanted = [], []
    for i, source in enumerate(pictures(32)):
        height, width = source.shape[:2]
        x, y, scale = rng.uniform(-60, width), rng.uniform(-60, height), rng.uniform(0.1, 5)
        region = [float(x), float(y), float(x + 128 * scale), float(y + 160 * scale)]
        gap, turn = float(rng.integers(1, 3)), int(rng.integers(0, 4))
        cut = crop(source, np.array([region]), (128, 160), gap=gap)[0]
        wanted.append(np.rot90(cut, turn, axes=(1, 2)))
        source_file = lying(source, tmp_path, i)
        size = {"width": 128, "height": 160, "gap": gap, "turn": turn}
        calls.append({"what": "cut", "source": source_file, "region": region, **size})

    found = [off(mine, theirs) for mine, theirs in zip(called(calls, tmp_path), wanted, strict=True)]
    assert sum(share == 0 for _, share in found) >= 24
    assert max(share for _, share in found) < 0.1


@pytest.mark.parametrize("auto", [True, False])
def test_the_input_of_yolo_networks_is_the_same_bit_for_bit(auto: bool, tmp_path: Path) -> None:
    sources = [*pictures(12, most=300), np.ascontiguousarray(pictures(2)[1][:64, :64])]
    sources += [np.repeat(np.repeat(sources[-1], n, axis=0), n, axis=1) for n in (2, 3)]
    calls, wanted = [], []
    for i, source in enumerate(sources):
        target = (64, 64) if i >= 12 else (160, 128)
        placement = yolo_letterbox.place((source.shape[1], source.shape[0]), target, auto=auto)
        out = np.empty((3, placement.size[1], placement.size[0]), np.float32)
        yolo_letterbox.write(source, placement, out)
        wanted.append(np.rint(out * 255).astype(int))
        rgb = lying(source[..., ::-1], tmp_path, i)
        calls.append({"what": "yoloInput", "source": rgb, "target": list(target), "auto": auto})

    for mine, theirs in zip(called(calls, tmp_path), wanted, strict=True):
        assert mine["dims"] == [1, *theirs.shape]
        np.testing.assert_array_equal(np.array(mine["levels"]).reshape(theirs.shape), theirs)


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("values", [2, 3])
def test_rows_are_chosen_and_suppressed_alike(classes: int, values: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(classes * 10 + values)
    calls, wanted = [], []
    for _ in range(6):
        plain = Layout(classes, 5, values, selected=False)
        output = rng.uniform(0, 1, (plain.columns, 300)).astype(np.float32)
        output[:2] = rng.uniform(0, 300, (2, 300))
        output[2:4] = rng.uniform(20, 120, (2, 300))
        call = {"what": "rows", "output": output.ravel().tolist(), "dims": [1, *output.shape]}
        call["layout"] = {"classes": classes, "keypoints": 5, "values": values, "selected": False}
        most = int(rng.integers(3, 60))
        call["options"] = {"conf": 0.5, "maxDet": most}
        calls.append({**call, "select": False})
        wanted.append(choose(output, plain, Choice(conf=0.5, max_det=most)))
        # The head without duplicates: its boxes are corners.
        calls.append({**call, "select": True})
        rows, _ = select(output, plain, max(most, 300))
        wanted.append(choose(rows, Layout(classes, 5, values, selected=True), Choice(conf=0.5, max_det=most)))

    for mine, theirs in zip(called(calls, tmp_path), wanted, strict=True):
        assert len(theirs.conf) >= 3
        assert [row["class"] for row in mine] == theirs.classes.tolist()
        np.testing.assert_allclose([row["conf"] for row in mine], theirs.conf, rtol=1e-6)
        np.testing.assert_allclose([row["box"] for row in mine], theirs.boxes, atol=1e-4)
        np.testing.assert_allclose([row["points"] for row in mine], theirs.points.reshape(len(mine), -1), rtol=1e-6)


def test_boxes_go_along_with_their_keypoints(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    before, calls = rng.uniform(0, 200, (20, 17, 2)).astype(np.float32), []
    before[3, :, 0] = 50  # in one line
    after = (before * rng.uniform(0.7, 1.3, (20, 1, 2)) + rng.normal(0, 4, before.shape)).astype(np.float32)
    weight = rng.uniform(0, 1, (20, 17)).astype(np.float32)
    boxes = np.concatenate([before.min(axis=1), before.max(axis=1)], axis=1)
    for row in zip(boxes, before.reshape(20, -1), after.reshape(20, -1), weight, strict=True):
        box, old, new, sure = (column.tolist() for column in row)
        calls.append({"what": "move", "box": box, "before": old, "after": new, "weight": sure})

    np.testing.assert_allclose(called(calls, tmp_path), move(boxes, before, after, weight), atol=1e-3)


def test_packed_files_are_unpacked_also_where_a_server_has_done_it(tmp_path: Path) -> None:
    data = np.random.default_rng(3).normal(size=501).astype(np.float16).tobytes() + b"\x07"
    calls, planes = [], []
    for width in (1, 2, 4):
        packed, chosen = pack(data, (width,))
        assert chosen == width
        (tmp_path / f"{width}.packed").write_bytes(packed)
        calls.append({"what": "unpacked", "file": str(tmp_path / f"{width}.packed"), "width": width})
        planes.append(packed)
    (tmp_path / "plain").write_bytes(data)
    calls.append({"what": "unpacked", "file": str(tmp_path / "plain"), "width": 1})

    assert [bytes(found) for found in called(calls, tmp_path)] == [data] * 4

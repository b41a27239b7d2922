"""Code as users of this field have written it runs on these results without a change."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from poise.results import Results

SNIPPETS = {
    "boxes of all results": """
for r in results:
    for box in r.boxes:
        x1, y1, x2, y2 = map(int, box.xyxy[0])
        c = int(box.cls)
        conf = float(box.conf)
        out.append((x1, y1, x2, y2, c, round(conf, 2), r.names[c]))
assert out[0] == (10, 20, 30, 80, 0, 0.9, "person")
""",
    "corners as separate tensors": """
for box in results[0].boxes:
    x1, y1, x2, y2 = box.xyxy[0]
    x1, y1, x2, y2 = int(x1), int(y1), int(x2), int(y2)
    out.append(x2 - x1)
assert out == [20, 20]
""",
    "confidence rounded up": """
for box in results[0].boxes:
    conf = math.ceil((box.conf[0] * 100)) / 100
    out.append(conf)
assert out[1] == 0.8 or out[1] == 0.81
""",
    "class of the first element": """
box = results[0].boxes[0]
cls = int(box.cls[0])
name = results[0].names[cls]
assert name == "person"
""",
    "names by item": """
for c in results[0].boxes.cls:
    out.append(results[0].names[int(c)])
assert out == ["person", "person"]
""",
    "names by float item": """
assert results[0].names[results[0].boxes.cls[0].item()] == "person"
""",
    "conf through cpu": """
conf = results[0].boxes.conf[0].cpu().numpy()
assert f"{conf:.2f}" == "0.90"
""",
    "format of a single tensor": """
for box in results[0].boxes:
    out.append(f"{box.conf[0]:.2f} {box.conf.item():.1f}")
assert out[0] == "0.90 0.9"
""",
    "rows as lists": """
for result in results[0].boxes.data.tolist():
    x1, y1, x2, y2, score, class_id = result
    out.append((int(x1), int(class_id)))
assert out == [(10, 0), (40, 0)]
""",
    "boxes to numpy": """
boxes = results[0].boxes.xyxy.cpu().numpy().astype(int)
for x1, y1, x2, y2 in boxes:
    out.append(img[y1:y2, x1:x2].shape)
assert out == [(60, 20, 3)] * 2
""",
    "detections through the whole chain": """
detections = results[0].boxes.cpu().numpy()
assert detections.xyxy.shape == (2, 4) and detections.conf.max() > 0.8
""",
    "centres": """
for x, y, w, h in results[0].boxes.xywh.cpu():
    out.append((float(x), float(y)))
assert out == [(20.0, 50.0), (50.0, 50.0)]
""",
    "track ids": """
boxes = tracked[0].boxes.xywh.cpu()
track_ids = tracked[0].boxes.id.int().cpu().tolist()
for box, track_id in zip(boxes, track_ids):
    x, y, w, h = box
    out.append((track_id, (float(x), float(y))))
assert out[1] == (2, (50.0, 50.0))
""",
    "ids when there are some": """
for r in [*results, *tracked]:
    if r.boxes.id is not None:
        out += r.boxes.id.cpu().numpy().astype(int).tolist()
assert out == [1, 2]
""",
    "tracked or not": """
if tracked[0].boxes and tracked[0].boxes.is_track:
    out = tracked[0].boxes.id.int().tolist()
assert out == [1, 2]
""",
    "keypoints to numpy": """
kpts = results[0].keypoints.xy.cpu().numpy()
assert kpts.shape == (2, 17, 2) and type(kpts) is np.ndarray
""",
    "one keypoint of the data": """
x, y, conf = results[0].keypoints.data[0][5]
assert (int(x), int(y)) == (0, 5) and conf > 0.4
""",
    "keypoints by person": """
for person in results[0].keypoints.data:
    for kpt in person:
        x, y, conf = kpt
        if conf < 0.5:
            continue
        out.append((int(x), int(y)))
assert len(out) == 34
""",
    "angle of a knee": """
kpts = results[0].keypoints.xy[0]
a, b, c = np.array(kpts[11]), np.array(kpts[13]), np.array(kpts[15])
radians = np.arctan2(c[1] - b[1], c[0] - b[0]) - np.arctan2(a[1] - b[1], a[0] - b[0])
angle = np.abs(radians * 180.0 / np.pi)
assert abs(angle - 180) < 1e-3
""",
    "keypoints as lists": """
left_wrist = results[0].keypoints.xy.tolist()[0][9]
assert left_wrist[1] == 9.0
""",
    "named by index": """
keypoints = results[0].keypoints.xy[0]
if len(keypoints) >= 17:
    nose, left = keypoints[0], keypoints[5]
    d = math.dist((nose[0], nose[1]), (left[0], left[1]))
assert abs(d - 5.02) < 0.01
""",
    "mean confidence": """
if results[0].keypoints.has_visible:
    out.append(results[0].keypoints.conf[0].mean().item())
assert out == [0.5]
""",
    "normalised": """
xyn = results[0].keypoints.xyn.cpu().numpy()
assert xyn.max() <= 1.0
""",
    "keypoints of one box": """
for box, kp in zip(results[0].boxes, results[0].keypoints):
    out.append((box.xyxy.shape, kp.xy.shape, kp.conf.shape))
assert out == [((1, 4), (1, 17, 2), (1, 17))] * 2
""",
    "skip what is missing": """
for r in results:
    if r.keypoints is None or r.boxes is None or r.masks is not None:
        continue
    for i, (x, y) in enumerate(r.keypoints.xy[0]):
        if x > 0 and y > 0:
            out.append(i)
assert out == list(range(1, 17))
""",
    "largest person": """
boxes = results[0].boxes.xyxy.cpu().numpy()
areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
best = results[0].keypoints[int(np.argmax(areas))]
assert best.xy.shape == (1, 17, 2)
""",
    "filter by class and confidence": """
r = results[0]
keep = (r.boxes.cls == 0) & (r.boxes.conf > 0.85)
r = r[keep]
assert len(r) == 1
""",
    "frame annotated by hand": """
frame = results[0].orig_img.copy()
for box in results[0].boxes:
    x1, y1, x2, y2 = box.xyxy[0].int().tolist()
    frame[y1:y2, x1] = 255
assert frame.sum() > results[0].orig_img.sum()
""",
    "moved between devices": """
r = results[0].cpu().numpy()
r = results[0].to("cpu").cuda()
assert len(r.boxes.cuda(0).to("cpu", non_blocking=True)) == 2
assert results[0].boxes.xyxy.detach().cpu().numpy().dtype == np.float32
""",
    "counting": """
n = len(results[0].boxes)
persons = sum(1 for c in results[0].boxes.cls if int(c) == 0)
assert n == persons == results[0].boxes.shape[0] == results[0].boxes.conf.numel()
""",
    "classes counted in a dictionary": """
counts = {}
for c in results[0].boxes.cls:
    counts[c] = counts.get(c, 0) + 1
assert counts == {0.0: 2}
""",
    "log line": """
r = results[0]
s = f"{r.verbose()}{r.speed['inference']:.1f}ms {r.path} {r.orig_shape[1]}x{r.orig_shape[0]}"
assert s == "2 persons, 0.0ms array 200x100"
""",
    "a table row of points and confidences": """
kps, conf = results[0].keypoints.xy[0], results[0].keypoints.conf[0]
row = [float(v) for point, c in zip(kps, conf) for v in list(point) + [c]]
assert row[:3] == [0, 0, 0.5] and len(row) == 51
""",
    "positions as nested lists": """
out = results[0].keypoints.data[0, :, 0:2].tolist()
assert out[1] == [0.10000000149011612, 1.0]
""",
    "most confident person": """
kps = results[0].keypoints
best = int(kps.conf.mean(dim=1).argmax())
assert best == 0 and kps.xy[best].cpu().numpy().shape == (17, 2)
""",
    "integer positions through the whole chain": """
boxes = results[0].boxes.xyxy.cpu().detach().numpy().astype(int).tolist()
kps = results[0].keypoints.xy.cpu().detach().numpy().astype(int)
assert boxes[0] == [10, 20, 30, 80] and kps[0, 16].tolist() == [1, 16]
""",
    "rows of boxes and keypoints as numpy": """
for box, kp in zip(results[0].boxes.cpu().numpy(), results[0].keypoints.cpu().numpy()):
    x1, y1, x2, y2 = box.xyxy[0].astype(int)
    out.append((type(x1), type(kp.xy[0])))
assert all(issubclass(a, np.integer) and b is np.ndarray for a, b in out)
""",
    "low confidence set to minus one": """
k = results[0].keypoints.data.cpu().numpy()
k[0][k[0][:, 2] < 0.6] = -1
assert k[0].max() == -1 and k[1].max() > 0
""",
    "stacked and reshaped": """
flat = results[0].keypoints.xyn.view(len(results[0]), -1)
assert flat.size(1) == 34 and flat.unsqueeze(0).squeeze(0).shape == flat.shape
""",
    "mask by truth values": """
seen = (results[0].keypoints.conf > 0.4).bool().all(dim=1)
assert seen.tolist() == [True, True] and len(results[0].boxes[seen]) == 2
""",
    "keypoints compared with None": """
assert results[0].keypoints != None and results[0] and results[0].keypoints
""",
    "points walked by row": """
for person in results[0].keypoints:
    for keypoint in person:
        out.append(len(keypoint))
assert out == [1, 1]
""",
    "a copy is put back": """
r = results[0]
xy = r.keypoints.xy.clone()
xy[..., 0] += 5
r.keypoints = xy
assert r.keypoints.xy[0, 0].tolist() == [5, 0]
""",
    "summary": """
for d in results[0].summary():
    x1, name = d["box"]["x1"], d["name"]
    out.append((x1, name, len(d["keypoints"]["x"])))
assert out[0] == (10.0, "person", 17)
""",
}


def made(*, ids: bool) -> Results:
    k = np.arange(17, dtype=np.float32)
    boxes = np.array([[10, 20, 30, 80, 0.9, 0], [40, 20, 60, 80, 0.8, 0]], dtype=np.float32)
    if ids:
        boxes = np.insert(boxes, 4, [1, 2], axis=1)
    xy = np.stack([np.stack([k / 10, k], axis=-1), np.stack([k / 10 + 30, k], axis=-1)])
    return Results.of(np.zeros((100, 200, 3), np.uint8), boxes, xy, np.full((2, 17), 0.5, np.float32))


@pytest.mark.parametrize("name", SNIPPETS)
def test_snippet_runs(name: str) -> None:
    results = [made(ids=False)]
    scope: dict[str, Any] = {
        "results": results,
        "tracked": [made(ids=True)],
        "img": results[0].orig_img,
        "out": [],
        "np": np,
        "math": math,
    }

    exec(compile(SNIPPETS[name], name, "exec"), scope)  # noqa: S102  # the snippets above


class TestArray:
    """Arrays of results read like tensors and stay numpy arrays."""

    def test_arithmetic_stays_an_array_with_its_methods(self) -> None:
        doubled = made(ids=False).boxes.xyxy * 2

        assert doubled.cpu().numpy().tolist()[0] == [20, 40, 60, 160]
        assert doubled.flags.writeable

    @pytest.mark.parametrize("how", ["numpy", "cpu", "clone"])
    def test_copies_may_be_written_to_and_leave_the_result_as_it_is(self, how: str) -> None:
        boxes = made(ids=False).boxes.xyxy
        copy = getattr(boxes, how)()
        copy[0] *= 2
        copy[1, copy[1] > 50] = -1

        assert copy.tolist() == [[20, 40, 60, 160], [40, 20, -1, -1]]
        assert boxes.tolist() == [[10, 20, 30, 80], [40, 20, 60, 80]]
        assert (type(copy) is np.ndarray) == (how == "numpy")

    def test_writing_into_a_result_says_what_to_write_instead(self) -> None:
        xy = made(ids=False).keypoints.xy

        with pytest.raises(ValueError, match=r"read-only: write to a copy, such as xy = result.keypoints.xy.clone"):
            xy[0, 0] = 3
        with pytest.raises(ValueError, match="read-only"):
            xy[0] *= 2

    def test_methods_of_tensors(self) -> None:
        xyxy = made(ids=False).boxes.xyxy

        assert (xyxy.size(0), xyxy.size(), xyxy.size) == (2, (2, 4), 8)
        assert xyxy.view(-1, 2).shape == (4, 2)
        assert xyxy.unsqueeze(0).shape == (1, 2, 4)
        assert xyxy.unsqueeze(0).squeeze(0).shape == xyxy.squeeze(0).shape == (2, 4)
        assert xyxy.mean(dim=1).tolist() == [35, 50]
        assert xyxy.sum(dim=0, keepdim=True).tolist() == [[50, 40, 90, 160]]
        values, indices = xyxy.max(dim=1)
        assert (values.tolist(), indices.tolist()) == ([80, 80], [3, 3])
        assert xyxy.min(dim=0).indices.tolist() == [0, 0, 0, 0]
        assert (xyxy > 30).bool().any(dim=1).tolist() == [True, True]
        assert xyxy[0].argsort(descending=True).tolist() == [3, 2, 1, 0]
        assert xyxy.data.cpu().numpy().tolist() == xyxy.tolist()
        assert xyxy[:, 2:].norm(dim=1).tolist() == pytest.approx([7300**0.5, 100])

    def test_what_tensors_have_and_arrays_do_not_is_told(self) -> None:
        with pytest.raises(AttributeError, match=r"no attribute 'topk'.*numpy arrays: write np"):
            made(ids=False).boxes.conf.topk(1)

    def test_astype_gives_numbers_of_numpy(self) -> None:
        corner = made(ids=False).boxes.xyxy[0].astype(int)[:2]

        assert type(corner) is np.ndarray
        assert isinstance(corner[0], np.integer)

    @pytest.mark.parametrize(("index", "value"), [(0, 0.9), (1, 0.8)])
    def test_one_element_is_a_number(self, index: int, value: float) -> None:
        conf = made(ids=False).boxes.conf[index]

        assert float(conf) == pytest.approx(value)
        assert int(conf) == 0
        assert round(conf) == 1
        assert round(conf, 1) == pytest.approx(value)
        assert hash(conf) == hash(conf.item())
        assert f"{conf:.1f}" == f"{value:.1f}"

    def test_several_elements_are_not_a_number(self) -> None:
        conf = made(ids=False).boxes.conf

        with pytest.raises(ValueError, match="size 1"):
            float(conf)
        with pytest.raises(TypeError, match="unhashable"):
            hash(conf)

    @pytest.mark.parametrize(("method", "dtype"), [("int", np.int32), ("long", np.int64), ("float", np.float32)])
    def test_types_change_in_a_copy(self, method: str, dtype: type) -> None:
        conf = made(ids=False).boxes.conf
        changed = getattr(conf, method)()

        assert changed.dtype == dtype
        assert not np.shares_memory(changed, conf)

    def test_shape_words(self) -> None:
        xy = made(ids=False).keypoints.xy

        assert (xy.dim(), xy.numel(), xy[0].shape) == (3, 68, (17, 2))

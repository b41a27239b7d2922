"""A real trained checkpoint through ``Pose``: its rows are those that the original package gave."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from poise import Pose

pytest.importorskip("torch", reason="running a .pt needs torch (extra 'train')")

STORED = {
    (False, 0.25): "yolo26n-pose-pred-default_one2many_nms-conf0.25.json",
    (False, 0.001): "yolo26n-pose-pred-default_one2many_nms-conf0.001.json",
    (True, 0.25): "yolo26n-pose-pred-end2end_one2one-conf0.25.json",
    (True, 0.001): "yolo26n-pose-pred-end2end_one2one-conf0.001.json",
}


@pytest.mark.parametrize(("end2end", "conf"), STORED)
def test_the_tiger_checkpoint_gives_the_stored_rows(shared: Path, end2end: bool, conf: float) -> None:
    stored = json.loads((shared / "fixtures/tiger" / STORED[end2end, conf]).read_text())
    rows = {entry["image"]: entry for entry in stored["images"]}
    pose = Pose(shared / "fixtures/tiger/yolo26n-pose-best.pt", end2end=end2end)

    results = pose(shared / "data/tiger-pose/val/images", imgsz=320, conf=conf, stream=True)

    seen = 0
    for result in results:
        expected = rows[Path(result.path).name]
        boxes = np.array(expected["boxes_xyxy"]).reshape(-1, 4)
        points = np.array(expected["keypoints_xy"]).reshape(len(boxes), 12, 2)
        assert len(result) == len(boxes)
        # Equal scores may swap rows: match by box.
        order = [int(np.abs(np.asarray(result.boxes.xyxy) - box).sum(axis=1).argmin()) for box in boxes]
        assert sorted(order) == list(range(len(boxes)))
        np.testing.assert_allclose(np.asarray(result.boxes.xyxy)[order], boxes, atol=0.05)
        np.testing.assert_allclose(np.asarray(result.keypoints.xy)[order], points, atol=0.05)
        np.testing.assert_allclose(np.asarray(result.boxes.conf)[order], expected["conf"], atol=1e-4)
        assert np.isfinite(np.asarray(result.keypoints.sigma)).all()
        assert result.skeleton.name == "tiger12"
        seen += 1
    assert seen == 53

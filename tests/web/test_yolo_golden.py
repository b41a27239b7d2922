"""YOLO pose networks of one's own run in a bundle as they do in Python: both heads, checkpoints and ONNX files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from web_kit import assert_alike, expected, found_in_node, manifest_of, model_of, node, read

from poise import samples
from poise.networks import graph_of
from poise.web import write_bundle

TIGER = "fixtures/tiger/yolo26n-pose-best.pt"


def tigers(shared: Path) -> list[np.ndarray]:
    paths = sorted((shared / "data/tiger-pose/val").rglob("*.jpg"))[:9:4]
    if not paths:
        pytest.skip("needs the pictures of tigers")
    pictures = [read(path) for path in paths]
    # One that shrinks by another ratio on odd sides.
    return [*pictures, pictures[0][: 2 * (pictures[0].shape[0] // 2) - 1, 40:-33].copy()]


@pytest.mark.parametrize("end2end", [False, True])
@pytest.mark.parametrize("ending", [".pt", ".onnx"])
def test_a_trained_network(end2end: bool, ending: str, shared: Path, tmp_path: Path) -> None:
    node()
    file = shared / TIGER
    if ending == ".onnx":
        (tmp_path / "tiger.onnx").write_bytes(graph_of(file, end2end=end2end))
        file = tmp_path / "tiger.onnx"
    pictures = tigers(shared)
    times = [0.0] * len(pictures)
    bundle = write_bundle(tmp_path / "site", model=file, end2end=end2end).path

    wanted = expected(model_of(bundle, file.stem), pictures, times, video=False, conf=0.05)
    found = found_in_node(bundle, file.stem, pictures, times, tmp_path, video=False, conf=0.05)

    (entry,) = manifest_of(bundle)["models"]
    assert (entry["settings"]["select"] or entry["settings"]["layout"]["selected"]) is end2end
    assert all(one["instances"] for one in wanted)
    assert_alike(found, wanted)
    for mine, theirs in zip(found, wanted, strict=True):
        sigma = [[row["sigma"] for row in one["instances"]] for one in (mine, theirs)]
        np.testing.assert_allclose(*sigma, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("name", ["yolov8n-pose-coco.pt", "yolo11n-pose-coco-256x192.onnx"])
def test_networks_of_other_kinds_run(name: str, shared: Path, tmp_path: Path) -> None:
    node()
    file = shared / "fixtures/yolo" / name
    bundle = write_bundle(tmp_path / "site", model=file).path
    pictures = [read(samples.runner)]

    wanted = expected(model_of(bundle, file.stem), pictures, [0.0], video=False)
    found = found_in_node(bundle, file.stem, pictures, [0.0], tmp_path, video=False)

    # Their weights are random and hundreds of their scores are 1: which of them come first says nothing.
    assert len(wanted[0]["instances"]) > 100
    assert abs(len(found[0]["instances"]) - len(wanted[0]["instances"])) <= 3
    assert found[0]["instances"][0]["conf"] == pytest.approx(wanted[0]["instances"][0]["conf"], abs=0.01)

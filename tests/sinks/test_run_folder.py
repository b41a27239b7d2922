"""The manifest of a saved run says how the run ended, whatever ended it and whichever command it was."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sink_kit import clip

from poise import Pose, Results
from poise.errors import PoiseError
from poise.events.pipeline import EventVideo
from poise.files.writing import numbered, write_atomically
from poise.model.run import Run
from poise.model.settings import Settings
from poise.sinks import RunFolder

ENDS: dict[str, tuple[BaseException | None, str, list[str]]] = {
    "nothing": (None, "done", []),
    "Ctrl-C": (KeyboardInterrupt(), "interrupted", []),
    "a stream that is left": (GeneratorExit(), "interrupted", []),
    "the interpreter's end": (SystemExit(143), "interrupted", []),
    "an error of Poise": (PoiseError("disk full"), "failed", ["disk full"]),
    "any other error": (KeyError("nose"), "failed", ["KeyError: 'nose'"]),
}


def told(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(next(folder.rglob("manifest.json")).read_text("utf-8"))
    return content


def by_folder(folder: Path, error: BaseException | None) -> None:
    run = RunFolder(folder, "mine")
    run.at_end(lambda: {"counts": {"frames": 1}})
    with run:
        assert told(folder)["status"] == "running"
        if error is not None:
            raise error


def by_prediction(folder: Path, error: BaseException | None) -> None:
    with Run(Settings(save_json=True, project=folder), source="clip", model={}, errors=[]) as run:
        run.write(clip([0.0])[0])
        assert told(folder)["status"] == "running"
        if error is not None:
            raise error


def by_events(folder: Path, error: BaseException | None) -> None:
    pytest.importorskip("av")
    with EventVideo([], project=folder, name="mine") as video:
        video.write(clip([0.0])[0], [])
        assert told(folder)["status"] == "running"
        if error is not None:
            raise error


WAYS: dict[str, Callable[[Path, BaseException | None], None]] = {
    "folder": by_folder,
    "predict": by_prediction,
    "events": by_events,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("end", ENDS)
def test_a_manifest_says_how_the_run_ended(tmp_path: Path, way: str, end: str) -> None:
    error, status, errors = ENDS[end]
    if error is None:
        WAYS[way](tmp_path, None)
    else:
        with pytest.raises(type(error)):
            WAYS[way](tmp_path, error)

    said = told(tmp_path)
    assert (said["status"], said.get("errors", [])) == (status, errors)
    assert said["counts"]["frames"] == 1
    assert said["ended"] is not None


def test_an_error_while_the_files_are_finished_is_a_failure(tmp_path: Path) -> None:
    def broken(_: Results) -> Any:
        raise RuntimeError("no pen")

    run = Run(Settings(save=True, project=tmp_path), source="a", model={}, errors=[])
    run._painter.bound = lambda result: broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="no pen"), run:
        run.write(clip([0.0])[0])

    assert (told(tmp_path)["status"], told(tmp_path)["errors"]) == ("failed", ["RuntimeError: no pen"])


def test_a_validation_that_cannot_write_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise PoiseError("predictions.json: cannot be written: the disk is full")

    monkeypatch.setattr("poise.validation._run.coco_results", full)
    with pytest.raises(PoiseError, match="disk is full"):
        Pose("body-fast").val(labelled(tmp_path), save_json=True, project=tmp_path / "runs")

    assert told(tmp_path / "runs")["status"] == "failed"


def test_a_validation_looks_for_its_folder_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(PoiseError, match="cannot be written: part of the path is a file"):
        # The data set is not even looked for.
        Pose("body-fast").val(tmp_path / "nowhere.yaml", save_json=True, project=tmp_path / "file")


def labelled(folder: Path) -> Path:
    """One labelled picture as a COCO file."""
    import PIL.Image

    PIL.Image.new("RGB", (64, 64)).save(folder / "a.png")
    person = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [8, 8, 40, 40], "area": 1600, "iscrowd": 0}
    person |= {"keypoints": [20, 20, 2] * 17, "num_keypoints": 17}
    file = folder / "people.json"
    category = {"id": 1, "name": "person", "keypoints": [f"k{i}" for i in range(17)], "skeleton": []}
    images = [{"id": 1, "file_name": "a.png", "width": 64, "height": 64}]
    file.write_text(json.dumps({"images": images, "annotations": [person], "categories": [category]}))
    return file


def test_runs_are_numbered_and_never_share_a_folder(tmp_path: Path) -> None:
    names: list[str] = []
    threads = [threading.Thread(target=lambda: names.append(RunFolder(tmp_path, "run").path.name)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    free = numbered("run")
    assert sorted(names) == sorted(next(free) for _ in range(12))


def test_threads_that_write_one_file_leave_one_of_theirs(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    threads = [threading.Thread(target=write_atomically, args=(path, bytes([i]) * 200_000)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    content = path.read_bytes()
    assert (len(content), len(set(content))) == (200_000, 1)
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]

"""Bundles, what Python finds in pictures with a bundle's own networks, and what its scripts find in Node."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from poise import weights
from poise.estimators import Estimator, Options, build, to_results
from poise.estimators.yolo import Yolo
from poise.frames import Frame, Image, Media
from poise.runtime import Session, open_session
from poise.sinks import record

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Enough for the networks' own rounding on another engine; a point that jumps to another place is ten times as far.
PIXELS, SCORE = 0.5, 0.01


def node() -> str:
    """Return the program Node, or skip."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("needs Node: no program node is there")
    return found


def read(path: Path) -> Image:
    """Read a picture as it lies in the file, BGR."""
    with PIL.Image.open(path) as picture:
        return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1])


def manifest_of(bundle: Path) -> Any:
    return json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))


def unpack(packed: bytes, width: int) -> bytes:
    """Return what was packed in so many planes."""
    planes = np.frombuffer(gzip.decompress(packed), np.uint8)
    data = np.empty_like(planes)
    start = 0
    for first in range(width):
        length = len(data[first::width])
        data[first::width] = planes[start : start + length]
        start += length
    return data.tobytes()


def network(bundle: Path, name: str) -> bytes:
    """Unpack a network of a bundle."""
    entry = manifest_of(bundle)["networks"][name]
    return unpack((bundle / entry["file"]).read_bytes(), entry["planes"])


def model_of(bundle: Path, name: str) -> Estimator:
    """Make the model of a bundle in Python, with the bundle's own networks."""

    @cache
    def opened(part: str) -> Session:
        return open_session(network(bundle, part), threads=1, name=part)

    entry = next(entry for entry in manifest_of(bundle)["models"] if entry["name"] == name)
    if entry["estimator"] == "yolo":
        return Yolo(opened(entry["networks"][0]), name=name)
    return build(weights.model(name), opened)


def expected(
    model: Estimator, pictures: Sequence[Image], times: Sequence[float], *, video: bool, conf: float = 0.25
) -> list[dict[str, Any]]:
    """Return the records of what a model finds; of a video's frames one after the other."""
    memory = model.memory() if video else None
    media, found = Media("", kind="video" if video else "image"), []
    for number, (picture, time) in enumerate(zip(pictures, times, strict=True)):
        (estimate,) = model([picture], Options(conf=conf), memory, times=[time] if video else ())
        found.append(record(to_results(Frame(picture, media, number, time), estimate, model)))
    return found


def run_node(script: str, job: dict[str, Any], folder: Path) -> Any:
    """Run a script of this folder over a job; returns what it wrote."""
    done = subprocess.run(
        [node(), str(HERE / script), str(write_job(job, folder))],
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-1000:]}{done.stderr[-2000:]}"
    return json.loads((folder / "out.json").read_text(encoding="utf-8"))


def write_job(job: dict[str, Any], folder: Path) -> Path:
    """Write what a script is to do, and where it writes: ``out.json`` of the folder."""
    path = folder / "job.json"
    path.write_text(json.dumps({**job, "out": str(folder / "out.json")}), encoding="utf-8")
    return path


@cache
def model_process() -> subprocess.Popen[str]:
    """Return the process in which the models of all bundles run; :func:`end_model_process` ends it."""
    return subprocess.Popen(
        [node(), str(HERE / "run_model.mjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def end_model_process() -> None:
    """End it where it was started."""
    if model_process.cache_info().currsize:
        model_process().communicate(timeout=60)
        model_process.cache_clear()


def found_in_node(
    bundle: Path,
    model: str,
    pictures: Sequence[Image],
    times: Sequence[float],
    folder: Path,
    *,
    video: bool,
    conf: float = 0.25,
) -> list[dict[str, Any]]:
    """Return the records of what a bundle's scripts find in the same pixels."""
    entries = []
    for number, (picture, time) in enumerate(zip(pictures, times, strict=True)):
        height, width = picture.shape[:2]
        file = folder / f"{number}.rgba"
        np.dstack([picture[..., ::-1], np.full((height, width), 255, np.uint8)]).tofile(file)
        entries.append({"file": str(file), "width": width, "height": height, "time": time})
    job = {"bundle": str(bundle), "model": model, "settings": {"conf": conf}, "video": video, "pictures": entries}
    running = model_process()
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(f"{write_job(job, folder)}\n")
    running.stdin.flush()
    assert running.stdout.readline() == "\n"
    made: list[dict[str, Any]] = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    return made


def assert_alike(
    found: Sequence[dict[str, Any]], wanted: Sequence[dict[str, Any]], *, pixels: float = PIXELS, score: float = SCORE
) -> None:
    """Hold records against those of Python: the same instances in the same order, points and scores nearly equal."""
    assert len(found) == len(wanted)
    for number, (mine, theirs) in enumerate(zip(found, wanted, strict=True)):
        for key in ("frame", "width", "height", "skeleton"):
            assert mine[key] == theirs[key], (number, key)
        kind = [(one["class"], one["name"], one["id"]) for one in theirs["instances"]]
        assert [(one["class"], one["name"], one["id"]) for one in mine["instances"]] == kind, number
        for get, limit in ((_places, pixels), (_scores, score)):
            apart = np.abs(get(mine) - get(theirs))
            assert np.nanmax(apart, initial=0) <= limit, (number, np.unravel_index(np.nanargmax(apart), apart.shape))


def close(found: Sequence[dict[str, Any]], wanted: Sequence[dict[str, Any]]) -> bool:
    """Tell whether :func:`assert_alike` holds."""
    try:
        assert_alike(found, wanted)
    except AssertionError:
        return False
    return True


Pairs = Sequence[tuple[dict[str, Any], dict[str, Any]]]


def partners(mine: dict[str, Any], theirs: dict[str, Any], *, sure: float) -> Pairs:
    """Pair the instances of two records by their boxes; one that is surer than ``sure`` must have a partner."""
    pairs = []
    for some, others in ((theirs["instances"], mine["instances"]), (mine["instances"], theirs["instances"])):
        for one in some:
            far = [np.abs(np.subtract(one["box"], other["box"])).max() for other in others]
            near = int(np.argmin(far)) if far and min(far) <= 4 else None
            assert near is not None or one["conf"] <= sure, one
            if near is not None and some is theirs["instances"]:
                pairs.append((others[near], one))
    return pairs


def apart(pairs: Pairs) -> tuple[Any, Any]:
    """Return how far the keypoints of pairs lie apart, pixels, and their scores and those of their keypoints."""
    mine, theirs = ({"instances": list(side)} for side in zip(*pairs, strict=True))
    return tuple(np.abs(get(mine) - get(theirs)) for get in (_places, _scores))  # type: ignore[return-value]


def _places(one: dict[str, Any]) -> Any:
    return _columns(one, lambda row: [*row["box"], *(v for point in row["keypoints"] for v in point[:2])])


def _scores(one: dict[str, Any]) -> Any:
    return _columns(one, lambda row: [row["conf"], *(point[2] for point in row["keypoints"])])


def _columns(one: dict[str, Any], get: Callable[[dict[str, Any]], list[float | None]]) -> Any:
    return np.array([get(row) for row in one["instances"]], dtype=np.float64)

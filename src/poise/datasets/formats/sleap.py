"""SLEAP's projects (.slp), through sleap-io: labelled pictures and one skeleton.

Only lists of pictures are read: a project about a video names frames that are no files. A point that SLEAP calls
invisible is not labelled, as its place may be where the editor first put it. Predictions are not read.

Source: io.sleap.ai (sleap-io, BSD-3-Clause).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from poise.datasets._dataset import Dataset
from poise.datasets._find import is_file
from poise.datasets.formats._build import Declared, Found, Record, build, listed
from poise.datasets.formats._kept import Holds, Labelled
from poise.datasets.formats._registry import Reading
from poise.errors import FormatError, require

HOLDS = Holds(boxes=False, classes=False, hidden=False, bare=False, skeleton=("edges", "flip_idx"))
FILE = "{split}.slp"


def read(path: Path, split: str, how: Reading) -> Dataset:
    """Read the labelled frames of a project; its videos are not opened."""
    sio = require("sleap_io", extra="sleap", feature="a SLEAP project")
    if not path.is_file():
        raise FormatError(f"{path}: no such file")
    try:
        labels = sio.load_slp(os.fspath(path), open_videos=False)
        declared = _declared(path, labels.skeletons)
        unread: Counter[str] = Counter()
        records = list(_records(path, labels, how, unread))
    except FormatError:
        raise
    except Exception as error:  # a file of a stranger fails in ways that the library does not list
        raise FormatError(f"{path}: not a readable SLEAP project: {type(error).__name__}: {error}") from error
    return build(path, split, records, how, declared, notes=listed(unread, "not read"))


def _declared(path: Path, skeletons: list[Any]) -> Declared:
    if not skeletons:
        raise FormatError(f"{path}: has no skeleton")
    first = skeletons[0]
    names = tuple(str(name) for name in first.node_names)
    for other in skeletons[1:]:
        if tuple(other.node_names) != names:
            raise FormatError(f"{path}: skeletons with different keypoints; split the project by skeleton")
    return Declared(
        names,
        tuple(dict.fromkeys(str(s.name or "object") for s in skeletons)),
        tuple((names[a], names[b]) for a, b in first.edge_inds),
        tuple((str(a), str(b)) for a, b in first.symmetry_names),
    )


def _records(path: Path, labels: Any, how: Reading, unread: Counter[str]) -> Iterator[Record]:
    frames = {(id(frame.video), frame.frame_idx): frame for frame in labels.labeled_frames}
    for video in labels.videos:
        if not isinstance(video.filename, list):
            raise FormatError(
                f"{path}: is about the video {str(video.filename)[:100]}; expected a list of pictures: "
                f"save its labelled frames as pictures first"
            )
        for number, name in enumerate(video.filename):
            record = Record(str(name), path=_find(path, str(name), how.images))
            frame = frames.get((id(video), number))
            for instance in frame.instances if frame is not None else ():
                if type(instance).__name__ != "Instance":
                    unread["predictions"] += 1
                    continue
                record.found.append(_found(instance))
            yield record


def _found(instance: Any) -> Found:
    points = instance.points
    found = Found(str(instance.skeleton.name or "object"))
    rows = zip(instance.skeleton.node_names, points["xy"].tolist(), points["visible"].tolist(), strict=True)
    for name, (x, y), visible in rows:
        if visible and x == x and y == y:
            found.points[str(name)] = (x, y, 2)
    return found


def _find(path: Path, name: str, images: Path | None) -> Path:
    """Find a picture: where the project says, from the project's folder, or by its last part in ``images``."""
    local = Path(name.replace("\\", "/")) if "\\" in name and not is_file(Path(name)) else Path(name)
    folders = [images] if images else [path.parent, path.parent / "images"]
    for folder in folders:
        for candidate in (folder / local, folder / local.name):
            if is_file(candidate):
                return candidate
    return folders[0] / local


def write(part: Labelled, file: Path) -> None:
    """Write one split as a project about one list of pictures."""
    sio = require("sleap_io", extra="sleap", feature="a SLEAP project")
    skeleton = _skeleton(sio, part)
    width, height = part.sizes[0]
    about: dict[str, object] = {
        "type": "ImageVideo",
        "shape": [len(part.places), height, width, 3],
        "filenames": list(part.places),
    }
    about |= {"filename": part.places[0], "grayscale": False}
    video = sio.Video(filename=list(part.places), open_backend=False, backend_metadata=about)
    frames = []
    for i, labels in enumerate(part.labels):
        posed = labels[(labels.visibility > 0).any(axis=1)]
        instances = [sio.Instance.from_numpy(np.asarray(xy, dtype=np.float64), skeleton=skeleton) for xy in posed.xy]
        frames.append(sio.LabeledFrame(video=video, frame_idx=i, instances=instances))
    project = sio.Labels(labeled_frames=frames, videos=[video], skeletons=[skeleton])
    file.parent.mkdir(parents=True, exist_ok=True)
    sio.save_slp(project, os.fspath(file), embed=False, verbose=False)


def _skeleton(sio: Any, part: Labelled) -> Any:
    skeleton, names = part.spec.skeleton, list(part.spec.names.values())
    nodes = [sio.Node(point) for point in skeleton.keypoints]
    return sio.Skeleton(
        nodes=nodes,
        edges=[sio.Edge(nodes[a], nodes[b]) for a, b in skeleton.edges],
        symmetries=[sio.Symmetry([nodes[a], nodes[b]]) for a, b in skeleton.pairs],
        name=names[0] if len(names) == 1 else "object",
    )

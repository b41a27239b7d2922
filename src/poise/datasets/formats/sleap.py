"""SLEAP's projects (.slp), through sleap-io: labelled pictures and one skeleton.

Of projects about a video and of packages with embedded pictures (``.pkg.slp``) the labelled frames are written once as
pictures into the cache. A point that SLEAP calls
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
import PIL.Image
from numpy.typing import NDArray

from poise import files
from poise.datasets._dataset import Dataset
from poise.datasets._find import is_file, local
from poise.datasets._unpack import once
from poise.datasets.formats._build import Declared, Found, Record, build, listed
from poise.datasets.formats._capacity import FormatCapacity, Labelled
from poise.datasets.formats._registry import Reading
from poise.errors import FormatError, PoiseError, require
from poise.sources import open_source

_MOST_FRAMES, _LAST_FRAME = 1_000_000, 100_000_000
_MOST_VALUES = 3 * 178_956_970  # as for other pictures: Pillow's limit, three times for RGB

HOLDS = FormatCapacity(boxes=False, classes=False, hidden=False, bare=False, skeleton=("edges", "flip_idx"))
FILE = "{split}.slp"


def read(path: Path, split: str, how: Reading) -> Dataset:
    """Read the labelled frames of a project."""
    sio = require("sleap_io", extra="sleap", feature="a SLEAP project")
    if not path.is_file():
        raise FormatError(f"{path}: {files.no_file(path)}")
    try:
        labels = sio.load_slp(os.fspath(path), open_videos=False)
        declared = _declared(path, labels.skeletons)
        unread: Counter[str] = Counter()
        records = list(_records(path, labels, how, unread))
    except PoiseError:
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
    for place, video in enumerate(labels.videos):
        pictures = _pictures(path, place, video, sorted(n for v, n in frames if v == id(video)), how.images)
        for number, (name, file) in pictures.items():
            record = Record(name, path=file)
            frame = frames.get((id(video), number))
            for instance in frame.instances if frame is not None else ():
                if type(instance).__name__ != "Instance":
                    unread["predictions"] += 1
                    continue
                record.found.append(_found(instance))
            yield record


def _pictures(
    path: Path, place: int, video: Any, labelled: list[int], images: Path | None
) -> dict[int, tuple[str, Path]]:
    """Return name and file of each picture of a video by its number: a list's, or the labelled frames."""
    if isinstance(video.filename, list):
        return {n: (str(name), _find(path, str(name), images)) for n, name in enumerate(video.filename)}
    if not labelled:
        return {}
    if len(labelled) > _MOST_FRAMES or not all(0 <= n < _LAST_FRAME for n in labelled):
        raise FormatError(f"{path}: {len(labelled):,} labelled frames, up to number {labelled[-1]:,}, are too many")
    about = video.backend_metadata if isinstance(video.backend_metadata, dict) else {}
    if about.get("dataset"):
        _check_embedded(path, str(about["dataset"]))
        folder = once(path, f"frames of video {place}", lambda to: _write_embedded(path, video, labelled, to))
    else:
        file = _find(path, str(video.filename), images)
        if not is_file(file):
            raise FormatError(
                f"{path}: its video {str(video.filename)[:200]} is not there (looked for {file}); say in which "
                "folder it is: --images FOLDER (images=FOLDER)"
            )
        kind = f"frames {','.join(map(str, labelled))}"
        folder = once(file, kind, lambda to: _write_frames(file, labelled, to))
    return {n: (_frame_name(n), folder / _frame_name(n)) for n in labelled}


def _frame_name(number: int) -> str:
    return f"frame_{number:06d}.png"


def _check_embedded(path: Path, dataset: str) -> None:
    """Raise where embedded pictures would be read from another file than the package."""
    h5py = require("h5py", extra="sleap", feature="pictures in a SLEAP package")
    with h5py.File(path, "r") as file:
        node: Any = file
        for part in dataset.strip("/").split("/"):
            if not isinstance(node, h5py.Group) or not isinstance(node.get(part, getlink=True), h5py.HardLink):
                raise FormatError(f"{path}: has no pictures in {dataset[:100]!r}")
            node = node[part]
        if not isinstance(node, h5py.Dataset) or node.is_virtual or node.external:
            raise FormatError(f"{path}: {dataset[:100]!r} holds no pictures of this file")


def _write_embedded(path: Path, video: Any, labelled: list[int], folder: Path) -> None:
    video.open()
    try:
        for number in labelled:
            _write(np.asarray(video[number]), folder / _frame_name(number))
    finally:
        video.close()


def _write_frames(file: Path, labelled: list[int], folder: Path) -> None:
    wanted = set(labelled)
    for number, frame in enumerate(open_source(file)):
        if number in wanted:
            wanted.discard(number)
            _write(frame.image[..., ::-1], folder / _frame_name(number))
        if not wanted:
            return
    raise FormatError(f"{file}: has {number + 1} frames, and frame {min(wanted)} is labelled")


def _write(image: NDArray[Any], file: Path) -> None:
    """Write an RGB or grey picture."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or not 0 < image.size <= _MOST_VALUES:
        raise FormatError(f"{file.name}: a frame of shape {image.shape} and {image.dtype} is no picture")
    grey = image.ndim == 3 and image.shape[2] == 1
    PIL.Image.fromarray(np.ascontiguousarray(image[..., 0] if grey else image)).save(file)


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
    plain = Path(local(name))
    folders = [images] if images else [path.parent, path.parent / "images", path.parent / "videos"]
    for folder in folders:
        for candidate in (folder / plain, folder / plain.name):
            if is_file(candidate):
                return candidate
    return folders[0] / plain


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

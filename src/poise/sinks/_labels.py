"""Labels out: YOLO text files and COCO JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from poise.errors import FormatError, PoiseError
from poise.files.writing import PathLike, replacing, write_all, write_atomically
from poise.results import Results
from poise.sinks._journal import LineJournal, journal_of, read_lines
from poise.sinks._rows import class_name, printable, yolo_lines
from poise.sinks._sink import Names, SinkBase, Stems, refuse_existing


class YoloTxtSink(SinkBase):
    """Writes one text file a frame with one line an instance, as YOLO-pose labels.

    ``runner.jpg`` gives ``runner.txt``, frame 12 of ``clip.mp4`` gives ``clip_12.txt``; a frame without instances gives
    none, as the field has it. A second ``runner.jpg`` from another folder gives ``runner-2.txt``.

    Args:
        folder: Made when the first file is written.
        save_conf: Write predictions in place of labels, see :func:`yolo_lines`.
        overwrite: Replace files from before this run instead of choosing another name.
        stems: Names of the sources, shared with other sinks of the same run.
    """

    def __init__(
        self, folder: PathLike, save_conf: bool = False, *, overwrite: bool = False, stems: Stems | None = None
    ) -> None:
        super().__init__()
        self._stems = stems or Stems()
        self.folder = Path(folder)
        self._save_conf = save_conf
        self._names = Names(overwrite=overwrite)

    def write(self, result: Results) -> None:
        """Write the labels of one frame."""
        stem = self._stems.frame(result)
        if len(result):
            path = self._names.take(self.folder, stem, ".txt")
            text = "\n".join(yolo_lines(result, save_conf=self._save_conf)) + "\n"
            write_atomically(path, text.encode("utf-8", "backslashreplace"))
            self.paths.append(path)


# Where a picture lies, in journals only: what it is called in the end depends on all others.
_PLACE = "place"


class _ImageIds:
    """Gives every frame a number as COCO's files have it: the digits of the file's name, else the next free number."""

    def __init__(self, known: Mapping[str, int] | None, notes: list[str]) -> None:
        self._known = {name: int(number) for name, number in (known or {}).items()}
        self._reserved = frozenset(self._known.values())  # also of pictures that are still to come
        self._notes = notes
        self._used: dict[int, str] = {}
        self._last = 0

    def number(self, result: Results) -> int:
        """Return the number of a frame's picture.

        Raises:
            PoiseError: Two pictures have one name, and the numbers that are given do not say which is meant.
        """
        place = result.media.path or result.media.name
        name = Path(place).name
        chosen = self._given(place, result.media.kind == "image")
        if chosen is not None and result.media.kind != "image" and chosen in self._used:
            chosen = None  # the name of a video is its first frame's; each frame is an image
        if chosen is None:
            stem = Path(name).stem
            digits = result.media.kind == "image" and stem.isascii() and stem.isdigit()
            taken = self._used.keys() | self._reserved
            chosen = int(stem) if digits and int(stem) not in taken else None
            if digits and chosen is None:
                self._last = self._free()
                chosen = self._last
                why = f"is called {name} too" if int(stem) in self._used else f"has the id {int(stem)}"
                self._notes.append(f"{printable(place)}: another picture {why}; this one's id is {chosen}")
        if chosen is None:
            chosen = self._last = self._free()
        self._used[chosen] = place if result.media.kind == "image" else ""
        return chosen

    def _given(self, place: str, still: bool) -> int | None:
        """Return the number that was given, by the longest end of the path that is known."""
        if not self._known:
            return None
        parts = Path(place).parts
        for begin in range(len(parts)):
            name = "/".join(parts[begin:])
            if name in self._known:
                chosen = self._known[name]
                other = self._used.get(chosen, "")
                if still and other and Path(other).absolute() != Path(place).absolute():
                    raise PoiseError(
                        f"{printable(place)} and {printable(other)} have one name and would get one id, {chosen}; give "
                        f"image_ids by folder and name, such as {'/'.join(parts[-2:])!r}"
                    )
                return chosen
        return None

    def _free(self) -> int:
        number = self._last + 1
        while number in self._used or number in self._reserved:
            number += 1
        return number


class _CocoSink(SinkBase):
    """A JSON file that is made of a journal at the end."""

    _format = ""

    def __init__(self, path: PathLike, *, image_ids: Mapping[str, int] | None = None, overwrite: bool = False) -> None:
        super().__init__()
        self.path = Path(path)
        self._overwrite = overwrite
        self._ids = _ImageIds(image_ids, self.notes)
        self._journal: LineJournal | None = None
        self._closed = False
        refuse_existing(self.path, overwrite=overwrite)

    def close(self) -> None:
        """Make the JSON file of the journal."""
        if self._closed:
            return
        self._closed = True
        self._begin().close()
        recover_coco(journal_of(self.path), self.path)
        self.paths.append(self.path)

    def _begin(self) -> LineJournal:
        if self._journal is None:
            self._journal = LineJournal(self.path, {"format": self._format}, overwrite=self._overwrite)
        return self._journal


class CocoResultsSink(_CocoSink):
    """Writes the results list of the COCO keypoint task: image_id, category_id, keypoints, score.

    Each keypoint is x, y, conf; what was not predicted is 0, 0, 0, for the format has no null. The category is the
    class number plus one, so that person is 1 as in COCO. Frames go to ``PATH.journal`` first; ``close`` makes the
    file of it, and after a crash :func:`recover` does.

    Args:
        path: A file to make.
        image_ids: File name to image number, as in the ground truth; where two folders hold one name, with as many
            folders before it as tell them apart (``b/000000358083.jpg``). A file that is not in it gets the number that
            is its name (``000000358083.jpg`` gives 358083), and any other frame the next free number from 1.
        overwrite: Replace an existing file, and drop the journal of a run that did not end.
    """

    _format = "coco-results"

    def write(self, result: Results) -> None:
        """Take one frame; it is in the journal when this returns."""
        image = self._ids.number(result)
        rows = _coco_instances(result)
        self._begin().add(
            [
                (
                    "result",
                    {
                        "image_id": image,
                        "category_id": row["category_id"],
                        "keypoints": row["keypoints"],
                        "score": row["score"],
                        "bbox": row["bbox"],
                    },
                )
                for row in rows
            ]
        )


class CocoAnnotationsSink(_CocoSink):
    """Writes a whole COCO keypoint dataset: images, annotations, categories with keypoint names and skeleton.

    What was predicted has visibility 2, what was not 0, 0, 0. ``area`` is the box's, as there is no segment. Every
    annotation also has its ``score``, and ``track_id`` where it is tracked. Frames of a video are images with
    ``video``, ``frame`` and ``time``; their ``file_name`` is that under which :class:`PictureSink` writes them. A
    picture's ``file_name`` is its name; where two have one name, those of all pictures are their places below the
    folder that holds them all (``a/1.jpg``, ``b/1.jpg``).

    Args:
        path: A file to make.
        image_ids: File name to image number, as for :class:`CocoResultsSink`.
        min_conf: Keypoints below this confidence count as not labelled.
        overwrite: Replace an existing file, and drop the journal of a run that did not end.
    """

    _format = "coco-annotations"

    def __init__(
        self,
        path: PathLike,
        *,
        image_ids: Mapping[str, int] | None = None,
        min_conf: float = 0.0,
        overwrite: bool = False,
    ) -> None:
        super().__init__(path, image_ids=image_ids, overwrite=overwrite)
        self._min_conf = min_conf
        self._stems = Stems()
        self._annotations = 0
        self._categories: set[int] = set()

    def write(self, result: Results) -> None:
        """Take one frame; it is in the journal when this returns."""
        height, width = result.orig_shape
        number = self._ids.number(result)
        source = Path(printable(result.media.path or result.media.name)).name
        image: dict[str, Any] = {"id": number, "file_name": source, "width": width, "height": height}
        if result.media.kind == "image" and result.media.path:
            image[_PLACE] = printable(str(Path(result.media.path).absolute()))
        if result.media.kind != "image":
            image["file_name"] = f"{printable(self._stems.frame(result))}.jpg"
            image |= {"video": source, "frame": int(result.frame), "time": round(float(result.time), 6)}
        entries: list[tuple[str, Any]] = [("image", image)]
        for category in coco_categories(result):
            if category["id"] not in self._categories:
                self._categories.add(category["id"])
                entries.append(("category", category))
        for row in _coco_instances(result, min_conf=self._min_conf):
            self._annotations += 1
            points = row["keypoints"]
            visible = row.pop("visible")
            points[2::3] = [2 * v for v in visible]
            entries.append(
                (
                    "annotation",
                    {
                        "id": self._annotations,
                        "image_id": number,
                        **row,
                        "num_keypoints": sum(visible),
                        "area": round(row["bbox"][2] * row["bbox"][3], 2),
                        "iscrowd": 0,
                    },
                )
            )
        self._begin().add(entries)


def _coco_instances(result: Results, *, min_conf: float = -1.0) -> list[dict[str, Any]]:
    """Return COCO's columns for each instance; ``visible`` is 1 for a keypoint that is there."""
    points = result.keypoints
    conf = np.ones(points.xy.shape[:2]) if points.conf is None else np.asarray(points.conf, dtype=np.float64)
    there = np.isfinite(points.xy).all(axis=-1) & np.isfinite(conf) & (conf >= min_conf)
    xy = np.round(np.asarray(points.xy, dtype=np.float64), 2)
    rows = np.where(there[..., None], np.concatenate([xy, np.round(conf, 4)[..., None]], axis=-1), 0.0)
    boxes = np.nan_to_num(np.asarray(result.boxes.xyxy, dtype=np.float64))
    bboxes = np.round(np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1), 2)
    scores = np.round(np.nan_to_num(np.asarray(result.boxes.conf, dtype=np.float64)), 5)
    ids = [None] * len(result) if result.boxes.id is None else result.boxes.id.tolist()
    return [
        {
            "category_id": category,
            "bbox": bbox,
            "keypoints": values,
            "score": score,
            **({} if track is None or track != track else {"track_id": int(track)}),
            "visible": visible,
        }
        for category, bbox, values, score, track, visible in zip(
            (result.boxes.cls.astype(int) + 1).tolist(),
            bboxes.tolist(),
            rows.reshape(len(result), 3 * rows.shape[1]).tolist(),
            scores.tolist(),
            ids,
            there.astype(int).tolist(),
            strict=True,
        )
    ]


def coco_categories(result: Results) -> Iterator[dict[str, Any]]:
    """Give COCO's categories of a frame: the classes of its model, numbered from 1."""
    skeleton = result.skeleton
    for number in sorted({*result.names, *result.boxes.cls.astype(int).tolist()}):
        yield {
            "id": number + 1,
            "name": class_name(result, number),
            "supercategory": skeleton.instance,
            "keypoints": list(skeleton.keypoints),
            # COCO counts keypoints from 1 here.
            "skeleton": [[a + 1, b + 1] for a, b in skeleton.edges],
        }


def recover_coco(journal: Path, path: Path) -> None:
    """Make the JSON file of a journal, whole or cut short by a crash, and remove the journal."""
    first = next(read_lines(journal), None)
    if first is None or first[0] != "head" or first[1].get("format") not in ("coco-results", "coco-annotations"):
        raise FormatError(f"{journal}: is not the journal of a COCO file")
    with replacing(path) as part, part.open("wb") as out:
        # Passes over the journal instead of lists in memory: a run may have millions of frames.
        if first[1]["format"] == "coco-results":
            _write_list(out, _of_kind(journal, "result"))
        else:
            write_all(out, b'{"info": {"description": "Predicted by Poise"}, "licenses": [],\n')
            for i, key in enumerate(("image", "annotation", "category")):
                name = {"category": "categories"}.get(key, f"{key}s")
                write_all(out, f'{", " if i else ""}"{name}": '.encode())
                values = _of_kind(journal, key)
                _write_list(out, _named(journal, values) if key == "image" else values)
            write_all(out, b"}\n")
    journal.unlink()


def _of_kind(journal: Path, wanted: str) -> Iterator[Any]:
    return (value for kind, value in read_lines(journal) if kind == wanted)


def _named(journal: Path, images: Iterable[Any]) -> Iterator[Any]:
    """Give images with file names that tell pictures of one name apart."""
    places: dict[str, str] = {}
    clash, folder = False, None
    for image in _of_kind(journal, "image"):
        if place := image.get(_PLACE):
            clash |= places.setdefault(image["file_name"], place) != place
            parent = str(Path(place).parent)
            try:
                folder = parent if folder is None else os.path.commonpath([folder, parent])
            except ValueError:  # two drives of Windows
                folder = ""
    for image in images:
        place = image.pop(_PLACE, None)
        if clash and place:
            below = os.path.relpath(place, folder) if folder else place
            image["file_name"] = below.replace(os.sep, "/")
        yield image


def _write_list(out: Any, values: Iterable[Any]) -> None:
    write_all(out, b"[")
    for i, value in enumerate(values):
        text = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
        write_all(out, (b",\n" if i else b"\n") + text)
    write_all(out, b"\n]")

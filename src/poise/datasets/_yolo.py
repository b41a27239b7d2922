"""YOLO-pose label files: one line an instance, class, box and keypoints divided by the picture's size.

Source: the field's label format, ``class cx cy w h`` then K times ``x y`` or ``x y v``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise.datasets._find import is_file
from poise.datasets._labels import Labels, Problem

# A coordinate may leave the picture by a hundredth before the row is refused. Source: the field's reader.
_SLACK = 0.01
_FOLDERS = {"images": "labels", "Images": "Labels", "IMAGES": "LABELS"}
_LABELS = tuple(_FOLDERS.values())
_ENDINGS = (".txt", ".TXT", ".Txt")
# Boxes may leave the picture, as the field's reader has it, but none is a hundred pictures wide: those are pixels.
_LARGEST_BOX = 100


def label_path(image: Path) -> Path:
    """Return where a picture's labels are: the last folder ``images`` becomes ``labels``, the ending ``.txt``.

    A folder ``Images`` becomes ``Labels``, and ``IMAGES`` becomes ``LABELS``.
    """
    parts = list(image.parts)
    for i in range(len(parts) - 2, -1, -1):
        if parts[i] in _FOLDERS:
            parts[i] = _FOLDERS[parts[i]]
            break
    return Path(*parts).with_suffix(".txt")


def find_labels(image: Path) -> Path:
    """Return a picture's label file as it is spelled on the disk; where there is none, as :func:`label_path` has it.

    Windows and macOS take ``A.TXT`` in ``Labels`` for ``a.txt`` in ``labels``; what was written there has any of them.
    """
    usual = label_path(image)
    if is_file(usual):
        return usual
    beside = image.with_suffix(".txt")
    folders = [usual.parent]
    if usual.parent != beside.parent:
        here = image.parts
        i = next(i for i, (a, b) in enumerate(zip(here, usual.parts, strict=True)) if a != b)
        folders = [Path(*here[:i], name, *here[i + 1 : -1]) for name in dict.fromkeys((usual.parts[i], *_LABELS))]
    spelled = (folder / f"{usual.stem}{ending}" for folder in folders for ending in _ENDINGS)
    return next((path for path in spelled if is_file(path)), usual)


def parse_labels(
    text: str, file: Path, *, size: tuple[int, int], classes: int, kpt_shape: tuple[int, int], min_conf: float = 0.0
) -> tuple[Labels, list[Problem], NDArray[np.int64]]:
    """Read the text of one label file.

    Args:
        text: What is in the file.
        file: Its name, for problems.
        size: Width and height of the upright picture, pixels.
        classes: Number of classes.
        kpt_shape: Keypoints K and values a keypoint D.
        min_conf: Of saved predictions, whose third value is a confidence: above it a keypoint is seen, else it is not
            labelled.

    Returns:
        The rows that can be used; a problem for each row that cannot, and for rows that stand there twice (the first
        is kept); and for each row its line in the file, from 1.
    """
    k, d = kpt_shape
    columns = 5 + k * d
    problems: list[Problem] = []
    numbers: list[int] = []
    rows: list[list[float]] = []
    seen: dict[str, int] = {}
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), start=1)]
    predicted = d == 3 and _predicted([words for _, words in lines], k)

    def wrong(kind: str, line: int, message: str, mend: str) -> None:
        problems.append(Problem(kind, "error", file, line, message, mend))

    for number, words in lines:
        if not words:
            continue
        if predicted and len(words) in (columns + 1, columns + 2):
            del words[columns:]  # the box's confidence, and a track's id
        if len(words) != columns:
            wrong(
                "wrong-columns",
                number,
                f"{len(words)} column{'s' if len(words) != 1 else ''}, expected {columns} (class, box of 4, {k} x {d})",
                "write spaces between the values"
                if len(words) == 1 and _joined(words[0])
                else f"correct the line, or kpt_shape in the data set's YAML{_other_shape(len(words), k, d)}",
            )
            continue
        try:
            row = [_number(word) for word in words]
        except ValueError:
            odd = next(word for word in words if not _is_number(word))
            wrong("not-a-number", number, f"{odd[:40]!r} is not a number", "correct the line")
            continue
        first = seen.setdefault(" ".join(words), number)
        if first != number:
            problems.append(
                Problem(
                    "duplicate-row",
                    "warning",
                    file,
                    number,
                    f"the same as line {first}; used once",
                    f"delete line {number}",
                )
            )
            continue
        numbers.append(number)
        rows.append(row)
    table = np.array(rows, dtype=np.float64).reshape(-1, columns)
    if predicted:
        conf = table[:, 7::3]
        table[:, 7::3] = np.where((conf >= 0) & (conf <= 2), np.where(conf > min_conf, 2, 0), conf)
        limit = f"above {min_conf:g}" if min_conf else "above 0"
        text = f"the third value of a keypoint is a confidence, as predictions have it: {limit} it counts as seen"
        mend = "set another limit with min_conf=0.5 (--min-conf 0.5), or save predictions without confidences"
        problems.append(Problem("confidences", "note", file, None, text, mend))
    if d == 3:
        # What is not labelled may lie anywhere, also nowhere.
        table[:, 5:].reshape(-1, k, 3)[table[:, 7::3] == 0] = 0
    keep = np.ones(len(table), bool)
    for i, (kind, message, mend) in _bad_rows(table, classes, k, d).items():
        wrong(kind, numbers[i], message, mend)
        keep[i] = False
    problems.sort(key=lambda p: p.line or 0)
    return _to_pixels(table[keep], size, k, d), problems, np.array(numbers, dtype=np.int64)[keep]


def _predicted(lines: list[list[str]], k: int) -> bool:
    """Return whether a file holds saved predictions: a third value is a fraction, and all are from 0 to 1, 1 or 2."""
    fraction = False
    for words in lines:
        for word in words[7 : 5 + 3 * k : 3] if len(words) >= 5 + 3 * k else ():
            try:
                value = float(word)
            except ValueError:
                return False
            if value != 2 and not 0 <= value <= 1:
                return False
            fraction |= 0 < value < 1
    return fraction


def _bad_rows(table: NDArray[np.float64], classes: int, k: int, d: int) -> dict[int, tuple[str, str, str]]:
    """Return for each row that cannot be used the kind of problem, the message and the mend."""
    bad: dict[int, tuple[str, str, str]] = {}
    if not len(table):
        return bad
    with np.errstate(invalid="ignore"):
        number = table[:, 0]
        points = table[:, 5:].reshape(-1, k, d)
        xy = points[..., :2]
        checks = (
            ("not-finite", ~np.isfinite(table).all(1)),
            ("class-out-of-range", (number != np.floor(number)) | (number < 0) | (number >= classes)),
            ("negative-size", (table[:, 3:5] < 0).any(1)),
            ("negative-value", (table[:, 1:5] < -_SLACK).any(1) | ((xy < -_SLACK).any((1, 2)) if d == 3 else False)),
            ("not-normalised", (xy > 1 + _SLACK).any((1, 2))),
            ("box-not-normalised", (table[:, 1:5] > _LARGEST_BOX).any(1)),
            ("bad-visibility", ~np.isin(points[..., 2], (0, 1, 2)).all(1) if d == 3 else np.zeros(len(table), bool)),
        )
    for kind, rows in checks:
        for i in np.flatnonzero(rows):
            if int(i) not in bad:
                bad[int(i)] = (kind, *_words(kind, table[i], classes, k, d))
    return bad


def _words(kind: str, row: NDArray[np.float64], classes: int, k: int, d: int) -> tuple[str, str]:
    xy = row[5:].reshape(k, d)[:, :2]
    if kind == "not-finite":
        return (
            "a value is NaN or infinite",
            "correct the line; what is not labelled is '0 0 0' in a file with visibility",
        )
    if kind == "class-out-of-range":
        return (
            f"class {row[0]:g}, expected a whole number from 0 to {classes - 1}",
            "correct the class, or names in the YAML",
        )
    if kind == "negative-size":
        return f"box of width {row[3]:g} and height {row[4]:g}", "correct the box"
    if kind == "negative-value":
        return f"a negative value ({min(row[1:5].min(), xy.min()):g}), expected 0 to 1", "correct the line"
    if kind == "box-not-normalised":
        return f"a box value of {row[1:5].max():g}, expected 0 to 1 (pixels?)", "divide by the picture's size"
    if kind == "not-normalised":
        i = int(np.argmax(xy.max(1)))
        what = "pixels?" if xy.max() > 2 else "outside the picture"
        return (
            f"keypoint {i} at ({xy[i, 0]:g}, {xy[i, 1]:g}), expected 0 to 1 ({what})",
            "divide x by the picture's width and y by its height",
        )
    return f"visibility must be 0, 1 or 2, got {sorted(set(row[7::3].tolist()) - {0, 1, 2})}", "correct the line"


def _to_pixels(table: NDArray[np.float64], size: tuple[int, int], k: int, d: int) -> Labels:
    scale = np.array(size, dtype=np.float64)
    centre, extent = table[:, 1:3] * scale, table[:, 3:5] * scale
    points = table[:, 5:].reshape(-1, k, d)
    xy = points[..., :2] * scale
    # Without visibility every keypoint is labelled, unless it is negative. Source: the field's reader.
    visibility = points[..., 2] if d == 3 else np.where((points < 0).any(-1), 0, 2)
    return Labels.of(table[:, 0], np.concatenate([centre - extent / 2, centre + extent / 2], 1), xy, visibility)


def _joined(word: str) -> bool:
    """Return whether a line without spaces has other signs between its values."""
    return len([part for part in word.replace(";", ",").split(",") if part]) >= 5


def _other_shape(columns: int, k: int, d: int) -> str:
    """Return the kpt_shape that would fit, and where a value or two after the keypoints may come from."""
    fits = [[(columns - 5) // d, d] for d in (2, 3) if columns > 5 and (columns - 5) % d == 0]
    fits.sort(key=lambda shape: shape[0] != k)
    shapes = f" ({' or '.join(map(str, fits))} would fit)" if fits else ""
    if columns - 5 - k * d in (1, 2):
        shapes += "; a confidence or a track's id at the end is no label: save_txt without save_conf, of predict()"
    return shapes


def _is_number(word: str) -> bool:
    try:
        _number(word)
    except ValueError:
        return False
    return True


def _number(word: str) -> float:
    """Return a decimal number; Python's own 1_000 is none."""
    if "_" in word:
        raise ValueError(word)
    return float(word)

"""The knobs of the tracker, and the files that hold them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from poise import files
from poise.errors import FormatError, suggest
from poise.skeletons.tomlfile import read_toml

_FOLDER = Path(__file__).parent
_TYPES = ("pose", "bytetrack", "botsort", "ocsort")
_FRAME = 1 / 30  # seconds of a frame, in which the field's files count their track_buffer

# Keys of other trackers' files, each with the values at which it asks for nothing that is not here.
_HARMLESS: dict[str, tuple[Any, ...]] = {
    "gmc_method": ("none", None, "sparseOptFlow"),
    "proximity_thresh": (),
    "appearance_thresh": (),
    "with_reid": (False, None),
    "model": ("auto", None),
    "frame_rate": (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackSettings:
    """How a tracker decides who is who.

    Attributes:
        tracker_type: ``"pose"``: boxes and keypoints; ``"bytetrack"``, ``"botsort"``, ``"ocsort"``: boxes only, with
            the parameters of that tracker's file.
        track_high_thresh: Confidence from which an instance takes part in the first matching.
        track_low_thresh: Confidence from which an instance can still continue a track that nothing better matched.
        new_track_thresh: Confidence from which an instance can begin a track.
        match_thresh: Highest cost, 1 - similarity, of a pair in the first matching.
        fuse_score: Multiply the similarity by the instance's confidence.
        patience: Seconds that a lost track waits to be found again.
        pose_weight: Share of the keypoints in the similarity, 0 to 1; the rest is the box. None: 0.4 for ``"pose"``,
            else 0.
        recover: Look for lost tracks by motion, body proportions and colours. None: only ``"pose"`` does.
        min_hits: Frames in which an instance must be seen before it is given an id; in a stream's first frame one is
            enough.
        max_oks: Of two instances more alike, the better stays; the default leaves people apart who hug.
    """

    tracker_type: str = "pose"
    track_high_thresh: float = 0.4
    track_low_thresh: float = 0.1
    new_track_thresh: float = 0.4
    match_thresh: float = 0.9
    fuse_score: bool = False
    patience: float = 2.0
    pose_weight: float | None = None
    recover: bool | None = None
    min_hits: int = 2
    max_oks: float = 0.85

    def __post_init__(self) -> None:
        if self.tracker_type not in _TYPES:
            raise ValueError(f"no tracker_type {self.tracker_type!r}{suggest(self.tracker_type, _TYPES)}")
        pose = self.tracker_type == "pose"
        if self.pose_weight is None:
            object.__setattr__(self, "pose_weight", 0.4 if pose else 0.0)
        if self.recover is None:
            object.__setattr__(self, "recover", pose)
        for name in ("track_high_thresh", "track_low_thresh", "new_track_thresh", "match_thresh", "pose_weight",
                     "max_oks"):  # fmt: skip
            value = getattr(self, name)
            if not _number(value) or not 0 <= value <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {value!r}")
        for name in ("fuse_score", "recover"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be true or false, got {getattr(self, name)!r}")
        if not _number(self.patience) or not 0 <= self.patience < math.inf:
            raise ValueError(f"patience must be a number of seconds from 0, got {self.patience!r}")
        if not isinstance(self.min_hits, int) or isinstance(self.min_hits, bool) or self.min_hits < 1:
            raise ValueError(f"min_hits must be a whole number from 1, got {self.min_hits!r}")
        if self.track_low_thresh > self.track_high_thresh:
            raise ValueError(
                f"track_low_thresh must not exceed track_high_thresh, got {self.track_low_thresh} and "
                f"{self.track_high_thresh}"
            )


def read_settings(tracker: str | Path | TrackSettings | None = None) -> TrackSettings:
    """Return the settings of a tracker.

    Args:
        tracker: None: the default; ``"pose.yaml"``, ``"bytetrack.yaml"``, ``"botsort.yaml"`` (with or without the
            ending) come with Poise; anything else is the path of a ``.yaml`` or ``.toml`` file of ``key: value``
            lines, whose keys are the attributes of :class:`TrackSettings` and ``track_buffer``, the patience in
            frames of 1/30 second.

    Raises:
        FormatError: The file does not exist or holds a wrong key or value, with the file and line.
    """
    if isinstance(tracker, TrackSettings):
        return tracker
    path = Path("pose.yaml" if tracker is None else tracker)
    if not path.exists():
        bundled = sorted(file.name for file in _FOLDER.glob("*.yaml"))
        name = path.name if path.suffix else f"{path.name}.yaml"
        if len(path.parts) > 1 or name not in bundled:
            raise FormatError(f"no tracker file {str(path)!r}{suggest(name, bundled)}")
        path = _FOLDER / name
    table, at = _toml(path) if path.suffix.lower() == ".toml" else _flat_yaml(path)
    known = {f.name for f in fields(TrackSettings)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key in known:
            values[key] = value
        elif key == "track_buffer":
            if not _number(value) or not 0 <= value < 1e9:
                raise FormatError(f"{at(key)}: track_buffer must be a number of frames, got {value!r}")
            values.setdefault("patience", value * _FRAME)
        elif key not in _HARMLESS:
            raise FormatError(f"{at(key)}: unknown key {key!r}{suggest(key, [*known, 'track_buffer'])}")
        elif _HARMLESS[key] and value not in _HARMLESS[key]:
            raise FormatError(f"{at(key)}: {key}: {value!r} is not supported; leave the line out")
    try:
        return TrackSettings(**values)
    except (TypeError, ValueError) as error:
        key = str(error).split(" ", 1)[0] if str(error).split(" ", 1)[0] in known else "tracker_type"
        raise FormatError(f"{at(key)}: {error}") from error


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _toml(path: Path) -> tuple[dict[str, Any], Callable[[str], str]]:
    file = read_toml(path)
    return file.table, file.at


def _flat_yaml(path: Path) -> tuple[dict[str, Any], Callable[[str], str]]:
    """Read ``key: value`` lines: all that tracker files hold, so that no YAML package is needed.

    Returns:
        What the file says, and a function from a key to ``path:line``.

    Raises:
        FormatError: It cannot be read, or has a line that is something else.
    """
    try:
        text = files.read_text(path, most=files.MOST_SETTINGS)
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not a readable tracker file: {error}") from error
    lines: dict[str, str] = {}
    table: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        bare = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        if not bare.strip() or bare.strip() == "---":
            continue
        parts = re.fullmatch(r"([A-Za-z_]\w*)\s*:\s+(\S.*?)\s*|([A-Za-z_]\w*)\s*:\s*", bare)
        if parts is None:
            raise FormatError(f"{path}:{number}: expected a line 'key: value', got {line.strip()!r}")
        key, value = parts[1] or parts[3], parts[2]
        if key in table:
            raise FormatError(f"{path}:{number}: {key!r} is there twice")
        table[key], lines[key] = _scalar(value), f"{path}:{number}"
    return table, lambda key: lines.get(key, str(path))


def _scalar(text: str | None) -> Any:
    if text is None or text.lower() in ("null", "~"):
        return None
    if text.lower() in ("true", "false", "yes", "no", "on", "off"):
        return text.lower() in ("true", "yes", "on")
    if text[0] in "\"'" and text[-1] == text[0] and len(text) > 1:
        return text[1:-1]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text

"""How help is laid out: commands and options in groups that say what they are for."""

from __future__ import annotations

from functools import cache
from typing import Any

from cyclopts import Group
from cyclopts.help import DefaultFormatter, HelpPanel

# Commands in the order in which a user meets them.
COMMANDS = {
    "See": ("demo", "sample", "predict"),
    "Follow": ("track", "fix", "angles"),
    "Count and recognise": ("reps", "gestures", "events"),
    "Move a character": ("mocap", "play"),
    "Many files": ("batch", "search"),
    "Serve": ("serve",),
    "Train": ("data", "train", "val", "export"),
    "Show to others": ("web",),
    "Tools": ("info", "models", "weights", "doctor", "completion", "help", "version"),
}

# Of a command that has commands of its own.
INSIDE = Group("Commands")

# Options by what they are for, the same in every command; a word ending in "*" stands for all that begin so.
_OPTIONS = {
    "What is done": (
        "exercise", "exercises", "live", "names", "repair", "set", "body", "hands", "hands-only", "mirrored", "zone",
        "falls", "posture", "reps", "gestures", "tracker", "max-gap", "max-join", "swaps", "gate", "steady", "smooth",
        "protocol", "tables", "calibrate", "id", "height", "fov", "foot-lock", "rig", "fps", "vmc",
        "map", "list", "web", "player", "players", "work", "status",
        "like", "top", "person", "window", "mirror", "upright", "max-distance", "every-frame", "looks",
        "host", "port", "queue", "token", "no-token", "cors", "allow-host", "record", "open",
    ),
    "What is found": (
        "model", "conf", "iou", "imgsz", "max-det", "classes", "augment", "tile", "detector", "skeleton", "calibration",
        "end2end",
    ),
    "What is read": (
        "cfg", "data", "split", "images", "batch", "vid-stride", "stream-buffer", "reconnect", "fraction", "rect",
        "cache", "min-conf", "follow", "dedupe", "split", "sources", "video",
    ),
    "What is written": (
        "dry-run", "osc", "ws", "sink",
        "save", "save-*", "json", "csv", "out", "report", "sheet", "plot", "heatmap", "preview", "post", "events",
        "project", "name", "exist-ok", "overwrite", "format", "rows",
    ),
    "What is drawn": (
        "show", "show-*", "line-width", "kpt-radius", "kpt-line", "font", "plots",
    ),
    "How it runs": (
        "device", "runtime", "threads", "precision", "workers", "amp", "deterministic", "seed", "quiet", "verbose",
        "ray", "time-limit", "stall-limit", "retries", "retry-failed",
    ),
    "How it learns": (
        "epochs", "time", "patience", "optimizer", "lr*", "cos-lr", "momentum", "weight-decay", "warmup-*", "nbs",
        "freeze", "head-only", "variants", "pretrained", "resume", "single-cls", "box", "cls", "dfl", "pose", "kobj",
        "rle", "val", "recipe",
    ),
    "How pictures are changed": (
        "hsv-*", "degrees", "translate", "scale", "shear", "perspective", "flip*", "bgr", "mosaic", "mixup", "cutmix",
        "close-mosaic", "multi-scale", "blur", "grey", "jpeg",
    ),
}  # fmt: skip
# Commands with fewer options than these are shown in one group.
_MANY = 9


def group_of(command: str) -> Group | None:
    """Return the group of a command in the list of commands."""
    return next((_group(title) for title, names in COMMANDS.items() if command in names), None)


@cache
def _group(title: str) -> Group:
    return Group(title, sort_key=list(COMMANDS).index(title))


def place_of(command: str) -> int:
    """Return the place of a command in its group."""
    return next((names.index(command) for names in COMMANDS.values() if command in names), 0)


class Grouped(DefaultFormatter):
    """Lays out help as usual, but the options of a command that has many of them in groups."""

    def __call__(self, console: Any, options: Any, panel: HelpPanel) -> None:
        """Print one panel, or a panel for each group that its options are of."""
        show = super().__call__
        if panel.format != "parameter" or len(panel.entries) < _MANY:
            show(console, options, panel)
            return
        for title, entries in split(panel.entries).items():
            part = HelpPanel(format="parameter", title=title or panel.title, entries=entries)
            show(console, options, part)


def split(entries: list[Any]) -> dict[str, list[Any]]:
    """Sort options into their groups; those of none are under the empty title, first."""
    groups: dict[str, list[Any]] = {title: [] for title in ("", *_OPTIONS)}
    for entry in entries:
        words = getattr(entry, "positive_names", None) or getattr(entry, "names", ()) or ("",)
        title = next((title for title, names in _OPTIONS.items() if _named(words[0].lstrip("-"), names)), "")
        groups[title].append(entry)
    return {title: found for title, found in groups.items() if found}


def _named(word: str, names: tuple[str, ...]) -> bool:
    return any(word.startswith(name[:-1]) if name.endswith("*") else word == name for name in names)

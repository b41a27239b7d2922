"""``poise train``: a network for your own points."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from cyclopts import Parameter

from poise.errors import require
from poise.files.text import say, screen
from poise.training.settings import TrainSettings


def train(**given: Any) -> int:
    """Train a network on labelled pictures; every setting may also stand in a file (--cfg).

    Checkpoints, curves and tables are written under runs/pose/train. Ctrl-C stops; --resume goes on exactly where it
    stopped. Exit code: 0 done, 1 something could not be used or written, 2 wrong use, 130 stopped.
    """
    require("torch", extra="train", feature="poise train")

    from poise.cli._notes import hush
    from poise.training.loop import train as run
    from poise.training.run import settings_of

    cfg = given.pop("cfg", None)
    settings = settings_of({name: value for name, value in given.items() if value is not None}, cfg=cfg)
    if not settings.verbose:
        hush()
    done = run(settings)
    if done.rank:
        return 0  # the first of several processes speaks for all
    console = screen(stderr=True, quiet=not settings.verbose)
    kept = f"best epoch {done.best_epoch}" if done.best_epoch else "nothing was measured; the last epoch is kept"
    console.print(f"{done.why}; {kept}: {done.best}", soft_wrap=True)
    if done.results is not None:
        box, pose = done.results.box, done.results.pose
        console.print(
            f"box mAP50 {box.map50:.4f}, mAP50-95 {box.map:.4f}; pose mAP50 {pose.map50:.4f}, mAP50-95 {pose.map:.4f}",
            soft_wrap=True,
        )
    say(done.best)
    return 0


def _signature() -> inspect.Signature:
    """Make the command's flags from the settings, so that they are written down once."""
    hints = get_type_hints(TrainSettings)
    about = dict(re.findall(r"^    (\w+): (.+)$", inspect.getdoc(TrainSettings) or "", re.M))
    flags = [_flag("cfg", Path, "A TOML or YAML file with settings.")]
    for field in fields(TrainSettings):
        if field.name == "given":
            continue
        kind = hints[field.name]
        if field.name in ("freeze", "flip_idx", "flipud_idx", "cache", "resume", "pretrained", "amp"):
            kind = str
        default = f" [{field.default}]" if field.default is not None else ""
        flags.append(_flag(field.name, kind, about.get(field.name, "") + default))
    return inspect.Signature(flags, return_annotation=int)


def _flag(name: str, kind: Any, text: str) -> inspect.Parameter:
    annotation = Annotated[kind | None, Parameter(help=text, show_default=False)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


train.__signature__ = _signature()  # type: ignore[attr-defined]
train.__annotations__ = {name: p.annotation for name, p in train.__signature__.parameters.items()}  # type: ignore[attr-defined]

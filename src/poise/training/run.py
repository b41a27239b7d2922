"""The run's folder and settings: a new one, or one that goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import torch
from torch import distributed

from poise.errors import ModelError, PoiseError, require
from poise.files.writing import held, write_atomically, writing
from poise.sinks import RunFolder
from poise.training.checkpoints import State, read_state
from poise.training.config import TrainSettings
from poise.training.distributed import Group


def settings_of(arguments: Mapping[str, Any], *, cfg: str | Path | None = None) -> TrainSettings:
    """Return the settings of a call; with ``resume`` those of the training that goes on.

    Raises:
        TypeError, ValueError: A setting that is not known or cannot be, or that a training may not change.
        ModelError: There is no training to go on with.
    """
    resume = TrainSettings.of({"resume": arguments.get("resume", False)}).resume
    if not resume:
        return TrainSettings.of(arguments, cfg=cfg)
    path = _newest(str(arguments.get("project", "runs/pose"))) if resume is True else Path(resume)
    if path.is_dir():
        path = path / "weights/last.pt" if (path / "weights").is_dir() else path / "last.pt"
    kept = TrainSettings.of(read_state(path).args)
    changed = {name: value for name, value in arguments.items() if name != "resume"}
    return TrainSettings.of({**kept.continued(changed).table(), "resume": str(path)})


class Run:
    """The folder of a training.

    Attributes:
        folder: Where it is; made.
        state: The training that goes on, or None.
    """

    def __init__(self, settings: TrainSettings, group: Group) -> None:
        self.state: State | None = None
        self._folder: RunFolder | None = None
        self._lock: IO[bytes] | None = None
        if settings.resume:
            self.state = read_state(str(settings.resume))
            place = Path(str(settings.resume)).resolve().parent.parent
            project, name, exist_ok = place.parent, place.name, True
        else:
            project, name, exist_ok = Path(settings.project), settings.name, settings.exist_ok
        if group.rank == 0:
            self._folder = RunFolder(project, name, exist_ok=exist_ok)
            self.folder = self._folder.path
            self._lock = _held(self.folder)
            try:
                (self.folder / "weights").mkdir(exist_ok=True)
                for part in (self.folder / "weights").glob("*.part"):  # of a training that was killed while it wrote
                    part.unlink(missing_ok=True)
                self.note(settings)
            except OSError as error:
                raise PoiseError(f"{self.folder}: cannot be written: {error.strerror or error}") from error
        if group.world > 1:
            shared = [str(self.folder) if group.rank == 0 else ""]
            distributed.broadcast_object_list(shared, 0)
            self.folder = Path(shared[0])

    def note(self, settings: TrainSettings) -> None:
        """Write down the settings."""
        if self._folder is not None:
            yaml = require("yaml", extra="train", feature="training")
            text = yaml.safe_dump(settings.table(), sort_keys=False, allow_unicode=True)
            write_atomically(self.folder / "args.yaml", text)

    def tell(self, status: Any, **facts: Any) -> None:
        """Write the run's manifest."""
        if self._folder is not None:
            self._folder.manifest(status, torch=torch.__version__, **facts)

    @contextmanager
    def ending(self, facts: Callable[[], Mapping[str, Any]]) -> Iterator[None]:
        """Write into the manifest how the work inside ends, and let go of the folder."""
        with ExitStack() as stack:
            stack.callback(self.close)
            if self._folder is not None:
                self._folder.at_end(facts)
                stack.enter_context(self._folder)
            yield

    def close(self) -> None:
        """Let go of the folder, so that another training may go on in it."""
        if self._lock is not None:
            with suppress(OSError):
                (self.folder / ".lock").unlink()
            self._lock.close()
            self._lock = None


def _held(folder: Path) -> IO[bytes]:
    """Hold a run's folder until the file that is returned is closed.

    Raises:
        PoiseError: Another training is at work in it.
    """
    with writing(folder):
        lock = (folder / ".lock").open("ab")
    if not held(lock):
        lock.close()
        raise PoiseError(
            f"{folder}: another training is at work in this folder; wait for its end, or end it, and go on then"
        )
    return lock


def _newest(project: str) -> Path:
    """Find the newest training that is not finished."""
    found = sorted(Path(project).glob("**/weights/last.pt"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found:
        try:
            read_state(path)
        except ModelError:
            continue
        return path
    done = f" ({len(found)} there are finished)" if found else ""
    raise ModelError(
        f"{project}: no training to go on with{done}; name its last.pt: --resume runs/pose/train/weights/last.pt"
    )

"""The run of a training: its folder, its settings, and what is left in it after every epoch and at the end."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import torch
from torch import distributed

from poise.errors import ModelError, PoiseError, require
from poise.files.writing import held, write_atomically, writing
from poise.sinks import RunFolder
from poise.training import checkpoints
from poise.training.callbacks import Training
from poise.training.checkpoints import ResumeState, read_state
from poise.training.devices import Group
from poise.training.settings import TrainSettings
from poise.training.step import Precision


def settings_of(arguments: Mapping[str, Any], *, cfg: str | Path | None = None) -> TrainSettings:
    """Return the settings of a call; with ``resume`` those of the training that goes on.

    Raises:
        TypeError, ValueError: A setting that is not known or cannot be, or that a training may not change.
        ModelError: There is no training to go on with.
    """
    resume = TrainSettings.of({"resume": arguments.get("resume", False)}).resume
    if not resume:
        return TrainSettings.of(arguments, cfg=cfg)
    path = _newest_unfinished(str(arguments.get("project", "runs/pose"))) if resume is True else Path(resume)
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
        self.state: ResumeState | None = None
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
            self._lock = _lock_folder(self.folder)
            try:
                (self.folder / "weights").mkdir(exist_ok=True)
                for part in (self.folder / "weights").glob("*.part"):  # of a training that was killed while it wrote
                    part.unlink(missing_ok=True)
                self.write_settings(settings)
            except OSError as error:
                raise PoiseError(f"{self.folder}: cannot be written: {error.strerror or error}") from error
        if group.world > 1:
            shared = [str(self.folder) if group.rank == 0 else ""]
            distributed.broadcast_object_list(shared, 0)
            self.folder = Path(shared[0])
        self._tables = ResultTables(self.folder)

    def write_settings(self, settings: TrainSettings) -> None:
        """Write the settings: ``args.yaml``."""
        if self._folder is not None:
            yaml = require("yaml", extra="train", feature="training")
            text = yaml.safe_dump(settings.table(), sort_keys=False, allow_unicode=True)
            write_atomically(self.folder / "args.yaml", text)

    def write_manifest(self, **facts: Any) -> None:
        """Write into the run's manifest that it runs, and how."""
        if self._folder is not None:
            self._folder.manifest("running", torch=torch.__version__, **facts)

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Write into the manifest how the work inside ends, and let go of the folder."""
        with ExitStack() as stack:
            stack.callback(self._unlock)
            if self._folder is not None:
                stack.enter_context(self._folder)
            yield

    def at_end(self, facts: Callable[[], Mapping[str, Any]]) -> None:
        """Ask for what the manifest says when the work ends."""
        if self._folder is not None:
            self._folder.at_end(facts)

    def save_epoch(self, training: Training, precision: Precision) -> None:
        """Write ``last.pt``, ``best.pt`` if it is the best, and the tables.

        The state to go on is written last: whatever breaks before, the training goes on from an epoch that is whole.

        Raises:
            PoiseError: The disk is full or not writable; what was written before is still there.
        """
        average = training.ema.network
        checkpoint = checkpoints.describe(training)
        done = len(training.rows)
        if training.best_epoch == done or not training.best_epoch:
            checkpoints.write_archive(training.best, checkpoints.usable_content(checkpoint, average))
        period = training.args.save_period
        if period > 0 and done % period == 0:
            path = training.wdir / f"epoch{done}.pt"
            checkpoints.write_archive(path, checkpoints.usable_content(checkpoint, average))
        self._tables.write(training.rows)
        state = checkpoints.snapshot(training, precision)
        checkpoints.write_archive(training.last, checkpoints.resumable_content(checkpoint, state))
        training.kept = done

    def drop_state(self, training: Training) -> None:
        """Take the state out of ``last.pt``, as the training is finished."""
        checkpoints.strip_state(training.last)

    def close_tables(self) -> None:
        """Finish the tables."""
        self._tables.close()

    def _unlock(self) -> None:
        """Let go of the folder, so that another training may go on in it."""
        if self._lock is not None:
            with suppress(OSError):
                (self.folder / ".lock").unlink()
            self._lock.close()
            self._lock = None


def _lock_folder(folder: Path) -> IO[bytes]:
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


def _newest_unfinished(project: str) -> Path:
    """Find the newest training that is not finished."""
    paths = sorted(Path(project).glob("**/weights/last.pt"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in paths:
        try:
            read_state(path)
        except ModelError:
            continue
        return path
    done = f" ({len(paths)} there are finished)" if paths else ""
    raise ModelError(
        f"{project}: no training to go on with{done}; name its last.pt: --resume runs/pose/train/weights/last.pt"
    )


class ResultTables:
    """The run's tables, written anew after every epoch so that a resumed run has each epoch once.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tensorboard = _open_tensorboard(folder)

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write ``results.csv`` and ``results.jsonl``, and the last row for TensorBoard.

        Args:
            rows: Column to value, a row an epoch that is finished.

        Raises:
            PoiseError: They cannot be written.
        """
        last = rows[-1]
        table = io.StringIO()
        writer = csv.DictWriter(table, fieldnames=list(last), lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows({key: _csv_value(value) for key, value in row.items()} for row in rows)
        lines = [json.dumps({key: _json_value(value) for key, value in row.items()}) + "\n" for row in rows]
        write_atomically(self._folder / "results.csv", table.getvalue())
        write_atomically(self._folder / "results.jsonl", "".join(lines))
        if self._tensorboard is not None:
            for key, value in last.items():
                if key != "epoch":
                    self._tensorboard.add_scalar(key, value, last["epoch"])

    def close(self) -> None:
        """Finish TensorBoard's file."""
        if self._tensorboard is not None:
            self._tensorboard.close()


def _open_tensorboard(folder: Path) -> Any:
    """Open TensorBoard's writer where TensorBoard is installed; it is nobody's dependency."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    return SummaryWriter(str(folder))


def _csv_value(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def _json_value(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value

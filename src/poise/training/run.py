"""The run of a training: its folder, its settings, and what is left in it after every epoch and at the end."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import torch
from torch import distributed

from poise.errors import ModelError, PoiseError, require
from poise.files.writing import held, write_atomically, writing
from poise.networks import Checkpoint
from poise.sinks import RunFolder
from poise.training import checkpoints
from poise.training.checkpoints import State, read_state, snapshot
from poise.training.devices import Group
from poise.training.settings import TrainSettings

if TYPE_CHECKING:
    from poise.training.callbacks import Training
    from poise.training.setup import Parts


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


def describe(training: Training) -> Checkpoint:
    """Say what the averaged network is."""
    return checkpoints.describe(
        training.ema.network,
        training.data.spec,
        path=training.last,
        imgsz=training.args.imgsz,
        args=training.args.table(),
        metrics=training.metrics,
        rows=training.rows,
    )


def keep(training: Training, parts: Parts) -> None:
    """Write ``last.pt``, ``best.pt`` if it is the best, and the tables.

    The state to go on is written last: whatever breaks before, the training goes on from an epoch that is whole.

    Raises:
        PoiseError: The disk is full or not writable; what was written before is still there.
    """
    average = training.ema.network
    about = describe(training)
    done = len(training.rows)
    if training.best_epoch == done or not training.best_epoch:
        checkpoints.write(training.best, checkpoints.finished(about, average))
    period = training.args.save_period
    if period > 0 and done % period == 0:
        checkpoints.write(training.wdir / f"epoch{done}.pt", checkpoints.finished(about, average))
    parts.tables.write()
    state = snapshot(training, parts.precision, checkpoints.random_state())
    checkpoints.write(training.last, checkpoints.unfinished(about, state))


def finish(training: Training, parts: Parts) -> None:
    """Measure the best checkpoint as it lies on the disk, take the state out of ``last.pt``, and say why it ended."""
    if training.rows:
        checkpoints.strip(training.last)
        final = parts.scorer.of_file(training.best)
        training.results = final.metrics
        if not math.isnan(final.fitness):
            training.metrics, training.fitness = final.results, final.fitness
        parts.plots.finish(training.rows, training.best_epoch, final.metrics, training.data.val)
    training.why = training.why or f"all {training.epochs} epochs are done"


class Tables:
    """The run's tables, written anew after every epoch so that a resumed run has each epoch once.

    Args:
        folder: The run's folder.
        rows: Lines of epochs that are finished.
    """

    def __init__(self, folder: Path, rows: list[dict[str, Any]]) -> None:
        self._folder, self._rows = folder, rows
        self._board = _board(folder)

    def write(self) -> None:
        """Write ``results.csv`` and ``results.jsonl``.

        Raises:
            PoiseError: They cannot be written.
        """
        table = io.StringIO()
        writer = csv.DictWriter(table, fieldnames=list(self._rows[-1]), lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows({key: _short(value) for key, value in row.items()} for row in self._rows)
        lines = [json.dumps({k: _json(v) for k, v in row.items()}) + "\n" for row in self._rows]
        for name, text in (("results.csv", table.getvalue()), ("results.jsonl", "".join(lines))):
            path = self._folder / name
            part = path.with_name(f"{name}.{os.getpid()}.part")
            try:
                part.write_text(text, encoding="utf-8")
                part.replace(path)
            except OSError as error:
                part.unlink(missing_ok=True)
                raise PoiseError(f"{path}: cannot be written: {error.strerror or error}") from error
        if self._board is not None:
            row = self._rows[-1]
            for key, value in row.items():
                if key != "epoch":
                    self._board.add_scalar(key, value, row["epoch"])

    def close(self) -> None:
        """Finish TensorBoard's file."""
        if self._board is not None:
            self._board.close()


def _board(folder: Path) -> Any:
    """Open TensorBoard's writer where TensorBoard is installed; it is nobody's dependency."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    return SummaryWriter(str(folder))


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def _json(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""Many files: what a command does to one picture or video, done to a million of them, each exactly once.

    from poise.batch import run_batch
    report = run_batch(["photos/", "clips/"], "results/")

A batch is a folder:

    manifest.sqlite    what there is to do, and what has become of it: every item and every shard
    journal/           rows of items that are done and whose shard is not written yet
    shards/            the output: Parquet, JSON lines or COCO files
    summary.html       what came of it, for people

**Exactly once.** An *item* is a picture, a video or a piece of a long video; a *shard* is a file of the output with the
rows of up to 2,000 consecutive items. Which item is in which shard is decided once, when the item is entered into the
manifest, and by its place in the list alone: neither the number of workers nor their speed changes it.

A worker appends the rows of each item to a journal of its own, as records with a checksum, and the last record of an
item says that it is whole. That record is the truth: an item whose last record is there is done, any other is not, and
what was written of it is passed over. The manifest is entered after the record and may be behind it; when a batch is
started again, the journals are read and the manifest is brought up to them. So a kill at any moment costs the items
that were being worked on: at most one for each worker.

When all items of a shard are done or have failed, one process writes it: the rows of its items from all journals, in
the order of the items, into a file of another name, flushed to the disk, renamed, and only then entered. A kill before
the entry leaves the journals where they are, and the shard is written again, with the same bytes; after the entry the
journals are removed. If one item was done twice, because its worker was taken for dead, the first is taken: both hold
the same rows, for rows hold nothing that depends on when, where or how fast they were made.

A machine that loses its power may lose what was not flushed. A record that is then missing is noticed when its shard is
written or the batch is started again, because its checksum is not there, and its item is done again.

Only one batch works on a folder: it holds a lock on it, which the system frees when the process is gone.

Where things are: ``worklist`` finds the items, ``plan`` gives them shards, ``manifest`` and ``journal`` remember,
``work`` is what is done, ``worker`` the process that does it, ``engines`` where workers run, ``dispatch`` who gets
what, ``shards`` what is written, ``run`` ties them together; ``status`` and ``page`` tell of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poise.batch.run import run_batch
    from poise.batch.status import BatchReport, Progress, read_status
    from poise.batch.work import WORKS

__all__ = ["WORKS", "BatchReport", "Progress", "read_status", "run_batch"]

# A worker opens this room without all that the process needs that started it.
_HOME = {
    "WORKS": "poise.batch.work",
    "BatchReport": "poise.batch.status",
    "Progress": "poise.batch.status",
    "read_status": "poise.batch.status",
    "run_batch": "poise.batch.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'poise.batch' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value

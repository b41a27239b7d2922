"""A shard is written: the rows of its items from the journals into one file, whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from poise.batch.journal import Kept
from poise.batch.rows import pyarrow
from poise.files.writing import replacing, write_all

ENDINGS = {"parquet": ".parquet", "jsonl": ".jsonl", "coco": ".coco.json"}
# Rows of a group in Parquet. Groups are cut by rows alone, so that the bytes do not depend on who wrote which rows.
_GROUP = 50_000


def shard_name(number: int, form: str) -> str:
    """Return the name of a shard's file."""
    return f"part-{number:06d}{ENDINGS[form]}"


def write_shard(path: Path, form: str, items: Sequence[Kept]) -> dict[str, Any]:
    """Write one shard.

    Args:
        path: The file.
        form: One of ``ENDINGS``.
        items: Those that are done, in order; one at least.

    Returns:
        ``items``, ``rows``, ``bytes``, ``file``, ``sha256``.

    Raises:
        PoiseError: It cannot be written; what was there before stays.
        OSError: A journal cannot be read.
    """
    with replacing(path) as part:
        rows = _parquet(part, items) if form == "parquet" else _text(part, form, items)
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            os.fsync(file.fileno())
    flush_folder(path.parent)
    return {"items": len(items), "rows": rows, "bytes": size, "file": path.name, "sha256": digest}


def flush_folder(folder: Path) -> None:
    """Have the system write the names of a folder to the disk, where it can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows
        return
    try:
        os.fsync(descriptor)
    except OSError:  # a file system that knows no such thing
        pass
    finally:
        os.close(descriptor)


def _text(part: Path, form: str, items: Sequence[Kept]) -> int:
    with part.open("wb", buffering=0) as out:
        if form == "coco":
            from poise.batch.coco import write_coco

            return write_coco(out, (line for kept in items for body in kept.bodies() for line in body.splitlines()))
        for kept in items:
            for body in kept.bodies():
                write_all(out, body)
        return sum(int(kept.facts["rows"]) for kept in items)


def _parquet(part: Path, items: Sequence[Kept]) -> int:
    pa = pyarrow()
    from poise.errors import require

    parquet = require("pyarrow.parquet", extra="tables", feature="writing Parquet")
    schema = pa.ipc.read_schema(pa.py_buffer(items[0].how()))
    count = 0
    with parquet.ParquetWriter(part, schema, compression="zstd", use_dictionary=_repeated(pa, schema)) as out:
        for table in _groups(pa, schema, items):
            out.write_table(table, row_group_size=_GROUP)
            count += len(table)
    return count


def _repeated(pa: Any, schema: Any) -> list[str]:
    """Return the columns whose values repeat: a dictionary of floats costs time and saves nothing."""
    return [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_integer(field.type)]


def _groups(pa: Any, schema: Any, items: Sequence[Kept]) -> Iterator[Any]:
    """Give tables of ``_GROUP`` rows, and the rest."""
    waiting: list[Any] = []
    rows = 0
    for kept in items:
        for body in kept.bodies():
            batch = pa.ipc.read_record_batch(pa.py_buffer(body), schema)
            waiting.append(batch)
            rows += len(batch)
            while rows >= _GROUP:
                # One piece: how rows came together must not show in the file.
                table = pa.Table.from_batches(waiting).combine_chunks()
                yield table.slice(0, _GROUP).combine_chunks()
                rest = table.slice(_GROUP)
                rows = len(rest)
                waiting = rest.to_batches()
    if rows:
        yield pa.Table.from_batches(waiting).combine_chunks()

"""Killed at any moment, a batch goes on, and its output is that of one that nobody disturbed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from batch_kit import call, environment, shards, storm, write_items

pytest.importorskip("pyarrow")
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc to find workers")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_storm_of_kills_changes_no_byte(tmp_path: Path, form: str) -> None:
    items, kills = 60, 5
    sources = write_items(tmp_path / "items", items)
    asked = {"format": form, "work": "batch_kit:people", "page": False}
    calm, wild, log = tmp_path / "calm", tmp_path / "wild", tmp_path / "log"
    calm_log = tmp_path / "calm_log"
    subprocess.run(
        call([sources], calm, workers=1, **asked, pause=0.06, log=str(calm_log)), env=environment(), check=True
    )
    command = call([sources], wild, workers=2, **asked, pause=0.06, log=str(log))

    told = storm(command, kills=kills, seed=7, least=0.8, most=1.3)

    begun = Counter(log.read_text(encoding="utf-8").split())
    assert told["parents"] + told["workers"] >= 3
    assert shards(wild) == shards(calm)
    assert len(begun) == items
    # A worker had one item in work, and so had each of two workers of a process that was killed.
    assert begun.total() - items <= told["workers"] + 2 * told["parents"]
    assert sorted(calm_log.read_text(encoding="utf-8").split()) == sorted(begun)


def test_what_is_left_of_a_kill_is_not_in_the_way(tmp_path: Path) -> None:
    """A record that was cut off, a shard under its temporary name, an item in work: all as a kill leaves them."""
    from poise.batch import run_batch

    sources = write_items(tmp_path / "items", 6)
    calm = run_batch(sources, tmp_path / "calm", work="batch_kit:people", workers=1, page=False)
    out = tmp_path / "out"
    run_batch(sources, out, work="batch_kit:people", workers=1, page=False)
    with sqlite3.connect(out / "manifest.sqlite") as manifest:
        manifest.execute("UPDATE items SET state='running', rows=NULL WHERE number=4")
        manifest.execute("DELETE FROM shards")
    (out / "journal/000000.0-1-aa.journal").write_bytes(b"PJ1\n\x03half of a rec")
    (out / "shards/.part-000000.parquet.1.0.part").write_bytes(b"half of a shard")

    report = run_batch(sources, out, work="batch_kit:people", workers=2, page=False)

    assert (report.done, report.left) == (6, 0)
    assert shards(out) == shards(calm.folder)
    assert list((out / "journal").iterdir()) == []

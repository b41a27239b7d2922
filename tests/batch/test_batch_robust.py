"""One item's trouble is no other's: crashes, hangs, limits, full disks, stops, and folders that are in use."""

from __future__ import annotations

import errno
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from batch_kit import call, children, environment, people, shards, write_items

from poise.batch import BatchReport, read_status, run_batch
from poise.batch.worker import patient
from poise.errors import FormatError, PoiseError, SourceError

pytest.importorskip("pyarrow")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc to find workers")


def run(tmp_path: Path, work: str = "moody", *, items: int = 6, workers: int = 2, **arguments: Any) -> BatchReport:
    sources = write_items(tmp_path / "items", items)
    return run_batch(sources, tmp_path / "out", work=f"batch_kit:{work}", workers=workers, page=False, **arguments)


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        ("exit", "…: its process ended with code 3, alone too"),
        ("fault", "SIGSEGV"),
        ("kill", "ended by SIGKILL"),
        ("memory", "not enough memory for it"),
        ("bug", "RuntimeError: a bug"),
    ],
)
def test_what_ends_its_worker_is_set_aside_and_the_rest_is_done(tmp_path: Path, mood: str, reason: str) -> None:
    report = run(tmp_path, mood=mood, on=2)

    assert (report.done, report.failed, report.left) == (5, 1, 0)
    assert reason.removeprefix("…: ") in report.reasons[0].said
    assert [Path(name).name for name in report.reasons[0].sources] == ["00002.dat"]


def test_what_ended_its_worker_once_is_done_when_it_is_tried_alone(tmp_path: Path) -> None:
    report = run(tmp_path, "once_only", folder=str(tmp_path), on=3)

    assert (report.done, report.failed) == (6, 0)


def test_without_retries_it_is_set_aside_at_once(tmp_path: Path) -> None:
    report = run(tmp_path, "once_only", folder=str(tmp_path), on=3, retries=0)

    assert (report.done, report.failed) == (5, 1)


def test_an_item_that_takes_too_long_is_set_aside(tmp_path: Path) -> None:
    report = run(tmp_path, mood="endless", on=1, time_limit=1.5)

    assert (report.done, report.failed) == (5, 1)
    assert "took longer than 1.5 s (--time-limit)" in report.reasons[0].said


def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    report = run(tmp_path, mood="hang", on=1, stall_limit=1.5)

    assert (report.done, report.failed) == (5, 1)
    assert report.reasons[0].said == "no frame was done in 1.5 s (--stall-limit), alone too"


def test_what_failed_is_tried_again_where_that_is_asked_for(tmp_path: Path) -> None:
    sources = write_items(tmp_path / "items", 4)
    (tmp_path / "items/00002.dat").write_text("no number", encoding="utf-8")
    first = run_batch(sources, tmp_path / "out", work="batch_kit:people", workers=1, page=False)
    (tmp_path / "items/00002.dat").write_text("2", encoding="utf-8")

    again = run_batch(sources, tmp_path / "out", work="batch_kit:people", workers=1, page=False)
    mended = run_batch(sources, tmp_path / "out", work="batch_kit:people", workers=1, page=False, retry_failed=True)

    assert (first.done, first.failed) == (3, 1)
    assert (again.done, again.failed) == (3, 1)
    assert (mended.done, mended.failed, len(mended.shards)) == (4, 0, 2)


def test_other_settings_do_not_mix(tmp_path: Path) -> None:
    run(tmp_path, mood="", items=2)

    with pytest.raises(PoiseError, match=r"mood=''.*asks for 'bug'.*give mood='' to go on.*another folder"):
        run(tmp_path, mood="bug", items=2)
    with pytest.raises(PoiseError, match="format='parquet'"):
        run(tmp_path, mood="", items=2, format="jsonl")


def test_another_model_does_not_mix(tmp_path: Path, photo: Path) -> None:
    run_batch(photo, tmp_path / "out", model="body-fast", workers=1, page=False)

    with pytest.raises(PoiseError, match="model='body-fast'"):
        run_batch(photo, tmp_path / "out", model="body", workers=1, page=False)


def test_a_typo_leaves_no_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        run_batch(tmp_path / "nowhere.jpg", tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_model_that_is_not_known_is_told_at_once(tmp_path: Path, photo: Path) -> None:
    with pytest.raises(PoiseError, match="did you mean 'body'"):
        run_batch(photo, tmp_path / "out", model="bodyy")

    assert not (tmp_path / "out").exists()


def test_wrong_arguments_name_the_nearest(tmp_path: Path, photo: Path) -> None:
    with pytest.raises(TypeError, match="did you mean 'conf'"):
        run_batch(photo, tmp_path / "out", confi=0.3)
    with pytest.raises(ValueError, match="no work named 'tracks'; did you mean 'track'"):
        run_batch(photo, tmp_path / "out", work="tracks")
    with pytest.raises(ValueError, match="format='coco' holds keypoints"):
        run_batch(photo, tmp_path / "out", work="angles", format="coco")


def test_new_sources_are_added_and_old_ones_are_not_done_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run(tmp_path, "people", items=3, log=str(log))
    report = run(tmp_path, "people", items=5, log=str(log))

    assert (report.items, report.done, len(report.shards)) == (5, 5, 2)
    assert len(log.read_text(encoding="utf-8").split()) == 5


def test_a_file_that_was_not_there_is_done_when_it_is(tmp_path: Path) -> None:
    sources = [write_items(tmp_path / "items", 2), tmp_path / "items/00009.dat"]
    first = run_batch(sources, tmp_path / "out", work="batch_kit:people", workers=1, page=False)
    (tmp_path / "items/00009.dat").write_text("9", encoding="utf-8")

    second = run_batch(sources, tmp_path / "out", work="batch_kit:people", workers=1, page=False)

    assert (first.done, first.failed) == (2, 1)
    assert (second.done, second.failed) == (3, 0)


def begun(folder: Path) -> bool:
    """Return whether a batch is at work in a folder that may not be there yet."""
    try:
        return read_status(folder).running
    except PoiseError:
        return False


@linux
def test_two_batches_in_one_folder_are_refused(tmp_path: Path) -> None:
    sources = write_items(tmp_path / "items", 4)
    asked = {"work": "batch_kit:people", "page": False, "pause": 1.0}
    running = subprocess.Popen(call([sources], tmp_path / "out", workers=1, **asked), env=environment())
    try:
        while not begun(tmp_path / "out"):
            assert running.poll() is None
            time.sleep(0.05)

        with pytest.raises(PoiseError, match="another batch is at work in it"):
            run_batch(sources, tmp_path / "out", work="batch_kit:people", page=False, pause=1.0)
    finally:
        running.kill()
        running.wait()


@linux
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_finishes_what_is_in_work(tmp_path: Path, number: signal.Signals, code: int) -> None:
    sources, log = write_items(tmp_path / "items", 40), tmp_path / "log"
    words = ["batch", str(sources), "--out", str(tmp_path / "out"), "--work", "batch_kit:slow", "--workers", "2"]
    running = subprocess.Popen(
        [sys.executable, "-m", "poise", *words],
        env={**environment(), "BATCH_KIT_LOG": str(log)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not log.exists() or len(log.read_text(encoding="utf-8").split()) < 4:
        assert running.poll() is None
        time.sleep(0.05)
    below = children(running.pid)

    running.send_signal(number)
    said = running.communicate(timeout=60)[1]

    status = read_status(tmp_path / "out")
    begun = len(log.read_text(encoding="utf-8").split())
    assert running.returncode == code
    assert "the same command goes on with the rest" in said
    assert status.done + status.failed == begun < 40
    assert not any(Path(f"/proc/{pid}").exists() for pid in below)


@linux
def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    sources = write_items(tmp_path / "items", 4)
    asked = {"work": "batch_kit:people", "page": False, "pause": 30.0}
    running = subprocess.Popen(call([sources], tmp_path / "out", workers=2, **asked), env=environment())
    while len(below := children(running.pid)) < 2:
        assert running.poll() is None
        time.sleep(0.05)

    running.kill()
    running.wait()

    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in below):
        assert time.monotonic() < until, "a worker outlived its parent"
        time.sleep(0.05)


def test_a_full_disk_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said: list[dict[str, Any]] = []
    tries = iter([OSError(errno.ENOSPC, "full"), OSError(errno.ENOSPC, "full"), None])
    monkeypatch.setattr("poise.batch.worker._PAUSE_S", 0.0)

    class Listener:
        def send(self, message: dict[str, Any]) -> None:
            said.append(message)

    def write() -> str:
        if (error := next(tries)) is not None:
            raise error
        return "written"

    assert patient(write, Listener(), tmp_path) == "written"  # type: ignore[arg-type]
    assert said == [{"is": "full", "where": str(tmp_path)}, {"is": "room"}]


def test_a_disk_that_cannot_be_written_to_is_an_error(tmp_path: Path) -> None:
    def write() -> None:
        raise OSError(errno.EROFS, "read-only")

    with pytest.raises(OSError, match="read-only"):
        patient(write, None, tmp_path)  # type: ignore[arg-type]


def test_rows_that_the_machine_lost_are_made_again(tmp_path: Path) -> None:
    """Its power went before the system had written the end of a journal, of which the manifest knows."""
    report = run(tmp_path, "people", items=5, workers=1)
    before = shards(report.folder)
    with sqlite3.connect(report.folder / "manifest.sqlite") as manifest:
        manifest.execute("DELETE FROM shards")  # as if the shard was never written, and nothing is in a journal

    told: list[str] = []
    again = run(tmp_path, "people", items=5, workers=1, on_note=told.append)

    assert (again.done, again.left) == (5, 0)
    assert shards(report.folder) == before
    assert "5 items are done again" in told[0]


def test_the_made_up_people_are_the_same_each_time(tmp_path: Path) -> None:
    write_items(tmp_path, 3)

    first, second = ([r.keypoints.xy.tolist() for r in people(str(tmp_path / "00002.dat"))] for _ in range(2))

    assert first == second


@pytest.mark.parametrize("harm", ["gone", "shorter", "folder gone"])
def test_shards_that_are_gone_or_damaged_are_made_again(tmp_path: Path, harm: str) -> None:
    report = run(tmp_path, "people", items=5, workers=1)
    before = shards(report.folder)
    shard = report.shards[0]
    if harm == "shorter":
        shard.write_bytes(shard.read_bytes()[:-100])
    else:
        shard.unlink()
    if harm == "folder gone":
        shard.parent.rmdir()

    told: list[str] = []
    again = run(tmp_path, "people", items=5, workers=1, on_note=told.append)

    assert (again.done, again.failed, again.left) == (5, 0, 0)
    assert shards(report.folder) == before
    assert "gone or damaged since; what is in it is done again (5 items)" in told[0]


def harm_manifest(path: Path, harm: str) -> None:
    """Damage a manifest."""
    if harm == "holed":
        data = path.read_bytes()
        path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
        return
    with sqlite3.connect(path) as manifest:
        manifest.execute(
            {
                "without a table": "DROP TABLE shards",
                "another table": "ALTER TABLE items RENAME COLUMN state TO status",
                "a fact that is no JSON": "UPDATE facts SET value='{x'",
            }[harm]
        )


@pytest.mark.parametrize("harm", ["holed", "without a table", "another table", "a fact that is no JSON"])
def test_a_damaged_manifest_is_said_in_a_sentence(tmp_path: Path, harm: str) -> None:
    report = run(tmp_path, "people", items=3, workers=1)
    harm_manifest(report.folder / "manifest.sqlite", harm)

    with pytest.raises(FormatError, match=r"manifest\.sqlite: .*damaged.*--out"):
        run(tmp_path, "people", items=3, workers=1)
    with pytest.raises(FormatError, match=r"manifest\.sqlite: .*damaged.*--out"):
        read_status(report.folder)


def test_settings_that_are_no_table_are_said_in_a_sentence(tmp_path: Path) -> None:
    report = run(tmp_path, "people", items=3, workers=1)
    with sqlite3.connect(report.folder / "manifest.sqlite") as manifest:
        manifest.execute("UPDATE facts SET value='5'")

    with pytest.raises(FormatError, match="its settings are damaged"):
        run(tmp_path, "people", items=3, workers=1)


def test_other_files_among_journals_and_samples_are_let_alone(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    for name in ("journal/.x.journal", "journal/abc.journal", "samples/abc.jpg", f"samples/{'9' * 30}.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"mine")
    (folder / "journal/000000.mine.journal").mkdir()

    report = run_batch(write_items(tmp_path / "items", 3), folder, work="batch_kit:people", workers=1)

    assert (report.done, report.left) == (3, 0)
    assert sorted(path.name for path in (folder / "journal").iterdir()) == [
        ".x.journal",
        "000000.mine.journal",
        "abc.journal",
    ]


@pytest.mark.parametrize("source", ["def work(:", "raise RuntimeError('at import')", "import nothing_of_this_name"])
def test_a_module_that_cannot_be_imported_is_told(tmp_path: Path, monkeypatch: Any, source: str) -> None:
    (tmp_path / "broken_work.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    for name in ("broken_work:work", ":work", "..broken_work:work"):
        with pytest.raises(ValueError, match=r"work='.*': cannot be imported: .*expected 'module:function'"):
            run_batch(write_items(tmp_path / "items", 1), tmp_path / "out", work=name)


def test_an_argument_that_was_not_given_before_is_to_be_left_out(tmp_path: Path) -> None:
    run(tmp_path, "people", items=2)

    with pytest.raises(PoiseError, match=r"made without pause, and this call asks for pause=0\.5; leave pause out"):
        run(tmp_path, "people", items=2, pause=0.5)


def fill(folder: Path) -> sqlite3.Connection:
    """Let a manifest behave as on a disk without room, from the first item that is handed out."""
    disk = sqlite3.connect(folder / "manifest.sqlite", isolation_level=None)
    disk.execute(
        "CREATE TRIGGER full BEFORE UPDATE ON items BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    )
    return disk


def test_a_batch_goes_on_when_its_manifest_has_room_again(tmp_path: Path) -> None:
    disk = fill(run(tmp_path, "people", items=2, workers=1).folder)
    told: list[str] = []

    def note(text: str) -> None:
        told.append(text)
        if "waiting for room" in text:
            disk.execute("DROP TRIGGER full")

    report = run(tmp_path, "people", items=4, workers=1, on_note=note)

    assert (report.done, report.left) == (4, 0)
    assert [text for text in told if "room" in text] == [
        f"{tmp_path / 'out' / 'manifest.sqlite'}: the disk is full; waiting for room",
        "there is room on the disk again; going on",
    ]


@linux
def test_a_batch_that_waits_for_room_can_be_stopped(tmp_path: Path) -> None:
    disk = fill(run(tmp_path, "people", items=2, workers=1).folder)

    def note(text: str) -> None:
        if "waiting for room" in text:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="the same command goes on") as stopped:
        run(tmp_path, "people", items=4, workers=1, on_note=note)
    disk.execute("DROP TRIGGER full")
    report = run(tmp_path, "people", items=4, workers=1)

    assert stopped.value.code == 130  # type: ignore[attr-defined]
    assert (report.done, report.left) == (4, 0)

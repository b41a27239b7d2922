"""POST /video: jobs with progress, files and an end."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from server_kit import client_of

from poise import Pose, samples
from poise.live import Stream, StreamSettings
from poise.server import create_app
from poise.sources import open_source

pytest.importorskip("av", reason="needs the extra video")


@pytest.fixture(scope="module")
def squats() -> bytes:
    return Path(samples.squats).read_bytes()


def wait(client: TestClient, key: str, *states: str) -> dict[str, Any]:
    for _ in range(600):
        job = client.get(f"/video/{key}").json()
        if job["state"] in states:
            return job
        assert job["state"] in ("queued", "running"), job
        time.sleep(0.1)
    raise AssertionError(job)


def lines(client: TestClient, key: str, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in client.get(f"/video/{key}/{name}").text.splitlines()]


def test_a_video_gives_the_results_of_a_stream(client: TestClient, squats: bytes) -> None:
    answer = client.post("/video?reps=squat", files={"video": ("my squats.mp4", squats)}, data={"posture": "true"})
    key = answer.json()["id"]
    job = wait(client, key, "done")
    with Pose("body-fast", threads=1) as model, open_source(samples.squats) as source:
        alone = Stream(StreamSettings(reps="squat", posture=True), model=model)
        expected = [alone.process(frame.image, frame.time) for frame in source]
    expected_events = [e.record() for one in expected for e in one.events] + [e.record() for e in alone.finish()]

    assert answer.status_code == 202
    assert answer.headers["location"] == f"video/{key}"
    assert (job["name"], job["progress"], job["frames"], job["total"]) == (
        "my squats.mp4", 1.0, len(expected), len(expected),
    )  # fmt: skip
    assert job["reps"][0]["count"] == 4
    assert [one["name"] for one in job["files"]] == ["results.jsonl", "results.csv", "events.jsonl", "annotated.mp4"]
    found = lines(client, key, "results.jsonl")
    assert [one["instances"] for one in found] == [
        json.loads(json.dumps(one.record()["result"]["instances"])) for one in expected
    ]
    assert {one["source"] for one in found} == {"my squats.mp4"}
    assert lines(client, key, "events.jsonl") == json.loads(json.dumps(expected_events))
    rows = list(csv.DictReader(io.StringIO(client.get(f"/video/{key}/results.csv").text)))
    assert len(rows) == sum(17 * len(one.result) for one in expected)
    drawn = client.get(f"/video/{key}/annotated.mp4")
    assert drawn.headers["content-type"] == "video/mp4"
    with open_source(drawn.content) as source:
        again = [(frame.image.shape, frame.time) for frame in source]
    assert len(again) == len(expected)
    assert again[-1][1] == pytest.approx(expected[-1].result.time, abs=0.05)


def test_a_raw_body_without_the_drawn_video(client: TestClient) -> None:
    data = Path(samples.clip).read_bytes()
    answer = client.post("/video?annotated=false", content=data, headers={"Content-Type": "video/mp4"})
    job = wait(client, answer.json()["id"], "done")

    assert [one["name"] for one in job["files"]] == ["results.jsonl", "results.csv", "events.jsonl"]


def test_deleting_stops_the_work_and_removes_the_files(client: TestClient, squats: bytes) -> None:
    service = client.app.state.service
    keys = [client.post("/video", files={"video": squats}).json()["id"] for _ in range(2)]
    folders = [service.videos.get(key).folder for key in keys]
    wait(client, keys[0], "running", "done")
    for key in keys:
        assert client.delete(f"/video/{key}").status_code == 204
        assert client.get(f"/video/{key}").status_code == 404
        assert client.delete(f"/video/{key}").status_code == 404
    for _ in range(100):
        if not any(folder.exists() for folder in folders):
            break
        time.sleep(0.1)

    assert not any(folder.exists() for folder in folders)


def test_files_go_after_their_time(squats: bytes) -> None:
    app = create_app(keep_s=1.0, max_frames=5, threads=1)
    with client_of(app) as client:
        key = client.post("/video", files={"video": squats}).json()["id"]
        job = wait(client, key, "done")
        folder = app.state.service.folder() / key
        for _ in range(100):
            if not folder.exists():
                break
            time.sleep(0.1)
        gone = client.get(f"/video/{key}")

    assert job["frames"] == 5
    assert "stopped after 5 frames, the most that this server looks at" in job["notes"][-1]
    assert not folder.exists()
    assert gone.json() == {"error": "no such video; its time may be over"}


def test_the_work_folder_goes_with_the_server(squats: bytes) -> None:
    app = create_app(threads=1)
    with client_of(app) as client:
        client.post("/video", files={"video": squats})
        folder = app.state.service.folder()
        assert folder.stat().st_mode & 0o077 == 0

    assert not folder.exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"hello, this is no video", "x.mp4: neither a picture nor a video"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "x.mp4"),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "x.mp4"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "x.mp4: a picture, not a video; send it to /predict"),
        (Path(samples.clip).read_bytes()[:3000], "x.mp4"),
    ],
)
def test_what_is_no_video_fails_in_one_sentence(client: TestClient, data: bytes, said: str) -> None:
    key = client.post("/video", files={"video": ("../x.mp4", data)}).json()["id"]
    job = wait(client, key, "failed")

    assert job["error"].startswith(said)
    assert str(client.app.state.service.folder()) not in job["error"]
    assert "root:" not in json.dumps(job)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("conf=2", "conf must be from 0 to 1, got 2"),
        ("reps=sqat", "reps: no 'sqat'; did you mean 'squat'?"),
        ("gestures=hands,feet", "gestures: no 'feet'"),
        ("model=/etc/passwd", "no model named '/etc/passwd' is offered here"),
        ("rep=squat", "no setting 'rep'; did you mean 'reps'?"),
    ],
)
def test_wrong_settings_are_told_and_leave_nothing(client: TestClient, query: str, said: str) -> None:
    folder = client.app.state.service.folder()
    before = sorted(folder.iterdir())
    answer = client.post(f"/video?{query}", files={"video": b"x"})

    assert answer.status_code == 422
    assert answer.json()["error"].startswith(said)
    assert sorted(folder.iterdir()) == before


def test_no_more_videos_than_allowed_and_no_larger_ones(squats: bytes) -> None:
    with client_of(create_app(max_jobs=1, max_video=len(squats), threads=1)) as client:
        too_large = client.post("/video", content=squats + b"x")
        first = client.post("/video", content=squats)
        second = client.post("/video", content=squats)

    assert (too_large.status_code, first.status_code, second.status_code) == (413, 202, 429)
    assert second.json()["error"] == "the server is busy: 1 videos are worked on already; try again in 30 s"
    assert second.headers["retry-after"] == "30"


@pytest.mark.parametrize("name", ["upload", "..%2fupload", "results.parquet", "%2e%2e", "results.csv"])
def test_only_finished_files_of_results_are_given(client: TestClient, name: str) -> None:
    key = client.post("/video", content=b"no video").json()["id"]
    wait(client, key, "failed")

    assert client.get(f"/video/{key}/{name}").status_code == 404


def test_uploads_that_come_count_and_broken_ones_leave_room(squats: bytes) -> None:
    app = create_app(max_jobs=1, threads=1)
    videos = app.state.service.videos
    with client_of(app) as client:
        coming = videos.prepare()
        refused = client.post("/video", content=squats)
        videos.discard(coming)
        broken = client.post("/video", content=b"x", headers={"Content-Type": "multipart/form-data; boundary=y"})
        taken = client.post("/video?annotated=0", content=squats)

    assert (refused.status_code, broken.status_code, taken.status_code) == (429, 400, 202)


def test_a_work_folder_that_was_removed_is_made_again(squats: bytes) -> None:
    app = create_app(max_jobs=1, threads=1)
    service = app.state.service
    with client_of(app) as client:
        shutil.rmtree(service.folder())
        job = client.post("/video?annotated=0", content=squats).json()
        wait(client, job["id"], "done")
        folder = service.folder()

    assert not folder.exists()


def test_a_video_that_cannot_be_kept_leaves_room(squats: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(max_jobs=1, threads=1)
    service = app.state.service
    with client_of(app) as client:
        with monkeypatch.context() as full:
            full.setattr(service.videos, "_work", lambda: Path("/nowhere/at/all"))
            failed = client.post("/video", content=squats)
        taken = client.post("/video?annotated=0", content=squats)

    assert (failed.status_code, taken.status_code) == (500, 202)

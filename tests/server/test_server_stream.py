"""WS /stream: the answers of a stream of one's own, whatever comes and however many others there are."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from server_kit import running
from starlette.websockets import WebSocketState

from poise import Pose, samples
from poise.image import encode
from poise.live import Stream, StreamSettings
from poise.server import ServerSettings
from poise.server.service import Service
from poise.server.sessions import Session
from poise.sources import decode_picture, open_source

connect = pytest.importorskip("websockets.sync.client").connect
ConnectionClosed = pytest.importorskip("websockets.exceptions").ConnectionClosed


@pytest.fixture(scope="module")
def frames() -> list[tuple[bytes, float]]:
    """The squats, every other frame, as JPEG pictures with their times."""
    with open_source(samples.squats, vid_stride=2) as source:
        return [(encode(frame.image, ".jpg"), frame.time) for frame in source]


def timed(data: bytes, seconds: float, seq: int) -> bytes:
    return b"PSF1" + struct.pack("<dI", seconds, seq) + data


def say(socket: Any, **message: Any) -> None:
    socket.send(json.dumps(message))


def hear(socket: Any, kind: str | None = None) -> dict[str, Any]:
    message = json.loads(socket.recv(timeout=30))
    if kind is not None:
        assert message["type"] == kind, message
    return message


def test_answers_are_those_of_a_stream(server: Any, frames: list) -> None:
    settings = {"model": "body-fast", "reps": "squat", "posture": True}
    with Pose("body-fast", threads=1) as model:
        alone = Stream(StreamSettings(**settings), model=model)
        expected = [alone.process(decode_picture(data), seconds).record() for data, seconds in frames]
    with connect(f"ws://{server[0]}/stream") as socket:
        say(socket, type="settings", **settings)
        ready = hear(socket, "ready")
        found = []
        for seq, (data, seconds) in enumerate(frames):
            socket.send(timed(data, seconds, seq))
            found.append(hear(socket, "answer"))

    assert ready["model"] == "body-fast"
    assert ready["settings"] == StreamSettings(**settings).record()
    assert (len(ready["skeleton"]["keypoints"]), len(ready["skeleton"]["flip_idx"])) == (17, 17)
    assert [one.pop("seq") for one in found] == list(range(len(frames)))
    for one, other in zip(found, expected, strict=True):
        speed, _ = one.pop("speed"), other.pop("speed")
        assert list(speed) == ["decode", "preprocess", "inference", "postprocess", "after"]
        assert (one.pop("type"), one.pop("dropped")) == ("answer", 0)
    assert found == json.loads(json.dumps(expected))
    assert [(one["exercise"], one["count"]) for one in found[-1]["reps"]] == [("squat", 4)]


def test_frames_without_a_time_are_of_now_and_of_several_formats(server: Any, picture: bytes) -> None:
    image = PIL.Image.open(io.BytesIO(picture)).resize((320, 240))
    with connect(f"ws://{server[0]}/stream") as socket:
        for kind in ("JPEG", "PNG", "WEBP"):
            out = io.BytesIO()
            image.save(out, kind)
            socket.send(out.getvalue())
        seen = [hear(socket) for _ in range(2)]  # at least: ready, and an answer
        assert [one["type"] for one in seen] == ["ready", "answer"]
        answers = [seen[1]]
        while answers[-1]["seq"] < 2:
            answers.append(hear(socket, "answer"))

    times = [one["result"]["time"] for one in answers]
    assert times == sorted(times)
    assert len(answers) + sum(one["dropped"] for one in answers) == 3


def test_the_latest_frame_wins_and_what_was_dropped_is_told(server: Any, picture: bytes) -> None:
    with connect(f"ws://{server[0]}/stream") as socket:
        say(socket, type="settings")
        hear(socket, "ready")
        for seq in range(40):
            socket.send(timed(picture, seq / 30, seq))
        answers = [hear(socket, "answer")]
        while answers[-1]["seq"] < 39:
            answers.append(hear(socket, "answer"))

    assert len(answers) < 40
    assert len(answers) + sum(one["dropped"] for one in answers) == 40
    assert [one["seq"] for one in answers] == sorted(one["seq"] for one in answers)


def test_settings_begin_a_new_stream_where_they_differ(server: Any, frames: list) -> None:
    with connect(f"ws://{server[0]}/stream") as socket:
        say(socket, type="settings", model="body-fast")
        hear(socket, "ready")
        numbers = []
        for seq, (data, seconds) in enumerate(frames[:6]):
            if seq == 2:
                say(socket, type="settings", model="body-fast")  # the same
            if seq == 4:
                say(socket, type="settings", model="body-fast", conf=0.3)
            if seq in (2, 4):
                assert hear(socket, "ready")["settings"]["conf"] == (0.1 if seq == 2 else 0.3)
            socket.send(timed(data, seconds, seq))
            numbers.append(hear(socket, "answer")["result"]["frame"])
        say(socket, type="reset")
        socket.send(timed(*frames[6], 6))
        numbers.append(hear(socket, "answer")["result"]["frame"])

    assert numbers == [0, 1, 2, 3, 0, 1, 0]


def test_the_end_tells_what_was_going_on(server: Any, frames: list) -> None:
    zones = "units = 'relative'\n[zones.all]\npolygon = [[0, 0], [1, 0], [1, 1], [0, 1]]\n"
    with connect(f"ws://{server[0]}/stream") as socket:
        say(socket, type="finish")
        assert hear(socket, "finished")["events"] == []
        say(socket, type="settings", gestures=["hands"], zones=zones)
        hear(socket, "ready")
        events = []
        for i in range(6):
            socket.send(timed(Path(samples.hand).read_bytes(), i / 10, i))
            answer = hear(socket, "answer")
            events += [event["event"] for event in answer["events"]]
        assert answer["hands"]["skeleton"] == "hand21"
        say(socket, type="finish")
        ended = [event["event"] for event in hear(socket, "finished")["events"]]

    assert "open_palm.on" in events
    assert "open_palm.off" in ended


def ending(socket: Any) -> int:
    """Return the code with which the server closes a connection; 1006 where it just ends."""
    try:
        while True:
            socket.recv(timeout=10)
    except ConnectionClosed as closed:
        return 1006 if closed.rcvd is None else closed.rcvd.code


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("nonsense", "a text message must be JSON, got 'nonsense'"),
        ("[1]", "a text message must be a JSON object, got '[1]'"),
        ('{"type": "setings"}', "no message of type 'setings'; did you mean 'settings'?"),
        ("{}", "no message of type 'None'"),
        ('{"type": "settings", "confi": 1}', "settings have no 'confi'; did you mean 'conf'?"),
        ('{"type": "settings", "model": "/etc/passwd"}', "no model named '/etc/passwd' is offered here"),
        ('{"type": "settings", "conf": NaN}', "conf must be from 0 to 1"),
        ('{"type": "settings", "imgsz": 4096}', "imgsz must be at most 1920 pixels on this server"),
        ('{"type": "settings", "zones": "[zones.a"}', "zones"),
        ('{"type": "settings", "model": "hands", "reps": "squat"}', None),
        ("[" * 60_000, "a text message must be JSON"),
        ('"' + "x" * 70_000 + '"', "a text message has at most 65,536 characters"),
        (b"not a picture", "frame: not a picture"),
        (b"", "frame: not a picture"),
        (b"PSF1", "a frame that begins with PSF1 has more than 16 bytes, got 4"),
        (b"PSF1" + struct.pack("<dI", float("nan"), 7) + b"x", "the time of a frame must be seconds, got nan"),
        (b"PSF1" + struct.pack("<dI", 1e300, 7) + b"x", "the time of a frame must be seconds, got 1e+300"),
    ],
)
def test_what_is_wrong_is_told_and_the_session_goes_on(
    server: Any, picture: bytes, message: str | bytes, said: str | None
) -> None:
    with connect(f"ws://{server[0]}/stream") as socket:
        say(socket, type="settings")
        hear(socket, "ready")
        socket.send(message)
        told = hear(socket)
        socket.send(timed(picture, 1.0, 99))
        answer = hear(socket, "answer")

    if said is not None:
        assert told["type"] == "error"
        assert said in told["error"]
        assert "\n" not in told["error"]
    assert answer["seq"] == 99


def test_a_wrong_frame_is_told_with_its_number(server: Any, picture: bytes) -> None:
    with connect(f"ws://{server[0]}/stream") as socket:
        socket.send(timed(picture[:2000], 0.0, 1234))
        hear(socket, "ready")
        assert hear(socket, "error")["seq"] == 1234


def test_two_clients_know_nothing_of_each_other(server: Any, frames: list) -> None:
    def run(part: list, found: list) -> None:
        with connect(f"ws://{server[0]}/stream") as socket:
            say(socket, type="settings", reps="squat")
            hear(socket, "ready")
            for seq, (data, seconds) in enumerate(part):
                socket.send(timed(data, seconds, seq))
                answer = hear(socket, "answer")
                found.append((answer["result"]["instances"], answer["reps"]))

    alone: list = []
    run(frames[:30], alone)
    together: list[list] = [[], [], []]
    parts = (frames[:30], frames[40:70], frames[:30])
    threads = [threading.Thread(target=run, args=pair) for pair in zip(parts, together, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert together[0] == together[2] == alone
    assert together[1] != alone


class Deaf:
    """A connection whose client takes the first answer, and nothing after it."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.application_state = WebSocketState.CONNECTED
        self.messages = messages
        self.sent: list[str] = []

    async def accept(self) -> None:
        pass

    async def receive(self) -> dict[str, Any]:
        if not self.messages:
            await asyncio.Event().wait()
        return self.messages.pop(0)

    async def send_text(self, text: str) -> None:
        if self.sent:
            await asyncio.Event().wait()
        self.sent.append(text)


def test_a_client_that_takes_no_answers_is_let_go(picture: bytes) -> None:
    service = Service(ServerSettings(send_s=0.2, threads=1))
    socket = Deaf([{"type": "websocket.receive", "bytes": picture}])
    asyncio.run(asyncio.wait_for(Session(service, socket).run(), 30))  # type: ignore[arg-type]
    service.close()

    assert json.loads(socket.sent[0])["type"] == "ready"
    assert service.clients == 0


def test_a_client_that_reads_nothing_hurts_no_other(picture: bytes) -> None:
    with running() as (address, _), connect(f"ws://{address}/stream", max_queue=1, close_timeout=0.1) as deaf:
        end = threading.Event()

        def shout() -> None:
            with suppress(ConnectionClosed, OSError):
                while not end.wait(0.01):
                    deaf.send(picture)

        shouting = threading.Thread(target=shout, daemon=True)
        shouting.start()
        with connect(f"ws://{address}/stream") as socket:
            say(socket, type="settings")
            hear(socket, "ready")
            for seq in range(30):
                socket.send(timed(picture, seq / 30, seq))
                assert hear(socket, "answer")["seq"] == seq
        end.set()
        shouting.join(10)


def test_no_more_clients_than_allowed(picture: bytes) -> None:
    with running(max_clients=1) as (address, _):
        with connect(f"ws://{address}/stream") as first:
            say(first, type="settings")
            hear(first, "ready")
            with connect(f"ws://{address}/stream") as second:
                assert hear(second, "error")["error"].startswith("the server is full: 1 clients are connected")
                with pytest.raises(ConnectionClosed) as closed:
                    second.recv(timeout=10)
            first.send(picture)
            hear(first, "answer")
        assert closed.value.rcvd.code == 1013
        time.sleep(0.3)
        with connect(f"ws://{address}/stream") as third:
            say(third, type="settings")
            hear(third, "ready")


def test_too_many_messages_end_the_session_of_who_sends_them(picture: bytes) -> None:
    with running(max_messages=50) as (address, _), connect(f"ws://{address}/stream") as honest:
        with connect(f"ws://{address}/stream", close_timeout=0.1) as flood:
            with suppress(ConnectionClosed):
                for _ in range(10_000):
                    flood.send("x")
            code = ending(flood)
        say(honest, type="settings")
        hear(honest, "ready")
        honest.send(picture)
        hear(honest, "answer")

    assert code in (1008, 1006)


def test_a_silent_client_is_let_go() -> None:
    with running(idle_s=0.5) as (address, _), connect(f"ws://{address}/stream") as socket:
        assert "no message came for long" in hear(socket, "error")["error"]


def test_a_frame_larger_than_allowed_ends_the_session() -> None:
    with running(max_frame=10_000) as (address, _), connect(f"ws://{address}/stream") as socket:
        with suppress(ConnectionClosed):
            socket.send(b"x" * 20_000)
        assert ending(socket) == 1009


def test_sessions_are_recorded_only_where_that_is_asked_for(tmp_path: Path, picture: bytes) -> None:
    with running(record=tmp_path / "kept") as (address, _):
        for count in (2, 3):
            with connect(f"ws://{address}/stream") as socket:
                say(socket, type="settings")
                hear(socket, "ready")
                for seq in range(count):
                    socket.send(timed(picture, seq / 10, seq))
                    last = hear(socket, "answer")
                if count == 3:
                    say(socket, type="finish")
                    last = hear(socket, "finished")
    files = sorted((tmp_path / "kept").iterdir())
    lines = [[json.loads(line) for line in file.read_text().splitlines()] for file in files]

    assert sorted(map(len, lines)) == [2, 4]
    assert last in [one[-1] for one in lines]


def test_a_client_that_leaves_while_a_frame_is_looked_at_leaves_a_whole_record(
    tmp_path: Path, picture: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looking, gone, done = threading.Event(), threading.Event(), threading.Event()
    process, keep = Stream.process, Session._keep

    def slow(*args: Any) -> Any:
        answer = process(*args)
        if answer.result.frame == 1:
            looking.set()
            gone.wait(20)
        return answer

    def kept(self: Session, record: dict[str, Any]) -> None:
        keep(self, record)
        if record["seq"] == 1:
            done.set()

    monkeypatch.setattr(Stream, "process", slow)
    monkeypatch.setattr(Session, "_keep", kept)
    with running(record=tmp_path) as (address, service):
        with connect(f"ws://{address}/stream") as socket:
            socket.send(timed(picture, 0.0, 0))
            hear(socket, "ready")
            hear(socket, "answer")
            socket.send(timed(picture, 0.1, 1))
            assert looking.wait(20)
        while service.clients:
            time.sleep(0.01)
        gone.set()
        assert done.wait(20)
    (file,) = tmp_path.iterdir()

    assert [json.loads(line)["seq"] for line in file.read_text().splitlines()] == [0]
    assert not caplog.records


def test_frames_and_clients_are_counted(picture: bytes) -> None:
    with running() as (address, service), connect(f"ws://{address}/stream") as socket:
        socket.send(picture)
        hear(socket, "ready")
        hear(socket, "answer")
        socket.send(b"x")
        hear(socket, "error")
        text = service.metrics.text()

    for line in ("poise_clients 1", "poise_frames_total 1", "poise_frame_seconds_count 1"):
        assert f"\n{line}\n" in text
    assert 'poise_errors_total{what="frame"} 1' in text

"""Events to an address that is down, slow or wrong, and up again."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from poise.sinks import Webhook


class Server:
    """A local server: answers with what is in ``answers``, then 204."""

    def __init__(self, port: int = 0) -> None:
        self.got: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.free = threading.Event()  # until it is set, nothing is answered
        self.free.set()
        self.tries = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.tries += 1
                outer.free.wait()
                code = outer.answers.pop(0) if outer.answers else 204
                if code == 204:
                    outer.got.append(json.loads(body))
                self.send_response(code)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/events"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.free.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def event(number: int) -> dict[str, Any]:
    return {"time": 0.0, "frame": number, "id": 1, "event": "fall", "value": 1.0, "conf": 0.9}


def test_events_arrive_whole_and_in_order(server: Server) -> None:
    hook = Webhook(server.url)
    for i in range(20):
        hook.write_record(event(i))
    hook.close()

    assert server.got == [event(i) for i in range(20)]


def test_errors_of_the_server_are_tried_again(server: Server) -> None:
    server.answers = [500, 503, 429]
    hook = Webhook(server.url, pause_s=0.01)
    hook.write_record(event(1))
    hook.close()

    assert (server.got, server.tries, hook.sent, hook.failed) == ([event(1)], 4, 1, 0)


def test_a_refusal_is_not_tried_again(server: Server) -> None:
    server.answers = [404]
    hook = Webhook(server.url, pause_s=0.01)
    hook.write_record(event(1))
    hook.write_record(event(2))
    hook.close()

    assert (server.got, hook.failed) == ([event(2)], 1)
    assert "1 of 2 events did not arrive; the last answer was: 404" in hook.note


def test_a_redirect_is_not_followed(server: Server) -> None:
    server.answers = [307]
    hook = Webhook(server.url, pause_s=0.01)
    hook.write_record(event(1))
    hook.close()

    assert (server.tries, hook.failed) == (1, 1)


def test_events_wait_for_a_server_that_is_down_at_first() -> None:
    port = free_port()
    hook = Webhook(f"http://127.0.0.1:{port}/events", pause_s=0.05, max_pause_s=0.1, tries=100)
    hook.write_record(event(1))
    hook.write_record(event(2))
    while not hook._last:  # until a first try has failed
        time.sleep(0.01)
    server = Server(port)
    hook.close()
    server.close()

    assert (server.got, hook.note) == ([event(1), event(2)], "")


def test_the_oldest_events_are_dropped_and_counted_when_the_queue_is_full() -> None:
    hook = Webhook(f"http://127.0.0.1:{free_port()}/", queue=10, flush_s=0.0)
    for i in range(100):
        hook.write_record(event(i))

    assert len(hook._waiting) == 10
    assert json.loads(hook._waiting[-1])["frame"] == 99
    hook.close()
    assert hook.dropped + hook.failed >= 99


def test_a_server_that_does_not_answer_does_not_hold_the_video(server: Server) -> None:
    server.free.clear()
    hook = Webhook(server.url)

    for i in range(50):
        hook.write_record(event(i))

    assert server.got == []  # all fifty were taken before the first was answered
    server.free.set()
    hook.close()
    assert server.got == [event(i) for i in range(50)]


def test_closing_does_not_wait_for_a_server_that_does_not_answer(server: Server) -> None:
    server.free.clear()
    hook = Webhook(server.url, flush_s=0.1)
    hook.write_record(event(1))
    hook.write_record(event(2))

    hook.close()
    hook.close()

    assert server.got == []
    assert hook.dropped >= 1


def test_what_did_not_arrive_is_said() -> None:
    hook = Webhook(f"http://127.0.0.1:{free_port()}/", flush_s=0.1)
    hook.write_record(event(1))
    hook.close()

    assert "1 of 1 events did not arrive" in hook.note


def test_a_server_that_does_not_speak_http_loses_the_event_and_not_the_thread() -> None:
    with socket.create_server(("127.0.0.1", 0)) as rude:

        def answer() -> None:
            for _ in range(2):  # as often as it is tried
                peer, _ = rude.accept()
                peer.sendall(b"\x00\xff not http\r\n\r\n")
                peer.close()

        answering = threading.Thread(target=answer, daemon=True)
        answering.start()
        hook = Webhook(f"http://127.0.0.1:{rude.getsockname()[1]}/", tries=2, pause_s=0.01, flush_s=2.0)
        hook.write_record(event(1))
        hook.close()
        answering.join(5.0)

    assert (hook.sent, hook.failed) == (0, 1)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://host/x", "host/x", "http://", "http://a b/", "http://u:p@host/", "http://h:x/"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Webhook(url)

"""Receivers that listen, do not, come back, cannot be found."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from poise.errors import PoiseError
from poise.mocap import receivers
from poise.mocap.receivers import Receiver, Receivers, Target


def listening(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_DGRAM)
    bound.bind((host, port))
    bound.settimeout(5)
    return bound


@pytest.fixture
def free_port() -> int:
    with listening() as bound:
        return int(bound.getsockname()[1])


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Hands:
    return Hands()


def until(done: Callable[[], bool]) -> None:
    """Wait for a thread to have done its work."""
    end = time.monotonic() + 10
    while not done() and time.monotonic() < end:
        time.sleep(0.005)
    assert done()


@pytest.mark.parametrize(
    ("words", "host", "port"),
    [
        ("127.0.0.1:39540", "127.0.0.1", 39540),
        ("desk.local:9000", "desk.local", 9000),
        ("[::1]:39541", "::1", 39541),
        ("[fe80::1%eth0]:1", "fe80::1%eth0", 1),
        ("localhost", "localhost", 39539),
        ("[::1]", "::1", 39539),
        (" 10.0.0.5:65535 ", "10.0.0.5", 65535),
    ],
)
def test_address_is_host_and_port(words: str, host: str, port: int) -> None:
    assert Target.parse(words, port=39539) == Target(host, port)


@pytest.mark.parametrize(
    "words",
    ["", ":39539", "39539", "a:0", "a:65536", "a:b", "::1:39539", "udp://a:1", "a b:1", "a:1:2", "[x]:1"],
)
def test_what_is_no_address_is_told_with_an_example(words: str) -> None:
    with pytest.raises(ValueError, match=r"--vmc expects host:port .* such as 127\.0\.0\.1:39539, got"):
        Target.parse(words, port=39539, option="--vmc")


def test_port_has_to_be_named_where_there_is_no_usual_one() -> None:
    with pytest.raises(ValueError, match=r"such as 127\.0\.0\.1:9000"):
        Target.parse("localhost")


def test_several_addresses_come_in_lists_and_behind_commas_each_once() -> None:
    found = Target.parse_all(["a:1,b:2", "a:1", "[::1]:3"])

    assert list(map(str, found)) == ["a:1", "b:2", "[::1]:3"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_every_receiver_gets_the_datagrams_in_their_order(host: str) -> None:
    try:
        several = [listening(host), listening(host)]
    except OSError:
        pytest.skip("this machine has no IPv6")
    targets = [Target(host, one.getsockname()[1]) for one in several]

    with Receivers(targets, pytest.fail) as sender:
        for at in range(20):
            sender.send([b"%d a" % at, b"%d b" % at])

    assert (sender.sent, sender.lost) == (80, 0)
    for one in several:
        assert [one.recv(99) for _ in range(40)] == [b"%d %s" % (at, part) for at in range(20) for part in (b"a", b"b")]
        one.close()


def test_nobody_listening_is_told_once_and_sending_goes_on_until_somebody_does(free_port: int, clock: Hands) -> None:
    told: list[str] = []
    one = Receiver(Target("127.0.0.1", free_port), told.append, now=clock)

    for _ in range(20):
        one.send([b"lost"])
    assert told == [
        f"127.0.0.1:{free_port}: no program listens there (yet); start the receiver and compare its port: "
        "sending goes on"
    ]
    with listening(port=free_port) as bound:
        one.send([b"first"])
        assert bound.recv(99) == b"first"
        clock.time += 1.5
        one.send([b"second"])
        assert bound.recv(99) == b"second"
    assert told[1:] == [f"127.0.0.1:{free_port}: a program listens now"]


def test_receiver_that_goes_and_comes_back_gets_what_is_sent_from_then_on(free_port: int, clock: Hands) -> None:
    told: list[str] = []
    one = Receiver(Target("127.0.0.1", free_port), told.append, now=clock)
    with listening(port=free_port) as bound:
        one.send([b"1"])
        sender = bound.recvfrom(99)[1]

    for _ in range(5):
        one.send([b"lost"])
        clock.time += 2

    with listening(port=free_port) as bound:
        one.send([b"2", b"3"])
        # From the same port: receivers that tell senders apart by it take it for the one that they know.
        assert [bound.recvfrom(99) for _ in range(2)] == [(b"2", sender), (b"3", sender)]
    assert len(told) == 1
    assert "no program listens there" in told[0]


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 80])
def test_name_that_nobody_has_is_an_error_that_says_what_to_give(host: str) -> None:
    with pytest.raises(PoiseError, match=rf"{host}:1: no such host .* such as 127\.0\.0\.1"):
        Receiver(Target(host, 1), pytest.fail)


class Broken:
    """A socket over a network that is down."""

    def send(self, data: bytes) -> int:
        raise OSError(101, "Network is unreachable")

    def close(self) -> None:
        pass


def test_network_that_is_down_is_told_once_and_the_name_is_looked_up_again(
    monkeypatch: pytest.MonkeyPatch, clock: Hands
) -> None:
    told: list[str] = []
    asked: list[str] = []
    bound = listening()
    port = bound.getsockname()[1]
    real = socket.getaddrinfo

    def look_up(host: str, *more: Any, **options: Any) -> Any:
        asked.append(host)
        if len(asked) == 2:
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return real("127.0.0.1", *more, **options)

    monkeypatch.setattr(receivers.socket, "getaddrinfo", look_up)
    one = Receiver(Target("desk.local", port), told.append, now=clock)
    one._socket = Broken()  # type: ignore[assignment]

    one.send([b"a", b"b"])
    one.send([b"c"])
    assert asked == ["desk.local"]  # not at once again
    for times in (2, 3):
        clock.time += 2.5
        one.send([b"d"])
        until(lambda times=times: len(asked) == times and bool(one._found))  # type: ignore[misc]
        one.send([b"e"])
    clock.time += 2.5
    one.send([b"f"])

    assert bound.recv(99) == b"f"
    assert told == [
        f"desk.local:{port}: cannot be sent to (Network is unreachable); it is tried again every 2 seconds",
        f"desk.local:{port}: can be sent to again",
    ]
    assert (one.sent, one.lost) == (1, 7)
    bound.close()


def test_datagram_that_the_system_does_not_take_now_is_lost_and_the_next_is_sent(clock: Hands) -> None:
    class Full(Broken):
        def send(self, data: bytes) -> int:
            if data == b"too much":
                raise BlockingIOError
            return len(data)

    one = Receiver(Target("127.0.0.1", 9), pytest.fail, now=clock)
    one._socket = Full()  # type: ignore[assignment]

    one.send([b"a", b"too much", b"c"])

    assert (one.sent, one.lost) == (2, 1)

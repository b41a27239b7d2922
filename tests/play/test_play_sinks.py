"""Where actions go: lines, WebSocket, OSC, and classes of the user's own."""

from __future__ import annotations

import io
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from poise.errors import PoiseError
from poise.play import Action, JsonLines, OscSink, load_sink
from poise.play.sinks import split_address

JUMP = Action("jump", "press", 1.0, 1, 4, 2.5, 0.8, "space", "a")


def test_a_line_of_json_an_action() -> None:
    out = io.StringIO()

    JsonLines(out).send(JUMP)

    assert json.loads(out.getvalue()) == JUMP.record()
    assert out.getvalue().endswith("}\n")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("10.0.0.2:9001", ("10.0.0.2", 9001)), ("studio", ("studio", 9000)), (":7000", ("127.0.0.1", 7000)),
     ("[::1]:8000", ("::1", 8000)), ("[::1]", ("::1", 9000))],
)  # fmt: skip
def test_addresses(given: str, expected: tuple[str, int]) -> None:
    assert split_address(given, port=9000) == expected


@pytest.mark.parametrize(
    "given",
    ["host:0", "host:70000", "host:nine", "host:\N{ARABIC-INDIC DIGIT THREE}", "", "9000", "::1", "[::1", "a b"],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="expected HOST:PORT with a port from 1 to 65535"):
        split_address(given, port=9000)


def test_osc_sends_a_float_to_the_players_address() -> None:
    pytest.importorskip("poise.mocap.osc", reason="needs the encoder of OSC")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        sink = OscSink(f"127.0.0.1:{receiver.getsockname()[1]}")

        sink.send(JUMP)
        sink.close()

        # OSC 1.0: address and type tags end with a zero and are padded to four bytes; a float is big endian.
        assert receiver.recv(1000) == b"/poise/play/1/jump\0\0" + b",f\0\0" + b"\x3f\x80\x00\x00"


@pytest.mark.parametrize("host", ["a..b", "x" * 300])
def test_a_host_that_no_name_can_be_is_one_sentence(host: str) -> None:
    with pytest.raises(PoiseError, match=r"no such host \(no name has this form\)"):
        OscSink(f"{host}:9000")


def test_a_websocket_gives_actions_to_every_client_and_to_no_other_site() -> None:
    pytest.importorskip("websockets", reason="needs the extra server")
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    from poise.play.websocket import WebSocketSink

    sink = WebSocketSink(0)
    try:
        with (
            connect(sink.address, proxy=None) as one,
            connect(sink.address, origin="http://localhost:8080", proxy=None) as two,
        ):
            assert [json.loads(client.recv(10)) for client in (one, two)] == [{"ready": True}] * 2
            sink.send(JUMP)
            assert json.loads(one.recv(10)) == json.loads(two.recv(10)) == JUMP.record()
        with pytest.raises(InvalidStatus, match="403"), connect(sink.address, origin="https://example.org", proxy=None):
            pass
        with pytest.raises(PoiseError, match="choose another port"):
            WebSocketSink(int(sink.address.rpartition(":")[2]))
    finally:
        sink.close()


def test_who_connects_to_a_socket_that_ends_is_told_goodbye() -> None:
    pytest.importorskip("websockets", reason="needs the extra server")
    from websockets.exceptions import ConnectionClosedOK
    from websockets.sync.client import connect

    from poise.play.websocket import WebSocketSink

    sink = WebSocketSink(0)
    with connect(sink.address, proxy=None) as client:
        assert json.loads(client.recv(10)) == {"ready": True}
        sink.send(JUMP)
        sink.close()
        assert json.loads(client.recv(10)) == JUMP.record()
        with pytest.raises(ConnectionClosedOK):
            client.recv(10)


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the user's, in which the command is called."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "own_keys.py").write_text(
        "class Keyboard:\n    seen = []\n    def send(self, action):\n        self.seen.append(action)\n"
        "class Nothing:\n    pass\n",
        encoding="utf-8",
    )  # fmt: skip
    (tmp_path / "own_broken.py").write_text("import nowhere_to_be_found\n", encoding="utf-8")
    (tmp_path / "own_syntax.py").write_text("x = 1\nclass X(:\n", encoding="utf-8")
    (tmp_path / "own_import.py").write_text("\nfrom os import nowhere_to_be_found\n", encoding="utf-8")
    (tmp_path / "own_failing.py").write_text(
        "class NoPad:\n    def __init__(self):\n        raise OSError('no pad')\n"
        "class Asks:\n    def __init__(self, pad): pass\n"
        "class Gone:\n    def send(self, action):\n        raise KeyError(action.name)\n"
        "    def close(self):\n        raise RuntimeError('already closed')\n",
        encoding="utf-8",
    )
    yield tmp_path
    for name in ("own_keys", "own_broken", "own_syntax", "own_import", "own_failing"):
        sys.modules.pop(name, None)


def test_a_class_of_ones_own_gets_the_actions(beside: Path) -> None:
    sink = load_sink("own_keys:Keyboard")

    sink.send(JUMP)
    sink.close()

    assert sys.modules["own_keys"].Keyboard.seen == [JUMP]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("own_keys", "expected MODULE:CLASS"),
        (".own_keys:Keyboard", "expected MODULE:CLASS"),
        ("own_keys.py:Keyboard", "no module named 'own_keys.py'"),
        ("own_keys:", "expected MODULE:CLASS"),
        ("own_kees:Keyboard", "no module named 'own_kees' here or among the installed ones"),
        ("own_keys:Keybord", "has no attribute 'Keybord'"),
        ("own_keys:Nothing", "Nothing has no method send(action)"),
        ("own_broken:Keyboard", "own_broken needs nowhere_to_be_found, which is not installed"),
    ],
)
def test_a_plug_in_that_cannot_be_used_says_why(beside: Path, name: str, words: str) -> None:
    with pytest.raises(ValueError, match="--sink") as error:
        load_sink(name)

    assert words in str(error.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("own_syntax:X", r"own_syntax cannot be imported at .*own_syntax\.py:2: SyntaxError: "),
        ("own_import:X", r"own_import cannot be imported at .*own_import\.py:2: ImportError: cannot import name"),
        ("own_failing:NoPad", r"NoPad\(\) fails at .*own_failing\.py:3: OSError: no pad"),
        ("own_failing:Asks", r"Asks\(\) fails: TypeError: .* missing 1 required positional argument: 'pad'"),
    ],
)
def test_a_plug_in_that_fails_is_told_with_its_line(beside: Path, name: str, words: str) -> None:
    with pytest.raises(PoiseError, match=f"^--sink {name}: {words}"):
        load_sink(name)


def test_a_plug_in_that_fails_later_is_told_with_its_line(beside: Path) -> None:
    sink = load_sink("own_failing:Gone")

    with pytest.raises(PoiseError, match=r"^--sink own_failing:Gone: send\(action\) fails at .*:8: KeyError: 'jump'"):
        sink.send(JUMP)
    with pytest.raises(PoiseError, match=r"^--sink own_failing:Gone: close\(\) fails at .*:10: RuntimeError: already"):
        sink.close()

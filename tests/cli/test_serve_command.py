"""``poise serve``: one line with the address, signals that end it well, and no doors open by accident."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from poise import samples
from poise.cli import main

pytest.importorskip("fastapi", reason="needs the extra server")
pytest.importorskip("uvicorn", reason="needs the extra server")


@contextmanager
def process(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command; gives the process and the address that it printed."""
    begun = subprocess.Popen(
        [sys.executable, "-m", "poise", "serve", "--port", "0", "--threads", "1", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "POISE_TOKEN": ""},
    )  # fmt: skip
    try:
        assert begun.stdout is not None
        yield begun, begun.stdout.readline().strip()
    finally:
        if begun.poll() is None:
            begun.kill()
        begun.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_exit_code_0_after_what_runs(number: signal.Signals) -> None:
    with process() as (running, address):
        assert address.startswith("http://127.0.0.1:")
        answers: list[dict] = []

        def ask() -> None:
            body = Path(samples.runner).read_bytes()
            request = urllib.request.Request(f"{address}/predict?model=body", data=body)
            with urllib.request.urlopen(request, timeout=60) as answer:
                answers.append(json.load(answer))

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.2)
        running.send_signal(number)
        asking.join(60)
        out, err = running.communicate(timeout=60)

    assert running.returncode == 0
    assert len(answers[0]["instances"]) > 0
    assert (out, err) == ("", "")


def test_it_tells_a_live_client_and_removes_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = pytest.importorskip("websockets.sync.client").connect
    closed = pytest.importorskip("websockets.exceptions").ConnectionClosed
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with process() as (running, address), connect(address.replace("http", "ws") + "/stream") as socket:
        socket.send('{"type": "settings"}')
        assert json.loads(socket.recv(timeout=60))["type"] == "ready"
        body = Path(samples.clip).read_bytes()
        with urllib.request.urlopen(urllib.request.Request(f"{address}/video", data=body), timeout=60) as answer:
            assert answer.status == 202
        assert [path.name.startswith("poise-serve-") for path in tmp_path.iterdir()] == [True]
        running.send_signal(signal.SIGTERM)
        assert "is being stopped" in json.loads(socket.recv(timeout=60))["error"]
        with pytest.raises(closed):
            socket.recv(timeout=60)
        assert running.wait(60) == 0

    assert list(tmp_path.iterdir()) == []


def test_an_own_network_is_offered_by_its_files_name(tmp_path: Path) -> None:
    file = Path(__file__).parents[1] / "assets/networks/simcc.onnx"
    with process("--model", "body-fast", str(file)) as (_, address):
        rows = json.load(urllib.request.urlopen(f"{address}/models", timeout=60))

    assert [row["name"] for row in rows] == ["body-fast", "simcc.onnx"]
    assert str(file.parent) not in json.dumps(rows)


def test_another_address_needs_a_token_or_the_word_that_there_is_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POISE_TOKEN", raising=False)

    assert main(["serve", "--host", "0.0.0.0"]) == 2
    said = capsys.readouterr().err
    # Hexadecimal: a token that begins with a dash would be read as another option.
    assert re.search("--host 0.0.0.0 lets other machines ask: give --token [0-9a-f]{24} ", said)
    assert "--no-token to let everybody" in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--token", "long-enough", "--no-token"], 2, "--token and --no-token exclude each other"),
        (["--token", "short"], 2, "the token must have 8 characters or more"),
        (["--port", "70000"], 2, "--port must be from 0 to 65535, got 70000"),
        (["--model", "bodi", "--port", "0"], 1, "did you mean 'body'?"),
        (["--cors", "example.org"], 2, "'example.org' is no origin of a site"),
        (["--workers", "0"], 2, "workers must be a whole number from 1, got 0"),
        (["--host", "192.0.2.1", "--no-token", "--port", "0"], 1, "192.0.2.1:0: cannot listen there"),
        (["--record", __file__, "--port", "0"], 1, "is a file that exists already"),
    ],
)
def test_what_is_wrong_is_told_before_it_begins(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POISE_TOKEN", raising=False)

    assert main(["serve", *words]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("module", ["fastapi", "uvicorn", "websockets", "python_multipart"])
def test_a_missing_extra_is_one_sentence(
    module: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)

    assert main(["serve"]) == 1
    assert f"poise serve needs {module}; run: pip install" in capsys.readouterr().err


def test_a_taken_port_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 1

    said = capsys.readouterr().err
    assert f"127.0.0.1:{port}: cannot listen there ({os.strerror(errno.EADDRINUSE)}); choose another" in said
